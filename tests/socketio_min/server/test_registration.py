"""registration.py: what a namespace's handlers can be, and who inherits them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from socketio_min import Namespace, Server, Socket, UsageError
from socketio_min.server.dynamic import DynamicNamespace
from tests.socketio_min.server.nothing import do_nothing
from tests.socketio_min.serving import serving
from tests.waiting import until


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
