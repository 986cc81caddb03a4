"""The server: namespaces, sockets, and the connection of each client.

What an application uses: `server`, `namespace`, `dynamic`, `socket`, `operators`, `registration`,
`options`, `limits`, and for programs of other servers `foreign_names`.
What a packet causes: `connection` acts on it, or `joining` (CONNECT), `leaving` (DISCONNECT),
`filtering` and `answering` (an event), `asking` (an acknowledgement). `connection_host` is what all
these may ask of the server, `handler_tasks` are the handlers in flight.
What a client may cost: `gate` and `rate_limits`, `byte_meter` and `metered_intake`, `large_message`
and `large_message_queue`, `half_packets`, `connect_deadlines`; who breaks a rule: `breaches`.
Clients that come back: `recoveries`, `recoverable_socket`. Other servers: `cluster_membership`.
"""

from socketio_min.server.server import Server

__all__ = ["Server"]
