"""One WebSocket of an ASGI host: first the exchange that asks for it, then a session's carrier."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from engineio_min.asgi.scope import (
    EVENT_COST,
    AsgiEvent,
    Receive,
    Scope,
    Send,
    encode_headers,
    first_of,
    read_request,
)
from engineio_min.protocol.frame_heads import MESSAGE_TOO_BIG, NORMAL_CLOSURE, TRY_AGAIN_LATER
from engineio_min.protocol.packets import LONG, LongText, Packet, encode_base64, is_binary
from engineio_min.protocol.reasons import SLOW_CONSUMER, TRANSPORT_CLOSE, TRANSPORT_ERROR
from engineio_min.protocol.shares import LARGE_SHARE, READ_SHARE, STREAM_SHARE
from engineio_min.request import Headers
from engineio_min.transports.stream_carrier import StreamCarrier

if TYPE_CHECKING:
    from engineio_min.transports.connection import Connection

# Seconds that one message may take to leave. ASGI does not tell whether a slow peer reads at all,
# so this is longer than the time that websocket.py gives to a peer without progress.
SEND_TIMEOUT = 30.0

# The cost of one `send` of the host, as the bytes that it could have sent in that time.
SEND_COST = 4_096


class AsgiWebSocket(StreamCarrier):
    """One WebSocket: first the exchange that asks for it, then the carrier of a session."""

    __slots__ = (
        "_accepted",
        "_base64",
        "_close_code",
        "_events",
        "_gone",
        "_last",
        "_readable",
        "_receive",
        "_scope",
        "_send",
        "_unsent",
        "_wake",
        "on_abort",
        "request",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.request = read_request(scope)
        self.on_abort: Callable[[], None] | None = None
        self._scope = scope
        self._receive = receive
        self._send = send
        self._accepted = False
        # Whether binary messages leave as text: the client asked for it.
        self._base64 = False
        self._unsent = 0
        self._candidate = False
        self._gone = False
        self._close_code = NORMAL_CLOSURE
        # Events that leave before the session's packets, and the event that ends the WebSocket
        # after them.
        self._events: list[AsgiEvent] = []
        self._last: AsgiEvent | None = None
        self._wake = asyncio.Event()
        self._readable = asyncio.Event()

    # -- the exchange

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Refuse the WebSocket; the host's answer is 403 if it cannot send another."""
        if "websocket.http.response" in (self._scope.get("extensions") or {}):
            encoded = encode_headers(headers)
            encoded.append((b"content-length", str(len(body)).encode()))
            self._events.append(
                {"type": "websocket.http.response.start", "status": status, "headers": encoded}
            )
            self._last = {"type": "websocket.http.response.body", "body": body}
        else:
            self._last = {"type": "websocket.close"}
        self._wake.set()

    def read_body(
        self, limit: int, done: Callable[[bytes | None], None], hold: Callable[[int], None]
    ) -> None:
        """Read the body: a handshake has none."""
        done(b"")

    def untaken(self) -> tuple[int, int]:
        """Return zeros: nobody waits until the peer has the answer to a handshake."""
        return 0, 0

    def accept(
        self, connection: Connection, headers: Headers, *, candidate: bool, base64: bool
    ) -> AsgiWebSocket:
        """Become the WebSocket of `connection`; the host has checked the handshake."""
        event: AsgiEvent = {"type": "websocket.accept", "headers": encode_headers(headers)}
        offers = self._scope.get("subprotocols")
        if offers:
            # As the official server: the first offer is accepted.
            event["subprotocol"] = offers[0]
        self._connection = connection
        self._candidate = candidate
        self._base64 = base64
        self._accepted = True
        self._events.append(event)
        self._wake.set()
        return self

    async def run(self) -> None:
        """Carry packets until one side has ended it."""
        await first_of(
            asyncio.create_task(self._read()),
            asyncio.create_task(self._write()),
            finally_=lambda: self._lost(TRANSPORT_ERROR, "the host ended the WebSocket"),
        )

    def _lost(self, reason: str, description: str) -> None:
        """End what this carried: the host has ended the WebSocket, nothing can be sent."""
        if self._gone:
            return
        self._gone = True
        if self._accepted:
            self._end(reason, description)
            self._connection.flush()
        elif self._last is None and self.on_abort is not None:
            self.on_abort()

    # -- in

    def start(self) -> None:
        """Write what a session has to send, if this carries one, and begin to read."""
        if not self._candidate:
            self.flush()
        if self._candidate or not self._connection.paused:
            self._readable.set()

    async def _read(self) -> None:
        share = READ_SHARE
        while (event := await self._receive())["type"] != "websocket.disconnect":
            text = event.get("text")
            packet: Packet = bytes(event["bytes"]) if text is None else text
            size = len(packet)
            has_turn = size <= READ_SHARE
            while not (has_turn and self._readable.is_set()):
                if not self._readable.is_set():
                    # The host's events are read, but no message is taken while the handlers do not
                    # keep up.
                    await self._wait_with(size, self._readable)
                else:
                    await self._wait_for_turn(size)
                    has_turn = True
            share -= size + EVENT_COST
            self._take(packet)
            if share <= 0:
                # A host that has more would never let the others come.
                share = READ_SHARE
                await asyncio.sleep(0)
        self._lost(TRANSPORT_CLOSE, f"the WebSocket was closed, code {event.get('code')}")

    async def _wait_with(self, size: int, event: asyncio.Event) -> None:
        """Wait for an event, and count a message of `size` bytes as held until then."""
        hold = self._connection.hold
        hold(size)
        try:
            await event.wait()
        finally:
            hold(-size)

    async def _wait_for_turn(self, size: int) -> None:
        """Wait with a large message until a turn has a share for it."""
        turn_share = self._connection.server.turn_share
        share = min(size, LARGE_SHARE)
        if not turn_share.admit(share):
            has_come = asyncio.Event()
            turn_share.wait(share, has_come.set)
            await self._wait_with(size, has_come)

    def let_go(self) -> None:
        """Keep nothing of what has come, and tell the client to try again later."""
        self._close_code = TRY_AGAIN_LATER

    def _take(self, packet: Packet) -> None:
        server = self._connection.server
        text = isinstance(packet, str)
        if isinstance(packet, str) and server.long_texts and len(packet) >= LONG:
            packet = LongText(packet.encode())
        if _size(packet) > (server.text_limit if text else server.options.max_http_buffer_size):
            self._close_code = MESSAGE_TOO_BIG
            name = "max_text_size" if text else "max_http_buffer_size"
            self._end(TRANSPORT_ERROR, f"got a message above {name}")
        else:
            self._receive_packets([packet])
        self._connection.flush()

    def _answer_probe(self, packet: str) -> None:
        self._events.append({"type": "websocket.send", "text": packet})
        self._wake.set()

    # -- out

    @property
    def unsent(self) -> int:
        """Count the bytes that the host has not taken."""
        return self._unsent

    def flush(self) -> int:
        """Wake the writer, which writes at its own pace."""
        self._connection.session.release()
        if not self._connection.session.idle:
            self._wake.set()
        return 0

    def take_over(self) -> None:
        """Carry the session from now on, what waited for its last carrier first."""
        self.flush()

    def close(self) -> None:
        """Close once everything queued is sent."""
        self._last = {"type": "websocket.close", "code": self._close_code}
        self._wake.set()

    def pause(self) -> None:
        """Take nothing more until `resume`; the host holds back what comes."""
        self._readable.clear()

    def resume(self) -> None:
        """Take packets again."""
        self._readable.set()

    async def _write(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._write_queued()
                if self._last is not None:
                    await self._write_event(self._last)
                    return
        except OSError as error:
            # The peer is gone.
            self._lost(TRANSPORT_ERROR, f"a message could not be sent: {error!r}")

    async def _write_queued(self) -> None:
        events, self._events = self._events, []
        for event in events:
            await self._write_event(event)
        if not self._accepted or self._connection.carrier is not self:
            return
        connection = self._connection
        session = connection.session
        share = STREAM_SHARE
        while packets := session.take():
            # This matters only if sending takes time: what is queued meanwhile is counted.
            session.block(connection.server.loop.time())
            self._unsent = sum(map(len, packets))
            for packet in packets:
                if share <= 0:
                    # A host that takes everything at once would never let other connections have
                    # their turn.
                    share = STREAM_SHARE
                    await asyncio.sleep(0)
                size = len(packet)
                share -= size + SEND_COST
                if self._base64 and is_binary(packet):
                    packet = encode_base64(packet)
                await self._write_event(_send_event(packet))
                self._unsent -= size
            session.unblock()
            connection.flush()

    async def _write_event(self, event: AsgiEvent) -> None:
        if not self._gone:
            try:
                async with asyncio.timeout(SEND_TIMEOUT) as limit:
                    await self._send(event)
            except TimeoutError:
                if not limit.expired():
                    # The error is the host's own: it has lost its peer.
                    raise
                self._lost(
                    SLOW_CONSUMER,
                    f"{self._unsent} bytes wait, expected one message to be taken within "
                    f"{SEND_TIMEOUT:g} seconds",
                )


def _send_event(packet: Packet) -> AsgiEvent:
    """Return the event that sends `packet`."""
    if type(packet) is LongText:
        packet = packet.decode()
    if isinstance(packet, bytes):
        return {"type": "websocket.send", "bytes": packet}
    if not packet.isascii():
        # Hosts fail on a lone surrogate.
        packet = packet.encode("utf-8", "replace").decode()
    return {"type": "websocket.send", "text": packet}


def _size(packet: Packet) -> int:
    """Count the bytes of a message."""
    if isinstance(packet, bytes) or packet.isascii():
        return len(packet)
    return len(packet.encode())
