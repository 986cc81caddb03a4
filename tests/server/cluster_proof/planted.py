"""A server that is broken on purpose, to see that the proof finds it.

Usage: python -m tests.server.cluster_proof.planted FAULT [FLAG ...]
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from typing import Any

from server.__main__ import main
from server.api.services import Call
from server.live.cluster_presence import ClusterPresence
from server.locks import shared_locks
from server.store import people_chat, postgres_locks

RARELY = 5
"""A fault happens once in so many times, in each worker."""


def sometimes() -> Callable[[], bool]:
    """Return a function that returns True each `RARELY`th time."""
    calls = itertools.count(1)
    return lambda: next(calls) % RARELY == 0


def two_holders() -> None:
    """Give locks that others hold."""
    real, is_now = postgres_locks.of_file, sometimes()
    postgres_locks.of_file = lambda *given: [] if is_now() else real(*given)


def any_token() -> None:
    """Take what is written with the token of a lock that is gone."""
    shared_locks.check_token = lambda *_: None  # type: ignore[attr-defined]


def lost_message() -> None:
    """Acknowledge messages that are not kept."""
    real, is_now = people_chat.add, sometimes()

    def add(connection: Any, message: Any, key: str | None) -> people_chat.Said:
        return people_chat.Said(message, True) if is_now() else real(connection, message, key)

    people_chat.add = add


def told_twice() -> None:
    """Tell some things twice."""
    real, is_now = Call.tell_others, sometimes()

    def tell_others(call: Any, *given: Any, **named: Any) -> None:
        for _ in range(2 if is_now() else 1):
            real(call, *given, **named)

    setattr(Call, "tell_others", tell_others)  # noqa: B010


def no_resync() -> None:
    """Do not tell clients that they may have missed something."""

    async def look_again(_self: ClusterPresence) -> None:
        return

    setattr(ClusterPresence, "_look_again", look_again)  # noqa: B010


FAULTS: dict[str, Callable[[], None]] = {
    "two-holders": two_holders,
    "any-token": any_token,
    "lost-message": lost_message,
    "told-twice": told_twice,
    "no-resync": no_resync,
}

FOUND_BY: dict[str, tuple[str, float]] = {
    "two-holders": ("a_worker_is_killed", 20.0),
    # For longer than lease and grace: others have the locks when PostgreSQL is back.
    "any-token": ("postgres_is_unreachable", 30.0),
    "lost-message": ("a_worker_is_killed", 20.0),
    "told-twice": ("a_worker_is_killed", 20.0),
    "no-resync": ("redis_is_unreachable", 20.0),
}
"""What is done to find each, and for how many seconds."""

if __name__ == "__main__":
    FAULTS[sys.argv.pop(1)]()
    sys.exit(main())
