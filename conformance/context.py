"""What a case gets to work with: sessions on both transports, and ways to say what it expects.

A session here is a patient, correct client: it answers pings, so that a case about something else
never meets a ping timeout, and passes over packets that may come at any time. Cases about the
heartbeat read raw.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeGuard

from conformance.case import ENGINE, Case
from conformance.errors import CaseFailed, Ended, NoAnswer
from conformance.transcript import Transcript, printable
from conformance.wire import PING, Connection, Endpoint, Headers, Reply, WebSocket, frame, within

SEPARATOR = "\x1e"
REFUSED = "the WebSocket to be refused or closed"

Packet = str | bytes


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


class Session:
    """What the sessions of both transports share; `next_packet` answers pings on the way."""

    handshake: dict[str, Any]

    @property
    def sid(self) -> str:
        """The session's id."""
        return str(self.handshake["sid"])

    async def deliver(self, *packets: Packet) -> None:
        """Send packets, and for polling see that they are accepted."""
        raise NotImplementedError

    async def next_packet(self, expected: str = "a packet besides pings") -> Packet:
        """The next packet besides pings; `expected` names what is due."""
        raise NotImplementedError

    async def expect(self, *packets: Packet) -> None:
        """Expect exactly these packets next."""
        for packet in packets:
            seen = await self.next_packet(show(packet))
            if seen != packet:
                raise CaseFailed(show(seen), show(packet))

    async def expect_json(self, packet: str, *attachments: bytes) -> None:
        """Expect a Socket.IO packet: the part before the payload to the letter, the payload as the
        same JSON value, and then its attachments.
        """
        seen = await self.next_packet(show(packet))
        if not isinstance(seen, str) or not same_packet(seen, packet):
            raise CaseFailed(show(seen), show(packet))
        await self.expect(*attachments)

    async def join(self, namespace: str = "/", auth: str = "") -> str:
        """Join a namespace, read its `auth` event, return its socket's id."""
        prefix = "" if namespace == "/" else f"{namespace},"
        await self.deliver(f"40{prefix}{auth}")
        sid = await self.expect_joined(namespace)
        await self.expect_json(f'42{prefix}["auth",{auth or "{}"}]')
        return sid

    async def expect_joined(self, namespace: str = "/") -> str:
        """Expect CONNECT and return the socket's id."""
        prefix = "40" if namespace == "/" else f"40{namespace},"
        expected = f'{prefix}{{"sid":…}}'
        seen = await self.next_packet(expected)
        if not isinstance(seen, str) or not seen.startswith(prefix + "{"):
            raise CaseFailed(show(seen), expected)
        payload = read_json(seen[len(prefix) :], seen)
        if not is_object(payload) or not isinstance(payload.get("sid"), str) or not payload["sid"]:
            raise CaseFailed(show(seen), expected)
        return str(payload["sid"])


class PollingSession(Session):
    """A session that polls. Only `next_packet` and what builds on it polls by itself."""

    def __init__(self, context: Context, handshake: dict[str, Any]) -> None:
        self.handshake = handshake
        self._context = context
        self._packets: list[Packet] = []

    @property
    def query(self) -> str:
        """The query of this session's requests."""
        return f"EIO=4&transport=polling&sid={self.sid}"

    async def post(self, body: bytes, headers: Headers = ()) -> Reply:
        """POST a body as it is."""
        return await self._context.request("POST", self.query, headers, body)

    async def get(self) -> Reply:
        """GET once."""
        return await self._context.request("GET", self.query)

    async def park(self) -> Connection:
        """Send a GET and do not wait for its answer."""
        connection = await self._context.connection()
        connection.request("GET", self._context.target(self.query))
        return connection

    async def deliver(self, *packets: Packet) -> None:
        reply = await self.post(encode_payload(packets))
        if reply.status != 200:
            raise CaseFailed(f"{reply} for the POST", "200 ok")

    async def next_packet(self, expected: str = "a packet besides pings") -> Packet:
        return await within(self._context.wait, self._next_packet(), expected)

    async def _next_packet(self) -> Packet:
        while True:
            while self._packets:
                packet = self._packets.pop(0)
                if packet == "2":
                    await self.deliver("3")
                elif packet != "6":
                    return packet
            reply = await self.get()
            expect_status(reply, 200, "the poll")
            self._packets = decode_payload(reply.text)
            if self._packets == ["6"]:
                # While an upgrade is under way every poll is answered at once.
                await asyncio.sleep(0.02)

    async def expect_closed(self) -> None:
        """Expect that the session is over: a request gets 400, at most after some last packets."""
        if not await self.is_closed():
            raise CaseFailed("a session that is still open", "it to be closed: GET gets 400")

    async def is_closed(self) -> bool:
        """Whether a GET gets 400, at most after what was left to fetch."""
        for _ in range(5):
            try:
                reply = await self.get()
            except NoAnswer:
                return False
            if reply.status == 400:
                return True
            if reply.status != 200:
                raise CaseFailed(f"{reply} for the GET", "400")
            if "2" in decode_payload(reply.text):
                # It still pings: what else might close it is not what the case is about.
                await self.post(b"3")
        return False


class WebSocketSession(Session):
    """A session, or a candidate for one, on a WebSocket."""

    def __init__(self, context: Context, socket: WebSocket) -> None:
        self.socket = socket
        self._context = context

    def send(self, *packets: Packet) -> None:
        """Send packets, a frame each."""
        self.socket.send(*packets)

    async def deliver(self, *packets: Packet) -> None:
        self.socket.send(*packets)

    async def settle(self) -> None:
        """Wait until the server has acted on what was sent: a WebSocket ping is answered after it.

        Packets that come meanwhile are lost to the case.
        """
        expected = len(self.socket.pongs) + 1
        self.socket.send_bytes(frame(PING, b"settled?"), "ping frame")
        await within(self._context.wait, self._until_pong(expected), "a pong frame")

    async def _until_pong(self, expected: int) -> None:
        while len(self.socket.pongs) < expected:
            packet = await self.socket.receive_or_pong("a pong frame")
            if packet == "2":
                self.socket.send("3")

    async def next_packet(self, expected: str = "a packet besides pings") -> Packet:
        return await within(self._context.wait, self._next_packet(expected), expected)

    async def _next_packet(self, expected: str) -> Packet:
        while True:
            packet = await self.socket.receive(expected=expected)
            if packet == "2":
                self.socket.send("3")
            elif packet != "6":
                return packet

    async def expect_closed(self, wait: float | None = None) -> Ended:
        """Expect that the server closes the WebSocket, although the client answers its pings.

        A farewell may come before: DISCONNECT, or Engine.IO's close packet.
        """
        limit = self._context.wait if wait is None else wait
        try:
            return await within(limit, self._until_closed(), "the WebSocket to be closed")
        except NoAnswer:
            raise CaseFailed(
                f"a WebSocket that is still open after {limit:g} s", "it to be closed"
            ) from None

    async def _until_closed(self) -> Ended:
        while True:
            try:
                packet = await self.socket.receive()
            except Ended as ended:
                return ended
            except NoAnswer:
                continue
            if packet == "2":
                self.socket.send("3")
            elif not (isinstance(packet, str) and (packet in "16" or packet[:2] in ("41", "44"))):
                raise CaseFailed(show(packet), "the WebSocket to be closed")

    @asynccontextmanager
    async def kept_alive(self) -> AsyncIterator[None]:
        """Answer this session's pings while the case waits for something else."""

        async def answer() -> None:
            while True:
                try:
                    if await self.socket.receive() == "2":
                        self.socket.send("3")
                except NoAnswer:
                    continue

        answering = asyncio.create_task(answer())
        try:
            yield
        finally:
            answering.cancel()
            # An end of the session shows when the case uses it again.
            await asyncio.wait([answering])
            if not answering.cancelled():
                answering.exception()

    def leave(self) -> None:
        """Close the WebSocket and do not wait."""
        self.socket.close()
        self.socket.connection.close()


# -- payloads and packets


def encode_payload(packets: Iterable[Packet]) -> bytes:
    """A polling body (Engine.IO v4, "HTTP long-polling")."""
    return SEPARATOR.join(
        packet if isinstance(packet, str) else "b" + base64.b64encode(packet).decode()
        for packet in packets
    ).encode()


def decode_payload(body: str) -> list[Packet]:
    """The packets of a polling body.

    Raises:
        CaseFailed: a packet is empty, of unknown type, or its base64 is bad.
    """
    packets: list[Packet] = []
    for encoded in body.split(SEPARATOR):
        if encoded[:1] == "b":
            try:
                packets.append(base64.b64decode(encoded[1:], validate=True))
            except ValueError:
                raise CaseFailed(printable(encoded), "base64 after b") from None
        elif encoded[:1] not in tuple("0123456"):
            raise CaseFailed(printable(body) or "an empty body", "packets joined with U+001E")
        else:
            packets.append(encoded)
    return packets


def read_handshake(packet: Packet) -> dict[str, Any]:
    """The payload of an open packet.

    Raises:
        CaseFailed: it is none.
    """
    if not isinstance(packet, str) or not packet.startswith("0{"):
        raise CaseFailed(show(packet), "an open packet: 0{…}")
    handshake = read_json(packet[1:], packet)
    if not is_object(handshake) or not isinstance(handshake.get("sid"), str):
        raise CaseFailed(show(packet), "a handshake with a sid")
    return handshake


def read_json(text: str, whole: Packet) -> Any:
    """A JSON value.

    Raises:
        CaseFailed: it is none.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise CaseFailed(f"{show(whole)} ({error})", "JSON in it") from None


def same_packet(seen: str, expected: str) -> bool:
    """Whether two Socket.IO packets are the same but for the spelling of their JSON."""
    head, payload = split_packet(expected)
    seen_head, seen_payload = split_packet(seen)
    if head != seen_head:
        return False
    if payload == seen_payload:
        return True
    try:
        return same_value(json.loads(payload), json.loads(seen_payload))
    except ValueError:
        return False


def same_value(seen: Any, expected: Any) -> bool:
    """Whether two JSON values are the same; 1 and 1.0 are, 1 and true are not."""
    if isinstance(seen, list) and isinstance(expected, list):
        return len(seen) == len(expected) and all(map(same_value, seen, expected))
    if isinstance(seen, dict) and isinstance(expected, dict):
        return seen.keys() == expected.keys() and all(
            same_value(seen[key], expected[key]) for key in seen
        )
    if isinstance(seen, bool) or isinstance(expected, bool):
        return seen is expected
    return bool(seen == expected)


def split_packet(packet: str) -> tuple[str, str]:
    """What stands before the JSON payload of a packet, and the payload."""
    for index, character in enumerate(packet):
        if character in '[{"':
            return packet[:index], packet[index:]
    return packet, ""


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a JSON value is an object."""
    return isinstance(value, dict)


# -- expectations


def show(packet: Packet) -> str:
    """A packet in a message."""
    if isinstance(packet, bytes):
        return f"<{packet[:32].hex(' ')}{' …' if len(packet) > 32 else ''}> ({len(packet)} bytes)"
    return printable(packet) or "an empty text"


def expect_status(reply: Reply, status: int, what: str) -> None:
    """Expect an HTTP status."""
    if reply.status != status:
        raise CaseFailed(f"{reply} for {what}", str(status))


def expect_websocket(opened: WebSocket | Reply) -> WebSocket:
    """Expect that a WebSocket was opened."""
    if isinstance(opened, Reply):
        raise CaseFailed(str(opened), "101 Switching Protocols")
    return opened


def expect(seen: object, expected: object, what: str) -> None:
    """Expect a value."""
    if seen != expected:
        raise CaseFailed(f"{seen!r} for {what}", repr(expected))


def fail_unless(condition: bool, seen: str, expected: str) -> None:
    """Expect something that has no better words than these."""
    if not condition:
        raise CaseFailed(seen, expected)
