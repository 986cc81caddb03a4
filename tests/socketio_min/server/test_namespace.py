"""namespace.py: events and errors on their way to handlers."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from socketio_min import ConnectionRefused, Server, Socket
from tests.socketio_min.server.nothing import do_nothing
from tests.socketio_min.serving import serving
from tests.waiting import until


async def test_an_event_passes_listeners_then_middlewares_then_its_handler() -> None:
    io = Server()
    calls: list[Any] = []

    @io.on_any
    def listener(_socket: Socket, event: str, *args: Any) -> None:
        calls.append(("listener", event, args))

    @io.use_event
    def first(_socket: Socket, event: str, args: list[Any]) -> None:
        calls.append(("first", event, list(args)))
        args.append("added")

    @io.use_event
    async def second(_socket: Socket, event: str, args: list[Any]) -> None:
        await asyncio.sleep(0)
        calls.append(("second", event, list(args)))
        args[0] += 1

    @io.on("x")
    def handler(_socket: Socket, *args: Any) -> Any:
        calls.append(("handler", args))
        return args

    async with serving(io) as net:
        client, _ = await net.join()
        calls.clear()
        await client.send('421["x",1]')
        await client.expect('431[2,"added"]')
        assert calls == [
            ("listener", "x", (1,)),
            ("first", "x", [1]),
            ("second", "x", [1, "added"]),
            ("handler", (2, "added")),
        ]


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("last", [False, True])
async def test_what_an_event_middleware_raises_drops_the_event(later: bool, last: bool) -> None:
    io = Server()
    handled: list[Any] = []
    errors: list[tuple[str, list[Any], str]] = []

    def deny(_socket: Socket, event: str, args: list[Any]) -> None:
        if event == "x" and args == [0]:
            raise PermissionError("denied")

    async def deny_later(socket: Socket, event: str, args: list[Any]) -> None:
        await asyncio.sleep(0)
        deny(socket, event, args)

    def note(_socket: Socket, event: str, args: list[Any]) -> None:
        if event == "x":
            handled.append(("middleware", args[0]))

    middlewares: list[Any] = [deny_later if later else deny, note]
    for middleware in reversed(middlewares) if last else middlewares:
        io.use_event(middleware)
    io.on("x", lambda _socket, value: handled.append(("handler", value)))

    @io.on_error
    def on_error(_socket: Socket, event: str, args: list[Any], error: Exception) -> Any:
        errors.append((event, args, str(error)))
        return {"error": str(error)}

    async with serving(io) as net:
        client, _ = await net.join()
        await client.send('421["x",0]')
        await client.expect('431[{"error":"denied"}]')
        await client.send('42["x",0]', '423["x",1]')
        await client.expect("433[]")
        assert [item for item in handled if item[0] == "handler"] == [("handler", 1)]
        assert handled.count(("middleware", 0)) == (2 if last else 0)
        assert errors == [("x", [0], "denied")] * 2


async def test_a_sync_middleware_after_an_async_one_may_drop_the_event() -> None:
    io = Server()
    io.use_event(do_nothing)

    @io.use_event
    def deny(_socket: Socket, event: str, _args: list[Any]) -> None:
        if event == "x":
            raise PermissionError("denied")

    io.on("x", lambda _socket: pytest.fail("the event was not dropped"))
    async with serving(io) as net:
        client, _ = await net.join()
        await client.send('421["x"]')
        await client.nothing_more()


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


async def test_a_listener_that_fails_is_logged_and_the_event_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    io = Server()

    def fail(_socket: Socket, event: str, *_args: Any) -> None:
        raise ValueError(f"failed for {event}")

    io.on_any(fail)
    io.on_any_outgoing(fail)
    io.on("x", lambda socket: socket.emit("y"))
    async with serving(io) as net:
        client, _ = await net.join()
        await client.send('421["x"]')
        await client.expect('42["y"]', "431[]")
    assert "a listener of on_any failed for 'x'" in caplog.text
    assert "a listener of on_any_outgoing failed for 'y'" in caplog.text
    assert "ValueError: failed for y" in caplog.text


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
