"""The assistant's answer to one message, collected from the events that it comes in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ai_coding_assistant.errors import Refused, Unreachable

OnChunk = Callable[[str], object]


class Answer:
    """It listens from before the message is sent, so that none of its events is missed.

    `on_chunk` hears the pieces of the text; `stop(request_id)` is called when it returns False.
    """

    def __init__(self, on_chunk: OnChunk | None, stop: Callable[[str], None]) -> None:
        self._on_chunk = on_chunk
        self._stop = stop
        self._request_id: str | None = None
        self._early: list[tuple[str, dict[str, Any]]] = []
        self._response: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def of(self, request_id: str) -> dict[str, Any]:
        """The response to that request.

        Raises:
            Refused: the assistant failed.
            Unreachable: the connection was lost before the response came.
        """
        self._request_id = request_id
        early, self._early = self._early, []
        for event, data in early:
            self.hear(event, data)
        return await self._response

    def hear(self, event: str, data: dict[str, Any]) -> None:
        """Take an event, of whatever request."""
        if self._request_id is None:
            self._early.append((event, data))
        elif data.get("requestId") == self._request_id and not self._response.done():
            self._take(event, data)

    def lose(self, reason: str) -> None:
        """The connection is gone, and the server stops the answer."""
        if not self._response.done():
            error = Unreachable(f"the connection was lost before the response: {reason}")
            self._response.set_exception(error)
            # Whoever waits for it may have given up.
            self._response.exception()

    def _take(self, event: str, data: dict[str, Any]) -> None:
        if event == "ai:response":
            self._response.set_result(data["response"])
        elif event == "ai:processing" and data["status"] == "error":
            self._response.set_exception(Refused(data["error"]))
        elif event == "code:chunk" and self._on_chunk is not None:
            assert self._request_id is not None
            if self._on_chunk(data["content"]) is False:
                self._stop(self._request_id)
