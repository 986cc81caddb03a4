"""Mutants that ping, or count pongs, wrongly."""

from __future__ import annotations

import asyncio

from tests.conformance.messages import Message
from tests.conformance.mutant import Mutant, Packet
from tests.conformance.mutants.bases import FrameMutant, is_poll
from tests.conformance.mutants.register import caught_by


@caught_by(
    "EIO-UPG-021",
    seen="got the end of the connection with code 1005, expected a ping after the upgrade",
)
@caught_by(
    "EIO-BEAT-002",
    "EIO-BEAT-005",
    "EIO-BEAT-006",
    "SIO-ENGINE-012",
    "SIO-NSP-001",
    seen="got the end of the connection with code 1005, expected a ping",
)
@caught_by(
    "EIO-BEAT-013", seen="got no ping while the client sent pongs, expected one a pingInterval"
)
class LeavesPingsToTheClient(FrameMutant):
    """The server does not ping."""

    def outward(self, packet: Packet) -> list[Packet]:
        return [] if packet == "2" else [packet]


@caught_by(
    "EIO-BEAT-001",
    "SIO-ENGINE-011",
    seen="got '21700000000' for the body of the poll, expected '2'",
)
@caught_by("EIO-BEAT-002", "SIO-ENGINE-012", seen="got '21700000000' for the packet, expected '2'")
class PingsWithATime(FrameMutant):
    """A ping carries a payload."""

    def outward(self, packet: Packet) -> list[Packet]:
        return ["2" + "1700000000"] if packet == "2" else [packet]


@caught_by(
    "EIO-BEAT-005", seen="got the first ping after … s, expected it after … s (pingInterval)"
)
@caught_by("EIO-BEAT-012", seen="got 2 for the number of pings, expected 1")
class PingsEarly(FrameMutant):
    """The first ping comes with the handshake."""

    def outward(self, packet: Packet) -> list[Packet]:
        return [packet, "2"] if '"upgrades":[]' in str(packet) else [packet]


@caught_by(
    "EIO-BEAT-004",
    "EIO-BEAT-014",
    "SIO-ENGINE-014",
    seen="got a WebSocket that is still open, expected it to be closed without pongs",
)
@caught_by(
    "EIO-CLOSE-002",
    "SIO-ENGINE-016",
    seen="got nothing within … s, expected the WebSocket to be closed",
)
class NeverMissesAPong(FrameMutant):
    """A client that is silent stays."""

    keeps_open = True


@caught_by("EIO-BEAT-007", seen="got an end … s after the ping, expected 0.2 s (pingTimeout)")
class EndsWithThePing(FrameMutant):
    """A client has no time to answer."""

    def outward(self, packet: Packet) -> list[Packet]:
        return ["2", "1"] if packet == "2" else [packet]


@caught_by(
    "EIO-BEAT-008",
    "SIO-NSP-006",
    seen="got the end of the connection with code 1005, expected a ping",
)
@caught_by(
    "EIO-BEAT-015", seen='got 400 {"code":3,"message":"Bad request"} for the POST, expected 200 ok'
)
@caught_by(
    "SIO-CONN-034", seen="got the end of the connection with code 1005, expected a ping or nothing"
)
class MissesPongs(FrameMutant):
    """Pongs are not counted."""

    def inward(self, packet: Packet) -> list[Packet]:
        return [] if packet == "3" else [packet]


@caught_by("EIO-BEAT-010", seen="got '6' for the body of the poll, expected '2'")
class ForgetsPings(Mutant):
    """A ping that finds no poll is lost."""

    def outward(self, packet: Packet) -> list[Packet]:
        return ["6"] if packet == "2" else [packet]


@caught_by("EIO-BEAT-011", seen="got nothing within … s, expected the waiting GET to be answered")
class KeepsTheLastPoll(Mutant):
    """The poll that waits when a session ends is never answered."""

    async def answered(self, request: Message, reply: Message) -> None:
        if is_poll(request) and (reply.status == 400 or reply.body == b"1"):
            await asyncio.sleep(60)


@caught_by("EIO-BEAT-009", seen="got '2' for the echo, expected '4hello'")
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
