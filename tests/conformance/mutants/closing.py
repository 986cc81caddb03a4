"""Mutants that do not end what is over, or not as they should."""

from __future__ import annotations

from conformance.profiles import ids
from tests.conformance.messages import Message
from tests.conformance.mutant import Mutant, Packet
from tests.conformance.mutants.bases import FrameMutant
from tests.conformance.mutants.register import SESSION_OPEN, STILL_OPEN, caught_by

# A packet that means nothing and does no harm: a payload must not be empty.
NOOP = "6"


@caught_by("EIO-FRAME-018", "EIO-FRAME-019", "EIO-CLOSE-006", seen=STILL_OPEN)
class AnswersNoCloseFrame(FrameMutant):
    """Close frames are not answered."""

    keeps_open = True


@caught_by(
    *ids("EIO-FRAME", range(1, 10)),
    "EIO-FRAME-013",
    "EIO-FRAME-014",
    "EIO-FRAME-015",
    seen="got the end of the connection with code 1000, expected the code 1002",
)
@caught_by(
    "EIO-FRAME-010",
    "EIO-FRAME-011",
    "EIO-FRAME-012",
    "EIO-FRAME-016",
    seen="got the end of the connection with code 1000, expected the code 1007",
)
@caught_by(
    "EIO-LIMIT-004",
    "EIO-LIMIT-005",
    seen="got the end of the connection with code 1000, expected the code 1009",
)
class ClosesWithAnotherCode(FrameMutant):
    """Every close frame has the code 1000."""

    def outgoing_close(self, payload: bytes) -> bytes | None:
        return b"\x03\xe8"


@caught_by("SIO-CONN-035", seen="got an empty text, expected the WebSocket to be closed")
class SendsAnEmptyPacketBeforeItCloses(FrameMutant):
    """Before the connection is closed comes a frame with nothing in it."""

    joined = False

    def inward(self, packet: Packet) -> list[Packet]:
        if packet != "40":
            return [packet]
        before: list[Packet] = ['42["message"]'] if self.joined else []
        self.joined = True
        return [*before, packet]

    def outward(self, packet: Packet) -> list[Packet]:
        return ["" if packet == '42["message-back"]' else packet]


@caught_by(
    "EIO-FRAME-018",
    "EIO-FRAME-019",
    "EIO-CLOSE-006",
    seen="got the end of the connection…, expected a close frame",
)
class BreaksInsteadOfClosing(FrameMutant):
    """The connection ends where a close frame should be."""

    def outgoing_close(self, payload: bytes) -> bytes | None:
        return None


@caught_by(
    "EIO-WS-021",
    "EIO-WS-023",
    *ids("EIO-FRAME", range(1, 10)),
    *ids("EIO-FRAME", range(13, 17)),
    "EIO-FRAME-028",
    "EIO-UPG-011",
    "EIO-UPG-014",
    "EIO-CLOSE-003",
    "EIO-LIMIT-004",
    "EIO-LIMIT-005",
    "EIO-LIMIT-008",
    "SIO-CONN-020",
    "SIO-CONN-035",
    "SIO-NSP-009",
    "SIO-BIN-019",
    "SIO-BIN-022",
    "SIO-BAD-001",
    "SIO-BAD-033",
    seen=STILL_OPEN,
)
class NeverCloses(FrameMutant):
    """A WebSocket stays open whatever happens."""

    keeps_open = True


@caught_by(
    "EIO-RACE-002",
    "EIO-UPG-022",
    "EIO-CLOSE-001",
    "EIO-CLOSE-004",
    "SIO-ENGINE-015",
    seen=SESSION_OPEN,
)
@caught_by(
    "EIO-BEAT-003",
    "SIO-ENGINE-013",
    seen="got a session that is still open, expected it to be closed without pongs",
)
@caught_by("EIO-CLOSE-006", seen="got 200 6 for the GET, expected 400")
class LeaksSessions(Mutant):
    """A session that has ended is still there for requests."""

    def reply(self, request: Message, reply: Message) -> None:
        if b'"code":1' in reply.body:
            reply.start, reply.body = "HTTP/1.1 200 OK", b"6"


@caught_by("EIO-CLOSE-008", seen=SESSION_OPEN)
class ClosesByTheLastPacket(Mutant):
    """A close packet with another behind it is passed over."""

    def request(self, request: Message) -> None:
        if request.body.startswith(b"1\x1e"):
            request.body = request.body[2:]
            request.set("Content-Length", str(len(request.body)))


@caught_by("EIO-CLOSE-007", seen="got nothing within … s, expected 4still there?")
class ClosesEverybody(FrameMutant):
    """A close packet closes all sessions."""

    def __init__(self) -> None:
        self.over = False

    def inward(self, packet: Packet) -> list[Packet]:
        self.over = self.over or packet == "1"
        return [packet if packet == "1" or not self.over else NOOP]
