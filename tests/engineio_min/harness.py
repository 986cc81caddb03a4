"""What the wire tests share: a server that echoes and records, a clock that jumps, and the targets
of requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Unpack

import pytest

from engineio_min import Connection, HttpServer, Server
from engineio_min.options import ServerOptionValues
from engineio_min.timer import GRACE_TURNS
from tests.engineio_min.wire import HANDSHAKE, Response, Wire, connect, encode_request, websocket
from tests.waiting import until

PATH = "/engine.io/"
POLLING = f"{PATH}?EIO=4&transport=polling"
WEBSOCKET = f"{PATH}?EIO=4&transport=websocket"

# Runs a test on either transport.
BOTH_TRANSPORTS = pytest.mark.parametrize(
    ("target", "headers"), [(POLLING, {}), (WEBSOCKET, HANDSHAKE)]
)

ERROR = {
    0: "Transport unknown",
    1: "Session ID unknown",
    2: "Bad handshake method",
    3: "Bad request",
    4: "Forbidden",
    5: "Unsupported protocol version",
}


def assert_refused(response: Response, code: int, *, status: int = 400) -> None:
    """The exact body and content type of a refusal."""
    assert response.status == status
    assert response.headers["content-type"] == "application/json"
    assert response.text == f'{{"code":{code},"message":"{ERROR[code]}"}}'


@dataclass
class Harness:
    """A listening echo server and what happened to it."""

    server: Server
    stack: AsyncExitStack
    connections: list[Connection] = field(default_factory=list)
    received: list[str | bytes] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    # What the server sends back for a message; none when it is off.
    echo: bool = True

    def accept(self, connection: Connection) -> None:
        self.connections.append(connection)

        def receive(message: str | bytes) -> None:
            self.received.append(message)
            if self.echo:
                connection.send(message)

        connection.on_message = receive
        connection.on_close = self.closed.append

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def connection(self) -> Connection:
        """The last one."""
        return self.connections[-1]

    async def wire(self, *, receive_buffer: int | None = None) -> Wire:
        """A TCP connection, closed when the test ends."""
        return await self.stack.enter_async_context(
            connect(self.port, receive_buffer=receive_buffer)
        )

    async def request(
        self,
        method: str,
        target: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Response:
        """A request on a TCP connection of its own."""
        async with connect(self.port) as wire:
            return await wire.request(method, target, headers, body)

    async def websocket(self, target: str = WEBSOCKET, **headers: str) -> Wire:
        """A WebSocket, closed when the test ends."""
        return await self.stack.enter_async_context(websocket(self.port, target, headers))

    async def opened_websocket(self) -> Wire:
        """A WebSocket whose open packet has been read."""
        wire = await self.websocket()
        packet = await wire.packet()
        assert isinstance(packet, str)
        assert packet.startswith('0{"sid":')
        return wire

    async def poller(self) -> Poller:
        """A polling client after its handshake."""
        wire = await self.wire()
        response = await wire.request("GET", POLLING)
        assert response.status == 200
        poller = Poller(self, wire, await self.wire(), response)
        poller.sid = poller.open["sid"]
        return poller


@dataclass
class Poller:
    """A polling client: a connection for its GETs, one for POSTs in pieces, and one for each other
    POST.
    """

    harness: Harness
    getter: Wire
    poster: Wire
    handshake: Response
    sid: str = ""

    @property
    def open(self) -> Any:
        assert self.handshake.body[:1] == b"0"
        return Response(200, "", [], {}, self.handshake.body[1:]).json

    @property
    def target(self) -> str:
        return f"{POLLING}&sid={self.sid}"

    @property
    def upgrade_target(self) -> str:
        return f"{WEBSOCKET}&sid={self.sid}"

    async def get(self, headers: dict[str, str] | None = None) -> Response:
        return await self.getter.request("GET", self.target, headers)

    async def park(self) -> None:
        """Send a GET and wait until it is parked; `getter.response()` reads its answer."""
        session = self.harness.server.sessions[self.sid].session
        assert not session.waiting
        assert session.idle
        await self.getter.send(encode_request("GET", self.target))
        await until(lambda: session.waiting)

    async def post(self, body: str | bytes, headers: dict[str, str] | None = None) -> Response:
        data = body.encode() if isinstance(body, str) else body
        return await self.harness.request("POST", self.target, headers, data)

    async def gone(self) -> None:
        """The session is unknown now."""
        assert_refused(await self.harness.request("GET", self.target), 1)


@asynccontextmanager
async def serving(
    *, http: HttpServer | None = None, **options: Unpack[ServerOptionValues]
) -> AsyncIterator[Harness]:
    """An echo server on a free port; at the end nothing of it may be left."""
    server = Server(**options)
    async with AsyncExitStack() as stack:
        harness = Harness(server, stack)
        server.on_connection(harness.accept)
        await server.listen(port=0, http=http)
        try:
            yield harness
        finally:
            await stack.aclose()
            await server.stop()
    assert not server.sessions
    assert not server.departing
    assert not server.http.connections


# How much slower a test's own clock is than a real one.
SLOWNESS = 20


class Clock:
    """The running loop's clock, which a test moves forward.

    By itself it hardly moves, so that what must not be due yet is not due on a machine that stands
    still for seconds either. It does not stop, or short waits would never end.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._time = loop.time
        self._start = self._time()
        self._offset = 0.0

    def time(self) -> float:
        return self._start + (self._time() - self._start) / SLOWNESS + self._offset

    async def advance(self, seconds: float) -> None:
        """Move on and let the loop do what is due."""
        self._offset += seconds
        # A few turns, after those that a timer waits which comes late.
        for _ in range(5 + GRACE_TURNS):
            await asyncio.sleep(0)
