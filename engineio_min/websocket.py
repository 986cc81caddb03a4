"""WebSocket on the Sans-I/O protocol of websockets, one packet a message (Engine.IO v4, "WebSocket").

websockets parses and validates frames; what its Sans-I/O layer leaves to its user is here: UTF-8,
the number of frames in a message, the time a message may take, pongs for a peer that does not read,
and the closing handshake's deadline.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import codecs
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from websockets.exceptions import InvalidHeaderFormat, NegotiationError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import CloseCode, Frame, Opcode
from websockets.headers import build_extension, parse_connection, parse_extension
from websockets.protocol import OPEN, SERVER, Protocol

from engineio_min.errors import Code, RequestRefused
from engineio_min.heartbeat import NEVER
from engineio_min.packets import Packet, may_compress
from engineio_min.request import Request
from engineio_min.session import TRANSPORT_CLOSE, TRANSPORT_ERROR

if TYPE_CHECKING:
    from engineio_min.server import Connection

MAX_FRAMES = 1_024
MESSAGE_TIMEOUT = 30.0
CLOSE_TIMEOUT = 5.0
WRITE_TIMEOUT = 10.0
MAX_PENDING_PONGS = 16

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)


# -- the opening handshake


def accept_handshake(
    request: Request, deflate: ServerPerMessageDeflateFactory | None
) -> tuple[bytes, list[Extension]]:
    """Check a WebSocket handshake (RFC 6455, section 4.2) and start its answer.

    Returns the answer's head, without the empty line at its end, and the extensions agreed on.

    Raises:
        RequestRefused: the request is no valid handshake.
    """
    headers = request.headers
    if request.method != "GET" or not request.websocket:
        raise RequestRefused(Code.BAD_REQUEST, "the request is no WebSocket handshake")
    if headers.get("sec-websocket-version") != "13":
        raise RequestRefused(
            Code.BAD_REQUEST,
            f"got WebSocket version {headers.get('sec-websocket-version')!r}, expected 13",
            status=426,
        )
    key = headers.get("sec-websocket-key", "").encode("latin-1")
    try:
        valid = len(binascii.a2b_base64(key, strict_mode=True)) == 16
    except ValueError:
        valid = False
    if not valid:
        raise RequestRefused(Code.BAD_REQUEST, "got an invalid Sec-WebSocket-Key")
    accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
    lines = [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n"
    ]
    extensions: list[Extension] = []
    if deflate is not None and "sec-websocket-extensions" in headers:
        agreed = _negotiate_deflate(headers["sec-websocket-extensions"], deflate)
        if agreed is not None:
            lines.append(b"Sec-WebSocket-Extensions: " + agreed[0].encode() + b"\r\n")
            extensions.append(agreed[1])
    if "sec-websocket-protocol" in headers:
        # As the official server: the first offer is accepted.
        protocol = headers["sec-websocket-protocol"].partition(",")[0].strip()
        lines.append(b"Sec-WebSocket-Protocol: " + protocol.encode("latin-1") + b"\r\n")
    return b"".join(lines), extensions


def _negotiate_deflate(
    header: str, deflate: ServerPerMessageDeflateFactory
) -> tuple[str, Extension] | None:
    try:
        offers = parse_extension(header)
    except InvalidHeaderFormat:
        return None
    for name, parameters in offers:
        if name == deflate.name:
            try:
                agreed, extension = deflate.process_request_params(parameters, [])
            except NegotiationError:
                continue
            return build_extension([(name, agreed)]), extension
    return None


def is_websocket_request(headers: dict[str, str]) -> bool:
    """Whether `Upgrade` and `Connection` ask for a WebSocket."""
    return headers.get("upgrade", "").lower() == "websocket" and "upgrade" in [
        option.lower() for option in parse_connection(headers.get("connection", ""))
    ]


# -- frames out


class FrameEncoder:
    """Packets to the bytes of their frames; equal lists in a row, as a broadcast makes them, only
    once.
    """

    __slots__ = ("_data", "_packets")

    def __init__(self) -> None:
        self._packets: Sequence[Packet] = ()
        self._data = b""

    def encode(self, packets: Sequence[Packet]) -> bytes:
        """The frames of `packets`, uncompressed and unmasked."""
        # Comparing a broadcast's lists is comparing identities.
        if packets != self._packets:
            self._packets = packets
            self._data = b"".join([encode_frame(packet) for packet in packets])
        return self._data

    def forget(self) -> None:
        """Keep nothing alive until the next broadcast."""
        self._packets = ()
        self._data = b""


def encode_frame(packet: Packet) -> bytes:
    """One final, unmasked frame (RFC 6455, section 5.2)."""
    if isinstance(packet, str):
        data = packet.encode("utf-8", "replace")
        first = b"\x81"
    else:
        data = packet
        first = b"\x82"
    size = len(data)
    if size < 126:
        return first + bytes((size,)) + data
    if size < 65_536:
        return first + b"\x7e" + size.to_bytes(2, "big") + data
    return first + b"\x7f" + size.to_bytes(8, "big") + data


# -- the connection


class WebSocket(asyncio.Protocol):
    """The carrier of a session over a WebSocket, or a candidate for its upgrade."""

    __slots__ = (
        "_candidate",
        "_connection",
        "_decoder",
        "_frames",
        "_message",
        "_pongs",
        "_protocol",
        "_registry",
        "_rest",
        "_text",
        "_transport",
        "_unsent",
        "deadline",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        connection: Connection,
        extensions: list[Extension],
        rest: bytes,
        registry: set[asyncio.Transport],
    ) -> None:
        self._transport = transport
        self._connection = connection
        self._registry = registry
        self._rest = rest
        self._candidate = False
        self._protocol = Protocol(
            SERVER, state=OPEN, max_size=connection.server.options.max_http_buffer_size
        )
        self._protocol.extensions = extensions
        self._message = bytearray()
        self._text = False
        self._frames = 0
        self._decoder: codecs.IncrementalDecoder | None = None
        self._pongs = 0
        self._unsent = 0
        self.deadline = NEVER

    def start(self, *, candidate: bool) -> None:
        """Begin to read, with what arrived together with the handshake."""
        self._candidate = candidate
        self._transport.resume_reading()
        if self._rest:
            rest, self._rest = self._rest, b""
            self.data_received(rest)

    # -- in

    def data_received(self, data: bytes) -> None:
        connection = self._connection
        server = connection.server
        protocol = self._protocol
        now = server.loop.time()
        server.reading = connection
        try:
            protocol.receive_data(data)
            for frame in cast(list[Frame], protocol.events_received()):
                if frame.opcode in _DATA:
                    packet = self._assemble(frame, now)
                    if packet is not None:
                        self._deliver(packet, now)
                elif frame.opcode is Opcode.PING:
                    self._pongs += 1
        finally:
            server.reading = None
        self._after_input()

    def _assemble(self, frame: Frame, now: float) -> Packet | None:
        """Put a data frame to its message; return the message when it is whole."""
        if frame.fin and frame.opcode is not Opcode.CONT:
            return self._decode(bytes(frame.data), text=frame.opcode is Opcode.TEXT)
        if frame.opcode is not Opcode.CONT:
            self._text = frame.opcode is Opcode.TEXT
            self._decoder = codecs.getincrementaldecoder("utf-8")()
            self.deadline = now + MESSAGE_TIMEOUT
            self._connection.server.timer.watch(self)
        self._frames += 1
        if self._frames > MAX_FRAMES:
            self._fail(
                CloseCode.POLICY_VIOLATION, f"got more than {MAX_FRAMES} frames in a message"
            )
            return None
        self._message += frame.data
        if self._text and self._decoder is not None:
            # Checked as it comes, so that a bad byte in the first frame of many is refused there.
            try:
                self._decoder.decode(bytes(frame.data), frame.fin)
            except UnicodeDecodeError:
                self._fail(CloseCode.INVALID_DATA, "got text that is not UTF-8")
                return None
        if not frame.fin:
            return None
        message, self._message = bytes(self._message), bytearray()
        self._frames = 0
        self._decoder = None
        self.deadline = NEVER
        return self._decode(message, text=self._text)

    def _decode(self, message: bytes, *, text: bool) -> Packet | None:
        if not text:
            return message
        try:
            return message.decode()
        except UnicodeDecodeError:
            self._fail(CloseCode.INVALID_DATA, "got text that is not UTF-8")
            return None

    def _deliver(self, packet: Packet, now: float) -> None:
        connection = self._connection
        if self._candidate:
            self._probe(packet)
            return
        message = connection.session.receive(packet, now)
        if message is not None:
            connection.deliver(message)

    def _probe(self, packet: Packet) -> None:
        connection = self._connection
        answer = connection.session.receive_probe(packet) if connection.candidate is self else None
        if answer is None:
            self.close()
        elif answer:
            self._transport.write(encode_frame(answer))
        else:
            self._candidate = False

    def _after_input(self) -> None:
        protocol = self._protocol
        self._write_control()
        if protocol.close_rcvd is not None:
            self._end(TRANSPORT_CLOSE, "got a close frame")
        elif protocol.parser_exc is not None:
            self._end(TRANSPORT_ERROR, str(protocol.parser_exc))
        self._connection.settle()
        self._connection.flush()

    def _write_control(self) -> None:
        """Write what websockets wants to send: pongs, close frames, the end of the stream."""
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()
        if self._transport.get_write_buffer_size() == 0:
            self._pongs = 0
        elif self._pongs > MAX_PENDING_PONGS:
            self._end(TRANSPORT_ERROR, "the peer sends pings and does not read the pongs")
            self._transport.abort()

    def _fail(self, code: CloseCode, reason: str) -> None:
        """Close with a WebSocket error code."""
        self._protocol.fail(code, reason)
        self._end(TRANSPORT_ERROR, reason)

    def _end(self, reason: str, description: str) -> None:
        """What this carried is over: the session, or for a candidate only the upgrade."""
        connection = self._connection
        if not self._candidate:
            connection.session.fail(reason, description)
        elif connection.candidate is self:
            connection.candidate = None
            connection.session.abandon_upgrade()
            self.close()
        else:
            self.close()

    # -- out

    def flush(self) -> None:
        """Write what the session has to send."""
        connection = self._connection
        session = connection.session
        if not session.waiting:
            return
        packets = session.take()
        if packets and self._protocol.state is OPEN:
            if self._protocol.extensions:
                self._transport.write(self._compress(packets))
            else:
                self._transport.write(connection.server.encoder.encode(packets))
        if session.events:
            connection.settle()

    def _compress(self, packets: list[Packet]) -> bytes:
        threshold = self._connection.server.deflate_threshold
        frames = []
        for packet in packets:
            if len(packet) < threshold or not may_compress(packet):
                frames.append(encode_frame(packet))
                continue
            if isinstance(packet, str):
                frame = Frame(Opcode.TEXT, packet.encode("utf-8", "replace"))
            else:
                frame = Frame(Opcode.BINARY, packet)
            frames.append(frame.serialize(mask=False, extensions=self._protocol.extensions))
        return b"".join(frames)

    def close(self) -> None:
        """Start the closing handshake, without a code as the official server does."""
        if self._protocol.state is OPEN:
            self._protocol.send_close()
            self._write_control()
        if not self._transport.is_closing():
            self.deadline = self._connection.server.loop.time() + CLOSE_TIMEOUT
            self._connection.server.timer.watch(self)

    # -- the transport's side

    def pause_writing(self) -> None:
        server = self._connection.server
        if not self._candidate:
            self._connection.session.waiting = False
        self._unsent = self._transport.get_write_buffer_size()
        self.deadline = server.loop.time() + WRITE_TIMEOUT
        server.timer.watch(self)

    def resume_writing(self) -> None:
        self.deadline = NEVER
        self._pongs = 0
        if not self._candidate:
            self._connection.session.waiting = True
            self._connection.flush()

    def pause(self) -> None:
        """Read nothing more until `resume`: the handlers do not keep up."""
        self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        self._transport.resume_reading()

    def eof_received(self) -> None:
        self._protocol.receive_eof()

    def connection_lost(self, error: Exception | None) -> None:
        self._registry.discard(self._transport)
        self._connection.server.timer.forget(self)
        if error is None:
            self._end(TRANSPORT_CLOSE, "the connection was closed")
        else:
            self._end(TRANSPORT_ERROR, str(error))
        self._connection.settle()

    def handle_timeout(self, now: float) -> None:
        """A message or a write took too long, or the peer did not answer a close frame."""
        self.deadline = NEVER
        unsent = self._transport.get_write_buffer_size()
        if unsent and unsent < self._unsent:
            # Slow, but it reads.
            self._unsent = unsent
            self.deadline = now + WRITE_TIMEOUT
            return
        self._end(TRANSPORT_ERROR, "a message or a write took too long")
        self._connection.settle()
        self._transport.abort()
