"""Mutants that open sessions as they should not, or not as they should."""

from __future__ import annotations

import json

from conformance.frames import accept_key
from tests.conformance.messages import Message, answer
from tests.conformance.mutant import Mutant, Packet
from tests.conformance.mutants.bases import FrameMutant, edit_handshake
from tests.conformance.mutants.register import caught_by


@caught_by(
    "EIO-OPEN-009", "SIO-ENGINE-003", seen="got 200 0{…} for GET transport=polling, expected 400"
)
@caught_by("EIO-OPEN-010", seen="got 200 0{…} for GET EIO=3&transport=polling, expected 400")
@caught_by(
    "EIO-OPEN-022",
    "SIO-ENGINE-006",
    seen="got 0{…}, expected the WebSocket to be refused or closed",
)
class AcceptsEveryVersion(Mutant):
    """EIO is not looked at."""

    def request(self, request: Message) -> None:
        if "transport" in request.query:
            request.ask(EIO="4")


@caught_by("EIO-OPEN-011", "SIO-ENGINE-004", seen="got 200 0{…} for GET EIO=4, expected 400")
@caught_by("EIO-OPEN-012", seen="got 200 0{…} for GET EIO=4&transport=POLLING, expected 400")
@caught_by("EIO-OPEN-016", seen='got 200 0{…}, expected {"code":0,"message":…}')
class PollsByDefault(Mutant):
    """An unknown transport is polling."""

    def request(self, request: Message) -> None:
        if request.query.get("transport") not in ("polling", "websocket"):
            request.ask(transport="polling")


@caught_by(
    "EIO-OPEN-023",
    "EIO-OPEN-025",
    "SIO-ENGINE-007",
    seen="got 0{…}, expected the WebSocket to be refused or closed",
)
class UpgradesByDefault(Mutant):
    """A request for a WebSocket is one whatever its transport is."""

    def request(self, request: Message) -> None:
        if request.upgrades:
            request.ask(transport="websocket")


@caught_by(
    "EIO-OPEN-013", "SIO-ENGINE-005", seen="got 200 0{…} for a handshake by POST, expected 400"
)
@caught_by("EIO-OPEN-014", seen="got 200 0{…} for DELETE, expected an error status")
@caught_by("EIO-OPEN-018", seen='got 200 0{…}, expected {"code":2,"message":…}')
class OpensByEveryMethod(Mutant):
    """POST, PUT, DELETE and PATCH open sessions."""

    def request(self, request: Message) -> None:
        if "sid" not in request.query and request.method != "OPTIONS":
            request.method = "GET"


@caught_by("EIO-OPEN-028", seen="got 200, expected an error status")
class OpensByHead(Mutant):
    """HEAD opens a session."""

    def request(self, request: Message) -> Message | None:
        return answer(200) if request.method == "HEAD" else None


@caught_by(
    "EIO-OPEN-024", "EIO-CLOSE-005", seen="got 0{…}, expected the WebSocket to be refused or closed"
)
@caught_by(
    "EIO-OPEN-030",
    seen="got 200 0{…} for GET EIO=4&transport=polling&sid=0123456789abcdefghij, expected 400",
)
class AdoptsUnknownSessions(Mutant):
    """A sid that is not known becomes a session."""

    def request(self, request: Message) -> None:
        if request.query.get("sid", "").startswith("0123") or (
            request.upgrades and "sid" in request.query
        ):
            request.ask(sid=None)


@caught_by("EIO-OPEN-017", seen='got 200 6, expected {"code":1,"message":…}')
@caught_by(
    "EIO-OPEN-019", seen="got 200 6 for GET EIO=4&transport=polling&sid=unknown, expected 400"
)
class ForgivesUnknownSessions(Mutant):
    """A request for a session that is not known gets 200."""

    def reply(self, request: Message, reply: Message) -> None:
        if reply.status == 400 and "sid" in request.query:
            reply.start, reply.body = "HTTP/1.1 200 OK", b"6"


@caught_by("EIO-OPEN-026", seen="got 200 0{…} for GET EIO=4&transport=websocket, expected 400")
class PollsAsWebSocket(Mutant):
    """A GET with transport=websocket is a poll."""

    def request(self, request: Message) -> None:
        if not request.upgrades and request.query.get("transport") == "websocket":
            request.ask(transport="polling")


@caught_by("EIO-OPEN-027", seen="got 200 0{…}, expected anything but an open packet")
class IgnoresThePath(Mutant):
    """Every path is the server's."""

    def request(self, request: Message) -> None:
        if "no-such-path" in request.path:
            request.ask("/engine.io/")


@caught_by("EIO-OPEN-029", seen="got 500 (no body) for GET EIO=4&transport=__proto__, expected 400")
class TripsOverNames(Mutant):
    """Names that mean something in a language break the lookup."""

    def request(self, request: Message) -> Message | None:
        return answer(500) if "__" in request.start or "constructor" in request.start else None


@caught_by("EIO-OPEN-020", seen="got 400 (no body) for the handshake, expected 200")
class KnowsThreeParameters(Mutant):
    """Other parameters are refused."""

    def request(self, request: Message) -> Message | None:
        return None if request.query.keys() <= {"EIO", "transport", "sid"} else answer(400)


@caught_by("EIO-OPEN-021", seen="got 400 (no body) for the handshake, expected 200")
class ReadsQueriesRaw(Mutant):
    """Escapes in a query are not undone."""

    def request(self, request: Message) -> Message | None:
        return answer(400) if "%" in request.start.replace("%20", "") else None


@caught_by(
    "EIO-OPEN-003",
    seen="got ['maxPayload', 'pingInterval', 'pingTimeout', 'serverTime', 'sid', 'upgrades'] "
    "for the keys of the handshake, "
    "expected ['maxPayload', 'pingInterval', 'pingTimeout', 'sid', 'upgrades']",
)
class AddsAKey(FrameMutant):
    """The handshake has a sixth key."""

    def outward(self, packet: Packet) -> list[Packet]:
        return [edit_handshake(packet, serverTime=1)]


@caught_by("EIO-OPEN-001", "SIO-ENGINE-001", seen="got [] for upgrades, expected ['websocket']")
class OffersNoUpgrade(Mutant):
    """`upgrades` is empty."""

    def outward(self, packet: Packet) -> list[Packet]:
        return [edit_handshake(packet, upgrades=[])]


@caught_by("EIO-OPEN-002", "SIO-ENGINE-002", seen="got ['websocket'] for upgrades, expected []")
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


@caught_by("EIO-OPEN-005", seen="got 1 for the number of different beginnings, expected 16")
class CountsSessions(RenamesSessions):
    """Session ids are numbers in a row."""

    def name(self, number: int) -> str:
        return f"session-number-{number:06}"


@caught_by(
    "EIO-OPEN-006",
    seen="got the sid 'session&…#=%', expected characters that need no escape in a query",
)
class NamesSessionsOddly(RenamesSessions):
    """Session ids need an escape in a query."""

    def name(self, number: int) -> str:
        return f"session&{number}#=%"


@caught_by("EIO-OPEN-004", seen="got 1 for the number of different ids, expected 8")
@caught_by("EIO-POLL-029", seen="got 1 for the number of different ids, expected 2")
@caught_by("EIO-HTTP-033", seen="got 1 different ids, expected 3")
@caught_by("EIO-HTTP-037", seen="got 1 different ids, expected 200")
class HasOneSession(RenamesSessions):
    """All sessions have one id."""

    def name(self, number: int) -> str:
        return "the-one-and-only-session"


@caught_by(
    "EIO-OPEN-007",
    "EIO-POLL-022",
    seen="got 'application/json' for Content-Type, expected 'text/plain;charset=utf-8'",
)
class CallsEverythingJson(Mutant):
    """Content-Type is application/json."""

    def reply(self, request: Message, reply: Message) -> None:
        reply.set("Content-Type", "application/json")


@caught_by(
    "EIO-OPEN-008", "EIO-POLL-028", seen="got Cache-Control: public, max-age=60, expected no-store"
)
class LetsItselfBeCached(Mutant):
    """Answers may be stored."""

    def reply(self, request: Message, reply: Message) -> None:
        reply.set("Cache-Control", "public, max-age=60")


@caught_by("EIO-OPEN-015", seen='got 400 (no body), expected {"code":5,"message":…}')
@caught_by("EIO-OPEN-016", seen='got 400 (no body), expected {"code":0,"message":…}')
@caught_by("EIO-OPEN-017", seen='got 400 (no body), expected {"code":1,"message":…}')
@caught_by("EIO-OPEN-018", seen='got 400 (no body), expected {"code":2,"message":…}')
class ExplainsNothing(Mutant):
    """Errors have no body."""

    def reply(self, request: Message, reply: Message) -> None:
        if reply.status >= 400:
            reply.body = b""


@caught_by("EIO-OPEN-031", seen="got HTTP/1.1 400 Bad Request…, expected a frame of a server")
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
