"""Mutants that acknowledge the wrong event, twice, or elsewhere."""

from __future__ import annotations

import re

from tests.conformance.mutant import Packet
from tests.conformance.mutants.bases import PacketMutant
from tests.conformance.mutants.register import caught_by


@caught_by(
    "SIO-ACK-001", seen='got 43457[1,"2",{"3":[false]}], expected 43456[1,"2",{"3":[false]}]'
)
@caught_by("SIO-ACK-002", seen='got 431["x"], expected 430["x"]')
@caught_by("SIO-ACK-006", seen='got 438["a"], expected 437["a"]')
@caught_by("SIO-ACK-009", seen='got 4313["x"], expected 4312["x"]')
@caught_by(
    "SIO-BIN-002",
    seen='got 462-790[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}], '
    'expected 462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
)
class CountsAcknowledgementsFromOne(PacketMutant):
    """The id of an acknowledgement is off by one."""

    def outward(self, packet: Packet) -> list[Packet]:
        if isinstance(packet, str):
            packet = re.sub(
                r"^(43|46\d-)(\d+)", lambda found: f"{found[1]}{int(found[2]) + 1}", packet
            )
        return [packet]


@caught_by("SIO-ACK-002", seen='got nothing within … s, expected 430["x"]')
class TakesZeroForNone(PacketMutant):
    """The id 0 counts as no id."""

    into = ((r"^420\[", "42["),)


@caught_by("SIO-ACK-008", seen='got 43007["x"], expected 437["x"]')
class KeepsZeros(PacketMutant):
    """An id is a text."""

    out = ((r"^437\[", "43007["),)


@caught_by("SIO-ACK-011", seen='got 430[], expected 431["y"]')
class AcknowledgesEverything(PacketMutant):
    """Events without an id are acknowledged."""

    into = ((r'^42\["message"', '420["message"'),)


@caught_by(
    "SIO-ACK-012",
    seen='got the end of the connection with code 1005, expected 42["message-back","still there?"]',
)
class MindsUnknownAcknowledgements(PacketMutant):
    """An acknowledgement that nobody waits for closes the connection."""

    into = ((r"^43999.*", "4abc"),)


@caught_by("SIO-ACK-014", seen='got 43/custom,1["x"], expected 431["x"]')
class AcknowledgesElsewhere(PacketMutant):
    """Acknowledgements go to the namespace that was joined last."""

    def __init__(self) -> None:
        self.custom = False

    def outward(self, packet: Packet) -> list[Packet]:
        self.custom = self.custom or packet[:10] == "40/custom,"
        if self.custom and isinstance(packet, str):
            packet = re.sub("^43", "43/custom,", packet)
        return [packet]
