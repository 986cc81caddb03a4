"""Failed logins, by name and the network that they come from: after a few the next has to wait.

The wait doubles with each failure, and the count is forgotten after a quiet time. The attempts of a
name from a network are made one after the other, so that attempts at the same time count each
other's failures. Only the name and network that fail have to wait: other names behind the same
address or reverse proxy do not. The network is an IPv4 address, or the 64 bits of an IPv6 address
that its owner cannot choose.

Passwords are verified one at a time for a network, and networks take turns: each verification costs
a core and 64 MB for a moment, on purpose.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from engineio_min.limits.addresses import network_of
from server.api.rate_limit import too_early

FREE_FAILURES: Final = 5
"""Failures after which the next attempt still need not wait."""
LONGEST_WAIT: Final = 300.0
"""Seconds that an attempt has to wait at the most."""
QUIET: Final = 900.0
"""Seconds without a failure after which the count is forgotten."""
_MOST_SUBJECTS: Final = 10_000


def subject_of(address: str, username: str) -> str:
    """Return the key under which failures count together: a name and a network."""
    return f"{network_of(address)} {username}"


@dataclass(slots=True)
class _Failures:
    count: int
    last: float

    @property
    def wait(self) -> float:
        """Return the seconds from the last failure until the next attempt."""
        beyond = self.count - FREE_FAILURES
        return 0.0 if beyond < 0 else min(LONGEST_WAIT, float(2 ** min(beyond, 20)))


@dataclass(slots=True)
class _Turn:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class FailedLogins:
    """The failures of each subject, which is a name from a network. `clock` returns seconds."""

    __slots__ = ("_by_subject", "_clock", "_turns")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._by_subject: dict[str, _Failures] = {}
        self._clock = clock
        self._turns: dict[str, _Turn] = {}

    @asynccontextmanager
    async def turn(self, subject: str) -> AsyncIterator[None]:
        """Hold the subject's turn while an attempt is made. The next attempt waits.

        Raises:
            EventError: the subject has to wait longer (`RATE_LIMIT_EXCEEDED`).
        """
        turn = self._turns.setdefault(subject, _Turn())
        turn.users += 1
        try:
            async with turn.lock:
                self.check(subject)
                yield
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[subject]

    def check(self, subject: str) -> None:
        """Let an attempt be made.

        Raises:
            EventError: the subject has to wait (`RATE_LIMIT_EXCEEDED`).
        """
        failures = self._by_subject.get(subject)
        if failures is None:
            return
        passed = self._clock() - failures.last
        if passed >= QUIET:
            del self._by_subject[subject]
        elif passed < failures.wait:
            raise too_early(f"{failures.count} failed logins", failures.wait - passed)

    def failed(self, subject: str) -> None:
        """Count a failed attempt."""
        failures = self._by_subject.pop(subject, None) or _Failures(0, 0.0)
        failures.count += 1
        failures.last = self._clock()
        if len(self._by_subject) >= _MOST_SUBJECTS:
            del self._by_subject[next(iter(self._by_subject))]
        self._by_subject[subject] = failures
