"""The client's end of a WebSocket's frames: unmasked in, masked out (RFC 6455, section 5.3).

What differs from the server's end in `frames.py` is here: the fast path for a server's common
frame, final, unmasked and whole in one read, and the masking of what is sent. Every other frame
goes to websockets, as there; a property test holds the two against each other.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from websockets.extensions import Extension
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import CLIENT, OPEN, Protocol
from websockets.speedups import apply_mask

from engineio_min.frames import MessageStream
from engineio_min.packets import Packet

_FINAL_TEXT = 0x81
_FINAL_BINARY = 0x82
_MASKED = 0x80

# Random bytes are taken in stock: asking the kernel for four at a time costs more than the frame.
_STOCK = 4_096


class ClientMessageStream(MessageStream):
    """The client's end of a WebSocket after its handshake; see `MessageStream`."""

    __slots__ = ("_keys", "_next_key")

    def __init__(
        self, max_size: int, extensions: Sequence[Extension] = (), *, fast: bool = True
    ) -> None:
        super().__init__(max_size, extensions, fast=fast)
        # Nothing needs to be unmasked, so that no length is too much for the fast path.
        self._common_limit = max_size if fast else -1
        self._keys = b""
        self._next_key = _STOCK

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
            second = data[position + 1] if size > 1 else 0
            # A server that masks is refused by websockets, which needs the whole frame for it.
            start = position + (6 if second & _MASKED else 2)
            length = second & 0x7F
            known = size > 1
            if length == 126:
                known = size > 3
                start += 2
                length = int.from_bytes(data[position + 2 : position + 4], "big")
            elif length == 127:
                known = size > 9
                start += 8
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
                or length > self._common_limit
                or second & _MASKED
                or self._message is not None
            ):
                self._missing = stop - position
                self.unusual = True
                continue
            payload = data[start:stop]
            position = stop
            if first == _FINAL_BINARY:
                messages.append(payload)
                continue
            try:
                messages.append(payload.decode())
            except UnicodeDecodeError:
                self.fail(CloseCode.INVALID_DATA, "got text that is not UTF-8")
        return messages

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
            self.unusual = True
            self._specification.send_close()

    def _mask_key(self) -> bytes:
        """Four bytes that no one can foresee (RFC 6455, section 10.3)."""
        position = self._next_key
        if position == _STOCK:
            self._keys = os.urandom(_STOCK)
            position = 0
        self._next_key = position + 4
        return self._keys[position : position + 4]

    @property
    def _specification(self) -> Protocol:
        if self._protocol is None:
            self._protocol = Protocol(CLIENT, state=OPEN, max_size=self._max_size)
            self._protocol.extensions = list(self._extensions)
            self.ordinary = False
        return self._protocol
