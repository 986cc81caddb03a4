"""Names of other servers: each says what to write here, and is a typo to a type checker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from socketio_min import Namespace, Server, Socket, UsageError
from socketio_min.server.foreign_names import SERVER, SOCKET
from tests.socketio_min.serving import serving


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (
            lambda io: io.enter_room("sid", "room"),
            r"got 'enter_room', which a Server does not have: write socket\.join\(room\), or "
            r"io\.in_\(socket\.id\)\.sockets_join\(room\)",
        ),
        (lambda io: io.leave_room("sid", "room"), r"write socket\.leave\(room\)"),
        (lambda io: io.close_room("room"), r"write io\.in_\(room\)\.sockets_leave\(room\)"),
        (lambda io: io.save_session("sid", {}), r"write socket\.data, a dict"),
        (lambda io: io.session("sid"), r"write socket\.data, a dict"),
        (lambda io: io.wait(), r"write io\.run\(\), or await io\.listen\(\)"),
        (lambda io: io.sleep(1), r"write await asyncio\.sleep\(seconds\)"),
        (lambda io: io.start_background_task(print), r"write asyncio\.create_task\(function\(\)\)"),
        (lambda io: io.event, r'write @io\.on\("event"\)'),
        (lambda io: io.register_namespace(None), r"got 'register_namespace'.*write @io\.of"),
        (lambda io: io.disconnect("sid"), r"write socket\.disconnect\(\)"),
        (lambda io: io.fetchSockets(), "got 'fetchSockets', .* write fetch_sockets"),
        (
            lambda io: io.of("/a").socketsJoin("a"),
            "which a Namespace does not have: write sockets_",
        ),
        (lambda io: io.emit("x", 1, to="sid"), r"got to= for emit, .* write io\.to\(room\)\.emit"),
        (lambda io: io.emit("x", room="a"), r"got room= for emit, .*: write io\.to\(room\)\.emit"),
        (lambda io: io.emit("x", skip_sid="a"), r"write io\.except_\(socket\.id\)\.emit"),
        (lambda io: io.of("/a").emit("x", namespace="/b"), r'write io\.of\("/name"\)\.emit'),
        (
            lambda io: io.on("x", namespace="/b"),
            r'got namespace= for on, which does not take it: write @io\.of\("/name"\)\.on',
        ),
        (lambda io: io.on("x", priority=1), "got priority= for on"),
        (
            lambda io: io.emit("x", data=1),
            "got data= for emit, .* write its arguments without names",
        ),
    ],
)
def test_a_server_says_what_to_write(use: Callable[[Any], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        use(Server())


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (
            lambda socket: socket.on("x", print),
            r"got 'on', .* write @io\.on\(\"event\"\), once for",
        ),
        (lambda socket: socket.onAny(print), r"got 'onAny', .* write @io\.on_any"),
        (lambda socket: socket.emitWithAck("x"), r"write await socket\.call"),
        (lambda socket: socket.timeout(5), r"write await socket\.call\(\"event\", timeout=5\)"),
        (lambda socket: socket.sid, r"write socket\.id"),
    ],
)
async def test_a_socket_says_what_to_write(use: Callable[[Any], object], message: str) -> None:
    async with serving(Server()) as net:
        _, socket = await net.join()
        with pytest.raises(UsageError, match=message):
            use(socket)
        assert not hasattr(socket, "on")


def test_what_nobody_has_is_missing_as_ever_and_seen_by_type_checkers() -> None:
    """An ignore that is not needed fails the check of types."""
    io = Server()
    with pytest.raises(AttributeError, match="'Server' object has no attribute 'enter_romo'"):
        io.enter_romo  # type: ignore[attr-defined]  # noqa: B018
    assert not hasattr(io, "enter_room")
    with pytest.raises(UsageError):
        io.enter_room("sid", "room")  # type: ignore[attr-defined]
    with pytest.raises(UsageError):
        io.emit("x", to="room")  # type: ignore[arg-type]


def test_no_name_is_here_as_well() -> None:
    for owner, names in ((Server, SERVER), (Socket, SOCKET)):
        assert [name for name in names if hasattr(owner, name)] == []


def test_looking_up_an_attribute_costs_no_more_for_it() -> None:
    """CPython specializes the look-ups of classes that do not intervene in them."""
    for owner in (Server, Namespace, Socket):
        assert not hasattr(owner, "__getattr__")


def test_a_namespace_is_no_class_to_inherit_from() -> None:
    message = r"got Chat as a subclass of Namespace, which io\.of\(name\) makes: write @io\.of"
    with pytest.raises(UsageError, match=message):

        class Chat(Namespace):
            def on_message(self, sid: str, text: str) -> None: ...


def test_a_server_may_be_inherited_from() -> None:
    class Mine(Server):
        pass

    assert Mine().name == "/"
