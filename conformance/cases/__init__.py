"""The cases, by area. Importing this package registers all of them."""

from conformance.case import Case, registered
from conformance.cases import (
    acknowledgements,
    binary,
    candidates,
    closing,
    connect_refused,
    connecting,
    cors,
    endurance,
    events,
    frames,
    handshake,
    handshake_refused,
    heartbeat,
    http,
    limits,
    malformed,
    namespaces,
    overlaps,
    payloads,
    polling,
    polling_http,
    upgrade,
    upgraded,
    websocket,
)

__all__ = [
    "acknowledgements",
    "all_cases",
    "binary",
    "candidates",
    "closing",
    "connect_refused",
    "connecting",
    "cors",
    "endurance",
    "events",
    "frames",
    "handshake",
    "handshake_refused",
    "heartbeat",
    "http",
    "limits",
    "malformed",
    "namespaces",
    "overlaps",
    "payloads",
    "polling",
    "polling_http",
    "upgrade",
    "upgraded",
    "websocket",
]


def all_cases() -> list[Case]:
    """Return every case, in the order of the areas."""
    return registered()
