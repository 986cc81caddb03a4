"""The AI coding assistant's real-time server: the application on top of `socketio_min`.

Reading order: `settings`, `application`, then one event's way through `dispatch`, `api.registry`
and `events` (the table of all events) to a handler, such as those of `projects.files`, and on to
`store`, where its change is made durable: a method of `store.repositories` hands work to the
database's thread. What a handler may ask for is in `api.services`, what the server sends in
`api.announcements` and those of its name, and what it says about things in `api.records`.
"""
