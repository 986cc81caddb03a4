"""Mutants that take what is too large, or cut what is not."""

from __future__ import annotations

from tests.conformance.messages import Message, answer
from tests.conformance.mutant import Mutant, Packet
from tests.conformance.mutants.bases import FrameMutant
from tests.conformance.mutants.register import caught_by


@caught_by(
    "EIO-POLL-018", seen="got 200 4large … (65000 in all), expected 200 4large … (99997 in all)"
)
@caught_by("EIO-WS-008", seen="got 4x… (65000 in all), expected 4x… (65535 in all)")
@caught_by(
    "EIO-LIMIT-001", "EIO-LIMIT-003", seen="got 4x… (65000 in all), expected 4x… (1000000 in all)"
)
@caught_by("EIO-LIMIT-009", seen="got 4x… (65000 in all), expected 4x… (500001 in all)")
@caught_by(
    "SIO-EVENT-021",
    seen='got 42["message-back","large … (65000 in all), '
    'expected 42["message-back","large … (200019 in all)',
)
@caught_by(
    "SIO-BIN-010", seen="got <00 01 02 …> (65000 bytes), expected <00 01 02 …> (199936 bytes)"
)
class Truncates(FrameMutant):
    """Messages are cut after 65,000 characters."""

    def outward(self, packet: Packet) -> list[Packet]:
        return [packet[:65_000]]


@caught_by(
    "EIO-LIMIT-002",
    "EIO-LIMIT-006",
    seen="got 200 ok, expected 413 or another error status, or a closed connection",
)
class TakesLargeBodies(Mutant):
    """A body above maxPayload is accepted."""

    def request(self, request: Message) -> Message | None:
        return answer(200, b"ok") if len(request.body) > 1_000_000 else None


@caught_by("EIO-LIMIT-006", seen="got the message delivered, expected it to be refused")
class DeliversWhatItRefuses(Mutant):
    """A body above maxPayload is answered 413, and delivered up to there."""

    def __init__(self) -> None:
        self.cut: list[Message] = []

    def request(self, request: Message) -> None:
        if len(request.body) > 1_000_000:
            request.body = request.body[:1_000_000]
            request.set("Content-Length", str(len(request.body)))
            self.cut.append(request)

    def reply(self, request: Message, reply: Message) -> None:
        if request in self.cut:
            reply.start = "HTTP/1.1 413 Content Too Large"
