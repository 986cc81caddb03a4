"""The deadlines of sockets: when a session expires, and until when a client must log in.

A session that has expired must also end for a client that only listens, or that client would hear
of its projects for ever. In AUTH_MODE "required" a client that has not logged in holds a connection
that others could use, so its time to log in is limited. A socket has one deadline or none,
depending on who it acts as.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from server.api.identity import identity_of
from socketio_min import Socket


class Deadlines:
    """The timers of all sockets.

    anonymous: the seconds that a client has to log in. clock: returns seconds since 1970.
    expired(socket): is called when the session is over. overdue(socket): is called when the time to
    log in is over.
    """

    __slots__ = ("_anonymous", "_clock", "_expired", "_overdue", "_timers")

    def __init__(
        self,
        anonymous: float,
        clock: Callable[[], float],
        expired: Callable[[Socket], object],
        overdue: Callable[[Socket], object],
    ) -> None:
        self._anonymous = anonymous
        self._clock = clock
        self._expired = expired
        self._overdue = overdue
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._timers)

    def set(self, socket: Socket) -> None:
        """Set the deadline of a socket that acts as somebody else from now on, or as nobody."""
        self.clear(socket)
        identity = identity_of(socket)
        if identity.user is None:
            self._call(socket, self._anonymous, self._overdue)
        elif identity.session_key is not None:
            # The wall clock may be set back meanwhile: a timer that comes too early is set again.
            left = identity.expires_at - self._clock()
            self._call(socket, left, self._expired if left <= 0 else self.set)

    def clear(self, socket: Socket) -> None:
        """Forget the socket's deadline."""
        timer = self._timers.pop(socket.id, None)
        if timer is not None:
            timer.cancel()

    def _call(self, socket: Socket, seconds: float, what: Callable[[Socket], object]) -> None:
        def end() -> None:
            del self._timers[socket.id]
            what(socket)

        loop = asyncio.get_running_loop()
        self._timers[socket.id] = loop.call_later(max(0.0, seconds), end)
