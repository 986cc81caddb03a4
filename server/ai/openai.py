"""A model behind an endpoint that speaks OpenAI's chat completions, streamed.

OpenAI, Ollama, vLLM, llama.cpp and LM Studio do. The answer is a stream of server-sent events: each
`data:` line holds a JSON object with the next piece, the last one says `[DONE]`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from typing import Any, Final

import httpx2

from server.ai.prompt import messages
from server.ai.provider import ProviderError, Question
from server.api.records import Usage

logger = logging.getLogger("server.ai")

BUDGET: Final = 60_000
"""Bytes of a project that go into the prompt: about 15,000 tokens."""
_MAX_LINE: Final = 262_144
_MAX_BODY: Final = 64_000_000
"""Bytes of an answer, with all that is around its text."""
_LINES_AT_ONCE: Final = 100
_MAX_LOGGED: Final = 500
_RETRY_DIGITS: Final = 5
"""Digits of the seconds in a `Retry-After`. A wait that is longer than a day is told to nobody."""


class OpenAIProvider:
    """Asks the model `model` at `base_url`, which ends before `/chat/completions`.

    timeout: in seconds. budget: bytes of a project that go into the prompt.
    """

    name = "openai"

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str | None,
        timeout: float,
        budget: int = BUDGET,
    ) -> None:
        self.model = model
        self.budget = budget
        # No compressed answers: 30 KB of them can hold 30 million lines.
        headers = {"Accept-Encoding": "identity"}
        if api_key is not None:
            headers["Authorization"] = f"Bearer {api_key}"
        # A model may think for long before its first word. The chat limits the time of the whole
        # answer.
        self._client = httpx2.AsyncClient(
            headers=headers, timeout=httpx2.Timeout(timeout, connect=10.0)
        )
        self._url = base_url.rstrip("/") + "/chat/completions"

    async def stream(self, question: Question) -> AsyncGenerator[str | Usage, None]:
        """Yield the model's answer.

        Raises:
            ProviderError: the endpoint cannot be reached, refuses, or answers something else.
        """
        body = {
            "model": self.model,
            "messages": messages(question),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        try:
            async with self._client.stream("POST", self._url, json=body) as response:
                if response.status_code != 200:
                    # The endpoint's message may name the owner of the key: it is for the log alone.
                    logger.warning(
                        "the model's endpoint answered %d: %r",
                        response.status_code,
                        await _beginning(response),
                    )
                    raise ProviderError(_refusal(response))
                if response.headers.get("Content-Encoding", "identity") != "identity":
                    raise ProviderError("the model's endpoint sent something compressed")
                asks_for_tool = says_something = False
                # Some servers end the stream without "[DONE]".
                async for data in _data(response):
                    if data == "[DONE]":
                        break
                    found, is_call = _read(data)
                    asks_for_tool |= is_call
                    for piece in found:
                        says_something |= isinstance(piece, str) and piece.strip() != ""
                        yield piece
                if asks_for_tool and not says_something:
                    # The model was offered no tools. Some servers let it call what it likes.
                    raise ProviderError("the model asked for a tool instead of saying something")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            logger.warning("the model's endpoint failed: %r", error)
            raise ProviderError("the model's endpoint cannot be reached, or broke off") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


async def _beginning(response: httpx2.Response) -> bytes:
    """Return the first bytes of a body that may have no end."""
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) >= _MAX_LOGGED:
            break
    return bytes(body[:_MAX_LOGGED])


async def _data(response: httpx2.Response) -> AsyncGenerator[str, None]:
    """Yield the data of each event of a body when its line is whole. The last line may have no end.

    Other tasks have their turns, however many lines come at once.

    Raises:
        ProviderError: a line or the body is too long. httpx2's own lines have no limit.
    """
    left = _MAX_BODY
    waiting = b""
    async for piece in response.aiter_raw():
        left -= len(piece)
        if left < 0:
            raise ProviderError("the model's endpoint sent an answer that is too long")
        *lines, waiting = (waiting + piece).split(b"\n")
        if max(map(len, lines), default=0) > _MAX_LINE or len(waiting) > _MAX_LINE:
            raise ProviderError("the model's endpoint sent a line that is too long")
        for number, line in enumerate(filter(_has_data, lines)):
            if number % _LINES_AT_ONCE == 0:
                await asyncio.sleep(0)
            yield line[5:].decode(errors="replace").strip()
        await asyncio.sleep(0)
    if _has_data(waiting):
        yield waiting[5:].decode(errors="replace").strip()


def _has_data(line: bytes) -> bool:
    return line.startswith(b"data:")


def _refusal(response: httpx2.Response) -> str:
    """Return the error for a response without an answer. It says when to ask again, if the response
    does.
    """
    said = f"the model's endpoint answered {response.status_code}"
    wait = response.headers.get("Retry-After", "")
    # The other form of the header is a date, by the endpoint's clock.
    if not (wait.isascii() and wait.isdigit() and len(wait) <= _RETRY_DIGITS):
        return said
    return f"{said}: ask again in {int(wait)} seconds"


def _read(data: str) -> tuple[list[str | Usage], bool]:
    """Return the text in an event's data, the usage if the data has it, and whether the model calls
    a tool.
    """
    if not data:
        return [], False
    is_call = False
    try:
        event: Any = json.loads(data)
        found: list[str | Usage] = []
        if event.get("error"):
            logger.warning("the model's endpoint reported an error: %r", data[:_MAX_LOGGED])
            raise ProviderError("the model's endpoint reported an error")
        for choice in event.get("choices") or []:
            delta = choice.get("delta") or {}
            text = delta.get("content")
            if isinstance(text, str):
                found.append(text)
            is_call = is_call or bool(delta.get("tool_calls"))
        usage = event.get("usage")
        if usage:
            counts = Usage(int(usage["prompt_tokens"]), int(usage["completion_tokens"]))
            found.append(counts)
    except (
        ValueError,
        AttributeError,
        LookupError,
        TypeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise ProviderError("the model's endpoint sent something that is no answer") from error
    return found, is_call
