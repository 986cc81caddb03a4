"""Tickets with which a browser fetches a download over plain HTTP.

A socket that may see the project asks for a ticket. Whoever has the ticket may fetch that one
thing, once, within a minute. Rejected: a session's cookie, because the page has none and each tab
may be somebody else; a session's id in an address, because addresses end up in logs and histories.
"""

from __future__ import annotations

import contextlib
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from server.api.errors import Code, EventError

SECONDS: Final = 60.0
"""Seconds for which a ticket is good."""
MOST_OF_ONE: Final = 10
"""Tickets of one user that are not used yet; the oldest gives way."""
MOST: Final = 2_000
AT_ONCE_OF_ONE: Final = 2
"""Downloads of one user that are under way."""
AT_ONCE: Final = 8
"""Downloads of all users that are under way: each has a part of a file in memory, and a turn of a
thread now and then.
"""


class Ticket(NamedTuple):
    """What a ticket is good for: a file, a folder, or with the path "" the whole project."""

    user_id: str
    project_id: str
    path: str
    name: str
    is_file: bool


class Tickets:
    """The tickets of an application. `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        # The tickets by their secrets, with the time at which each ends; the oldest first.
        self._tickets: dict[str, tuple[float, Ticket]] = {}
        self._running: Counter[str] = Counter()

    def issue(self, ticket: Ticket) -> str:
        """Return the secret of a new ticket.

        Raises:
            EventError: there are too many (`RATE_LIMIT_EXCEEDED`).
        """
        self._sweep()
        own = [one for one, (_, other) in self._tickets.items() if other.user_id == ticket.user_id]
        if len(own) >= MOST_OF_ONE:
            del self._tickets[own[0]]
        if len(self._tickets) >= MOST:
            raise EventError(
                Code.RATE_LIMIT_EXCEEDED,
                "too many downloads are about to begin: try again in a minute",
                {"retryAfter": SECONDS},
            )
        secret = secrets.token_urlsafe(32)
        self.add(secret, ticket)
        return secret

    def add(self, secret: str, ticket: Ticket) -> None:
        """Add a ticket, which this node or another node of a cluster has issued."""
        if len(self._tickets) < 2 * MOST:
            self._tickets[secret] = (self._clock() + SECONDS, ticket)

    def redeem(self, secret: str) -> Ticket | None:
        """Take a ticket. Return None if it was used, is too old, or never was."""
        self._sweep()
        found = self._tickets.pop(secret, None)
        return None if found is None else found[1]

    def is_busy(self, user_id: str) -> bool:
        """Return whether the user, or all users, have as many downloads under way as they may."""
        return self._running[user_id] >= AT_ONCE_OF_ONE or self._running.total() >= AT_ONCE

    @contextlib.contextmanager
    def running(self, user_id: str) -> Iterator[None]:
        """Count a download as under way until the block ends."""
        self._running[user_id] += 1
        try:
            yield
        finally:
            self._running[user_id] -= 1
            if not self._running[user_id]:
                del self._running[user_id]

    def _sweep(self) -> None:
        now = self._clock()
        for secret, (end, _) in list(self._tickets.items()):
            if end > now:
                return
            del self._tickets[secret]
