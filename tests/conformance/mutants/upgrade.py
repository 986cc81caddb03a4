"""Mutants that lose their way between the two transports."""

from __future__ import annotations

import asyncio

from tests.conformance.messages import Message, answer
from tests.conformance.mutant import Mutant, Packet
from tests.conformance.mutants.bases import FrameMutant, is_poll
from tests.conformance.mutants.register import STILL_OPEN, caught_by


@caught_by("EIO-UPG-001", "EIO-UPG-006", seen="got 3, expected 3probe")
class PongsWithoutProbe(FrameMutant):
    """`2probe` is answered `3`."""

    def outward(self, packet: Packet) -> list[Packet]:
        return ["3"] if packet == "3probe" else [packet]


@caught_by("EIO-UPG-011", "EIO-UPG-012", seen="got 3probe, expected the WebSocket to be closed")
class AcceptsEveryProbe(FrameMutant):
    """What a candidate sends first is a probe."""

    def inward(self, packet: Packet) -> list[Packet]:
        return ["2probe"] if packet in ("2wrong", "4hello") else [packet]


@caught_by("EIO-UPG-006", "EIO-UPG-017", seen="got nothing within … s, expected 4hello")
@caught_by("EIO-UPG-008", seen="got nothing within … s, expected 4two")
@caught_by(
    "SIO-CONN-018", seen='got nothing within … s, expected 42["message-back","still there?"]'
)
class LosesWhatFollowsTheUpgrade(FrameMutant):
    """The packet behind `5` is lost."""

    def __init__(self) -> None:
        self.upgraded = False

    def inward(self, packet: Packet) -> list[Packet]:
        lost, self.upgraded = self.upgraded, packet == "5"
        return [] if lost else [packet]


@caught_by("EIO-UPG-007", seen="got nothing within … s, expected 4one")
@caught_by("EIO-UPG-009", seen="got nothing within … s, expected 4…")
@caught_by(
    "SIO-BIN-018",
    seen='got nothing within … s, expected 451-["message-back",{"_placeholder":true,"num":0}]',
)
class LosesWhatWaits(FrameMutant):
    """What waits for a poll or comes after a probe is lost."""

    def __init__(self) -> None:
        self.probed = False

    def inward(self, packet: Packet) -> list[Packet]:
        self.probed = self.probed or packet == "2probe"
        return [packet]

    def outward(self, packet: Packet) -> list[Packet]:
        kept = packet in ("3probe", "6", "2") or packet[:2] == "0{"
        # A payload must not be empty, and `6` means nothing.
        return [packet] if kept or not self.probed else ["6"]


@caught_by("EIO-UPG-013", seen="got 4hello, expected the WebSocket to be closed")
class TalksToCandidates(FrameMutant):
    """A message of a candidate before `5` counts."""

    def __init__(self) -> None:
        self.probed = False

    def outward(self, packet: Packet) -> list[Packet]:
        self.probed = packet == "3probe"
        return [packet]

    def inward(self, packet: Packet) -> list[Packet]:
        return ["5", packet] if self.probed and packet == "4hello" else [packet]


@caught_by("EIO-UPG-014", seen="got 3probe, expected the WebSocket to be closed")
class SkipsTheProbe(FrameMutant):
    """`5` needs no probe."""

    def __init__(self) -> None:
        self.probed = False

    def inward(self, packet: Packet) -> list[Packet]:
        if packet == "2probe":
            self.probed = True
        return ["2probe", "5"] if packet == "5" and not self.probed else [packet]


@caught_by("EIO-UPG-015", "EIO-UPG-016", seen="got 400 (no body) for the POST, expected 200 ok")
class LosesTheSessionWithTheCandidate(Mutant):
    """A session ends with a candidate for it."""

    def __init__(self) -> None:
        self.lost: set[str] = set()

    def request(self, request: Message) -> Message | None:
        sid = request.query.get("sid", "")
        if request.upgrades:
            self.lost.add(sid)
        return answer(400) if sid in self.lost and not request.upgrades else None


@caught_by(
    "EIO-UPG-001",
    "SIO-ENGINE-008",
    seen="got nothing within … s, expected the GET after 3probe to be answered",
)
@caught_by(
    "EIO-UPG-004",
    "EIO-UPG-020",
    seen="got nothing within … s, expected the waiting GET to be answered",
)
@caught_by("EIO-UPG-005", seen="got nothing within … s, expected a GET after 3probe to be answered")
class KeepsThePollAtTheUpgrade(Mutant):
    """The poll that waits when an upgrade begins is never answered."""

    async def answered(self, request: Message, reply: Message) -> None:
        if is_poll(request) and reply.body == b"6":
            await asyncio.sleep(60)


@caught_by("EIO-UPG-024", seen=STILL_OPEN)
class KeepsCandidates(FrameMutant):
    """A candidate that never upgrades stays."""

    keeps_open = True


@caught_by("EIO-UPG-025", seen="got nothing within … s, expected 4still there?")
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
