"""filtering.py over the wire: listeners and middlewares before an event's handler."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from socketio_min import Server, Socket
from tests.socketio_min.server.nothing import do_nothing
from tests.socketio_min.serving import serving


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
