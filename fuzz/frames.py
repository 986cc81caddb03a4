"""What the targets of both ends of a WebSocket share.

The first byte of an input says whether compression was agreed on, the second where in the rest this
end closes, if at all; the rest is what the peer sends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate

from engineio_min.protocol.client_frames import ClientMessageStream
from engineio_min.protocol.packets import Packet
from engineio_min.protocol.server_frames import ServerMessageStream
from fuzz.reads import readings
from fuzz.specified import SpecifiedStream

MAX_SIZE = 300
# The longest head of a frame, and the longest frame that is no message's.
HEAD = 14
CONTROL = 125

Stream = ServerMessageStream | ClientMessageStream | SpecifiedStream
MakeStream = Callable[[int, list[Extension]], Stream]

PLAIN, COMPRESSED = b"\0", b"\1"
STAYS_OPEN = b"\xff"


class Outcome(NamedTuple):
    """Messages, answers, and the verdict: failed, closed, a close frame came."""

    messages: list[Packet]
    answers: object
    failed: bool
    closed: bool
    close_received: bool


def hold(
    data: bytes,
    make_stream: MakeStream,
    make_specified: MakeStream,
    open_answers: Callable[[bytes], object],
) -> list[Packet]:
    """Hold what one peer sends against the invariants of its target; return the messages in it."""
    compressed = data[:1] == COMPRESSED
    wire = data[2:]
    closing = data[1:2] or STAYS_OPEN
    place = len(wire) if closing == STAYS_OPEN else closing[0] * len(wire) // 0xFF
    closes = closing != STAYS_OPEN
    before, after = wire[:place], wire[place:]

    def outcome(first: Iterable[bytes], second: Iterable[bytes], make: MakeStream) -> Outcome:
        extensions: list[Extension] = (
            [PerMessageDeflate(False, False, 15, 15)] if compressed else []
        )
        stream = make(MAX_SIZE, extensions)
        messages: list[Packet] = []
        answers: list[bytes] = []

        def receive(pieces: Iterable[bytes]) -> None:
            for piece in pieces:
                messages.extend(stream.receive(piece))
                assert stream.closed or stream.held <= MAX_SIZE + HEAD + CONTROL, stream.held
                answers.extend(stream.control())
                if not isinstance(stream, SpecifiedStream):
                    # As the owners of streams do.
                    stream.needs_attention = stream.assembling or stream.closed

        receive(first)
        if closes:
            stream.close()
            answers.extend(stream.control())
        receive(second)
        return Outcome(
            messages,
            open_answers(b"".join(answers)),
            stream.failure is not None,
            stream.closed,
            stream.close_received,
        )

    def others() -> Iterator[Outcome]:
        for make in (make_stream, make_specified):
            for first, second in zip(readings(before), readings(after), strict=True):
                yield outcome(first, second, make)
        yield outcome(whole_read(before), whole_read(after), make_specified)

    whole = outcome(whole_read(before), whole_read(after), make_stream)
    for other in others():
        assert other == whole, (other, whole)
    return whole.messages


def whole_read(data: bytes) -> list[bytes]:
    """Return the data as one read, or as none."""
    return [data] if data else []
