"""Connections that have not joined a namespace yet, and the one deadline for all of them: a
connection on which no CONNECT is accepted in time is closed (the official server's
`connectTimeout`).

All have the same time, so their deadlines pass in the order in which they came: a dictionary is all
the queue that is needed. A client that joins at once, as nearly every client does, takes no place
in the server's heap of deadlines.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from engineio_min.protocol.deadlines import NEVER

if TYPE_CHECKING:
    from engineio_min.server import Server as Engine


class Closable(Protocol):
    """A connection that has to join a namespace in time."""

    def close(self) -> None:
        """Close the connection."""


class ConnectDeadlines:
    """The connections of a server that have not joined a namespace, the oldest first.

    `timeout` is in seconds; all times are those of the event loop's clock.
    """

    __slots__ = ("_deadlines", "_engine", "_timeout", "deadline")

    def __init__(self, engine: Engine, timeout: float) -> None:
        self._engine = engine
        self._timeout = timeout
        self._deadlines: dict[Closable, float] = {}
        self.deadline = NEVER

    def add(self, connection: Closable, now: float) -> None:
        """Watch a new connection."""
        self._deadlines[connection] = now + self._timeout
        if self.deadline == NEVER:
            self.deadline = now + self._timeout
            self._engine.timer.watch(self)

    def discard(self, connection: Closable) -> None:
        """Forget a connection that has joined a namespace, or has ended."""
        # The deadline stays as it is and may be too early: to look once in vain costs less than to
        # have the timer watch and forget for every single connection.
        self._deadlines.pop(connection, None)

    def stop(self) -> None:
        """Stop watching: no connection is left."""
        if self.deadline != NEVER:
            self.deadline = NEVER
            self._engine.timer.forget(self)

    async def newcomers_join(self, deadline: float) -> None:
        """Wait until each client has joined a namespace and was told so, or the time is `deadline`.

        New clients go to other servers meanwhile, so the wait ends. A client that was told will
        reconnect to another server without an error.
        """
        loop = asyncio.get_running_loop()
        while self._is_awaited() and loop.time() < deadline:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.02)

    def _is_awaited(self) -> bool:
        """Return whether a client has yet to join, or to fetch what it was sent."""
        engine = self._engine
        return (
            engine.deciding > 0
            or len(self._deadlines) > 0
            or not all(one.session.idle for one in engine.sessions.values())
        )

    def handle_timeout(self, now: float) -> None:
        """Close the connections whose time has passed."""
        late = []
        self.deadline = NEVER
        for connection, deadline in self._deadlines.items():
            if deadline > now:
                self.deadline = deadline
                break
            late.append(connection)
        for connection in late:
            del self._deadlines[connection]
            connection.close()
