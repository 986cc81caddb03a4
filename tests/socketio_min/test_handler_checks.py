"""What cannot be a handler is refused where it is registered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import pytest

from socketio_min import BlockingClient, Client, Server, Socket, UsageError
from socketio_min.handler_checks import most_arguments
from tests.socketio_min.serving import serving
from tests.waiting import PATIENCE


def nothing() -> None: ...


def one(_first: Any) -> None: ...


def two(_first: Any, _second: Any) -> None: ...


def no_positional(*, _socket: Socket) -> None: ...


def old_connect(_sid: str, _environ: dict[str, Any]) -> None: ...


@pytest.mark.parametrize(
    ("register", "message"),
    [
        (lambda io: io.on(one), r"got <function one .* as the name of an event, expected a str"),
        (lambda io: io.on("x", 3), "got 3 as the handler of 'x', expected a function"),
        (lambda io: io.on("x")(None), "got None as the handler of 'x', expected a function"),
        (
            lambda io: io.on("x", nothing),
            r"got nothing\(\) -> 'None' as the handler of 'x', expected a function that can be "
            r"called with \(socket, \.\.\.\): too many positional arguments",
        ),
        (lambda io: io.on("x", no_positional), "as the handler of 'x'"),
        (
            lambda io: io.on("connect", old_connect),
            r"got old_connect\(.*\) .* called with \(socket\): missing a required argument",
        ),
        (lambda io: io.on("disconnect", one), r"called with \(socket, reason\): too many"),
        (lambda io: io.on("disconnecting", one), r"called with \(socket, reason\): too many"),
        (lambda io: io.on("connection", one), "got the event 'connection', expected \"connect\""),
        (lambda io: io.on("*", two), r"got the event '\*', .* on_any hears all, on_other those"),
        (lambda io: io.use(nothing), r"as a middleware, .* called with \(socket\): too many"),
        (lambda io: io.use(3), "got 3 as a middleware, expected a function"),
        (lambda io: io.use_event(one), r"called with \(socket, event, args\): too many"),
        (lambda io: io.on_any(one), r"called with \(socket, event, \.\.\.\): too many"),
        (lambda io: io.on_any_outgoing(one), r"called with \(socket, event, \.\.\.\): too many"),
        (lambda io: io.on_other(two), r"called with \(socket, event, args, acknowledged\)"),
        (lambda io: io.on_error(two), r"called with \(socket, event, args, error\)"),
    ],
)
def test_what_cannot_be_called_by_a_server(register: Callable[[Any], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        register(Server())


@pytest.mark.parametrize(
    ("register", "message"),
    [
        (lambda client: client.on(one), "as the name of an event, expected a str"),
        (lambda client: client.on("x", 3), "got 3 as the handler of 'x', expected a function"),
        (lambda client: client.on("*", one), r"got the event '\*'"),
        (lambda client: client.on("connect", one), r"called with \(\): missing a required"),
        (lambda client: client.on("disconnect", nothing), r"called with \(reason\): too many"),
        (lambda client: client.on("connect_error", nothing), r"called with \(error\): too many"),
        (lambda client: client.on_any(nothing), r"called with \(event, \.\.\.\): too many"),
    ],
)
def test_what_cannot_be_called_by_a_client(register: Callable[[Any], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        register(Client("http://localhost"))
    blocking = BlockingClient("http://localhost")
    try:
        with pytest.raises(UsageError, match=message):
            register(blocking)
    finally:
        blocking.close()


@pytest.mark.parametrize(
    ("register", "message"),
    [
        (lambda client: client.on_any_outgoing(nothing), r"called with \(event, \.\.\.\)"),
        (lambda client: client.on_other(two), r"called with \(event, args, acknowledged\)"),
        (lambda client: client.on_error(two), r"called with \(event, args, error\)"),
    ],
)
def test_what_an_asynchronous_client_has_besides(
    register: Callable[[Any], object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        register(Client("http://localhost"))


def test_a_server_may_name_its_event_as_node_names_a_new_client() -> None:
    assert Client("http://localhost").on("connection", one) is one


def test_a_blocking_client_awaits_nothing() -> None:
    async def later(_value: Any) -> None: ...

    client = BlockingClient("http://localhost")
    try:
        with pytest.raises(UsageError, match="'x' must be a plain function, not async"):
            client.on("x", later)
    finally:
        client.close()


@pytest.mark.parametrize(
    "handler", [one, two, partial(two, 1), print, dict.get, max, lambda *_args: None, [].append]
)
def test_whatever_takes_the_socket_is_taken(handler: Any) -> None:
    io = Server()
    io.on("x", handler)
    assert io.handlers == {"x": handler}


def given_a_database(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that gives its function one argument more than it gets."""

    @wraps(function)
    def wrapper(*args: Any) -> Any:
        return function("database", *args)

    return wrapper


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("use", 1),
        ("use_event", 3),
        ("on_any", 2),
        ("on_any_outgoing", 2),
        ("on_other", 4),
        ("on_error", 4),
    ],
)
def test_a_decorator_may_add_an_argument(name: str, arguments: int) -> None:
    """What counts is what the decorator takes, not what it wraps."""

    taking: dict[int, Callable[..., None]] = {
        1: lambda _database, _1: None,
        2: lambda _database, _1, _2: None,
        3: lambda _database, _1, _2, _3: None,
        4: lambda _database, _1, _2, _3, _4: None,
    }
    register = getattr(Server(), name)
    register(given_a_database(taking[arguments]))
    client = Client("http://localhost")
    if name.startswith("on_"):
        getattr(client, name)(given_a_database(taking[arguments - 1]))

    @wraps(taking[arguments])
    def takes_none() -> None: ...

    with pytest.raises(UsageError, match="too many positional arguments"):
        register(takes_none)


@pytest.mark.parametrize("event", ["connect", "disconnecting", "disconnect", "x"])
async def test_a_decorated_handler_gets_its_argument(event: str) -> None:
    io = Server()
    called = asyncio.Event()
    got: list[Any] = []

    @io.on(event)
    @given_a_database
    def handler(database: str, socket: Socket, *args: Any) -> None:
        got.extend((database, *args))
        called.set()

    async with serving(io) as net:
        client, _socket = await net.join()
        await client.send('42["x"]', "41")
        async with asyncio.timeout(PATIENCE):
            await called.wait()
    reason = ["client namespace disconnect"] if event.startswith("disconnect") else []
    assert got == ["database", *reason]


@pytest.mark.parametrize(
    ("function", "most"),
    [
        (nothing, 0),
        (two, 2),
        (no_positional, 0),
        (lambda *_args: None, None),
        (wraps(two)(lambda *_args: None), 2),
        (wraps(two)(lambda _only: None), 1),
        (wraps(print)(lambda *_args: None), None),
        ([].append, 1),
        (dict.get, 3),
        (max, None),
    ],
)
def test_how_many_arguments_a_handler_takes(function: Any, most: int | None) -> None:
    assert most_arguments(function) == most


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("where", ["connect", "first middleware", "last middleware"])
@pytest.mark.parametrize(("verdict", "refused"), [(False, True), (True, False), (0, False)])
async def test_who_returns_false_lets_nobody_in(
    later: bool, where: str, verdict: object, refused: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def judge(_socket: Socket) -> object:
        return verdict

    async def judge_later(_socket: Socket) -> object:
        return verdict

    io = Server()
    judging = judge_later if later else judge
    if where == "connect":
        io.on("connect", judging)
    else:
        judges = [judging, one] if where == "first middleware" else [one, judging]
        for middleware in judges:
            io.use(middleware)
    async with serving(io) as net:
        if refused:
            client = await net.open()
            await client.send("40")
            await client.expect('44{"message":"Internal server error"}')
            assert "returned False: raise ConnectionRefused to refuse a client" in caplog.text
            assert not io.sockets
        else:
            await net.join()
            assert len(io.sockets) == 1
