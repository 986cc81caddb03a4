"""Frames that break RFC 6455: the connection fails with the code that the RFC names, and nobody
else notices.
"""

from __future__ import annotations

import struct

from conformance.case import INTEROP, MUST, ROBUSTNESS, Case, Level, case, register
from conformance.context import Context
from conformance.errors import NO_CLOSE_FRAME, CaseFailed, Ended
from conformance.expectations import fail_unless
from conformance.frames import BINARY, CLOSE, CONTINUATION, PING, TEXT, frame
from conformance.offer import Feature

PROTOCOL_ERROR, INVALID_DATA = 1002, 1007


async def fails(ctx: Context, data: bytes, what: str, code: int) -> None:
    """Send bytes and expect the connection to fail; a close frame, if there is one, has `code`."""
    session = await ctx.websocket()
    session.socket.send_bytes(data, what)
    ended = await session.expect_closed()
    # RFC 6455, section 7.1.7: the close frame is a SHOULD, closing is not.
    fail_unless(ended.code in (code, NO_CLOSE_FRAME), ended.got, f"the code {code}")
    await ctx.is_alive()


def add(
    id_: str, section: str, what: str, data: bytes, code: int = PROTOCOL_ERROR, level: Level = MUST
) -> None:
    """Add a case: these bytes fail the connection."""

    async def run(ctx: Context) -> None:
        await fails(ctx, data, what, code)

    register(
        Case(
            id=id_,
            section=f"RFC 6455, section {section}",
            level=level,
            sends=f"On an open session: {what}",
            expects=f"The connection is closed, with code {code} if there is a close frame; "
            "other clients are served.",
            run=run,
        )
    )


add("EIO-FRAME-001", "5.1", "a frame without a mask", frame(TEXT, b"4hello", masked=False))
add("EIO-FRAME-002", "5.2", "a frame with RSV1 set, not negotiated", frame(TEXT, b"4x", rsv=4))
add("EIO-FRAME-003", "5.2", "a frame with RSV2 and RSV3 set", frame(TEXT, b"4x", rsv=3))
add("EIO-FRAME-004", "5.2", "a frame with the reserved opcode 3", frame(3, b"4x"))
add("EIO-FRAME-005", "5.2", "a control frame with the reserved opcode 11", frame(11))
add("EIO-FRAME-006", "5.5", "a ping frame in fragments", frame(PING, b"x", fin=False))
add("EIO-FRAME-007", "5.5", "a ping frame of 126 bytes", frame(PING, b"x" * 126))
add("EIO-FRAME-008", "5.4", "a continuation with nothing to continue", frame(CONTINUATION, b"x"))
add(
    "EIO-FRAME-009",
    "5.4",
    "a text frame between the fragments of another",
    frame(TEXT, b"4a", fin=False) + frame(TEXT, b"4b"),
)
add("EIO-FRAME-010", "8.1", "a text frame that is not UTF-8", frame(TEXT, b"4\xff"), INVALID_DATA)
add(
    "EIO-FRAME-011",
    "8.1",
    "a text frame with a surrogate in UTF-8",
    frame(TEXT, b"4\xed\xa0\x80"),
    INVALID_DATA,
)
add(
    "EIO-FRAME-012",
    "8.1",
    "a text frame with an overlong form of /",
    frame(TEXT, b"4\xc0\xaf"),
    INVALID_DATA,
)
add("EIO-FRAME-013", "5.5.1", "a close frame of one byte", frame(CLOSE, b"\x03"))
add("EIO-FRAME-014", "7.4.1", "a close frame with code 1005", frame(CLOSE, struct.pack("!H", 1005)))
add("EIO-FRAME-015", "7.4", "a close frame with code 999", frame(CLOSE, struct.pack("!H", 999)))
add(
    "EIO-FRAME-016",
    "5.5.1",
    "a close frame whose reason is not UTF-8",
    frame(CLOSE, struct.pack("!H", 1000) + b"\xff"),
    INVALID_DATA,
)


@case("EIO-FRAME-017", "RFC 6455, section 8.1", MUST)
async def character_across_fragments(ctx: Context) -> None:
    """`4€` in two text frames that part the € in the middle

    The message whole: only the message must be UTF-8, not each frame.
    """
    session = await ctx.websocket()
    session.socket.send_bytes(
        frame(TEXT, b"4\xe2\x82", fin=False) + frame(CONTINUATION, b"\xac"), "4€ in two fragments"
    )
    await session.expect("4€")


@case("EIO-FRAME-018", "RFC 6455, section 5.5.1", MUST)
async def close_frame(ctx: Context) -> None:
    """A close frame with code 1000

    A close frame in return.
    """
    session = await ctx.websocket()
    session.socket.close()
    ended = await session.expect_closed()
    fail_unless(ended.code != NO_CLOSE_FRAME, ended.got, "a close frame")


@case("EIO-FRAME-019", "RFC 6455, section 5.5.1", MUST)
async def empty_close_frame(ctx: Context) -> None:
    """A close frame without a code

    A close frame in return.
    """
    session = await ctx.websocket()
    session.socket.close(b"")
    ended = await session.expect_closed()
    fail_unless(ended.code != NO_CLOSE_FRAME, ended.got, "a close frame")


@case("EIO-FRAME-020", "RFC 6455, section 5.5.1", MUST)
async def nothing_after_a_close_frame(ctx: Context) -> None:
    """A close frame, and the message `4late` behind it

    A close frame and no echo.
    """
    session = await ctx.websocket()
    session.socket.close()
    session.send("4late")
    await session.expect_closed()


@case("EIO-FRAME-021", "RFC 6455, section 7.1.1", MUST)
async def connection_is_closed(ctx: Context) -> None:
    """A close frame; then the client waits

    After its own close frame the server closes the TCP connection.
    """
    session = await ctx.websocket()
    session.socket.close()
    await session.expect_closed()
    await session.socket.connection.ended()


def refuses(id_: str, section: str, what: str, changes: dict[str, str | None]) -> None:
    """Add a case: a handshake with these headers (None leaves one out) opens no WebSocket."""
    usual = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }

    async def run(ctx: Context) -> None:
        ctx.require(Feature.WEBSOCKET)
        connection = await ctx.connection()
        headers = [(name, value) for name, value in (usual | changes).items() if value is not None]
        connection.request("GET", ctx.target("EIO=4&transport=websocket"), headers)
        try:
            reply = await connection.reply()
        except Ended:
            return
        if reply.status < 400:
            raise CaseFailed(str(reply), "an error status or a closed connection")

    register(
        Case(
            id=id_,
            section=f"RFC 6455, section {section}",
            level=MUST,
            sends=f"A request for a WebSocket {what}",
            expects="An error status (or a closed connection), not 101.",
            run=run,
        )
    )


refuses("EIO-FRAME-022", "4.2.1", "without Sec-WebSocket-Key", {"Sec-WebSocket-Key": None})
refuses("EIO-FRAME-023", "4.2.1", "with a key of 8 bytes", {"Sec-WebSocket-Key": "c2hvcnQga2U="})
refuses("EIO-FRAME-024", "4.4", "of version 12", {"Sec-WebSocket-Version": "12"})
refuses("EIO-FRAME-025", "4.2.1", "without Upgrade", {"Upgrade": None, "Connection": None})
refuses("EIO-FRAME-026", "4.2.1", "that upgrades to h2c", {"Upgrade": "h2c"})


@case("EIO-FRAME-027", "RFC 6455, section 5.5", ROBUSTNESS)
async def ping_frames_in_plenty(ctx: Context) -> None:
    """1,000 ping frames, read at leisure, and then `4hello`

    Either pongs and `4hello`, or the connection is closed; other clients are served.
    """
    session = await ctx.websocket()
    session.socket.send_bytes(frame(PING, b"flood") * 1_000, "1,000 ping frames")
    session.send("4hello")
    try:
        await session.expect("4hello")
    except Ended:
        pass
    else:
        fail_unless(
            len(session.socket.pongs) > 0, "no pong at all", "at least one pong (section 5.5.3)"
        )
    await ctx.is_alive()


@case("EIO-FRAME-028", "RFC 6455, section 10.4", ROBUSTNESS)
async def declared_size(ctx: Context) -> None:
    """The head of a frame that announces 2^62 bytes

    The connection is closed before any of them come; other clients are served.
    """
    data = frame(BINARY, b"x", length=2**62)
    session = await ctx.websocket()
    session.socket.send_bytes(data, "a frame that announces 2^62 bytes")
    await session.expect_closed()
    await ctx.is_alive()


@case("EIO-FRAME-029", "RFC 6455, section 5.2", INTEROP)
async def long_form_of_a_short_length(ctx: Context) -> None:
    """`4hello` with its length in the 16-bit form

    Delivered, or the connection is closed with 1002; no third thing.
    """
    session = await ctx.websocket()
    payload = frame(TEXT, b"4hello")[2:]
    session.socket.send_bytes(
        bytes([0x81, 0x80 | 126]) + struct.pack("!H", 6) + payload, "a 16-bit length of 6"
    )
    try:
        await session.expect("4hello")
    except Ended as ended:
        fail_unless(
            ended.code in (PROTOCOL_ERROR, NO_CLOSE_FRAME), ended.got, "the code 1002 or the echo"
        )
