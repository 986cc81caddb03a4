"""Requests for exclusive locks that somebody else holds, in memory.

A request is open until the holder answers, for a minute at most. It ends earlier if the lock does,
if the holder's connection is lost, or if the asker's socket leaves the project. So an answer is
always about the very lock that was asked for, and the asker who gets it is connected.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from server.api.envelope import timestamp
from server.api.errors import Code, EventError
from server.api.records import LockOutcome, LockRequest, User
from server.store.lock_rules import Held

MAX_OF_USER: Final = 5
"""Requests of one user that may be open."""
MAX_OF_LOCK: Final = 10
"""Requests for one lock that may be open."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An open request of a socket for the lock of `token`."""

    id: str
    project_id: str
    user: User
    socket_id: str
    holder: User
    token: int
    asked_at: str
    seconds: float
    timer: asyncio.TimerHandle

    def record(self, path: str) -> LockRequest:
        """Return what clients see of the request, for the path that the file has now."""
        return LockRequest(
            id=self.id,
            project_id=self.project_id,
            file_path=path,
            user=self.user,
            holder=self.holder,
            asked_at=self.asked_at,
            seconds=self.seconds,
        )


class LockRequests:
    """The open requests of an application, each for `duration` seconds.

    `ended(asked, outcome)` is called for a request that ends without an answer.
    """

    __slots__ = ("_counts", "_duration", "_ended", "_of_socket", "_of_token", "_requests")

    def __init__(self, duration: float, ended: Callable[[Asked, LockOutcome], object]) -> None:
        self._duration = duration
        self._ended = ended
        self._requests: dict[str, Asked] = {}
        # The same requests by what may end them. A user and a lock have few.
        self._of_token: dict[int, dict[str, Asked]] = {}
        self._of_socket: dict[str, dict[str, Asked]] = {}
        self._counts: Counter[str] = Counter()

    def ask(self, held: Held, user: User, socket_id: str) -> tuple[Asked, bool]:
        """Ask for a lock. Return the request, and whether it is new: a socket that asks again gets
        the request that is open.

        Raises:
            EventError: there are too many (`RATE_LIMIT_EXCEEDED`).
        """
        of_lock = self._of_token.get(held.token, {})
        for one in of_lock.values():
            if one.socket_id == socket_id:
                return one, False
        if self._counts[user.id] >= MAX_OF_USER or len(of_lock) >= MAX_OF_LOCK:
            raise EventError(
                Code.RATE_LIMIT_EXCEEDED,
                f"you ask for {MAX_OF_USER} locks, or {MAX_OF_LOCK} others ask for this one, the "
                "most allowed: wait for an answer",
            )
        request_id = f"request-{secrets.token_hex(8)}"
        timer = asyncio.get_running_loop().call_later(
            self._duration, self._end_if_open, request_id, "expired"
        )
        asked = Asked(
            id=request_id,
            project_id=held.project_id,
            user=user,
            socket_id=socket_id,
            holder=held.user,
            token=held.token,
            asked_at=timestamp(),
            seconds=self._duration,
            timer=timer,
        )
        self._requests[request_id] = asked
        self._of_token.setdefault(asked.token, {})[request_id] = asked
        self._of_socket.setdefault(socket_id, {})[request_id] = asked
        self._counts[user.id] += 1
        return asked, True

    def has(self, request_id: str) -> bool:
        """Return whether a request is open."""
        return request_id in self._requests

    def find(self, project_id: str, request_id: str, user_id: str) -> Asked:
        """Return an open request, for its asker or the holder.

        Raises:
            EventError: there is none (`NOT_FOUND`).
        """
        asked = self._requests.get(request_id)
        if (
            asked is None
            or asked.project_id != project_id
            or user_id not in (asked.user.id, asked.holder.id)
        ):
            raise unknown(request_id)
        return asked

    def close(self, asked: Asked) -> None:
        """Close a request that was answered."""
        asked.timer.cancel()
        del self._requests[asked.id]
        _take_out(self._of_token, asked.token, asked.id)
        _take_out(self._of_socket, asked.socket_id, asked.id)
        self._counts[asked.user.id] -= 1
        if not self._counts[asked.user.id]:
            del self._counts[asked.user.id]

    def end(self, asked: Asked, outcome: LockOutcome) -> None:
        """End an open request without an answer."""
        self.close(asked)
        self._ended(asked, outcome)

    def lock_ended(self, held: Held) -> None:
        """End the requests for a lock that is gone, or whose holder is gone."""
        self.token_ended(held.token)

    def token_ended(self, token: int) -> None:
        """End the requests for the lock of a token."""
        self._end_all(self._of_token.get(token, {}).values())

    def leave(self, socket_id: str, project_id: str | None = None) -> None:
        """End the requests of a socket that leaves a project, or all projects."""
        own = self._of_socket.get(socket_id, {}).values()
        self._end_all(one for one in own if project_id in (None, one.project_id))

    def _end_all(self, ended: Iterable[Asked]) -> None:
        for one in list(ended):
            self.end(one, "ended")

    def _end_if_open(self, request_id: str, outcome: LockOutcome) -> None:
        asked = self._requests.get(request_id)
        if asked is not None:
            self.end(asked, outcome)


def unknown(request_id: str) -> EventError:
    """Return the error for a request that is not open, or that the user may not answer."""
    return EventError(
        Code.NOT_FOUND, f"request {request_id!r}: it has ended, or nobody asks you for this"
    )


_Key = TypeVar("_Key")


def _take_out(table: dict[_Key, dict[str, Asked]], key: _Key, request_id: str) -> None:
    del table[key][request_id]
    if not table[key]:
        del table[key]
