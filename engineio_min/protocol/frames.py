"""WebSocket messages of one connection, as bytes in and out (RFC 6455); no I/O, no clock.

websockets' Sans-I/O protocol is the authority on frames. It is slow for its completeness, though,
and almost every frame that a client sends is of one kind: final, masked, text or binary, below 64
KiB, whole in one read. So the stream is cut into frames by their length; that kind is unmasked
right here, and every other frame goes to websockets, which is only set up when the first one comes:
an idle connection never needs it, nor does the usual closing handshake. Measured against everything
through websockets: three times the throughput of an echo. Short pings, pongs and fragments are read
here as well: an attacker has one for 6 bytes, and each would cost as much as 20 messages. A
property test compares the two on the same bytes, split everywhere.

What websockets leaves to its user is here as well: UTF-8, and a limit on the frames of a message.

One read may bring 256 KiB, which is 43,000 of the smallest frames. So a call takes the frames that
begin in its first 4 KiB, and the rest waits for the next call: a connection's share of a turn of
the event loop is counted in what costs, frames of any kind. The payload of a large frame is only
copied. Rejected: to count frames, which is work for every frame of everybody.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Sequence
from typing import cast

from websockets.extensions import Extension
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN, SERVER, Protocol
from websockets.speedups import apply_mask

from engineio_min.protocol.packets import Packet

MAX_FRAMES = 1_024
# Bytes of what one call of `receive` is given in which the frames must begin that it takes.
SHARE = 4_096

_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)
_FINAL_TEXT = 0x81
_FINAL_BINARY = 0x82
_FINAL_CLOSE = 0x88
_FINAL_PING = 0x89
_FINAL_PONG = 0x8A
# The first bytes of fragments by their place in a message; without extensions no other bit is set.
_FIRST_FRAGMENTS = {0x01: Opcode.TEXT, 0x02: Opcode.BINARY}
_LATER_FRAGMENTS = {0x00: Opcode.CONT, 0x80: Opcode.CONT}
# The mask and the payload of a short frame by its length: one call for two slices.
_SHORT_FRAMES = tuple(struct.Struct(f"2x4s{length}s").unpack_from for length in range(126))


class MessageStream:
    """The server's end of a WebSocket after its handshake.

    `only_fast_frames` says that all frames were of the one kind so far, so that nothing is
    compressed or closed. `needs_attention` is set when there may be more to do than to deliver
    messages: a frame is incomplete or went through websockets, so look at the rest. `failure` and
    `close_received` tell that no more messages will come; `pings` counts the pings answered in what
    `control` returns next. `max_text` is the bytes of a text message, which is decoded and read in
    one piece, if these are fewer than `max_size`. `rest` is what the next call of `receive` begins
    with; while there is any, do not read, and call with nothing in the next turn of the loop. With
    `fast` off every frame goes through websockets: the specification of what this class does.
    """

    __slots__ = (
        "_close_sent",
        "_common_limit",
        "_control",
        "_decoder",
        "_extensions",
        "_frames",
        "_head",
        "_max_size",
        "_max_text",
        "_message",
        "_missing",
        "_partial",
        "_pongs",
        "_protocol",
        "_share",
        "_text",
        "close_received",
        "failure",
        "needs_attention",
        "only_fast_frames",
        "pings",
        "rest",
    )

    def __init__(
        self,
        max_size: int,
        extensions: Sequence[Extension] = (),
        *,
        max_text: int | None = None,
        fast: bool = True,
    ) -> None:
        self._max_size = max_size
        self._max_text = max_size if max_text is None else min(max_text, max_size)
        self._share = SHARE
        self._common_limit = min(self._max_text, 65_535) if fast else -1
        self._extensions = tuple(extensions)
        self._protocol: Protocol | None = None
        # The start of a frame too short to tell its length, and what is missing of a frame for
        # websockets.
        self._head = b""
        self._missing = 0
        # What websockets holds of that frame.
        self._partial = 0
        # The message that fragments are put together to.
        self._message: bytearray | None = None
        self._decoder: codecs.IncrementalDecoder | None = None
        self._text = False
        self._frames = 0
        # A close frame that went out, and what `control` returns, without websockets.
        self._close_sent = False
        self._control: tuple[bytes, ...] = ()
        self._pongs: bytearray | None = None
        self.failure: str | None = None
        self.close_received = False
        self.pings = 0
        self.rest = b""
        self.needs_attention = False
        self.only_fast_frames = not extensions

    # -- in

    def receive(self, data: bytes) -> list[Packet]:
        """Take bytes, or a share of them; return the messages that are complete with them."""
        messages: list[Packet] = []
        share = self._share
        if self.needs_attention:
            if self.rest:
                data = self.rest + data
                self.rest = b""
            self._receive_any(data, share, messages)
        else:
            position = self._receive_common(data, 0, share, messages)
            if position < len(data):
                self._receive_any(data[position:], share - position, messages)
        return messages

    def _receive_common(
        self, data: bytes, position: int, share: int, messages: list[Packet]
    ) -> int:
        """Take frames of the common kind that begin between `position` and `share`; return where
        another one begins.

        This runs for every message of every client, hence the arithmetic: a masked frame's second
        byte is 128 and its length, and with its 4 bytes of mask a short frame's head has 6.
        """
        end = len(data)
        limit = self._common_limit
        last = end - 5
        if last > share:
            last = share
        while position < last:
            length = data[position + 1] - 128
            if 0 <= length < 126:
                stop = position + 6 + length
                if stop > end or length > limit:
                    break
                mask, masked = _SHORT_FRAMES[length](data, position)
            elif length == 126 and position + 8 <= end:
                length = data[position + 2] << 8 | data[position + 3]
                stop = position + 8 + length
                if stop > end or length > limit:
                    break
                mask, masked = data[position + 4 : position + 8], data[position + 8 : stop]
            else:
                break
            first = data[position]
            if first == _FINAL_TEXT:
                try:
                    text = apply_mask(masked, mask).decode()
                except UnicodeDecodeError:
                    self.fail(CloseCode.INVALID_DATA, "got text that is not UTF-8")
                    return stop
                messages.append(text)
            elif first == _FINAL_BINARY:
                messages.append(apply_mask(masked, mask))
            else:
                break
            position = stop
        return position

    def _receive_any(self, data: bytes, share: int, messages: list[Packet]) -> None:
        """Take frames of every kind that begin before `share`, from any state."""
        if self._head:
            data = self._head + data
            self._head = b""
        position = 0
        end = len(data)
        while position < end:
            if position >= share:
                self.rest = data[position:]
                self.needs_attention = True
                break
            if not self._missing and self._receive_plain_close(data, position):
                break
            if self.closed:
                # Each frame costs as much as ten others: websockets reads it.
                share = min(share, position + SHARE // 8)
                self._await_close(data[position:share])
                position = share
                continue
            if not self._missing:
                if self._message is None:
                    position = self._receive_common(data, position, share, messages)
                    if position >= min(end, share) or self.closed:
                        continue
                if self._common_limit >= 0:
                    start = position
                    position = self._receive_short(data, position, share, messages)
                    if position > start:
                        continue
                self.needs_attention = True
                size = self._frame_size(data, position)
                if size is None:
                    self._head = data[position:]
                    break
                # Refused by its head, before the bytes come: 14 is the longest head.
                if data[position] & 0x0F == Opcode.TEXT and size > self._max_text + 14:
                    self._refuse_text(size)
                    continue
                self._missing = size
                if self._message is not None and data[position] == _FINAL_CLOSE:
                    self._give_up_message()
            position = self._pass_on(data, position, messages)

    def _receive_short(self, data: bytes, position: int, share: int, messages: list[Packet]) -> int:
        """Take pings, pongs and fragments below 126 bytes that are whole and begin between
        `position` and `share`; return where another frame begins.
        """
        end = len(data)
        last = min(end - 5, share)
        while position < last and self.failure is None:
            length = data[position + 1] - 128
            stop = position + 6 + length
            if not 0 <= length < 126 or stop > end:
                break
            first = data[position]
            if first != _FINAL_PONG:
                mask, masked = _SHORT_FRAMES[length](data, position)
                if first == _FINAL_PING:
                    self._answer_ping(apply_mask(masked, mask))
                elif not self._take_fragment(first, masked, mask, messages):
                    break
                self.needs_attention = True
            position = stop
        return position

    def _answer_ping(self, data: bytes) -> None:
        pongs = self._pongs
        if pongs is None:
            pongs = self._pongs = bytearray()
        if self._protocol is not None:
            # Pings that were split went through it, and came earlier.
            pongs += b"".join(self._protocol.data_to_send())
        pongs.append(_FINAL_PONG)
        pongs.append(len(data))
        pongs += data
        self.pings += 1

    def _take_fragment(
        self, first: int, masked: bytes, mask: bytes, messages: list[Packet]
    ) -> bool:
        """Take a fragment, as websockets would; False if it is none, or one to refuse."""
        later = self._message is not None
        opcode = (_LATER_FRAGMENTS if later else _FIRST_FRAGMENTS).get(first)
        if opcode is None or self._extensions:
            return False
        protocol = self._specification
        size = (protocol.current_size or 0) + len(masked)
        if size > self._max_size:
            return False
        fin = first >= 0x80
        protocol.current_size = None if fin else size
        message = self._assemble(Frame(opcode, apply_mask(masked, mask), fin=fin))
        if message is not None:
            messages.append(message)
        return True

    def _frame_size(self, data: bytes, position: int) -> int | None:
        """How many bytes a client's frame has, head included; None if its head is not complete.

        A frame that is not masked counts as one: websockets refuses it by its second byte.
        """
        left = len(data) - position
        length = data[position + 1] & 0x7F if left > 1 else 0
        if length < 126:
            return 6 + length if left > 1 else None
        if length == 126:
            if left < 4:
                return None
            return 8 + int.from_bytes(data[position + 2 : position + 4], "big")
        return 14 + int.from_bytes(data[position + 2 : position + 10], "big") if left > 9 else None

    def _receive_plain_close(self, data: bytes, position: int) -> bool:
        """Take a close frame as nearly every client sends it: whole, with the code 1000, 1001 or
        none, and no reason.
        """
        if self._common_limit < 0 or self._protocol is not None or data[position] != _FINAL_CLOSE:
            return False
        frame = data[position : position + 8]
        if len(frame) >= 6 and frame[1] == 0x80:
            code = b""
        elif len(frame) == 8 and frame[1] == 0x82:
            code = apply_mask(frame[6:], frame[2:6])
            if code not in (b"\x03\xe8", b"\x03\xe9"):
                return False
        else:
            return False
        if not self._close_sent:
            self._control += (bytes((_FINAL_CLOSE, len(code))) + code,)
        self._control += (b"",)
        self._close_sent = self.close_received = self.needs_attention = True
        self.only_fast_frames = False
        return True

    def _await_close(self, data: bytes) -> None:
        """After our close frame only the peer's matters, and after that nothing."""
        if self.close_received:
            return
        protocol = self._specification
        protocol.receive_data(data)
        protocol.events_received()
        self.close_received = protocol.close_rcvd is not None

    def _pass_on(self, data: bytes, position: int, messages: list[Packet]) -> int:
        """Give websockets what there is of the frame that it is to read; return where it ends."""
        protocol = self._specification
        piece = data[position : position + self._missing]
        self._missing -= len(piece)
        self._partial = self._partial + len(piece) if self._missing else 0
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

    def _give_up_message(self) -> None:
        """Forget the fragments of a message that the peer leaves unfinished by closing.

        A close frame may come between fragments (RFC 6455, section 5.4) and is answered like any
        other; websockets would call the message incomplete and fail the connection.
        """
        self._message = self._decoder = None
        self._specification.current_size = None

    def _assemble(self, frame: Frame) -> Packet | None:
        """Put a data frame to its message; return the message when it is whole."""
        data = bytes(frame.data)
        if frame.opcode is not Opcode.CONT:
            self._text = frame.opcode is Opcode.TEXT
        size = len(data) + (0 if self._message is None else len(self._message))
        if self._text and size > self._max_text:
            self._refuse_text(size)
            return None
        if frame.opcode is not Opcode.CONT:
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

    def _refuse_text(self, size: int) -> None:
        self.fail(
            CloseCode.MESSAGE_TOO_BIG,
            f"got a text message of at least {size} bytes, expected at most {self._max_text}",
        )

    def _decode(self, data: bytes) -> str | None:
        try:
            return data.decode()
        except UnicodeDecodeError:
            self.fail(CloseCode.INVALID_DATA, "got text that is not UTF-8")
            return None

    @property
    def held(self) -> int:
        """Bytes kept: of a message or a frame that is not complete, and of the rest of a read."""
        message = 0 if self._message is None else len(self._message)
        return message + self._partial + len(self._head) + len(self.rest)

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
        protocol = self._protocol
        return self._close_sent or (protocol is not None and protocol.state is not OPEN)

    def close(self) -> None:
        """Send a close frame without a code, as the official server does."""
        if self.closed:
            return
        self.needs_attention = True
        if self._protocol is None:
            self._close_sent = True
            self.only_fast_frames = False
            self._control += (bytes((_FINAL_CLOSE, 0)),)
        else:
            self._protocol.send_close()

    def fail(self, code: CloseCode, reason: str) -> None:
        """Close because the peer broke the protocol."""
        self.failure = reason
        self.needs_attention = True
        self._specification.fail(code, reason)

    def control(self) -> list[bytes]:
        """What is to be written besides messages: pongs, close frames; b"" ends the stream."""
        self.pings = 0
        control = [] if self._pongs is None else [bytes(self._pongs)]
        self._pongs = None
        control += self._control
        self._control = ()
        if self._protocol is not None:
            control += self._protocol.data_to_send()
        return control

    @property
    def _specification(self) -> Protocol:
        if self._protocol is None:
            self._protocol = Protocol(SERVER, state=OPEN, max_size=self._max_size)
            self._protocol.extensions = list(self._extensions)
            self.only_fast_frames = False
            if self._close_sent:
                self._protocol.send_close()
                self._protocol.data_to_send()
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
        self.data = encode_frame(packets[0]) if len(packets) == 1 else _encode_frames(packets)

    def forget(self) -> None:
        """Keep nothing alive until the next broadcast."""
        self.packets = []
        self.data = b""


# The heads of frames below 126 bytes, by their length.
_TEXT_HEADS = tuple(bytes((_FINAL_TEXT, size)) for size in range(126))
_BINARY_HEADS = tuple(bytes((_FINAL_BINARY, size)) for size in range(126))


def _encode_frames(packets: list[Packet]) -> bytes:
    """The frames of several packets, joined once and not each with its head."""
    pieces: list[bytes] = []
    try:
        for packet in packets:
            if type(packet) is str:
                data = packet.encode()
                if len(data) < 126:
                    pieces.append(_TEXT_HEADS[len(data)])
                    pieces.append(data)
                    continue
            pieces.append(encode_frame(packet))
    except UnicodeEncodeError:
        pieces = list(map(encode_frame, packets))
    return b"".join(pieces)


def encode_frame(packet: Packet) -> bytes:
    """One final, unmasked frame (RFC 6455, section 5.2)."""
    if isinstance(packet, str):
        try:
            data = packet.encode()
        except UnicodeEncodeError:
            data = packet.encode("utf-8", "replace")
        heads = _TEXT_HEADS
    else:
        data = packet
        heads = _BINARY_HEADS
    size = len(data)
    if size < 126:
        return heads[size] + data
    first = heads[0][:1]
    if size < 65_536:
        return first + b"\x7e" + size.to_bytes(2, "big") + data
    return first + b"\x7f" + size.to_bytes(8, "big") + data
