"""Many servers as one: an adapter connects each namespace of a server with the other servers.

The interface: `adapter`, with `status`, `remote_socket` and `recovery`.
In one process: `memory`; with recovery `recovery_memory`, of `recovery_log`, `recovery_rooms` and
`recovery_sessions`.
Of several servers: `cluster_adapter` with `gathering`, and the `messages` between the servers, with
`message_fields` and `values`.
What carries the messages: `redis`, or `worker_rooms` and `worker_wire` between the workers of one
machine.
"""
