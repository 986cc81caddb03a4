"""Which ends of sessions the log warns of: those that a peer has caused, with what it did.

Every end is a line at the level of debugging. A packet that cannot be read and a peer that takes
nothing are warnings too: a broken client or a network that is too slow is for somebody to mend.
"""

from __future__ import annotations

import logging
from typing import Final, Protocol

from engineio_min.protocol.deadlines import NEVER
from engineio_min.protocol.phases import Closed
from engineio_min.protocol.reasons import PARSE_ERROR, SLOW_CONSUMER
from engineio_min.protocol.session import Session
from engineio_min.request import Request

logger = logging.getLogger("engineio_min")

WARNED: Final = (PARSE_ERROR, SLOW_CONSUMER)
"""The reasons of the ends that are warnings."""


class Complaining(Protocol):
    """What can log a warning."""

    def complain(self, kind: str, message: str) -> None:
        """Log `message` as a warning, but of each kind only a bounded number."""


def log_end(
    server: Complaining, session: Session, request: Request, event: Closed, now: float
) -> None:
    """Log the end of a session whose handshake was `request`."""
    logger.debug("session closed: %s (%s)", event.reason, event.description)
    if event.reason not in WARNED:
        return
    behind = ""
    if event.reason == SLOW_CONSUMER and session.behind_since != NEVER:
        behind = f"; nothing was taken for {now - session.behind_since:.1f} seconds"
    server.complain(
        event.reason,
        f"closed the session of {request.client or 'a client'} over {session.transport}, "
        f"{event.reason}: {event.description}{behind}",
    )
