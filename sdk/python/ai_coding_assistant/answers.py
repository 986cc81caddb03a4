"""The assistant's answer to one message, collected from the events that it comes in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from ai_coding_assistant.errors import Refused, SDKError, Unreachable
from ai_coding_assistant.events import AiResponse, ProjectJoinResult

OnChunk = Callable[[str], object]

GRACE: Final = 15.0
"""Seconds for which the server goes on with an answer for a project whose asker it has lost."""


class Answer:
    """The answer to a message. It listens from before the message is sent, so that none of its
    events is missed.

    `on_chunk` hears the pieces of the text; `stop(request_id)` is called when `on_chunk` returns
    False. Without a `project_id` the answer is for no project.
    """

    def __init__(
        self,
        on_chunk: OnChunk | None,
        stop: Callable[[str], None],
        project_id: str | None = None,
    ) -> None:
        self.project_id = project_id
        self._grace: asyncio.TimerHandle | None = None
        self._on_chunk = on_chunk
        self._stop = stop
        self._request_id: str | None = None
        self._is_back = asyncio.Event()
        # What the project said when it was entered again before the request was known.
        self._joined: ProjectJoinResult | None = None
        self._early: list[tuple[str, dict[str, Any]]] = []
        self._response: asyncio.Future[AiResponse] = asyncio.get_running_loop().create_future()

    async def of(self, request_id: str) -> AiResponse:
        """Wait for the response to that request.

        Raises:
            Refused: the assistant failed.
            Unreachable: the connection was lost before the response came, and did not come back in
            time, or only after the answer had failed.
        """
        self._request_id = request_id
        early, self._early = self._early, []
        for event, data in early:
            self.hear(event, data)
        if self._joined is not None and not self._response.done():
            self._look(request_id, self._joined)
        return await self._response

    async def come_back(self) -> None:
        """Wait until the project was entered again in a new connection.

        Raises:
            Refused, Unreachable: as for `of`.
        """
        back = asyncio.create_task(self._is_back.wait())
        try:
            await asyncio.wait((back, self._response), return_when=asyncio.FIRST_COMPLETED)
        finally:
            back.cancel()
        if self._response.done():
            self._response.result()

    def hear(self, event: str, data: dict[str, Any]) -> None:
        """Take an event, of whatever request."""
        if self._request_id is None:
            self._early.append((event, data))
        elif data.get("requestId") == self._request_id and not self._response.done():
            self._take(event, data)

    def lose(self, reason: str, *, comes_back: bool) -> None:
        """Wait for the lost connection for as long as the server goes on, if it `comes_back`."""
        lost = f"the connection was lost before the response: {reason}"
        if not comes_back:
            self.fail(Unreachable(lost))
        elif self.project_id is None:
            self.fail(Unreachable(f"{lost}; an answer for no project ends with its connection"))
        elif self._grace is None and not self._response.done():
            late = Unreachable(f"{lost}; it was not back within {GRACE:g} seconds")
            self._grace = asyncio.get_running_loop().call_later(GRACE, self.fail, late)

    def back(self, joined: ProjectJoinResult) -> None:
        """Go on in a new connection; `joined` is what it was told when it entered the project."""
        self.close()
        self._is_back.set()
        if self._request_id is None:
            self._joined = joined
        elif not self._response.done():
            self._look(self._request_id, joined)

    def _look(self, request_id: str, joined: ProjectJoinResult) -> None:
        """Look for the answer in what the project has; it may have failed."""
        found = [one for one in joined["messages"] if one["requestId"] == request_id]
        for message in found:
            if message["role"] == "assistant":
                self._response.set_result(message["response"])
                return
        # A message that is not `found` was sent after the project was entered. An older server does
        # not tell which requests it is `answering`.
        if found and request_id not in joined.get("answering", [request_id]):
            self.fail(Unreachable("the answer failed while the connection was lost"))

    def fail(self, error: SDKError) -> None:
        """End the answer with an error, unless it has ended."""
        self.close()
        if not self._response.done():
            self._response.set_exception(error)
            # Whoever waits for it may have given up.
            self._response.exception()

    def close(self) -> None:
        """Wait for no connection any more."""
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None

    def _take(self, event: str, data: dict[str, Any]) -> None:
        if event == "ai:response":
            self._response.set_result(data["response"])
        elif event == "ai:processing" and data["status"] == "error":
            self._response.set_exception(Refused(data["error"]))
        elif event == "code:chunk" and self._on_chunk is not None:
            assert self._request_id is not None
            if self._on_chunk(data["content"]) is False:
                self._stop(self._request_id)
