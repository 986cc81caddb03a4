"""Connections that are passed on: two workers' servers in one process, raw bytes from the client.

Invariant: whichever worker a request comes to, it is answered by the one that has its session, in
order, on the same TCP connection.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from engineio_min import Connection, Server
from engineio_min.http.connection import HttpConnection
from engineio_min.request import Request, Response
from engineio_min.workers.handover import WorkerHandover
from engineio_min.workers.mailbox import Mailbox
from engineio_min.workers.messages import Message
from tests.engineio_min.harness import POLLING, WEBSOCKET
from tests.engineio_min.wire import Wire, connect, encode_request
from tests.waiting import until


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
                {
                    "Connection": "Upgrade",
                    "Upgrade": "websocket",
                    "Sec-WebSocket-Version": "13",
                    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
                },
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
            and (protocol._head_size or protocol._receiving is not None)
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


async def test_a_request_behind_one_that_is_not_answered_stays(two: Two) -> None:
    """The connection cannot go before its answer: the second request is for no open session."""
    one, other = two
    mine, others = await open_session(one), await open_session(other)
    async with connect(one.port) as wire:
        await wire.send(encode_request("GET", mine))
        await until(lambda: one.server.sessions[mine.rpartition("=")[2]].session.waiting)
        await wire.send(encode_request("GET", others))
        assert (await wire_request(one, mine)) == "ok"
        assert (await wire.response()).text == "4AA x"
        assert (await wire.response()).status == 400


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
                {
                    "Connection": "Upgrade",
                    "Upgrade": "websocket",
                    "Sec-WebSocket-Version": "13",
                    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
                },
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


async def test_a_connection_that_is_over_when_it_comes(two: Two) -> None:
    one, _ = two
    with socket.socket() as no_connection:
        one.received(Message(b"x", no_connection.detach()))
    await until(lambda: not one.handover._tasks and not one.connections)
