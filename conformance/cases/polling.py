"""Messages over long-polling, and the HTTP around them (Engine.IO v4, "HTTP long-polling")."""

from __future__ import annotations

from conformance.case import INTEROP, MUST, SHOULD, case
from conformance.connection import Reply
from conformance.context import Context
from conformance.errors import CaseFailed, NoAnswer
from conformance.expectations import expect, expect_status, fail_unless
from conformance.offer import Feature
from conformance.packets import decode_payload, read_handshake
from conformance.sessions import PollingSession
from conformance.transcript import printable

SENDING = 'Engine.IO v4, "Sending data"'
RECEIVING = 'Engine.IO v4, "Receiving data"'
ENCODING = 'Engine.IO v4, "Packet encoding: HTTP long-polling"'
HEADERS = 'Engine.IO v4, "Headers"'


async def echoed(session: PollingSession, body: bytes) -> None:
    """POST a payload and expect it back, whole, with the next poll; a ping may come with it."""
    await session.deliver(body.decode())
    while True:
        reply = await session.get()
        expect_status(reply, 200, "the GET")
        packets = reply.body.split(b"\x1e")
        if b"2" not in packets:
            break
        await session.post(b"3")
        packets.remove(b"2")
        if packets:
            break
    fail_unless(b"\x1e".join(packets) == body, str(reply), f"200 {printable(body)}")


def besides_pings(reply: Reply) -> bytes:
    """A payload without the pings that may come at any time."""
    return b"\x1e".join(packet for packet in reply.body.split(b"\x1e") if packet != b"2")


@case("EIO-POLL-001", RECEIVING, MUST, suite=True)
async def one_text(ctx: Context) -> None:
    """POST `4hello`, then GET.

    200 ok for the POST; 200 `4hello` for the GET.
    """
    await echoed(await ctx.polling(), b"4hello")


@case("EIO-POLL-002", SENDING, MUST, suite=True)
async def post_is_answered_ok(ctx: Context) -> None:
    """POST `4hello`

    200 with the body `ok`.
    """
    reply = await (await ctx.polling()).post(b"4hello")
    fail_unless(reply.status == 200 and reply.body == b"ok", str(reply), "200 ok")


@case("EIO-POLL-003", ENCODING, MUST, suite=True)
async def several_texts(ctx: Context) -> None:
    """POST `4test1`, `4test2`, `4test3` in one payload, then poll.

    The three packets in this order.
    """
    session = await ctx.polling()
    await session.deliver("4test1", "4test2", "4test3")
    await session.expect("4test1", "4test2", "4test3")


@case("EIO-POLL-004", ENCODING, INTEROP, suite=True)
async def several_texts_in_one_answer(ctx: Context) -> None:
    """POST `4test1`, `4test2`, `4test3` in one payload, then one GET.

    All three in the answer to this GET, joined with U+001E: the official suite asserts it.
    """
    await echoed(await ctx.polling(), b"4test1\x1e4test2\x1e4test3")


@case("EIO-POLL-005", ENCODING, MUST, suite=True)
async def text_and_binary(ctx: Context) -> None:
    """POST `4hello` and `bAQIDBA==` in one payload, then poll.

    The same two packets.
    """
    session = await ctx.polling()
    await session.deliver("4hello", b"\x01\x02\x03\x04")
    await session.expect("4hello", b"\x01\x02\x03\x04")


@case("EIO-POLL-006", ENCODING, INTEROP, suite=True)
async def text_and_binary_in_one_answer(ctx: Context) -> None:
    """POST `4hello` and `bAQIDBA==` in one payload, then one GET.

    The answer is the same payload, to the byte.
    """
    await echoed(await ctx.polling(), b"4hello\x1ebAQIDBA==")


@case("EIO-POLL-007", ENCODING, MUST)
async def binary_alone(ctx: Context) -> None:
    """POST `bAQIDBA==`, then GET.

    `bAQIDBA==`: the standard alphabet with padding, prefixed with b and not with 4.
    """
    await echoed(await ctx.polling(), b"bAQIDBA==")


@case("EIO-POLL-008", ENCODING, MUST)
async def every_byte(ctx: Context) -> None:
    """POST a binary packet of all 256 byte values, one of 1 byte, one of 2, then poll.

    The same bytes.
    """
    session = await ctx.polling()
    packets = (bytes(range(256)), b"\xfb", b"\xff\xfe")
    await session.deliver(*packets)
    await session.expect(*packets)


@case("EIO-POLL-009", ENCODING, INTEROP)
async def empty_message(ctx: Context) -> None:
    """POST `4`, then GET.

    `4`: an empty message is a message.
    """
    await echoed(await ctx.polling(), b"4")


@case("EIO-POLL-010", 'Engine.IO v4, "Packet encoding": UTF-8', MUST)
async def other_alphabets(ctx: Context) -> None:
    """POST `4€ é 漢字 🦊`, then GET.

    The same text in UTF-8, with a Content-Length in bytes and not in characters.
    """
    await echoed(await ctx.polling(), "4€ é 漢字 🦊".encode())


@case("EIO-POLL-011", ENCODING, MUST)
async def message_that_looks_like_a_packet(ctx: Context) -> None:
    """POST `44hello`, `42`, `41` and `4b` in one payload, then poll.

    The same four messages: what follows the first 4 is the application's.
    """
    session = await ctx.polling()
    await session.deliver("44hello", "42", "41", "4b")
    await session.expect("44hello", "42", "41", "4b")


@case("EIO-POLL-012", RECEIVING, MUST)
async def poll_waits(ctx: Context) -> None:
    """GET with nothing to fetch; a moment later POST `4late` on another connection.

    The GET is not answered with an empty body or an error but with `4late` (or first a ping).
    """
    session = await ctx.polling()
    parked = await session.park()
    await session.deliver("4late")
    for _ in range(3):
        reply = await parked.reply(expected="the waiting GET to be answered")
        expect_status(reply, 200, "the waiting GET")
        packets = decode_payload(reply.text)
        if "4late" in packets:
            return
        expect(packets, ["2"], "the packets before 4late")
        await session.deliver("3")
        parked = await session.park()
    raise CaseFailed("only pings", "4late")


@case("EIO-POLL-013", RECEIVING, MUST)
async def poll_is_held(ctx: Context) -> None:
    """GET with nothing to fetch.

    No answer at once: half a ping interval (at most 0.5 s) passes before anything comes.
    """
    session = await ctx.polling()
    parked = await session.park()
    try:
        reply = await parked.reply(min(0.5, ctx.timings.ping_interval / 2))
    except NoAnswer:
        return
    raise CaseFailed(f"{reply} at once", "the GET to wait for something to send")


@case("EIO-POLL-014", RECEIVING, MUST)
async def messages_wait_for_the_poll(ctx: Context) -> None:
    """POST `4one`, POST `4two`, and only then poll.

    Both messages, in this order.
    """
    session = await ctx.polling()
    await session.deliver("4one")
    await session.deliver("4two")
    await session.expect("4one", "4two")


@case("EIO-POLL-015", RECEIVING, MUST)
async def once_each(ctx: Context) -> None:
    """POST `4one`, poll, POST `4two`, poll.

    First `4one`, then `4two`: a message that was fetched is not sent again.
    """
    session = await ctx.polling()
    for message in ("4one", "4two", "4three"):
        await session.deliver(message)
        await session.expect(message)


@case("EIO-POLL-016", RECEIVING, MUST)
async def sessions_are_apart(ctx: Context) -> None:
    """Two sessions; POST `4a` for the first and `4b` for the second, then poll both.

    Each gets its own message only.
    """
    first, second = await ctx.polling(), await ctx.polling()
    await first.deliver("4a")
    await second.deliver("4b")
    await second.expect("4b")
    await first.expect("4a")
    await first.deliver("4c")
    await first.expect("4c")


@case("EIO-POLL-017", SENDING, MUST)
async def hundred_packets(ctx: Context) -> None:
    """POST 100 messages in one payload, then poll until all are there.

    All 100 in order.
    """
    session = await ctx.polling()
    messages = [f"4message {number}" for number in range(100)]
    await session.deliver(*messages)
    await session.expect(*messages)


@case("EIO-POLL-018", SENDING, MUST)
async def large_message(ctx: Context) -> None:
    """POST a message of 100,000 characters (or a third of maxPayload), then GET.

    The same message.
    """
    size = min(100_000, ctx.timings.max_payload // 3)
    await echoed(await ctx.polling(), b"4" + b"large " * (size // 6))


@case("EIO-POLL-019", "RFC 9112, section 9.3", MUST)
async def one_connection(ctx: Context) -> None:
    """Handshake, POST and GET one after the other on one connection.

    The connection is kept open, and each request gets its own answer.
    """
    ctx.require(Feature.POLLING)
    connection = await ctx.connection()
    connection.request("GET", ctx.target("EIO=4&transport=polling"))
    reply = await connection.reply()
    expect_status(reply, 200, "the handshake")
    query = f"EIO=4&transport=polling&sid={read_handshake(reply.text)['sid']}"
    connection.request("POST", ctx.target(query), body=b"4hello")
    fail_unless((reply := await connection.reply()).text == "ok", str(reply), "200 ok")
    connection.request("GET", ctx.target(query))
    reply = await connection.reply()
    fail_unless(besides_pings(reply) == b"4hello", str(reply), "200 4hello")


@case("EIO-POLL-020", "RFC 9112, section 7.1", MUST)
async def chunked_body(ctx: Context) -> None:
    """POST `4hello` in the chunks `4he`, `llo` (Transfer-Encoding: chunked), then poll.

    `4hello`.
    """
    session = await ctx.polling()
    connection = await ctx.connection()
    connection.request("POST", ctx.target(session.query), [("Transfer-Encoding", "chunked")])
    connection.write(b"3\r\n4he\r\n")
    connection.write(b"3\r\nllo\r\n0\r\n\r\n")
    expect_status(await connection.reply(), 200, "the POST")
    await session.expect("4hello")


@case("EIO-POLL-021", HEADERS, SHOULD)
async def body_without_a_type(ctx: Context) -> None:
    """POST `4hello` without Content-Type, then with text/plain;charset=UTF-8.

    Both count as text and are echoed.
    """
    session = await ctx.polling()
    await echoed(session, b"4hello")
    reply = await session.post(b"4again", [("Content-Type", "text/plain;charset=UTF-8")])
    expect_status(reply, 200, "the POST")
    await session.expect("4again")


@case("EIO-POLL-022", HEADERS, SHOULD)
async def poll_is_text(ctx: Context) -> None:
    """POST `bAQIDBA==`, then GET.

    Content-Type: text/plain; charset=UTF-8, for binary messages too: they travel as base64.
    """
    session = await ctx.polling()
    await session.deliver(b"\x01\x02\x03\x04")
    reply = await session.get()
    seen = (reply.header("content-type") or "").lower().replace(" ", "")
    expect(seen, "text/plain;charset=utf-8", "Content-Type")


@case("EIO-POLL-023", "RFC 9110, section 5.1", MUST)
async def names_of_headers(ctx: Context) -> None:
    """POST `4hello` with the header names in lower, upper and mixed case.

    `4hello` comes back: names of headers have no case.
    """
    session = await ctx.polling()
    for name in ("content-length", "CONTENT-LENGTH", "cOnTeNt-LeNgTh"):
        connection = await ctx.connection()
        connection.write(
            f"POST {ctx.target(session.query)} HTTP/1.1\r\nhOST: {ctx.settings.endpoint.authority}"
            f"\r\n{name}: 6\r\n\r\n4hello".encode()
        )
        expect_status(await connection.reply(), 200, "the POST")
        await session.expect("4hello")


@case("EIO-POLL-024", "RFC 9112, section 2.1", MUST)
async def request_in_pieces(ctx: Context) -> None:
    """A POST of `4hello` that arrives in pieces of 7 bytes.

    `4hello` comes back.
    """
    session = await ctx.polling()
    connection = await ctx.connection()
    data = (
        f"POST {ctx.target(session.query)} HTTP/1.1\r\nHost: {ctx.settings.endpoint.authority}\r\n"
        "Content-Length: 6\r\n\r\n4hello"
    ).encode()
    for start in range(0, len(data), 7):
        connection.write(data[start : start + 7])
        await connection.segment()
    expect_status(await connection.reply(), 200, "the POST")
    await session.expect("4hello")


@case("EIO-POLL-025", "RFC 9110, section 12.5.3", INTEROP)
async def compressed_poll(ctx: Context) -> None:
    """POST 20,000 characters, then GET with Accept-Encoding: gzip, deflate.

    The message, whether compressed or not; a coding that is used is named and decodes.
    """
    session = await ctx.polling()
    body = b"4" + b"compressible " * 1_500
    await session.deliver(body.decode())
    reply = await ctx.request("GET", session.query, [("Accept-Encoding", "gzip, deflate")])
    whole = reply.status == 200 and besides_pings(reply) == body
    fail_unless(whole, str(reply), "200 and the message")


@case("EIO-POLL-026", "RFC 9110, section 12.5.3", MUST)
async def uncompressed_poll(ctx: Context) -> None:
    """POST 20,000 characters, then GET without Accept-Encoding.

    The message, not compressed.
    """
    session = await ctx.polling()
    await session.deliver("4" + "compressible " * 1_500)
    reply = await session.get()
    expect_status(reply, 200, "the GET")
    expect(reply.header("content-encoding"), None, "Content-Encoding")
    fail_unless(besides_pings(reply).startswith(b"4compressible"), str(reply), "the message")


@case("EIO-POLL-027", "official server: errors do not end the session", INTEROP)
async def other_methods(ctx: Context) -> None:
    """PUT, then DELETE, for an open session.

    An error status both times, and the session goes on.
    """
    session = await ctx.polling()
    for method in ("PUT", "DELETE"):
        reply = await ctx.request(method, session.query, body=b"")
        fail_unless(reply.status >= 400, f"{reply} for {method}", "an error status")
    await ctx.works(session)


@case("EIO-POLL-028", "official server: cache-control", INTEROP)
async def polls_are_not_stored(ctx: Context) -> None:
    """POST `4hello`, then GET.

    Cache-Control: no-store (or no-cache) on the GET's answer.
    """
    session = await ctx.polling()
    await session.deliver("4hello")
    seen = ((await session.get()).header("cache-control") or "").lower()
    fail_unless(
        "no-store" in seen or "no-cache" in seen, f"Cache-Control: {seen or 'none'}", "no-store"
    )


@case("EIO-POLL-029", 'Engine.IO v4, "Query parameters"', MUST)
async def no_id_no_session(ctx: Context) -> None:
    """With a session open, a GET without sid.

    A new session with another id: the server keeps no session by connection or address.
    """
    ctx.require(Feature.POLLING)
    connection = await ctx.connection()
    sids = set()
    for _ in range(2):
        connection.request("GET", ctx.target("EIO=4&transport=polling"))
        sids.add(read_handshake((await connection.reply()).text)["sid"])
    expect(len(sids), 2, "the number of different ids")


@case("EIO-POLL-030", "official server: CODES.BAD_REQUEST", INTEROP)
async def another_version_in_a_session(ctx: Context) -> None:
    """GET for an open session with EIO=3.

    400, and the session goes on.
    """
    session = await ctx.polling()
    query = session.query.replace("EIO=4", "EIO=3")
    reply = await ctx.request("GET", query, expected="400 for the GET with EIO=3")
    expect_status(reply, 400, "the GET with EIO=3")
    await ctx.works(session)
