"""The client's end of a WebSocket's frames: unmasked in, masked out (RFC 6455, section 5.3).

What differs from the server's end in `frames.py` is here: the fast path for a server's common
frame, final, unmasked and whole in one read, and the masking of what is sent. Every other frame
goes to websockets, as there; a property test holds the two against each other.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from websockets.extensions import Extension
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import CLIENT, OPEN, Protocol
from websockets.speedups import apply_mask

from engineio_min.protocol.frames import MessageStream
from engineio_min.protocol.packets import Packet

_FINAL_TEXT = 0x81
_FINAL_BINARY = 0x82
_MASKED = 0x80

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

# Random bytes are taken in stock: asking the kernel for four at a time costs more than the frame.
_STOCK = 4_096


class ClientMessageStream(MessageStream):
    """The client's end of a WebSocket after its handshake; see `MessageStream`.

    `random` returns so many bytes that no one can foresee, as `os.urandom` does.
    """

    __slots__ = ("_keys", "_next_key", "_random")

    def __init__(
        self,
        max_size: int,
        extensions: Sequence[Extension] = (),
        *,
        random: Callable[[int], bytes],
        fast: bool = True,
    ) -> None:
        super().__init__(max_size, extensions, fast=fast)
        # Nothing needs to be unmasked, so that no length is too much for the fast path.
        self._common_limit = max_size if fast else -1
        # The one server of a client is not who attacks it.
        self._share = sys.maxsize
        self._random = random
        self._keys = b""
        self._next_key = _STOCK

    def _receive_common(
        self, data: bytes, position: int, _share: int, messages: list[Packet]
    ) -> int:
        """Take frames of the common kind: here they are not masked, and of any length."""
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
            if stop > end or length > self._common_limit:
                break
            first = data[position]
            if first == _FINAL_TEXT:
                try:
                    messages.append(data[start:stop].decode())
                except UnicodeDecodeError:
                    self.fail(CloseCode.INVALID_DATA, "got text that is not UTF-8")
                    return stop
            elif first == _FINAL_BINARY:
                messages.append(data[start:stop])
            else:
                break
            position = stop
        return position

    def _frame_size(self, data: bytes, position: int) -> int | None:
        # A server that masks is refused by websockets, which needs the whole frame for it.
        size = super()._frame_size(data, position)
        return size if size is None or data[position + 1] & _MASKED else size - 4

    def _receive_short(
        self, _data: bytes, position: int, _share: int, _messages: list[Packet]
    ) -> int:
        # The one server of a client is not who attacks it.
        return position

    def _receive_plain_close(self, _data: bytes, _position: int) -> bool:
        # A client closes once, so its closing handshake may cost what websockets takes.
        return False

    def encode(self, packet: Packet, *, compress: bool) -> bytes:
        """The frame of a packet, masked, and compressed if that was agreed on."""
        if isinstance(packet, str):
            data = packet.encode("utf-8", "replace")
            first = _FINAL_TEXT
        else:
            data = packet
            first = _FINAL_BINARY
        if compress and self._extensions:
            frame = Frame(Opcode(first & 0x0F), data)
            return frame.serialize(mask=True, extensions=self._extensions)
        key = self._mask_key()
        size = len(data)
        if size < 126:
            head = bytes((first, _MASKED | size))
        elif size < 65_536:
            head = bytes((first, _MASKED | 126)) + size.to_bytes(2, "big")
        else:
            head = bytes((first, _MASKED | 127)) + size.to_bytes(8, "big")
        return head + key + apply_mask(data, key)

    def close(self) -> None:
        """Send a close frame without a code, as the official client does."""
        if not self.closed:
            self.needs_attention = True
            self._specification.send_close()

    @property
    def close_reason(self) -> str:
        """What the server's close frame says, as words to put behind: a code, a text, or nothing.

        The text is ASCII: it goes to terminals and logs.
        """
        close = self._specification.close_rcvd
        if close is None or close.code == CloseCode.NO_STATUS_RCVD:
            return ""
        meaning = _MEANINGS.get(close.code)
        known = "" if meaning is None else f" ({meaning})"
        return f": {int(close.code)}{known}" + (f", {close.reason!a}" if close.reason else "")

    def _mask_key(self) -> bytes:
        """Four bytes that no one can foresee (RFC 6455, section 10.3)."""
        position = self._next_key
        if position == _STOCK:
            self._keys = self._random(_STOCK)
            position = 0
        self._next_key = position + 4
        return self._keys[position : position + 4]

    @property
    def _specification(self) -> Protocol:
        if self._protocol is None:
            self._protocol = Protocol(CLIENT, state=OPEN, max_size=self._max_size)
            self._protocol.extensions = list(self._extensions)
            self.only_fast_frames = False
        return self._protocol
