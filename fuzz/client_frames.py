"""WebSocket frames as the client reads them (engineio_min/protocol/client_frames.py); inputs as in
`frames.py`.

Invariants: as of `server_frames.py`. What the client answers is masked with random bytes, and
compared without them.
"""

from __future__ import annotations

import os
from functools import partial

from websockets.frames import Frame
from websockets.protocol import CLIENT, OPEN, SERVER, Protocol

from engineio_min.protocol.client_frames import ClientMessageStream
from engineio_min.protocol.frame_encoding import encode_frame
from fuzz.frames import COMPRESSED, MAX_SIZE, PLAIN, STAYS_OPEN, hold
from fuzz.specified import SpecifiedStream

HELLO = b"\x81\x064hello"
DEFLATED = b"2\xc9H\xcd\xc9\xc9\x07\x00"
SEEDS = (
    PLAIN + STAYS_OPEN + HELLO,
    PLAIN + STAYS_OPEN + HELLO + b"\x82\x03\1\2\3" + HELLO,
    PLAIN + STAYS_OPEN + b"\x01\x024h\x89\x01p\x80\x01i" + HELLO,
    PLAIN + STAYS_OPEN + b"\x02\x00\x00\x01x\x80\x00",
    PLAIN + STAYS_OPEN + b"\x01\x024\xc3\x80\x01\xa9",
    PLAIN + STAYS_OPEN + b"\x81\x024\xff" + HELLO,
    PLAIN + STAYS_OPEN + HELLO + b"\x88\x00" + HELLO,
    PLAIN + STAYS_OPEN + b"\x88\x02\x03\xe8",
    PLAIN + STAYS_OPEN + b"\x01\x014\x88\x05\x03\xe8bye\x80\x00",
    PLAIN + STAYS_OPEN + b"\x88\x01\x03",
    PLAIN + STAYS_OPEN + b"\x8a\x00\x89\x7e\0\x7e" + b"x" * 126,
    PLAIN + STAYS_OPEN + b"\x81\x7e\x00\x86" + b"4" * 0x86,
    PLAIN + STAYS_OPEN + b"\x82\x7f" + bytes(7) + b"\x05hello",
    PLAIN + STAYS_OPEN + b"\x82\x7e\x01\x2d" + b"x" * 301,
    PLAIN + STAYS_OPEN + b"\x81\x86\0\0\0\x004hello",
    PLAIN + STAYS_OPEN + b"\xc1\x00",
    PLAIN + b"\x60" + HELLO + HELLO + b"\x88\x02\x03\xe8",
    COMPRESSED + STAYS_OPEN + b"\xc1\x08" + DEFLATED + HELLO,
    COMPRESSED + STAYS_OPEN + b"\x41\x04" + DEFLATED[:4] + b"\x80\x04" + DEFLATED[4:],
    COMPRESSED + b"\x70" + HELLO + b"\xc1\x01\xff\x88\x00",
)


make_stream = partial(ClientMessageStream, random=os.urandom)
make_specified = partial(SpecifiedStream, CLIENT)


def unmask(answers: bytes) -> list[tuple[int, bytes]]:
    """Return the frames that the client answers, as a server reads them."""
    server = Protocol(SERVER, state=OPEN, max_size=None)
    server.receive_data(answers)
    frames = server.events_received()
    assert server.parser_exc is None, server.parser_exc
    return [(frame.opcode, bytes(frame.data)) for frame in frames if isinstance(frame, Frame)]


def check(data: bytes) -> None:
    """Hold what one server sends against the invariants."""
    for message in hold(data, make_stream, make_specified, unmask):
        assert make_stream(MAX_SIZE).receive(encode_frame(message)) == [message]
