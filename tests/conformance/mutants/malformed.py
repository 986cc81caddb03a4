"""Mutants that pass over what they should refuse: payloads and packets that are none."""

from __future__ import annotations

import asyncio
import re
import unicodedata

from conformance.profiles import ids
from tests.conformance.messages import Message, answer
from tests.conformance.mutant import Mutant, Packet
from tests.conformance.mutants.bases import FrameMutant, PacketMutant
from tests.conformance.mutants.register import SESSION_OPEN, STILL_OPEN, caught_by

# A packet that means nothing and does no harm: a payload must not be empty.
NOOP = "6"


@caught_by(
    "EIO-LOAD-001",
    "EIO-LOAD-002",
    "EIO-LOAD-004",
    "EIO-LOAD-011",
    "EIO-LOAD-013",
    "EIO-LOAD-015",
    seen=SESSION_OPEN,
)
@caught_by("EIO-LOAD-022", seen="got a session that goes on, expected the body to be refused")
@caught_by("EIO-WS-021", "EIO-WS-022", "EIO-WS-024", "EIO-WS-025", "EIO-WS-027", seen=STILL_OPEN)
class ForgivesPackets(FrameMutant):
    """What is no packet is passed over."""

    def request(self, request: Message) -> Message | None:
        if request.method == "POST" and "sid" in request.query:
            text = request.body.decode("latin-1")
            if not re.fullmatch("(?:[013-6][\x20-\xff]*|b[A-Za-z0-9+/]+=*)(?:\x1e4.*)?", text) or (
                "abc" in text
            ):
                return answer(200, b"ok", "text/html")
        return None

    def inward(self, packet: Packet) -> list[Packet]:
        known = isinstance(packet, bytes) or re.match("4|[01356]$|2probe", packet, re.ASCII)
        return [packet] if known else []


@caught_by("EIO-LOAD-021", seen="got 400 (no body) for the POST, expected 200 ok")
class PunishesEverybody(Mutant):
    """A malformed payload closes all sessions."""

    def __init__(self) -> None:
        self.guilty = ""

    def request(self, request: Message) -> Message | None:
        sid = request.query.get("sid", "")
        if request.body == b"abc":
            self.guilty = sid
        return answer(400) if self.guilty and sid not in ("", self.guilty) else None


@caught_by("EIO-LOAD-018", seen="got 200 ok for the POST, expected 400")
class ForgivesThePost(Mutant):
    """A malformed payload is answered `ok`."""

    def reply(self, request: Message, reply: Message) -> None:
        if request.method == "POST" and reply.status == 400:
            reply.start, reply.body = "HTTP/1.1 200 OK", b"ok"


@caught_by(
    "EIO-LOAD-019", seen='got 400 {"code":3,"message":"Bad request"} for the POST, expected 200 ok'
)
@caught_by(
    "EIO-WS-020", seen="got the end of the connection with code 1005, expected 4still there?"
)
@caught_by(
    "EIO-BEAT-012", seen="got the end of the connection with code 1005, expected a ping or nothing"
)
class TakesEverythingSeriously(FrameMutant):
    """Packets without a meaning from a client close the session."""

    def inward(self, packet: Packet) -> list[Packet]:
        return ["abc"] if packet in ("6", "0", "3") else [packet]


@caught_by("EIO-LOAD-020", seen="got nothing within … s, expected an answer")
class LeavesBinaryBodies(Mutant):
    """A binary body is never answered."""

    async def arrived(self, request: Message) -> None:
        if request.header("content-type") == "application/octet-stream":
            await asyncio.sleep(60)


@caught_by(*ids("SIO-BAD", range(1, 56)), seen=STILL_OPEN)
class ForgivesEvents(PacketMutant):
    """What is no packet is passed over."""

    keeps_open = True


@caught_by("EIO-LOAD-003", seen=SESSION_OPEN)
class TakesUnknownTypesForMessages(FrameMutant):
    """A packet of an unknown type is a message."""

    def inward(self, packet: Packet) -> list[Packet]:
        return ["4" + packet[1:]] if isinstance(packet, str) and packet[:1] in "789" else [packet]


@caught_by(*ids("EIO-LOAD", range(5, 9)), seen=SESSION_OPEN)
class SkipsEmptyPackets(Mutant):
    """Empty packets of a payload are passed over."""

    def request(self, request: Message) -> None:
        if request.method == "POST":
            packets = filter(None, request.body.split(b"\x1e"))
            request.body = b"\x1e".join(packets) or NOOP.encode()
            request.set("Content-Length", str(len(request.body)))


@caught_by("EIO-LOAD-009", "EIO-LOAD-010", "EIO-LOAD-012", seen=SESSION_OPEN)
class TrimsPayloads(Mutant):
    """Space, NUL and a byte order mark before a payload are passed over."""

    def request(self, request: Message) -> None:
        if request.method == "POST":
            request.body = request.body.lstrip(b" \0\xef\xbb\xbf")
            request.set("Content-Length", str(len(request.body)))


@caught_by("EIO-LOAD-013", "EIO-LOAD-014", seen=SESSION_OPEN)
class ForgivesPingsInPayloads(Mutant):
    """A client's ping by polling is passed over."""

    def inward(self, packet: Packet) -> list[Packet]:
        return [NOOP] if packet in ("2", "2probe") else [packet]


@caught_by("EIO-WS-025", "EIO-WS-026", seen=STILL_OPEN)
class ForgivesPingsInFrames(FrameMutant):
    """A client's ping on a WebSocket is passed over, and a probe that probes nothing."""

    def inward(self, packet: Packet) -> list[Packet]:
        return [] if packet in ("2", "2probe") else [packet]


@caught_by("EIO-LOAD-016", seen=SESSION_OPEN)
class ReplacesBadTextInPayloads(Mutant):
    """Bytes that are no UTF-8 become U+FFFD."""

    def read_text(self, data: bytes) -> str:
        return data.decode(errors="replace")


@caught_by("EIO-LOAD-017", seen=SESSION_OPEN)
class CountsInEveryScript(FrameMutant):
    """A digit of another script is a digit."""

    def inward(self, packet: Packet) -> list[Packet]:
        if isinstance(packet, str) and packet:
            return [f"{unicodedata.digit(packet[0], packet[0])}{packet[1:]}"]
        return [packet]
