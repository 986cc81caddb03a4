"""Requests that break HTTP/1.1 (RFC 9112): the server refuses them, and goes on.

Two parsers may read such a request differently. By that a client could smuggle requests past a
proxy, so the server must refuse to guess.
"""

from __future__ import annotations

from conformance.case import MUST, ROBUSTNESS, Case, Phase, case, register
from conformance.context import Context
from conformance.errors import Ended
from conformance.expectations import expect_status, fail_unless
from conformance.offer import Feature
from conformance.packets import read_handshake


async def refuses(ctx: Context, data: bytes, *, success: bool = False) -> None:
    """Send bytes and expect an error status or a closed connection soon, and that other clients are
    served. With `success` a regular answer passes as well: only no answer is wrong.
    """
    connection = await ctx.connection()
    connection.write(data)
    try:
        reply = await connection.reply(expected="an error status or a closed connection")
    except (Ended, ConnectionError):
        pass
    else:
        fail_unless(
            success or reply.status >= 400, str(reply), "an error status or a closed connection"
        )
    await ctx.is_alive()


def add(
    id_: str,
    section: str,
    what: str,
    lines: list[str],
    body: bytes = b"",
    *,
    method: str = "POST",
    version: str = "HTTP/1.1",
    host: bool = True,
) -> None:
    """Add a case: a request with these header lines is refused; `what` describes it."""

    async def run(ctx: Context) -> None:
        session = await ctx.polling()
        head = [f"{method} {ctx.target(session.query)} {version}"]
        if host:
            head.append(f"Host: {ctx.settings.endpoint.authority}")
        head += lines
        await refuses(ctx, ("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + body)

    register(
        Case(
            id=id_,
            section=section,
            level=ROBUSTNESS,
            sends=f"A {method} for an open session {what}",
            expects="An error status or a closed connection, soon; other clients are served.",
            run=run,
        )
    )


LENGTH = "RFC 9112, section 6.3"
CHUNKS = "RFC 9112, section 7.1"
CHUNKED = "Transfer-Encoding: chunked"
NAMES = "RFC 9112, section 5.1"
HOST = "RFC 9112, section 3.2"

add(
    "EIO-HTTP-001",
    LENGTH,
    "with both Content-Length and Transfer-Encoding",
    ["Content-Length: 6", CHUNKED],
    b"6\r\n4hello\r\n0\r\n\r\n",
)
add(
    "EIO-HTTP-002",
    LENGTH,
    "with two different Content-Lengths",
    ["Content-Length: 6", "Content-Length: 5"],
    b"4hello",
)
for number, value in enumerate(("+6", "-6", "0x6", "6 6", "6e0", "", "٦"), start=3):
    add(
        f"EIO-HTTP-{number:03}",
        LENGTH,
        f"with the Content-Length {value or '(empty)'}",
        [f"Content-Length: {value.encode().decode('latin-1')}"],
        b"4hello",
    )
add(
    "EIO-HTTP-010",
    LENGTH,
    "with a Content-Length of 400 digits",
    [f"Content-Length: {'9' * 400}"],
    b"4hello",
)
add(
    "EIO-HTTP-011",
    LENGTH,
    "with Transfer-Encoding: xchunked",
    ["Transfer-Encoding: xchunked"],
    b"6\r\n4hello\r\n0\r\n\r\n",
)
add(
    "EIO-HTTP-012",
    LENGTH,
    "with Transfer-Encoding: chunked, identity",
    ["Transfer-Encoding: chunked, identity"],
    b"6\r\n4hello\r\n0\r\n\r\n",
)
add(
    "EIO-HTTP-013",
    NAMES,
    "with a space before the colon of Transfer-Encoding",
    ["Transfer-Encoding : chunked"],
    b"6\r\n4hello\r\n0\r\n\r\n",
)
add("EIO-HTTP-014", CHUNKS, "with the chunk size 0x6", [CHUNKED], b"0x6\r\n4hello\r\n0\r\n\r\n")
add("EIO-HTTP-015", CHUNKS, "with the chunk size -6", [CHUNKED], b"-6\r\n4hello\r\n0\r\n\r\n")
add(
    "EIO-HTTP-016",
    CHUNKS,
    "with a chunk size of 17 digits",
    [CHUNKED],
    b"f" * 17 + b"\r\n4hello\r\n0\r\n\r\n",
)
add(
    "EIO-HTTP-017",
    CHUNKS,
    "with XX in place of the CRLF behind a chunk",
    [CHUNKED],
    b"6\r\n4helloXX0\r\n\r\n",
)
add("EIO-HTTP-018", NAMES, "with a space in a header's name", ["X Token: 1"], method="GET")
add("EIO-HTTP-019", NAMES, "with a header line without a colon", ["X-Token"], method="GET")
add("EIO-HTTP-020", NAMES, "with a header without a name", [": 1"], method="GET")
add(
    "EIO-HTTP-021", "RFC 9110, section 5.5", "with a NUL in a header", ["X-Token: a\0b"],
    method="GET",
)  # fmt: skip
add(
    "EIO-HTTP-022",
    "RFC 9112, section 2.2",
    "with a bare CR in a header",
    ["X-Token: a\rb"],
    method="GET",
)
add(
    "EIO-HTTP-023", HOST, "without Host", [], method="GET", host=False
)  # fmt: skip
add(
    "EIO-HTTP-024", HOST, "with two Host headers", ["Host: other.example"], method="GET"
)  # fmt: skip
add(
    "EIO-HTTP-025",
    "RFC 9112, section 2.3",
    "of version HTTP/9.9",
    [],
    method="GET",
    version="HTTP/9.9",
)
add(
    "EIO-HTTP-026",
    "RFC 9112, section 2.3",
    "of version HTTQ/1.1",
    [],
    method="GET",
    version="HTTQ/1.1",
)
add("EIO-HTTP-027", "RFC 9112, section 3", "with a lower-case method", [], method="get")
add(
    "EIO-HTTP-028",
    "RFC 6585, section 5",
    "with a header of 200,000 bytes",
    [f"X-Padding: {'x' * 200_000}"],
    method="GET",
)


def bytes_case(id_: str, section: str, what: str, data: bytes, *, success: bool = False) -> None:
    """Add a case: these bytes on a new connection are refused."""

    async def run(ctx: Context) -> None:
        await refuses(ctx, data, success=success)

    register(
        Case(
            id=id_,
            section=section,
            level=ROBUSTNESS,
            sends=f"On a new connection: {what}",
            expects="An error status or a closed connection, soon; other clients are served.",
            run=run,
        )
    )


bytes_case(
    "EIO-HTTP-029",
    "RFC 9112, section 2.2",
    "the beginning of a TLS handshake, and an empty line",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64 + b"\r\n\r\n",
)
bytes_case(
    "EIO-HTTP-030",
    "RFC 9113, section 3.4",
    "the preface of HTTP/2",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)
bytes_case("EIO-HTTP-031", "RFC 9112, section 3", "`GARBAGE` and an empty line", b"GARBAGE\r\n\r\n")
bytes_case(
    "EIO-HTTP-032",
    "RFC 9112, section 3",
    "a request line of 200,000 bytes",
    b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
)


@case("EIO-HTTP-033", "RFC 9112, section 9.3.2", ROBUSTNESS)
async def pipeline(ctx: Context) -> None:
    """Three handshakes on one connection, all sent at once

    Three answers in this order, or fewer and a closed connection; never answers mixed up.
    """
    ctx.require(Feature.POLLING)
    connection = await ctx.connection()
    for _ in range(3):
        connection.request("GET", ctx.target("EIO=4&transport=polling"))
    sids = set()
    try:
        for _ in range(3):
            reply = await connection.reply(expected="the next of three answers, or the end")
            expect_status(reply, 200, "a handshake")
            sids.add(read_handshake(reply.text)["sid"])
    except Ended:
        fail_unless(len(sids) > 0, "no answer at all", "at least one")
        return
    fail_unless(len(sids) == 3, f"{len(sids)} different ids", "3")


@case("EIO-HTTP-034", "RFC 9110, section 10.1.1", MUST)
async def continue_first(ctx: Context) -> None:
    """POST with Expect: 100-continue; the body follows after a moment without waiting

    200 ok, with or without an interim answer.
    """
    session = await ctx.polling()
    connection = await ctx.connection()
    connection.request(
        "POST", ctx.target(session.query), [("Expect", "100-continue"), ("Content-Length", "6")]
    )
    await connection.segment()
    connection.write(b"4hello")
    expect_status(await connection.reply(), 200, "the POST")
    await session.expect("4hello")


@case("EIO-HTTP-035", "a client may vanish at any byte", ROBUSTNESS)
async def requests_that_break_off(ctx: Context) -> None:
    """A handshake's request, cut off after every 11th byte by a reset

    The server still works.
    """
    request = f"GET {ctx.target('EIO=4&transport=polling')} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    for length in range(1, len(request), 11):
        connection = await ctx.connection()
        connection.write(request[:length])
        await connection.writer.drain()
        connection.abort()
    await ctx.is_alive()


@case("EIO-HTTP-036", "one client must not delay another", ROBUSTNESS, phase=Phase.ALONE)
async def slow_requests(ctx: Context) -> None:
    """50 connections with half a request each, which stay open

    Other clients are served meanwhile.
    """
    for _ in range(50):
        connection = await ctx.connection()
        connection.write(b"GET /")
    await ctx.is_alive()


@case("EIO-HTTP-037", "one client must not delay another", ROBUSTNESS, phase=Phase.ALONE)
async def many_sessions(ctx: Context) -> None:
    """200 handshakes by polling, one after the other, never polled again

    Each gets a session; other clients are served.
    """
    ctx.require(Feature.POLLING)
    connection = await ctx.connection()
    sids = set()
    for _ in range(200):
        connection.request("GET", ctx.target("EIO=4&transport=polling"))
        reply = await connection.reply()
        expect_status(reply, 200, "a handshake")
        sids.add(read_handshake(reply.text)["sid"])
        if (reply.header("connection") or "").lower() == "close":
            connection = await ctx.connection()
    fail_unless(len(sids) == 200, f"{len(sids)} different ids", "200")
    await ctx.is_alive()


@case("EIO-HTTP-038", "RFC 9112, section 9.8", ROBUSTNESS)
async def half_closed(ctx: Context) -> None:
    """Half a request, and the end of the client's side (FIN; over TLS, of the connection)

    The server closes the connection, or answers with an error; other clients are served.
    """
    connection = await ctx.connection()
    connection.write(b"POST / HTTP/1.1\r\nContent-Le")
    connection.end()
    await connection.ended()
    await ctx.is_alive()
