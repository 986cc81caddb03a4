"""Who is typing: `user:typing`, which ends by itself.

A client that goes away or forgets to say that it stopped must not be shown as typing for ever, so
each `isTyping: true` holds for a few seconds, and until the socket leaves the project or
disconnects. A user with several sockets is typing as long as one of them is.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from server.access import project_room, projects_of
from server.identity import User
from server.registry import Call
from socketio_min import Socket

Expired = Callable[[Socket, User, str], object]


class TypingIndicators:
    """The sockets that are typing, by project.

    `duration` is in seconds; `expired(socket, user, project_id)` is called when that has passed
    and the user is not typing any more.
    """

    __slots__ = ("_counts", "_duration", "_expired", "_timers")

    def __init__(self, duration: float, expired: Expired) -> None:
        self._duration = duration
        self._expired = expired
        self._timers: dict[str, dict[str, tuple[asyncio.TimerHandle, User]]] = {}
        self._counts: Counter[tuple[str, User]] = Counter()

    def start(self, socket: Socket, user: User, project_id: str) -> None:
        """The socket is typing, from now on for `duration`."""
        timers = self._timers.setdefault(socket.id, {})
        if project_id in timers:
            timers[project_id][0].cancel()
        else:
            self._counts[project_id, user] += 1
        timer = asyncio.get_running_loop().call_later(
            self._duration, self._expire, socket, project_id
        )
        timers[project_id] = (timer, user)

    def stop(self, socket: Socket, project_id: str) -> User | None:
        """The socket is not typing; returns the user if that ends it for all of their sockets."""
        timers = self._timers.get(socket.id, {})
        if project_id not in timers:
            return None
        timer, user = timers.pop(project_id)
        timer.cancel()
        if not timers:
            del self._timers[socket.id]
        self._counts[project_id, user] -= 1
        if self._counts[project_id, user]:
            return None
        del self._counts[project_id, user]
        return user

    def projects(self, socket: Socket) -> list[str]:
        """Where the socket is typing."""
        return list(self._timers.get(socket.id, ()))

    def _expire(self, socket: Socket, project_id: str) -> None:
        user = self.stop(socket, project_id)
        if user is not None:
            self._expired(socket, user, project_id)


def typing(call: Call) -> None:
    """Tell the others in the project, or without `projectId` in each of the socket's projects."""
    named = call.payload.get("projectId")
    for project_id in projects_of(call.socket.rooms) if named is None else [named]:
        if not call.payload["isTyping"]:
            stop_typing(call, project_id)
            continue
        call.application.typing.start(call.socket, call.user, project_id)
        data = typing_data(call.user, project_id, is_typing=True)
        call.tell_others(
            project_room(project_id), "user:typing", data, project_id=project_id, priority="low"
        )


def stop_typing(call: Call, project_id: str) -> None:
    """The event ends the socket's typing, and the others hear of it."""
    user = call.application.typing.stop(call.socket, project_id)
    if user is not None:
        data = typing_data(user, project_id, is_typing=False)
        call.tell_others(
            project_room(project_id), "user:typing", data, project_id=project_id, priority="low"
        )


def typing_data(user: User, project_id: str, *, is_typing: bool) -> dict[str, Any]:
    """The data of `user:typing`."""
    return {"user": user.data, "projectId": project_id, "isTyping": is_typing}
