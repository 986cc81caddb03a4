"""Mutants that take from a client what they should refuse, or refuse what they should take: packets
and frames, and the order of both.
"""

from __future__ import annotations

import asyncio
import unicodedata

from conformance.wire import CLOSE, CONTINUATION, PING, TEXT, frame
from tests.conformance.mutants import FrameMutant, caught_by, is_poll
from tests.conformance.proxy import Message, Mutant, Packet, answer

STILL_OPEN = "is still open"
NOTHING_CAME = "no packet|no answer"

# A packet that means nothing and does no harm: a payload must not be empty.
NOOP = "6"


# --- packets


@caught_by("EIO-LOAD-003", seen=STILL_OPEN)
class TakesUnknownTypesForMessages(FrameMutant):
    """A packet of an unknown type is a message."""

    def inward(self, packet: Packet) -> list[Packet]:
        return ["4" + packet[1:]] if isinstance(packet, str) and packet[:1] in "789" else [packet]


@caught_by("EIO-LOAD-005", "EIO-LOAD-006", "EIO-LOAD-007", "EIO-LOAD-008", seen=STILL_OPEN)
class SkipsEmptyPackets(Mutant):
    """Empty packets of a payload are passed over."""

    def request(self, request: Message) -> None:
        if request.method == "POST":
            packets = filter(None, request.body.split(b"\x1e"))
            request.body = b"\x1e".join(packets) or NOOP.encode()
            request.set("Content-Length", str(len(request.body)))


@caught_by("EIO-LOAD-009", "EIO-LOAD-010", "EIO-LOAD-012", seen=STILL_OPEN)
class TrimsPayloads(Mutant):
    """Space, NUL and a byte order mark before a payload are passed over."""

    def request(self, request: Message) -> None:
        if request.method == "POST":
            request.body = request.body.lstrip(b" \0\xef\xbb\xbf")
            request.set("Content-Length", str(len(request.body)))


@caught_by("EIO-LOAD-013", "EIO-LOAD-014", seen=STILL_OPEN)
class ForgivesPingsInPayloads(Mutant):
    """A client's ping by polling is passed over."""

    def inward(self, packet: Packet) -> list[Packet]:
        return [NOOP] if packet in ("2", "2probe") else [packet]


@caught_by("EIO-WS-025", "EIO-WS-026", seen=STILL_OPEN)
class ForgivesPingsInFrames(FrameMutant):
    """A client's ping on a WebSocket is passed over, and a probe that probes nothing."""

    def inward(self, packet: Packet) -> list[Packet]:
        return [] if packet in ("2", "2probe") else [packet]


@caught_by("EIO-LOAD-016", seen=STILL_OPEN)
class ReplacesBadTextInPayloads(Mutant):
    """Bytes that are no UTF-8 become U+FFFD."""

    def read_text(self, data: bytes) -> str:
        return data.decode(errors="replace")


@caught_by("EIO-FRAME-010", "EIO-FRAME-011", "EIO-FRAME-012", seen="got 4\ufffd")
class ReplacesBadTextInFrames(FrameMutant):
    """Bytes that are no UTF-8 become U+FFFD on a WebSocket."""

    def read_text(self, data: bytes) -> str:
        return data.decode(errors="replace")


@caught_by("EIO-LOAD-017", seen=STILL_OPEN)
class CountsInEveryScript(FrameMutant):
    """A digit of another script is a digit."""

    def inward(self, packet: Packet) -> list[Packet]:
        if isinstance(packet, str) and packet:
            return [f"{unicodedata.digit(packet[0], packet[0])}{packet[1:]}"]
        return [packet]


@caught_by("EIO-CLOSE-008", seen=STILL_OPEN)
class ClosesByTheLastPacket(Mutant):
    """A close packet with another behind it is passed over."""

    def request(self, request: Message) -> None:
        if request.body.startswith(b"1\x1e"):
            request.body = request.body[2:]
            request.set("Content-Length", str(len(request.body)))


@caught_by("EIO-CLOSE-007", seen=NOTHING_CAME)
class ClosesEverybody(FrameMutant):
    """A close packet closes all sessions."""

    def __init__(self) -> None:
        self.over = False

    def inward(self, packet: Packet) -> list[Packet]:
        self.over = self.over or packet == "1"
        return [packet if packet == "1" or not self.over else NOOP]


@caught_by("EIO-WS-001", seen="got <34 68")
class AnswersInBinary(FrameMutant):
    """Text comes back as a binary frame."""

    def outward(self, packet: Packet) -> list[Packet]:
        is_message = isinstance(packet, str) and packet.startswith("4")
        return [packet.encode() if is_message and isinstance(packet, str) else packet]


# --- sizes


@caught_by("EIO-LIMIT-002", "EIO-LIMIT-006", seen="got 200 ok, expected 413")
class TakesLargeBodies(Mutant):
    """A body above maxPayload is accepted."""

    def request(self, request: Message) -> Message | None:
        return answer(200, b"ok") if len(request.body) > 1_000_000 else None


@caught_by("EIO-LIMIT-006", seen="got the message delivered")
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


# --- requests given up, and polls that nobody answers


@caught_by("EIO-RACE-007", seen=STILL_OPEN)
class MissesCancelledPolls(Mutant):
    """A client that gives up its poll is not noticed."""

    def __init__(self) -> None:
        self.polled: set[str] = set()

    async def arrived(self, request: Message) -> None:
        if is_poll(request) and request.query["sid"] not in self.polled:
            self.polled.add(request.query["sid"])
            await asyncio.sleep(60)


@caught_by("EIO-UPG-020", seen=NOTHING_CAME)
class KeepsThePollAtTheUpgrade(Mutant):
    """The poll that waits when an upgrade begins is never answered."""

    async def answered(self, request: Message, reply: Message) -> None:
        if is_poll(request) and reply.body == b"6":
            await asyncio.sleep(60)


@caught_by("EIO-BEAT-011", seen=NOTHING_CAME)
class KeepsTheLastPoll(Mutant):
    """The poll that waits when a session ends is never answered."""

    async def answered(self, request: Message, reply: Message) -> None:
        if is_poll(request) and (reply.status == 400 or reply.body == b"1"):
            await asyncio.sleep(60)


@caught_by("EIO-BEAT-009", seen="got '2' for the echo")
class WantsThePongFirst(FrameMutant):
    """Between a ping and its pong messages are lost."""

    def __init__(self) -> None:
        self.pinged = False

    def outward(self, packet: Packet) -> list[Packet]:
        self.pinged = self.pinged or packet == "2"
        return [packet]

    def inward(self, packet: Packet) -> list[Packet]:
        if packet == "3":
            self.pinged = False
        return [] if self.pinged else [packet]


# --- the upgrade


@caught_by("EIO-UPG-024", seen=STILL_OPEN)
class KeepsCandidates(FrameMutant):
    """A candidate that never upgrades stays."""

    keeps_open = True


@caught_by("EIO-UPG-025", seen=NOTHING_CAME)
class StumblesOverHaste(FrameMutant):
    """`5` before `3probe` was sent leaves the session between its transports."""

    def __init__(self) -> None:
        self.probed = self.stuck = False

    def outward(self, packet: Packet) -> list[Packet]:
        self.probed = self.probed or packet == "3probe"
        return [packet]

    def inward(self, packet: Packet) -> list[Packet]:
        self.stuck = self.stuck or (packet == "5" and not self.probed)
        return [] if self.stuck else [packet]


# --- frames


@caught_by("EIO-WS-014", "EIO-WS-016", seen="got 4he, expected 4hello")
class TakesTheFirstFragment(FrameMutant):
    """The first fragment is the message."""

    def incoming_frame(self, fin: bool, opcode: int, payload: bytes) -> list[bytes] | None:
        if opcode == CONTINUATION:
            return []
        return None if fin else [frame(opcode, payload)]


@caught_by("EIO-FRAME-017", seen="ended with code 1007")
class ReadsTextByTheFragment(FrameMutant):
    """Each fragment must be UTF-8."""

    def incoming_frame(self, fin: bool, opcode: int, payload: bytes) -> list[bytes] | None:
        try:
            payload.decode()
        except UnicodeError:
            return [frame(opcode, payload)]
        return None


@caught_by("EIO-WS-016", seen="ended with code 1002")
class MindsControlFramesBetween(FrameMutant):
    """A control frame between fragments ends the message."""

    def __init__(self) -> None:
        self.within = False

    def incoming_frame(self, fin: bool, opcode: int, payload: bytes) -> list[bytes] | None:
        broken = self.within and opcode == PING
        self.within = not fin
        return [frame(TEXT, payload)] if broken else None


@caught_by("EIO-WS-015", "EIO-WS-016", "EIO-FRAME-027", seen=r"pong")
class AnswersNoPingFrames(FrameMutant):
    """Ping frames are not answered."""

    def incoming_frame(self, fin: bool, opcode: int, payload: bytes) -> list[bytes] | None:
        return [] if opcode == PING else None


@caught_by("EIO-WS-015", "EIO-WS-016", seen="pong frames")
class AnswersPingFramesEmptily(FrameMutant):
    """A pong frame has no payload."""

    def outgoing_pong(self, payload: bytes) -> bytes:
        return b""


@caught_by("EIO-WS-017", seen=NOTHING_CAME)
class ReadsFramesOnce(FrameMutant):
    """A frame must arrive in one segment."""

    def __init__(self) -> None:
        self.lost = False

    def segment(self, data: bytes) -> bytes:
        # No client frame is shorter than six bytes.
        self.lost = self.lost or len(data) < 6
        return b"" if self.lost else data


@caught_by("EIO-FRAME-029", seen=NOTHING_CAME)
class MissesLongForms(FrameMutant):
    """A frame whose length is written longer than it need be is lost."""

    def segment(self, data: bytes) -> bytes:
        long_form = data[1] & 0x7F == 126 and int.from_bytes(data[2:4], "big") < 126
        return b"" if long_form else data


@caught_by("EIO-FRAME-020", seen="got 4late")
class PassesOverCloseFrames(FrameMutant):
    """A close frame is passed over, and messages behind it are delivered."""

    def incoming_frame(self, fin: bool, opcode: int, payload: bytes) -> list[bytes] | None:
        return [] if opcode == CLOSE else None


@caught_by("EIO-FRAME-021", seen="no end of the connection")
class LingersAfterTheCloseFrame(FrameMutant):
    """The connection stays open behind the close frames."""

    lingers = True
