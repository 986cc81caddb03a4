"""Mutants that tell browsers something else than they should."""

from __future__ import annotations

from tests.conformance.messages import Message, answer
from tests.conformance.mutant import Mutant
from tests.conformance.mutants.register import caught_by


@caught_by(
    "EIO-CORS-001",
    seen="got Access-Control-Allow-Origin: http://b.example on the handshake, "
    "expected * or http://a.example",
)
@caught_by(
    "EIO-CORS-002",
    seen="got Access-Control-Allow-Origin: http://b.example on the POST, "
    "expected * or http://a.example",
)
@caught_by(
    "EIO-CORS-003",
    seen="got Access-Control-Allow-Origin: http://b.example on the error, "
    "expected * or http://a.example",
)
@caught_by(
    "EIO-CORS-004",
    seen="got Access-Control-Allow-Origin: http://b.example on the preflight, "
    "expected * or http://a.example",
)
class NamesAnotherOrigin(Mutant):
    """Access-Control-Allow-Origin is another origin."""

    def reply(self, request: Message, reply: Message) -> None:
        reply.set("Access-Control-Allow-Origin", "http://b.example")


@caught_by("EIO-CORS-004", "EIO-CORS-005", seen="got 405 (no body), expected 200 or 204")
@caught_by(
    "EIO-CORS-006", seen="got Access-Control-Allow-Headers: none, expected content-type,x-token"
)
class KnowsNoPreflight(Mutant):
    """OPTIONS is refused."""

    def request(self, request: Message) -> Message | None:
        return answer(405) if request.method == "OPTIONS" else None


@caught_by("EIO-CORS-007", seen="got * together with credentials, expected one of the two")
class AllowsCredentialsToAll(Mutant):
    """Credentials go together with `*`."""

    def reply(self, request: Message, reply: Message) -> None:
        reply.set("Access-Control-Allow-Credentials", "true")


@caught_by("EIO-CORS-008", seen="got 403 (no body), expected 101")
class RefusesForeignWebSockets(Mutant):
    """A WebSocket of another origin is refused."""

    def request(self, request: Message) -> Message | None:
        return answer(403) if request.upgrades and request.header("origin") else None


@caught_by("EIO-CORS-009", seen="got 200 0{…}, expected an empty answer")
class OpensByPreflight(Mutant):
    """OPTIONS opens a session."""

    def request(self, request: Message) -> None:
        if request.method == "OPTIONS":
            request.method = "GET"
