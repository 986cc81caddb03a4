"""The mutants: what authors of servers get wrong, one fault each, and the cases that must see it.

The docstring says what is wrong. `caught_by` names cases that must fail, not all that do, and
`seen` is a pattern of what they must tell: a case that fails of something else proves nothing.

Here are those of what a server says and does; what it takes from a client is in `mutants_of_input`
and `mutants_of_http`, what it does not survive in `mutants_that_fall`.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from conformance.wire import accept_key
from tests.conformance.proxy import Message, Mutant, Packet, answer


@dataclass(frozen=True, slots=True)
class Caught:
    """A mutant, the cases that must fail on it, and a pattern of what they see."""

    mutant: type[Mutant]
    cases: tuple[str, ...]
    seen: str


MUTANTS: dict[str, Caught] = {}


def caught_by(*cases: str, seen: str = "") -> Callable[[type[Mutant]], type[Mutant]]:
    """Register a mutant with the cases that must fail on it."""

    def register(mutant: type[Mutant]) -> type[Mutant]:
        assert mutant.__doc__
        assert mutant.__name__ not in MUTANTS
        MUTANTS[mutant.__name__] = Caught(mutant, cases, seen)
        return mutant

    return register


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


# --- the handshake


@caught_by("EIO-OPEN-009", "EIO-OPEN-010", "EIO-OPEN-022", "SIO-ENGINE-003", "SIO-ENGINE-006")
class AcceptsEveryVersion(Mutant):
    """EIO is not looked at."""

    def request(self, request: Message) -> None:
        if "transport" in request.query:
            request.ask(EIO="4")


@caught_by("EIO-POLL-030", "EIO-UPG-023")
class ForgetsTheVersion(Mutant):
    """EIO is not compared with the session's."""

    def request(self, request: Message) -> None:
        if "sid" in request.query:
            request.ask(EIO="4")


@caught_by("EIO-OPEN-011", "EIO-OPEN-012", "EIO-OPEN-016", "SIO-ENGINE-004")
class PollsByDefault(Mutant):
    """An unknown transport is polling."""

    def request(self, request: Message) -> None:
        if request.query.get("transport") not in ("polling", "websocket"):
            request.ask(transport="polling")


@caught_by("EIO-OPEN-023", "EIO-OPEN-025", "SIO-ENGINE-007")
class UpgradesByDefault(Mutant):
    """A request for a WebSocket is one whatever its transport is."""

    def request(self, request: Message) -> None:
        if request.upgrades:
            request.ask(transport="websocket")


@caught_by("EIO-OPEN-013", "EIO-OPEN-014", "EIO-OPEN-018", "SIO-ENGINE-005")
class OpensByEveryMethod(Mutant):
    """POST, PUT, DELETE and PATCH open sessions."""

    def request(self, request: Message) -> None:
        if "sid" not in request.query and request.method != "OPTIONS":
            request.method = "GET"


@caught_by("EIO-OPEN-028")
class OpensByHead(Mutant):
    """HEAD opens a session."""

    def request(self, request: Message) -> Message | None:
        return answer(200) if request.method == "HEAD" else None


@caught_by("EIO-OPEN-024", "EIO-OPEN-030", "EIO-CLOSE-005")
class AdoptsUnknownSessions(Mutant):
    """A sid that is not known becomes a session."""

    def request(self, request: Message) -> None:
        if request.query.get("sid", "").startswith("0123") or (
            request.upgrades and "sid" in request.query
        ):
            request.ask(sid=None)


@caught_by("EIO-OPEN-017", "EIO-OPEN-019")
class ForgivesUnknownSessions(Mutant):
    """A request for a session that is not known gets 200."""

    def reply(self, request: Message, reply: Message) -> None:
        if reply.status == 400 and "sid" in request.query:
            reply.start, reply.body = "HTTP/1.1 200 OK", b"6"


@caught_by("EIO-OPEN-026")
class PollsAsWebSocket(Mutant):
    """A GET with transport=websocket is a poll."""

    def request(self, request: Message) -> None:
        if not request.upgrades and request.query.get("transport") == "websocket":
            request.ask(transport="polling")


@caught_by("EIO-OPEN-027")
class IgnoresThePath(Mutant):
    """Every path is the server's."""

    def request(self, request: Message) -> None:
        if "no-such-path" in request.path:
            request.ask("/engine.io/")


@caught_by("EIO-OPEN-029")
class TripsOverNames(Mutant):
    """Names that mean something in a language break the lookup."""

    def request(self, request: Message) -> Message | None:
        return answer(500) if "__" in request.start or "constructor" in request.start else None


@caught_by("EIO-OPEN-020")
class KnowsThreeParameters(Mutant):
    """Other parameters are refused."""

    def request(self, request: Message) -> Message | None:
        return None if request.query.keys() <= {"EIO", "transport", "sid"} else answer(400)


@caught_by("EIO-OPEN-021")
class ReadsQueriesRaw(Mutant):
    """Escapes in a query are not undone."""

    def request(self, request: Message) -> Message | None:
        return answer(400) if "%" in request.start.replace("%20", "") else None


@caught_by("EIO-OPEN-003")
class AddsAKey(FrameMutant):
    """The handshake has a sixth key."""

    def outward(self, packet: Packet) -> list[Packet]:
        return [edit_handshake(packet, serverTime=1)]


@caught_by("EIO-OPEN-001", "SIO-ENGINE-001")
class OffersNoUpgrade(Mutant):
    """`upgrades` is empty."""

    def outward(self, packet: Packet) -> list[Packet]:
        return [edit_handshake(packet, upgrades=[])]


@caught_by("EIO-OPEN-002", "SIO-ENGINE-002")
class OffersTheUpgradeTwice(FrameMutant):
    """A WebSocket is offered an upgrade to a WebSocket."""

    def outward(self, packet: Packet) -> list[Packet]:
        return [edit_handshake(packet, upgrades=["websocket"])]


class RenamesSessions(FrameMutant):
    """Session ids of the mutant's own."""

    def __init__(self) -> None:
        self.real: dict[str, str] = {}

    def name(self, number: int) -> str:
        raise NotImplementedError

    def request(self, request: Message) -> None:
        if request.query.get("sid") in self.real:
            request.ask(sid=self.real[request.query["sid"]])

    def outward(self, packet: Packet) -> list[Packet]:
        if isinstance(packet, str) and packet.startswith("0{"):
            name = self.name(len(self.real))
            self.real[name] = json.loads(packet[1:])["sid"]
            return [edit_handshake(packet, sid=name)]
        return [packet]


@caught_by("EIO-OPEN-005")
class CountsSessions(RenamesSessions):
    """Session ids are numbers in a row."""

    def name(self, number: int) -> str:
        return f"session-number-{number:06}"


@caught_by("EIO-OPEN-006")
class NamesSessionsOddly(RenamesSessions):
    """Session ids need an escape in a query."""

    def name(self, number: int) -> str:
        return f"session&{number}#=%"


@caught_by("EIO-OPEN-004", "EIO-POLL-029", "EIO-HTTP-033", "EIO-HTTP-037")
class HasOneSession(RenamesSessions):
    """All sessions have one id."""

    def name(self, number: int) -> str:
        return "the-one-and-only-session"


@caught_by("EIO-OPEN-007", "EIO-POLL-022")
class CallsEverythingJson(Mutant):
    """Content-Type is application/json."""

    def reply(self, request: Message, reply: Message) -> None:
        reply.set("Content-Type", "application/json")


@caught_by("EIO-OPEN-008", "EIO-POLL-028")
class LetsItselfBeCached(Mutant):
    """Answers may be stored."""

    def reply(self, request: Message, reply: Message) -> None:
        reply.set("Cache-Control", "public, max-age=60")


@caught_by("EIO-OPEN-015", "EIO-OPEN-016", "EIO-OPEN-017", "EIO-OPEN-018")
class ExplainsNothing(Mutant):
    """Errors have no body."""

    def reply(self, request: Message, reply: Message) -> None:
        if reply.status >= 400:
            reply.body = b""


@caught_by("EIO-OPEN-031")
class RefusesInsideTheWebSocket(Mutant):
    """A refused WebSocket is opened, and the refusal written into it."""

    def reply(self, request: Message, reply: Message) -> None:
        if request.upgrades and reply.status == 400:
            key = accept_key(request.header("sec-websocket-key"))
            reply.body = reply.encode()
            reply.start = "HTTP/1.1 101 Switching Protocols"
            reply.headers = [
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
                ("Sec-WebSocket-Accept", key),
            ]


# --- polling


@caught_by("EIO-POLL-002", "EIO-POLL-019", "EIO-BEAT-001", "SIO-ENGINE-011")
class ShoutsOk(Mutant):
    """A POST is answered `OK`."""

    def reply(self, request: Message, reply: Message) -> None:
        if reply.body == b"ok":
            reply.body = b"OK"


@caught_by("EIO-POLL-003", "EIO-POLL-004", "EIO-POLL-005", "EIO-POLL-006", "EIO-POLL-014",
           "SIO-CONN-016", "SIO-EVENT-020")  # fmt: skip
class SeparatesWrongly(Mutant):
    """Packets are joined with a line feed."""

    def encode(self, packets: list[Packet]) -> bytes:
        return super().encode(packets).replace(b"\x1e", b"\n")


@caught_by("EIO-POLL-005", "EIO-POLL-007", "EIO-POLL-008", "SIO-BIN-011", "SIO-BIN-013")
class PrefixesBinaryWithAType(Mutant):
    """Binary packets begin with `b4`, as in version 3."""

    def encode(self, packets: list[Packet]) -> bytes:
        return b"\x1e".join(
            part.encode() if isinstance(part, str) else b"b4" + base64.b64encode(part)
            for part in packets
        )


@caught_by("EIO-POLL-008")
class UsesTheUrlAlphabet(Mutant):
    """Base64 is URL-safe."""

    def reply(self, request: Message, reply: Message) -> None:
        if is_poll(request):
            reply.body = reply.body.replace(b"+", b"-").replace(b"/", b"_")


@caught_by("EIO-POLL-001", "EIO-POLL-010", "EIO-WS-004", "SIO-EVENT-007", "SIO-CONN-017")
class SpeaksLatin(FrameMutant):
    """Text is not UTF-8."""

    def outward(self, packet: Packet) -> list[Packet]:
        if isinstance(packet, str):
            return [packet.encode("latin-1", "replace").decode("latin-1").replace("hello", "hellO")]
        return [packet]


@caught_by("EIO-POLL-009", "EIO-WS-005", "EIO-WS-029", "SIO-BIN-008")
class DropsEmptyMessages(FrameMutant):
    """Messages of no characters are dropped."""

    def outward(self, packet: Packet) -> list[Packet]:
        return [] if packet in ("4", b"") else [packet]


@caught_by("EIO-POLL-011", "EIO-WS-002")
class StripsTypes(FrameMutant):
    """Every leading 4 is taken for the type, and binary messages become text."""

    def outward(self, packet: Packet) -> list[Packet]:
        if isinstance(packet, bytes):
            return ["b" + base64.b64encode(packet).decode()]
        return ["4" + packet.lstrip("4")] if packet.startswith("4") else [packet]


@caught_by("EIO-POLL-013", "EIO-POLL-012")
class NeverWaits(Mutant):
    """A GET with nothing to fetch is answered at once."""

    def request(self, request: Message) -> Message | None:
        return answer(200, b"6") if is_poll(request) else None


@caught_by("EIO-POLL-015", "EIO-UPG-007")
class Repeats(FrameMutant):
    """Messages are sent twice."""

    def outward(self, packet: Packet) -> list[Packet]:
        return [packet, packet] if packet[:1] in ("4", b"\x01") else [packet]


@caught_by("EIO-POLL-003", "EIO-POLL-014", "EIO-POLL-017", "EIO-RACE-009")
class LosesTheRest(Mutant):
    """Only the first packet of a payload arrives."""

    def reply(self, request: Message, reply: Message) -> None:
        if is_poll(request):
            reply.body = reply.body.split(b"\x1e")[0]


@caught_by("EIO-POLL-003", "EIO-POLL-017")
class Reverses(Mutant):
    """The packets of a payload come in the wrong order."""

    def reply(self, request: Message, reply: Message) -> None:
        if is_poll(request):
            reply.body = b"\x1e".join(reversed(reply.body.split(b"\x1e")))


@caught_by("EIO-POLL-016", "EIO-WS-010", "SIO-ACK-010", "SIO-BIN-017")
class MixesSessions(FrameMutant):
    """Messages reach whoever gets something next."""

    def __init__(self) -> None:
        self.last: Packet | None = None

    def outward(self, packet: Packet) -> list[Packet]:
        if packet[:1] == "4" and not str(packet).startswith(("40", '42["auth"')):
            packet, self.last = self.last or packet, packet
        return [packet]


@caught_by("EIO-POLL-018", "EIO-WS-008", "SIO-EVENT-021", "SIO-BIN-010", "EIO-LIMIT-001",
           "EIO-LIMIT-003", "EIO-LIMIT-009")  # fmt: skip
class Truncates(FrameMutant):
    """Messages are cut after 65,000 characters."""

    def outward(self, packet: Packet) -> list[Packet]:
        return [packet[:65_000]]


@caught_by("EIO-POLL-019", "EIO-POLL-029")
class HangsUp(Mutant):
    """The connection ends after an answer, which does not say so."""

    def done(self, request: Message) -> bool:
        return True


@caught_by("EIO-POLL-020", "EIO-POLL-021")
class WantsLengthAndType(Mutant):
    """A POST without Content-Type is refused, and one in chunks is."""

    def request(self, request: Message) -> Message | None:
        wrong = request.method == "POST" and not request.header("content-type")
        return answer(415) if wrong else None


@caught_by("EIO-POLL-023", "EIO-WS-018")
class ReadsHeadersLiterally(Mutant):
    """Names of headers have a case."""

    def request(self, request: Message) -> Message | None:
        names = [name for name, _ in request.headers]
        return answer(400) if any(name in names for name in ("hOST", "upgrade")) else None


@caught_by("EIO-HTTP-034", "EIO-POLL-024", seen="the connection (ended|broke)")
class ReadsOnce(Mutant):
    """A request must arrive in one piece."""

    def raw(self, data: bytes) -> bytes | None:
        head, end, body = data.partition(b"\r\n\r\n")
        return data if end and (body or b"Content-Length" not in head) else None


@caught_by("EIO-POLL-026")
class CompressesAlways(Mutant):
    """Answers are compressed, asked or not."""

    def reply(self, request: Message, reply: Message) -> None:
        if is_poll(request) and len(reply.body) > 1_000:
            reply.body = gzip.compress(reply.body)
            reply.set("Content-Encoding", "gzip")


@caught_by("EIO-POLL-025")
class PretendsToCompress(Mutant):
    """An answer says gzip and is none."""

    def reply(self, request: Message, reply: Message) -> None:
        if request.header("accept-encoding"):
            reply.body = b"4compressible"
            reply.set("Content-Encoding", "gzip")


@caught_by("EIO-POLL-027")
class TakesPutForPost(Mutant):
    """PUT and DELETE are as good as GET and POST."""

    def request(self, request: Message) -> Message | None:
        return answer(200, b"ok") if request.method in ("PUT", "DELETE") else None


# --- overlaps


@caught_by("EIO-RACE-001", "EIO-RACE-003")
class QueuesPolls(Mutant):
    """A second GET waits for its turn."""

    def __init__(self) -> None:
        self.locks: dict[str, asyncio.Lock] = {}
        self.held: dict[int, asyncio.Lock] = {}

    async def arrived(self, request: Message) -> None:
        if is_poll(request):
            lock = self.locks.setdefault(request.query["sid"], asyncio.Lock())
            await lock.acquire()
            self.held[id(request)] = lock

    def reply(self, request: Message, reply: Message) -> None:
        if id(request) in self.held:
            self.held.pop(id(request)).release()


@caught_by("EIO-RACE-004", "EIO-RACE-005", "EIO-RACE-008", "EIO-LIMIT-007")
class ReadsWholePostsFirst(Mutant):
    """A POST begins when its body has arrived: the proxy itself does that."""


@caught_by("EIO-RACE-006", "EIO-POLL-012")
class HasOneRequestASession(Mutant):
    """A POST beside a waiting GET is refused."""

    def __init__(self) -> None:
        self.waiting: set[str] = set()

    async def arrived(self, request: Message) -> None:
        if is_poll(request):
            self.waiting.add(request.query["sid"])

    def request(self, request: Message) -> Message | None:
        busy = request.method == "POST" and request.query.get("sid") in self.waiting
        return answer(400) if busy else None


# --- malformed input


@caught_by("EIO-LOAD-001", "EIO-LOAD-002", "EIO-LOAD-004", "EIO-LOAD-011", "EIO-LOAD-013",
           "EIO-LOAD-015", "EIO-LOAD-021", "EIO-LOAD-022", "EIO-WS-021", "EIO-WS-022", "EIO-WS-024",
           "EIO-WS-025", "EIO-WS-027")  # fmt: skip
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


@caught_by("EIO-LOAD-018")
class ForgivesThePost(Mutant):
    """A malformed payload is answered `ok`."""

    def reply(self, request: Message, reply: Message) -> None:
        if request.method == "POST" and reply.status == 400:
            reply.start, reply.body = "HTTP/1.1 200 OK", b"ok"


@caught_by("EIO-LOAD-019", "EIO-WS-020", "EIO-BEAT-012")
class TakesEverythingSeriously(FrameMutant):
    """Packets without a meaning from a client close the session."""

    def inward(self, packet: Packet) -> list[Packet]:
        return ["abc"] if packet in ("6", "0", "3") else [packet]


@caught_by("EIO-LOAD-020")
class LeavesBinaryBodies(Mutant):
    """A binary body is never answered."""

    async def arrived(self, request: Message) -> None:
        if request.header("content-type") == "application/octet-stream":
            await asyncio.sleep(60)


# --- WebSocket


@caught_by("EIO-WS-006", "EIO-WS-009", "SIO-EVENT-025")
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


@caught_by("EIO-WS-007")
class SplitsFrames(FrameMutant):
    """U+001E separates packets on a WebSocket too."""

    def outward(self, packet: Packet) -> list[Packet]:
        return list(packet.split("\x1e")) if isinstance(packet, str) else [packet]


@caught_by("EIO-WS-003", "SIO-BIN-003", "EIO-UPG-010")
class WritesBase64OnWebSockets(FrameMutant):
    """Binary messages are base64 on WebSockets."""

    def outward(self, packet: Packet) -> list[Packet]:
        return ["b" + base64.b64encode(packet).decode()] if isinstance(packet, bytes) else [packet]


@caught_by("EIO-WS-011")
class LosesEarlyFrames(Mutant):
    """What comes in one segment with the request is lost."""

    def raw(self, data: bytes) -> bytes | None:
        head, end, rest = data.partition(b"\r\n\r\n")
        return head + end if rest[:1] == b"\x81" else data


@caught_by("EIO-WS-012", "EIO-WS-013")
class NegotiatesAlone(Mutant):
    """The answer names an extension and a subprotocol that nobody offered."""

    def reply(self, request: Message, reply: Message) -> None:
        if reply.status == 101:
            reply.set("Sec-WebSocket-Extensions", "permessage-deflate")
            reply.set("Sec-WebSocket-Protocol", "socket.io")


@caught_by("EIO-FRAME-018", "EIO-FRAME-019", "EIO-CLOSE-006")
class AnswersNoCloseFrame(FrameMutant):
    """Close frames are not answered."""

    keeps_open = True


@caught_by("EIO-WS-018")
class AcceptsWrongly(Mutant):
    """Sec-WebSocket-Accept is a constant."""

    def reply(self, request: Message, reply: Message) -> None:
        if reply.status == 101:
            reply.set("Sec-WebSocket-Accept", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")


@caught_by("EIO-WS-019", "EIO-UPG-003", "EIO-UPG-018", "SIO-ENGINE-010")
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


@caught_by("EIO-WS-028", "EIO-UPG-002", "EIO-UPG-019", "SIO-ENGINE-009")
class PollsAlways(Mutant):
    """A poll for a session on a WebSocket is answered."""

    def reply(self, request: Message, reply: Message) -> None:
        if b'"code":3' in reply.body:
            reply.start, reply.body = "HTTP/1.1 200 OK", b"6"


STAYING = (
    *(f"EIO-FRAME-{number:03}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14, 15, 16)),
    "EIO-FRAME-028",
    "EIO-WS-021",
    "EIO-WS-023",
    "EIO-CLOSE-003",
    "EIO-UPG-011",
    "EIO-UPG-014",
    "SIO-BAD-001",
    "SIO-BAD-033",
    "SIO-BIN-019",
    "SIO-BIN-022",
    "SIO-CONN-020",
    "SIO-CONN-035",
    "SIO-NSP-009",
    "EIO-LIMIT-004",
    "EIO-LIMIT-005",
    "EIO-LIMIT-008",
)


@caught_by(*STAYING)
class NeverCloses(FrameMutant):
    """A WebSocket stays open whatever happens."""

    keeps_open = True


# --- the upgrade


@caught_by("EIO-UPG-001", "EIO-UPG-004", "EIO-UPG-005", "SIO-ENGINE-008")
class SendsNoNoop(Mutant):
    """A waiting poll is not released when an upgrade begins."""

    def outward(self, packet: Packet) -> list[Packet]:
        return [] if packet == "6" else [packet]

    def reply(self, request: Message, reply: Message) -> None:
        if is_poll(request) and reply.status == 200 and not reply.body:
            reply.start = "HTTP/1.1 504 Nothing came"


@caught_by("EIO-UPG-001", "EIO-UPG-006", "SIO-CONN-018")
class PongsWithoutProbe(FrameMutant):
    """`2probe` is answered `3`."""

    def outward(self, packet: Packet) -> list[Packet]:
        return ["3"] if packet == "3probe" else [packet]


@caught_by("EIO-UPG-011", "EIO-UPG-012")
class AcceptsEveryProbe(FrameMutant):
    """What a candidate sends first is a probe."""

    def inward(self, packet: Packet) -> list[Packet]:
        return ["2probe"] if packet in ("2wrong", "4hello") else [packet]


@caught_by("EIO-UPG-006", "EIO-UPG-008", "EIO-UPG-017")
class LosesWhatFollowsTheUpgrade(FrameMutant):
    """The packet behind `5` is lost."""

    def __init__(self) -> None:
        self.upgraded = False

    def inward(self, packet: Packet) -> list[Packet]:
        lost, self.upgraded = self.upgraded, packet == "5"
        return [] if lost else [packet]


@caught_by("EIO-UPG-007", "EIO-UPG-009", "SIO-BIN-018")
class LosesWhatWaits(FrameMutant):
    """What waits for a poll or comes after a probe is lost."""

    def __init__(self) -> None:
        self.probed = False

    def inward(self, packet: Packet) -> list[Packet]:
        self.probed = self.probed or packet == "2probe"
        return [packet]

    def outward(self, packet: Packet) -> list[Packet]:
        kept = packet in ("3probe", "6", "2") or packet[:2] == "0{"
        return [packet] if kept or not self.probed else []


@caught_by("EIO-UPG-013")
class TalksToCandidates(FrameMutant):
    """A message of a candidate before `5` counts."""

    def __init__(self) -> None:
        self.probed = False

    def outward(self, packet: Packet) -> list[Packet]:
        self.probed = packet == "3probe"
        return [packet]

    def inward(self, packet: Packet) -> list[Packet]:
        return ["5", packet] if self.probed and packet == "4hello" else [packet]


@caught_by("EIO-UPG-014")
class SkipsTheProbe(FrameMutant):
    """`5` needs no probe."""

    def __init__(self) -> None:
        self.probed = False

    def inward(self, packet: Packet) -> list[Packet]:
        if packet == "2probe":
            self.probed = True
        return ["2probe", "5"] if packet == "5" and not self.probed else [packet]


@caught_by("EIO-UPG-015", "EIO-UPG-016")
class LosesTheSessionWithTheCandidate(Mutant):
    """A session ends with a candidate for it."""

    def __init__(self) -> None:
        self.lost: set[str] = set()

    def request(self, request: Message) -> Message | None:
        sid = request.query.get("sid", "")
        if request.upgrades:
            self.lost.add(sid)
        return answer(400) if sid in self.lost and not request.upgrades else None


@caught_by("EIO-UPG-022", "EIO-CLOSE-006", "EIO-CLOSE-004", "EIO-CLOSE-001", "EIO-RACE-002",
           "EIO-BEAT-003", "SIO-ENGINE-013", "SIO-ENGINE-015")  # fmt: skip
class LeaksSessions(Mutant):
    """A session that has ended is still there for requests."""

    def reply(self, request: Message, reply: Message) -> None:
        if b'"code":1' in reply.body:
            reply.start, reply.body = "HTTP/1.1 200 OK", b"6"


# --- the heartbeat


@caught_by("EIO-BEAT-002", "EIO-BEAT-005", "EIO-BEAT-006", "EIO-BEAT-013", "EIO-UPG-021",
           "SIO-ENGINE-012", "SIO-NSP-001")  # fmt: skip
class LeavesPingsToTheClient(FrameMutant):
    """The server does not ping."""

    def outward(self, packet: Packet) -> list[Packet]:
        return [] if packet == "2" else [packet]


@caught_by("EIO-BEAT-001", "EIO-BEAT-002", "SIO-ENGINE-011", "SIO-ENGINE-012")
class PingsWithATime(FrameMutant):
    """A ping carries a payload."""

    def outward(self, packet: Packet) -> list[Packet]:
        return ["2" + "1700000000"] if packet == "2" else [packet]


@caught_by("EIO-BEAT-005", "EIO-BEAT-012")
class PingsEarly(FrameMutant):
    """The first ping comes with the handshake."""

    def outward(self, packet: Packet) -> list[Packet]:
        return [packet, "2"] if '"upgrades":[]' in str(packet) else [packet]


@caught_by("EIO-BEAT-004", "EIO-BEAT-014", "SIO-ENGINE-014", "EIO-CLOSE-002", "SIO-ENGINE-016")
class NeverMissesAPong(FrameMutant):
    """A client that is silent stays."""

    keeps_open = True


@caught_by("EIO-BEAT-007")
class EndsWithThePing(FrameMutant):
    """A client has no time to answer."""

    def outward(self, packet: Packet) -> list[Packet]:
        return ["2", "1"] if packet == "2" else [packet]


@caught_by("EIO-BEAT-008", "EIO-BEAT-015", "SIO-NSP-006", "SIO-CONN-034")
class MissesPongs(FrameMutant):
    """Pongs are not counted."""

    def inward(self, packet: Packet) -> list[Packet]:
        return [] if packet == "3" else [packet]


@caught_by("EIO-BEAT-010")
class ForgetsPings(Mutant):
    """A ping that finds no poll is lost."""

    def outward(self, packet: Packet) -> list[Packet]:
        return ["6"] if packet == "2" else [packet]


# --- CORS


@caught_by("EIO-CORS-001", "EIO-CORS-002", "EIO-CORS-003", "EIO-CORS-004")
class NamesAnotherOrigin(Mutant):
    """Access-Control-Allow-Origin is another origin."""

    def reply(self, request: Message, reply: Message) -> None:
        reply.set("Access-Control-Allow-Origin", "http://b.example")


@caught_by("EIO-CORS-004", "EIO-CORS-005", "EIO-CORS-006")
class KnowsNoPreflight(Mutant):
    """OPTIONS is refused."""

    def request(self, request: Message) -> Message | None:
        return answer(405) if request.method == "OPTIONS" else None


@caught_by("EIO-CORS-007")
class AllowsCredentialsToAll(Mutant):
    """Credentials go together with `*`."""

    def reply(self, request: Message, reply: Message) -> None:
        reply.set("Access-Control-Allow-Credentials", "true")


@caught_by("EIO-CORS-008")
class RefusesForeignWebSockets(Mutant):
    """A WebSocket of another origin is refused."""

    def request(self, request: Message) -> Message | None:
        return answer(403) if request.upgrades and request.header("origin") else None


@caught_by("EIO-CORS-009")
class OpensByPreflight(Mutant):
    """OPTIONS opens a session."""

    def request(self, request: Message) -> None:
        if request.method == "OPTIONS":
            request.method = "GET"


# --- Socket.IO: CONNECT and namespaces


class PacketMutant(FrameMutant):
    """A mutant of Socket.IO packets: `(pattern, replacement)` pairs for what goes out."""

    out: tuple[tuple[str, str], ...] = ()
    into: tuple[tuple[str, str], ...] = ()

    def outward(self, packet: Packet) -> list[Packet]:
        return [self.rewrite(packet, self.out)]

    def inward(self, packet: Packet) -> list[Packet]:
        return [self.rewrite(packet, self.into)]

    def rewrite(self, packet: Packet, rules: tuple[tuple[str, str], ...]) -> Packet:
        if isinstance(packet, str):
            for pattern, replacement in rules:
                packet = re.sub(pattern, replacement, packet, flags=re.DOTALL)
        return packet


@caught_by("SIO-CONN-001", "SIO-CONN-003", "SIO-CONN-015")
class HasNullForNoPayload(PacketMutant):
    """The auth payload of a client that sent none is null."""

    out = ((r'\["auth",\{\}\]', '["auth",null]'),)


@caught_by("SIO-CONN-002", "SIO-CONN-004", "SIO-CONN-017")
class LosesThePayload(PacketMutant):
    """The payload of CONNECT is lost."""

    into = ((r"^(40(?:/custom,)?)\{.*", r"\1"),)


@caught_by("SIO-CONN-006")
class AddsAPid(PacketMutant):
    """CONNECT carries a pid although there is no recovery."""

    out = ((r"^(40.*)\}$", r'\1,"pid":"x"}'),)


@caught_by("SIO-CONN-003", "SIO-CONN-011", "SIO-NSP-002")
class AnswersInTheMainNamespace(PacketMutant):
    """The namespace is missing in answers."""

    out = ((r"^(4[024])/custom,", r"\1"),)


@caught_by("SIO-CONN-005", "SIO-NSP-003")
class WantsTheComma(PacketMutant):
    """`40/custom` is refused, and `41/custom` is not understood."""

    into = ((r"^40/custom$", "40/customer,"), (r"^41/custom$", '42["nothing"]'))


@caught_by("SIO-CONN-007", "SIO-CONN-008", "SIO-CONN-009", "SIO-CONN-010")
class RefusesWithText(PacketMutant):
    """The payload of a refusal is a text, as in version 4."""

    out = ((r"^(44/random,).*", r'\1"Unable to connect"'),)


@caught_by("SIO-CONN-008")
class RefusesInOtherWords(PacketMutant):
    """The message is another one."""

    out = (("Invalid namespace", "No such namespace"),)


@caught_by("SIO-CONN-009", "SIO-CONN-010")
class ClosesAfterARefusal(PacketMutant):
    """A refused client is not let in any more."""

    def __init__(self) -> None:
        self.refused = False

    def inward(self, packet: Packet) -> list[Packet]:
        if self.refused:
            return []
        self.refused = packet == "40/random"
        return [packet]


@caught_by("SIO-CONN-012")
class JoinsTheMainNamespaceUnasked(PacketMutant):
    """The main namespace is joined together with another."""

    def inward(self, packet: Packet) -> list[Packet]:
        return [packet, "40"] if packet == "40/custom," else [packet]


@caught_by("SIO-CONN-013", "SIO-CONN-014")
class SharesOneId(PacketMutant):
    """Every socket has the same id."""

    out = ((r'^(40.*"sid":")[^"]*', r"\1the-same-for-all-of-us"),)


@caught_by("SIO-CONN-019", "SIO-CONN-001")
class TalksBeforeItAccepts(PacketMutant):
    """The event overtakes CONNECT."""

    def __init__(self) -> None:
        self.held: list[Packet] = []

    def outward(self, packet: Packet) -> list[Packet]:
        if packet[:3] == "40{":
            self.held.append(packet)
            return []
        held, self.held = self.held, []
        return [packet, *held]


@caught_by("SIO-CONN-021", "SIO-CONN-022", "SIO-CONN-023", "SIO-CONN-024", "SIO-CONN-025",
           "SIO-CONN-026", "SIO-CONN-027", "SIO-CONN-032")  # fmt: skip
class JoinsUnasked(PacketMutant):
    """Every connection is in all namespaces from the beginning."""

    def inward(self, packet: Packet) -> list[Packet]:
        return [] if packet[:2] != "40" and packet != "3" else [packet]

    keeps_open = True


@caught_by("SIO-CONN-028", "SIO-CONN-029", "SIO-CONN-030", "SIO-CONN-031")
class TakesEveryPayload(PacketMutant):
    """CONNECT with a bad payload is accepted."""

    into = ((r"^(40(?:/custom,)?)(?:\[.*|\".*|\{.*[^}])$", r"\1"),)


@caught_by("SIO-CONN-033", "SIO-CONN-032")
class HasNoConnectTimeout(PacketMutant):
    """A client need not join a namespace."""

    keeps_open = True


@caught_by("SIO-CONN-035", "SIO-CONN-038")
class JoinsTwice(PacketMutant):
    """A second CONNECT is accepted."""

    def __init__(self) -> None:
        self.joined: dict[str, str] = {}

    def inward(self, packet: Packet) -> list[Packet]:
        if packet == "40" and self.joined.get("40"):
            return ['42["message"]']
        self.joined["40"] = "yes" if packet == "40" else self.joined.get("40", "")
        return [packet]

    out = ((r'^42\["message-back"\]$', '40{"sid":"another"}'),)


@caught_by("SIO-CONN-037")
class JoinsEveryNamespace(PacketMutant):
    """Names of the language, and names in another case, are namespaces."""

    into = ((r"^40/(?:__.*|CUSTOM|constructor|/),$", "40/custom,"),)


@caught_by("SIO-NSP-001", "SIO-NSP-002", "SIO-NSP-013")
class ConfirmsTheEnd(PacketMutant):
    """DISCONNECT is answered."""

    def inward(self, packet: Packet) -> list[Packet]:
        if isinstance(packet, str) and packet.startswith("41"):
            return [packet, "40" + packet[2:]]
        return [packet]

    out = ((r"^40", "41"),)


@caught_by("SIO-NSP-004", "SIO-NSP-005", "SIO-NSP-015", "SIO-NSP-008")
class CannotLeave(PacketMutant):
    """DISCONNECT is passed over."""

    into = ((r"^41.*", '42["nothing"]'),)


@caught_by("SIO-NSP-007", "SIO-NSP-009", "SIO-BIN-016")
class HasOneNamespace(PacketMutant):
    """Events reach the handlers of the main namespace, wherever they go to."""

    into = ((r"^(42|451-)/custom,", r"\1"),)


@caught_by("SIO-NSP-010", "SIO-NSP-009")
class ForgivesStrangers(PacketMutant):
    """Packets for a namespace that is not joined are passed over."""

    into = ((r"^4[12]/custom,.*", '42["nothing"]'),)


@caught_by("SIO-NSP-011")
class WantsNoName(PacketMutant):
    """`/` may not be written out."""

    into = ((r"^42/,.*", "42{}"),)


@caught_by("SIO-NSP-012", "SIO-NSP-014")
class ServesOneConnection(PacketMutant):
    """What happens to one client happens to all."""

    def __init__(self) -> None:
        self.over = False

    def inward(self, packet: Packet) -> list[Packet]:
        self.over = self.over or packet == "41"
        if self.over and packet[:2] == "42":
            return []
        return [packet]

    def outward(self, packet: Packet) -> list[Packet]:
        return [packet] * 2 if packet == '42["auth",{}]' else [packet]


# --- events, acknowledgements, binary


@caught_by("SIO-EVENT-002", "SIO-EVENT-001")
class WritesSpaces(PacketMutant):
    """JSON has spaces, and true is 1."""

    out = ((",", ", "), ("true", "1"))


@caught_by("SIO-EVENT-003", "SIO-EVENT-005", "SIO-EVENT-006", "SIO-ACK-004")
class DropsNull(PacketMutant):
    """null is dropped, and empty arrays are."""

    out = (("null,", ""), ("null", "0"), (r"\[\],", ""))


@caught_by("SIO-EVENT-004", "SIO-ACK-007")
class RoundsNumbers(PacketMutant):
    """Numbers have 32 bits."""

    out = ((r"\d{10,}", "2147483647"), (r"1\.5", "1"))


@caught_by("SIO-EVENT-008", "SIO-EVENT-009", "SIO-EVENT-010", "SIO-EVENT-014")
class BreaksEscapes(PacketMutant):
    """Escapes and what looks like syntax are not read as JSON."""

    into = ((r"\\", ""), (r"451-", ""))


@caught_by("SIO-EVENT-011", "SIO-EVENT-016", "SIO-EVENT-017")
class ReadsJsonByHand(PacketMutant):
    """White space, equal keys and some names confuse the parser."""

    into = ((r"\t", "?"), (r'\{"a":1,"a":2\}', '{"a":1}'), ("toJSON", "to_json"))


@caught_by("SIO-EVENT-012", "SIO-EVENT-013")
class LimitsTooMuch(PacketMutant):
    """Ten arguments and ten levels are all."""

    into = ((r",1[0-9](?=[,\]])", ""), (r"\[{12,}.*", "[]]"))


@caught_by("SIO-EVENT-015")
class SubstitutesEverywhere(PacketMutant):
    """A placeholder is one in plain packets too."""

    into = ((r'^(42.*)\{"_placeholder":true,"num":0\}', r"\1null"),)


@caught_by("SIO-EVENT-018", "SIO-ACK-003")
class AddsAnArgument(PacketMutant):
    """No arguments become one: null."""

    out = ((r'\["message-back"\]', '["message-back",null]'), (r"^(43\d+)\[\]", r"\1[null]"))


@caught_by("SIO-EVENT-019", "SIO-EVENT-020", "SIO-ACK-005")
class ReordersEvents(PacketMutant):
    """The second of two events comes first, and one acknowledgement twice."""

    def __init__(self) -> None:
        self.held: list[Packet] = []

    def outward(self, packet: Packet) -> list[Packet]:
        if packet in ('42["message-back",7]', '42["message-back","hello"]'):
            self.held.append(packet)
            return []
        held, self.held = self.held, []
        return [packet, packet] if packet == '437["7"]' else [packet, *held]


@caught_by("SIO-EVENT-022", "SIO-EVENT-023", "SIO-EVENT-024")
class AnswersEveryEvent(PacketMutant):
    """Events without a handler are answered all the same."""

    into = ((r'^42\["(?!message)[^"]*"', '42["message"'),)


@caught_by("SIO-ACK-001", "SIO-ACK-002", "SIO-ACK-006", "SIO-ACK-009", "SIO-BIN-002")
class CountsAcknowledgementsFromOne(PacketMutant):
    """The id of an acknowledgement is off by one."""

    def outward(self, packet: Packet) -> list[Packet]:
        if isinstance(packet, str):
            packet = re.sub(
                r"^(43|46\d-)(\d+)", lambda found: f"{found[1]}{int(found[2]) + 1}", packet
            )
        return [packet]


@caught_by("SIO-ACK-002")
class TakesZeroForNone(PacketMutant):
    """The id 0 counts as no id."""

    into = ((r"^420\[", "42["),)


@caught_by("SIO-ACK-008")
class KeepsZeros(PacketMutant):
    """An id is a text."""

    out = ((r"^437\[", "43007["),)


@caught_by("SIO-ACK-011")
class AcknowledgesEverything(PacketMutant):
    """Events without an id are acknowledged."""

    into = ((r'^42\["message"', '420["message"'),)


@caught_by("SIO-ACK-012")
class MindsUnknownAcknowledgements(PacketMutant):
    """An acknowledgement that nobody waits for closes the connection."""

    into = ((r"^43999.*", "4abc"),)


@caught_by("SIO-ACK-014")
class AcknowledgesElsewhere(PacketMutant):
    """Acknowledgements go to the namespace that was joined last."""

    def __init__(self) -> None:
        self.custom = False

    def outward(self, packet: Packet) -> list[Packet]:
        self.custom = self.custom or packet[:10] == "40/custom,"
        if self.custom and isinstance(packet, str):
            packet = re.sub("^43", "43/custom,", packet)
        return [packet]


@caught_by("SIO-BIN-001", "SIO-BIN-002", "SIO-BIN-004", "SIO-BIN-011", "SIO-BIN-009")
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


@caught_by("SIO-BIN-005", "SIO-BIN-007")
class IgnoresNum(PacketMutant):
    """Attachments are placed in the order of the placeholders."""

    def inward(self, packet: Packet) -> list[Packet]:
        if isinstance(packet, str) and packet[:2] == "45":
            numbers = iter(range(100))
            packet = re.sub(r'"num":\d+', lambda _: f'"num":{next(numbers)}', packet)
        return [packet]


@caught_by("SIO-BIN-006", "SIO-BIN-009", "SIO-BIN-012")
class AllowsTwoAttachments(PacketMutant):
    """Packets with more attachments, and an attachment used twice, are refused."""

    def inward(self, packet: Packet) -> list[Packet]:
        if isinstance(packet, str) and (
            re.match(r"45(?:10|2)-", packet) or packet.count('"num":0') > 1
        ):
            return ["4abc"]
        return [packet]


@caught_by("SIO-BIN-014", "SIO-BIN-015")
class LosesItsPlace(PacketMutant):
    """Whatever comes between attachments is taken for one."""

    into = ((r"^3$", '42["message"]'), ("plain", "plane"))


@caught_by("SIO-BIN-020", "SIO-BIN-021", "SIO-BIN-023", "SIO-BIN-024", "SIO-BIN-025",
           "SIO-BIN-026", "SIO-BIN-027", "SIO-BIN-028", "SIO-BIN-029")  # fmt: skip
class ForgivesAttachments(PacketMutant):
    """Attachments that do not fit are dropped."""

    keeps_open = True


@caught_by(*(f"SIO-BAD-{number:03}" for number in range(1, 56)))
class ForgivesEvents(PacketMutant):
    """What is no packet is passed over."""

    keeps_open = True
