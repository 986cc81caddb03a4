"""What a server offers, found out before the cases run.

A server may be configured without a transport, and then the cases about that transport cannot
apply. They are reported as not run, with the server's answer. Unless the user has declared that the
transport is missing on purpose, the run is incomplete: a server whose WebSockets are all broken
must not pass for one that has none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

# The two servers, by what they are called in a URL.
ENGINE, SOCKET = "engine", "socket"


class Feature(Enum):
    """A feature that some cases need and a server may lack."""

    POLLING = "polling"
    WEBSOCKET = "websocket"
    UPGRADE = "upgrade"
    CORS = "cors"
    MAX_PAYLOAD = "maxPayload"
    HANDLERS = "handlers"


# The features that a user may declare to be missing on purpose: the protocol does not require them.
OPTIONAL = (Feature.POLLING, Feature.WEBSOCKET, Feature.UPGRADE, Feature.CORS)


@dataclass(frozen=True, slots=True)
class Timings:
    """The numbers of a server's handshake: times in seconds, the payload in bytes."""

    ping_interval: float
    ping_timeout: float
    max_payload: int


@dataclass(slots=True)
class Offer:
    """What one of the two servers offers.

    lacks: for each feature that is missing, the reason in words. recovers: whether the server has
    connection state recovery: CONNECT carries a pid, and each event that asks for no
    acknowledgement ends with an offset. slow: a warning that the server answers too slowly for its
    ping timeout, or "".
    """

    timings: Timings
    lacks: dict[Feature, str] = field(default_factory=dict)
    recovers: bool = False
    slow: str = ""
