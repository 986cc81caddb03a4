"""Connections that have not joined a namespace yet, and the one deadline for all of them.

Each must join one within the same time, so they expire in the order in which they came: a
dictionary is all the queue that is needed. A client that joins at once, as nearly every one does,
takes no place in the server's heap of deadlines.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from engineio_min.protocol.deadlines import NEVER

if TYPE_CHECKING:
    from engineio_min.server import Server as Engine


class Closable(Protocol):
    """A connection that is to join a namespace in time."""

    def close(self) -> None:
        """Close the connection."""


class ConnectDeadlines:
    """The clients of a server that have joined nothing, the oldest first.

    `timeout` is in seconds, and so are the times of the event loop's clock.
    """

    __slots__ = ("_deadlines", "_engine", "_timeout", "deadline")

    def __init__(self, engine: Engine, timeout: float) -> None:
        self._engine = engine
        self._timeout = timeout
        self._deadlines: dict[Closable, float] = {}
        self.deadline = NEVER

    def add(self, connection: Closable, now: float) -> None:
        """Watch a client that has come."""
        self._deadlines[connection] = now + self._timeout
        if self.deadline == NEVER:
            self.deadline = now + self._timeout
            self._engine.timer.watch(self)

    def discard(self, connection: Closable) -> None:
        """Forget a client that has joined a namespace, or gone."""
        # The deadline stays as it is and may be too early: one look in vain costs less than having
        # the timer watch and forget for every single client.
        self._deadlines.pop(connection, None)

    def stop(self) -> None:
        """Stop watching: every client has gone."""
        if self.deadline != NEVER:
            self.deadline = NEVER
            self._engine.timer.forget(self)

    async def newcomers_join(self, deadline: float) -> None:
        """Wait until each client has joined and heard of it, at most until the time `deadline`.

        New clients go to other servers meanwhile, so the wait ends. A client that has heard that it
        joined will reconnect elsewhere without an error.
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
        """Close the connections whose time is over."""
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
