"""WebSocket frames as the server reads them (engineio_min/protocol/server_frames.py).

Inputs are as in `frames.py`.

Invariants:
- Nothing is raised, whatever comes.
- The messages, the answers and the verdict are the same however the bytes are split into reads,
  and the same when every frame goes through websockets.
- What is held of an incomplete message stays within the limits.
- A message that was accepted is read as the same when the client sends it plainly.
"""

from __future__ import annotations

import os
from functools import partial

from websockets.protocol import SERVER

from engineio_min.protocol.client_frames import ClientMessageStream
from engineio_min.protocol.server_frames import ServerMessageStream
from fuzz.frames import COMPRESSED, MAX_SIZE, PLAIN, STAYS_OPEN, hold
from fuzz.specified import SpecifiedStream

# Masked with zeros, so that a seed shows its payload.
MASK = b"\0\0\0\0"
HELLO = b"\x81\x86" + MASK + b"4hello"
# A message in two, and a ping between.
FRAGMENTS = b"\x01\x82" + MASK + b"4h\x89\x81" + MASK + b"p\x80\x81" + MASK + b"i"
DEFLATED = b"2\xc9H\xcd\xc9\xc9\x07\x00"
SEEDS = (
    PLAIN + STAYS_OPEN + HELLO,
    PLAIN + STAYS_OPEN + HELLO + b"\x82\x83" + MASK + b"\1\2\3" + HELLO,
    PLAIN + STAYS_OPEN + b"\x81\x86abcdU\n\x06\x08\r\r",
    PLAIN + STAYS_OPEN + FRAGMENTS + HELLO,
    PLAIN + STAYS_OPEN + b"\x02\x80" + MASK + b"\x00\x81" + MASK + b"x\x80\x80" + MASK,
    PLAIN + STAYS_OPEN + b"\x01\x82" + MASK + b"4\xc3\x80\x81" + MASK + b"\xa9",
    PLAIN + STAYS_OPEN + b"\x81\x82" + MASK + b"4\xff" + HELLO,
    PLAIN + STAYS_OPEN + HELLO + b"\x88\x80" + MASK + HELLO,
    PLAIN + STAYS_OPEN + b"\x88\x82" + MASK + b"\x03\xe8",
    PLAIN + STAYS_OPEN + b"\x01\x81" + MASK + b"4\x88\x85" + MASK + b"\x03\xe8bye\x80\x80" + MASK,
    PLAIN + STAYS_OPEN + b"\x88\x81" + MASK + b"\x03",
    PLAIN + STAYS_OPEN + b"\x8a\x80" + MASK + b"\x89\xfe\0\x7e" + MASK + b"x" * 126,
    PLAIN + STAYS_OPEN + b"\x81\xfe\x00\x86" + MASK + b"4" * 0x86,
    PLAIN + STAYS_OPEN + b"\x82\xff" + bytes(7) + b"\x05" + MASK + b"hello",
    PLAIN + STAYS_OPEN + b"\x82\xfe\x01\x2d" + MASK + b"x" * 301,
    PLAIN + STAYS_OPEN + b"\x81\x064hello",
    PLAIN + STAYS_OPEN + b"\xc1\x80" + MASK,
    PLAIN + b"\x60" + HELLO + HELLO + b"\x88\x82" + MASK + b"\x03\xe8",
    COMPRESSED + STAYS_OPEN + b"\xc1\x88" + MASK + DEFLATED + HELLO,
    COMPRESSED + STAYS_OPEN + b"\x41\x84" + MASK + DEFLATED[:4] + b"\x80\x84" + MASK + DEFLATED[4:],
    COMPRESSED + b"\x70" + HELLO + b"\xc1\x81" + MASK + b"\xff\x88\x80" + MASK,
)


def check(data: bytes) -> None:
    """Hold what one client sends against the invariants."""
    for message in hold(data, ServerMessageStream, partial(SpecifiedStream, SERVER), bytes):
        sent = ClientMessageStream(MAX_SIZE, random=os.urandom).encode(message, compress=False)
        assert ServerMessageStream(MAX_SIZE).receive(sent) == [message]
