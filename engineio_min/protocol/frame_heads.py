"""The heads of frames: their numbers (RFC 6455, sections 5.2 and 7.4.1), and how long a frame is.

These numbers are in websockets too, which takes three megabytes with all that it imports. A server
reads most clients without it; see `server_frames.py`.
"""

from __future__ import annotations

from typing import Final

# Opcodes of data frames.
CONT: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
# Codes of close frames.
NORMAL_CLOSURE: Final = 1000
INVALID_DATA: Final = 1007
POLICY_VIOLATION: Final = 1008
MESSAGE_TOO_BIG: Final = 1009
TRY_AGAIN_LATER: Final = 1013

# The first bytes of whole messages and of control frames: FIN and the opcode, no other bit.
FINAL_TEXT: Final = 0x81
FINAL_BINARY: Final = 0x82
FINAL_CLOSE: Final = 0x88
FINAL_PING: Final = 0x89
FINAL_PONG: Final = 0x8A
# The bits of the first byte that are the opcode, and the bit of the second by which a frame is
# masked.
OPCODE_BITS: Final = 0x0F
MASKED: Final = 0x80

# The opcodes of fragments by their first bytes and their place in a message; without extensions no
# other bit is set.
FIRST_FRAGMENTS: Final = {0x01: TEXT, 0x02: BINARY}
LATER_FRAGMENTS: Final = {0x00: CONT, 0x80: CONT}
FRAGMENTS: Final = frozenset((*FIRST_FRAGMENTS, *LATER_FRAGMENTS))

_LENGTH: Final = 0x7F


def frame_size(data: bytes | bytearray, position: int) -> int | None:
    """Count the bytes of the frame that begins at `position`, head and mask included; return None
    if its head is not complete (RFC 6455, section 5.2).
    """
    left = len(data) - position
    if left < 2:
        return None
    mask = 4 if data[position + 1] & MASKED else 0
    length = data[position + 1] & _LENGTH
    if length < 126:
        return 2 + mask + length
    size = 2 if length == 126 else 8
    if left < 2 + size:
        return None
    return 2 + size + mask + int.from_bytes(data[position + 2 : position + 2 + size], "big")
