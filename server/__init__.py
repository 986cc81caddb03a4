"""The AI coding assistant's real-time server: the application on top of `socketio_min`.

Reading order: `settings`, `application`, then one event's way through `dispatch`, `registry` and
`events` (the table of all events) to a handler, `files` for example, and on to `store`, where its
change is made durable. What a handler may ask for is in `services`, what the server sends in
`announcements` and those of its name, and what it says about things in `records`.
"""
