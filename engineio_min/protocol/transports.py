"""The table of transports: what each can do (Engine.IO v4, "Transports").

A rule asks what a transport can do, and never for its name: whoever adds one adds a row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

POLLING: Final = "polling"
WEBSOCKET: Final = "websocket"


class Transport(NamedTuple):
    """What one transport can do.

    `is_stream`: a packet is a frame of its own, and the peer takes it at any time, not in answer to
    a request. `upgrades_to`: the transports that may take a session over, the best first.
    """

    is_stream: bool
    upgrades_to: tuple[str, ...] = ()


TRANSPORTS: Final[Mapping[str, Transport]] = {
    POLLING: Transport(is_stream=False, upgrades_to=(WEBSOCKET,)),
    WEBSOCKET: Transport(is_stream=True),
}


def upgrades(transport: str, allowed: Collection[str]) -> list[str]:
    """Return which of the `allowed` transports may take over a session on `transport`."""
    return [name for name in TRANSPORTS[transport].upgrades_to if name in allowed]
