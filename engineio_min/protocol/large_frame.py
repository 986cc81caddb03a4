"""The payload of a large data frame of a client, unmasked as it comes (RFC 6455, section 5.3).

A frame may have as many bytes as a message. To wait for all of it, and then to unmask, copy and
decode it, would keep the event loop for 5 ms a megabyte. The head of such a frame is checked as
websockets checks it: its place in the message, its size, the mask, no reserved bit.
"""

from __future__ import annotations

from typing import Final

from engineio_min.protocol.frame_heads import BINARY, CONT, FINAL_BINARY, FINAL_TEXT, TEXT
from engineio_min.protocol.masking import apply_mask
from engineio_min.protocol.shares import LARGE_SHARE

LARGE_HEAD: Final = 10
"""Bytes of the head of a frame with 64 KiB or more of payload, without the mask."""

_MASK: Final = 4
_MASKED_AND_LARGE: Final = 0xFF
_STARTS: Final = {0x01: TEXT, 0x02: BINARY, FINAL_TEXT: TEXT, FINAL_BINARY: BINARY}
_CONTINUATIONS: Final = {0x00: CONT, 0x80: CONT}


class LargeFrame:
    """A data frame after its head; `missing` counts the bytes that have not come, with the mask."""

    __slots__ = ("_at", "_mask", "fin", "missing", "opcode")

    def __init__(self, opcode: int, size: int, *, fin: bool) -> None:
        self.opcode = opcode
        self.fin = fin
        self.missing = _MASK + size
        self._mask = b""
        # The bytes of payload that have come.
        self._at = 0

    @property
    def size(self) -> int:
        """Count the bytes of payload that have not come."""
        return self.missing - _MASK + len(self._mask)

    def read(self, data: bytes, position: int) -> tuple[bytes, int]:
        """Return the payload in `data` from `position` on, up to a share, and where it ends."""
        if len(self._mask) < _MASK:
            more = data[position : position + _MASK - len(self._mask)]
            self._mask += more
            self.missing -= len(more)
            position += len(more)
        piece = data[position : position + min(self.missing, LARGE_SHARE)]
        if not piece:
            return b"", position
        turn = self._at % _MASK
        self._at += len(piece)
        self.missing -= len(piece)
        mask = self._mask[turn:] + self._mask[:turn]
        return apply_mask(piece, mask), position + len(piece)


def large_frame(data: bytes, position: int, size: int, *, in_message: bool) -> LargeFrame | None:
    """Return the large frame of `size` bytes that begins at `position`; None if it is not large,
    or one that websockets must look at. `in_message` tells whether it continues a message.
    """
    first = data[position]
    opcode = (_CONTINUATIONS if in_message else _STARTS).get(first)
    payload = size - LARGE_HEAD - _MASK
    if opcode is None or data[position + 1] != _MASKED_AND_LARGE or payload <= 0:
        return None
    return LargeFrame(opcode, payload, fin=first >= 0x80)
