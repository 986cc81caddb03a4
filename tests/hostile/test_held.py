"""What a server holds for its clients: each kind of it by one connection, and by many of one owner.

The one that holds most goes, with 1013 or 413, and an honest neighbour notices nothing. What is
half-received is in test_floods.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Unpack

import pytest

from engineio_min import Request
from engineio_min.limits.account import FREE, Account
from socketio_min import Limits, Socket
from socketio_min.server.options import SocketIOOptionValues
from tests.engineio_min.harness import Clock
from tests.engineio_min.wire import HANDSHAKE, Wire, encode_request
from tests.frames import PING, encode_frame, packet_frame
from tests.hostile.stage import POLLING, WEBSOCKET, Stage, staged
from tests.waiting import patient, until

# 3,000 characters that are a thousand lists once they are parsed.
HEAVY = "[" + ",".join(["[]"] * 1_000) + "]"
# Their weight in '2["wait",...]': a list each and two around them, a comma each.
WEIGHT = len(f'2["wait",{HEAVY}]') + 1_002 * 64 + 1_000 * 56


class Gate:
    """Handlers of "wait" stay until it is opened."""

    def __init__(self, stage: Stage) -> None:
        self.running = 0
        self._open = asyncio.Event()
        stage.io.on("wait", self._wait)

    async def _wait(self, _socket: Socket, *_args: Any) -> None:
        self.running += 1
        await self._open.wait()

    def open(self) -> None:
        self._open.set()


@asynccontextmanager
async def gated(
    **options: Unpack[SocketIOOptionValues],
) -> AsyncIterator[tuple[Stage, Gate, Account]]:
    async with staged(**options) as stage:
        gate = Gate(stage)
        try:
            yield stage, gate, stage.io.engine.account
        finally:
            gate.open()
            await until(lambda: not stage.io.engine.account.held)


# --- what handlers work on


async def test_much_that_is_worked_on_pauses_reading() -> None:
    async with gated(max_held_per_connection=2 * WEIGHT) as (stage, gate, account):
        wire = await stage.joined()
        for number in range(6):
            await wire.send_packet(f'42{number}["wait",{HEAVY}]')
        await until(lambda: stage.sockets[-1].connection.paused)
        for _ in range(5):
            await stage.honest_client_works()
        assert gate.running == 2
        # Besides these what was read with them.
        assert 2 * WEIGHT < account.held < 3 * WEIGHT
        gate.open()
        for number in range(6):
            assert await wire.packet() == f"43{number}[]"
        assert not stage.sockets[-1].connection.paused


async def test_who_has_to_acknowledge_is_read_all_the_same() -> None:
    """A handler that waits for its client would never end."""
    async with gated(max_held_per_connection=WEIGHT) as (stage, _, account):

        @stage.io.on("ask")
        async def ask(socket: Socket, *_args: Any) -> Any:
            return await socket.call("question")

        wire = await stage.joined()
        await wire.send_packet(f'421["ask",{HEAVY},{HEAVY}]')
        assert await wire.packet() == '420["question"]'
        assert account.held > WEIGHT
        await wire.send_packet('430["answer"]')
        assert await wire.packet() == '431["answer"]'


async def test_of_all_that_is_worked_on_the_largest_goes() -> None:
    async with gated(max_held=4 * WEIGHT + 100) as (stage, gate, account):
        large, small = await stage.joined(), await stage.joined()
        for number in (1, 2, 3):
            await large.send_packet(f'42["wait",{HEAVY}]')
            await until(lambda running=number: gate.running == running)  # type: ignore[misc]
        await small.send_packet(f'421["wait",{HEAVY}]')
        await until(lambda: gate.running == 4)
        await stage.honest_client_works()
        assert len(stage.io.engine.sessions) == 3
        await small.send_packet(f'422["wait",{HEAVY}]')
        assert await large.close_code() == 1013
        # Its handlers go on with what they have, which costs the other nothing.
        assert account.held >= 5 * WEIGHT
        await small.send_packet(f'423["wait",{HEAVY}]')
        await until(lambda: gate.running == 6)
        gate.open()
        for number in (1, 2, 3):
            assert await small.packet() == f"43{number}[]"
    assert "transport error" in stage.records.reasons


async def test_who_has_left_is_let_go_for_who_is_there() -> None:
    """Its handlers still work on what it has sent."""
    async with gated(max_held=3 * WEIGHT + 100) as (stage, gate, account):
        left, there = await stage.joined(), await stage.joined()
        for number, wire in enumerate((left, left, there), 1):
            await wire.send_packet(f'42["wait",{HEAVY}]')
            await until(lambda running=number: gate.running == running)  # type: ignore[misc]
        left.abort()
        await until(lambda: len(stage.io.engine.sessions) == 2)
        assert account.held == 3 * WEIGHT
        await there.send_packet(f'42["wait",{HEAVY}]')
        await until(lambda: gate.running == 4)
        await there.send_packet('421["echo"]')
        assert await there.packet() == "431[]"
        assert stage.records.reasons == ["transport close"]


async def test_attachments_that_are_worked_on_count() -> None:
    async with gated() as (stage, gate, account):
        wire = await stage.joined()
        header = '51-["wait",{"_placeholder":true,"num":0}]'
        await wire.send_packet("4" + header, b"a" * 100_000)
        await until(lambda: gate.running)
        # The text is too short to count.
        assert account.held == 100_000


async def test_what_is_too_short_to_be_weighed_does_not_count() -> None:
    async with gated() as (stage, gate, account):
        wire = await stage.joined()
        header = '52-["wait",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'
        await wire.send_packet("4" + header, b"a" * 500)
        await wire.send_frame(PING, b"read?")
        assert (await wire.frame()).payload == b"read?"
        assert account.held == 0
        await wire.send_packet(b"b" * 500)
        await until(lambda: gate.running)
        assert account.held == 0


async def test_a_long_event_without_attachments_counts_by_its_values() -> None:
    """One that is too long to be told apart by a glance, too."""
    async with gated() as (stage, gate, account):
        wire = await stage.joined()
        await wire.send_packet(f'42["wait",{HEAVY},{HEAVY}]')
        await until(lambda: gate.running)
        text = f'2["wait",{HEAVY},{HEAVY}]'
        assert account.held == len(text) + 2_003 * 64 + 2_000 * 56


async def test_what_a_middleware_waits_with_counts() -> None:
    async with gated() as (stage, gate, account):
        inside = asyncio.Event()
        leave = asyncio.Event()

        @stage.io.use_event
        async def look(_socket: Socket, _event: str, _args: list[Any]) -> None:
            if not inside.is_set():
                inside.set()
                await leave.wait()

        wire = await stage.joined()
        await wire.send_packet(f'42["wait",{HEAVY}]')
        await patient(inside.wait())
        assert account.held == WEIGHT
        leave.set()
        await until(lambda: gate.running)
        await until(lambda: account.held == WEIGHT)


async def test_what_a_connect_waits_with_counts() -> None:
    async with gated(max_held=3 * WEIGHT) as (stage, _, account):
        leave = asyncio.Event()

        @stage.io.of("/slow").use
        async def admit(_socket: Socket) -> None:
            await leave.wait()

        wire = await stage.joined()
        stage.io.of("/other").use(admit)
        auth = f'{{"a":{HEAVY}}}'
        await wire.send_packet("40/slow," + auth, "40/other," + auth)
        await until(lambda: account.held)
        weight = len("0/slow," + auth) + 1_001 * 64 + 240 + 1_000 * 56
        await until(lambda: account.held == 2 * weight + 1)
        again = await stage.joined()
        await again.send_packet("40/slow," + auth, "40/other," + auth)
        assert await wire.close_code() == 1013
        leave.set()
        assert str(await again.packet()).startswith("40/")


# --- what waits for its turn


async def test_what_waits_for_a_handler_counts_by_its_values() -> None:
    """All of one read is taken; after that the limit of handlers holds up the rest."""
    async with gated(limits=Limits(max_handlers=1)) as (stage, gate, account):
        wire = await stage.joined()
        heavy = packet_frame(f'42["wait",{HEAVY}]')
        small = packet_frame('42["wait"]')
        await wire.send(small + small + heavy + heavy)
        await until(lambda: account.held > WEIGHT)
        # What every packet costs that waits, too.
        await until(lambda: account.held == 2 * WEIGHT + 3 * 512)
        await until(lambda: gate.running == 1)
        assert account.held == 2 * WEIGHT + 3 * 512
        gate.open()
        await until(lambda: gate.running == 4)
        await stage.honest_client_works()


async def test_who_lets_most_wait_goes(clock: Clock) -> None:
    options: Any = {"max_held": 2 * WEIGHT + 5_000, "ping_interval": 1_000}
    async with gated(limits=Limits(max_handlers=1), **options) as (stage, _, account):
        first, second = await stage.joined(), await stage.joined()
        heavy = packet_frame(f'42["wait",{HEAVY}]')
        small = packet_frame('42["wait"]')
        await first.send(small + heavy)
        await until(lambda: account.held)
        await second.send(small + heavy + heavy)
        assert (await second.closing())[:2] == (1013).to_bytes(2, "big")
        # It is not read while its events wait, and its close frame is not either.
        await clock.advance(6)
        await stage.honest_client_works()
        assert stage.records.reasons == ["transport error"]
        # What has come has its turn all the same, and then it is free.
        assert account.held > WEIGHT


async def test_what_is_sent_before_the_answer_to_connect_counts() -> None:
    async with gated(max_held=300_000) as (stage, _, account):
        inside: list[Socket] = []
        leave = asyncio.Event()

        @stage.io.of("/slow").on("connect")
        async def admit(socket: Socket) -> None:
            inside.append(socket)
            await leave.wait()

        wires = [await stage.joined() for _ in range(3)]
        for number, wire in enumerate(wires, 1):
            await wire.send_packet("40/slow,")
            await until(lambda number=number: len(inside) == number)  # type: ignore[misc]
        inside[0].emit("text", "x" * 50_000)
        assert account.held == 0
        # What all wait for is there once.
        stage.io.of("/slow").emit("text", "y" * 80_000)
        assert 80_000 < account.held < 140_000
        assert len(stage.io.engine.sessions) == 4
        for number in range(6):
            inside[1].emit("text", f"{number}" * 50_000)
        assert await wires[1].close_code() == 1013
        leave.set()
        for wire, texts in ((wires[0], 2), (wires[2], 1)):
            assert str(await wire.packet()).startswith("40/slow,{")
            for _ in range(texts):
                assert str(await wire.packet()).startswith('42/slow,["text"')
        await until(lambda: account.held == 0)


async def test_the_rest_of_a_post_counts() -> None:
    async with gated(max_held=400_000) as (stage, _, account):
        sids = [await stage.polling(), await stage.polling()]
        wires = [await stage.wire(), await stage.wire()]
        connections = stage.io.engine.sessions
        for sid, wire, size in zip(sids, wires, (3_000, 2_000), strict=True):
            body = b"\x1e".join([b"6" + b"x" * 98] * size)
            connections[sid].pause()
            await wire.send(encode_request("POST", f"{POLLING}&sid={sid}", None, body))
            held = len(body)
            await until(lambda size=held: account.held >= size)  # type: ignore[misc]
        answer = await wires[0].response()
        assert answer.status == 413
        await until(lambda: account.held == 2_000 * 100 - 1)
        await stage.honest_client_works()
        connections[sids[1]].resume()
        assert (await wires[1].response()).text == "ok"
        target = f"{POLLING}&sid={sids[1]}"
        assert (await wires[1].request("POST", target, None, b"1")).text == "ok"


# --- what a peer does not take


async def deaf(stage: Stage) -> tuple[Wire, Socket]:
    """A client that reads its CONNECT and nothing after it."""
    wire = await stage.wire(receive_buffer=4_096)
    await wire.send(encode_request("GET", WEBSOCKET, HANDSHAKE))
    assert (await wire.response()).status == 101
    assert str(await wire.packet())[:1] == "0"
    await wire.send_packet("40")
    assert str(await wire.packet())[:2] == "40"
    socket = stage.sockets[-1]
    socket.emit("blob", b"x" * 8_000_000)
    await until(lambda: not socket.connection.session.waiting)
    return wire, socket


async def test_who_leaves_most_unread_goes() -> None:
    async with staged(max_held=2_000_000) as stage:
        account = stage.io.engine.account
        first, deaf_socket = await deaf(stage)
        second, other = await deaf(stage)
        for number in range(30):
            deaf_socket.emit("text", f"{number:02}" * 20_000)
        await asyncio.sleep(0)
        # Told whenever it has doubled.
        assert 600_000 < account.held <= 1_200_000
        for number in range(60):
            other.emit("text", f"{number:02}" * 20_000)
            await asyncio.sleep(0)
        await until(lambda: not other.connected or not deaf_socket.connected)
        assert not other.connected
        await stage.honest_client_works()
        for wire in (first, second):
            wire.abort()
        await until(lambda: not account.held)


async def test_what_many_wait_for_is_held_once() -> None:
    """A crowd of slow readers of one broadcast loses nobody: its packets are there once."""
    async with staged(max_held=2_000_000) as stage:
        account = stage.io.engine.account
        crowd = [await deaf(stage) for _ in range(4)]
        for number in range(20):
            stage.io.emit("text", f"{number:02}" * 25_000)
            assert str(await stage.honest.receive()).startswith('42["text"')
        assert all(socket.connected for _, socket in crowd)
        assert account.held <= 1_000_000
        for wire, _ in crowd:
            wire.abort()
        await until(lambda: not account.held)


async def test_who_takes_too_little_is_not_read(clock: Clock) -> None:
    """Its answers would only wait as well; once it has taken half, it is read again."""
    async with staged(max_held_per_connection=1_000_000) as stage:
        stage.patience = clock
        wire, socket = await deaf(stage)
        for number in range(30):
            socket.emit("text", f"{number:02}" * 25_000)
        await until(lambda: socket.connection.paused)
        await wire.send_packet('42["echo","late"]')
        for _ in range(5):
            await stage.honest_client_works()
        assert ["echo", "late"] not in stage.events
        reading = asyncio.create_task(patient(wire.reader.read(-1)))
        await until(lambda: ["echo", "late"] in stage.events)
        assert not socket.connection.paused
        reading.cancel()
        wire.abort()


# --- whose it is


def by_header(request: Request) -> str | None:
    return request.headers.get("x-from")


async def half(stage: Stage, name: str, size: int) -> Wire:
    """A client that sends the beginning of a message."""
    wire = await stage.websocket(**{"X-From": name})
    assert str(await wire.packet()).startswith("0{")
    await wire.send(encode_frame(2, b"a" * (size - 14), fin=False, length=size))
    return wire


@pytest.mark.parametrize("kind", ["address", "user"])
async def test_many_connections_of_one_owner(kind: str) -> None:
    options: Any = {kind: by_header, f"max_held_per_{kind}": 250_000}
    async with staged(max_http_buffer_size=120_000, **options) as stage:
        account = stage.io.engine.account
        small = await half(stage, "me", FREE)
        neighbour = await half(stage, "neighbour", 115_000)
        mine = [await half(stage, "me", size) for size in (80_000, 110_000)]
        await until(lambda: account.of((kind, "me")) >= 189_000)
        mine.append(await half(stage, "me", 90_000))
        assert await mine[1].close_code() == 1013
        await stage.honest_client_works()
        assert account.of((kind, "me")) <= 250_000
        assert account.of((kind, "neighbour")) >= 114_000
        assert stage.records.reasons == ["transport error"]
        for wire in (small, neighbour, mine[0], mine[2]):
            wire.abort()
        await until(lambda: not account.held)


async def test_a_user_who_is_known_after_the_handshake() -> None:
    async with gated(max_http_buffer_size=50_000, max_held_per_user=3 * WEIGHT) as (
        stage,
        gate,
        account,
    ):
        wires = [await stage.joined() for _ in range(3)]
        for number, wire in enumerate(wires):
            await wire.send_packet(f'42["wait",{HEAVY}]')
            await until(lambda running=number: gate.running == running + 1)  # type: ignore[misc]
        for socket in stage.sockets[-3:-1]:
            socket.connection.count_for("me")
        assert account.of(("user", "me")) == 2 * WEIGHT
        await wires[0].send_packet(f'42["wait",{HEAVY}]')
        await until(lambda: gate.running == 4)
        assert account.of(("user", "me")) == 3 * WEIGHT
        await wires[2].send_packet(f'42["wait",{HEAVY}]', f'42["wait",{HEAVY}]')
        await until(lambda: gate.running == 6)
        await wires[1].send_packet(f'42["wait",{HEAVY}]')
        for wire in wires[:2]:
            # What their handlers work on stays, so neither of them goes for the other.
            assert await wire.close_code() == 1013
        await stage.honest_client_works()
        assert stage.records.reasons == ["transport error"] * 2


async def test_a_candidate_costs_its_own_session() -> None:
    """What a WebSocket sends that is to carry a session is held for that."""
    async with staged(max_held=200_000) as stage:
        sid = await stage.polling()
        wire = await stage.websocket(f"{WEBSOCKET}&sid={sid}")
        await wire.send(encode_frame(2, b"a" * 250_000, fin=False, length=300_000))
        assert await wire.close_code() == 1013
        await stage.honest_client_works()
        assert stage.records.reasons == ["transport error"]


async def test_a_hook_that_fails_counts_for_the_connection_alone() -> None:
    broken = False

    def address(request: Request) -> str:
        if broken:
            raise ValueError("no")
        return request.client

    async with staged(address=address) as stage:
        wire = await stage.joined()
        broken = True
        stage.failures = 1
        await wire.send(encode_frame(2, b"a" * 100_000, fin=False, length=200_000))
        await until(lambda: stage.io.engine.account.held >= 99_000)
        await stage.honest_client_works()
        broken = False
        wire.abort()
        await until(lambda: not stage.io.engine.account.held)
