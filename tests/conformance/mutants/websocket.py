"""Mutants of what travels on a WebSocket, and of how one is opened."""

from __future__ import annotations

import base64
import json

from tests.conformance.messages import Gone, Message
from tests.conformance.mutant import Mutant, Packet
from tests.conformance.mutants.bases import FrameMutant
from tests.conformance.mutants.register import caught_by


@caught_by("EIO-WS-006", seen="got <01> (1 bytes), expected 4one")
@caught_by("EIO-WS-009", seen=r"got 4message 0\x1e4message 1, expected 4message 0")
@caught_by(
    "SIO-EVENT-025",
    seen=r'got 42["message-back",1]\x1e42["message-back",2], '
    "expected one packet a frame",
)
class JoinsFrames(FrameMutant):
    """Two packets go into one frame."""

    def __init__(self) -> None:
        self.held = ""

    def outward(self, packet: Packet) -> list[Packet]:
        if packet in ("4one", "4message 0", '42["message-back",1]'):
            self.held = f"{packet}\x1e"
            return []
        packet, self.held = (self.held + packet if isinstance(packet, str) else packet), ""
        return [packet]


@caught_by("EIO-WS-007", seen=r"got 4one, expected 4one\x1e4two")
class SplitsFrames(FrameMutant):
    """U+001E separates packets on a WebSocket too."""

    def outward(self, packet: Packet) -> list[Packet]:
        return list(packet.split("\x1e")) if isinstance(packet, str) else [packet]


@caught_by("EIO-WS-003", seen="got bAAECAwQF…, expected <00 01 02 …> (256 bytes)")
@caught_by("EIO-UPG-010", seen="got bAQIDBA==, expected <01 02 03 04> (4 bytes)")
@caught_by("SIO-BIN-003", seen="got bAQID, expected <01 02 03> (3 bytes)")
class WritesBase64OnWebSockets(FrameMutant):
    """Binary messages are base64 on WebSockets."""

    def outward(self, packet: Packet) -> list[Packet]:
        return ["b" + base64.b64encode(packet).decode()] if isinstance(packet, bytes) else [packet]


@caught_by("EIO-WS-001", seen="got the end of the connection, expected 4hello")
class BreaksWebSockets(FrameMutant):
    """The connection ends in the middle of a session, without a close frame."""

    def outward(self, packet: Packet) -> list[Packet]:
        if packet == "4hello":
            raise Gone
        return [packet]


@caught_by("EIO-WS-011", seen="got nothing within … s, expected 4early")
class LosesEarlyFrames(Mutant):
    """What comes in one segment with the request is lost."""

    def raw(self, data: bytes) -> bytes | None:
        head, end, rest = data.partition(b"\r\n\r\n")
        return head + end if rest[:1] == b"\x81" else data


@caught_by(
    "EIO-WS-012", seen="got 'permessage-deflate' for sec-websocket-extensions, expected None"
)
@caught_by(
    "EIO-WS-013", seen="got 'permessage-deflate' for Sec-WebSocket-Extensions, expected None"
)
class NegotiatesAlone(Mutant):
    """The answer names an extension and a subprotocol that nobody offered."""

    def reply(self, request: Message, reply: Message) -> None:
        if reply.status == 101:
            reply.set("Sec-WebSocket-Extensions", "permessage-deflate")
            reply.set("Sec-WebSocket-Protocol", "socket.io")


@caught_by(
    "EIO-WS-018",
    seen="got 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=' for Sec-WebSocket-Accept, for the key of RFC "
    "6455's example, "
    "expected 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='",
)
class AcceptsWrongly(Mutant):
    """Sec-WebSocket-Accept is a constant."""

    def reply(self, request: Message, reply: Message) -> None:
        if reply.status == 101:
            reply.set("Sec-WebSocket-Accept", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")


@caught_by("EIO-WS-019", seen="got 0{…}, expected the WebSocket to be closed")
@caught_by(
    "EIO-UPG-003",
    "EIO-UPG-018",
    "SIO-ENGINE-010",
    seen="got 0{…}, expected the WebSocket to be refused or closed",
)
class CarriesTwoWebSockets(Mutant):
    """A second WebSocket of a session becomes a session of its own."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def request(self, request: Message) -> None:
        sid = request.query.get("sid")
        if request.upgrades and sid:
            if sid in self.seen:
                request.ask(sid=None)
            self.seen.add(sid)

    def outward(self, packet: Packet) -> list[Packet]:
        if isinstance(packet, str) and packet.startswith("0{"):
            handshake = json.loads(packet[1:])
            if not handshake["upgrades"]:
                self.seen.add(handshake["sid"])
        return [packet]

    frames = True


@caught_by("EIO-WS-028", seen="got 200 6 for GET, expected 400")
@caught_by("EIO-UPG-002", "SIO-ENGINE-009", seen="got 200 6 for the GET, expected 400")
@caught_by("EIO-UPG-019", seen="got 200 6 for the POST, expected 400")
class PollsAlways(Mutant):
    """A poll for a session on a WebSocket is answered."""

    def reply(self, request: Message, reply: Message) -> None:
        if b'"code":3' in reply.body:
            reply.start, reply.body = "HTTP/1.1 200 OK", b"6"


@caught_by("EIO-WS-001", seen="got <34 68 65 6c 6c 6f> (6 bytes), expected 4hello")
class AnswersInBinary(FrameMutant):
    """Text comes back as a binary frame."""

    def outward(self, packet: Packet) -> list[Packet]:
        is_message = isinstance(packet, str) and packet.startswith("4")
        return [packet.encode() if is_message and isinstance(packet, str) else packet]
