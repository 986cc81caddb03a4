"""Mutants that lose, swap or refuse attachments."""

from __future__ import annotations

import re

from conformance.profiles import ids
from tests.conformance.mutant import Packet
from tests.conformance.mutants.bases import PacketMutant
from tests.conformance.mutants.register import STILL_OPEN, caught_by


@caught_by(
    "SIO-BIN-001",
    "SIO-BIN-002",
    "SIO-BIN-004",
    "SIO-BIN-011",
    seen="got <04 05 06> (3 bytes), expected <01 02 03> (3 bytes)",
)
@caught_by(
    "SIO-BIN-009", seen="got <0a 0a 0a 0a 0a 0a 0a 0a 0a 0a> (10 bytes), expected <01> (1 bytes)"
)
class SwapsAttachments(PacketMutant):
    """The last attachment comes first."""

    def __init__(self) -> None:
        self.count = 0
        self.held: list[Packet] = []

    def outward(self, packet: Packet) -> list[Packet]:
        if isinstance(packet, str):
            found = re.match(r"4[56](\d+)-", packet)
            if found:
                self.count = int(found[1])
            return [packet]
        self.held.append(packet)
        if len(self.held) < self.count:
            return []
        held, self.held = self.held, []
        return list(reversed(held))


@caught_by(
    "SIO-BIN-005", "SIO-BIN-007", seen="got <01 02 03> (3 bytes), expected <04 05 06> (3 bytes)"
)
class IgnoresNum(PacketMutant):
    """Attachments are placed in the order of the placeholders."""

    def inward(self, packet: Packet) -> list[Packet]:
        if isinstance(packet, str) and packet[:2] == "45":
            numbers = iter(range(100))
            packet = re.sub(r'"num":\d+', lambda _: f'"num":{next(numbers)}', packet)
        return [packet]


@caught_by(
    "SIO-BIN-006",
    seen="got the end of the connection with code 1005, "
    'expected 452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,'
    '"num":1}]',
)
@caught_by(
    "SIO-BIN-009",
    seen="got the end of the connection with code 1005, "
    'expected 4510-["message-back",{"_placeholder":true,"num":0},…',
)
@caught_by(
    "SIO-BIN-012",
    seen="got 1, "
    'expected 452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,'
    '"num":1}]',
)
class AllowsTwoAttachments(PacketMutant):
    """Packets with more attachments, and an attachment used twice, are refused."""

    def inward(self, packet: Packet) -> list[Packet]:
        if isinstance(packet, str) and (
            re.match(r"45(?:10|2)-", packet) or packet.count('"num":0') > 1
        ):
            return ["4abc"]
        return [packet]


@caught_by(
    "SIO-BIN-014",
    seen="got the end of the connection with code 1005, "
    'expected 452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,'
    '"num":1}]',
)
class LosesItsPlace(PacketMutant):
    """Whatever comes between attachments breaks the packet."""

    def inward(self, packet: Packet) -> list[Packet]:
        return ['42["message"]' if packet == "3" else packet]


@caught_by(
    "SIO-BIN-015", "SIO-BIN-017", seen="got <01 02 03> (3 bytes), expected <04 05 06> (3 bytes)"
)
class KeepsAttachments(PacketMutant):
    """The attachments of a packet are used again for the next."""

    first: Packet | None = None

    def inward(self, packet: Packet) -> list[Packet]:
        if isinstance(packet, str):
            return [packet]
        self.first = self.first or packet
        return [self.first]


@caught_by("SIO-BIN-020", "SIO-BIN-021", *ids("SIO-BIN", range(23, 30)), seen=STILL_OPEN)
class ForgivesAttachments(PacketMutant):
    """Attachments that do not fit are dropped."""

    keeps_open = True
