"""Sessions on a WebSocket: one packet a frame (Engine.IO v4, "WebSocket")."""

from __future__ import annotations

from conformance.case import INTEROP, MUST, Case, Level, case, register
from conformance.connection import Reply
from conformance.context import Context
from conformance.expectations import expect, expect_websocket, fail_unless
from conformance.frames import BINARY, CONTINUATION, PING, TEXT, frame, packet_frame
from conformance.offer import Feature
from conformance.packets import read_handshake
from conformance.sessions import WebSocketSession

WEBSOCKET = 'Engine.IO v4, "WebSocket"'
ENCODING = 'Engine.IO v4, "Packet encoding: WebSocket"'


@case("EIO-WS-001", ENCODING, MUST, suite=True)
async def text(ctx: Context) -> None:
    """The text frame `4hello`

    The text frame `4hello`.
    """
    session = await ctx.websocket()
    session.send("4hello")
    await session.expect("4hello")


@case("EIO-WS-002", ENCODING, MUST, suite=True)
async def binary(ctx: Context) -> None:
    """A binary frame of the bytes 01 02 03 04

    A binary frame of the same bytes, with no prefix.
    """
    session = await ctx.websocket()
    session.send(b"\x01\x02\x03\x04")
    await session.expect(b"\x01\x02\x03\x04")


@case("EIO-WS-003", ENCODING, MUST)
async def every_byte(ctx: Context) -> None:
    """A binary frame of all 256 byte values

    The same bytes.
    """
    session = await ctx.websocket()
    session.send(bytes(range(256)))
    await session.expect(bytes(range(256)))


@case("EIO-WS-004", ENCODING, MUST)
async def other_alphabets(ctx: Context) -> None:
    """The text frame `4€ é 漢字 🦊`

    The same text in UTF-8.
    """
    session = await ctx.websocket()
    session.send("4€ é 漢字 🦊")
    await session.expect("4€ é 漢字 🦊")


@case("EIO-WS-005", ENCODING, INTEROP)
async def empty_message(ctx: Context) -> None:
    """The text frame `4`

    The text frame `4`: an empty message is a message.
    """
    session = await ctx.websocket()
    session.send("4")
    await session.expect("4")


@case("EIO-WS-006", ENCODING, MUST)
async def one_packet_a_frame(ctx: Context) -> None:
    """The frames `4one`, bytes 01, `4two` in one TCP segment

    Three frames, in this order.
    """
    session = await ctx.websocket()
    session.send("4one", b"\x01", "4two")
    await session.expect("4one", b"\x01", "4two")


@case("EIO-WS-007", ENCODING, MUST)
async def separator_is_data(ctx: Context) -> None:
    """The text frame `4one`, U+001E, `4two`

    The same frame back as one message: the separator belongs to long-polling only.
    """
    session = await ctx.websocket()
    session.send("4one\x1e4two")
    await session.expect("4one\x1e4two")


@case("EIO-WS-008", ENCODING, MUST)
async def sizes(ctx: Context) -> None:
    """Messages of 125, 126, 127, 65,535, 65,536 and 100,000 bytes, as far as maxPayload allows

    The same messages: all three forms of a frame's length are understood.
    """
    session = await ctx.websocket()
    for size in (125, 126, 127, 65_535, 65_536, 100_000):
        if size <= ctx.timings.max_payload:
            session.send("4" + "x" * (size - 1))
            await session.expect("4" + "x" * (size - 1))


@case("EIO-WS-009", WEBSOCKET, MUST)
async def many_messages(ctx: Context) -> None:
    """200 text frames and then 200 frames in return

    All 200, in order.
    """
    session = await ctx.websocket()
    messages = [f"4message {number}" for number in range(200)]
    session.send(*messages)
    await session.expect(*messages)


@case("EIO-WS-010", WEBSOCKET, MUST)
async def sessions_are_apart(ctx: Context) -> None:
    """Two sessions, a message in each

    Each gets its own message only.
    """
    first, second = await ctx.websocket(), await ctx.websocket()
    first.send("4a")
    second.send("4b")
    await second.expect("4b")
    await first.expect("4a")
    first.send("4c")
    await first.expect("4c")


@case("EIO-WS-011", "official server: a frame may come with the handshake", INTEROP)
async def frames_behind_the_request(ctx: Context) -> None:
    """The frame `4early` in the same write as the request for the WebSocket

    101, the open packet, and then `4early`.
    """
    opened = await ctx.open_websocket("EIO=4&transport=websocket", after=packet_frame("4early"))
    socket = expect_websocket(opened)
    read_handshake(await socket.receive())
    await WebSocketSession(ctx, socket).expect("4early")


@case("EIO-WS-012", "RFC 6455, section 4.2.2", MUST)
async def nothing_unasked(ctx: Context) -> None:
    """A WebSocket that offers no extension and no subprotocol

    101 without Sec-WebSocket-Extensions and without Sec-WebSocket-Protocol.
    """
    opened = expect_websocket(await ctx.open_websocket("EIO=4&transport=websocket"))
    for name in ("sec-websocket-extensions", "sec-websocket-protocol"):
        expect(opened.reply.header(name), None, name)


@case("EIO-WS-013", "RFC 6455, section 9.1", MUST)
async def unknown_extension(ctx: Context) -> None:
    """A WebSocket that offers the extensions `x-unknown; a=1, constructor`

    101 without an extension, and messages as usual.
    """
    opened = await ctx.open_websocket(
        "EIO=4&transport=websocket",
        [("Sec-WebSocket-Extensions", "x-unknown; a=1, constructor")],
    )
    socket = expect_websocket(opened)
    expect(socket.reply.header("sec-websocket-extensions"), None, "Sec-WebSocket-Extensions")
    read_handshake(await socket.receive())
    socket.send("4hello")
    await WebSocketSession(ctx, socket).expect("4hello")


@case("EIO-WS-014", "RFC 6455, section 5.4", MUST)
async def fragments(ctx: Context) -> None:
    """`4hello` in three fragments, and a binary message in two

    Both messages whole.
    """
    session = await ctx.websocket()
    session.socket.send_bytes(
        frame(TEXT, b"4he", fin=False)
        + frame(CONTINUATION, b"", fin=False)
        + frame(CONTINUATION, b"llo"),
        "three fragments of 4hello",
    )
    session.socket.send_bytes(
        frame(BINARY, b"\x01\x02", fin=False) + frame(CONTINUATION, b"\x03"),
        "two fragments of 01 02 03",
    )
    await session.expect("4hello", b"\x01\x02\x03")


@case("EIO-WS-015", "RFC 6455, sections 5.5.2 and 5.5.3", MUST)
async def websocket_ping(ctx: Context) -> None:
    """A ping frame with the payload `are you there`, and then `4hello`

    A pong frame with the same payload, and `4hello`.
    """
    session = await ctx.websocket()
    session.socket.send_bytes(frame(PING, b"are you there"), "ping frame")
    session.send("4hello")
    await session.expect("4hello")
    expect(session.socket.pongs, [b"are you there"], "the pong frames")


@case("EIO-WS-016", "RFC 6455, section 5.4", MUST)
async def ping_between_fragments(ctx: Context) -> None:
    """`4he`, a ping frame, `llo`

    A pong, and `4hello` whole.
    """
    session = await ctx.websocket()
    session.socket.send_bytes(
        frame(TEXT, b"4he", fin=False) + frame(PING, b"x") + frame(CONTINUATION, b"llo"),
        "fragments with a ping frame between",
    )
    await session.expect("4hello")
    expect(session.socket.pongs, [b"x"], "the pong frames")


@case("EIO-WS-017", "RFC 6455, section 5.2", MUST)
async def frame_in_pieces(ctx: Context) -> None:
    """The frame of `4` and 200 characters: its first 12 bytes in a TCP segment each, then the rest

    The message whole.
    """
    session = await ctx.websocket()
    ctx.fits(201)
    data = packet_frame("4" + "x" * 200)
    for index in range(12):
        session.socket.connection.writer.write(data[index : index + 1])
        await session.socket.connection.segment()
    session.socket.connection.writer.write(data[12:])
    await session.expect("4" + "x" * 200)


@case("EIO-WS-018", "RFC 6455, section 4.1", MUST)
async def names_have_no_case(ctx: Context) -> None:
    """A request with `upgrade: WebSocket` and `connection: keep-alive, upgrade`

    101.
    """
    ctx.require(Feature.WEBSOCKET)
    connection = await ctx.connection()
    connection.request(
        "GET",
        ctx.target("EIO=4&transport=websocket"),
        [
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ],
    )
    reply = await connection.reply()
    expect(reply.status, 101, "the status")
    expect(
        reply.header("sec-websocket-accept"),
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "Sec-WebSocket-Accept, for the key of RFC 6455's example",
    )


@case("EIO-WS-019", WEBSOCKET, MUST)
async def second_websocket(ctx: Context) -> None:
    """A second WebSocket with the sid of a session that a WebSocket carries

    The second is refused or closed; the first goes on.
    """
    session = await ctx.websocket()
    async with session.kept_alive():
        opened = await ctx.open_websocket(f"EIO=4&transport=websocket&sid={session.sid}")
        if isinstance(opened, Reply):
            fail_unless(opened.status >= 400, str(opened), "an error status, or a close")
        else:
            await WebSocketSession(ctx, opened).expect_closed()
    await ctx.works(session)


@case("EIO-WS-020", "official server: what means nothing from a client is passed over", INTEROP)
async def packets_without_meaning(ctx: Context) -> None:
    """The frames `6`, `0`, `5` and `3`

    The session goes on.
    """
    session = await ctx.websocket()
    session.send("6", "0", "5", "3")
    await ctx.works(session)


def closes(
    id_: str, section: str, level: Level, packet: str, what: str, *, suite: bool = False
) -> None:
    """Add a case: this packet closes the session."""

    async def run(ctx: Context) -> None:
        session = await ctx.websocket()
        session.send(packet)
        await session.expect_closed()

    register(
        Case(
            id=id_,
            section=section,
            level=level,
            sends=f"The text frame {what}",
            expects="The server closes the WebSocket, although the client answers pings.",
            run=run,
            suite=suite,
        )
    )


SUITE = 'Engine.IO v4, test suite: "closes the session upon invalid packet format"'
closes("EIO-WS-021", SUITE, MUST, "abc", "`abc`", suite=True)
closes("EIO-WS-022", SUITE, MUST, "7", "`7`, a type that does not exist")
closes("EIO-WS-023", SUITE, MUST, "", "of no bytes")
closes("EIO-WS-024", SUITE, MUST, " 4hello", "of a space and `4hello`")
closes("EIO-WS-025", 'Engine.IO v4, "Heartbeat"', INTEROP, "2", "`2`: pings are the server's")
closes("EIO-WS-026", 'Engine.IO v4, "Upgrade"', INTEROP, "2probe", "`2probe` without an upgrade")
closes("EIO-WS-027", SUITE, MUST, "４hello", "`４hello` with a full-width digit")


@case("EIO-WS-028", WEBSOCKET, MUST)
async def polling_a_websocket_session(ctx: Context) -> None:
    """GET and POST with the sid of a session that a WebSocket carries

    400 both times, and the session goes on.
    """
    session = await ctx.websocket()
    query = f"EIO=4&transport=polling&sid={session.sid}"
    for method, body in (("GET", None), ("POST", b"4x")):
        reply = await ctx.request(method, query, body=body)
        fail_unless(reply.status == 400, f"{reply} for {method}", "400")
    await ctx.works(session)


@case("EIO-WS-029", ENCODING, INTEROP)
async def empty_binary(ctx: Context) -> None:
    """A binary frame of no bytes, and then `4hello`

    A binary frame of no bytes, and `4hello`.
    """
    session = await ctx.websocket()
    session.send(b"", "4hello")
    await session.expect(b"", "4hello")
