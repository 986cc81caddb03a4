"""The client's end of a WebSocket's frames: unmasked in, masked out (RFC 6455, section 5.3).

A server's common frame is final, unmasked and whole in one read; that kind is read right here, and
every other frame goes to the `FrameReader`. A property test compares the two ways on the same
bytes, split everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from websockets.extensions import Extension
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import CLIENT
from websockets.speedups import apply_mask

from engineio_min.protocol.assembler import NOT_UTF8
from engineio_min.protocol.frame_heads import (
    FINAL_BINARY,
    FINAL_TEXT,
    MASKED,
    OPCODE_BITS,
    frame_size,
)
from engineio_min.protocol.frame_reader import FrameReader
from engineio_min.protocol.packets import Packet

# The bytes of the lengths that do not fit into the second byte of a head.
_LENGTH_SIZES = {126: 2, 127: 8}

# What the codes say that a server of Socket.IO closes with (RFC 6455, section 7.4.1).
_MEANINGS = {
    1000: "normal closure",
    1001: "the server goes away",
    1002: "protocol error",
    1003: "unsupported data",
    1007: "invalid data",
    1008: "policy violation",
    1009: "the message is too big",
    1011: "the server failed",
    1012: "the server restarts",
    1013: "try again later",
}

# Random bytes are fetched in advance: asking the kernel for four at a time costs more than the
# frame.
_STOCK = 4_096


class ClientMessageStream:
    """The client's end of a WebSocket after its handshake.

    `max_size` is the most bytes of a message. `random(count)` returns bytes that no one can
    foresee, as `os.urandom` does. `needs_attention` means what it means in `ServerMessageStream`. A
    client trusts its server not to flood it: a call takes all that was read, and there is no fast
    path for pings, fragments and the one closing handshake.
    """

    __slots__ = (
        "_extensions",
        "_head",
        "_keys",
        "_max_size",
        "_next_key",
        "_random",
        "_reader",
        "needs_attention",
    )

    def __init__(
        self,
        max_size: int,
        extensions: Sequence[Extension] = (),
        *,
        random: Callable[[int], bytes],
    ) -> None:
        self._max_size = max_size
        self._extensions = tuple(extensions)
        self._reader: FrameReader | None = None
        # The start of a frame too short to tell its length.
        self._head = b""
        self._random = random
        self._keys = b""
        self._next_key = _STOCK
        self.needs_attention = False

    # -- in

    def receive(self, data: bytes) -> list[Packet]:
        """Take bytes; return the messages that are complete with them."""
        messages: list[Packet] = []
        if self.needs_attention:
            self._receive_any(data, messages)
        else:
            position = self._receive_common(data, 0, messages)
            if position < len(data):
                self._receive_any(data[position:], messages)
        return messages

    def _receive_common(self, data: bytes, position: int, messages: list[Packet]) -> int:
        """Take frames of the common kind: final, unmasked, text or binary, and whole; return where
        another one begins.
        """
        end = len(data)
        while position + 2 <= end:
            length = data[position + 1]
            start = position + 2
            if length > 125:
                size = _LENGTH_SIZES.get(length, end)
                if start + size > end:
                    break
                length = int.from_bytes(data[start : start + size], "big")
                start += size
            stop = start + length
            if stop > end or length > self._max_size:
                break
            first = data[position]
            if first == FINAL_TEXT:
                try:
                    messages.append(data[start:stop].decode())
                except UnicodeDecodeError:
                    self.needs_attention = True
                    self._make_reader().fail(CloseCode.INVALID_DATA, NOT_UTF8)
                    return stop
            elif first == FINAL_BINARY:
                messages.append(data[start:stop])
            else:
                break
            position = stop
        return position

    def _receive_any(self, data: bytes, messages: list[Packet]) -> None:
        """Take frames of every kind, from any state."""
        self.needs_attention = True
        if self._head:
            data = self._head + data
            self._head = b""
        position = 0
        while position < len(data):
            reader = self._reader
            if reader is not None and reader.closed:
                reader.await_close(data[position:])
                break
            if reader is None or not reader.missing:
                if reader is None or not reader.in_message:
                    start = position
                    position = self._receive_common(data, position, messages)
                    if position > start:
                        continue
                size = frame_size(data, position)
                if size is None:
                    self._head = data[position:]
                    break
                position = self._make_reader().begin(data, position, size, messages)
            else:
                position = reader.read(data, position, messages)

    @property
    def failure(self) -> str | None:
        """Return why the connection failed: no more messages will come."""
        return None if self._reader is None else self._reader.failure

    @property
    def close_received(self) -> bool:
        """Return whether the server has sent a close frame: no more messages will come."""
        return self._reader is not None and self._reader.close_received

    @property
    def close_reason(self) -> str:
        """Return the code and text of the server's close frame, to append to a message; "" without
        any.

        The text is ASCII: it goes to terminals and logs.
        """
        close = None if self._reader is None else self._reader.close_code_and_reason
        if close is None or close[0] == CloseCode.NO_STATUS_RCVD:
            return ""
        code, text = close
        meaning = _MEANINGS.get(code)
        known = "" if meaning is None else f" ({meaning})"
        return f": {int(code)}{known}" + (f", {text!a}" if text else "")

    @property
    def held(self) -> int:
        """Count the bytes kept of what is not complete."""
        return len(self._head) + (0 if self._reader is None else self._reader.held)

    @property
    def assembling(self) -> bool:
        """Return whether a message or a frame has begun and is not complete."""
        return bool(self._head) or (self._reader is not None and self._reader.assembling)

    # -- out

    def encode(self, packet: Packet, *, compress: bool) -> bytes:
        """Return the frame of a packet, masked, and compressed if that was agreed on (RFC 7692)."""
        if isinstance(packet, str):
            data = packet.encode("utf-8", "replace")
            first = FINAL_TEXT
        else:
            data = packet
            first = FINAL_BINARY
        if compress and self._extensions:
            frame = Frame(Opcode(first & OPCODE_BITS), data)
            return frame.serialize(mask=True, extensions=self._extensions)
        key = self._mask_key()
        size = len(data)
        if size < 126:
            head = bytes((first, MASKED | size))
        elif size < 65_536:
            head = bytes((first, MASKED | 126)) + size.to_bytes(2, "big")
        else:
            head = bytes((first, MASKED | 127)) + size.to_bytes(8, "big")
        return head + key + apply_mask(data, key)

    @property
    def closed(self) -> bool:
        """Return whether a close frame was sent or received: nothing may be sent, nothing comes."""
        return self._reader is not None and self._reader.closed

    def close(self) -> None:
        """Send a close frame without a code, as the official client does."""
        if not self.closed:
            self.needs_attention = True
            self._make_reader().close()

    @property
    def pings(self) -> int:
        """Count the pings answered in what `control` returns next."""
        return 0 if self._reader is None else self._reader.pings

    def control(self) -> list[bytes]:
        """Return what is to be written besides messages: pongs and close frames."""
        return [] if self._reader is None else self._reader.control()

    def _mask_key(self) -> bytes:
        """Return four bytes that no one can foresee (RFC 6455, section 10.3)."""
        position = self._next_key
        if position == _STOCK:
            self._keys = self._random(_STOCK)
            position = 0
        self._next_key = position + 4
        return self._keys[position : position + 4]

    def _make_reader(self) -> FrameReader:
        """Return the reader, which is made for the first frame that needs it."""
        if self._reader is None:
            self._reader = FrameReader(CLIENT, self._max_size, self._max_size, self._extensions)
        return self._reader
