"""Context variables: what one client's handler sets is there for that client and for no other.

On both event loops: asyncio calls the reader of each connection in a context of its own, uvloop
calls those of all connections in one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any

import pytest
import uvloop

from engineio_min import Connection
from engineio_min import Request as EngineRequest
from engineio_min import Server as Engine
from socketio_min import Server, Socket
from tests.socketio_min.serving import TRANSPORTS, Serving, Transport, serving
from tests.socketio_min.wire import WebSocketClient
from tests.waiting import PATIENCE, until

WHO: ContextVar[str] = ContextVar("who", default="nobody")
LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]
NewLoop = Callable[[], asyncio.AbstractEventLoop]

pytestmark = pytest.mark.parametrize("new_loop", LOOPS)


def run(new_loop: NewLoop, test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(asyncio.wait_for(test(), PATIENCE))


async def named(net: Serving, name: str, transport: Transport = "websocket") -> Any:
    client, _ = await net.join(transport=transport, auth=f'{{"name":"{name}"}}')
    return client


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("where", ["connect", "middleware", "event", "predicate"])
def test_a_client_keeps_what_its_handlers_set(
    where: str, later: bool, transport: Transport, new_loop: NewLoop
) -> None:
    io = Server()
    ends: list[tuple[str, str]] = []

    def set_who(socket: Socket) -> None:
        WHO.set(socket.handshake.auth["name"])

    async def set_who_later(socket: Socket) -> None:
        await asyncio.sleep(0)
        set_who(socket)

    @io.on("who")
    def who(_socket: Socket) -> str:
        return WHO.get()

    @io.on("who later")
    async def who_later(_socket: Socket) -> str:
        await asyncio.sleep(0)
        return WHO.get()

    @io.of
    def matches(name: str, auth: dict[str, str]) -> bool:
        WHO.set(auth["name"])
        return True

    @io.on("disconnecting")
    def disconnecting(socket: Socket, _reason: str) -> None:
        ends.append((socket.handshake.auth["name"], WHO.get()))

    @io.on("disconnect")
    async def disconnect(socket: Socket, _reason: str) -> None:
        ends.append((socket.handshake.auth["name"], WHO.get()))

    setter = set_who_later if later else set_who
    if where == "connect":
        io.on("connect", setter)
    elif where == "middleware":
        io.use(setter)
    io.on("set", set_who)

    async def test() -> None:
        async with serving(io) as net:
            clients = {name: await named(net, name, transport) for name in ("ada", "bob", "eve")}
            for name, client in clients.items():
                if where == "event":
                    await client.send('42["set"]')
                elif where == "predicate":
                    await client.join("/any", f'{{"name":"{name}"}}')
            stranger = await named(net, "stranger", transport)
            for name, client in clients.items():
                await client.send('421["who"]', '422["who later"]')
                await client.expect(f'431["{name}"]', f'432["{name}"]')
            await stranger.send('421["who"]')
            known = where in ("connect", "middleware")
            await stranger.expect(f'431["{"stranger" if known else "nobody"}"]')
            for client in clients.values():
                await client.leave()
            await until(lambda: len(ends) == 6)

    run(new_loop, test)
    names = [name for name in ("ada", "bob", "eve") for _ in range(2)]
    assert sorted(ends[:6]) == [(name, name) for name in names]
    assert WHO.get() == "nobody"


def test_handlers_that_run_at_once_are_apart(new_loop: NewLoop) -> None:
    """Each asynchronous handler has a copy: several of one client are in flight."""
    io = Server()
    gate = asyncio.Event()

    @io.on("work")
    async def work(_socket: Socket, name: str) -> str:
        WHO.set(name)
        await gate.wait()
        return WHO.get()

    io.on("who", lambda _socket: WHO.get())
    io.on("go", lambda _socket: gate.set())

    async def test() -> None:
        async with serving(io) as net:
            client, _ = await net.join()
            await client.send('421["work","a"]', '422["work","b"]', '423["who"]')
            await client.expect('433["nobody"]')
            await client.send('42["go"]')
            await client.expect('431["a"]', '432["b"]')

    run(new_loop, test)


def test_who_disconnects_another_does_not_lend_its_context(new_loop: NewLoop) -> None:
    """Not even where the other one's handler disconnects it in return."""
    io = Server()
    ended: list[tuple[str, str, str]] = []

    @io.on("connect")
    def connect(socket: Socket) -> None:
        WHO.set(socket.handshake.auth["name"])

    @io.on("kick")
    def kick(_socket: Socket, target: str) -> str:
        io.in_(target).disconnect_sockets()
        return WHO.get()

    def end(socket: Socket, event: str) -> None:
        name = socket.handshake.auth["name"]
        ended.append((event, name, WHO.get()))
        WHO.set(f"late {name}")
        io.disconnect_sockets()

    io.on("disconnecting", lambda socket, _reason: end(socket, "disconnecting"))
    io.on("disconnect", lambda socket, _reason: end(socket, "disconnect"))

    async def test() -> None:
        async with serving(io) as net:
            ada, _ = await net.join(auth='{"name":"ada"}')
            bob, target = await net.join(auth='{"name":"bob"}')
            await ada.send(f'421["kick","{target.id}"]')
            await bob.expect("41")
            await ada.expect("41")

    run(new_loop, test)
    assert ended == [
        ("disconnecting", "bob", "bob"),
        ("disconnecting", "ada", "ada"),
        ("disconnect", "ada", "late ada"),
        ("disconnect", "bob", "late bob"),
    ]


def test_a_handler_that_fails_is_answered_where_it_ran(new_loop: NewLoop) -> None:
    io = Server()

    @io.on("now")
    def now(_socket: Socket, name: str) -> None:
        WHO.set(name)
        raise ValueError

    @io.on("later")
    async def later(_socket: Socket, name: str) -> None:
        now(_socket, name)

    io.on_error(lambda *_args: WHO.get())

    async def test() -> None:
        async with serving(io) as net:
            client, _ = await net.join()
            await client.send('421["later","a"]')
            await client.expect('431["a"]')
            await client.send('422["now","b"]')
            await client.expect('432["b"]')

    run(new_loop, test)


@pytest.mark.parametrize("later", [False, True])
def test_what_a_hook_of_the_handshake_sets_is_its_clients(later: bool, new_loop: NewLoop) -> None:
    def allow(request: EngineRequest) -> None:
        if "name" in request.query:
            WHO.set(request.query["name"])

    async def allow_later(request: EngineRequest) -> None:
        await asyncio.sleep(0)
        allow(request)

    io = Server(allow_request=allow_later if later else allow)
    io.on("connect", lambda socket: socket.emit("who", WHO.get()))

    async def test() -> None:
        async with serving(io) as net:
            for transport in TRANSPORTS:
                for query, name in (("&name=ada", "ada"), ("", "nobody"), ("&name=bob", "bob")):
                    client = await net.open(transport, query)
                    await client.join()
                    await client.expect(f'42["who","{name}"]')

    run(new_loop, test)


def test_an_application_on_engineio_has_a_context_for_each_client(new_loop: NewLoop) -> None:
    engine = Engine(path="/socket.io/")
    seen: list[str] = []

    @engine.on_connection
    def connected(connection: Connection) -> None:
        def heard(message: object) -> None:
            if message == "end":
                connection.close()
            seen.append(WHO.get())
            WHO.set(str(message))

        connection.on_message = heard
        connection.on_close = lambda _reason: seen.append(WHO.get())

    async def test() -> None:
        await engine.listen(port=0)
        one = await WebSocketClient.open(engine.port)
        two = await WebSocketClient.open(engine.port)
        sent = ((one, "a"), (two, "b"), (one, "c"), (two, "end"))
        for number, (client, message) in enumerate(sent, 1):
            await client.send(f"4{message}")
            await until(lambda number=number: len(seen) >= number)  # type: ignore[misc]
        await until(lambda: len(seen) == 5)
        one.abort()
        two.abort()
        await engine.stop()

    run(new_loop, test)
    assert seen[:5] == ["nobody", "nobody", "a", "b", "end"]


def test_a_function_that_fails_in_its_context_fails_once(new_loop: NewLoop) -> None:
    calls: list[int] = []

    def fail(_reason: str) -> None:
        calls.append(1)
        raise RuntimeError("no")

    io = Server()
    io.on("connect", fail)
    engine = Engine(path="/socket.io/")

    @engine.on_connection
    def connected(connection: Connection) -> None:
        connection.on_close = fail
        connection.close()

    async def test() -> None:
        await engine.listen(port=0)
        client = await WebSocketClient.open(engine.port)
        await until(lambda: calls)
        client.abort()
        await engine.stop()
        async with serving(io) as net:
            refused = await net.open()
            await refused.send("40")
            await refused.expect('44{"message":"Internal server error"}')

    run(new_loop, test)
    assert len(calls) == 2
