"""The client, asynchronous and blocking.

What an application uses: `client`, `namespace`, `options`, for threads `blocking`, and for programs
of other clients `foreign_names`.
What one namespace sends and receives: `membership` (CONNECT and DISCONNECT) with `credentials` and
`intents`, `inbox` with `early_events` and `handler_calls`, `outbox` with `pending_acks`.
What carries the packets, and is made again when it is lost: `connection`, with `half_packets`.
"""

from socketio_min.client.client import Client

__all__ = ["Client"]
