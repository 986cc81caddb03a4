"""Moves the clients of a server that is about to end to other servers; they miss nothing.

Clients are told one after the other. If all were told at once, all would come to the other servers
at once, and the clients there would have to wait. A client that understands `server:draining` waits
for its open acknowledgements and disconnects; the page and the SDKs connect again at once. Other
clients, such as the official one, are disconnected while they are owed nothing, and connect again
after their usual delay. Until then everything is served as always.

Rejected: disconnecting a client as soon as it is told, because what it sends in that moment is
lost; and letting all clients go by themselves, because a client that does not understand the event
would be cut off in the end with whatever it is doing.
"""

from __future__ import annotations

import asyncio
from typing import Final

from server.api.socket_announcements import ServerDraining
from socketio_min import Server
from socketio_min.server.connection import ServerConnection

SPREAD_SECONDS: Final = 8.0
"""Seconds within which all clients are told, if there are many."""
EACH_SECONDS: Final = 0.2
"""Seconds from telling one client to telling the next, if there are few."""
LEAVE_SECONDS: Final = 1.0
"""Seconds after which a client that was told is disconnected as soon as it is owed nothing."""
LONGEST_SECONDS: Final = 12.0
"""Seconds after which a client that was told is disconnected, however busy it is."""
_TICK_SECONDS: Final = 0.05


class Drain:
    """The clients of `io` on their way to other servers."""

    def __init__(self, io: Server) -> None:
        self._io = io
        # When each client was told, and when the next one may be, by the loop's clock.
        self._told: dict[ServerConnection, float] = {}
        self._next = 0.0

    async def run(self, seconds: float) -> None:
        """Move all clients, those that come meanwhile too. Return when all have gone, or after
        `seconds`.
        """
        loop = asyncio.get_running_loop()
        self._next = begun = loop.time()
        pause = min(EACH_SECONDS, SPREAD_SECONDS / max(1, len(self._io.connections)))
        while self._io.connections or self._io.engine.deciding:
            now = loop.time()
            if now >= begun + seconds:
                return
            self._tell_some(now, pause)
            for connection, told in self._told.items():
                if connection in self._io.connections and _must_go(connection, now - told):
                    connection.close()
            await asyncio.sleep(_TICK_SECONDS)

    def _tell_some(self, now: float, pause: float) -> None:
        """Tell as many clients as are due at the time `now`, with `pause` seconds between two."""
        for connection in [*self._io.connections]:
            if now < self._next:
                return
            socket = connection.peer.joined.get("/")
            # A client that has just come is told when it has joined the namespace.
            if socket is not None and connection not in self._told:
                self._told[connection] = now
                self._next += pause
                socket.emit(*ServerDraining().arguments())


def _must_go(connection: ServerConnection, seconds: float) -> bool:
    """Return whether to disconnect a client that was told so many seconds ago."""
    return seconds >= LONGEST_SECONDS or (seconds >= LEAVE_SECONDS and connection.is_idle)
