"""Messages to the assistant, whose answers are waited for across lost connections."""

from __future__ import annotations

import asyncio
import secrets
from functools import partial
from typing import Final

from ai_coding_assistant.answers import Answer, OnChunk
from ai_coding_assistant.calling import Caller
from ai_coding_assistant.chains import Chain
from ai_coding_assistant.errors import Unreachable
from ai_coding_assistant.events import AiMessagePayload, AiResponse
from ai_coding_assistant.participation import Participation

RESPONSE_TIMEOUT: Final = 150.0
"""Seconds that a response is waited for. The server gives the assistant two minutes, unless
AI_TIMEOUT says otherwise.
"""


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
            SessionEnded: another user is logged in by now, or none.
        """
        project_id, key = payload.get("projectId"), payload.get("key")
        chain = self._socket.chain()
        stop = partial(self._stop, chain)
        answer = Answer(on_chunk, stop, project_id)
        self._participation.answers.add(answer)
        try:
            sent: AiMessagePayload = {**payload, "key": key or secrets.token_hex(16)}
            request_id = await self._asked(chain, sent, answer)
            if key is not None and project_id is not None:
                # It may have been asked before, and be answered.
                await self._participation.enter_again(chain, project_id)
            try:
                async with asyncio.timeout(timeout):
                    response = await answer.of(request_id)
                    # A logout stops the answer before it is acknowledged.
                    await chain.confirm()
                    return response
            except TimeoutError:
                stop(request_id)
                raise Unreachable(f"no response within {timeout:g} seconds") from None
            except asyncio.CancelledError:
                stop(request_id)
                raise
        finally:
            answer.close()
            self._participation.answers.discard(answer)

    async def _asked(self, chain: Chain, payload: AiMessagePayload, answer: Answer) -> str:
        """Send a message; return the id of the request."""
        was_connected = self._socket.connected
        try:
            asked = await chain.call("ai:message", payload)
        except Unreachable:
            if self._socket.connected or not was_connected or answer.project_id is None:
                raise
            # Whether it was taken is not known: with the same key it is asked once.
            await answer.come_back()
            asked = await chain.call("ai:message", payload)
        return asked["requestId"]

    def _stop(self, chain: Chain, request_id: str) -> None:
        if self._socket.connected and chain.goes_on:
            self._socket.emit("ai:cancel", {"requestId": request_id})
