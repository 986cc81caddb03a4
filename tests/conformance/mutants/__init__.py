"""The mutants: what authors of servers get wrong, one fault each, and the cases that must see it.

By area, like the cases. Importing this package registers them all.
"""

from tests.conformance.mutants import (
    acknowledgements,
    binary,
    closing,
    connecting,
    cors,
    events,
    falling,
    frames,
    handshake,
    heartbeat,
    http,
    limits,
    malformed,
    namespaces,
    overlaps,
    polling,
    upgrade,
    websocket,
)

__all__ = [
    "acknowledgements",
    "binary",
    "closing",
    "connecting",
    "cors",
    "events",
    "falling",
    "frames",
    "handshake",
    "heartbeat",
    "http",
    "limits",
    "malformed",
    "namespaces",
    "overlaps",
    "polling",
    "upgrade",
    "websocket",
]
