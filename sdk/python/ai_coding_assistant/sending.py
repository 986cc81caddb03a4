"""Sending events, no faster than the server takes them, and waiting for acknowledgements."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from typing import Any, Final

from ai_coding_assistant.due import Due
from ai_coding_assistant.errors import SDKError, Unreachable, result_of
from ai_coding_assistant.pace import Pace
from ai_coding_assistant.signatures import Payload
from socketio_min import AcknowledgementTimeout, Client, Disconnected

logger = logging.getLogger("ai_coding_assistant")

ANSWER_TIMEOUT: Final = 20.0
"""Seconds until an acknowledgement is given up."""


class Sending:
    """The events that one client sends, each in its turn."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._pace = Pace()
        self._due = Due(self._ping, self._slow_down)
        self._pings: set[asyncio.Task[None]] = set()

    def emit(self, event: str, payload: Payload) -> None:
        """Send an event without waiting for its acknowledgement."""
        if self._pace.take():
            self._client.emit(event, payload)
        else:
            self._pace.turn().add_done_callback(partial(self._emit_in_turn, event, payload))

    def _emit_in_turn(self, event: str, payload: Payload, turn: asyncio.Future[None]) -> None:
        if turn.exception() is None:
            self._client.emit(event, payload)

    async def call(self, event: str, payload: Payload) -> dict[str, Any]:
        """Send an event and wait for its acknowledgement. Return what it says beside `ok`.

        Raises:
            Refused: the server refused it, or dropped it (`RATE_LIMIT_EXCEEDED`).
            Unreachable: the connection was lost, or there is no answer.
        """
        if not self._pace.take():
            await self._pace.turn()
        try:
            async with self._due.acknowledgement():
                answer = await self._client.call(event, payload, timeout=ANSWER_TIMEOUT)
        except (AcknowledgementTimeout, Disconnected) as error:
            raise Unreachable(f"{event} was not acknowledged: {error}") from error
        return result_of(answer)

    async def settled(self) -> None:
        """Wait until no acknowledgement is due."""
        await self._due.settled()

    def limited(self, retry_after: float) -> None:
        """Take note that the server dropped an event, and takes the next in so many seconds."""
        logger.warning("the server drops what comes too fast: going on more slowly")
        self._due.limited(retry_after)

    def close(self) -> None:
        """Send nothing of what waits for its turn."""
        self._pace.close()
        self._due.close()

    def _slow_down(self, retry_after: float) -> None:
        self._pace.slow_down(retry_after)

    def _ping(self) -> bool:
        if not self._client.connected:
            return False
        task = asyncio.get_running_loop().create_task(self._pinged())
        self._pings.add(task)
        task.add_done_callback(self._pings.discard)
        return True

    async def _pinged(self) -> None:
        with contextlib.suppress(SDKError):
            await self.call("test:ping", {})
