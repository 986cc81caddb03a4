"""What a server offers, found out before the cases run.

A server may be configured not to offer a transport, and then the cases about it cannot apply. They
are reported as not run with what the server said, and the run is incomplete unless the user has
declared that it is meant so: a server whose WebSockets are all broken must not pass for one that
has none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

# The two servers, by what they are called in a URL.
ENGINE, SOCKET = "engine", "socket"


class Feature(Enum):
    """What cases may need besides a server that answers."""

    POLLING = "polling"
    WEBSOCKET = "websocket"
    UPGRADE = "upgrade"
    CORS = "cors"
    MAX_PAYLOAD = "maxPayload"
    HANDLERS = "handlers"


# What a user may declare to be missing on purpose: what the protocol and the servers leave to them.
OPTIONAL = (Feature.POLLING, Feature.WEBSOCKET, Feature.UPGRADE, Feature.CORS)


@dataclass(frozen=True, slots=True)
class Timings:
    """What a server's handshake tells: seconds and bytes."""

    ping_interval: float
    ping_timeout: float
    max_payload: int


@dataclass(slots=True)
class Offer:
    """One of the two servers: its timings, and why it lacks what it lacks.

    recovers: whether it has connection state recovery: CONNECT carries a pid, and each event that
    needs no acknowledgement ends with an offset. slow: why its pings are too fast for the way to
    it, or nothing.
    """

    timings: Timings
    lacks: dict[Feature, str] = field(default_factory=dict)
    recovers: bool = False
    slow: str = ""
