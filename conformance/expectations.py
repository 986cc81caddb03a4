"""Functions by which a case says what it expects; they raise `CaseFailed` if it is not so."""

from __future__ import annotations

from conformance.connection import Reply
from conformance.errors import CaseFailed
from conformance.websocket import WebSocket


def expect_status(reply: Reply, status: int, what: str) -> None:
    """Expect an HTTP status; `what` names the answer in the failure."""
    if reply.status != status:
        raise CaseFailed(f"{reply} for {what}", str(status))


def expect_websocket(opened: WebSocket | Reply) -> WebSocket:
    """Expect that a WebSocket was opened."""
    if isinstance(opened, Reply):
        raise CaseFailed(str(opened), "101 Switching Protocols")
    return opened


def expect(seen: object, expected: object, what: str) -> None:
    """Expect a value; `what` names it in the failure."""
    if seen != expected:
        raise CaseFailed(f"{seen!r} for {what}", repr(expected))


def fail_unless(condition: bool, seen: str, expected: str) -> None:
    """Fail with these words unless a condition holds."""
    if not condition:
        raise CaseFailed(seen, expected)
