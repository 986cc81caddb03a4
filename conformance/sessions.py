"""Sessions on both transports, as the cases use them.

A session here is a correct client: it answers pings, so that a case about something else never
meets a ping timeout, and passes over packets that may come at any time. Cases about the heartbeat
read from `WebSocketSession.socket`, or park a GET, and see every packet.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from conformance.connection import Connection, Headers, Reply, within
from conformance.errors import CaseFailed, Ended, NoAnswer
from conformance.expectations import expect_status
from conformance.frames import PING, frame
from conformance.offer import Offer
from conformance.packets import (
    Packet,
    decode_payload,
    encode_payload,
    is_object,
    read_json,
    same_packet,
    show,
    without_offset,
)
from conformance.websocket import WebSocket


class Opener(Protocol):
    """What a session asks of the context of its case.

    wait: how many seconds an answer may take. offer: what the server offers.
    """

    wait: float
    offer: Offer

    def fits(self, size: int) -> None:
        """End the case if a payload of so many bytes is above the server's limit."""

    def target(self, query: str) -> str:
        """Return a request target on the case's path."""

    async def connection(self) -> Connection:
        """Return a new connection to the server."""

    async def request(
        self, method: str, query: str, headers: Headers = (), body: bytes | None = None
    ) -> Reply:
        """Return the answer to a request on a connection of its own."""


class Session:
    """The methods that the sessions of both transports share; `next_packet` answers pings.

    handshake: the payload of the open packet. recovers: whether the server adds offsets to events.
    """

    handshake: dict[str, Any]
    recovers: bool

    @property
    def sid(self) -> str:
        """Return the session's id."""
        return str(self.handshake["sid"])

    async def deliver(self, *packets: Packet) -> None:
        """Send packets; over polling, expect that the POST is accepted."""
        raise NotImplementedError

    async def next_packet(self, expected: str = "a packet besides pings") -> Packet:
        """Return the next packet besides pings; `expected` names what is due."""
        raise NotImplementedError

    async def leave(self) -> None:
        """Close the session, without waiting for its end."""
        raise NotImplementedError

    async def expect(self, *packets: Packet) -> None:
        """Expect exactly these packets next."""
        for packet in packets:
            seen = await self.next_packet(show(packet))
            if seen != packet:
                raise CaseFailed(show(seen), show(packet))

    async def expect_json(self, packet: str, *attachments: bytes) -> None:
        """Expect a Socket.IO packet, and then its attachments.

        The part before the payload must be equal to the letter, and the payload must have the same
        JSON value. The offset that recovery adds is passed over.
        """
        seen = await self.next_packet(show(packet))
        if not isinstance(seen, str) or not self.same(seen, packet):
            raise CaseFailed(show(seen), show(packet))
        await self.expect(*attachments)

    def same(self, seen: str, expected: str) -> bool:
        """Return whether two Socket.IO packets are equal, however their JSON is written, and
        without the offset that recovery adds to the one that was seen.
        """
        return same_packet(seen, expected) or (
            self.recovers and same_packet(without_offset(seen), expected)
        )

    async def join(self, namespace: str = "/", auth: str = "") -> str:
        """Join a namespace, read its `auth` event, and return the id of the socket.

        `auth` is the JSON of CONNECT's payload.
        """
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
    """A session that polls. It polls in `next_packet`, and in the methods that use that."""

    def __init__(self, opener: Opener, handshake: dict[str, Any]) -> None:
        self.handshake = handshake
        self.recovers = opener.offer.recovers
        self._opener = opener
        self._packets: list[Packet] = []

    @property
    def query(self) -> str:
        """Return the query of this session's requests."""
        return f"EIO=4&transport=polling&sid={self.sid}"

    async def post(self, body: bytes, headers: Headers = ()) -> Reply:
        """POST a body as it is."""
        return await self._opener.request("POST", self.query, headers, body)

    async def get(self) -> Reply:
        """GET once."""
        return await self._opener.request("GET", self.query)

    async def park(self) -> Connection:
        """Send a GET and do not wait for its answer."""
        connection = await self._opener.connection()
        connection.request("GET", self._opener.target(self.query))
        return connection

    async def deliver(self, *packets: Packet) -> None:
        body = encode_payload(packets)
        self._opener.fits(len(body))
        reply = await self.post(body)
        if reply.status != 200:
            raise CaseFailed(f"{reply} for the POST", "200 ok")

    async def leave(self) -> None:
        await self.post(b"1")

    async def next_packet(self, expected: str = "a packet besides pings") -> Packet:
        return await within(self._opener.wait, self._next_packet(), expected)

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
        """Expect that the session is over: a GET gets 400, perhaps after some last packets."""
        if not await self.is_closed():
            raise CaseFailed("a session that is still open", "it to be closed: GET gets 400")

    async def is_closed(self) -> bool:
        """Return whether a GET gets 400, perhaps after some last packets."""
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
                # The session still pings. Without a pong it would end, but not as the case expects.
                await self.post(b"3")
        return False


class WebSocketSession(Session):
    """A session, or a candidate for one, on a WebSocket."""

    def __init__(self, opener: Opener, socket: WebSocket) -> None:
        self.socket = socket
        self.recovers = opener.offer.recovers
        self._opener = opener

    def send(self, *packets: Packet) -> None:
        """Send packets, a frame each."""
        for packet in packets:
            self._opener.fits(len(packet.encode() if isinstance(packet, str) else packet))
        self.socket.send(*packets)

    async def deliver(self, *packets: Packet) -> None:
        self.send(*packets)

    async def settle(self) -> None:
        """Wait until the server has read all packets: it answers a WebSocket ping after them.

        The case does not see packets that come meanwhile.
        """
        expected = len(self.socket.pongs) + 1
        self.socket.send_bytes(frame(PING, b"settled?"), "ping frame")
        await within(self._opener.wait, self._until_pong(expected), "a pong frame")

    async def _until_pong(self, expected: int) -> None:
        while len(self.socket.pongs) < expected:
            packet = await self.socket.receive_or_pong("a pong frame")
            if packet == "2":
                self.socket.send("3")

    async def next_packet(self, expected: str = "a packet besides pings") -> Packet:
        return await within(self._opener.wait, self._next_packet(expected), expected)

    async def _next_packet(self, expected: str) -> Packet:
        while True:
            packet = await self.socket.receive(expected=expected)
            if packet == "2":
                self.socket.send("3")
            elif packet != "6":
                return packet

    async def expect_silence(self, seconds: float, expected: str) -> None:
        """Expect no packet besides pings for so many seconds."""
        try:
            packet = await within(seconds, self._next_packet(expected), expected)
        except NoAnswer:
            return
        raise CaseFailed(show(packet), expected)

    async def expect_closed(self, wait: float | None = None) -> Ended:
        """Expect that the server closes the WebSocket, although the client answers its pings.

        DISCONNECT, CONNECT_ERROR or Engine.IO's close packet may come before. `wait` is in seconds.
        """
        limit = self._opener.wait if wait is None else wait
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
            elif packet not in ("1", "6") and packet[:2] not in ("41", "44"):
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
            # If the session has ended, the case fails when it uses the session again.
            await asyncio.wait([answering])
            if not answering.cancelled():
                answering.exception()

    async def leave(self) -> None:
        self.socket.close()
        self.socket.connection.close()
