"""Acknowledgements: what handlers return, and what the members of a broadcast answer.

What one client answers is in `server/test_asking.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from socketio_min import AcknowledgementTimeout, Limits, Server, Socket, UsageError
from tests.socketio_min.serving import TRANSPORTS, Transport, advance, serving
from tests.waiting import PATIENCE, until

HOLE = '{"_placeholder":true,"num":0}'
SECOND = '{"_placeholder":true,"num":1}'


class Point(NamedTuple):
    x: int
    y: int


# --- from client to server


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    ("result", "reply"),
    [
        (None, ["431[]"]),
        ("x", ['431["x"]']),
        (0, ["431[0]"]),
        (False, ["431[false]"]),
        ("", ['431[""]']),
        ([], ["431[[]]"]),
        ([1, 2], ["431[[1,2]]"]),
        ({"a": None}, ['431[{"a":null}]']),
        ((), ["431[]"]),
        ((1,), ["431[1]"]),
        ((None,), ["431[null]"]),
        ((1, "2", [3]), ['431[1,"2",[3]]']),
        (Point(1, 2), ["431[1,2]"]),
        (b"x", [f"461-1[{HOLE}]", b"x"]),
        (({"a": [b"x"]}, b"y"), [f'462-1[{{"a":[{HOLE}]}},{SECOND}]', b"x", b"y"]),
    ],
)
async def test_what_a_handler_returns_acknowledges_its_event(
    result: Any, reply: list[str | bytes], later: bool
) -> None:
    io = Server()

    @io.on("now")
    def now(_socket: Socket) -> Any:
        return result

    @io.on("later")
    async def after_a_while(_socket: Socket) -> Any:
        await asyncio.sleep(0)
        return result

    async with serving(io) as net:
        client, _ = await net.join()
        event = "later" if later else "now"
        # Without an id nothing is answered, whatever the handler returns.
        await client.send(f'42["{event}"]', f'421["{event}"]')
        await client.expect(*reply)
        await client.nothing_more()


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_acknowledgements_with_binary_values_in_both_directions(
    transport: Transport,
) -> None:
    io = Server()
    io.of("/custom")
    io.on("echo", lambda _socket, *args: args)
    io.of("/custom").on("echo", lambda _socket, *args: args)
    async with serving(io) as net:
        client = await net.open(transport)
        for prefix in ("", "/custom,"):
            await client.join(prefix.rstrip(",") or "/")
            await client.send(f'452-{prefix}5["echo",{SECOND},1,{{"a":{HOLE}}}]', b"zero", b"one")
            await client.expect(f'462-{prefix}5[{HOLE},1,{{"a":{SECOND}}}]', b"one", b"zero")


async def test_handlers_answer_in_the_order_in_which_they_finish() -> None:
    io = Server()
    gates = [asyncio.Event(), asyncio.Event()]

    @io.on("wait")
    async def wait(_socket: Socket, number: int) -> int:
        await gates[number].wait()
        return number

    async with serving(io) as net:
        client, _ = await net.join()
        await client.send('427["wait",0]', '428["wait",1]')
        await client.nothing_more()
        gates[1].set()
        await client.expect("438[1]")
        gates[0].set()
        await client.expect("437[0]")


async def test_nobody_hears_the_answer_of_a_handler_that_outlives_its_client() -> None:
    io = Server()
    gate = asyncio.Event()
    finished = []

    @io.on("wait")
    async def wait(socket: Socket) -> bytes:
        await gate.wait()
        finished.append(socket.connected)
        return b"late"

    async with serving(io) as net:
        client, _ = await net.join()
        await client.send('421["wait"]')
        await until(lambda: io.handler_tasks)
        await client.send("41")
        await client.join()
        gate.set()
        await client.nothing_more()
        assert finished == [False]


# --- broadcasts


async def test_a_broadcast_gathers_the_first_argument_of_each_answer() -> None:
    io = Server()
    async with serving(io) as net:
        members = [await net.join(transport=transport) for transport in (*TRANSPORTS, "websocket")]
        outsider, _ = await net.join()
        for _, socket in members:
            socket.join("room")
        call = asyncio.ensure_future(io.to("room").timeout(PATIENCE).call("q", b"x"))
        for client, socket in members:
            await client.expect(f'451-0["q",{HOLE}]', b"x")
            assert socket.pending_acks == 1
        await members[1][0].send(f'461-0[{HOLE},"ignored"]', b"second")
        await members[1][0].send("430[]")
        await members[2][0].send("430[]")
        await members[2][0].nothing_more()
        assert not call.done()
        await members[0][0].send('430[{"a":1}]')
        assert await call == [b"second", None, {"a": 1}]
        assert [socket.pending_acks for _, socket in members] == [0, 0, 0]
        await outsider.nothing_more()


async def test_a_broadcast_to_nobody_is_answered_at_once() -> None:
    io = Server()
    async with serving(io) as net:
        client, _ = await net.join()
        assert await io.to("nobody").timeout(PATIENCE).call("q") == []
        assert await io.of("/empty").timeout(PATIENCE).call("q") == []
        await client.nothing_more()


@pytest.mark.parametrize("answers", [0, 1, 2])
async def test_a_broadcast_that_not_all_answer_keeps_the_answers(answers: int) -> None:
    io = Server()
    async with serving(io) as net:
        members = [await net.join() for _ in range(3)]
        call = asyncio.ensure_future(io.timeout(20.0).call("q"))
        for number, (client, _) in enumerate(members):
            await client.expect('420["q"]')
            if number < answers:
                await client.send(f"430[{number}]")
                await client.nothing_more()
        advance(20.0)
        with pytest.raises(AcknowledgementTimeout, match=r"of 3 acknowledgements") as caught:
            await call
        assert caught.value.responses == list(range(answers))
        assert [socket.pending_acks for _, socket in members] == [0, 0, 0]
        await members[2][0].send('430["late"]')
        await members[2][0].nothing_more()
        assert caught.value.responses == list(range(answers))


async def test_a_member_that_goes_is_not_waited_for() -> None:
    io = Server()
    async with serving(io) as net:
        one, _ = await net.join()
        two, _ = await net.join()
        three, _ = await net.join()
        call = asyncio.ensure_future(io.timeout(PATIENCE).call("q"))
        for client in (one, two, three):
            await client.expect('420["q"]')
        await two.leave()
        await one.send("430[1]")
        await one.nothing_more()
        assert not call.done()
        await three.send("41")
        with pytest.raises(AcknowledgementTimeout, match="got 1 of 3") as caught:
            await call
        assert caught.value.responses == [1]


async def test_members_that_have_all_gone_are_not_waited_for() -> None:
    io = Server()
    async with serving(io) as net:
        client, socket = await net.join()
        call = asyncio.ensure_future(io.timeout(PATIENCE).call("q"))
        await client.expect('420["q"]')
        socket.disconnect()
        with pytest.raises(AcknowledgementTimeout, match="the other sockets disconnected"):
            await call
        await client.expect("41")


async def test_a_broadcast_call_needs_a_timeout() -> None:
    io = Server()
    async with serving(io) as net:
        client, socket = await net.join()
        with pytest.raises(UsageError, match=r"needs \.timeout\(seconds\)"):
            await io.to("room").call("q")
        with pytest.raises(UsageError, match=r"needs \.timeout\(seconds\)"):
            await socket.broadcast.call("q")
        await client.nothing_more()


async def test_a_broadcast_from_a_socket_asks_the_others() -> None:
    io = Server()
    async with serving(io) as net:
        one, socket = await net.join()
        two, _ = await net.join()
        call = asyncio.ensure_future(socket.broadcast.timeout(PATIENCE).call("q"))
        await two.expect('420["q"]')
        await two.send('430["two"]')
        assert await call == ["two"]
        await one.nothing_more()


async def test_a_volatile_broadcast_asks_only_those_who_can_take_it() -> None:
    io = Server()
    async with serving(io) as net:
        one, _ = await net.join()
        polling, _ = await net.join(transport="polling")
        call = asyncio.ensure_future(io.volatile.timeout(PATIENCE).call("q"))
        await one.expect('420["q"]')
        await one.send("430[1]")
        assert await call == [1]
        await polling.nothing_more()


async def test_one_member_at_its_limit_leaves_no_trace_in_the_others() -> None:
    io = Server(limits=Limits(max_pending_acks=1))
    async with serving(io) as net:
        one, first = await net.join()
        two, second = await net.join()
        call = asyncio.ensure_future(second.call("q", timeout=PATIENCE))
        await two.expect('420["q"]')
        with pytest.raises(UsageError, match="max_pending_acks"):
            await io.timeout(PATIENCE).call("all")
        assert first.pending_acks == 0
        assert second.pending_acks == 1
        await one.nothing_more()
        await two.send("430[1]")
        assert await call == 1


async def test_a_broadcast_call_that_is_cancelled_is_forgotten() -> None:
    io = Server()
    async with serving(io) as net:
        client, socket = await net.join()
        call = asyncio.ensure_future(io.timeout(PATIENCE).call("q"))
        await client.expect('420["q"]')
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert socket.pending_acks == 0


async def test_the_ids_are_the_namespaces() -> None:
    io = Server()
    io.of("/custom")

    async def asked() -> None:
        async with serving(io) as net:
            client, socket = await net.join()
            other = io.of("/custom").sockets[await client.join("/custom")]
            calls: list[Any] = []

            def ask() -> Iterator[Any]:
                yield socket.call("q", timeout=PATIENCE)
                yield io.timeout(PATIENCE).call("q")
                yield other.call("q", timeout=PATIENCE)
                yield socket.call("q", timeout=PATIENCE)

            for call in ask():
                calls.append(asyncio.ensure_future(call))
                await asyncio.sleep(0)
            await client.expect('420["q"]', '421["q"]', '42/custom,0["q"]', '422["q"]')
            await client.send("430[1]", "431[2]", "43/custom,0[3]", "432[4]")
            assert await asyncio.gather(*calls) == [1, [2], 3, 4]

    await asked()
