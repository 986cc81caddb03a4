"""Failed logins, by the address that they come from: after a few of them the next has to wait.

The wait doubles with each failure, and the count is forgotten after a quiet time. The attempts of
an address are made one after the other: those that come at once know of each other's failures.
Behind a reverse proxy all clients have its address, so there they share the wait; the proxy is the
place to limit them one by one.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from server.api.errors import Code, EventError

FREE_FAILURES: Final = 5
LONGEST_WAIT: Final = 300.0
QUIET: Final = 900.0
_MOST_ADDRESSES: Final = 10_000


@dataclass(slots=True)
class _Failures:
    count: int
    last: float

    @property
    def wait(self) -> float:
        """Seconds from the last failure until the next attempt."""
        beyond = self.count - FREE_FAILURES
        return 0.0 if beyond < 0 else min(LONGEST_WAIT, float(2 ** min(beyond, 20)))


@dataclass(slots=True)
class _Turn:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class FailedAttempts:
    """The failures of each address; `clock` returns seconds."""

    __slots__ = ("_by_address", "_clock", "_turns")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._by_address: dict[str, _Failures] = {}
        self._clock = clock
        self._turns: dict[str, _Turn] = {}

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """While an attempt of this address is made; the next one waits.

        Raises:
            EventError: the address has to wait longer (`RATE_LIMIT_EXCEEDED`).
        """
        turn = self._turns.setdefault(address, _Turn())
        turn.users += 1
        try:
            async with turn.lock:
                self.check(address)
                yield
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[address]

    def check(self, address: str) -> None:
        """Let an attempt pass.

        Raises:
            EventError: the address has to wait (`RATE_LIMIT_EXCEEDED`).
        """
        failures = self._by_address.get(address)
        if failures is None:
            return
        passed = self._clock() - failures.last
        if passed >= QUIET:
            del self._by_address[address]
        elif passed < failures.wait:
            # Rounded up: who waits that long is not too early, and it is never 0.
            wait = math.ceil((failures.wait - passed) * 1_000) / 1_000
            raise EventError(
                Code.RATE_LIMIT_EXCEEDED,
                f"{failures.count} failed logins: try again in {wait:g} seconds",
                {"retryAfter": wait},
            )

    def failed(self, address: str) -> None:
        """An attempt has failed."""
        failures = self._by_address.pop(address, None) or _Failures(0, 0.0)
        failures.count += 1
        failures.last = self._clock()
        if len(self._by_address) >= _MOST_ADDRESSES:
            del self._by_address[next(iter(self._by_address))]
        self._by_address[address] = failures
