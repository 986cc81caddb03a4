"""WebSocket messages of one connection, as bytes in and out (RFC 6455); no I/O, no clock.

websockets' Sans-I/O protocol is the authority on frames. It is slow for its completeness, though,
and almost every frame that a client sends is of one kind: final, masked, text or binary, below 64
KiB, whole in one read. So the stream is cut into frames by their length; that kind is unmasked
right here, and every other frame goes to websockets, which is only set up when the first one comes
(an idle connection never needs it). Measured against everything through websockets: three times the
throughput of an echo. A property test compares the two on the same bytes, split everywhere.

What websockets leaves to its user is here as well: UTF-8, and a limit on the frames of a message.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import cast

from websockets.extensions import Extension
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN, SERVER, Protocol
from websockets.speedups import apply_mask

from engineio_min.packets import Packet

MAX_FRAMES = 1_024

_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)
_FINAL_TEXT = 0x81
_FINAL_BINARY = 0x82


class MessageStream:
    """The server's end of a WebSocket after its handshake.

    `ordinary` says that all frames were of the one kind so far, so that nothing is compressed or
    closed. `unusual` is set when there may be more to do than to deliver messages: a frame is
    incomplete or went through websockets, so look at the rest. `failure` and `close_received` tell
    that no more messages will come; `pings` counts the pings answered in what `control` returns
    next. With `fast` off every frame goes through websockets: the specification of what this class
    does.
    """

    __slots__ = (
        "_decoder",
        "_extensions",
        "_fast",
        "_frames",
        "_head",
        "_max_size",
        "_message",
        "_missing",
        "_protocol",
        "_text",
        "close_received",
        "failure",
        "ordinary",
        "pings",
        "unusual",
    )

    def __init__(
        self, max_size: int, extensions: Sequence[Extension] = (), *, fast: bool = True
    ) -> None:
        self._max_size = max_size
        self._extensions = extensions
        self._fast = fast
        self._protocol: Protocol | None = None
        # The start of a frame too short to tell its length, and what is missing of a frame for
        # websockets.
        self._head = b""
        self._missing = 0
        # The message that fragments are put together to.
        self._message: bytearray | None = None
        self._decoder: codecs.IncrementalDecoder | None = None
        self._text = False
        self._frames = 0
        self.failure: str | None = None
        self.close_received = False
        self.pings = 0
        self.unusual = False
        self.ordinary = not extensions

    # -- in

    def receive(self, data: bytes) -> list[Packet]:
        """Take bytes; return the messages that are complete with them."""
        messages: list[Packet] = []
        if self._head:
            data = self._head + data
            self._head = b""
        position = 0
        end = len(data)
        while position < end:
            if self._protocol is not None and self.closed:
                self._await_close(data[position:])
                break
            if self._missing:
                position = self._pass_on(data, position, messages)
                continue
            size = end - position
            length = data[position + 1] & 0x7F if size > 1 else 0
            if length < 126:
                start = position + 6
                known = size > 1
            elif length == 126:
                start = position + 8
                known = size > 3
                length = int.from_bytes(data[position + 2 : position + 4], "big")
            else:
                start = position + 14
                known = size > 9
                length = int.from_bytes(data[position + 2 : position + 10], "big")
            if not known:
                self._head = data[position:]
                self.unusual = True
                break
            stop = start + length
            first = data[position]
            if (
                stop > end
                or (first != _FINAL_TEXT and first != _FINAL_BINARY)
                or length > 65_535
                or length > self._max_size
                or data[position + 1] < 0x80
                or self._message is not None
                or not self._fast
            ):
                self._missing = stop - position
                self.unusual = True
                continue
            payload = apply_mask(data[start:stop], data[start - 4 : start])
            position = stop
            if first == _FINAL_BINARY:
                messages.append(payload)
                continue
            try:
                messages.append(payload.decode())
            except UnicodeDecodeError:
                self.fail(CloseCode.INVALID_DATA, "got text that is not UTF-8")
        return messages

    def _await_close(self, data: bytes) -> None:
        """After our close frame only the peer's matters."""
        protocol = self._specification
        protocol.receive_data(data)
        protocol.events_received()
        self.close_received = protocol.close_rcvd is not None

    def _pass_on(self, data: bytes, position: int, messages: list[Packet]) -> int:
        """Give websockets what there is of the frame that it is to read; return where it ends."""
        protocol = self._specification
        piece = data[position : position + self._missing]
        self._missing -= len(piece)
        protocol.receive_data(piece)
        for frame in cast(list[Frame], protocol.events_received()):
            if frame.opcode in _DATA:
                message = self._assemble(frame)
                if message is not None:
                    messages.append(message)
            elif frame.opcode is Opcode.PING:
                self.pings += 1
            elif frame.opcode is Opcode.CLOSE:
                self.close_received = True
        if protocol.parser_exc is not None and self.failure is None:
            self.failure = str(protocol.parser_exc)
        return position + len(piece)

    def _assemble(self, frame: Frame) -> Packet | None:
        """Put a data frame to its message; return the message when it is whole."""
        data = bytes(frame.data)
        if frame.opcode is not Opcode.CONT:
            self._text = frame.opcode is Opcode.TEXT
            if frame.fin:
                return self._decode(data) if self._text else data
            self._message = bytearray()
            self._decoder = codecs.getincrementaldecoder("utf-8")() if self._text else None
            self._frames = 0
        assert self._message is not None
        self._frames += 1
        if self._frames > MAX_FRAMES:
            self.fail(
                CloseCode.POLICY_VIOLATION,
                f"got a message of more than {MAX_FRAMES} frames, expected fewer and larger ones",
            )
            return None
        self._message += data
        if self._decoder is not None:
            # Checked as it comes, so that a bad byte is refused where it is and not at the end.
            try:
                self._decoder.decode(data, frame.fin)
            except UnicodeDecodeError:
                self.fail(CloseCode.INVALID_DATA, "got text that is not UTF-8")
                return None
        if not frame.fin:
            return None
        message = bytes(self._message)
        self._message = self._decoder = None
        return message.decode() if self._text else message

    def _decode(self, data: bytes) -> str | None:
        try:
            return data.decode()
        except UnicodeDecodeError:
            self.fail(CloseCode.INVALID_DATA, "got text that is not UTF-8")
            return None

    @property
    def assembling(self) -> bool:
        """Whether a message or a frame has begun and is not complete."""
        return self._message is not None or self._missing > 0 or bool(self._head)

    # -- out

    def encode(self, packet: Packet, *, compress: bool) -> bytes:
        """The frame of a packet, compressed if that was agreed on."""
        if not compress or not self._extensions:
            return encode_frame(packet)
        if isinstance(packet, str):
            frame = Frame(Opcode.TEXT, packet.encode("utf-8", "replace"))
        else:
            frame = Frame(Opcode.BINARY, packet)
        return frame.serialize(mask=False, extensions=self._extensions)

    @property
    def compresses(self) -> bool:
        """Whether compression was agreed on."""
        return bool(self._extensions)

    @property
    def closed(self) -> bool:
        """Whether a close frame was sent or received: nothing may be sent, nothing comes."""
        return self._protocol is not None and self._protocol.state is not OPEN

    def close(self) -> None:
        """Send a close frame without a code, as the official server does."""
        if not self.closed:
            self.unusual = True
            self._specification.send_close()

    def fail(self, code: CloseCode, reason: str) -> None:
        """Close because the peer broke the protocol."""
        self.failure = reason
        self.unusual = True
        self._specification.fail(code, reason)

    def control(self) -> list[bytes]:
        """What is to be written besides messages: pongs, close frames; b"" ends the stream."""
        self.pings = 0
        return [] if self._protocol is None else self._protocol.data_to_send()

    @property
    def _specification(self) -> Protocol:
        if self._protocol is None:
            self._protocol = Protocol(SERVER, state=OPEN, max_size=self._max_size)
            self._protocol.extensions = list(self._extensions)
            self.ordinary = False
        return self._protocol


class FrameEncoder:
    """Packets and the bytes of their frames, kept for the next connection of a broadcast."""

    __slots__ = ("data", "packets")

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self.data = b""

    def encode(self, packets: list[Packet]) -> None:
        """Put the frames of `packets`, uncompressed, into `data`."""
        self.packets = packets
        if len(packets) == 1:
            self.data = encode_frame(packets[0])
        else:
            self.data = b"".join([encode_frame(packet) for packet in packets])

    def forget(self) -> None:
        """Keep nothing alive until the next broadcast."""
        self.packets = []
        self.data = b""


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
