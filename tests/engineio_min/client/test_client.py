"""The client on the wire: against this project's server, and against servers that misbehave."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import pytest

from engineio_min import Client, ConnectionFailed, Server, UsageError
from engineio_min.client.options import ClientOptionValues
from engineio_min.client.websocket import ClientWebSocket
from tests.engineio_min.harness import Clock, Harness, serving
from tests.engineio_min.scripted import (
    HANDSHAKE,
    UPGRADABLE,
    Peer,
    Script,
    answers_posts,
    scripted,
    server_frame,
    silence,
    switching,
)
from tests.hostile.memory import MemoryTransport
from tests.waiting import patient, until

CERTIFICATE = Path(__file__).parents[1] / "localhost.pem"
TRANSPORTS: list[ClientOptionValues] = [
    {"transports": ["polling"]},
    {"transports": ["websocket"]},
    {"transports": ["polling", "websocket"]},
]


class Ear:
    """A client, and what it was told."""

    def __init__(self, url: str, **options: Unpack[ClientOptionValues]) -> None:
        self.client = Client(url, **options)
        self.messages: list[str | bytes] = []
        self.closed: list[tuple[str, str]] = []
        self.upgrades = 0
        self.client.on_message = self.messages.append
        self.client.on_close = lambda reason, description: self.closed.append((reason, description))
        self.client.on_upgrade = self.upgraded

    def upgraded(self) -> None:
        self.upgrades += 1

    async def ended(self) -> tuple[str, str]:
        """The end, which must come by itself."""
        await until(lambda: self.closed)
        [end] = self.closed
        await self.finish()
        return end

    async def finish(self) -> None:
        self.client.close()
        await patient(self.client.wait_closed())
        assert not self.client._tasks.running


@asynccontextmanager
async def connected(url: str, **options: Unpack[ClientOptionValues]) -> AsyncIterator[Ear]:
    """A client with an open session; at the end nothing of it may be left."""
    ear = Ear(url, **options)
    await patient(ear.client.connect())
    try:
        yield ear
    finally:
        await ear.finish()


def url_of(harness: Harness) -> str:
    return f"http://127.0.0.1:{harness.port}"


async def refusal(url: str, **options: Unpack[ClientOptionValues]) -> ConnectionFailed:
    """Why the client cannot connect; nothing of it may be left, and nobody is told of an end."""
    ear = Ear(url, **options)
    with pytest.raises(ConnectionFailed) as caught:
        await patient(ear.client.connect())
    assert not ear.client._tasks.running
    assert not ear.closed
    return caught.value


# -- this project's server


@pytest.mark.parametrize("options", TRANSPORTS)
async def test_messages_both_ways_in_order(harness: Harness, options: ClientOptionValues) -> None:
    async with connected(url_of(harness), **options) as ear:
        sent: list[str | bytes] = []
        for number in range(300):
            sent += [f"{number} é😀", bytes((number % 256,)) * number]
            ear.client.send(sent[-2])
            ear.client.send(sent[-1])
            if number % 30 == 0:
                await asyncio.sleep(0)
        await until(lambda: len(ear.messages) == 600)
        assert ear.messages == sent
        if len(options["transports"]) == 2:
            await until(lambda: ear.upgrades)
            assert ear.client.transport == "websocket"
            assert not ear.client._http.connections
        else:
            assert ear.client.transport == options["transports"][0]
    assert ear.closed == [("forced close", "closed by the client")]
    await until(lambda: harness.closed)
    assert harness.closed == ["transport close"]


@pytest.mark.parametrize("options", TRANSPORTS)
async def test_binary_messages_as_text(harness: Harness, options: ClientOptionValues) -> None:
    forced: ClientOptionValues = {**options, "force_base64": True}
    async with connected(url_of(harness), **forced) as ear:
        if len(options["transports"]) == 2:
            await until(lambda: ear.upgrades)
        sent: list[str | bytes] = [b"\x01\x02\x03", "text", b"", "b"]
        for message in sent:
            ear.client.send(message)
        await until(lambda: len(ear.messages) == 4)
        assert ear.messages == harness.received == sent


async def test_binary_messages_as_text_on_the_wire() -> None:
    async def script(peer: Peer) -> None:
        request = await peer.accept_websocket()
        assert "b64=1" in request.target.partition("?")[2].split("&")
        peer.frame(HANDSHAKE)
        assert await peer.packet() == "bAQID"
        peer.frame("bBAUG")
        peer.frame(b"binary")
        assert await peer.packet() == "bBAUG"
        peer.frame("bA")
        await peer.answer_close()

    async with scripted(script) as server:
        ear = Ear(server.url, transports=["websocket"], force_base64=True)
        await patient(ear.client.connect())
        ear.client.send(b"\x01\x02\x03")
        await until(lambda: len(ear.messages) == 2)
        ear.client.send(b"\x04\x05\x06")
        await until(lambda: ear.closed)
        assert ear.messages == [b"\x04\x05\x06", b"binary"]
        assert ear.closed[0][0] == "transport error"
        assert "invalid base64" in ear.closed[0][1]
        await ear.finish()


async def test_a_client_that_must_not_upgrade(harness: Harness) -> None:
    async with connected(url_of(harness), upgrade=False) as ear:
        ear.client.send("a")
        await until(lambda: ear.messages)
        assert ear.client.transport == "polling"


async def test_large_messages(harness: Harness) -> None:
    for options in TRANSPORTS:
        async with connected(url_of(harness), **options) as ear:
            sent: list[str | bytes] = ["a" * 900_000, b"b" * 700_000, "c" * 70_000]
            for message in sent:
                ear.client.send(message)
            await until(lambda: len(ear.messages) == 3)
            assert ear.messages == sent


async def test_compressed_messages() -> None:
    async with (
        serving(per_message_deflate=True) as harness,
        connected(url_of(harness), transports=["websocket"], per_message_deflate=100) as ear,
    ):
        sent: list[str | bytes] = ["a" * 99, "a" * 5000, b"b" * 5000]
        for message in sent:
            ear.client.send(message)
        await until(lambda: len(ear.messages) == 3)
        assert ear.messages == sent


@pytest.mark.parametrize("options", TRANSPORTS)
async def test_the_heartbeat(options: ClientOptionValues) -> None:
    async with serving(ping_interval=0.05, ping_timeout=60.0) as harness:
        pings = []
        ear = Ear(url_of(harness), **options)
        ear.client.tap = lambda direction, packet: pings.append((direction, packet))
        await ear.client.connect()
        await until(lambda: pings.count(("in", "2")) >= 3 and pings.count(("out", "3")) >= 3)
        assert ear.client.opened
        await ear.finish()


async def test_everything_queued_is_sent_before_the_end(harness: Harness) -> None:
    harness.echo = False
    for options in TRANSPORTS[:2]:
        harness.received.clear()
        async with connected(url_of(harness), **options) as ear:
            for number in range(100):
                ear.client.send(str(number))
        await until(lambda: len(harness.received) == 100)


async def test_drained(harness: Harness) -> None:
    for options in TRANSPORTS[:2]:
        async with connected(url_of(harness), **options) as ear:
            await patient(ear.client.drained())
            ear.client.send("a")
            await patient(ear.client.drained())
            assert ear.client.session.idle
            waiting = asyncio.create_task(ear.client.drained())
            ear.client.send("b")
            cancelled = asyncio.create_task(ear.client.drained())
            await asyncio.sleep(0)
            cancelled.cancel()
            await patient(waiting)
        await patient(ear.client.drained())


async def test_the_server_closes(harness: Harness) -> None:
    for options, detail in zip(
        TRANSPORTS[:2], ("got a close packet", "got a close frame"), strict=True
    ):
        async with connected(url_of(harness), **options) as ear:
            await until(lambda: harness.server.sessions)
            harness.connection.close()
            assert await ear.ended() == ("transport close", detail)


async def test_query_headers_and_cookies() -> None:
    async with serving(cookie=True) as harness:
        url = f"{url_of(harness)}/?a=1&b=%20\u00e9 x"
        async with connected(
            url, query={"c d": "&"}, extra_headers={"X-Token": "secret"}, upgrade=False
        ) as ear:
            request = harness.connection.request
            assert request.query == {
                "a": "1",
                "b": " é x",
                "c d": "&",
                "EIO": "4",
                "transport": "polling",
            }
            assert request.headers["x-token"] == "secret"
            assert ear.client._http.cookies.header(0.0) == f"io={ear.client.handshake.sid}"


async def test_pausing_and_resuming(harness: Harness) -> None:
    for options in TRANSPORTS[:2]:
        async with connected(url_of(harness), **options) as ear:
            ear.client.pause()
            ear.client.pause()
            ear.client.send("a" * 1000)
            # The poll that is under way may still bring what comes first.
            await until(lambda: harness.received)
            if options["transports"] == ["polling"]:
                await until(lambda: ear.messages)
                harness.connection.send("b")
            for _ in range(20):
                await asyncio.sleep(0)
            assert "b" not in ear.messages
            ear.client.resume()
            ear.client.resume()
            await until(lambda: "a" * 1000 in ear.messages)
        harness.received.clear()


async def test_a_paused_client_stays_so_through_an_upgrade(harness: Harness) -> None:
    ear = Ear(url_of(harness))
    await ear.client.connect()
    ear.client.pause()
    await until(lambda: ear.upgrades)
    harness.connection.send("a")
    for _ in range(20):
        await asyncio.sleep(0)
    assert ear.messages == []
    ear.client.resume()
    await until(lambda: ear.messages)
    await ear.finish()


async def test_over_tls() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    server = Server()
    server.on_connection(lambda connection: setattr(connection, "on_message", connection.send))
    await server.listen(port=0, ssl=context)
    url = f"https://localhost:{server.port}"
    trusting = ssl.create_default_context(cafile=str(CERTIFICATE))
    for options in TRANSPORTS:
        async with connected(url, ssl=trusting, transports=options["transports"]) as ear:
            ear.client.send("a" * 100_000)
            await until(lambda: ear.messages)
    for transport in ("polling", "websocket"):
        error = await refusal(url, transports=[transport])
        assert "certificate verify failed" in str(error)
    await server.stop()


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


async def test_a_websocket_that_ends_before_it_opens() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_websocket()

    async with scripted(script) as server:
        error = await refusal(server.url, transports=["websocket"])
        assert str(error) == "the connection was lost: closed by the server"


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


# -- a server that misbehaves later


def polled(*bodies: str | bytes, status: str = "200 OK") -> Script:
    """A server that answers polls one after the other, and then no more."""

    async def script(peer: Peer) -> None:
        for number, body in enumerate((HANDSHAKE, *bodies)):
            assert (await peer.request()).method == "GET"
            peer.answer(body, status=status if number else "200 OK")
        await silence(peer)

    return script


@pytest.mark.parametrize(
    ("body", "end"),
    [
        (b"", "transport error"),
        (b"\xff\xfe", "transport error"),
        (b"4ok\x1e", "transport error"),
        (b"4ok\x1ex", "transport error"),
        (b"4ok\x1eb!!", "transport error"),
        (b"4ok\x1e" + HANDSHAKE.encode(), "transport error"),
        (b"4ok\x1e1\x1e4late", "transport close"),
        (b"4ok" + b"\x1e6" * 100_000, "transport error"),
        (b"4ok" + b"x" * 100_000_001, "transport error"),
    ],
)
async def test_a_bad_answer_to_a_poll_ends_the_session(body: bytes, end: str) -> None:
    async with scripted(polled(body)) as server:
        ear = Ear(server.url)
        await ear.client.connect()
        reason, _ = await ear.ended()
        assert reason == end
        assert ear.messages in ([], ["ok"])
        await server.gone()


@pytest.mark.parametrize("status", ["400 Bad Request", "500 Oops", "302 Found", "204 None"])
async def test_a_poll_that_is_refused_ends_the_session(status: str) -> None:
    async with scripted(polled("", status=status)) as server:
        ear = Ear(server.url)
        await ear.client.connect()
        reason, description = await ear.ended()
        assert reason == "transport error"
        assert description.startswith(f"got HTTP status {status[:3]}")


async def test_a_post_that_is_refused_ends_the_session() -> None:
    async def refuses(peer: Peer) -> None:
        assert (await peer.request()).body == b"4a"
        peer.answer("\x1b[2J", status="413 Too Large")
        await silence(peer)

    async with scripted(polled(), refuses) as server:
        ear = Ear(server.url)
        await ear.client.connect()
        ear.client.send("a")
        assert await ear.ended() == (
            "transport error",
            "got HTTP status 413, expected success: '\\x1b[2J'",
        )


async def test_the_sid_is_quoted() -> None:
    handshake = HANDSHAKE.replace('"abc"', '"a b\\r\\nX: y&z"')
    targets = []

    async def script(peer: Peer) -> None:
        await peer.request()
        peer.answer(handshake)
        targets.append((await peer.request()).target)
        await silence(peer)

    async with scripted(script) as server, connected(server.url):
        await until(lambda: targets)
        assert targets == ["/engine.io/?EIO=4&transport=polling&sid=a%20b%0D%0AX%3A%20y%26z"]


async def test_a_server_that_falls_silent_is_left(clock: Clock) -> None:
    async def websocket(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        await silence(peer)

    for transport, script in (("polling", polled()), ("websocket", websocket)):
        async with scripted(script) as server:
            ear = Ear(server.url, transports=[transport])
            await ear.client.connect()
            await clock.advance(44.9)
            assert [ear.client.opened] == [True]
            await clock.advance(0.2)
            assert [ear.client.opened] == [False]
            await until(partial(list.__len__, ear.closed))
            assert ear.closed == [("ping timeout", "got no ping in time")]
            await clock.advance(5.1)
            await ear.finish()


Frames = Callable[[Peer], Awaitable[None]]


def websocket_with(*frames: tuple[str | bytes, int | None]) -> Script:
    """A server that opens a session on WebSocket and writes frames."""

    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        for payload, first in frames:
            peer.frame(payload, first)
        await peer.answer_close()

    return script


@pytest.mark.parametrize(
    ("payload", "first", "end"),
    [
        ("x", None, "transport error"),
        ("", None, "transport error"),
        ("7", None, "transport error"),
        ("1", None, "transport close"),
        (b"\xff", 0x81, "transport error"),
        (b"a", 0x83, "transport error"),
        (b"a", 0xC1, "transport error"),
        (b"a", 0x80, "transport error"),
        (b"a" * 126, 0x89, "transport error"),
        (b"", 0x88, "transport close"),
        (b"\x03\xe8bye", 0x88, "transport close"),
        (b"\x03", 0x88, "transport error"),
        (b"a" * 1001, None, "transport error"),
    ],
)
async def test_a_bad_frame_ends_the_session(
    payload: str | bytes, first: int | None, end: str
) -> None:
    async with scripted(websocket_with(("4ok", None), (payload, first))) as server:
        ear = Ear(server.url, transports=["websocket"], max_receive_size=1000)
        await ear.client.connect()
        reason, _ = await ear.ended()
        assert reason == end
        assert ear.messages == ["ok"]
        await server.gone()


async def test_a_frame_that_declares_too_much_is_refused_at_once() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        peer.write(b"\x82\x7f" + (2**63 - 1).to_bytes(8, "big"))
        await peer.answer_close()

    async with scripted(script) as server:
        ear = Ear(server.url, transports=["websocket"])
        await ear.client.connect()
        assert (await ear.ended())[0] == "transport error"


async def test_the_handshake_and_the_first_frames_in_one_piece() -> None:
    async def script(peer: Peer) -> None:
        request = await peer.request()
        frames = b"".join(
            bytes((0x81, len(text))) + text.encode() for text in (HANDSHAKE, "4first", "4second")
        )
        peer.write(switching(request.headers["sec-websocket-key"]) + frames)
        assert await peer.packet() == "4hello"
        await peer.answer_close()

    async with scripted(script) as server, connected(server.url, transports=["websocket"]) as ear:
        await until(lambda: len(ear.messages) == 2)
        ear.client.send("hello")
        await ear.client.drained()


async def test_pings_of_the_websocket_are_answered() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        peer.frame(b"data", 0x89)
        assert await peer.read_frame() == (0x8A, b"data")
        peer.frame("4ok")
        assert await peer.read_frame() == (0x88, b"")
        peer.frame(b"", 0x88)
        await silence(peer)

    async with scripted(script) as server, connected(server.url, transports=["websocket"]) as ear:
        await until(lambda: ear.messages)


async def test_a_pong_leaves_before_what_the_messages_of_its_read_cause() -> None:
    """A ping between the fragments of a message came first, and is answered first."""
    received: list[tuple[int, bytes]] = []

    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        assert await peer.packet() == "4ready"
        peer.write(
            server_frame("4he", 0x01) + server_frame(b"data", 0x89) + server_frame("y", 0x80)
        )
        received.extend([await peer.read_frame(), await peer.read_frame()])
        await peer.answer_close()

    async with scripted(script) as server, connected(server.url, transports=["websocket"]) as ear:
        ear.client.on_message = ear.client.send
        ear.client.send("ready")
        await until(lambda: len(received) == 2)
    assert received == [(0x8A, b"data"), (0x81, b"4hey")]


class Collector:
    """An owner of a WebSocket that keeps its packets."""

    def __init__(self) -> None:
        self.packets: list[str | bytes] = []

    def receive_from(self, _websocket: ClientWebSocket, packets: list[str | bytes]) -> None:
        self.packets += packets

    def lost(self, _websocket: ClientWebSocket, reason: str, description: str) -> None:
        raise AssertionError(f"lost: {reason}, {description}")

    def writable_changed(self, _websocket: ClientWebSocket) -> None:
        pass


async def test_the_rest_of_a_frame_is_not_taken_for_a_frame() -> None:
    """Wherever reads end: a message may hold the bytes of a frame, written by somebody else."""
    wire = server_frame(b"xx" + server_frame("4forged")) + server_frame("4true")
    for cut in range(1, len(wire)):
        collector = Collector()
        transport = MemoryTransport(asyncio.Protocol())
        websocket = ClientWebSocket(transport, collector, [], 1_000, None)
        transport.set_protocol(websocket)
        websocket.start()
        transport.receive(wire[:cut])
        transport.receive(wire[cut:])
        assert collector.packets == [b"xx\x81\x074forged", "4true"], cut


async def test_a_close_frame_lets_the_answers_to_earlier_messages_go_first() -> None:
    received: list[tuple[int, bytes]] = []

    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        assert await peer.packet() == "4ready"
        peer.write(server_frame("4hey") + server_frame(b"\x03\xe8", 0x88))
        received.extend([await peer.read_frame(), await peer.read_frame()])

    async with scripted(script) as server:
        ear = Ear(server.url, transports=["websocket"])
        await ear.client.connect()
        ear.client.on_message = ear.client.send
        ear.client.send("ready")
        assert await ear.ended() == (
            "transport close",
            "got a close frame: 1000 (normal closure)",
        )
        await server.gone()
    assert received == [(0x81, b"4hey"), (0x88, b"\x03\xe8")]


async def test_a_server_that_sends_pings_and_reads_no_pongs() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.stop_reading()
        peer.frame(HANDSHAKE)
        for _ in range(200_000):
            peer.frame(b"x" * 125, 0x89)
            await peer.writer.drain()

    async with scripted(script) as server:
        ear = Ear(server.url, transports=["websocket"])
        await ear.client.connect()
        assert await ear.ended() == (
            "transport error",
            "the server sends pings and reads no pongs",
        )


async def test_a_server_that_reads_slowly_gets_everything() -> None:
    received = bytearray()
    full = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.stop_reading()
        peer.frame(HANDSHAKE)
        await full.wait()
        peer.frame(b"", 0x89)
        await asyncio.sleep(0.001)
        peer.read_on()
        while len(received) < 20:
            first, payload = await peer.read_frame()
            if first == 0x82:
                received.extend(payload[1:2])
        await peer.answer_close()

    async with scripted(script) as server, connected(server.url, transports=["websocket"]) as ear:
        for number in range(20):
            ear.client.send(bytes((0, number)) * 500_000)
            await asyncio.sleep(0)
        assert [ear.client.session.writable] == [False]
        drained = asyncio.create_task(ear.client.drained())
        await asyncio.sleep(0)
        assert not drained.done()
        full.set()
        await patient(drained)
        assert [ear.client.session.writable] == [True]
        await until(lambda: len(received) == 20)
        assert received == bytes(range(20))


async def test_a_server_that_breaks_the_protocol_while_it_does_not_read() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.stop_reading()
        peer.frame(HANDSHAKE)
        await full.wait()
        peer.frame("7")
        await closed.wait()
        peer.read_on()
        await peer.answer_close()

    full, closed = asyncio.Event(), asyncio.Event()
    async with scripted(script) as server:
        ear = Ear(server.url, transports=["websocket"])
        await ear.client.connect()
        ear.client.send(b"a" * 20_000_000)
        await until(lambda: not ear.client.session.writable)
        full.set()
        await until(lambda: ear.closed)
        closed.set()
        assert (await ear.ended())[0] == "transport error"


async def test_the_end_of_the_connection_without_a_close_frame() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        peer.frame("4ok")

    async with scripted(script) as server:
        ear = Ear(server.url, transports=["websocket"])
        await ear.client.connect()
        assert await ear.ended() == (
            "transport close",
            "the connection was lost: closed by the server",
        )
        assert ear.messages == ["ok"]


async def test_a_server_that_does_not_answer_the_close_frame(clock: Clock) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        await silence(peer)

    async with scripted(script) as server:
        ear = Ear(server.url, transports=["websocket"])
        await ear.client.connect()
        ear.client.close()
        closing = asyncio.create_task(ear.client.wait_closed())
        await asyncio.sleep(0.001)
        assert not closing.done()
        await clock.advance(5.1)
        await patient(closing)


async def test_what_is_sent_after_the_server_closed_is_dropped() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        peer.frame(b"", 0x88)
        await peer.answer_close()

    async with scripted(script) as server:
        ear = Ear(server.url, transports=["websocket"])
        await ear.client.connect()
        await until(lambda: ear.closed)
        ear.client.send("late")
        await ear.finish()


# -- the upgrade


def upgrading(candidate: Script) -> tuple[Script, Script, Script]:
    """A server on polling that offers an upgrade, and what it does with the candidate."""

    async def polling(peer: Peer) -> None:
        await peer.request()
        peer.answer(UPGRADABLE)
        await peer.request()
        await asyncio.sleep(0.01)
        peer.answer("4polled")
        await peer.request()
        await silence(peer)

    return polling, candidate, answers_posts


async def refuses_upgrade(peer: Peer) -> None:
    await peer.request()
    peer.answer("no", status="400 Bad Request")


async def closes_candidate(peer: Peer) -> None:
    await peer.accept_websocket()
    assert await peer.packet() == "2probe"


async def answers_wrongly(peer: Peer) -> None:
    await peer.accept_websocket()
    assert await peer.packet() == "2probe"
    peer.frame("3nope")
    peer.frame("4lost")
    await peer.answer_close()


async def breaks_websocket(peer: Peer) -> None:
    await peer.accept_websocket()
    peer.frame(b"", 0x83)
    await peer.answer_close()


async def talks_on(peer: Peer) -> None:
    await peer.accept_websocket()
    assert await peer.packet() == "2probe"
    peer.frame("3probe")
    peer.frame("4too early")
    await peer.answer_close()


async def falls_silent(peer: Peer) -> None:
    await peer.accept_websocket()
    await peer.answer_close()


@pytest.mark.parametrize(
    "candidate",
    [
        refuses_upgrade,
        closes_candidate,
        answers_wrongly,
        breaks_websocket,
        talks_on,
        falls_silent,
        silence,
    ],
)
async def test_an_upgrade_that_fails_leaves_the_session_on_polling(
    candidate: Script, clock: Clock
) -> None:
    async with (
        scripted(*upgrading(candidate)) as server,
        connected(server.url, upgrade_timeout=10, close_timeout=0.05) as ear,
    ):
        await until(lambda: ear.messages)
        assert ear.messages == ["polled"]
        await server.peer(1)
        if candidate in (falls_silent, silence):
            await clock.advance(11)
        await server.gone(1)
        assert ear.client.transport == "polling"
        assert ear.client.opened
        assert ear.upgrades == 0


async def test_a_candidate_lost_while_polling_pauses_starts_it_again() -> None:
    polls = []

    async def polling(peer: Peer) -> None:
        await peer.request()
        peer.answer(UPGRADABLE)
        while True:
            polls.append(await peer.request())
            if len(polls) == 1:
                # Only after the probe is answered: then the client sends no other GET.
                await probed.wait()
                peer.answer("6")
                paused.set()

    async def candidate(peer: Peer) -> None:
        await peer.accept_websocket()
        await peer.packet()
        peer.frame("3probe")
        await asyncio.sleep(0.01)
        probed.set()
        await paused.wait()
        # A POST is under way and keeps the upgrade waiting.
        await asyncio.sleep(0.01)

    async def posting(peer: Peer) -> None:
        await peer.request()
        await silence(peer)

    probed, paused = asyncio.Event(), asyncio.Event()

    async def either(peer: Peer) -> None:
        line = await patient(peer.reader.readuntil(b"\r\n"))
        rest = peer.reader
        rest._buffer[:0] = line  # type: ignore[attr-defined]
        await (posting if line.startswith(b"POST") else candidate)(peer)

    async with scripted(polling, either) as server:
        ear = Ear(server.url, close_timeout=0.05)
        await ear.client.connect()
        ear.client.send("slow")
        await until(lambda: len(polls) == 2)
        assert ear.client.transport == "polling"
        assert ear.client.opened
        await ear.finish()


async def test_closing_during_an_upgrade() -> None:
    async with scripted(*upgrading(falls_silent)) as server:
        ear = Ear(server.url)
        await ear.client.connect()
        await until(lambda: ear.client._upgrade.candidate)
        # The connection of the POST must not come before the candidate's.
        await server.peer(1)
        ear.client.send("last")
        await ear.finish()
        assert ear.closed == [("forced close", "closed by the client")]


# -- the application


async def test_a_message_handler_that_fails_costs_the_session(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    ear = Ear(url_of(harness), transports=["websocket"])

    def fail(message: Any) -> None:
        raise ValueError("the application")

    ear.client.on_message = fail
    await ear.client.connect()
    ear.client.send("a")
    assert await ear.ended() == ("forced close", "the message handler failed")
    assert "the application" in caplog.text


async def test_without_callbacks_nothing_is_told(harness: Harness) -> None:
    client = Client(url_of(harness))
    await client.connect()
    client.send("a")
    await until(lambda: harness.received)
    client.close()
    await client.wait_closed()


async def test_the_tap_sees_every_packet(harness: Harness) -> None:
    seen: list[tuple[str, Any]] = []
    ear = Ear(url_of(harness))
    ear.client.tap = lambda direction, packet: seen.append((direction, packet))
    await ear.client.connect()
    await until(lambda: ear.upgrades)
    ear.client.send("a")
    ear.client.send(b"b")
    await until(lambda: len(ear.messages) == 2)
    await ear.finish()
    assert seen[0][0] == "in"
    assert seen[0][1].startswith("0{")
    packets = [packet for packet in seen[1:] if packet[1] != "6"]
    assert packets == [
        ("out", "2probe"),
        ("in", "3probe"),
        ("out", "5"),
        ("out", "4a"),
        ("out", b"b"),
        ("in", "4a"),
        ("in", b"b"),
    ]
