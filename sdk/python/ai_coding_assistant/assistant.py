"""Messages to the assistant, whose answers are waited for across lost connections."""

from __future__ import annotations

import asyncio
import secrets

from ai_coding_assistant.answers import Answer, OnChunk
from ai_coding_assistant.calling import Caller
from ai_coding_assistant.errors import Unreachable
from ai_coding_assistant.events import AiMessagePayload, AiResponse
from ai_coding_assistant.participation import Participation


class Assistant:
    """The assistant, as one client asks it."""

    def __init__(self, socket: Caller, participation: Participation) -> None:
        self._socket = socket
        self._participation = participation

    async def ask(
        self, payload: AiMessagePayload, on_chunk: OnChunk | None, timeout: float
    ) -> AiResponse:
        """Send a message and wait for its response, at most `timeout` seconds.

        A `key` in the payload is one that may have been sent before. Without one the message gets
        a key that no other has.

        Raises:
            Refused: the message cannot be taken, or the assistant failed.
            Unreachable: the connection was lost for longer, or there is no response in time.
        """
        project_id, key = payload.get("projectId"), payload.get("key")
        answer = Answer(on_chunk, self._stop, project_id)
        self._participation.answers.add(answer)
        try:
            request_id = await self._asked({**payload, "key": key or secrets.token_hex(16)}, answer)
            if key is not None and project_id is not None:
                # It may have been asked before, and be answered.
                await self._participation.enter_again(project_id)
            try:
                async with asyncio.timeout(timeout):
                    return await answer.of(request_id)
            except TimeoutError:
                self._stop(request_id)
                raise Unreachable(f"no response within {timeout:g} seconds") from None
            except asyncio.CancelledError:
                self._stop(request_id)
                raise
        finally:
            answer.close()
            self._participation.answers.discard(answer)

    async def _asked(self, payload: AiMessagePayload, answer: Answer) -> str:
        """Send a message; return the id of the request."""
        was_connected = self._socket.connected
        try:
            asked = await self._socket.call("ai:message", payload)
        except Unreachable:
            if self._socket.connected or not was_connected or answer.project_id is None:
                raise
            # Whether it was taken is not known: with the same key it is asked once.
            await answer.come_back()
            asked = await self._socket.call("ai:message", payload)
        return asked["requestId"]

    def _stop(self, request_id: str) -> None:
        if self._socket.connected:
            self._socket.emit("ai:cancel", {"requestId": request_id})
