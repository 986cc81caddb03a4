"""Mutants of what travels by long-polling, and of the HTTP around it."""

from __future__ import annotations

import base64
import gzip

from tests.conformance.messages import Message, answer
from tests.conformance.mutant import Mutant, Packet
from tests.conformance.mutants.bases import FrameMutant, is_poll
from tests.conformance.mutants.register import caught_by


@caught_by("EIO-POLL-030", seen="got nothing within … s, expected 400 for the GET with EIO=3")
@caught_by("EIO-UPG-023", seen="got 3probe, expected the WebSocket to be refused or closed")
class ForgetsTheVersion(Mutant):
    """EIO is not compared with the session's."""

    def request(self, request: Message) -> None:
        if "sid" in request.query:
            request.ask(EIO="4")


@caught_by(
    "EIO-POLL-002",
    "EIO-POLL-019",
    "EIO-BEAT-001",
    "SIO-ENGINE-011",
    seen="got 200 OK, expected 200 ok",
)
class ShoutsOk(Mutant):
    """A POST is answered `OK`."""

    def reply(self, request: Message, reply: Message) -> None:
        if reply.body == b"ok":
            reply.body = b"OK"


@caught_by("EIO-POLL-003", seen=r"got 4test1\n4test2\n4test3, expected 4test1")
@caught_by(
    "EIO-POLL-004",
    seen=r"got 200 4test1\n4test2\n4test3, "
    r"expected 200 4test1\x1e4test2\x1e4test3",
)
@caught_by("EIO-POLL-005", seen=r"got 4hello\nbAQIDBA==, expected 4hello")
@caught_by("EIO-POLL-006", seen=r"got 200 4hello\nbAQIDBA==, expected 200 4hello\x1ebAQIDBA==")
@caught_by("EIO-POLL-014", seen=r"got 4one\n4two, expected 4one")
@caught_by("SIO-CONN-016", seen="got nothing within … s, expected a packet besides pings")
class SeparatesWrongly(Mutant):
    """Packets are joined with a line feed."""

    def encode(self, packets: list[Packet]) -> bytes:
        return super().encode(packets).replace(b"\x1e", b"\n")


@caught_by("EIO-POLL-005", seen="got b4AQIDBA==, expected base64 after b")
@caught_by("EIO-POLL-007", seen="got 200 b4AQIDBA==, expected 200 bAQIDBA==")
@caught_by("EIO-POLL-008", seen="got b4AAECAwQF…, expected base64 after b")
@caught_by("SIO-BIN-011", "SIO-BIN-013", seen="got b4AQID, expected base64 after b")
class PrefixesBinaryWithAType(Mutant):
    """Binary packets begin with `b4`, as in version 3."""

    def encode(self, packets: list[Packet]) -> bytes:
        return b"\x1e".join(
            part.encode() if isinstance(part, str) else b"b4" + base64.b64encode(part)
            for part in packets
        )


@caught_by("EIO-POLL-008", seen="got bAAECAwQF…, expected base64 after b")
class UsesTheUrlAlphabet(Mutant):
    """Base64 is URL-safe."""

    def reply(self, request: Message, reply: Message) -> None:
        if is_poll(request):
            reply.body = reply.body.replace(b"+", b"-").replace(b"/", b"_")


@caught_by("EIO-POLL-001", seen="got 200 4hellO, expected 200 4hello")
class ChangesLetters(Mutant):
    """Text is changed on its way."""

    def outward(self, packet: Packet) -> list[Packet]:
        return [packet.replace("hello", "hellO") if isinstance(packet, str) else packet]


@caught_by("EIO-POLL-010", seen="got 200 4? é ?? ?, expected 200 4€ é 漢字 🦊")
@caught_by("EIO-WS-004", seen="got 4? é ?? ?, expected 4€ é 漢字 🦊")
@caught_by(
    "SIO-CONN-017",
    seen='got 42["auth",{"token":"é ?","list":[1,null,{"a":true}],"n":1.5}], '
    'expected 42["auth",{"token":"é 🦊","list":[1,null,{"a":true}],"n":1.5}]',
)
@caught_by(
    "SIO-EVENT-007",
    seen='got 42["message-back","é ? ?? ?","?"], expected 42["message-back","é € 漢字 🦊","Ω"]',
)
class SpeaksLatin(FrameMutant):
    """Text is not UTF-8."""

    def outward(self, packet: Packet) -> list[Packet]:
        if isinstance(packet, str):
            return [packet.encode("latin-1", "replace").decode("latin-1")]
        return [packet]


@caught_by("EIO-POLL-009", seen="got 200 (no body), expected 200 4")
@caught_by("EIO-WS-005", seen="got nothing within … s, expected 4")
@caught_by("EIO-WS-029", seen="got 4hello, expected <> (0 bytes)")
@caught_by("SIO-BIN-008", seen="got <00 01 02 …> (256 bytes), expected <> (0 bytes)")
class DropsEmptyMessages(FrameMutant):
    """Messages of no characters are dropped."""

    def outward(self, packet: Packet) -> list[Packet]:
        return [] if packet in ("4", b"") else [packet]


@caught_by("EIO-POLL-011", seen="got 4hello, expected 44hello")
@caught_by("EIO-WS-002", seen="got bAQIDBA==, expected <01 02 03 04> (4 bytes)")
class StripsTypes(FrameMutant):
    """Every leading 4 is taken for the type, and binary messages become text."""

    def outward(self, packet: Packet) -> list[Packet]:
        if isinstance(packet, bytes):
            return ["b" + base64.b64encode(packet).decode()]
        return ["4" + packet.lstrip("4")] if packet.startswith("4") else [packet]


@caught_by("EIO-POLL-012", seen="got ['6'] for the packets before 4late, expected ['2']")
@caught_by("EIO-POLL-013", seen="got 200 6 at once, expected the GET to wait for something to send")
class NeverWaits(Mutant):
    """A GET with nothing to fetch is answered at once."""

    def request(self, request: Message) -> Message | None:
        return answer(200, b"6") if is_poll(request) else None


@caught_by("EIO-POLL-015", "EIO-UPG-007", seen="got 4one, expected 4two")
@caught_by("EIO-RACE-009", seen="got 4message 0, expected 4message 1")
class Repeats(FrameMutant):
    """Messages are sent twice."""

    def outward(self, packet: Packet) -> list[Packet]:
        return [packet, packet] if packet[:1] in ("4", b"\x01") else [packet]


@caught_by("EIO-POLL-003", seen="got nothing within … s, expected 4test2")
@caught_by("EIO-POLL-014", seen="got nothing within … s, expected 4two")
@caught_by("EIO-POLL-017", seen="got nothing within … s, expected 4message 1")
class LosesTheRest(Mutant):
    """Only the first packet of a payload arrives."""

    def reply(self, request: Message, reply: Message) -> None:
        if is_poll(request):
            reply.body = reply.body.split(b"\x1e")[0]


@caught_by("EIO-POLL-003", seen="got 4test3, expected 4test1")
@caught_by("EIO-POLL-017", seen="got 4message 99, expected 4message 0")
class Reverses(Mutant):
    """The packets of a payload come in the wrong order."""

    def reply(self, request: Message, reply: Message) -> None:
        if is_poll(request):
            reply.body = b"\x1e".join(reversed(reply.body.split(b"\x1e")))


@caught_by("EIO-POLL-016", seen="got 4b, expected 4a")
@caught_by("EIO-WS-010", seen="got 4a, expected 4b")
@caught_by("SIO-ACK-010", seen='got 431["first"], expected 431["second"]')
class MixesSessions(FrameMutant):
    """Messages reach whoever gets something next."""

    def __init__(self) -> None:
        self.last: Packet | None = None

    def outward(self, packet: Packet) -> list[Packet]:
        if packet[:1] == "4" and not str(packet).startswith(("40", '42["auth"')):
            packet, self.last = self.last or packet, packet
        return [packet]


@caught_by(
    "EIO-POLL-019", "EIO-POLL-029", seen="got the end of the connection…, expected an answer"
)
class HangsUp(Mutant):
    """The connection ends after an answer, which does not say so."""

    def done(self, request: Message) -> bool:
        return True


@caught_by("EIO-POLL-020", seen="got 411 (no body) for the POST, expected 200")
class WantsALength(Mutant):
    """A body in chunks is refused."""

    chunked = False

    def raw(self, data: bytes) -> bytes | None:
        self.chunked = b"\r\nTransfer-Encoding: chunked" in data
        return data

    def request(self, request: Message) -> Message | None:
        return answer(411) if self.chunked and request.method == "POST" else None


@caught_by("EIO-POLL-021", seen="got 415 (no body) for the POST, expected 200 ok")
class WantsAType(Mutant):
    """A POST without Content-Type is refused."""

    def request(self, request: Message) -> Message | None:
        wrong = request.method == "POST" and not request.header("content-type")
        return answer(415) if wrong else None


@caught_by("EIO-POLL-023", seen="got 400 (no body) for the POST, expected 200")
@caught_by("EIO-WS-018", seen="got 400 for the status, expected 101")
class ReadsHeadersLiterally(Mutant):
    """Names of headers have a case."""

    def request(self, request: Message) -> Message | None:
        names = [name for name, _ in request.headers]
        return answer(400) if any(name in names for name in ("hOST", "upgrade")) else None


@caught_by("EIO-POLL-026", seen="got 'gzip' for Content-Encoding, expected None")
class CompressesAlways(Mutant):
    """Answers are compressed, asked or not."""

    def reply(self, request: Message, reply: Message) -> None:
        if is_poll(request) and len(reply.body) > 1_000:
            reply.body = gzip.compress(reply.body)
            reply.set("Content-Encoding", "gzip")


@caught_by("EIO-POLL-025", seen="got Content-Encoding: gzip (…), expected a body that is gzip")
class PretendsToCompress(Mutant):
    """An answer says gzip and is none."""

    def reply(self, request: Message, reply: Message) -> None:
        if request.header("accept-encoding"):
            reply.body = b"4compressible"
            reply.set("Content-Encoding", "gzip")


@caught_by("EIO-POLL-027", seen="got 200 ok for PUT, expected an error status")
class TakesPutForPost(Mutant):
    """PUT and DELETE are as good as GET and POST."""

    def request(self, request: Message) -> Message | None:
        return answer(200, b"ok") if request.method in ("PUT", "DELETE") else None
