"""The WebSocket that carries a client's session, from its handshake or from an upgrade on.

Two WebSockets may be open at once: the one that carries the session, and the candidate of an
upgrade. This file knows which of them a packet came from; what the packet means is the session's
rule.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from engineio_min.client.upgrade import Start, Upgrade
from engineio_min.client.websocket import ClientWebSocket, PacketSink
from engineio_min.errors import ConnectionFailed
from engineio_min.protocol.client_session import ClientSession
from engineio_min.protocol.packets import Packet, encode_base64


class Stream:
    """The WebSockets of one session.

    `open_websocket(sink)` opens a WebSocket and `start` runs a task of the session's.
    `receive(packets)` takes the packets of the WebSocket that carries the session; `tell(direction,
    packets)` is called with the packets of a candidate, and with all that leave. `flush()` is
    called after anything has happened, `soon()` asks for it at the end of the turn; `failed(error)`
    is called if a session cannot begin on a WebSocket. With `force_base64` binary messages leave as
    text.
    """

    def __init__(
        self,
        session: ClientSession,
        open_websocket: Callable[[PacketSink], Awaitable[ClientWebSocket]],
        start: Start,
        *,
        receive: Callable[[Sequence[Packet]], None],
        tell: Callable[[str, Sequence[Packet]], None],
        flush: Callable[[], None],
        soon: Callable[[], None],
        failed: Callable[[ConnectionFailed], None],
        force_base64: bool,
    ) -> None:
        self.upgrade = Upgrade(session, self._handshake, self._write, start)
        self._session = session
        self._open_websocket = open_websocket
        self._start = start
        self._receive = receive
        self._tell = tell
        self._flush = flush
        self._soon = soon
        self._failed = failed
        self._force_base64 = force_base64
        self._websocket: ClientWebSocket | None = None

    async def _handshake(self) -> ClientWebSocket:
        return await self._open_websocket(self)

    def begin(self) -> None:
        """Open a WebSocket that carries the session from its handshake on."""
        self._start(self._begin())

    async def _begin(self) -> None:
        try:
            websocket = await self._handshake()
        except ConnectionFailed as error:
            self._failed(error)
            return
        # The WebSocket tells what happens from here on; `Opened` may be in its first bytes.
        self._websocket = websocket
        websocket.start()

    def take_over(self) -> None:
        """Carry the session from now on, by the candidate of its upgrade."""
        self._websocket = self.upgrade.finish()

    def send(self) -> None:
        """Send what is queued."""
        if self._websocket is not None:
            packets = self._session.take()
            if packets:
                self._write(self._websocket, packets)

    def _write(self, websocket: ClientWebSocket, packets: list[Packet]) -> None:
        self._tell("out", packets)
        if self._force_base64:
            packets = [encode_base64(p) if isinstance(p, bytes) else p for p in packets]
        websocket.write(packets)

    def pause(self) -> None:
        """Take nothing more from the server until `resume`."""
        if self._websocket is not None:
            self._websocket.pause()

    def resume(self) -> None:
        """Take packets from the server again."""
        if self._websocket is not None:
            self._websocket.resume()

    def close(self, close_timeout: float) -> None:
        """Close both WebSockets; the server has `close_timeout` seconds to close them, too."""
        self.upgrade.drop(close_timeout)
        websocket, self._websocket = self._websocket, None
        if websocket is not None:
            self._start(websocket.close(close_timeout))

    # -- what a WebSocket tells

    def receive_from(self, websocket: ClientWebSocket, packets: list[Packet]) -> None:
        """Take the packets of a WebSocket; see `PacketSink`."""
        if websocket is self._websocket:
            self._receive(packets)
        else:
            while packets and websocket is self.upgrade.candidate:
                packet = packets.pop(0)
                self._tell("in", (packet,))
                self._session.receive_probe(packet)
                self._flush()
        if self._session.events or not self._session.idle:
            self._flush()
        else:
            self._session.release()

    def lost(self, websocket: ClientWebSocket, reason: str, description: str) -> None:
        """Act on the end of a WebSocket; see `PacketSink`."""
        if websocket is self._websocket:
            self._session.fail(reason, description)
        elif websocket is self.upgrade.candidate:
            self._session.abandon_upgrade(description)
        self._flush()

    def writable_changed(self, websocket: ClientWebSocket) -> None:
        """Act on a WebSocket that takes data again, or no more; see `PacketSink`."""
        if websocket is self._websocket:
            if websocket.writable:
                self._session.unblock()
            else:
                self._session.block()
            self._soon()
