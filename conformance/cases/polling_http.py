"""The HTTP that carries messages over long-polling: connections, bodies, headers, methods
(Engine.IO v4, "Headers").
"""

from __future__ import annotations

from conformance.case import INTEROP, MUST, SHOULD, case
from conformance.cases.polling import echoed
from conformance.connection import Reply
from conformance.context import Context
from conformance.expectations import expect, expect_status, fail_unless
from conformance.offer import Feature
from conformance.packets import read_handshake

HEADERS = 'Engine.IO v4, "Headers"'


def besides_pings(reply: Reply) -> bytes:
    """Return a payload without the pings that may come at any time."""
    return b"\x1e".join(packet for packet in reply.body.split(b"\x1e") if packet != b"2")


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
