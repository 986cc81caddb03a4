"""What a case gets to work with: the server under test, and ways to open connections to it."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.case import ENGINE, Case
from conformance.errors import CaseFailed, Ended
from conformance.expectations import expect_status, expect_websocket, fail_unless
from conformance.packets import Packet, read_handshake, show
from conformance.sessions import PollingSession, Session, WebSocketSession
from conformance.transcript import Transcript
from conformance.wire import Connection, Endpoint, Headers, Reply, WebSocket

REFUSED = "the WebSocket to be refused or closed"


@dataclass(frozen=True, slots=True)
class Timings:
    """What a server's handshake tells: seconds and bytes."""

    ping_interval: float
    ping_timeout: float
    max_payload: int


@dataclass(frozen=True, slots=True)
class Paths:
    """The path of each of the two servers, with the slash at its end."""

    engine: str
    socket: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The server under test and the tool's patience; times in seconds.

    wait: how long an answer may take. connect_timeout, upgrade_timeout: the server's own, which no
    handshake tells.
    """

    endpoint: Endpoint
    paths: Paths
    wait: float = 2.0
    patience: float = 30.0
    connect_timeout: float = 1.0
    upgrade_timeout: float = 10.0


class Context:
    """One case's connections to the server, closed when it ends."""

    def __init__(self, settings: Settings, timings: Timings, case: Case) -> None:
        self.settings = settings
        self.timings = timings
        self.transcript = Transcript()
        self.wait = settings.wait
        self.path = settings.paths.engine if case.side == ENGINE else settings.paths.socket
        self._connections: list[Connection] = []

    @property
    def give_up(self) -> float:
        """Seconds without a ping after which a client gives up, and a slow network's delay."""
        return self.timings.ping_interval + self.timings.ping_timeout + self.wait

    def close(self) -> None:
        """Close every connection that the case opened."""
        for connection in self._connections:
            connection.close()

    # -- opening

    async def connection(self) -> Connection:
        """A new connection to the server."""
        connection = await Connection.open(self.settings.endpoint, self.transcript, self.wait)
        self._connections.append(connection)
        return connection

    def target(self, query: str) -> str:
        """A request target on this case's path."""
        return f"{self.path}?{query}"

    async def request(
        self,
        method: str,
        query: str,
        headers: Headers = (),
        body: bytes | None = None,
        expected: str = "an answer",
    ) -> Reply:
        """The answer to a request on a connection of its own."""
        connection = await self.connection()
        connection.request(method, self.target(query), headers, body)
        reply = await connection.reply(expected=expected)
        connection.close()
        return reply

    async def polling(self) -> PollingSession:
        """Open a session by long-polling."""
        reply = await self.request("GET", "EIO=4&transport=polling")
        expect_status(reply, 200, "the handshake")
        return PollingSession(self, read_handshake(reply.text))

    async def open_websocket(
        self, query: str, headers: Headers = (), after: bytes = b""
    ) -> WebSocket | Reply:
        """Ask for a WebSocket."""
        connection = await self.connection()
        return await connection.upgrade(self.target(query), headers, after)

    async def no_websocket(self, query: str, *packets: Packet) -> None:
        """Expect that a WebSocket is refused, or closed without a word; `packets` go into it."""
        opened = await self.open_websocket(query)
        if isinstance(opened, Reply):
            fail_unless(opened.status >= 400, str(opened), REFUSED)
            return
        opened.send(*packets)
        try:
            packet = await opened.receive(expected=REFUSED)
        except Ended:
            return
        raise CaseFailed(show(packet), REFUSED)

    async def websocket(self) -> WebSocketSession:
        """Open a session by WebSocket."""
        opened = await self.open_websocket("EIO=4&transport=websocket")
        session = WebSocketSession(self, expect_websocket(opened))
        session.handshake = read_handshake(await session.socket.receive())
        return session

    async def candidate(self, sid: str) -> WebSocketSession:
        """Open a WebSocket for a session that polls."""
        opened = await self.open_websocket(f"EIO=4&transport=websocket&sid={sid}")
        return WebSocketSession(self, expect_websocket(opened))

    async def probe(self) -> tuple[PollingSession, WebSocketSession]:
        """A polling session and its WebSocket after `2probe` and `3probe`."""
        polling = await self.polling()
        candidate = await self.candidate(polling.sid)
        candidate.send("2probe")
        await candidate.expect("3probe")
        return polling, candidate

    async def upgrade(self) -> tuple[PollingSession, WebSocketSession]:
        """A session carried from polling to WebSocket."""
        polling, websocket = await self.probe()
        websocket.send("5")
        return polling, websocket

    async def join(self, namespace: str = "/", auth: str = "") -> WebSocketSession:
        """A WebSocket that has joined a namespace and read its `auth` event."""
        session = await self.websocket()
        await session.join(namespace, auth)
        return session

    async def join_polling(self) -> PollingSession:
        """A polling session that has joined the main namespace and read its `auth` event."""
        session = await self.polling()
        await session.join()
        return session

    async def lasting_polling(self) -> PollingSession:
        """A session that polls and that no connectTimeout ends: on Socket.IO's path it joins."""
        on_engine = self.path == self.settings.paths.engine
        return await self.polling() if on_engine else await self.join_polling()

    async def lasting_websocket(self) -> WebSocketSession:
        """A session on a WebSocket that no connectTimeout ends."""
        on_engine = self.path == self.settings.paths.engine
        return await self.websocket() if on_engine else await self.join()

    async def works(self, session: Session) -> None:
        """Expect that a session still carries messages."""
        if self.path == self.settings.paths.engine:
            await session.deliver("4still there?")
            await session.expect("4still there?")
        else:
            await session.deliver('42["message","still there?"]')
            await session.expect_json('42["message-back","still there?"]')

    async def is_alive(self) -> None:
        """Expect that the server still serves others."""
        try:
            session = await self.websocket()
            if self.path == self.settings.paths.socket:
                await session.join()
            await self.works(session)
        except CaseFailed as error:
            raise CaseFailed(error.got, "another client to be served") from None
        session.leave()
