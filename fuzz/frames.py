"""What the targets of both ends of a WebSocket share.

The first byte of an input says whether compression was agreed on, the second where in the rest this
end closes, if at all; the rest is what the peer sends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate

from engineio_min.protocol.frames import MessageStream
from engineio_min.protocol.packets import Packet
from fuzz.reads import readings

MAX_SIZE = 300
# The longest head of a frame, and the longest frame that is no message's.
HEAD = 14
CONTROL = 125

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
    data: bytes, make_stream: Callable[..., MessageStream], open_answers: Callable[[bytes], object]
) -> list[Packet]:
    """Hold what one peer sends against the invariants of its target; return the messages in it."""
    compressed = data[:1] == COMPRESSED
    wire = data[2:]
    closing = data[1:2] or STAYS_OPEN
    place = len(wire) if closing == STAYS_OPEN else closing[0] * len(wire) // 0xFF
    closes = closing != STAYS_OPEN
    before, after = wire[:place], wire[place:]

    def outcome(first: Iterable[bytes], second: Iterable[bytes], *, fast: bool) -> Outcome:
        extensions: list[Extension] = (
            [PerMessageDeflate(False, False, 15, 15)] if compressed else []
        )
        stream = make_stream(MAX_SIZE, extensions, fast=fast)
        messages: list[Packet] = []
        answers: list[bytes] = []

        def receive(pieces: Iterable[bytes]) -> None:
            for piece in pieces:
                messages.extend(stream.receive(piece))
                assert stream.closed or stream.held <= MAX_SIZE + HEAD + CONTROL, stream.held
                answers.extend(stream.control())
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
        for fast in (True, False):
            for first, second in zip(readings(before), readings(after), strict=True):
                yield outcome(first, second, fast=fast)
        yield outcome(whole_read(before), whole_read(after), fast=False)

    whole = outcome(whole_read(before), whole_read(after), fast=True)
    for other in others():
        assert other == whole, (other, whole)
    return whole.messages


def whole_read(data: bytes) -> list[bytes]:
    """One read, or none."""
    return [data] if data else []
