"""What the tests of our own HTTP send and serve."""

from __future__ import annotations

import asyncio
import socket

from engineio_min import HttpServer, Request, Response
from tests.engineio_min.harness import (
    POLLING,
    Harness,
)
from tests.engineio_min.wire import Wire, connect
from tests.waiting import until


def hello(request: Request) -> Response:
    return Response(200, b"hello", [("Content-Type", "text/plain"), ("X-Method", request.method)])


def get(headers: str, *, line: str = f"GET {POLLING} HTTP/1.1", host: str = "Host: a\r\n") -> bytes:
    return f"{line}\r\n{host}{headers}\r\n".encode("latin-1")


async def refused(harness: Harness, data: bytes) -> int:
    """Send what cannot be served; the status of the answer, after which the connection ends."""
    async with connect(harness.port) as wire:
        await wire.send(data)
        response = await wire.response()
        assert response.headers["connection"] == "close"
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        assert await wire.ended() == b""
    assert harness.connections == []
    return response.status


async def stalled(http: HttpServer) -> asyncio.Transport:
    """The server's end of the connection, once the peer has taken all it can."""
    await until(lambda: any(one.get_write_buffer_size() for one in http.connections))
    for _ in range(50):
        await asyncio.sleep(0)
    (transport,) = http.connections
    return transport


def large(_request: Request) -> Response:
    return Response(200, b"x" * 8_000_000)


async def short_of_room(harness: Harness) -> tuple[Wire, asyncio.Transport]:
    """A connection whose kernel buffers hold little, and the server's end of it."""
    wire = await harness.wire(receive_buffer=4_096)
    await until(lambda: harness.server.http.connections)
    (transport,) = harness.server.http.connections
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    return wire, transport


async def turned_away(wire: Wire) -> None:
    """The connection is told so without having asked, and ends."""
    response = await wire.response()
    assert response.status == 503
    assert response.headers["connection"] == "close"
    assert response.text == "there are too many connections, try again later"
    assert await wire.ended() == b""
    await wire.close()
