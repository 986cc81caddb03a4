"""What several mutants build on."""

from __future__ import annotations

import json
import re

from tests.conformance.messages import Message
from tests.conformance.mutant import Mutant, Packet


def is_handshake(request: Message) -> bool:
    return "sid" not in request.query and request.method in ("GET", "POST", "PUT")


def is_poll(request: Message) -> bool:
    return request.method == "GET" and "sid" in request.query and not request.upgrades


def edit_handshake(packet: Packet, **changes: object) -> Packet:
    """Change fields of an open packet; other packets stay."""
    if isinstance(packet, str) and packet.startswith("0{"):
        return "0" + json.dumps(json.loads(packet[1:]) | changes, separators=(",", ":"))
    return packet


class FrameMutant(Mutant):
    """A mutant that hooks packets on both transports."""

    frames = True


class PacketMutant(FrameMutant):
    """A mutant of Socket.IO packets: `(pattern, replacement)` pairs for what goes out."""

    out: tuple[tuple[str, str], ...] = ()
    into: tuple[tuple[str, str], ...] = ()

    def outward(self, packet: Packet) -> list[Packet]:
        return [self.rewrite(packet, self.out)]

    def inward(self, packet: Packet) -> list[Packet]:
        return [self.rewrite(packet, self.into)]

    def rewrite(self, packet: Packet, rules: tuple[tuple[str, str], ...]) -> Packet:
        if isinstance(packet, str) and packet.startswith("4"):
            for pattern, replacement in rules:
                packet = re.sub(pattern, replacement, packet, flags=re.DOTALL)
        return packet
