"""Malformed payloads, and packets that a client may not send over polling (Engine.IO v4, "Packet
encoding").

The document does not say what a malformed payload causes. The official suite does: it closes the
session. The POST itself may be answered 400, or 200 as the official server does.
"""

from __future__ import annotations

import gzip

from conformance.case import (
    INTEROP,
    MUST,
    ROBUSTNESS,
    SHOULD,
    Case,
    Level,
    case,
    register,
)
from conformance.context import Context
from conformance.errors import CaseFailed, Ended, NoAnswer
from conformance.expectations import expect_status, fail_unless

ENCODING = 'Engine.IO v4, "Packet encoding: HTTP long-polling"'
SUITE = 'Engine.IO v4, test suite: "closes the session upon invalid packet format"'
HEARTBEAT = 'Engine.IO v4, "Heartbeat"'


async def closes(ctx: Context, body: bytes) -> None:
    """POST a body and expect that the session is closed."""
    session = await ctx.polling()
    try:
        reply = await session.post(body)
        fail_unless(reply.status < 500, str(reply), "200 or a 4xx status")
    except (Ended, NoAnswer):
        # The suite allows no answer as well; EIO-LOAD-018 asks for one.
        pass
    await session.expect_closed()


def add(
    id_: str, section: str, level: Level, body: bytes, what: str, *, suite: bool = False
) -> None:
    """Add a case: this body closes the session."""

    async def run(ctx: Context) -> None:
        await closes(ctx, body)

    register(
        Case(
            id=id_,
            section=section,
            level=level,
            sends=f"POST {what}",
            expects="The session is closed: the next GET gets 400. The POST gets 400 or 200.",
            run=run,
            suite=suite,
        )
    )


add("EIO-LOAD-001", SUITE, MUST, b"abc", "`abc`", suite=True)
add("EIO-LOAD-002", SUITE, MUST, b"7", "`7`, a type that does not exist")
add("EIO-LOAD-003", SUITE, MUST, b"9hello", "`9hello`, a type that does not exist")
add("EIO-LOAD-004", ENCODING, INTEROP, b"", "an empty body, which holds no packet")
add("EIO-LOAD-005", ENCODING, INTEROP, b"\x1e", "a separator alone: two empty packets")
add("EIO-LOAD-006", ENCODING, INTEROP, b"4a\x1e", "`4a` and a separator after it")
add("EIO-LOAD-007", ENCODING, INTEROP, b"\x1e4a", "a separator and then `4a`")
add("EIO-LOAD-008", ENCODING, INTEROP, b"4a\x1e\x1e4b", "`4a` and `4b` with two separators between")
add("EIO-LOAD-009", SUITE, MUST, b" 4a", "a space and then `4a`")
add("EIO-LOAD-010", SUITE, MUST, b"\x004a", "a NUL and then `4a`")
add("EIO-LOAD-011", SUITE, MUST, b"4a\x1eabc", "`4a` and then `abc`")
add("EIO-LOAD-012", SUITE, MUST, b"\xef\xbb\xbf4a", "a byte order mark and then `4a`")
add("EIO-LOAD-013", HEARTBEAT, INTEROP, b"2", "`2`: pings are the server's in this version")
add("EIO-LOAD-014", HEARTBEAT, INTEROP, b"2probe", "`2probe`, which belongs on a WebSocket")
add("EIO-LOAD-015", ENCODING, ROBUSTNESS, b"b!!!!", "`b!!!!`, which is no base64")
add("EIO-LOAD-016", ENCODING, ROBUSTNESS, b"4\xff\xfe", "`4` and two bytes that are no UTF-8")
add("EIO-LOAD-017", SUITE, MUST, "４hello".encode(), "`４hello` with a full-width digit")


@case("EIO-LOAD-018", SUITE, SHOULD)
async def bad_payload_is_answered_400(ctx: Context) -> None:
    """POST `abc`

    400, as the official suite has it (it also takes a broken connection for an answer).
    """
    session = await ctx.polling()
    expect_status(await session.post(b"abc"), 400, "the POST")


@case(
    "EIO-LOAD-019", "official server: what means nothing from a client is passed over", ROBUSTNESS
)
async def packets_without_meaning(ctx: Context) -> None:
    """POST `6`, then `0`, then `5`, then `3`, each alone.

    The session goes on.
    """
    session = await ctx.polling()
    for packet in ("6", "0", "5", "3"):
        await session.deliver(packet)
        await ctx.works(session)


@case("EIO-LOAD-020", 'Engine.IO v4, "Headers"', ROBUSTNESS)
async def binary_body(ctx: Context) -> None:
    """POST with Content-Type: application/octet-stream, the binary form of version 3.

    The POST is answered, whatever with: a request that hangs keeps its connection.
    """
    session = await ctx.polling()
    reply = await session.post(b"\x01\x02", [("Content-Type", "application/octet-stream")])
    fail_unless(reply.status < 500, str(reply), "any answer below 500")


@case("EIO-LOAD-021", ENCODING, ROBUSTNESS)
async def bad_payload_harms_nobody_else(ctx: Context) -> None:
    """Two sessions; POST `abc` for the first.

    The second still works.
    """
    first, second = await ctx.polling(), await ctx.polling()
    await closes(ctx, b"abc")
    await first.post(b"abc")
    await ctx.works(second)


@case("EIO-LOAD-022", ENCODING, ROBUSTNESS)
async def compressed_body(ctx: Context) -> None:
    """POST a gzip body with Content-Encoding: gzip.

    It is refused or closes the session; the server does not inflate what clients send.
    """
    session = await ctx.polling()
    body = gzip.compress(b"4" + b"0" * 1_000)
    reply = await session.post(body, [("Content-Encoding", "gzip")])
    if reply.status == 200 and not await session.is_closed():
        raise CaseFailed("a session that goes on", "the body to be refused")
