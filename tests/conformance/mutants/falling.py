"""Mutants that do not survive: they serve well until one client does the one thing that they cannot
bear, and then they serve nobody.
"""

from __future__ import annotations

import asyncio
import re

from conformance.frames import PING
from tests.conformance.messages import Gone, Incoming, Message, answer
from tests.conformance.mutant import Packet
from tests.conformance.mutants.bases import FrameMutant, is_handshake
from tests.conformance.mutants.register import NOT_SERVED, caught_by


class FallingMutant(FrameMutant):
    """Serves until `fallen` is set."""

    fallen = False

    async def opened(self, client: Incoming) -> None:
        if self.fallen:
            raise Gone
        await super().opened(client)

    def inward(self, packet: Packet) -> list[Packet]:
        self.fallen = self.fallen or self.falls(packet)
        if self.fallen:
            raise Gone
        return [packet]

    def falls(self, packet: Packet) -> bool:
        """Whether a client's packet is too much."""
        return False


@caught_by("SIO-HARD-012", seen=NOT_SERVED)
class FallsOverVeryDeepJson(FallingMutant):
    """A parser recurses until the stack is full."""

    def falls(self, packet: Packet) -> bool:
        return isinstance(packet, str) and "[" * 10_000 in packet


@caught_by("SIO-HARD-002", seen=NOT_SERVED)
class FallsOverDeepJson(FallingMutant):
    """An encoder recurses until the stack is full."""

    def falls(self, packet: Packet) -> bool:
        return isinstance(packet, str) and "[" * 1_000 in packet


@caught_by("SIO-HARD-003", seen=NOT_SERVED)
class FallsOverWideJson(FallingMutant):
    """Many values at once are too much."""

    def falls(self, packet: Packet) -> bool:
        return isinstance(packet, str) and packet.count("[]") > 50_000


@caught_by("SIO-HARD-004", seen=NOT_SERVED)
class FallsOverHugeNumbers(FallingMutant):
    """A number that does not fit ends the process."""

    def falls(self, packet: Packet) -> bool:
        return isinstance(packet, str) and re.search(r",\d{400}", packet) is not None


@caught_by("SIO-HARD-004", seen=NOT_SERVED)
class FallsOverInfinity(FallingMutant):
    """A number that is read as infinity ends the process."""

    def falls(self, packet: Packet) -> bool:
        return isinstance(packet, str) and "1e999" in packet


@caught_by("SIO-ACK-013", seen=NOT_SERVED)
class FallsOverLongIds(FallingMutant):
    """The id of an acknowledgement is converted whatever its length."""

    def falls(self, packet: Packet) -> bool:
        return isinstance(packet, str) and re.match(r"42\d{4300}", packet) is not None


@caught_by("SIO-HARD-005", seen=NOT_SERVED)
class FallsOverLongNames(FallingMutant):
    """The name of an event has a buffer of fixed size."""

    def falls(self, packet: Packet) -> bool:
        return isinstance(packet, str) and re.match(r'42\["[^"]{65536}', packet) is not None


@caught_by("SIO-CONN-036", seen=NOT_SERVED)
class FallsOverLongNamespaces(FallingMutant):
    """The name of a namespace has a buffer of fixed size."""

    def falls(self, packet: Packet) -> bool:
        return isinstance(packet, str) and re.match(r"40/[^,]{65536}", packet) is not None


class CountingMutant(FallingMutant):
    """Falls when packets like `pattern` are more than it can bear."""

    pattern = ""
    most = 0
    count = 0

    def falls(self, packet: Packet) -> bool:
        self.count += isinstance(packet, str) and re.fullmatch(self.pattern, packet) is not None
        return self.count > self.most


@caught_by("SIO-HARD-007", seen=NOT_SERVED)
class FallsOverFloods(CountingMutant):
    """Answers that nobody reads fill the memory."""

    pattern = r'42\["message","flood"\]'
    most = 1_500


@caught_by("SIO-HARD-008", seen=NOT_SERVED)
class FallsOverComingAndGoing(CountingMutant):
    """A namespace keeps something of each client that leaves it."""

    pattern = "41/custom,"
    most = 150


@caught_by("SIO-HARD-006", seen=NOT_SERVED)
class FallsOverMissingAttachments(CountingMutant):
    """Packets that wait for their attachments have ten places."""

    pattern = "451-.*"
    most = 9


@caught_by("SIO-HARD-011", seen=NOT_SERVED)
class FallsOverManyPackets(CountingMutant):
    """The packets of a payload are handled one inside the other."""

    pattern = "4"
    most = 10_000


@caught_by("SIO-HARD-009", seen=NOT_SERVED)
class FallsOverPlaceholders(FallingMutant):
    """Each placeholder is searched for in all others."""

    def falls(self, packet: Packet) -> bool:
        return isinstance(packet, str) and packet.count('"_placeholder"') > 5_000


@caught_by("EIO-FRAME-027", seen=NOT_SERVED)
class FallsOverPingFrames(FallingMutant):
    """Pong frames that nobody reads fill the memory."""

    pings = 0

    def incoming_frame(self, fin: bool, opcode: int, payload: bytes) -> list[bytes] | None:
        self.pings += opcode == PING
        self.fallen = self.fallen or self.pings > 900
        if self.fallen:
            raise Gone
        return None


@caught_by(
    "EIO-CLOSE-009", "SIO-HARD-010", seen="got the end of the connection…, expected an answer"
)
@caught_by("EIO-HTTP-035", seen=NOT_SERVED)
class FallsOverResets(FallingMutant):
    """A connection that is reset ends the process."""

    async def ended(self, client: Incoming) -> None:
        self.fallen = self.fallen or client.reset


@caught_by("EIO-HTTP-036", seen="got nothing within … s, expected another client to be served")
class ReadsOneRequestAtATime(FallingMutant):
    """Who has sent half a request is waited for."""

    def __init__(self) -> None:
        self.reading = asyncio.Lock()

    async def opened(self, client: Incoming) -> None:
        async with self.reading:
            while b"\r\n\r\n" not in client.buffer:
                await client.fill()


@caught_by("EIO-HTTP-037", seen="got 503 (no body) for a handshake, expected 200")
class HasAHundredSessions(FallingMutant):
    """There are places for a hundred sessions."""

    sessions = 0

    def request(self, request: Message) -> Message | None:
        self.sessions += is_handshake(request)
        return answer(503) if self.sessions > 100 else None


@caught_by("EIO-HTTP-038", seen="got nothing within … s, expected the connection to be closed")
class WaitsForTheRest(FallingMutant):
    """The end of the client's side is not noticed."""

    async def ended(self, client: Incoming) -> None:
        await asyncio.sleep(60)


@caught_by(
    "SIO-HARD-001",
    seen=r'got Traceback (most recent call last):\n  File "/srv/app.py", line 1, '
    "expected no detail of the server",
)
class TellsTracebacks(FallingMutant):
    """A refusal has a traceback."""

    def reply(self, request: Message, reply: Message) -> None:
        if reply.status == 400:
            reply.body = b'Traceback (most recent call last):\n  File "/srv/app.py", line 1'
