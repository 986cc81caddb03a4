"""Packets in MessagePack between this client and the servers: the official one, and this one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from socketio_min import Client, ConnectionFailed, ConnectionRefused, Limits, Server
from socketio_min.protocol.json_parser import JSON_PARSER
from socketio_min.protocol.msgpack import MsgpackParser
from socketio_min.protocol.parser import Parser
from tests.socketio_min.server_processes import ServerProcess
from tests.socketio_min.serving import serving
from tests.waiting import patient, until


@pytest.fixture(scope="module", params=["this", "node"])
def server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    process = ServerProcess(request.param, parser="msgpack")
    process.start()
    yield process
    process.stop()


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], ["polling", "websocket"]])
async def test_values_come_back(server: ServerProcess, transports: list[str]) -> None:
    date = datetime(2024, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    args: tuple[Any, ...] = (1, -1.5, True, None, "é😀", [b"\x00\xff", {"a": [{}], "date": date}])
    async with Client(
        server.url, transports=transports, parser=MsgpackParser(), reconnection=False
    ) as client:
        assert await patient(client.call("acknowledge", *args)) == args
        assert await patient(client.call("acknowledge", {1: 2, "wide": 2**53})) == {
            "1": 2,
            "wide": 2**53,
        }


async def test_the_server_is_answered(server: ServerProcess) -> None:
    async with Client(server.url, parser=MsgpackParser(), reconnection=False) as client:

        @client.on("question")
        def question(number: int, data: bytes) -> tuple[int, bytes]:
            return number + 1, data

        answer = await patient(client.call("call", "question", [41, b"x"], 5000))
        assert answer == {"answer": [42, b"x"]}


async def test_namespaces_are_joined_refused_and_left(server: ServerProcess) -> None:
    async with Client(server.url, parser=MsgpackParser(), reconnection=False) as client:
        admin = client.of("/admin", auth={"token": "secret", "key": b"k"})
        await patient(admin.connect())
        assert await patient(admin.call("acknowledge", 1)) == 1
        with pytest.raises(ConnectionRefused, match="nobody may enter"):
            await patient(client.of("/refused").connect())
        await patient(admin.disconnect())
        assert not admin.connected
        assert await patient(client.call("acknowledge", 2)) == 2


async def test_a_whole_packet_starts_no_time_for_attachments(server: ServerProcess) -> None:
    """It is binary data, and nothing is due after it."""
    async with Client(server.url, parser=MsgpackParser(), reconnection=False) as client:
        assert await patient(client.call("acknowledge", 1)) == 1
        assert client._manager._half_packet._timer is None


async def test_a_client_with_json_is_not_let_in(server: ServerProcess) -> None:
    with pytest.raises(ConnectionFailed):
        await patient(Client(server.url, reconnection=False).connect())


async def test_what_is_worked_on_counts_by_its_values() -> None:
    """A list of one byte is 64 bytes, as one of text is."""
    io = Server(parser=MsgpackParser())
    working, finish = asyncio.Event(), asyncio.Event()

    @io.on("work")
    async def work(*_args: Any) -> None:
        working.set()
        await finish.wait()

    encoder = MsgpackParser().encoder("/")
    async with serving(io) as net:
        client = await net.open()
        await client.send(*encoder.connect())
        await client.receive()
        [packet] = encoder.event(["work", [[]] * 3_000, [{"a": 0}] * 1_000, b"\x90" * 500])
        await client.send(packet)
        await patient(working.wait())
        # The packet itself is a map of three members.
        weight = 3_003 * 64 + 1_001 * 240 + (1_000 + 1_000 + 7) * 56
        assert io.engine.account.held == len(packet) + weight
        finish.set()
        await until(lambda: not io.engine.account.held)


@pytest.mark.parametrize("parser", [MsgpackParser(), JSON_PARSER], ids=["msgpack", "json"])
async def test_a_message_that_is_read_in_one_piece_has_a_limit(parser: Parser) -> None:
    io = Server(parser=parser, limits=Limits(max_undivided=1_000))
    got: list[int] = []

    @io.on("x")
    def x(_socket: object, text: str) -> None:
        got.append(len(text))

    encoder = parser.encoder("/")
    fits, too_long = (encoder.event(["x", "x" * size]) for size in (976, 977))
    async with serving(io) as net:
        client = await net.open()
        await client.send(*encoder.connect())
        await client.receive()
        await client.send(*fits, *too_long)
        if parser is JSON_PARSER:
            await until(lambda: got == [976, 977])
        else:
            assert len(fits[0]) == 1_000
            assert await client.rest() == []
            assert got == [976]
