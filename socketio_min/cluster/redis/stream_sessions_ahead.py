"""Writes the sessions of connected clients to Redis ahead, because a server that is killed writes
nothing.

A session is written when its client was told its private id, once in each turn of the event loop in
which its rooms have changed, and again before it expires. So the session outlives its server for a
while, and the client can come back on another server, with the `data` of the last writing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice

from socketio_min.cluster.adapter import Recoverable
from socketio_min.cluster.recovery import Session

# How often due sessions are looked for between two writings of one session; each time a share of
# all sessions is written.
LOOKS = 200


class SessionsAhead:
    """The clients of one namespace on one server; `write` puts a session into Redis.

    interval: seconds between two writings of a session.
    """

    def __init__(self, write: Callable[[Session], None], interval: float) -> None:
        self._write = write
        self._interval = interval
        self._sockets: dict[str, Recoverable] = {}
        self._changed: set[str] = set()
        # When the session of each socket is written again, the first one first.
        self._due: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, socket: Recoverable) -> None:
        """Write the session of a socket from now on."""
        self._sockets[socket.id] = socket
        self.note(socket.id)

    def note(self, socket_id: str) -> None:
        """Note that the rooms of a socket have changed, if its session is written."""
        if socket_id in self._sockets:
            if not self._changed:
                asyncio.get_running_loop().call_soon(self._flush)
            self._changed.add(socket_id)

    def end(self, socket_id: str) -> Recoverable | None:
        """Write the session of a socket no more. Return the socket if its session was written."""
        self._due.pop(socket_id, None)
        return self._sockets.pop(socket_id, None)

    def all_due(self) -> None:
        """Write all sessions again, by and by: Redis was away."""
        self._due = dict.fromkeys(self._due, 0.0)

    def close(self) -> None:
        """Write nothing more."""
        self._sockets.clear()
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _flush(self) -> None:
        changed, self._changed = self._changed, set()
        for socket_id in changed:
            self._put(socket_id)

    def _put(self, socket_id: str) -> None:
        socket = self._sockets.get(socket_id)
        if socket is None:
            return
        loop = asyncio.get_running_loop()
        self._due.pop(socket_id, None)
        self._due[socket_id] = loop.time() + self._interval
        self._write(socket.session)
        self._look_later(loop)

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._due and self._timer is None:
            self._timer = loop.call_later(self._interval / LOOKS, self._look)

    def _look(self) -> None:
        """Write what is due, at most twice the share of one look."""
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        share = len(self._due) * 2 // LOOKS + 1
        for socket_id in [one for one, due in islice(self._due.items(), share) if due <= now]:
            self._put(socket_id)
        self._look_later(loop)
