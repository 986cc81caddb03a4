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

from server.access import project_room
from server.identity import User
from server.projects import projects_of
from server.registry import Call
from socketio_min import Socket

Ended = Callable[[Socket, User, str], None]


class TypingIndicators:
    """The sockets that are typing, by project.

    `duration` is in seconds; `ended(socket, user, project_id)` is called when a user is not typing
    any more.
    """

    __slots__ = ("_counts", "_duration", "_ended", "_timers")

    def __init__(self, duration: float, ended: Ended) -> None:
        self._duration = duration
        self._ended = ended
        self._timers: dict[str, dict[str, asyncio.TimerHandle]] = {}
        self._counts: Counter[tuple[str, User]] = Counter()

    def start(self, socket: Socket, user: User, project_id: str) -> None:
        """The socket is typing, from now on for `duration`."""
        timers = self._timers.setdefault(socket.id, {})
        timer = timers.get(project_id)
        if timer is None:
            self._counts[project_id, user] += 1
        else:
            timer.cancel()
        timers[project_id] = asyncio.get_running_loop().call_later(
            self._duration, self.stop, socket, user, project_id
        )

    def stop(self, socket: Socket, user: User, project_id: str) -> None:
        """The socket is not typing; does nothing if it was not."""
        timers = self._timers.get(socket.id, {})
        timer = timers.pop(project_id, None)
        if timer is None:
            return
        timer.cancel()
        if not timers:
            del self._timers[socket.id]
        self._counts[project_id, user] -= 1
        if not self._counts[project_id, user]:
            del self._counts[project_id, user]
            self._ended(socket, user, project_id)

    def stop_all(self, socket: Socket, user: User) -> None:
        """The socket is typing nowhere."""
        for project_id in list(self._timers.get(socket.id, ())):
            self.stop(socket, user, project_id)

    def close(self) -> None:
        """Forget everything; nothing is announced."""
        for timers in self._timers.values():
            for timer in timers.values():
                timer.cancel()
        self._timers.clear()
        self._counts.clear()


def typing(call: Call) -> None:
    """Tell the others in the project, or without `projectId` in each of the socket's projects."""
    named = call.payload.get("projectId")
    indicators = call.application.typing
    for project_id in projects_of(call.socket) if named is None else [named]:
        if not call.payload["isTyping"]:
            indicators.stop(call.socket, call.user, project_id)
            continue
        indicators.start(call.socket, call.user, project_id)
        data = typing_data(call.user, project_id, is_typing=True)
        call.tell_others(
            project_room(project_id), "user:typing", data, project_id=project_id, priority="low"
        )


def typing_data(user: User, project_id: str, *, is_typing: bool) -> dict[str, Any]:
    """The data of `user:typing`."""
    return {"user": user.data, "projectId": project_id, "isTyping": is_typing}
