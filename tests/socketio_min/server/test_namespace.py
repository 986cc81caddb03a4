"""namespace.py: registering handlers, what stands before them, and what happens when they fail."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from socketio_min import ConnectionRefused, Namespace, Server, Socket, UsageError
from socketio_min.server.dynamic import DynamicNamespace
from tests.socketio_min.serving import serving
from tests.waiting import until


async def do_nothing(*_anything: Any) -> None:
    pass


# --- registration


def test_of_adds_the_leading_slash_and_returns_the_same_namespace() -> None:
    io = Server()
    admin = io.of("admin")
    assert admin.name == "/admin"
    assert io.of("/admin") is admin
    assert io.of("/") is io
    assert io.of("") is io
    assert repr(admin) == "<Namespace /admin with 0 sockets>"
    assert repr(io) == "<Server / with 0 sockets>"


def test_on_is_a_decorator_and_a_function() -> None:
    io = Server()

    def one(_socket: Socket) -> None: ...

    def two(_socket: Socket) -> None: ...

    def listener(_socket: Socket, _event: str, *_args: Any) -> None: ...

    def three(_socket: Socket, _event: str, _args: list[Any]) -> None: ...

    def four(_socket: Socket, _event: str, _args: list[Any], _error: Exception) -> None: ...

    assert io.on("one")(one) is one
    assert io.on("two", two) is two
    assert io.use(one) is one
    assert io.use_event(three) is three
    assert io.on_any(listener) is listener
    assert io.on_any_outgoing(listener) is listener
    assert io.on_error(four) is four


@pytest.mark.parametrize("event", ["message", "connect", "disconnect"])
def test_an_event_has_one_handler(event: str) -> None:
    io = Server()
    io.on(event, do_nothing)
    with pytest.raises(UsageError, match=f"'{event}' has a handler already"):
        io.on(event)


def test_namespaces_have_handlers_of_their_own() -> None:
    io = Server()
    io.on("message", do_nothing)
    io.of("/other").on("message", do_nothing)


@pytest.mark.parametrize("event", ["connect_error", "newListener", "removeListener"])
def test_reserved_events_have_no_handler(event: str) -> None:
    with pytest.raises(UsageError, match=f"no client can send '{event}'"):
        Server().on(event, do_nothing)


def test_disconnecting_needs_a_plain_function() -> None:
    with pytest.raises(UsageError, match="must be a plain function"):
        Server().on("disconnecting", do_nothing)


def test_listeners_need_to_be_plain_functions() -> None:
    io = Server()
    for register in (io.on_any, io.on_any_outgoing, io.on_error):
        with pytest.raises(UsageError, match="must be a plain function"):
            register(do_nothing)


def test_a_predicate_needs_to_be_a_plain_function() -> None:
    async def everybody(_name: str, _auth: Any) -> bool:
        return True

    with pytest.raises(UsageError, match="must be a plain function"):
        Server().of(everybody)  # type: ignore[arg-type]


def test_a_child_that_is_another_namespace_of_the_same_name_stays() -> None:
    io = Server()
    dynamic = io.of(lambda name, _auth: name == "/x")
    assert isinstance(dynamic, DynamicNamespace)
    child = dynamic.child("/x")
    assert dynamic.child("/x") is child
    dynamic.release(Namespace(io, "/x"))
    assert dynamic.children == {"/x": child}
    dynamic.release(child)
    assert dynamic.children == {}


@pytest.mark.parametrize("made_by", ["a client", "the program"])
async def test_what_is_registered_later_is_there_in_the_children(made_by: str) -> None:
    io = Server()
    dynamic = io.of(re.compile("^/d"))
    seen: list[Any] = []

    async with serving(io) as net:
        if made_by == "a client":
            first, _ = await net.join("/d1")
        child = io.of("/d1")
        child.on("own", lambda _socket: "the child's own")
        child.on("both", lambda _socket: "the child's")
        dynamic.on("x", lambda _socket: "x")
        dynamic.on("own", lambda _socket: "the parent's")
        dynamic.on("both", lambda _socket: "the parent's")
        dynamic.use(lambda socket: seen.append(("middleware", socket.namespace.name)))
        dynamic.use_event(lambda _socket, event, _args: seen.append(("event", event)))
        dynamic.on_any(lambda _socket, event: seen.append(("in", event)))
        dynamic.on_any_outgoing(lambda _socket, event: seen.append(("out", event)))
        dynamic.on_other(lambda _socket, event, _args, _acknowledged: f"other {event}")
        dynamic.on_error(lambda *_args: "failed")
        dynamic.on_server("tell", lambda: seen.append("tell"))
        child.server_event("tell", [], None)
        if made_by == "the program":
            first, _ = await net.join("/d1")
        await first.send('42/d1,1["x"]', '42/d1,2["own"]', '42/d1,3["both"]', '42/d1,4["?"]')
        await first.expect(
            '43/d1,1["x"]',
            '43/d1,2["the child\'s own"]',
            '43/d1,3["the child\'s"]',
            '43/d1,4["other ?"]',
        )
        assert ("in", "x") in seen
        assert ("event", "x") in seen
        assert "tell" in seen
        child.emit("news")
        await first.expect('42/d1,["news"]')
        assert seen[-1] == ("out", "news")
        second, _ = await net.join("/d1")
        assert ("middleware", "/d1") in seen
        child.on_other(lambda *_args: 1 / 0)
        dynamic.on_other(lambda *_args: "not for the child")
        await second.send('42/d1,5["?"]')
        await second.expect('43/d1,5["failed"]')
        child.on_error(lambda *_args: "the child's own error")
        dynamic.on_error(lambda *_args: "not for the child")
        await second.send('42/d1,6["?"]')
        await second.expect('43/d1,6["the child\'s own error"]')


async def test_children_that_were_only_sent_to_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those with a client or with handlers of their own stay."""
    monkeypatch.setattr("socketio_min.server.dynamic.MAX_IDLE_CHILDREN", 3)
    io = Server()
    dynamic = io.of(re.compile("^/d"))
    assert isinstance(dynamic, DynamicNamespace)
    async with serving(io) as net:
        own = io.of("/d-own")
        own.on("x", lambda _socket: None)
        joined = io.of("/d-joined")
        client, _ = await net.join("/d-joined")
        gone, _ = await net.join("/d-gone")
        await gone.leave()
        await until(lambda: "/d-gone" not in dynamic.children)
        for number in range(10):
            io.of(f"/d{number}").emit("news")
            io.of("/d0").emit("news")
        assert list(dynamic.children) == ["/d-own", "/d-joined", "/d0", "/d8", "/d9"]
        assert io.of("/d-own") is own
        assert io.of("/d-joined") is joined
        await client.leave()
        await until(lambda: "/d-joined" not in dynamic.children)
        for child in list(dynamic.children.values()):
            dynamic.release(child)


async def test_a_dynamic_namespace_itself_has_no_sockets_to_send_to() -> None:
    dynamic: Any = Server().of(re.compile("^/x"))
    actions: list[Callable[[], Any]] = [
        lambda: dynamic.emit("x"),
        lambda: dynamic.to("room"),
        lambda: dynamic.except_("room"),
        lambda: dynamic.timeout(1.0),
        lambda: dynamic.volatile,
        lambda: dynamic.sockets_join("room"),
        lambda: dynamic.sockets_leave("room"),
        lambda: dynamic.disconnect_sockets(),
    ]
    for action in actions:
        with pytest.raises(UsageError, match="its children"):
            action()
    with pytest.raises(UsageError, match="its children"):
        await dynamic.fetch_sockets()
    with pytest.raises(UsageError, match="which a DynamicNamespace does not have"):
        dynamic.close_room("room")
    with pytest.raises(AttributeError, match="no attribute 'emitt'"):
        dynamic.emitt("x")
    assert not hasattr(dynamic, "sockets")
    assert repr(dynamic) == "<DynamicNamespace re.compile('^/x') with 0 namespaces>"


# --- events


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


# --- errors


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
