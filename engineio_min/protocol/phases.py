"""What a session can be at either end, and what it tells its driver: its phases and its events.

A session lists what happens rarely in `events`; its driver reads them after every call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

# Phases of a session. Only a client's is "opening": a server's begins with its open packet.
OPENING, OPENED, CLOSING, CLOSED = "opening", "open", "closing", "closed"

# There is no upgrade under way.
IDLE = "idle"
# Phases of an upgrade at the server: a WebSocket is open but has said nothing; it has been probed.
CANDIDATE, PROBED = "candidate", "probed"
# Phases of an upgrade at the client: the candidate is being asked; polling is coming to its end.
PROBING, PAUSING = "probing", "pausing"


class Closed(NamedTuple):
    """The session is over; `reason` is one of those in `reasons.py`, `description` the detail for a
    log.
    """

    reason: str
    description: str


@dataclass(frozen=True, slots=True)
class Upgraded:
    """The session is carried by the WebSocket from now on."""


# -- at the server


@dataclass(frozen=True, slots=True)
class UpgradeExpired:
    """No upgrade within `upgrade_timeout`: the driver closes the candidate."""


@dataclass(frozen=True, slots=True)
class BacklogChanged:
    """`Session.held` has changed."""


Event = Closed | Upgraded | UpgradeExpired | BacklogChanged


# -- at the client


@dataclass(frozen=True, slots=True)
class Opened:
    """The handshake is done; `ClientSession.handshake` is there."""


@dataclass(frozen=True, slots=True)
class UpgradeAbandoned:
    """The upgrade will not happen: the driver closes the candidate and goes on polling."""

    description: str


ClientEvent = Opened | Upgraded | UpgradeAbandoned | Closed
