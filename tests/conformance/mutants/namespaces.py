"""Mutants that mix namespaces or clients, or keep who leaves."""

from __future__ import annotations

from collections.abc import Callable

from tests.conformance.mutant import Packet
from tests.conformance.mutants.bases import PacketMutant
from tests.conformance.mutants.register import STILL_OPEN, caught_by


@caught_by(
    "SIO-CONN-003", "SIO-CONN-011", "SIO-NSP-002", seen='got 40{…}, expected 40/custom,{"sid":…}'
)
class AnswersInTheMainNamespace(PacketMutant):
    """The namespace is missing in answers."""

    out = ((r"^(4[024])/custom,", r"\1"),)


@caught_by("SIO-NSP-001", seen="got '41' for the next packet, expected '2'")
@caught_by(
    "SIO-NSP-002", seen='got 41/custom,, expected 42["message-back","message to main namespace"]'
)
@caught_by("SIO-NSP-013", seen='got 41, expected 40{"sid":…}')
class ConfirmsTheEnd(PacketMutant):
    """DISCONNECT is answered."""

    left = False

    def inward(self, packet: Packet) -> list[Packet]:
        if isinstance(packet, str) and packet.startswith("41"):
            # The answer to this CONNECT becomes the one to DISCONNECT.
            self.left = True
            return [packet, "40" + packet[2:]]
        return [packet]

    def outward(self, packet: Packet) -> list[Packet]:
        if self.left and isinstance(packet, str) and packet.startswith("40"):
            self.left = False
            return ["41" + packet[2:].partition("{")[0]]
        return [packet]


@caught_by(
    "SIO-NSP-004",
    "SIO-NSP-015",
    seen='got the end of the connection with code 1005, expected 40/custom,{"sid":…}',
)
@caught_by("SIO-NSP-005", seen='got the end of the connection with code 1005, expected 40{"sid":…}')
@caught_by("SIO-NSP-008", seen='got 42["message-back","x"], expected no answer to the event')
class CannotLeave(PacketMutant):
    """DISCONNECT is passed over."""

    into = ((r"^41.*", '42["nothing"]'),)


@caught_by("SIO-NSP-007", seen='got 42["message-back","x"], expected 42["message-back","y"]')
@caught_by("SIO-NSP-009", seen='got 42["message-back","x"], expected the WebSocket to be closed')
@caught_by(
    "SIO-BIN-016",
    seen='got 451-["message-back",{"_placeholder":true,"num":0}], '
    'expected 42["message-back","still there?"]',
)
class HasOneNamespace(PacketMutant):
    """Events reach the handlers of the main namespace, wherever they go to."""

    into = ((r"^(42|451-)/custom,", r"\1"),)


@caught_by("SIO-NSP-009", "SIO-NSP-010", seen=STILL_OPEN)
class ForgivesStrangers(PacketMutant):
    """Packets for a namespace that is not joined are passed over."""

    into = ((r"^4[12]/custom,.*", '42["nothing"]'),)


@caught_by(
    "SIO-NSP-011",
    seen='got the end of the connection with code 1005, expected 42["message-back","x"]',
)
class WantsNoName(PacketMutant):
    """`/` may not be written out."""

    into = ((r"^42/,.*", "42{}"),)


@caught_by("SIO-NSP-012", seen='got nothing within … s, expected 42["message-back","still there?"]')
class DisconnectsEverybody(PacketMutant):
    """A DISCONNECT takes all clients out of the namespace."""

    over = False

    def inward(self, packet: Packet) -> list[Packet]:
        self.over = self.over or packet == "41"
        return [] if self.over and packet[:2] == "42" else [packet]


@caught_by(
    "SIO-NSP-014",
    seen="got '42[\"message-back\",\"x\"]' for what the other connection got, expected '2'",
)
class AnswersEverybody(PacketMutant):
    """An answer to one client is sent to all."""

    def __init__(self) -> None:
        self.clients: list[Callable[[Packet], None]] = []

    def websocket_opened(self, send: Callable[[Packet], None]) -> None:
        self.clients.append(send)

    def outward(self, packet: Packet) -> list[Packet]:
        if packet[:4] != '42["' or packet[:8] == '42["auth':
            return [packet]
        for send in self.clients:
            send(packet)
        return []
