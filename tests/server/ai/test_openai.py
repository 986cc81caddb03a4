"""The provider that asks a model over HTTP: what it sends, and what it makes of what comes back.

The endpoint here says what working, unusual and broken ones do, byte by byte.

Invariant: whatever an endpoint sends, the question ends in text or in a `ProviderError` that gives
away neither the key nor the endpoint's own words.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from server.ai import openai
from server.ai.openai import OpenAIProvider
from server.ai.provider import ProviderError, Question
from server.api.records import Usage
from tests.server.ai.chatting import answer_of
from tests.server.running import running
from tests.server.wire import connected
from tests.waiting import PATIENCE

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def chunk(**fields: Any) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def text(content: str) -> bytes:
    return chunk(choices=[{"index": 0, "delta": {"content": content}}])


@asynccontextmanager
async def endpoint(*parts: bytes, seen: list[bytes] | None = None) -> AsyncIterator[str]:
    """An endpoint that answers each request with these bytes and closes; its base URL."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        body = await reader.readexactly(length)
        if seen is not None:
            seen.append(head + body)
        for part in parts:
            writer.write(part)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        await server.wait_closed()


async def pieces(url: str, question: Question | None = None) -> list[str | Usage]:
    provider = OpenAIProvider(url, "a-model", "sk-secret", timeout=PATIENCE)
    try:
        return [piece async for piece in provider.stream(question or Question("Hello"))]
    finally:
        await provider.close()


async def test_the_request_and_the_answer() -> None:
    seen: list[bytes] = []
    parts = [
        HEAD,
        b": a comment\n\n",
        chunk(choices=[{"delta": {"role": "assistant", "content": ""}}]),
        text("Hel"),
        text("lo ü"),
        chunk(choices=[{"delta": {}, "finish_reason": "stop"}]),
        chunk(choices=[], usage={"prompt_tokens": 5, "completion_tokens": 2}),
        b"data: [DONE]\n\n",
        text("after the end"),
    ]
    async with endpoint(*parts, seen=seen) as url:
        found = await pieces(url)
    assert [piece for piece in found if isinstance(piece, str)] == ["", "Hel", "lo ü"]
    assert found[-1] == Usage(5, 2)
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    assert b"authorization: bearer sk-secret" in head.lower()
    request = json.loads(body)
    assert request["messages"][-1] == {"role": "user", "content": "Hello"}
    del request["messages"]
    assert request == {
        "model": "a-model",
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_a_stream_that_just_ends_is_an_answer() -> None:
    async with endpoint(HEAD, text("all of it")) as url:
        assert await pieces(url) == ["all of it"]


async def test_events_cut_anywhere_are_put_together() -> None:
    # Letters and signs as they are, of two to four bytes; both kinds of line ends; no space.
    raw = 'data:{"choices":[{"delta":{"content":"ü 漢 😀"}}]}\r\n\r\n'.encode()
    whole = HEAD + text("one ü") + raw + b": keep-alive\n\n" + text("two")
    async with endpoint(*(whole[at : at + 1] for at in range(len(whole)))) as url:
        assert await pieces(url) == ["one ü", "ü 漢 😀", "two"]


def call(index: int, **fields: Any) -> bytes:
    """Return a piece of a call of a tool, as the published format streams it."""
    delta = {"role": "assistant", "content": None, "tool_calls": [{"index": index, **fields}]}
    return chunk(choices=[{"index": 0, "delta": delta, "finish_reason": None}])


TOOL_CALLS = [
    call(0, id="call_1", type="function", function={"name": "write_file", "arguments": ""}),
    call(0, function={"arguments": '{"path":'}),
    call(0, function={"arguments": ' "a.js"}'}),
    chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]),
    b"data: [DONE]\n\n",
]


async def test_a_call_of_a_tool_is_no_answer() -> None:
    async with endpoint(HEAD, *TOOL_CALLS) as url:
        with pytest.raises(ProviderError) as caught:
            await pieces(url)
    assert str(caught.value) == "the model asked for a tool instead of saying something"
    # What a model says before that is its answer.
    async with endpoint(HEAD, text("I would write it."), *TOOL_CALLS) as url:
        assert await pieces(url) == ["I would write it."]


@pytest.mark.parametrize(
    ("wait", "told"),
    [
        ("20", ": ask again in 20 seconds"),
        ("Wed, 21 Oct 2026 07:28:00 GMT", ""),
        ("9999999", ""),
        ("-1", ""),
    ],
)
async def test_who_asks_too_often_is_told_when_to_ask_again(wait: str, told: str) -> None:
    head = f"HTTP/1.1 429 Slow\r\nRetry-After: {wait}\r\nContent-Length: 2\r\n\r\n{{}}"
    async with endpoint(head.encode()) as url:
        with pytest.raises(ProviderError) as caught:
            await pieces(url)
    assert str(caught.value) == f"the model's endpoint answered 429{told}"


async def test_an_error_in_the_middle_ends_the_answer(tmp_path: Path) -> None:
    """What was said until then stays on the page with it."""
    broken = chunk(error={"message": "the server had a fault", "type": "server_error"})
    async with (
        endpoint(HEAD, text("Half of"), broken) as url,
        running(tmp_path, ai_base_url=url, ai_model="a-model") as application,
        connected(application.port) as client,
    ):
        request = await client.ask("ai:message", {"message": "Hello"})
        events, error = await answer_of(client, request["requestId"])
    assert events.count("code:chunk") == 1
    assert "code:error" in events
    assert error["message"] == "the model's endpoint reported an error"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            [b"HTTP/1.1 401 No\r\nContent-Length: 22\r\n\r\nkey sk-secret is wrong"],
            "the model's endpoint answered 401",
        ),
        ([b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"], "the model's endpoint answered 500"),
        (
            # It would take the question, and could take the key, to wherever it wants.
            [b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"],
            "the model's endpoint answered 302",
        ),
        ([b"nonsense\r\n\r\n"], "the model's endpoint cannot be reached, or broke off"),
        ([], "the model's endpoint cannot be reached, or broke off"),
        (
            [HEAD.replace(b"\r\n\r\n", b"\r\nContent-Length: 900\r\n\r\n"), text("cut")],
            "the model's endpoint cannot be reached, or broke off",
        ),
        ([HEAD, b"data: {nonsense\n\n"], "the model's endpoint sent something that is no answer"),
        ([HEAD, b"data: [1]\n\n"], "the model's endpoint sent something that is no answer"),
        (
            [HEAD, chunk(choices=[1])],
            "the model's endpoint sent something that is no answer",
        ),
        (
            [HEAD, chunk(usage={"prompt_tokens": "many"})],
            "the model's endpoint sent something that is no answer",
        ),
        (
            [HEAD, chunk(error={"message": "key sk-secret is out of money"})],
            "the model's endpoint reported an error",
        ),
        (
            # It need not come to its end.
            [HEAD, b"data: " + b"x" * 1_100_000],
            "the model's endpoint sent a line that is too long",
        ),
    ],
)
async def test_other_answers_are_errors(parts: list[bytes], message: str) -> None:
    async with endpoint(*parts) as url:
        with pytest.raises(ProviderError) as caught:
            await pieces(url)
    assert str(caught.value) == message


async def test_no_more_of_a_refusal_is_read_than_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nor does what it says begin a line of the log."""
    done = asyncio.Event()

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 500 Oh\r\nContent-Type: text/plain\r\n\r\nfirst\n\x1b[2Jsecond")
        try:
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
        except ConnectionError:
            done.set()
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        with pytest.raises(ProviderError, match="answered 500"):
            await pieces(url)
        await asyncio.wait_for(done.wait(), PATIENCE)
    [line] = [record.getMessage() for record in caplog.records if record.name == "server.ai"]
    assert line.startswith(r"the model's endpoint answered 500: b'first\n\x1b[2Jsecondxxx")
    assert len(line) < 600


async def test_an_endpoint_that_is_not_there() -> None:
    async with endpoint() as url:
        pass
    with pytest.raises(ProviderError, match="cannot be reached"):
        await pieces(url)


async def test_a_message_is_answered_by_the_model_that_is_set(tmp_path: Path) -> None:
    done = chunk(choices=[], usage={"prompt_tokens": 7, "completion_tokens": 1})
    async with (
        endpoint(HEAD, text("From "), text("far"), done, b"data: [DONE]\n\n") as url,
        running(tmp_path, ai_base_url=url, ai_model="a-model") as application,
        connected(application.port) as client,
    ):
        request = await client.ask("ai:message", {"message": "Hello"})
        events, response = await answer_of(client, request["requestId"])
    assert events.count("code:chunk") == 2
    assert response.pop("id").startswith("message-")
    assert response == {
        "requestId": request["requestId"],
        "content": "From far",
        "provider": "openai",
        "model": "a-model",
        "cancelled": False,
        "usage": {"promptTokens": 7, "completionTokens": 1},
    }


async def test_cancelling_hangs_up(tmp_path: Path) -> None:
    hung_up = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + text("for ever"))
        await writer.drain()
        # The rest of the request, then nothing until the other side closes.
        while await reader.read(65_536):
            pass
        hung_up.set()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with (
        running(tmp_path, ai_base_url=url, ai_model="a-model") as application,
        connected(application.port) as client,
    ):
        request = await client.ask("ai:message", {"message": "Hello"})
        await client.hear("code:chunk")
        await client.ask("ai:cancel", {"requestId": request["requestId"]})
        async with asyncio.timeout(PATIENCE):
            await hung_up.wait()
        _, response = await answer_of(client, request["requestId"])
        assert (response["content"], response["cancelled"]) == ("for ever", True)
    server.close()
    await server.wait_closed()


async def test_nothing_compressed_is_taken() -> None:
    """30 KB of gzip are 30 million line ends, which stood the server for 14 seconds."""
    seen: list[bytes] = []
    head = HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    async with endpoint(head, gzip.compress(b"\n" * 30_000_000), seen=seen) as url:
        with pytest.raises(ProviderError, match="sent something compressed"):
            await pieces(url)
    assert b"accept-encoding: identity\r\n" in seen[0].lower()


async def test_an_answer_has_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "_MAX_BODY", 1_000_000)
    async with endpoint(HEAD, *[b"\n" * 100_000] * 11) as url:
        with pytest.raises(ProviderError, match="an answer that is too long"):
            await pieces(url)


async def test_others_have_turns_however_many_events_come_at_once() -> None:
    turns = 0

    def turn() -> None:
        nonlocal turns
        turns += 1
        handle[0] = loop.call_soon(turn)

    loop = asyncio.get_running_loop()
    handle = [loop.call_soon(turn)]
    async with endpoint(HEAD, b"data: {}\n" * 100_000) as url:
        assert await pieces(url) == []
    handle[0].cancel()
    assert turns >= 1_000
