"""Waiting for the holder of a lock that was asked for."""

from __future__ import annotations

import asyncio
from typing import Any

from ai_coding_assistant.errors import Unreachable


class LockRequest:
    """A request for a lock. It listens from before the request is sent, so that the answer is not
    missed.
    """

    def __init__(self) -> None:
        self._answers: dict[str, str] = {}
        self._lost = ""
        self._news = asyncio.Event()

    def hear(self, event: str, data: dict[str, Any]) -> None:
        """Take an event, of whatever request."""
        if event == "lock:answered":
            self._answers[data["requestId"]] = data["outcome"]
            self._news.set()

    def lose(self, reason: str) -> None:
        """End the request: the connection is lost."""
        self._lost = reason
        self._news.set()

    async def answer(self, request_id: str) -> str:
        """Wait for what becomes of a request: the server ends each within its time.

        Raises:
            Unreachable: the connection was lost before.
        """
        while request_id not in self._answers:
            if self._lost:
                raise Unreachable(f"the connection was lost before the answer: {self._lost}")
            await self._news.wait()
            self._news.clear()
        return self._answers[request_id]
