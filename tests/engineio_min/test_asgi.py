"""The server under ASGI hosts: real ones over the wire, and hosts made by hand.

Invariants:
- A client cannot tell an ASGI host from the server's own HTTP and WebSocket: same answers, codes,
  packets and order, on both transports and across an upgrade.
- Whatever ends a request (the peer, the host, a failure) ends its session with a reason and leaves
  no task.
- However long a host takes to send, packets leave once and in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import socket
import warnings
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeVar, Unpack, cast

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Response as HandshakeResponse

import engineio_min
import socketio_min
from engineio_min import CorsOptions, Forbidden, RequestRefused, UsageError, asgi
from engineio_min.asgi import AsgiApplication, AsgiEvent, AsgiExchange, AsgiWebSocket, Scope
from engineio_min.limits.budget import Budget
from engineio_min.options import ServerOptionValues
from engineio_min.protocol.packets import Message
from engineio_min.request import Request
from tests.waiting import PATIENCE, patient, until

T = TypeVar("T")

# uvicorn's older WebSocket implementation stands on parts of websockets that will go.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:websockets.legacy")


WebSocketKind = Literal["websockets-sansio", "websockets", "wsproto"]
HttpKind = Literal["httptools", "h11"]
HOSTS: list[tuple[HttpKind, WebSocketKind]] = [
    ("httptools", "websockets-sansio"),
    ("h11", "websockets"),
]
if importlib.util.find_spec("wsproto") is not None:
    HOSTS.append(("httptools", "wsproto"))

POLLING = "/engine.io/?EIO=4&transport=polling"
WEBSOCKET = "/engine.io/?EIO=4&transport=websocket"


# -- an engine that remembers


class Engine:
    """An echo server that keeps its connections and the reasons of their ends."""

    def __init__(self, **options: Unpack[ServerOptionValues]) -> None:
        self.server = engineio_min.Server(**options)
        self.server.on_connection(self._connected)
        self.connections: list[engineio_min.Connection] = []
        self.received: list[Message] = []
        self.reasons: list[str] = []
        self.echo = True

    def _connected(self, connection: engineio_min.Connection) -> None:
        def receive(message: Message) -> None:
            self.received.append(message)
            if self.echo:
                connection.send(message)

        self.connections.append(connection)
        connection.on_message = receive
        connection.on_close = self.reasons.append

    async def ended(self) -> str:
        """Wait for the end of one session; its reason."""
        await until(lambda: self.reasons)
        return self.reasons[0]


# -- a real host


class Uvicorn:
    """A running uvicorn server."""

    def __init__(self, server: uvicorn.Server) -> None:
        self._server = server
        self.port: int = server.servers[0].sockets[0].getsockname()[1]
        self._running = True

    async def stop(self) -> None:
        if self._running:
            self._running = False
            await patient(self._server.shutdown())


@asynccontextmanager
async def uvicorn_host(
    application: Any, host: tuple[HttpKind, WebSocketKind] = HOSTS[0]
) -> AsyncIterator[Uvicorn]:
    config = uvicorn.Config(
        application,
        host="127.0.0.1",
        port=0,
        http=host[0],
        ws=host[1],
        log_config=None,
        # A parked poll must not hold up the end of a test.
        timeout_graceful_shutdown=0,
    )
    with warnings.catch_warnings():
        # uvicorn's older WebSocket implementation announces its end.
        warnings.simplefilter("ignore")
        config.load()
    server = uvicorn.Server(config)
    # As `serve` does, but without its signal handlers and its tick of a tenth of a second.
    server.lifespan = config.lifespan_class(config)
    await patient(server.startup())
    uvicorn_server = Uvicorn(server)
    try:
        yield uvicorn_server
    finally:
        await uvicorn_server.stop()


@pytest.fixture(params=HOSTS, ids="-".join)
def host(request: pytest.FixtureRequest) -> tuple[HttpKind, WebSocketKind]:
    kind: tuple[HttpKind, WebSocketKind] = request.param
    return kind


# -- a client


class Response(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def packets(self) -> list[str]:
        return self.body.decode().split("\x1e")

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class OpenRequest:
    """A request on a connection of its own, not yet answered."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def response(self) -> Response:
        head, _, body = (await patient(self._reader.read())).partition(b"\r\n\r\n")
        await self.leave()
        status_line, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        return Response(int(status_line.split(" ")[1]), headers, body)

    async def leave(self) -> None:
        self.writer.close()
        await patient(self.writer.wait_closed())


async def send_request(
    port: int,
    target: str,
    method: str = "GET",
    body: bytes = b"",
    headers: Sequence[str] = (),
    *,
    length: int | None = None,
) -> OpenRequest:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    # HTTP/1.1 servers send a body without a length in chunks, which this client cannot read.
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    if method == "POST" and not any(line.startswith("Transfer-Encoding") for line in headers):
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    return OpenRequest(reader, writer)


async def ask(
    port: int,
    target: str,
    method: str = "GET",
    body: bytes = b"",
    headers: Sequence[str] = (),
) -> Response:
    return await (await send_request(port, target, method, body, headers)).response()


@dataclass
class Polls:
    """A session on long-polling."""

    port: int
    sid: str

    @property
    def target(self) -> str:
        return f"{POLLING}&sid={self.sid}"

    async def get(self) -> list[str]:
        response = await ask(self.port, self.target)
        assert response.status == 200
        return response.packets

    async def post(self, payload: str) -> None:
        response = await ask(self.port, self.target, "POST", payload.encode())
        assert (response.status, response.body) == (200, b"ok")

    async def park(self, engine: Engine) -> OpenRequest:
        """Send a GET that the server holds."""
        request = await send_request(self.port, self.target)
        await until(lambda: engine.connections[-1].session.waiting)
        return request


async def poll(port: int) -> Polls:
    """A new session on long-polling."""
    response = await ask(port, POLLING)
    assert response.status == 200
    assert response.body[:1] == b"0"
    return Polls(port, json.loads(response.body[1:])["sid"])


@asynccontextmanager
async def websocket(port: int, target: str = WEBSOCKET, **options: Any) -> AsyncIterator[Any]:
    """A WebSocket that has said and heard nothing yet."""
    address = f"ws://127.0.0.1:{port}{target}"
    async with connect(address, compression=None, proxy=None, **options) as client:
        yield client


async def refusal(port: int, target: str = WEBSOCKET, **options: Any) -> HandshakeResponse:
    """What a WebSocket handshake is answered with instead of 101."""
    with pytest.raises(InvalidStatus) as refused:
        async with websocket(port, target, **options):
            pass
    return refused.value.response


async def closing(client: ClientConnection) -> int | None:
    """Read to the end; the code of the server's close frame."""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                await client.recv()
    except ConnectionClosed as closed:
        return None if closed.rcvd is None else closed.rcvd.code


# -- the protocol under real hosts


async def test_polling_opens_with_the_five_keys(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        response = await ask(server.port, POLLING)
        handshake = json.loads(response.body[1:])
        assert response.status == 200
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        assert response.headers["cache-control"] == "no-store"
        assert response.body[:1] == b"0"
        assert list(handshake) == ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]
        assert handshake == {
            "sid": engine.connections[0].sid,
            "upgrades": ["websocket"],
            "pingInterval": 25000,
            "pingTimeout": 20000,
            "maxPayload": 1000000,
        }
        assert engine.connections[0].request.client == "127.0.0.1"
        assert engine.connections[0].request.target == POLLING


async def test_a_websocket_opens_with_the_five_keys(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with (
        uvicorn_host(engine.server.asgi_app(), host) as server,
        websocket(server.port) as client,
    ):
        packet = await patient(client.recv())
        assert packet[:1] == "0"
        assert json.loads(packet[1:]) == {
            "sid": engine.connections[0].sid,
            "upgrades": [],
            "pingInterval": 25000,
            "pingTimeout": 20000,
            "maxPayload": 1000000,
        }
        assert engine.connections[0].transport == "websocket"
        assert engine.connections[0].request.target == WEBSOCKET


async def test_polling_echoes_text_and_binary(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        await client.post("4hello\x1e4\x1ebAQIDBA==\x1e4€")
        assert await client.get() == ["4hello", "4", "bAQIDBA==", "4€"]
        assert engine.received == ["hello", "", b"\x01\x02\x03\x04", "€"]


async def test_a_websocket_echoes_text_and_binary(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with (
        uvicorn_host(engine.server.asgi_app(), host) as server,
        websocket(server.port) as client,
    ):
        await patient(client.recv())
        for packet in ("4hello", "4", b"\x01\x02\x03\x04", b"", "4€"):
            await client.send(packet)
            assert await patient(client.recv()) == packet


async def test_a_parked_poll_is_answered_by_a_message(
    host: tuple[HttpKind, WebSocketKind],
) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        parked = await client.park(engine)
        engine.connections[0].send("news")
        response = await parked.response()
        assert (response.status, response.body) == (200, b"4news")
        assert response.headers["content-length"] == "5"


async def test_an_upgrade_keeps_the_order_of_messages(
    host: tuple[HttpKind, WebSocketKind],
) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        await client.post("4first")
        assert await client.get() == ["4first"]
        parked = await client.park(engine)
        async with websocket(server.port, f"{WEBSOCKET}&sid={client.sid}") as candidate:
            await candidate.send("2probe")
            assert await patient(candidate.recv()) == "3probe"
            assert (await parked.response()).body == b"6"
            await client.post("4second")
            engine.connections[0].send("third")
            await candidate.send("5")
            await candidate.send("4fourth")
            await candidate.send(b"fifth")
            for packet in ("4second", "4third", "4fourth", b"fifth"):
                assert await patient(candidate.recv()) == packet
            assert engine.connections[0].transport == "websocket"
            assert engine.received == ["first", "second", "fourth", b"fifth"]
            late = await ask(server.port, client.target)
            assert (late.status, late.json) == (400, {"code": 3, "message": "Bad request"})


REFUSALS = [
    ("?EIO=4", 400, {"code": 0, "message": "Transport unknown"}),
    ("?EIO=4&transport={transport}&sid=x", 400, {"code": 1, "message": "Session ID unknown"}),
    ("?EIO=4&transport={transport}&sid=x&sid=y", 400, {"code": 3, "message": "Bad request"}),
    ("?EIO=4&transport={transport}&no", 403, {"code": 4, "message": "not you"}),
    ("?EIO=3&transport={transport}", 400, {"code": 5, "message": "Unsupported protocol version"}),
]


def refuse_some(request: Request) -> None:
    if "no" in request.query:
        raise Forbidden("not you")


async def test_refusals_have_the_engine_s_status_and_body(
    host: tuple[HttpKind, WebSocketKind],
) -> None:
    engine = Engine(allow_request=refuse_some)
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        for query, status, body in REFUSALS:
            response = await ask(server.port, f"/engine.io/{query.format(transport='polling')}")
            assert (response.status, response.json) == (status, body)
            assert response.headers["content-type"] == "application/json"
            target = f"/engine.io/{query.format(transport='websocket')}"
            answer = await refusal(server.port, target)
            assert (answer.status_code, json.loads(answer.body)) == (status, body)
            assert answer.headers["Content-Type"] == "application/json"
    assert engine.connections == []


async def test_a_server_that_stops_accepting_refuses_handshakes(
    host: tuple[HttpKind, WebSocketKind],
) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        opened = await ask(server.port, POLLING)
        engine.server.stop_accepting()
        refused = await ask(server.port, POLLING)
        assert (refused.status, refused.json["message"]) == (503, "Server is stopping")
        assert (await refusal(server.port, WEBSOCKET)).status_code == 503
        sid = json.loads(opened.body[1:])["sid"]
        assert (await ask(server.port, f"{POLLING}&sid={sid}", "POST", b"1")).body == b"ok"


async def test_requests_of_the_wrong_kind_are_refused(
    host: tuple[HttpKind, WebSocketKind],
) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        response = await ask(server.port, POLLING, "POST", b"4")
        assert (response.status, response.json["code"]) == (400, 2)
        response = await ask(server.port, WEBSOCKET)
        assert (response.status, response.json["code"]) == (400, 3)
        assert json.loads((await refusal(server.port, POLLING)).body)["code"] == 3


async def test_other_paths_are_not_found(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        for path in ("/", "/engine.io", "/engine.iox/", "/engine.io/x", "/x/engine.io/"):
            response = await ask(server.port, f"{path}?EIO=4&transport=polling")
            assert (response.status, response.body) == (404, b"Not found")
            answer = await refusal(server.port, f"{path}?EIO=4&transport=websocket")
            assert answer.status_code == 404
    assert engine.connections == []


async def test_origins_are_checked_on_both_transports(
    host: tuple[HttpKind, WebSocketKind],
) -> None:
    engine = Engine(cors=CorsOptions(origin="http://good.example", credentials=True))
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        for evil in ("http://evil.example", "null"):
            response = await ask(server.port, POLLING, headers=[f"Origin: {evil}"])
            assert response.status == 403
            assert response.json == {"code": 4, "message": "Origin not allowed"}
            assert "access-control-allow-origin" not in response.headers
            answer = await refusal(server.port, origin=evil)
            assert (answer.status_code, json.loads(answer.body)["code"]) == (403, 4)
        good = ["Origin: http://good.example"]
        response = await ask(server.port, POLLING, headers=good)
        assert response.status == 200
        assert response.headers["access-control-allow-origin"] == "http://good.example"
        assert response.headers["access-control-allow-credentials"] == "true"
        response = await ask(server.port, POLLING, "OPTIONS", headers=good)
        assert (response.status, response.body) == (204, b"")
        assert "content-length" not in response.headers
        assert response.headers["access-control-allow-methods"] == "get,head,put,patch,post,delete"
        async with websocket(server.port, origin="http://good.example") as client:
            assert (await patient(client.recv()))[:1] == "0"
            allowed = client.response.headers["Access-Control-Allow-Origin"]
            assert allowed == "http://good.example"


async def test_an_aborted_poll_ends_the_session(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        parked = await client.park(engine)
        await parked.leave()
        assert await engine.ended() == "transport error"
        response = await ask(server.port, client.target)
        assert (response.status, response.json["code"]) == (400, 1)


async def test_an_aborted_post_ends_the_session(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        half = await send_request(server.port, client.target, "POST", b"4ha", length=100)
        await half.writer.drain()
        await half.leave()
        assert await engine.ended() == "transport error"
        assert engine.received == []


async def test_a_body_above_the_limit_is_refused(host: tuple[HttpKind, WebSocketKind]) -> None:
    """By its announced length before it comes, or by what comes in chunks."""
    engine = Engine(max_http_buffer_size=100)
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        for body, headers in (
            (b"4" * 101, []),
            (b"65\r\n" + b"4" * 101 + b"\r\n0\r\n\r\n", ["Transfer-Encoding: chunked"]),
        ):
            engine.reasons.clear()
            client = await poll(server.port)
            response = await ask(server.port, client.target, "POST", body, headers)
            assert (response.status, response.body) == (413, b"")
            assert engine.reasons == ["transport error"]
        client = await poll(server.port)
        request = await send_request(server.port, client.target, "POST", length=10**9)
        assert (await request.response()).status == 413
        # Exactly at the limit is allowed.
        client = await poll(server.port)
        await client.post("4" * 100)
        assert engine.received == ["4" * 99]


async def test_a_body_in_pieces_is_put_together(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        request = await send_request(server.port, client.target, "POST", b"4h", length=6)
        await until(lambda: server_reads_a_post(engine))
        request.writer.write(b"el")
        await request.writer.drain()
        request.writer.write(b"lo")
        assert (await request.response()).body == b"ok"
        assert engine.received == ["hello"]


def server_reads_a_post(engine: Engine) -> bool:
    carrier: Any = engine.connections[-1].carrier
    return carrier._posting is not None


async def test_overlapping_polls_end_the_session(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        first = await client.park(engine)
        second = await ask(server.port, client.target)
        assert second.status == 400
        assert (await first.response()).body == b"1"
        assert engine.reasons == ["transport error"]


async def test_overlapping_posts_end_the_session(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        first = await send_request(server.port, client.target, "POST", b"4h", length=6)
        await until(lambda: server_reads_a_post(engine))
        second = await ask(server.port, client.target, "POST", b"4")
        assert second.status == 400
        assert engine.reasons == ["transport error"]
        await first.leave()


async def test_a_malformed_payload_is_refused(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        response = await ask(server.port, client.target, "POST", b"abc")
        assert (response.status, response.json["code"]) == (400, 3)
        assert engine.reasons == ["parse error"]


async def test_the_server_closes_a_poll(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        parked = await client.park(engine)
        engine.connections[0].send("last")
        engine.connections[0].close()
        assert (await parked.response()).packets == ["4last"]
        assert await client.get() == ["1"]
        assert engine.reasons == ["forced close"]


async def test_the_server_closes_a_websocket(host: tuple[HttpKind, WebSocketKind]) -> None:
    """What was sent before comes first; the code is 1000, as ASGI has no empty close frame."""
    engine = Engine()
    async with (
        uvicorn_host(engine.server.asgi_app(), host) as server,
        websocket(server.port) as client,
    ):
        await patient(client.recv())
        engine.connections[0].send("last")
        engine.connections[0].close()
        assert await patient(client.recv()) == "4last"
        assert await closing(client) == 1000
        assert engine.reasons == ["forced close"]


@pytest.mark.parametrize("by_packet", [True, False])
async def test_the_client_closes_a_websocket(
    host: tuple[HttpKind, WebSocketKind], by_packet: bool
) -> None:
    engine = Engine()
    async with (
        uvicorn_host(engine.server.asgi_app(), host) as server,
        websocket(server.port) as client,
    ):
        await patient(client.recv())
        if by_packet:
            await client.send("1")
            assert await closing(client) == 1000
        else:
            await patient(client.close())
        assert await engine.ended() == "transport close"


async def test_a_lost_connection_ends_the_session(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with (
        uvicorn_host(engine.server.asgi_app(), host) as server,
        websocket(server.port) as client,
    ):
        await patient(client.recv())
        client.transport.abort()
        assert await engine.ended() == "transport close"


@pytest.mark.parametrize("packet", ["4" * 101, "€" * 34, b"\x00" * 201])
async def test_a_message_above_the_limit_ends_the_session(
    host: tuple[HttpKind, WebSocketKind], packet: Message
) -> None:
    """The limit counts bytes, not characters, and text has its own."""
    engine = Engine(max_http_buffer_size=200, max_text_size=100)
    async with (
        uvicorn_host(engine.server.asgi_app(), host) as server,
        websocket(server.port) as client,
    ):
        await patient(client.recv())
        await client.send("4" * 100)
        assert await patient(client.recv()) == "4" * 100
        await client.send("4" + "€" * 33)
        assert await patient(client.recv()) == "4" + "€" * 33
        await client.send(b"\x00" * 200)
        assert await patient(client.recv()) == b"\x00" * 200
        await client.send(packet)
        assert await closing(client) == 1009
        assert engine.reasons == ["transport error"]
        assert len(engine.received) == 3


@pytest.mark.parametrize("packets", [["4early"], ["5"], ["2probe", "4early"], ["2probe", "2probe"]])
async def test_a_wrong_candidate_leaves_the_polling_session_alive(
    host: tuple[HttpKind, WebSocketKind], packets: list[str]
) -> None:
    """Nothing after the wrong packet counts, and the next candidate may upgrade."""
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        async with websocket(server.port, f"{WEBSOCKET}&sid={client.sid}") as candidate:
            for packet in [*packets, "2probe", "5", "4early"]:
                await candidate.send(packet)
            assert await closing(candidate) == 1000
        assert engine.received == []
        assert engine.connections[0].transport == "polling"
        await client.post("4still here")
        assert await client.get() == ["4still here"]
        async with websocket(server.port, f"{WEBSOCKET}&sid={client.sid}") as candidate:
            await candidate.send("2probe")
            assert await patient(candidate.recv()) == "3probe"
            await candidate.send("5")
            await candidate.send("4upgraded")
            assert await patient(candidate.recv()) == "4upgraded"
        assert await engine.ended() == "transport close"


async def test_a_candidate_that_goes_away_leaves_the_polling_session_alive(
    host: tuple[HttpKind, WebSocketKind],
) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        async with websocket(server.port, f"{WEBSOCKET}&sid={client.sid}") as candidate:
            await candidate.send("2probe")
            assert await patient(candidate.recv()) == "3probe"
        await until(lambda: engine.connections[0].candidate is None)
        await client.post("4still here")
        assert await client.get() == ["4still here"]
        assert engine.reasons == []


async def test_a_second_candidate_is_closed_and_the_first_goes_on(
    host: tuple[HttpKind, WebSocketKind],
) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        target = f"{WEBSOCKET}&sid={client.sid}"
        async with websocket(server.port, target) as first:
            await first.send("2probe")
            assert await patient(first.recv()) == "3probe"
            async with websocket(server.port, target) as second:
                assert await closing(second) == 1000
            await first.send("5")
            await first.send("4hello")
            assert await patient(first.recv()) == "4hello"


async def test_the_end_of_a_session_closes_its_candidate(
    host: tuple[HttpKind, WebSocketKind],
) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        async with websocket(server.port, f"{WEBSOCKET}&sid={client.sid}") as candidate:
            await candidate.send("2probe")
            assert await patient(candidate.recv()) == "3probe"
            await client.post("1")
            assert await closing(candidate) == 1000
        assert engine.reasons == ["transport close"]


async def test_the_first_subprotocol_is_accepted(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with (
        uvicorn_host(engine.server.asgi_app(), host) as server,
        websocket(server.port, subprotocols=["one", "two"]) as client,
    ):
        assert client.subprotocol == "one"


async def test_a_peer_that_does_not_read_is_a_slow_consumer(
    host: tuple[HttpKind, WebSocketKind],
) -> None:
    """What waits for it stays bounded, and `drained` is released by the end."""
    engine = Engine(max_buffered=100_000)
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", server.port))
        reader, writer = await asyncio.open_connection(sock=sock, limit=1024)
        writer.write(
            f"GET {WEBSOCKET} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert (await patient(reader.readline())) == b"HTTP/1.1 101 Switching Protocols\r\n"
        await until(lambda: engine.connections)
        connection = engine.connections[0]
        drained = asyncio.create_task(connection.drained())
        for _ in range(10_000):
            connection.send(b"x" * 50_000)
            await asyncio.sleep(0)
            if engine.reasons:
                break
        assert engine.reasons == ["slow consumer"]
        await patient(drained)
        writer.transport.abort()
        await writer.wait_closed()


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
    await until(lambda: not engine.server._tasks)
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


@dataclass
class Host:
    """An ASGI host that a test controls: what the application receives, and how it sends."""

    application: AsgiApplication
    scope: Scope
    inbox: asyncio.Queue[AsgiEvent] = field(default_factory=asyncio.Queue)
    sent: list[AsgiEvent] = field(default_factory=list)
    # Sending waits here.
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    attempts: int = 0
    fault: Exception | None = None

    def __post_init__(self) -> None:
        self.gate.set()
        if self.scope["type"] == "websocket":
            self.inbox.put_nowait({"type": "websocket.connect"})

    async def receive(self) -> AsgiEvent:
        event = await self.inbox.get()
        if event["type"] == "fault":
            raise RuntimeError("the host cannot receive")
        return event

    async def send(self, event: AsgiEvent) -> None:
        self.attempts += 1
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        self.sent.append(event)

    def start(self) -> asyncio.Task[None]:
        return asyncio.create_task(self.run())

    async def run(self) -> None:
        await patient(self.application(self.scope, self.receive, self.send))

    def text(self, *packets: str) -> None:
        for packet in packets:
            self.inbox.put_nowait({"type": "websocket.receive", "text": packet})

    def disconnect(self, code: int = 1005) -> None:
        self.inbox.put_nowait({"type": "websocket.disconnect", "code": code})

    @property
    def packets(self) -> list[Any]:
        """What was sent as WebSocket messages, without the handshake."""
        found = [
            event.get("text", event.get("bytes"))
            for event in self.sent
            if event["type"] == "websocket.send"
        ]
        return found[1:]


def http_scope(query: str = "EIO=4&transport=polling", **changes: Any) -> Scope:
    return {
        "type": "http",
        "method": "GET",
        "path": "/engine.io/",
        "query_string": query.encode(),
        "headers": [(b"host", b"localhost")],
        **changes,
    }


def websocket_scope(query: str = "EIO=4&transport=websocket", **changes: Any) -> Scope:
    scope = http_scope(query, **changes)
    scope["type"] = "websocket"
    del scope["method"]
    return scope


@contextmanager
def closed_at_the_end(engine: Engine) -> Iterator[None]:
    try:
        yield
    finally:
        engine.server.close()


async def opened(engine: Engine, scope: Scope | None = None) -> tuple[Host, asyncio.Task[None]]:
    """A session on a WebSocket of a host made by hand."""
    host = Host(engine.server.asgi_app(), websocket_scope() if scope is None else scope)
    task = host.start()
    await until(lambda: len(host.sent) == 2)
    return host, task


async def test_a_client_without_binary_frames(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with (
        uvicorn_host(engine.server.asgi_app(), host) as server,
        websocket(server.port, f"{WEBSOCKET}&b64=1") as client,
    ):
        assert (await client.recv())[:1] == "0"
        for packet in ("bAQID", b"\x01\x02\x03"):
            await client.send(packet)
            assert await client.recv() == "bAQID"


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
        assert asgi._request(scope).target == "/a%3Fb%20%C3%BC/engine.io/"


@pytest.mark.parametrize("path", ["/engine.io/", "/nothing/"])
async def test_a_host_without_http_answers_closes_a_refused_websocket(path: str) -> None:
    """ASGI: a close before the accept is answered with 403."""
    answers: list[dict[str, Any]] = [{}, {"extensions": None}, {"extensions": {}}]
    for extensions in answers:
        host = Host(Engine().server.asgi_app(), websocket_scope("EIO=3", path=path, **extensions))
        await host.run()
        assert host.sent == [{"type": "websocket.close"}]


async def test_a_host_with_http_answers_gets_the_whole_answer() -> None:
    scope = websocket_scope("EIO=4&transport=x", extensions={"websocket.http.response": {}})
    host = Host(Engine().server.asgi_app(), scope)
    await host.run()
    body = b'{"code":0,"message":"Transport unknown"}'
    assert host.sent == [
        {
            "type": "websocket.http.response.start",
            "status": 400,
            "headers": [(b"content-type", b"application/json"), (b"content-length", b"40")],
        },
        {"type": "websocket.http.response.body", "body": body},
    ]


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb", "a\rb", "a\0b"])
async def test_a_line_break_in_a_header_never_reaches_the_host(value: str) -> None:
    def add(headers: list[tuple[str, str]], _request: Request) -> None:
        headers.append(("X-Name", value))

    engine = Engine(headers=add)
    with closed_at_the_end(engine):
        host = Host(engine.server.asgi_app(), http_scope())
        await host.run()
        start, body = host.sent
        assert start["status"] == 200
        assert b"x-name" not in dict(start["headers"])
        assert body["body"].startswith(b'0{"sid":')


async def test_headers_that_would_start_a_line_are_refused() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        await Host(engine.server.asgi_app(), http_scope()).run()
        host = Host(engine.server.asgi_app(), websocket_scope())
        websocket = AsgiWebSocket(host.scope, host.receive, host.send)
        with pytest.raises(UsageError, match="got the response header 'X-Name'"):
            websocket.accept(engine.connections[0], [("X-Name", "a\r\nb")])
        assert host.sent == []


async def test_a_post_is_answered_when_its_session_ends_before_its_body() -> None:
    """The host may have no deadline for bodies, and the client would hold the request for ever."""
    engine = Engine()
    with closed_at_the_end(engine):
        await Host(engine.server.asgi_app(), http_scope()).run()
        (connection,) = engine.connections
        query = f"EIO=4&transport=polling&sid={connection.sid}"
        host = Host(engine.server.asgi_app(), http_scope(query, method="POST"))
        answered = host.start()
        host.inbox.put_nowait({"type": "http.request", "body": b"4he", "more_body": True})
        await until(host.inbox.empty)
        engine.server.close()
        await answered
        assert host.sent[0]["status"] == 400
        assert engine.received == []


async def test_of_bodies_that_never_end_the_largest_goes() -> None:
    engine = Engine(max_half_received=100_000)
    budget = engine.server.budget
    with closed_at_the_end(engine):
        hosts = []
        for number, size in enumerate((80_000, 70_000)):
            await Host(engine.server.asgi_app(), http_scope()).run()
            query = f"EIO=4&transport=polling&sid={engine.connections[number].sid}"
            host = Host(engine.server.asgi_app(), http_scope(query, method="POST"))
            hosts.append((host, host.start()))
            body = {"type": "http.request", "body": b"4" * size, "more_body": True}
            host.inbox.put_nowait(body)
            await until(host.inbox.empty)
        largest, ended = hosts[0]
        await ended
        assert largest.sent[0]["status"] == 413
        assert budget.held == 70_000
        other, left = hosts[1]
        other.inbox.put_nowait({"type": "http.disconnect"})
        await left
        assert budget.held == 0


@pytest.mark.parametrize("end", ["cancelled", "failed", "left"])
async def test_a_body_that_never_ends_is_not_held_for_ever(end: str) -> None:
    """However the host ends the request: what it held counts against all others."""
    engine = Engine()
    budget = engine.server.budget
    with closed_at_the_end(engine):
        await Host(engine.server.asgi_app(), http_scope()).run()
        query = f"EIO=4&transport=polling&sid={engine.connections[0].sid}"
        host = Host(engine.server.asgi_app(), http_scope(query, method="POST"))
        task = host.start()
        host.inbox.put_nowait({"type": "http.request", "body": b"4half", "more_body": True})
        await until(lambda: budget.held == 5)
        if end == "cancelled":
            task.cancel()
        else:
            kind = "fault" if end == "failed" else "http.disconnect"
            host.inbox.put_nowait({"type": kind})
        with contextlib.suppress(asyncio.CancelledError, RuntimeError):
            await task
        assert budget.held == 0
        assert engine.reasons == ["transport error"]


async def test_an_http_request_cannot_become_a_websocket() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        await Host(engine.server.asgi_app(), http_scope()).run()
        host = Host(engine.server.asgi_app(), http_scope())
        exchange = AsgiExchange(host.scope, host.receive, host.send)
        with pytest.raises(RequestRefused, match="no WebSocket handshake"):
            exchange.accept(engine.connections[0], ())


async def test_a_websocket_handshake_has_no_body() -> None:
    host = Host(Engine().server.asgi_app(), websocket_scope())
    bodies: list[bytes | None] = []
    AsgiWebSocket(host.scope, host.receive, host.send).read_body(10, bodies.append, Budget(10, str))
    assert bodies == [b""]


async def test_a_body_is_refused_by_its_length_before_it_is_read() -> None:
    """Nothing is received, so the host asks for no body with "100 Continue"."""
    engine = Engine(max_http_buffer_size=10)
    with closed_at_the_end(engine):
        await Host(engine.server.asgi_app(), http_scope()).run()
        scope = http_scope(
            f"EIO=4&transport=polling&sid={engine.connections[0].sid}",
            method="POST",
            headers=[(b"content-length", b"11")],
        )
        host = Host(engine.server.asgi_app(), scope)
        host.inbox.put_nowait({"type": "http.request", "body": b"4"})
        await host.run()
        assert host.sent[0]["status"] == 413
        assert host.inbox.qsize() == 1


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ([b"4hello"], 200),
        ([b"", b"4", b"", b"hello", b""], 200),
        ([b"4" * 10], 200),
        ([b"4" * 11], 413),
        ([b"4" * 6, b"4" * 5], 413),
    ],
)
@pytest.mark.parametrize("headers", [[], [(b"content-length", b"?")], [(b"content-length", b"0")]])
async def test_a_body_is_counted_whatever_its_length_says(
    pieces: list[bytes], status: int, headers: list[tuple[bytes, bytes]]
) -> None:
    engine = Engine(max_http_buffer_size=10)
    with closed_at_the_end(engine):
        await Host(engine.server.asgi_app(), http_scope()).run()
        query = f"EIO=4&transport=polling&sid={engine.connections[0].sid}"
        host = Host(engine.server.asgi_app(), http_scope(query, method="POST", headers=headers))
        for number, piece in enumerate(pieces, start=1):
            event = {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
            host.inbox.put_nowait(event)
        await host.run()
        assert host.sent[0]["status"] == status
        assert engine.received == (
            ["".join(map(bytes.decode, pieces))[1:]] if status == 200 else []
        )


async def test_the_body_of_a_get_is_not_kept() -> None:
    engine = Engine(max_http_buffer_size=10)
    with closed_at_the_end(engine):
        await Host(engine.server.asgi_app(), http_scope()).run()
        query = f"EIO=4&transport=polling&sid={engine.connections[0].sid}"
        host = Host(engine.server.asgi_app(), http_scope(query))
        task = host.start()
        for more_body in (True, True, False):
            host.inbox.put_nowait(
                {"type": "http.request", "body": b"x" * 100, "more_body": more_body}
            )
        await until(host.inbox.empty)
        engine.connections[0].send("hello")
        await task
        assert host.sent[1]["body"] == b"4hello"


async def parked(engine: Engine) -> tuple[Host, asyncio.Task[None]]:
    """A poll that waits for a message, on a host made by hand."""
    await Host(engine.server.asgi_app(), http_scope()).run()
    query = f"EIO=4&transport=polling&sid={engine.connections[0].sid}"
    host = Host(engine.server.asgi_app(), http_scope(query))
    task = host.start()
    await until(lambda: engine.connections[0].session.waiting)
    return host, task


async def test_a_parked_poll_ends_its_session_when_the_host_cancels_it() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await parked(engine)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert engine.reasons == ["transport error"]
        assert host.sent == []


async def test_a_parked_poll_ends_its_session_when_the_host_fails() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await parked(engine)
        host.inbox.put_nowait({"type": "fault"})
        with pytest.raises(RuntimeError, match="cannot receive"):
            await task
        assert engine.reasons == ["transport error"]


async def test_an_answer_that_nobody_gets_is_no_error() -> None:
    """ASGI: `send` raises an OSError once the peer is gone."""
    engine = Engine()
    with closed_at_the_end(engine):
        host = Host(engine.server.asgi_app(), http_scope(), fault=OSError("gone"))
        await host.run()
        assert host.attempts == 1
        assert engine.reasons == []


async def test_a_request_without_a_session_may_go_away() -> None:
    """A request that waits for nothing of the engine's: no verdict is asked any more."""
    forever = asyncio.Event()

    async def decide(_request: Request) -> None:
        await forever.wait()

    engine = Engine(allow_request=decide)
    for scope in (http_scope(), websocket_scope()):
        host = Host(engine.server.asgi_app(), scope)
        host.inbox.put_nowait({"type": f"{scope['type']}.disconnect"})
        await host.run()
        # A request is answered for whoever stands between; a WebSocket is just over.
        answered = [400] if scope["type"] == "http" else []
        assert [event["status"] for event in host.sent if "status" in event] == answered
    forever.set()
    await until(lambda: not engine.server._tasks)
    assert engine.connections == []


async def test_an_exchange_that_nobody_decides_just_ends() -> None:
    """A request that an engine neither answers nor watches may go away as well."""
    host = Host(Engine().server.asgi_app(), http_scope())
    host.inbox.put_nowait({"type": "http.disconnect"})
    await AsgiExchange(host.scope, host.receive, host.send).run()
    host = Host(Engine().server.asgi_app(), websocket_scope())
    host.inbox.put_nowait({"type": "websocket.disconnect"})
    socket_exchange = AsgiWebSocket(host.scope, host.receive, host.send)
    await host.receive()
    await socket_exchange.run()
    assert host.sent == []


# -- WebSockets of hosts made by hand


async def test_a_websocket_ends_its_session_when_the_host_cancels_it() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert engine.reasons == ["transport error"]
        assert len(host.sent) == 2


async def test_a_websocket_ends_its_session_when_the_host_fails() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        host.inbox.put_nowait({"type": "fault"})
        with pytest.raises(RuntimeError, match="cannot receive"):
            await task
        assert engine.reasons == ["transport error"]


@pytest.mark.parametrize("fault", [OSError("gone"), TimeoutError()])
async def test_a_send_to_a_peer_that_is_gone_ends_the_session(
    fault: OSError, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "engineio_min")
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        host.fault = fault
        engine.connections[0].send("one")
        engine.connections[0].send("two")
        await task
        assert engine.reasons == ["transport error"]
        assert f"a message could not be sent: {fault!r}" in caplog.text
        # Nothing is sent to a peer that is gone, not even the end.
        assert host.attempts == 3


async def test_a_failing_send_is_the_host_s_to_report() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        host.fault = RuntimeError("a fault of the host")
        engine.connections[0].send("one")
        with pytest.raises(RuntimeError, match="a fault of the host"):
            await task
        assert engine.reasons == ["transport error"]


async def test_a_client_that_fetches_nothing_is_dropped() -> None:
    engine = Engine(stall_timeout=0.05)
    with closed_at_the_end(engine):
        host = Host(engine.server.asgi_app(), http_scope())
        await host.start()
        engine.connections[0].send("x" * 70_000)
        await until(lambda: engine.reasons)
        assert engine.reasons == ["slow consumer"]


async def test_a_send_that_never_ends_ends_the_session(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        monkeypatch.setattr(asgi, "SEND_TIMEOUT", 0.0)
        host.gate.clear()
        connection = engine.connections[0]
        connection.send("one")
        connection.send("two")
        await until(lambda: connection.unsent)
        assert connection.unsent == 8
        # A host does not tell what its peer has taken.
        assert cast(asgi.AsgiWebSocket, connection.carrier).untaken() == (0, 0)
        await task
        assert engine.reasons == ["slow consumer"]
        assert host.packets == []
        assert caplog.messages[0].endswith(
            "over websocket, slow consumer: 8 bytes wait, expected one message to be taken within "
            "0 seconds; nothing was taken for 0.0 seconds"
        )


async def test_nothing_is_sent_after_the_peer_has_gone() -> None:
    """Not even a close frame: some hosts raise an error then."""
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        host.disconnect(1001)
        await task
        assert engine.reasons == ["transport close"]
        assert len(host.sent) == 2


def writable(connection: engineio_min.Connection) -> bool:
    return connection.session.writable


async def test_a_slow_send_counts_what_waits_and_keeps_the_order() -> None:
    """While the host sends nothing leaves at once, and `drained` waits."""
    engine = Engine(max_buffered=1000)
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        connection = engine.connections[0]
        assert writable(connection)
        host.gate.clear()
        connection.send("one")
        await until(lambda: host.attempts == 3)
        assert not writable(connection)
        drained = asyncio.create_task(connection.drained())
        for number in range(10):
            connection.send(str(number))
        await asyncio.sleep(0)
        assert not drained.done()
        host.gate.set()
        await patient(drained)
        assert writable(connection)
        assert host.packets == ["4one", *(f"4{number}" for number in range(10))]
        host.gate.clear()
        connection.send("stuck")
        await until(lambda: not writable(connection))
        for _ in range(20):
            connection.send("x" * 100)
        await until(lambda: engine.reasons)
        assert engine.reasons == ["slow consumer"]
        host.gate.set()
        await task
        # What the host had in hand leaves, then the close frame; the rest was dropped.
        assert host.packets[11:] == ["4stuck"]
        assert host.sent[-1] == {"type": "websocket.close", "code": 1000}


async def test_a_host_with_room_for_all_still_lets_the_others_come() -> None:
    """It never makes a send wait, so a backlog is cut into turns here: 63 sends of nothing each."""
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        for number in range(1_000):
            engine.connections[0].send(str(number))
        while len(host.packets) < 1_000:
            before = len(host.packets)
            await asyncio.sleep(0)
            assert len(host.packets) - before <= 64
        assert host.packets == [f"4{number}" for number in range(1_000)]
        host.disconnect()
        await task


async def test_a_peer_that_goes_away_releases_a_send_that_waits() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        host.gate.clear()
        engine.connections[0].send("one")
        await until(lambda: host.attempts == 3)
        host.disconnect(1006)
        await task
        assert engine.reasons == ["transport close"]


async def test_paused_messages_wait_with_the_host() -> None:
    """At most one message is taken out of the host's hands, and none is delivered."""
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        connection = engine.connections[0]
        connection.pause()
        host.text("4one", "4two", "4three")
        await until(lambda: host.inbox.qsize() == 2)
        for _ in range(10):
            await asyncio.sleep(0)
        assert host.inbox.qsize() == 2
        assert engine.received == []
        connection.resume()
        await until(lambda: len(host.packets) == 3)
        assert engine.received == ["one", "two", "three"]
        host.disconnect()
        await task


async def test_a_connection_may_be_paused_from_its_start() -> None:
    engine = Engine()

    def connected(connection: engineio_min.Connection) -> None:
        engine._connected(connection)
        connection.pause()

    engine.server.on_connection(connected)
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        host.text("4one")
        await until(host.inbox.empty)
        for _ in range(10):
            await asyncio.sleep(0)
        assert engine.received == []
        engine.connections[0].resume()
        await until(lambda: engine.received == ["one"])
        host.disconnect()
        await task


async def test_a_paused_session_may_upgrade_and_stays_paused() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        poller, polling = await parked(engine)
        connection = engine.connections[0]
        connection.pause()
        scope = websocket_scope(f"EIO=4&transport=websocket&sid={connection.sid}")
        host = Host(engine.server.asgi_app(), scope)
        task = host.start()
        host.text("2probe", "5", "4one")
        await until(lambda: connection.transport == "websocket")
        await polling
        await until(host.inbox.empty)
        for _ in range(10):
            await asyncio.sleep(0)
        assert [event["type"] for event in host.sent] == ["websocket.accept", "websocket.send"]
        assert poller.sent[1]["body"] == b"6"
        assert engine.received == []
        connection.resume()
        await until(lambda: engine.received == ["one"])
        host.disconnect()
        await task


async def test_a_refused_candidate_cannot_probe_for_the_first() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        await Host(engine.server.asgi_app(), http_scope()).run()
        connection = engine.connections[0]
        scope = websocket_scope(f"EIO=4&transport=websocket&sid={connection.sid}")
        first = Host(engine.server.asgi_app(), scope)
        task = first.start()
        await until(lambda: first.sent)
        second = Host(engine.server.asgi_app(), scope)
        second.text("2probe", "5", "4early")
        await second.run()
        assert second.sent == [
            {"type": "websocket.accept", "headers": []},
            {"type": "websocket.close", "code": 1000},
        ]
        assert connection.transport == "polling"
        first.text("2probe", "5", "4hello")
        await until(lambda: len(first.sent) == 3)
        assert [event.get("text") for event in first.sent] == [None, "3probe", "4hello"]
        assert engine.received == ["hello"]
        first.disconnect()
        await task


async def test_a_lone_surrogate_is_replaced() -> None:
    """As on the server's own WebSocket: hosts cannot encode it."""
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        engine.connections[0].send("a\ud800b€")
        await until(lambda: host.packets)
        assert host.packets == ["4a?b€"]
        host.disconnect()
        await task


async def test_messages_with_both_keys_are_read() -> None:
    """A host may give the other key as None; bytes-like data becomes bytes."""
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        for text, data in (("4text", None), (None, bytearray(b"data")), (None, b"")):
            host.inbox.put_nowait({"type": "websocket.receive", "text": text, "bytes": data})
        await until(lambda: len(host.packets) == 3)
        assert engine.received == ["text", b"data", b""]
        assert [type(message) for message in engine.received] == [str, bytes, bytes]
        host.disconnect()
        await task


async def test_an_empty_text_breaks_the_protocol() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        host.text("")
        await task
        assert engine.reasons == ["parse error"]
        assert host.sent[-1] == {"type": "websocket.close", "code": 1000}


async def test_a_failing_handler_costs_its_connection_only() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        other, other_task = await opened(engine)

        def fail(_message: Message) -> None:
            raise ValueError("a bug")

        engine.connections[0].on_message = fail
        host.text("4one")
        await task
        assert engine.reasons == ["forced close"]
        assert host.sent[-1] == {"type": "websocket.close", "code": 1000}
        other.text("4one")
        await until(lambda: other.packets == ["4one"])
        other.disconnect()
        await other_task


class SlowHost(Host):
    """Takes the given numbers of turns of the event loop to send, one after the other."""

    turns: Iterator[int] = iter(())

    async def send(self, event: AsgiEvent) -> None:
        for _ in range(next(self.turns, 0)):
            await asyncio.sleep(0)
        await super().send(event)


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(1, 3)),
        st.tuples(st.just("receive"), st.integers(1, 3)),
        st.tuples(st.just("wait"), st.integers(1, 5)),
        st.tuples(st.sampled_from(["pause", "resume"]), st.just(1)),
    ),
    max_size=30,
)


@given(actions=ACTIONS, turns=st.lists(st.integers(0, 4), max_size=40))
async def test_packets_leave_once_and_in_order(
    actions: list[tuple[str, int]], turns: list[int]
) -> None:
    """However long each send takes: what was sent arrives in order, none lost, none twice, and
    the close frame is last.
    """
    engine = Engine()
    engine.echo = False
    with closed_at_the_end(engine):
        host = SlowHost(engine.server.asgi_app(), websocket_scope())
        host.turns = iter(turns)
        task = host.start()
        await until(lambda: engine.connections)
        connection = engine.connections[0]
        expected: list[str] = []
        arrived: list[str] = []
        for action, count in actions:
            for _ in range(count):
                if action == "send":
                    expected.append(f"4{len(expected)}")
                    connection.send(expected[-1][1:])
                elif action == "receive":
                    arrived.append(str(len(arrived)))
                    host.text(f"4{arrived[-1]}")
                elif action == "pause":
                    connection.pause()
                elif action == "resume":
                    connection.resume()
                else:
                    await asyncio.sleep(0)
        connection.resume()
        await until(lambda: engine.received == arrived)
        connection.close()
        await task
        assert host.packets == expected
        assert host.sent[-1] == {"type": "websocket.close", "code": 1000}
        assert engine.reasons == ["forced close"]
