"""An engine that remembers, under uvicorn, and a client of it over the wire."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import warnings
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Unpack

import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Response as HandshakeResponse

import engineio_min
from engineio_min.options import ServerOptionValues
from engineio_min.protocol.packets import Message
from tests.waiting import PATIENCE, patient, until

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
