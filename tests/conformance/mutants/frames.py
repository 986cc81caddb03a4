"""Mutants that read frames, their fragments and control frames otherwise than RFC 6455 has it."""

from __future__ import annotations

from conformance.frames import CLOSE, CONTINUATION, PING, TEXT, frame
from tests.conformance.mutants.bases import FrameMutant
from tests.conformance.mutants.register import caught_by


@caught_by("EIO-FRAME-010", seen="got 4�, expected the WebSocket to be closed")
@caught_by("EIO-FRAME-011", seen="got 4���, expected the WebSocket to be closed")
@caught_by("EIO-FRAME-012", seen="got 4��, expected the WebSocket to be closed")
class ReplacesBadTextInFrames(FrameMutant):
    """Bytes that are no UTF-8 become U+FFFD on a WebSocket."""

    def read_text(self, data: bytes) -> str:
        return data.decode(errors="replace")


@caught_by("EIO-WS-014", "EIO-WS-016", seen="got 4he, expected 4hello")
class TakesTheFirstFragment(FrameMutant):
    """The first fragment is the message."""

    def incoming_frame(self, fin: bool, opcode: int, payload: bytes) -> list[bytes] | None:
        if opcode == CONTINUATION:
            return []
        return None if fin else [frame(opcode, payload)]


@caught_by("EIO-FRAME-017", seen="got the end of the connection with code 1007 (…), expected 4€")
class ReadsTextByTheFragment(FrameMutant):
    """Each fragment must be UTF-8."""

    def incoming_frame(self, fin: bool, opcode: int, payload: bytes) -> list[bytes] | None:
        try:
            payload.decode()
        except UnicodeError:
            return [frame(opcode, payload)]
        return None


@caught_by("EIO-WS-016", seen="got the end of the connection with code 1002 (…), expected 4hello")
class MindsControlFramesBetween(FrameMutant):
    """A control frame between fragments ends the message."""

    def __init__(self) -> None:
        self.within = False

    def incoming_frame(self, fin: bool, opcode: int, payload: bytes) -> list[bytes] | None:
        broken = self.within and opcode == PING
        self.within = not fin
        return [frame(TEXT, payload)] if broken else None


@caught_by("EIO-WS-015", seen="got [] for the pong frames, expected [b'are you there']")
@caught_by("EIO-WS-016", seen="got [] for the pong frames, expected [b'x']")
@caught_by("EIO-FRAME-027", seen="got no pong at all, expected at least one pong (section 5.5.3)")
class AnswersNoPingFrames(FrameMutant):
    """Ping frames are not answered."""

    def incoming_frame(self, fin: bool, opcode: int, payload: bytes) -> list[bytes] | None:
        return [] if opcode == PING else None


@caught_by("EIO-WS-015", seen="got [b''] for the pong frames, expected [b'are you there']")
@caught_by("EIO-WS-016", seen="got [b''] for the pong frames, expected [b'x']")
class AnswersPingFramesEmptily(FrameMutant):
    """A pong frame has no payload."""

    def outgoing_pong(self, payload: bytes) -> bytes:
        return b""


@caught_by("EIO-WS-017", seen="got nothing within … s, expected 4x…")
class ReadsFramesOnce(FrameMutant):
    """A frame must arrive in one segment."""

    def __init__(self) -> None:
        self.lost = False

    def segment(self, data: bytes) -> bytes:
        # No client frame is shorter than six bytes.
        self.lost = self.lost or len(data) < 6
        return b"" if self.lost else data


@caught_by("EIO-FRAME-029", seen="got nothing within … s, expected 4hello")
class MissesLongForms(FrameMutant):
    """A frame whose length is written longer than it need be is lost."""

    def segment(self, data: bytes) -> bytes:
        long_form = data[1] & 0x7F == 126 and int.from_bytes(data[2:4], "big") < 126
        return b"" if long_form else data


@caught_by("EIO-FRAME-020", seen="got 4late, expected the WebSocket to be closed")
class PassesOverCloseFrames(FrameMutant):
    """A close frame is passed over, and messages behind it are delivered."""

    def incoming_frame(self, fin: bool, opcode: int, payload: bytes) -> list[bytes] | None:
        return [] if opcode == CLOSE else None


@caught_by("EIO-FRAME-021", seen="got nothing within … s, expected the connection to be closed")
class LingersAfterTheCloseFrame(FrameMutant):
    """The connection stays open behind the close frames."""

    lingers = True
