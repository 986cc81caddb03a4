"""large_message.py: long messages are decoded in steps, in order, to the end of their connection.

Where bytes are counted they wait for each other as well: tests/hostile/test_large_messages.py.
"""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import pytest

import engineio_min
from engineio_min import RateLimit
from engineio_min.protocol.packets import LONG, LongText
from engineio_min.transports.websocket import CLOSE_TIMEOUT
from socketio_min import Limits, Server, Socket
from socketio_min.protocol.gradual_decoding import SLICE, Scan
from socketio_min.protocol.json_parser import JsonParser
from socketio_min.protocol.packets import Packet
from socketio_min.protocol.parser import Head
from socketio_min.server import large_message_queue
from socketio_min.server.large_message import GradualPeer, LargeMessage
from tests.engineio_min.harness import Clock
from tests.engineio_min.wire import encode_request, websocket
from tests.hostile.stage import POLLING, WEBSOCKET, Stage, staged
from tests.waiting import until

TEXT = "a" * LONG
LARGE = f'421["echo","{TEXT}"]'
METERED = Limits(byte_rate=RateLimit(rate=1e9, burst=1e9))
both = pytest.mark.parametrize("limits", [Limits(), METERED], ids=["", "metered"])


class Turns:
    """Counts the turns of the loop, and the slices that were decoded in each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._loop = asyncio.get_running_loop()
        self._turn = 0
        self.slices: Counter[int] = Counter()
        read_slice = Scan._read_slice

        def counted(scan: Scan, piece: bytes) -> None:
            assert len(piece) <= SLICE
            self.slices[self._turn] += 1
            read_slice(scan, piece)

        monkeypatch.setattr(Scan, "_read_slice", counted)
        self._handle = self._loop.call_soon(self._next)

    def _next(self) -> None:
        self._turn += 1
        self._handle = self._loop.call_soon(self._next)

    def stop(self) -> None:
        self._handle.cancel()


def echoes(stage: Stage) -> list[list[Any]]:
    """Return the events of the attackers."""
    return [event for event in stage.events if event != ["echo", "are you there?"]]


@both
async def test_one_slice_a_turn(limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each connection; of all together where bytes are counted."""
    async with staged(limits=limits) as stage:
        wires = [await stage.joined() for _ in range(3)]
        turns = Turns(monkeypatch)
        try:
            await asyncio.gather(*(wire.send_packet(LARGE) for wire in wires))
            await until(lambda: len(echoes(stage)) == 3)
        finally:
            turns.stop()
        assert sum(turns.slices.values()) == 3 * 5
        assert max(turns.slices.values()) <= (1 if limits is METERED else 3)
        for wire in wires:
            assert await wire.packet() == f'431["{TEXT}"]'


@both
async def test_what_comes_after_it_is_taken_after_it(limits: Limits) -> None:
    async with staged(limits=limits) as stage:
        wire = await stage.joined()
        await wire.send_packet('42["echo",1]', LARGE, '42["echo",2]', LARGE, '42["echo",3]')
        await until(lambda: len(echoes(stage)) == 5)
        order = [event[1] for event in echoes(stage)]
        assert order == [1, TEXT, 2, TEXT, 3]
        await stage.honest_client_works()


@both
async def test_what_one_read_has_after_it_waits_for_it(limits: Limits) -> None:
    """A compressed message is a small part of a read."""
    async with staged(limits=limits) as stage:
        wire = await stage.joined()
        connection = stage.sockets[-1]._link.connection
        small = '42["echo",2]'
        connection.receive_all([LongText(LARGE.encode()), small])
        assert echoes(stage) == []
        assert connection.held > len(LARGE)
        await until(lambda: len(echoes(stage)) == 2)
        assert [event[1] for event in echoes(stage)] == [TEXT, 2]
        assert connection.held == 0
        await wire.send_packet('42["echo",3]')
        await until(lambda: len(echoes(stage)) == 3)


@both
@pytest.mark.parametrize("text", ["[", '"' * LONG, "\\"])
async def test_what_is_no_packet_costs_its_sender_the_connection(limits: Limits, text: str) -> None:
    async with staged(limits=limits) as stage:
        wire = await stage.joined()
        await wire.send_packet(f'42["echo","{TEXT}"{text}')
        assert await wire.close_code() == 1005
        assert echoes(stage) == []


async def test_a_long_text_while_attachments_are_due() -> None:
    async with staged() as stage:
        wire = await stage.joined()
        await wire.send_packet('451-["echo",{"_placeholder":true,"num":0}]', LARGE)
        assert await wire.close_code() == 1005


@both
async def test_a_long_event_with_attachments(limits: Limits) -> None:
    async with staged(limits=limits) as stage:
        wire = await stage.joined()
        text = f'451-["echo","{TEXT}",{{"_placeholder":true,"num":0}}]'
        await wire.send_packet(text, b"x" * LONG, '42["echo",2]')
        await until(lambda: len(echoes(stage)) == 2)
        assert echoes(stage) == [["echo", TEXT, b"x" * LONG], ["echo", 2]]


@both
async def test_a_poll_may_have_long_texts_and_long_base64(limits: Limits) -> None:
    async with staged(limits=limits) as stage:
        target = f"{POLLING}&sid={await stage.polling()}"
        wire = await stage.wire()
        binary = bytes(range(256)) * 1_024
        header = '451-["echo",{"_placeholder":true,"num":0}]'
        attachment = "b" + base64.b64encode(binary).decode()
        body = "\x1e".join(["40", LARGE, header, attachment, '42["echo",3]']).encode()
        await wire.send(encode_request("POST", target, None, body))
        assert (await wire.response()).text == "ok"
        assert echoes(stage) == [["echo", TEXT], ["echo", binary], ["echo", 3]]
        # No base64.
        await wire.send(encode_request("POST", target, None, b"b" + b"!" * LONG))
        await wire.response()
        while (await wire.request("GET", target)).text != "1":
            pass
        await until(lambda: len(stage.io.connections) == 1)


async def test_a_long_event_waits_for_the_handlers_before_it() -> None:
    async with staged(limits=Limits(max_handlers=1)) as stage:
        gate = asyncio.Event()

        @stage.io.on("slow")
        async def slow(_socket: Socket) -> None:
            await gate.wait()

        target = f"{POLLING}&sid={await stage.polling()}"
        wire = await stage.wire()
        assert (await wire.request("POST", target, None, b"40")).text == "ok"
        body = f'42["slow"]\x1e{LARGE}'.encode()
        await wire.send(encode_request("POST", target, None, body))
        await until(lambda: ["slow"] in stage.events)
        await until(lambda: all(one._large is None for one in stage.io.connections))
        assert echoes(stage) == [["slow"]]
        gate.set()
        assert (await wire.response()).text == "ok"
        await until(lambda: echoes(stage) == [["slow"], ["echo", TEXT]])
        assert (await wire.request("POST", target, None, b"1")).text == "ok"


@both
async def test_it_is_taken_though_the_connection_ends(limits: Limits) -> None:
    """In steps, and the sockets' end comes after it."""
    async with staged(limits=limits) as stage:
        ends: list[int] = []
        stage.io.on("disconnect", lambda _socket, _reason: ends.append(len(echoes(stage))))
        wires = [await stage.joined() for _ in range(3)]
        for wire in wires:
            await wire.send_packet(LARGE, '42["echo",1]')
        await until(lambda: sum(client.connection.paused for client in stage.io.connections) > 0)
        for wire in wires:
            await wire.close()
        await until(lambda: len(ends) == 3)
        assert len(echoes(stage)) >= len(wires)
        assert echoes(stage).count(["echo", TEXT]) == 3
        assert sorted(ends) == ends


async def test_a_handler_may_end_the_connection_of_a_long_event() -> None:
    async with staged(limits=METERED) as stage:

        @stage.io.on("end")
        def end(socket: Socket, *_args: Any) -> None:
            socket.disconnect(close=True)

        wire = await stage.joined()
        await wire.send_packet(f'42["end","{TEXT}"]', '42["end",1]', f'42["end","{TEXT}"]')
        assert await wire.packet() == "41"
        await until(lambda: len(stage.io.connections) == 1)


async def test_a_socket_that_leaves_meanwhile_gets_nothing() -> None:
    async with staged() as stage:
        wire = await stage.joined()
        await wire.send_packet("40/other")
        await wire.packet()
        await wire.send_packet(LARGE)
        await until(lambda: any(one.connection.paused for one in stage.io.connections))
        stage.sockets[-1].disconnect()
        assert await wire.packet() == "41"
        # What crosses that is dropped as well.
        await wire.send_packet(LARGE, f'451-["echo","{TEXT}",{{"_placeholder":true,"num":0}}]')
        await wire.send_packet(b"x")
        await until(lambda: not any(one.connection.paused for one in stage.io.connections))
        assert echoes(stage) == []


async def test_the_end_of_the_server_does_not_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(large_message_queue, "PACE", 1)
    io = Server(limits=METERED)
    events: list[Any] = []
    io.on("echo", lambda _socket, *args: events.append(args))
    await io.listen(port=0)
    async with AsyncExitStack() as stack:
        for _ in range(3):
            wire = await stack.enter_async_context(websocket(io.port, WEBSOCKET, {}))
            await wire.send_packet("40", LARGE, '42["echo",1]')
        await until(lambda: sum(one.connection.paused for one in io.connections) >= 2)
        await io.close()
    assert io.engine.account.held == 0
    assert len(events) <= 2


@both
async def test_the_end_comes_between_two_steps(limits: Limits, clock: Clock) -> None:
    async with staged(limits=limits) as stage:
        ends: list[Any] = []
        stage.io.on("disconnect", lambda _socket, _reason: ends.extend(echoes(stage)))
        wire = await stage.joined()
        await wire.send_packet(f'42["echo","{TEXT * 3}"]')
        await until(lambda: any(one.connection.paused for one in stage.io.connections))
        stage.sockets[-1]._link.connection.close()
        assert ends == []
        await until(lambda: echoes(stage))
        assert await wire.closing() == b""
        await clock.advance(CLOSE_TIMEOUT)
        await until(lambda: ends)
        assert ends == [["echo", TEXT * 3]]


async def test_the_server_ends_between_two_steps() -> None:
    io = Server(limits=METERED)
    events: list[Any] = []
    io.on("echo", lambda _socket, *args: events.append(args))
    await io.listen(port=0)
    async with websocket(io.port, WEBSOCKET, {}) as wire:
        await wire.send_packet("40", f'42["echo","{TEXT * 3}"]')
        await until(lambda: any(one.connection.paused for one in io.connections))
        await io.close()
    assert io.engine.account.held == 0
    assert events == []
    assert io.large_message_queue.begin(1, 1e12)


class Dropping:
    """Takes a message by dropping all."""

    def __init__(self, connection: engineio_min.Connection) -> None:
        self.connection = connection
        self.large = LargeMessage(self)
        self.large.start(b"x" * LONG)

    @property
    def peer(self) -> GradualPeer:
        raise NotImplementedError

    def receive_any(self, message: str | bytes) -> None:
        self.large.drop()

    def take_completed(self, packet: Packet | None, weight: int) -> None:
        raise NotImplementedError

    def forget_large(self) -> None:
        raise NotImplementedError


async def test_what_is_dropped_while_it_is_taken(clock: Clock) -> None:
    async with staged() as stage:
        wire = await stage.joined()
        connection = stage.sockets[-1]._link.connection
        Dropping(connection)
        assert connection.held == 0
        connection.close()
        assert await wire.closing() == b""
        await clock.advance(CLOSE_TIMEOUT)


class Failing(JsonParser):
    """Fails for large messages."""

    def head(self, message: str | bytes, max_attachments: int) -> Head:
        if len(message) > LONG:
            raise ValueError("a parser may have faults")
        return super().head(message, max_attachments)


async def test_a_fault_costs_the_connection_and_delays_nobody() -> None:
    async with staged(limits=METERED, parser=Failing()) as stage:
        stage.failures = 2
        for _ in range(2):
            wire = await stage.joined()
            await wire.send_packet(LARGE)
            assert await wire.close_code() == 1005
        assert stage.records.tracebacks == ["the message handler failed; closing the session"] * 2
