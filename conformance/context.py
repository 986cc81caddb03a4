"""The context of a case: the server under test, and methods that open connections to it."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.connection import Connection, Endpoint, Headers, Reply
from conformance.errors import CaseFailed, Ended, NotApplicable
from conformance.expectations import expect_status, expect_websocket, fail_unless
from conformance.offer import ENGINE, Feature, Offer, Timings
from conformance.packets import Packet, read_handshake, show
from conformance.sessions import PollingSession, Session, WebSocketSession
from conformance.transcript import Transcript
from conformance.websocket import WebSocket, open_websocket

POLLING = "EIO=4&transport=polling"
REFUSED = "the WebSocket to be refused or closed"


@dataclass(frozen=True, slots=True)
class Paths:
    """The path of each of the two servers, with the slash at its end."""

    engine: str
    socket: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The server under test and the tool's patience; times in seconds.

    wait: how long an answer may take. patience: how long a case may wait for the server's timers.
    connect_timeout, upgrade_timeout: the server's own, which no handshake tells. origin: an origin
    whose pages may use the server.
    """

    endpoint: Endpoint
    paths: Paths
    wait: float = 2.0
    patience: float = 30.0
    connect_timeout: float = 1.0
    upgrade_timeout: float = 10.0
    origin: str = "http://a.example"


class Context:
    """One case's connections to one side of the server, closed when it ends."""

    def __init__(self, settings: Settings, offer: Offer, side: str) -> None:
        self.settings = settings
        self.offer = offer
        self.transcript = Transcript()
        self.wait = settings.wait
        self.path = settings.paths.engine if side == ENGINE else settings.paths.socket
        self._connections: list[Connection] = []

    @property
    def timings(self) -> Timings:
        """Return what the server's handshake tells."""
        return self.offer.timings

    def require(self, feature: Feature) -> None:
        """End the case if the server does not offer a feature.

        Raises:
            NotApplicable: the server does not offer it.
        """
        if feature in self.offer.lacks:
            raise NotApplicable(self.offer.lacks[feature])

    def fits(self, size: int) -> None:
        """End the case if a payload of so many bytes is above the server's limit.

        Raises:
            NotApplicable: the payload is above the limit.
        """
        if size > self.timings.max_payload:
            limit = self.timings.max_payload
            raise NotApplicable(f"sends {size} bytes at once, more than maxPayload ({limit})")

    @property
    def give_up(self) -> float:
        """Return the seconds without a ping after which a client on a slow network gives up."""
        return self.timings.ping_interval + self.timings.ping_timeout + self.wait

    def close(self) -> None:
        """Close every connection that the case opened."""
        for connection in self._connections:
            connection.close()

    # -- opening

    async def connection(self) -> Connection:
        """Return a new connection to the server."""
        connection = await Connection.open(self.settings.endpoint, self.transcript, self.wait)
        self._connections.append(connection)
        return connection

    def target(self, query: str) -> str:
        """Return a request target on this case's path."""
        return f"{self.path}?{query}"

    async def request(
        self,
        method: str,
        query: str,
        headers: Headers = (),
        body: bytes | None = None,
        expected: str = "an answer",
    ) -> Reply:
        """Return the answer to a request on a connection of its own."""
        if query == POLLING:
            self.require(Feature.POLLING)
        connection = await self.connection()
        connection.request(method, self.target(query), headers, body)
        reply = await connection.reply(expected=expected)
        connection.close()
        return reply

    async def polling(self) -> PollingSession:
        """Open a session by long-polling."""
        reply = await self.request("GET", POLLING)
        expect_status(reply, 200, "the handshake")
        return PollingSession(self, read_handshake(reply.text))

    async def open_websocket(
        self, query: str, headers: Headers = (), after: bytes = b""
    ) -> WebSocket | Reply:
        """Ask for a WebSocket."""
        self.require(Feature.WEBSOCKET)
        connection = await self.connection()
        return await open_websocket(connection, self.target(query), headers, after)

    async def no_websocket(self, query: str, *packets: Packet) -> None:
        """Expect that a WebSocket is refused, or that the server closes it without a packet.

        `packets` are sent on it first.
        """
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

    async def session(self) -> Session:
        """Open a session on a WebSocket, or by long-polling if the server has no WebSocket."""
        if Feature.WEBSOCKET in self.offer.lacks:
            return await self.polling()
        return await self.websocket()

    async def candidate(self, sid: str) -> WebSocketSession:
        """Open a WebSocket for a session that polls."""
        self.require(Feature.UPGRADE)
        opened = await self.open_websocket(f"EIO=4&transport=websocket&sid={sid}")
        return WebSocketSession(self, expect_websocket(opened))

    async def probed(self, sid: str) -> WebSocketSession:
        """Open a WebSocket for a session that polls, and probe it: `2probe` and `3probe`."""
        candidate = await self.candidate(sid)
        candidate.send("2probe")
        await candidate.expect("3probe")
        return candidate

    async def probe(self) -> tuple[PollingSession, WebSocketSession]:
        """Return a polling session and its WebSocket after `2probe` and `3probe`."""
        polling = await self.polling()
        return polling, await self.probed(polling.sid)

    async def upgrade(self) -> tuple[PollingSession, WebSocketSession]:
        """Return a session carried from polling to WebSocket."""
        polling, websocket = await self.probe()
        websocket.send("5")
        return polling, websocket

    async def join(self, namespace: str = "/", auth: str = "") -> WebSocketSession:
        """Return a WebSocket that has joined a namespace and read its `auth` event."""
        self.require(Feature.HANDLERS)
        session = await self.websocket()
        await session.join(namespace, auth)
        return session

    async def join_polling(self) -> PollingSession:
        """Return a polling session that has joined the main namespace and read its `auth` event."""
        self.require(Feature.HANDLERS)
        session = await self.polling()
        await session.join()
        return session

    async def lasting_polling(self) -> PollingSession:
        """Return a polling session that connectTimeout does not end.

        On the path of the Socket.IO server it has joined the main namespace.
        """
        on_engine = self.path == self.settings.paths.engine
        return await self.polling() if on_engine else await self.join_polling()

    async def lasting_websocket(self) -> WebSocketSession:
        """Return a WebSocket session that connectTimeout does not end; see `lasting_polling`."""
        on_engine = self.path == self.settings.paths.engine
        return await self.websocket() if on_engine else await self.join()

    async def works(self, session: Session) -> None:
        """Expect that a session still carries messages."""
        self.require(Feature.HANDLERS)
        if self.path == self.settings.paths.engine:
            await session.deliver("4still there?")
            await session.expect("4still there?")
        else:
            await session.deliver('42["message","still there?"]')
            await session.expect_json('42["message-back","still there?"]')

    async def is_alive(self) -> None:
        """Expect that the server still serves others."""
        try:
            session = await self.session()
            if self.path == self.settings.paths.socket:
                self.require(Feature.HANDLERS)
                await session.join()
            await self.works(session)
        except CaseFailed as error:
            raise CaseFailed(error.got, "another client to be served") from None
        await session.leave()
