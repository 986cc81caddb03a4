"""A client's WebSocket: its opening handshake, and the driver of `client_frames.py`.

websockets' Sans-I/O client judges the server's answer to the handshake; the request goes out and
the answer comes in through `http.py`, with its limits and cookies.
"""

from __future__ import annotations

import asyncio
import os
from typing import Protocol

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.http11 import Response
from websockets.uri import WebSocketURI

from engineio_min.client.http import HttpClient, HttpResponse
from engineio_min.errors import ConnectionFailed
from engineio_min.protocol.client_frames import ClientMessageStream
from engineio_min.protocol.packets import Packet
from engineio_min.protocol.reasons import TRANSPORT_CLOSE, TRANSPORT_ERROR

# Pongs that may wait for a server that does not read them; as on the server's side.
MAX_PENDING_PONGS = 16


class PacketSink(Protocol):
    """What a WebSocket gives its packets to."""

    def receive_from(self, websocket: ClientWebSocket, packets: list[Packet]) -> None:
        """Take packets that came."""

    def lost(self, websocket: ClientWebSocket, reason: str, description: str) -> None:
        """Learn that no more packets will come, nor leave."""

    def writable_changed(self, websocket: ClientWebSocket) -> None:
        """Note that `websocket.writable` has changed."""


async def open_websocket(
    http: HttpClient, target: str, sink: PacketSink, *, deflate_threshold: int | None
) -> ClientWebSocket:
    """Open a WebSocket; it reads nothing before `start`.

    Messages of `deflate_threshold` bytes and more are compressed if the server agrees, None for
    none.

    Raises:
        ConnectionFailed: there is no connection, or the answer is no WebSocket handshake's (RFC
        6455, section 4.1).
    """
    deflate = None if deflate_threshold is None else [ClientPerMessageDeflateFactory()]
    # Only the headers of websockets' request are sent, by `http`: nothing of the URI matters but
    # its path.
    handshake = ClientProtocol(WebSocketURI(False, "", 0, target, ""), extensions=deflate)
    request = handshake.connect()
    headers = {name: value for name, value in request.headers.raw_items() if name != "Host"}
    response, connection = await http.upgrade(target, headers)
    try:
        extensions = _agreed_extensions(handshake, response)
    except InvalidHandshake as error:
        connection.abort()
        raise ConnectionFailed(f"got no valid WebSocket handshake: {error}") from None
    websocket = ClientWebSocket(
        connection.transport, sink, extensions, http.max_body, deflate_threshold
    )
    websocket.rest = connection.release(websocket)
    return websocket


def _agreed_extensions(handshake: ClientProtocol, response: HttpResponse) -> list[Extension]:
    headers = Headers(response.headers)
    handshake.process_response(Response(response.status, "", headers))
    return list(handshake.extensions)


class ClientWebSocket(asyncio.Protocol):
    """A WebSocket that carries a session, or a candidate for it.

    `max_size` is the most bytes of a message that comes.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        sink: PacketSink,
        extensions: list[Extension],
        max_size: int,
        deflate_threshold: int | None,
    ) -> None:
        self.rest = b""
        self.writable = True
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport = transport
        self._sink = sink
        self._stream = ClientMessageStream(max_size, extensions, random=os.urandom)
        self._deflate_threshold = deflate_threshold
        self._pongs = 0

    def start(self) -> None:
        """Begin to read, with what arrived together with the handshake."""
        self.resume()
        if self._transport.is_closing():
            self.connection_lost(None)

    # -- in

    def data_received(self, data: bytes) -> None:
        packets = self._stream.receive(data)
        if self._stream.needs_attention:
            self._receive_and_attend(packets)
        else:
            self._sink.receive_from(self, packets)

    def _receive_and_attend(self, packets: list[Packet]) -> None:
        """Receive bytes that may hold more than messages: pings, a close frame, a bad frame."""
        stream = self._stream
        if not stream.closed:
            # A pong does not wait for what the messages cause; the answers to them may still leave
            # before a close frame.
            self._write_control()
        if packets:
            self._sink.receive_from(self, packets)
        stream.needs_attention = stream.assembling or stream.closed
        self._write_control()
        if stream.failure is not None:
            self._sink.lost(self, TRANSPORT_ERROR, stream.failure)
        elif stream.close_received:
            self._sink.lost(self, TRANSPORT_CLOSE, f"got a close frame{stream.close_reason}")
            self._transport.close()

    def _write_control(self) -> None:
        """Write pongs and close frames."""
        self._pongs += self._stream.pings
        for data in self._stream.control():
            self._transport.write(data)
        if self._transport.get_write_buffer_size() == 0:
            self._pongs = 0
        elif self._pongs > MAX_PENDING_PONGS:
            self._sink.lost(self, TRANSPORT_ERROR, "the server sends pings and reads no pongs")
            self._transport.abort()

    def pause(self) -> None:
        """Read nothing until `resume`."""
        self._transport.pause_reading()

    def resume(self) -> None:
        """Read again, first what is left of an earlier read."""
        self._transport.resume_reading()
        if self.rest:
            rest, self.rest = self.rest, b""
            self.data_received(rest)

    # -- out

    def write(self, packets: list[Packet]) -> None:
        """Write packets, a frame each, in one go."""
        stream = self._stream
        threshold = self._deflate_threshold
        self._transport.write(
            b"".join(
                [
                    stream.encode(
                        packet, compress=threshold is not None and len(packet) >= threshold
                    )
                    for packet in packets
                ]
            )
        )

    async def close(self, timeout: float) -> None:
        """Do the closing handshake (RFC 6455, section 7.1.2). If the server takes longer than
        `timeout` seconds, end the connection without it.
        """
        if not self._transport.is_closing():
            self._stream.close()
            self._write_control()
            # The server's close frame must be read even if reading was paused.
            self._transport.resume_reading()
        try:
            async with asyncio.timeout(timeout):
                await asyncio.shield(self.finished)
        except TimeoutError:
            pass
        finally:
            self._transport.abort()
        await self.finished

    # -- the transport's side

    def pause_writing(self) -> None:
        self.writable = False
        self._sink.writable_changed(self)

    def resume_writing(self) -> None:
        self.writable = True
        self._pongs = 0
        self._sink.writable_changed(self)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.finished.done():
            self.finished.set_result(None)
            self._sink.lost(
                self, TRANSPORT_CLOSE, f"the connection was lost: {error or 'closed by the server'}"
            )
