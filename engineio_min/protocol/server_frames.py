"""The server's end of a WebSocket's frames, as bytes in and out; no I/O, no clock.

Almost every frame that a client sends is of one kind: final, masked, text or binary, below 64 KiB,
whole in one read. So the stream is cut into frames by their length; that kind is unmasked right
here, and every other frame goes to the `FrameReader`, which is only made when the first one comes:
an idle connection never needs it, nor does the usual closing handshake. Measured against everything
through websockets: three times the throughput of an echo. Short pings, pongs and fragments are read
here as well: an attacker has one for 6 bytes, and each would cost as much as 20 messages. A
property test compares the two ways on the same bytes, split everywhere.

One read may bring 256 KiB, which is 43,000 of the smallest frames. So a call takes the frames that
begin in its first 4 KiB, and the rest waits for the next call: this bounds a connection's share of
a turn of the event loop by what costs most, the number of frames. Of a large frame it takes 64 KiB,
which are unmasked and checked as they come. Rejected: to count frames, which is work for every
frame of everybody.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engineio_min.protocol.assembler import NOT_UTF8
from engineio_min.protocol.awaited_close import AwaitedClose
from engineio_min.protocol.frame_heads import (
    FINAL_BINARY,
    FINAL_CLOSE,
    FINAL_PING,
    FINAL_PONG,
    FINAL_TEXT,
    FRAGMENTS,
    INVALID_DATA,
    frame_size,
)
from engineio_min.protocol.masking import apply_mask
from engineio_min.protocol.packets import Packet
from engineio_min.protocol.shares import READ_SHARE

if TYPE_CHECKING:
    from websockets.extensions import Extension

    from engineio_min.protocol.frame_reader import FrameReader

# Functions that take a short frame apart, by its second byte, which is 128 plus its length. Each
# returns the first byte, the mask and the payload: one call instead of two slices, which fails if
# the frame is not whole. None for other frames.
_SHORT_FRAMES = (
    *(None,) * 128,
    *(struct.Struct(f"Bx4s{length}s").unpack_from for length in range(126)),
    *(None,) * 2,
)
_LONGEST_SHORT = 125
_NO_SHORT_FRAMES = (None,) * 256
# The second byte of a masked frame whose length is in the next two bytes.
_MEDIUM = 0xFE


class ServerMessageStream:
    """The server's end of a WebSocket after its handshake.

    `max_size` is the most bytes of a message, `max_text` of a text message; see `MessageAssembler`
    for `long_texts`. `only_fast_frames` tells that all frames were of the common kind so far, so
    that no close frame came or went. `needs_attention` tells the driver that there may be more to
    do than to deliver messages: it looks at all the other properties then. `rest` is what the next
    call of `receive` begins with. While there is any, do not read; call `receive(b"")` in the next
    turn of the loop.
    """

    __slots__ = (
        "_awaited_close",
        "_close_received",
        "_close_sent",
        "_common_limit",
        "_control",
        "_extensions",
        "_head",
        "_long_texts",
        "_max_size",
        "_max_text",
        "_pongs",
        "_reader",
        "_short_pings",
        "needs_attention",
        "only_fast_frames",
        "rest",
    )

    def __init__(
        self,
        max_size: int,
        extensions: Sequence[Extension] = (),
        *,
        max_text: int | None = None,
        long_texts: bool = False,
    ) -> None:
        self._max_size = max_size
        self._long_texts = long_texts
        self._max_text = max_size if max_text is None else min(max_text, max_size)
        self._common_limit = min(self._max_text, 65_535)
        self._extensions = tuple(extensions)
        self._reader: FrameReader | None = None
        # The start of a frame too short to tell its length.
        self._head = b""
        # What `control` returns, and the close frames that came and went, without the reader.
        self._close_sent = False
        self._close_received = False
        self._awaited_close: AwaitedClose | None = None
        self._control: tuple[bytes, ...] = ()
        self._pongs: bytearray | None = None
        self._short_pings = 0
        self.rest = b""
        self.needs_attention = False
        self.only_fast_frames = True

    # -- in

    def receive(self, data: bytes) -> list[Packet]:
        """Take bytes, or a share of them; return the messages that are complete with them."""
        messages: list[Packet] = []
        if self.needs_attention:
            if self.rest:
                data = self.rest + data
                self.rest = b""
            self._receive_any(data, READ_SHARE, messages)
        else:
            position = self._receive_common(data, 0, READ_SHARE, messages)
            if position < len(data):
                self._receive_any(data[position:], READ_SHARE - position, messages)
        return messages

    def _receive_common(
        self, data: bytes, position: int, share: int, messages: list[Packet]
    ) -> int:
        """Take frames of the common kind that begin between `position` and `share`; return where
        another one begins.

        This runs for every message of every client, hence the arithmetic: with its 4 bytes of mask
        a short frame's head has 6.
        """
        end = len(data)
        limit = self._common_limit
        short_frames = _SHORT_FRAMES if limit >= _LONGEST_SHORT else _NO_SHORT_FRAMES
        last = end - 5
        if last > share:
            last = share
        while position < last:
            unpack = short_frames[data[position + 1]]
            if unpack is not None:
                try:
                    first, mask, masked = unpack(data, position)
                except struct.error:
                    # It is not whole.
                    break
                stop = position + 6 + len(masked)
            elif data[position + 1] == _MEDIUM and position + 8 <= end:
                first = data[position]
                length = data[position + 2] << 8 | data[position + 3]
                stop = position + 8 + length
                if stop > end or length > limit:
                    break
                mask, masked = data[position + 4 : position + 8], data[position + 8 : stop]
            else:
                break
            if first == FINAL_TEXT:
                try:
                    text = apply_mask(masked, mask).decode()
                except UnicodeDecodeError:
                    self.fail(INVALID_DATA, NOT_UTF8)
                    return stop
                messages.append(text)
            elif first == FINAL_BINARY:
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
            reader = self._reader
            if self.closed:
                position = self._await_close(data, position, share)
                if position < min(end, share):
                    self._head = data[position:]
                    break
                continue
            if reader is None and self._receive_plain_close(data, position):
                break
            if reader is None or not reader.missing:
                if reader is None or not reader.in_message:
                    position = self._receive_common(data, position, share, messages)
                    if position >= min(end, share) or self.closed:
                        continue
                start = position
                position = self._receive_short(data, position, share, messages)
                if position > start:
                    continue
                self.needs_attention = True
                size = frame_size(data, position)
                if size is None:
                    self._head = data[position:]
                    break
                position = self._make_reader().begin(data, position, size, messages)
            else:
                position = reader.read(data, position, messages)

    def _receive_short(self, data: bytes, position: int, share: int, messages: list[Packet]) -> int:
        """Take pings, pongs and fragments below 126 bytes that are whole and begin between
        `position` and `share`; return where another frame begins.
        """
        end = len(data)
        last = min(end - 5, share)
        while position < last:
            unpack = _SHORT_FRAMES[data[position + 1]]
            stop = position + 6 + data[position + 1] - 128
            if unpack is None or stop > end:
                break
            first = data[position]
            if first != FINAL_PONG:
                _, mask, masked = unpack(data, position)
                if first == FINAL_PING:
                    self._answer_ping(apply_mask(masked, mask))
                elif first in FRAGMENTS:
                    reader = self._reader or self._make_reader()
                    if not reader.add_fragment(first, apply_mask(masked, mask), messages):
                        break
                    if reader.failure is not None:
                        last = stop
                else:
                    break
                self.needs_attention = True
            position = stop
        return position

    def _answer_ping(self, data: bytes) -> None:
        """Answer a ping with a pong of the same `data` (RFC 6455, section 5.5.3)."""
        pongs = self._pongs
        if pongs is None:
            pongs = self._pongs = bytearray()
        reader = self._reader
        if reader is not None:
            # Pings that were split went to the reader, and came earlier.
            self._short_pings += reader.pings
            pongs += b"".join(reader.control())
        pongs.append(FINAL_PONG)
        pongs.append(len(data))
        pongs += data
        self._short_pings += 1

    def _receive_plain_close(self, data: bytes, position: int) -> bool:
        """Take a close frame as nearly every client sends it: whole, with the code 1000, 1001 or
        none, and no reason.
        """
        if data[position] != FINAL_CLOSE:
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
        self._control += (bytes((FINAL_CLOSE, len(code))) + code, b"")
        self._close_sent = self._close_received = self.needs_attention = True
        self.only_fast_frames = False
        return True

    def _await_close(self, data: bytes, position: int, share: int) -> int:
        """Look for the peer's close frame: after our own nothing else matters (RFC 6455, 5.5.1).

        Return where to go on: at the end if nothing matters any more.
        """
        if self.close_received or self.failure is not None:
            return len(data)
        awaited = self._awaited_close
        if awaited is None:
            missing = 0 if self._reader is None else self._reader.missing
            awaited = self._awaited_close = AwaitedClose(missing)
        position = awaited.pass_over(data, position, share)
        if awaited.received:
            self._control += (b"",)
            self._close_received = True
        return position

    @property
    def failure(self) -> str | None:
        """Return why the connection failed: no more messages will come."""
        return None if self._reader is None else self._reader.failure

    @property
    def close_received(self) -> bool:
        """Return whether the peer has sent a close frame: no more messages will come."""
        return self._close_received or (self._reader is not None and self._reader.close_received)

    @property
    def held(self) -> int:
        """Count the bytes kept: of what is not complete, and of the rest of a read."""
        held = 0 if self._reader is None else self._reader.held
        return held + len(self._head) + len(self.rest)

    @property
    def assembling(self) -> bool:
        """Return whether a message or a frame has begun and is not complete."""
        return bool(self._head) or (self._reader is not None and self._reader.assembling)

    # -- out

    @property
    def closed(self) -> bool:
        """Return whether a close frame was sent or received: nothing may be sent, nothing comes."""
        return self._close_sent or (self._reader is not None and self._reader.closed)

    def close(self) -> None:
        """Send a close frame without a code, as the official server does."""
        if self.closed:
            return
        self.needs_attention = True
        if self._reader is None:
            self._close_sent = True
            self.only_fast_frames = False
            self._control += (bytes((FINAL_CLOSE, 0)),)
        else:
            self._reader.close()

    def fail(self, code: int, reason: str) -> None:
        """Close because the peer broke the protocol (RFC 6455, section 7.1.7)."""
        self.needs_attention = True
        self._make_reader().fail(code, reason)

    @property
    def pings(self) -> int:
        """Count the pings answered in what `control` returns next."""
        return self._short_pings + (0 if self._reader is None else self._reader.pings)

    def control(self) -> list[bytes]:
        """Return what is to be written besides messages: pongs, close frames, b"" for the end."""
        self._short_pings = 0
        control = [] if self._pongs is None else [bytes(self._pongs)]
        self._pongs = None
        control += self._control
        self._control = ()
        if self._reader is not None:
            control += self._reader.control()
        return control

    def _make_reader(self) -> FrameReader:
        """Return the reader, which is made for the first frame that needs it."""
        reader = self._reader
        if reader is None:
            # Imported for the first one: a server that needs none has three megabytes less.
            from websockets.protocol import SERVER

            from engineio_min.protocol.frame_reader import FrameReader

            reader = FrameReader(
                SERVER,
                self._max_size,
                self._max_text,
                self._extensions,
                long_texts=self._long_texts,
            )
            self._reader = reader
            self.only_fast_frames = False
            if self._close_sent:
                # The close frame has left already.
                reader.close()
                reader.control()
        return reader
