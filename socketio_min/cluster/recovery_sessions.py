"""Sessions whose clients are away, until the clients come back or the time of a session has passed.

All sessions have the same time, so they expire in the order in which they came, and a dictionary is
all the queue that is needed. It is an `OrderedDict`, because a plain dictionary searches for its
first item among the places of all items that were removed.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, NamedTuple, TypeVar

from engineio_min.protocol.deadlines import NEVER

Kept = TypeVar("Kept")


class _Waiting(NamedTuple, Generic[Kept]):
    deadline: float
    session: Kept


class SessionStore(Generic[Kept]):
    """Sessions by their private ids, for `duration` seconds each and at most `limit` of them."""

    __slots__ = ("_duration", "_limit", "_sessions")

    def __init__(self, duration: float, limit: int) -> None:
        self._duration = duration
        self._limit = limit
        self._sessions: OrderedDict[str, _Waiting[Kept]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many sessions wait."""
        return len(self._sessions)

    def put(self, pid: str, session: Kept, now: float) -> Kept | None:
        """Keep a session. Return the session that has waited longest if it must make room, else
        None.
        """
        self._sessions.pop(pid, None)
        self._sessions[pid] = _Waiting(now + self._duration, session)
        if len(self._sessions) <= self._limit:
            return None
        return self._sessions.popitem(last=False)[1].session

    def get(self, pid: str, now: float) -> Kept | None:
        """Return the session of that private id, None if there is none or its time has passed."""
        waiting = self._sessions.get(pid)
        return None if waiting is None or waiting.deadline <= now else waiting.session

    def remove(self, pid: str) -> None:
        """Keep the session of that private id no longer: a private id is good for one return."""
        del self._sessions[pid]

    def take_expired(self, now: float) -> list[Kept]:
        """Return the sessions whose time has passed, and keep them no longer."""
        expired = []
        while self._sessions and self.deadline <= now:
            expired.append(self._sessions.popitem(last=False)[1].session)
        return expired

    def take_all(self) -> list[Kept]:
        """Return all sessions, and keep none."""
        return self.take_expired(NEVER)

    @property
    def deadline(self) -> float:
        """Return when the next session expires."""
        for waiting in self._sessions.values():
            return waiting.deadline
        return NEVER
