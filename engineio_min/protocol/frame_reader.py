"""Frames of every kind, as websockets' Sans-I/O protocol reads them (RFC 6455, section 5).

websockets is the authority on frames, and slow because it is complete. So the streams of the two
ends read the common frames by themselves, and make a reader when the first other frame comes. The
stream gives the reader one frame at a time, whole or in pieces: after each, the fast path may go
on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from websockets.extensions import Extension
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, SERVER, Protocol, Side

from engineio_min.protocol.assembler import MessageAssembler, MessageRefused
from engineio_min.protocol.frame_heads import (
    FINAL_CLOSE,
    FIRST_FRAGMENTS,
    LATER_FRAGMENTS,
    OPCODE_BITS,
)
from engineio_min.protocol.large_frame import LARGE_HEAD, LargeFrame, large_frame
from engineio_min.protocol.packets import Packet

_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)
_CONTROL = 0x08
_LONGEST_HEAD = 14


class FrameReader:
    """Reads the frames of one end that are not of the common kind.

    `max_size` is the most bytes of a message; for `max_text` and `long_texts` see
    `MessageAssembler`. `missing` counts the bytes of the begun frame that have not come. `failure`
    says why the connection failed. `pings` counts the pings answered in what `control` returns
    next.
    """

    __slots__ = (
        "_assembler",
        "_large",
        "_max_size",
        "_partial",
        "_protocol",
        "failure",
        "missing",
        "pings",
    )

    def __init__(
        self,
        side: Side,
        max_size: int,
        max_text: int,
        extensions: Sequence[Extension],
        *,
        long_texts: bool = False,
    ) -> None:
        self._max_size = max_size
        self._assembler = MessageAssembler(max_text, long_texts=long_texts)
        # The frame that was begun, if it is a large one.
        self._large: LargeFrame | None = None
        self._protocol = Protocol(side, state=OPEN, max_size=max_size)
        self._protocol.extensions = list(extensions)
        # Bytes of the frame begun that websockets holds.
        self._partial = 0
        self.missing = 0
        self.failure: str | None = None
        self.pings = 0

    # -- in

    def begin(self, data: bytes, position: int, size: int, messages: list[Packet]) -> int:
        """Begin the frame of `size` bytes at `position`, and read what there is of it.

        Return where the part that was read ends. That is `position` if the head alone tells that
        the text is too large.
        """
        first = data[position]
        if first & OPCODE_BITS == Opcode.TEXT:
            try:
                self._assembler.check_text(size - _LONGEST_HEAD)
            except MessageRefused as error:
                self.fail(error.code, error.reason)
                return position
        if first == FINAL_CLOSE and self._assembler.begun:
            # A close frame may come between fragments (section 5.4) and is answered like any other;
            # websockets would call the message incomplete and fail the connection.
            self._assembler.give_up()
            self._protocol.current_size = None
        # A control frame is no part of the message that it comes in (section 5.4).
        within = self._protocol.current_size if first & _CONTROL else None
        self._protocol.max_message_size = self._max_size + (within or 0)
        self.missing = size
        self._large = self._begin_large(data, position, size)
        if self._large is not None:
            position += LARGE_HEAD
        return position if self.failure else self.read(data, position, messages)

    def _begin_large(self, data: bytes, position: int, size: int) -> LargeFrame | None:
        """Begin a large frame, if it is one that need not be looked at by websockets."""
        protocol = self._protocol
        before = protocol.current_size
        large = large_frame(data, position, size, in_message=before is not None)
        if large is None or protocol.extensions or protocol.side is not SERVER:
            return None
        whole = (before or 0) + large.size
        if whole > self._max_size:
            return None
        protocol.current_size = None if large.fin else whole
        try:
            self._assembler.begin(large.opcode, large.size)
        except MessageRefused as error:
            self.fail(error.code, error.reason)
        return large

    def read(self, data: bytes, position: int, messages: list[Packet]) -> int:
        """Read what there is of the frame that was begun, of a large one a share; return where that
        ends.
        """
        if self._large is not None:
            return self._read_large(self._large, data, position, messages)
        protocol = self._protocol
        piece = data[position : position + self.missing]
        self.missing -= len(piece)
        self._partial = self._partial + len(piece) if self.missing else 0
        protocol.receive_data(piece)
        for frame in cast("list[Frame]", protocol.events_received()):
            if frame.opcode in _DATA:
                self._add(frame.opcode, bytes(frame.data), frame.fin, messages)
            elif frame.opcode is Opcode.PING:
                self.pings += 1
        if protocol.parser_exc is not None and self.failure is None:
            self.failure = str(protocol.parser_exc)
        return position + len(piece)

    def _read_large(
        self, large: LargeFrame, data: bytes, position: int, messages: list[Packet]
    ) -> int:
        payload, end = large.read(data, position)
        self.missing = large.missing
        is_last = large.fin and not large.missing
        try:
            self._assembler.extend(payload, is_last=is_last)
        except MessageRefused as error:
            self.fail(error.code, error.reason)
        else:
            if is_last:
                messages.append(self._assembler.end())
        if not large.missing:
            self._large = None
        return end

    def add_fragment(self, first: int, data: bytes, messages: list[Packet]) -> bool:
        """Add a fragment whose first byte is `first` and whose payload is `data`, as `read` would;
        return False if it is one that `read` must look at.
        """
        protocol = self._protocol
        before = protocol.current_size
        opcode = (FIRST_FRAGMENTS if before is None else LATER_FRAGMENTS).get(first)
        size = (before or 0) + len(data)
        if opcode is None or size > self._max_size or protocol.extensions:
            return False
        fin = first >= 0x80
        protocol.current_size = None if fin else size
        self._add(opcode, data, fin, messages)
        return True

    def _add(self, opcode: int, data: bytes, fin: bool, messages: list[Packet]) -> None:
        """Add a data frame to its message, or fail the connection."""
        try:
            message = self._assembler.add(opcode, data, fin=fin)
        except MessageRefused as error:
            self.fail(error.code, error.reason)
        else:
            if message is not None:
                messages.append(message)

    def await_close(self, data: bytes) -> None:
        """Read for nothing but the peer's close frame, after which nothing is read."""
        if not self.close_received:
            self._protocol.receive_data(data)
            self._protocol.events_received()

    @property
    def close_received(self) -> bool:
        """Return whether the peer has sent a close frame: no more messages will come."""
        return self._protocol.close_rcvd is not None

    @property
    def close_code_and_reason(self) -> tuple[int, str] | None:
        """Return what the peer's close frame says (RFC 6455, sections 7.1.5 and 7.1.6)."""
        close = self._protocol.close_rcvd
        return None if close is None else (close.code, close.reason)

    @property
    def in_message(self) -> bool:
        """Return whether the next frame continues a message."""
        return self._assembler.begun

    @property
    def assembling(self) -> bool:
        """Return whether a message or a frame has begun and is not complete."""
        return self._assembler.begun or self.missing > 0

    @property
    def held(self) -> int:
        """Count the bytes kept of a message or a frame that is not complete."""
        return self._assembler.size + self._partial

    # -- out

    @property
    def closed(self) -> bool:
        """Return whether a close frame was sent or received: nothing may be sent, nothing comes."""
        return self._protocol.state is not OPEN

    def close(self) -> None:
        """Send a close frame without a code."""
        self._protocol.send_close()

    def fail(self, code: int, reason: str) -> None:
        """Close because the peer broke the protocol (RFC 6455, section 7.1.7)."""
        self.failure = reason
        self._protocol.fail(code, reason)

    def control(self) -> list[bytes]:
        """Return what is to be written besides messages: pongs, close frames, b"" for the end."""
        self.pings = 0
        return self._protocol.data_to_send()
