"""A client's upgrade: the WebSocket that asks to take the session over (Engine.IO v4, "Upgrade").

The candidate sends `2probe`; what comes back, and when polling is left, is the session's rule. Here
the WebSocket is opened beside polling, and closed if it is of no use.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from engineio_min.client.websocket import ClientWebSocket
from engineio_min.errors import ConnectionFailed
from engineio_min.protocol.client_session import ClientSession
from engineio_min.protocol.packets import PROBE_PING, Packet

Start = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class Upgrade:
    """The one attempt of a session to upgrade.

    `open_websocket()` opens a WebSocket, `write` sends packets on it, `start` runs a task of the
    session's. `candidate` is the WebSocket while it asks.
    """

    def __init__(
        self,
        session: ClientSession,
        open_websocket: Callable[[], Awaitable[ClientWebSocket]],
        write: Callable[[ClientWebSocket, list[Packet]], None],
        start: Start,
    ) -> None:
        self.candidate: ClientWebSocket | None = None
        self._session = session
        self._open_websocket = open_websocket
        self._write = write
        self._start = start
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Open a candidate and probe it."""
        self._task = self._start(self._probe())

    async def _probe(self) -> None:
        try:
            candidate = await self._open_websocket()
        except ConnectionFailed as error:
            self._session.abandon_upgrade(str(error))
            return
        self.candidate = candidate
        self._write(candidate, [PROBE_PING])
        candidate.start()

    def finish(self) -> ClientWebSocket | None:
        """Return the candidate, which carries the session from now on."""
        candidate, self.candidate = self.candidate, None
        return candidate

    def drop(self, close_timeout: float) -> None:
        """Give the candidate up; its server has `close_timeout` seconds to close it."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        candidate = self.finish()
        if candidate is not None:
            self._start(candidate.close(close_timeout))
