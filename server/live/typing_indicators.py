"""Who is typing on which sockets, in memory.

A client that goes away, or forgets to say that its user has stopped, must not be shown as typing
for ever: each indicator holds for a few seconds. A user with several sockets is typing as long as
one of them is. What a user types on another node of a cluster counts as one more socket.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from server.api.records import User

Expired = Callable[[str, User, str], object]


class TypingIndicators:
    """The sockets that are typing, by project.

    `duration` is in seconds. `expired(socket_id, user, project_id)` is called when it has passed
    and the user types on no other socket.
    """

    __slots__ = ("_counts", "_duration", "_expired", "_timers")

    def __init__(self, duration: float, expired: Expired) -> None:
        self._duration = duration
        self._expired = expired
        self._timers: dict[str, dict[str, tuple[asyncio.TimerHandle, User]]] = {}
        self._counts: Counter[tuple[str, User]] = Counter()

    def start(self, socket_id: str, user: User, project_id: str) -> None:
        """Count the socket as typing, for `duration` from now on."""
        timers = self._timers.setdefault(socket_id, {})
        if project_id in timers:
            timers[project_id][0].cancel()
        else:
            self._counts[project_id, user] += 1
        timer = asyncio.get_running_loop().call_later(
            self._duration, self._expire, socket_id, project_id
        )
        timers[project_id] = (timer, user)

    def stop(self, socket_id: str, project_id: str) -> User | None:
        """Count the socket as not typing. Return the user, or None if another socket of the user is
        typing.
        """
        timers = self._timers.get(socket_id, {})
        if project_id not in timers:
            return None
        timer, user = timers.pop(project_id)
        timer.cancel()
        if not timers:
            del self._timers[socket_id]
        self._counts[project_id, user] -= 1
        if self._counts[project_id, user]:
            return None
        del self._counts[project_id, user]
        return user

    def projects(self, socket_id: str) -> list[str]:
        """Return the ids of the projects in which the socket is typing."""
        return list(self._timers.get(socket_id, ()))

    def _expire(self, socket_id: str, project_id: str) -> None:
        user = self.stop(socket_id, project_id)
        if user is not None:
            self._expired(socket_id, user, project_id)
