"""The client opens a session, or says why it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from engineio_min import Client, ConnectionFailed, UsageError
from tests.engineio_min.client.ear import Ear, connected, refusal, url_of
from tests.engineio_min.harness import Harness, serving
from tests.engineio_min.scripted import (
    Peer,
    scripted,
    silence,
    switching,
)
from tests.waiting import patient

# -- opening


async def test_a_client_is_used_once(harness: Harness) -> None:
    ear = Ear(url_of(harness))
    await ear.client.connect()
    with pytest.raises(UsageError, match="used already"):
        await ear.client.connect()
    await ear.finish()


async def test_what_needs_a_session_says_so_before_there_is_one() -> None:
    client = Client("http://127.0.0.1:1")
    assert not client.opened
    for use in (partial(client.send, "early"), client.close, lambda: client.transport):
        with pytest.raises(UsageError, match=r"no session yet.*await connect\(\) first"):
            use()
    for wait in (client.drained, client.wait_closed):
        with pytest.raises(UsageError, match="no session yet"):
            await wait()


async def test_there_is_no_handshake_before_the_session_is_open() -> None:
    async with scripted(silence) as server:
        ear = Ear(server.url, timeout=0.05)
        with pytest.raises(UsageError, match=r"never open: await connect\(\) first"):
            _ = ear.client.handshake
        with pytest.raises(ConnectionFailed):
            await ear.client.connect()
        with pytest.raises(UsageError, match="never open"):
            _ = ear.client.handshake


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_a_refusal_tells_its_status_and_body(harness: Harness, transport: str) -> None:
    error = await refusal(url_of(harness), path="/nowhere", transports=[transport])
    assert error.status == 404
    assert str(error).startswith("got HTTP status 404, expected success")
    assert str(error).endswith("; is it the right server, and the right path?")


async def test_a_refusal_by_the_server_says_why() -> None:
    async with serving(transports=["websocket"]) as harness:
        error = await refusal(url_of(harness))
        assert str(error) == (
            'got HTTP status 400, expected success: \'{"code":0,"message":"Transport unknown"}\''
        )
        async with connected(url_of(harness), try_all_transports=True) as ear:
            assert ear.client.transport == "websocket"


async def test_when_no_transport_opens_the_last_failure_is_told() -> None:
    async with serving(path="/elsewhere") as harness:
        error = await refusal(url_of(harness), try_all_transports=True)
        assert error.status == 404


async def test_closing_while_the_first_transport_opens_tries_no_other() -> None:
    async with scripted(silence) as server:
        ear = Ear(server.url, try_all_transports=True)
        connecting = asyncio.create_task(ear.client.connect())
        await server.peer()
        ear.client.close()
        with pytest.raises(ConnectionFailed, match="closed by the client"):
            await patient(connecting)
        assert len(server.peers) == 1


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_a_message_that_the_server_would_not_take_is_refused(transport: str) -> None:
    async with (
        serving(max_http_buffer_size=100) as harness,
        connected(url_of(harness), transports=[transport]) as ear,
    ):
        with pytest.raises(UsageError, match="got a message of 101 bytes, and the server"):
            ear.client.send("x" * 100)
        assert ear.client.opened


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_opening_has_a_timeout(transport: str) -> None:
    async with scripted(silence) as server:
        error = await refusal(server.url, transports=[transport], timeout=0.05)
        assert str(error) == "not open within 0.05 seconds"
        await server.gone()


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_opening_can_be_cancelled(transport: str) -> None:
    async with scripted(silence) as server:
        ear = Ear(server.url, transports=[transport])
        task = asyncio.create_task(ear.client.connect())
        await server.peer()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not ear.client._tasks.running
        assert not ear.closed
        await server.gone()


async def test_opening_can_be_cancelled_in_its_last_moment(harness: Harness) -> None:
    ear = Ear(url_of(harness))
    task = asyncio.create_task(ear.client.connect())
    ear.client.tap = lambda _direction, _packet: task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not ear.client._tasks.running
    assert ear.closed == [("transport error", "the attempt was cancelled")]


async def test_a_websocket_that_says_nothing_does_not_open() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        await silence(peer)

    async with scripted(script) as server:
        error = await refusal(
            server.url, transports=["websocket"], timeout=0.05, close_timeout=0.05
        )
        assert str(error) == "not open within 0.05 seconds"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda key: switching("dGhlIHNhbXBsZSBub25jZQ=="), "Sec-WebSocket-Accept"),
        (lambda key: switching(key, "Sec-WebSocket-Accept: x"), "Sec-WebSocket-Accept"),
        (lambda key: switching(key, "Sec-WebSocket-Protocol: x"), "subprotocol"),
        (lambda key: switching(key, "Sec-WebSocket-Extensions: permessage-deflate"), "extension"),
        (lambda key: switching(key).replace(b"Upgrade: websocket", b"Upgrade: h2c"), "Upgrade"),
        (lambda key: b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "got a malformed HTTP answer"),
        (lambda key: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "got HTTP status 200"),
        (lambda key: b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", "302"),
        (lambda key: b"\x81\x00" * 100, "got a malformed HTTP answer"),
    ],
)
async def test_an_invalid_websocket_handshake(answer: Callable[[str], bytes], message: str) -> None:
    async def script(peer: Peer) -> None:
        peer.write(answer((await peer.request()).headers["sec-websocket-key"]))
        if b"101 Switching Protocols\r\n\r\n" not in answer(""):
            await silence(peer)

    async with scripted(script) as server:
        assert message in str(await refusal(server.url, transports=["websocket"]))


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"0", b"0{}", b"2", b"4hello", b"bAQ==", b"b!", b"1", b"6", b"x", b"\x1e"],
)
async def test_a_bad_answer_to_the_first_poll(body: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        peer.answer(body)
        await silence(peer)

    async with scripted(script) as server:
        assert "got a" in str(await refusal(server.url))
