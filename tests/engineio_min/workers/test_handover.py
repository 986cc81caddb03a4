"""Connections that are passed on: two workers' servers in one process, raw bytes from the client.

Invariant: whichever worker a request comes to, it is answered by the one that has its session, in
order, on the same TCP connection.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from engineio_min import Connection, Server
from engineio_min.http.connection import HttpConnection
from engineio_min.request import Request, Response
from engineio_min.workers.handover import WorkerHandover
from engineio_min.workers.mailbox import MAX_WAITING_CONNECTIONS, Mailbox
from engineio_min.workers.messages import Message
from tests.engineio_min.harness import POLLING, WEBSOCKET
from tests.engineio_min.wire import Wire, connect, encode_request
from tests.waiting import until

HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


class Process:
    """What a worker is made of, without a process of its own."""

    def __init__(self, folder: Path, name: str, node: str = "") -> None:
        self.server = Server(node=node)
        self.server.sid_prefix += name
        self.server.on_connection(self.accept)
        self.server.http.route("/who", self.who)
        self.name = name
        self.mailbox = Mailbox(folder, name, self.received)
        self.handover = WorkerHandover(self.mailbox, self.server.http, node)
        self.server.http.handover = self.handover

    def received(self, message: Message) -> None:
        self.handover.received(message)

    def accept(self, connection: Connection) -> None:
        connection.on_message = lambda message: connection.send(f"{self.name} {message!s}")

    def who(self, _request: Request) -> Response:
        return Response(200, self.name.encode())

    async def close(self) -> None:
        await self.server.stop()
        self.mailbox.close()
        assert not self.handover._tasks

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def connections(self) -> int:
        return len(self.server.http.connections)


Two = tuple[Process, Process]


@pytest_asyncio.fixture(params=["", "N1"])
async def two(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Two]:
    """Two workers that listen."""
    processes = Process(tmp_path, "AA", request.param), Process(tmp_path, "AB", request.param)
    for process in processes:
        await process.server.listen(port=0)
    yield processes
    for process in processes:
        await process.close()


async def open_session(process: Process) -> str:
    """The target of a new polling session's requests."""
    async with connect(process.port) as wire:
        response = await wire.request("GET", POLLING)
        assert response.status == 200
        sid = json.loads(response.body[1:])["sid"]
        assert sid.startswith(process.server.sid_prefix)
        assert len(sid) == 20
        return f"{POLLING}&sid={sid}"


async def who(wire: Wire) -> str:
    """Who has the connection."""
    return (await wire.request("GET", "/who")).text


async def test_a_request_goes_to_the_worker_of_its_session(two: Two) -> None:
    one, other = two
    target = await open_session(one)
    async with connect(other.port) as wire:
        assert await who(wire) == "AB"
        posted = await wire.request("POST", target, {}, b"4hello")
        assert (posted.status, posted.text) == (200, "ok")
        assert await who(wire) == "AA", "the connection stays where it is"
        assert (await wire.request("GET", target)).text == "4AA hello"
        await until(lambda: (one.connections, other.connections) == (1, 0))


async def test_a_session_at_home_stays(two: Two) -> None:
    one, other = two
    target = await open_session(one)
    async with connect(one.port) as wire:
        for text in ("a", "b", "c"):
            assert (await wire.request("POST", target, {}, f"4{text}".encode())).text == "ok"
        assert (await wire.request("GET", target)).text == "4AA a\x1e4AA b\x1e4AA c"
    assert other.connections == 0


async def test_a_websocket_that_comes_to_another_worker(two: Two) -> None:
    one, other = two
    target = await open_session(one)
    sid = target.rpartition("=")[2]
    async with connect(other.port) as wire:
        await wire.send(
            encode_request(
                "GET",
                f"{WEBSOCKET}&sid={sid}",
                HANDSHAKE,
            )
        )
        assert (await wire.response()).status == 101
        await wire.send_packet("2probe")
        assert await wire.packet() == "3probe"


async def test_a_head_in_pieces(two: Two) -> None:
    one, other = two
    target = await open_session(one)
    request = encode_request("POST", target, {"Content-Length": "6"}) + b"4hello"
    for pause in (1, 4, request.index(b"sid=") + 10, request.index(b" HTTP"), len(request) - 3):
        async with connect(other.port) as wire:
            assert await who(wire) == "AB"
            await wire.send(request[:pause])
            await read_by(other if pause < request.index(b"\n") else one)
            await wire.send(request[pause:])
            assert (await wire.response()).text == "ok"
            assert await who(wire) == "AA"


async def read_by(process: Process) -> None:
    """A connection of the worker has something of a head, or the body."""

    def has_read() -> bool:
        protocols = [one.get_protocol() for one in process.server.http.connections]
        return any(
            isinstance(protocol, HttpConnection)
            and protocol._reader is not None
            and (protocol._in_head or protocol._reader.receiving is not None)
            for protocol in protocols
        )

    await until(has_read)


async def test_a_known_head_cannot_begin_in_the_middle_of_a_line(two: Two) -> None:
    _, other = two
    async with connect(other.port) as wire:
        for _ in range(2):
            assert await who(wire) == "AB"
        await wire.send(b"GE")
        await read_by(other)
        await wire.send(encode_request("GET", "/who"))
        assert (await wire.response()).status == 400


async def test_a_line_without_end(two: Two) -> None:
    _, other = two
    async with connect(other.port) as wire:
        await wire.send(b"GET /" + b"x" * (other.server.http.limits.request_line + 10))
        await read_by(other)
        await wire.send(b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await wire.response()).status == 414


@pytest.mark.parametrize("sid", ["N1ZZ" + "x" * 16, "ZZ" + "x" * 18, "short", "N1AAxx", "%41" * 20])
async def test_a_session_that_nobody_has(two: Two, sid: str) -> None:
    one, _ = two
    async with connect(one.port) as wire:
        response = await wire.request("GET", f"{POLLING}&sid={sid}")
        assert response.status == 400
        assert response.json == {"code": 1, "message": "Session ID unknown"}


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_request_behind_one_that_is_not_answered_waits(two: Two, at_once: bool) -> None:
    """The connection cannot go before the answer does."""
    one, other = two
    mine, others = await open_session(one), await open_session(other)
    first, second = encode_request("GET", mine), encode_request("GET", others)
    async with connect(one.port) as wire:
        await wire.send(first + second if at_once else first)
        await until(lambda: one.server.sessions[mine.rpartition("=")[2]].session.waiting)
        if not at_once:
            await wire.send(second)
        assert (await wire_request(one, mine)) == "ok"
        assert (await wire.response()).text == "4AA x"
        assert (await wire_request(one, others)) == "ok"
        assert (await wire.response()).text == "4AB x"
        assert await who(wire) == "AB"


async def test_pipelined_requests_for_both_workers(two: Two) -> None:
    """Each is answered by its own, in order, in as many turns as there are requests."""
    one, other = two
    mine, others = await open_session(one), await open_session(other)

    def post(target: str, body: bytes) -> bytes:
        return encode_request("POST", target, {"Content-Length": str(len(body))}) + body

    async with connect(one.port) as wire:
        for _ in range(2):
            await wire.send(
                post(mine, b"4a")
                + encode_request("GET", "/who")
                + post(others, b"4b")
                + encode_request("GET", "/who")
                + encode_request("GET", mine)
                + encode_request("GET", others)[:-2]
            )
            await wire.send(b"\r\n")
            texts = [(await wire.response()).text for _ in range(6)]
            assert texts[0] == texts[2] == "ok"
            assert texts[3:] == ["AB", "4AA a", "4AB b"]
        # The last one was for the other worker: there it began, and there it stays.
        assert (one.connections, other.connections) == (0, 1)


async def test_what_follows_a_request_that_is_refused_is_no_request(two: Two) -> None:
    one, other = two
    mine, others = await open_session(one), await open_session(other)
    async with connect(one.port) as wire:
        size = one.server.options.text_limit + 1
        head = encode_request("POST", mine, {"Content-Length": str(size)})
        await wire.send(head + b"4" + encode_request("GET", others))
        assert (await wire.response()).status == 413
    await until(lambda: other.connections == 0)


async def test_frames_behind_a_handshake_are_no_request(two: Two) -> None:
    one, _ = two
    async with connect(one.port) as wire:
        handshake = encode_request("GET", WEBSOCKET, HANDSHAKE)
        await wire.send(handshake + bytes([0x81, 0x82, 0, 0, 0, 0]) + b"4x")
        assert (await wire.response()).status == 101
        assert str(await wire.packet()).startswith("0{")
        assert await wire.packet() == "4AA x"


async def test_a_connection_with_tls_stays(two: Two) -> None:
    one, other = two
    target = await open_session(other)

    class Secure(asyncio.Transport):
        def get_write_buffer_size(self) -> int:
            return 0

        def get_extra_info(self, name: str, default: object = None) -> object:
            return name == "sslcontext"

    assert not one.handover.give(Secure(), encode_request("GET", target))


async def wire_request(process: Process, target: str) -> str:
    async with connect(process.port) as wire:
        return (await wire.request("POST", target, {}, b"4x")).text


async def test_an_answer_that_is_on_its_way_is_not_lost(two: Two) -> None:
    one, other = two
    target = await open_session(other)

    class Stalled(asyncio.Transport):
        def get_write_buffer_size(self) -> int:
            return 1

    data = encode_request("GET", target)
    assert not one.handover.give(Stalled(), data)


async def test_a_retired_worker_gives_new_sessions_away(two: Two) -> None:
    one, other = two
    target = await open_session(one)
    async with connect(one.port) as idle, connect(one.port) as busy, connect(one.port) as open_:
        assert await who(idle) == "AA"
        await busy.send(encode_request("GET", target))
        sid = target.rpartition("=")[2]
        await until(lambda: one.server.sessions[sid].session.waiting)
        await open_.send(b"GET ")
        await read_by(one)
        one.server.stop_accepting()
        one.handover.retire(["AB"])
        # Who has said nothing or waits for nothing is passed on at once.
        await until(lambda: other.connections == 1)
        assert await who(idle) == "AB"
        # Who was about to ask goes with the request, and who belongs here stays.
        await open_.send(b"/who HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await open_.response()).text == "AB"
        assert await wire_request(other, target) == "ok"
        assert (await busy.response()).text == "4AA x"
        assert await who(busy) == "AB"


async def test_a_websocket_is_not_given_away(two: Two) -> None:
    one, other = two
    async with connect(one.port) as wire:
        await wire.send(
            encode_request(
                "GET",
                WEBSOCKET,
                HANDSHAKE,
            )
        )
        assert (await wire.response()).status == 101
        assert str(await wire.packet()).startswith("0{")
        one.handover.retire(["AB"])
        await wire.send_packet("4x")
        assert await wire.packet() == "4AA x"
        assert other.connections == 0


async def test_a_successor_that_is_gone(two: Two) -> None:
    one, _ = two
    async with connect(one.port) as wire:
        assert await who(wire) == "AA"
        one.handover.retire(["ZZ"])
        assert await who(wire) == "AA"
        one.handover.retire(["ZY", "ZZ", "AB"])
        for _ in range(3):
            async with connect(one.port) as other:
                assert await who(other) == "AB"


async def test_a_connection_that_is_over_when_it_comes(two: Two) -> None:
    one, _ = two
    with socket.socket() as no_connection:
        one.received(Message(b"x", no_connection.detach()))
    await until(lambda: not one.handover._tasks and not one.connections)


async def test_a_descriptor_that_is_no_connection(
    two: Two, caplog: pytest.LogCaptureFixture
) -> None:
    one, _ = two
    read, write = os.pipe()
    one.received(Message(b"x", read))
    assert "got a descriptor that is no connection" in caplog.text
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(read)
    os.close(write)


async def test_a_peer_that_sends_its_connection_to_and_fro(two: Two) -> None:
    """Each request is passed once, its neighbours are served, and nothing is left of it."""
    one, other = two
    targets = [await open_session(process) for process in two]
    honest = await open_session(one)
    before = len(os.listdir("/dev/fd"))
    async with connect(one.port) as wire, connect(one.port) as neighbour:
        for number in range(200):
            posted = await wire.request("POST", targets[(number + 1) % 2], {}, b"4x")
            assert posted.text == "ok"
            if number % 20 == 0:
                assert (await neighbour.request("POST", honest, {}, b"4y")).text == "ok"
                assert (await neighbour.request("GET", honest)).text == "4AA y"
        assert one.connections + other.connections == 2
    await until(lambda: one.connections + other.connections == 0)
    # Each has kept its way to the other, and its end of the other's.
    assert len(os.listdir("/dev/fd")) <= before + 4


async def test_a_worker_that_takes_no_connections_blocks_nobody(two: Two, tmp_path: Path) -> None:
    """What it is given waits up to a limit; from there on its sessions are unknown."""
    one, _ = two
    deaf = socket.socket(socket.AF_UNIX)
    deaf.bind(str(tmp_path / "ZZ"))
    deaf.listen(1)
    honest = await open_session(one)
    before = len(os.listdir("/dev/fd"))
    sid = f"{one.server.options.node}ZZ".ljust(20, "x")
    request = encode_request("GET", f"{POLLING}&sid={sid}")

    def waiting() -> int:
        known = one.mailbox._outboxes.get("ZZ")
        return 0 if known is None else len(known[1]._waiting)

    async with connect(one.port) as neighbour, AsyncExitStack() as stack:
        await until(lambda: one.connections == 1)
        while waiting() < MAX_WAITING_CONNECTIONS:
            wire = await stack.enter_async_context(connect(one.port))
            await wire.send(request)
            await until(lambda: one.connections == 2)
            await until(lambda: one.connections == 1)
        wire = await stack.enter_async_context(connect(one.port))
        await wire.send(request)
        assert (await wire.response()).status == 400
        assert (await neighbour.request("POST", honest, {}, b"4y")).text == "ok"
        assert (await neighbour.request("GET", honest)).text == "4AA y"
    deaf.close()
    await until(lambda: not one.mailbox._outboxes and one.connections == 0)
    assert len(os.listdir("/dev/fd")) <= before
