"""The AI coding assistant's real-time server: the application on top of `socketio_min`.

Reading order: `settings`, `application`, then one event's way through `dispatch`,
`registry` and `events` (the table of all events) to its handler: `rooms`, `projects`, `users`,
`typing_indicator`, `diagnostics`.
"""
