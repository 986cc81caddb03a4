"""The server as an ASGI application: its hooks, its life, and the paths where it is mounted."""

from __future__ import annotations

import asyncio
import json

import pytest
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

import socketio_min
from engineio_min import Forbidden, UsageError
from engineio_min.asgi.application import AsgiApplication
from engineio_min.asgi.scope import read_request
from engineio_min.request import Request
from tests.engineio_min.asgi.made_host import (
    Host,
    closed_at_the_end,
    http_scope,
)
from tests.engineio_min.asgi.real_host import (
    POLLING,
    WEBSOCKET,
    Engine,
    HttpKind,
    WebSocketKind,
    ask,
    closing,
    poll,
    refusal,
    send_request,
    uvicorn_host,
    websocket,
)
from tests.waiting import patient, until

# uvicorn's older WebSocket implementation stands on parts of websockets that will go.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:websockets.legacy")


# -- hooks that take time


@pytest.mark.parametrize("verdict", [None, Forbidden("not you"), ValueError("a bug")])
async def test_a_handshake_waits_for_allow_request(
    host: tuple[HttpKind, WebSocketKind], verdict: Exception | None
) -> None:
    async def decide(_request: Request) -> None:
        await asyncio.sleep(0)
        if verdict is not None:
            raise verdict

    engine = Engine(allow_request=decide)
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        response = await ask(server.port, POLLING)
        if verdict is None:
            assert response.body[:1] == b"0"
            async with websocket(server.port) as client:
                assert (await patient(client.recv()))[:1] == "0"
            return
        expected = (403, 4) if isinstance(verdict, Forbidden) else (400, 3)
        assert (response.status, response.json["code"]) == expected
        answer = await refusal(server.port)
        assert (answer.status_code, json.loads(answer.body)["code"]) == expected


async def test_a_client_that_leaves_before_the_verdict_opens_no_session(
    host: tuple[HttpKind, WebSocketKind],
) -> None:
    verdict = asyncio.Event()
    asked = 0

    async def decide(_request: Request) -> None:
        nonlocal asked
        asked += 1
        await verdict.wait()

    engine = Engine(allow_request=decide)
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        poller = await send_request(server.port, POLLING)
        opening = await send_request(
            server.port,
            WEBSOCKET,
            headers=[
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            ],
        )
        await until(lambda: asked == 2)
        await poller.leave()
        await opening.leave()
    # The host waits for its requests before it stops, so both coroutines have ended.
    verdict.set()
    await until(lambda: not engine.server.deciding)
    assert engine.connections == []


# -- the host's start and end


async def test_the_host_s_shutdown_ends_every_session(
    host: tuple[HttpKind, WebSocketKind],
) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        await poll(server.port)
        parked = await (await poll(server.port)).park(engine)
        async with websocket(server.port) as client:
            await patient(client.recv())
            await server.stop()
            assert await closing(client) == 1012
        await parked.leave()
    assert engine.server.sessions == {}
    # An idle session, the request that the host cancelled, and the WebSocket that it closed.
    assert sorted(engine.reasons) == ["forced close", "transport close", "transport error"]


async def test_a_host_may_start_again(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    application = engine.server.asgi_app()
    for _ in range(2):
        async with uvicorn_host(application, host) as server:
            client = await poll(server.port)
            await client.post("4hello")
            assert await client.get() == ["4hello"]


def hello(_request: StarletteRequest) -> PlainTextResponse:
    return PlainTextResponse("hello")


@pytest.mark.parametrize(
    ("mount", "prefix"),
    [("/engine.io", ""), ("/", ""), ("/api", "/api"), ("/engine.io", "/engine.io")],
)
async def test_it_works_mounted_beside_other_routes(
    host: tuple[HttpKind, WebSocketKind], mount: str, prefix: str
) -> None:
    """Under the engine's own path, at the root, and under another prefix."""
    engine = Engine()
    application = Starlette(
        routes=[Route("/hello", hello), Mount(mount, app=engine.server.asgi_app())]
    )
    async with uvicorn_host(application, host) as server:
        assert (await ask(server.port, "/hello")).body == b"hello"
        response = await ask(server.port, f"{prefix}{POLLING}")
        assert (response.status, response.body[:1]) == (200, b"0")
        assert engine.connections[0].request.target == f"{prefix}{POLLING}"
        async with websocket(server.port, f"{prefix}{WEBSOCKET}") as client:
            await patient(client.recv())
            await client.send("4hello")
            assert await patient(client.recv()) == "4hello"
        missing = await ask(server.port, f"{mount.rstrip('/')}/nothing/")
        assert (missing.status, missing.body) == (404, b"Not found")
    # A framework passes no lifespan events on: the polling session is still there.
    engine.server.close()
    assert engine.reasons == ["transport close", "forced close"]


async def test_socket_io_events_are_acknowledged(host: tuple[HttpKind, WebSocketKind]) -> None:
    io = socketio_min.Server()

    @io.on("add")
    async def add(_socket: socketio_min.Socket, a: int, b: int) -> int:
        await asyncio.sleep(0)
        return a + b

    @io.on("join")
    def join(socket: socketio_min.Socket, room: str) -> None:
        socket.join(room)
        io.to(room).emit("joined", room, b"\x01")

    async with (
        uvicorn_host(io.asgi_app(), host) as server,
        websocket(server.port, "/socket.io/?EIO=4&transport=websocket") as client,
    ):
        assert (await patient(client.recv()))[:1] == "0"
        await client.send("40")
        assert (await patient(client.recv())).startswith('40{"sid":"')
        await client.send('427["add",1,2]')
        assert await patient(client.recv()) == "437[3]"
        await client.send('42["join","a"]')
        assert await patient(client.recv()) == '451-["joined","a",{"_placeholder":true,"num":0}]'
        assert await patient(client.recv()) == b"\x01"
    await io.close()


# -- hosts made by hand


async def test_lifespan_is_answered_and_closes_the_sessions() -> None:
    engine = Engine()
    application = engine.server.asgi_app()
    life = Host(application, {"type": "lifespan"})
    task = life.start()
    life.inbox.put_nowait({"type": "lifespan.startup"})
    await until(lambda: life.sent)
    assert life.sent == [{"type": "lifespan.startup.complete"}]
    await Host(application, http_scope()).run()
    life.inbox.put_nowait({"type": "lifespan.shutdown"})
    await task
    assert life.sent[1:] == [{"type": "lifespan.shutdown.complete"}]
    assert engine.reasons == ["forced close"]


async def test_lifespan_s_end_runs_the_given_close() -> None:
    engine = Engine()
    closed: list[str] = []

    async def close() -> None:
        closed.append("closed")
        await engine.server.stop()

    life = Host(AsgiApplication(engine.server, close), {"type": "lifespan"})
    life.inbox.put_nowait({"type": "lifespan.startup"})
    life.inbox.put_nowait({"type": "lifespan.shutdown"})
    await life.run()
    assert closed == ["closed"]


def test_a_host_without_lifespan_may_use_a_second_event_loop() -> None:
    engine = Engine()
    application = engine.server.asgi_app()

    async def visit() -> None:
        host = Host(application, http_scope())
        await host.run()
        assert host.sent[0]["status"] == 200
        engine.server.close()

    asyncio.run(visit())
    asyncio.run(visit())
    assert engine.reasons == ["forced close", "forced close"]


async def test_another_type_of_scope_is_refused() -> None:
    with pytest.raises(UsageError, match="got an ASGI scope of type 'quic', expected http"):
        await Host(Engine().server.asgi_app(), {"type": "quic"}).run()


@pytest.mark.parametrize(
    ("path", "root_path", "found"),
    [
        ("/engine.io/", "", True),
        ("/engine.io/", "/engine.io", True),
        ("/api/engine.io/", "/api", True),
        ("/api/engine.io/", "/api/", True),
        # Frameworks that take the prefix away.
        ("/engine.io/", "/api", True),
        ("/", "/engine.io", True),
        ("/api/engine.io/", "", False),
        ("/engine.io", "", False),
        ("/engine.io/engine.io", "/engine.io", False),
    ],
)
async def test_the_path_is_found_below_the_mount(path: str, root_path: str, found: bool) -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        host = Host(engine.server.asgi_app(), http_scope(path=path, root_path=root_path))
        await host.run()
        assert host.sent[0]["status"] == (200 if found else 404)


async def test_the_request_is_what_the_host_says() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        scope = http_scope(
            "EIO=4&transport=polling&name=%C3%BC",
            scheme="https",
            client=("192.0.2.1", 5000),
            raw_path=b"/engine%2Eio/",
            headers=[
                (b"Host", b"localhost"),
                (b"cookie", b"a=1"),
                (b"x-twice", b"one"),
                (b"cookie", b"b=2"),
                (b"x-twice", b"tw\xf6"),
            ],
        )
        await Host(engine.server.asgi_app(), scope).run()
        await Host(engine.server.asgi_app(), http_scope(path="/engine.io/")).run()
        request, plain = (connection.request for connection in engine.connections)
        assert request.target == "/engine%2Eio/?EIO=4&transport=polling&name=%C3%BC"
        assert request.query["name"] == "ü"
        assert request.headers == {"host": "localhost", "cookie": "a=1; b=2", "x-twice": "one, twö"}
        assert (request.client, request.secure, request.websocket) == ("192.0.2.1", True, False)
        assert (plain.client, plain.secure, plain.path) == ("", False, "/engine.io/")


async def test_a_decoded_path_is_quoted_again_for_the_request() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        scope = http_scope("", path="/a?b ü/engine.io/", root_path="/a?b ü", query_string=b"")
        host = Host(engine.server.asgi_app(), scope)
        await host.run()
        assert json.loads(host.sent[1]["body"])["code"] == 0
        assert read_request(scope).target == "/a%3Fb%20%C3%BC/engine.io/"
