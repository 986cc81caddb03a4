"""namespace.py: events and errors on their way to handlers."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from socketio_min import ConnectionRefused, Server, Socket
from tests.socketio_min.serving import serving
from tests.waiting import until


async def test_an_event_nobody_handles_is_ignored() -> None:
    async with serving(Server()) as net:
        client, _ = await net.join()
        await client.send('421["unknown"]', '42["unknown"]')
        await client.nothing_more()


@pytest.mark.parametrize("later", [False, True])
async def test_one_handler_takes_the_events_without_a_handler(later: bool) -> None:
    io = Server()
    seen: list[Any] = []

    def other(socket: Socket, event: str, args: list[Any], acknowledged: bool) -> Any:
        seen.append((socket.id, event, args, acknowledged))
        return (event, *args)

    async def other_later(socket: Socket, event: str, args: list[Any], acknowledged: bool) -> Any:
        await asyncio.sleep(0)
        return other(socket, event, args, acknowledged)

    function = other_later if later else other
    assert io.on_other(function) is function
    io.on("known", lambda _socket: "known")
    dynamic = io.of(re.compile("^/d"))
    dynamic.on_other(function)
    async with serving(io) as net:
        client, socket = await net.join()
        await client.send('421["x",1]', '42["y"]', '422["known"]')
        if later:
            assert {await client.receive(), await client.receive()} == {
                '431["x",1]',
                '432["known"]',
            }
        else:
            await client.expect('431["x",1]', '432["known"]')
        assert seen == [(socket.id, "x", [1], True), (socket.id, "y", [], False)]
        await client.join("/d")
        await client.send('42/d,3["z"]')
        await client.expect('43/d,3["z"]')


async def test_listeners_of_outgoing_events_see_what_each_socket_is_sent() -> None:
    io = Server()
    sent: list[tuple[str, str, tuple[Any, ...]]] = []

    @io.on_any_outgoing
    def listener(socket: Socket, event: str, *args: Any) -> None:
        sent.append((socket.id, event, args))

    async with serving(io) as net:
        _, one = await net.join()
        _, two = await net.join()
        one.emit("direct", 1, b"x")
        assert sent == [(one.id, "direct", (1, b"x"))]
        sent.clear()
        io.emit("all", 2)
        assert sorted(sent) == sorted([(one.id, "all", (2,)), (two.id, "all", (2,))])
        sent.clear()
        io.to(two.id).emit("binary", b"x")
        assert sent == [(two.id, "binary", (b"x",))]
        sent.clear()
        call = asyncio.ensure_future(io.to(one.id).timeout(20.0).call("asked"))
        direct = asyncio.ensure_future(two.call("asked", timeout=20.0))
        await until(lambda: len(sent) == 2)
        assert sent == [(one.id, "asked", ()), (two.id, "asked", ())]
        call.cancel()
        direct.cancel()


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        ("sorry", '431["sorry"]'),
        ((1, b"x"), '461-1[1,{"_placeholder":true,"num":0}]'),
        (False, "431[false]"),
        (None, None),
    ],
)
async def test_the_error_handler_may_answer(answer: Any, reply: str | None, later: bool) -> None:
    io = Server()

    @io.on("x")
    def fail(_socket: Socket, *_args: Any) -> None:
        raise ValueError

    if later:
        io.handlers.clear()

        @io.on("x")
        async def fail_later(_socket: Socket, *_args: Any) -> None:
            await asyncio.sleep(0)
            raise ValueError

    io.on_error(lambda _socket, _event, _args, _error: answer)
    async with serving(io) as net:
        client, _ = await net.join()
        await client.send('42["x"]', '421["x"]')
        if reply is not None:
            await client.expect(reply)
            if reply.startswith("46"):
                await client.expect(b"x")
        await client.nothing_more()


async def test_the_error_handler_sees_what_failed() -> None:
    io = Server()
    seen: list[Any] = []
    error = ValueError("x")

    @io.on("x")
    def fail(_socket: Socket, *_args: Any) -> None:
        raise error

    io.on("disconnect", fail)

    @io.on_error
    def on_error(*args: Any) -> Any:
        seen.append(args)
        return "nobody hears this"

    async with serving(io) as net:
        client, socket = await net.join()
        await client.send('42["x",1,2]')
        await client.nothing_more()
        await client.leave()
        await until(lambda: not io.connections)
    assert seen == [
        (socket, "x", [1, 2], error),
        (socket, "disconnect", ["transport close"], error),
    ]


async def test_an_error_handler_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    io = Server()
    io.on("x", lambda _socket: 1 / 0)
    io.on_error(lambda *_args: int("x"))
    async with serving(io) as net:
        client, _ = await net.join()
        await client.send('421["x"]')
        await client.nothing_more()
    assert "ZeroDivisionError" in caplog.text
    assert "the error handler failed for 'x'" in caplog.text


async def test_an_answer_that_cannot_be_sent_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    io = Server()
    io.on("x", lambda _socket: object())
    io.on_error(lambda *_args: object())
    async with serving(io) as net:
        client, _ = await net.join()
        await client.send('421["x"]', '42["x"]')
        await client.nothing_more()
    assert "the error handler's answer to 'x' cannot be sent" in caplog.text
    assert caplog.text.count("the handler of 'x' in namespace / failed") == 1


async def test_a_result_that_cannot_be_sent_is_an_error_of_the_handler() -> None:
    io = Server()

    @io.on("now")
    def now(_socket: Socket) -> Any:
        return object()

    @io.on("later")
    async def later(_socket: Socket) -> Any:
        return {1, 2}

    io.on_error(lambda _socket, event, _args, error: [event, type(error).__name__])
    async with serving(io) as net:
        client, _ = await net.join()
        await client.send('421["now"]', '422["later"]')
        await client.expect('431[["now","EncodeError"]]', '432[["later","EncodeError"]]')


def test_connection_refused_has_a_default() -> None:
    error = ConnectionRefused()
    assert (error.message, error.data, str(error)) == ("not authorized", None, "not authorized")
