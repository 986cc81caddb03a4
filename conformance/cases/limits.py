"""The limit of payloads that the handshake tells, maxPayload (Engine.IO v4, "Handshake").

The document tells the client to keep to it. The official server enforces it on POST bodies and on
WebSocket messages: a payload of exactly this size passes, a larger one does not.
"""

from __future__ import annotations

import contextlib

from conformance.case import INTEROP, ROBUSTNESS, Phase, case
from conformance.context import Context
from conformance.errors import NO_CLOSE_FRAME, Ended, NoAnswer, NotApplicable
from conformance.expectations import expect_status, fail_unless
from conformance.frames import BINARY, CONTINUATION, TEXT, frame
from conformance.offer import Feature

MAX_PAYLOAD = 'Engine.IO v4, "Handshake": maxPayload'

# The largest limit that is tried out, in bytes; the usual one is a million.
LARGEST = 16_000_000
TOO_BIG = 1009

REFUSAL = "413 or another error status, or a closed connection"


def limit(ctx: Context) -> int:
    """Return the server's limit, in bytes."""
    ctx.require(Feature.MAX_PAYLOAD)
    size = ctx.timings.max_payload
    if size > LARGEST:
        raise NotApplicable(f"maxPayload is {size}; a limit is tried out up to {LARGEST} bytes")
    return size


@case("EIO-LIMIT-001", MAX_PAYLOAD, INTEROP, phase=Phase.ALONE)
async def largest_body(ctx: Context) -> None:
    """POST a body of exactly maxPayload bytes, then poll

    200 ok, and the message comes back.
    """
    session = await ctx.polling()
    message = "4" + "x" * (limit(ctx) - 1)
    await session.deliver(message)
    await session.expect(message)


@case("EIO-LIMIT-002", MAX_PAYLOAD, ROBUSTNESS, phase=Phase.ALONE)
async def body_above_the_limit(ctx: Context) -> None:
    """POST a body of maxPayload + 1 bytes

    An error status (413), or the connection is closed; other clients are served.
    """
    session = await ctx.polling()
    try:
        reply = await session.post(b"4" + b"x" * limit(ctx))
        fail_unless(reply.status >= 400, str(reply), REFUSAL)
    except (Ended, ConnectionError):
        pass
    await ctx.is_alive()


@case("EIO-LIMIT-003", MAX_PAYLOAD, INTEROP, phase=Phase.ALONE)
async def largest_message(ctx: Context) -> None:
    """A text frame of exactly maxPayload bytes

    The same message.
    """
    session = await ctx.websocket()
    message = "4" + "x" * (limit(ctx) - 1)
    session.send(message)
    await session.expect(message)


@case("EIO-LIMIT-004", MAX_PAYLOAD, ROBUSTNESS, phase=Phase.ALONE)
async def message_above_the_limit(ctx: Context) -> None:
    """A binary frame of maxPayload + 1 bytes

    The WebSocket is closed, with code 1009 if there is a close frame.
    """
    session = await ctx.websocket()
    session.socket.send(b"x" * (limit(ctx) + 1))
    ended = await session.expect_closed()
    fail_unless(ended.code in (TOO_BIG, NO_CLOSE_FRAME), ended.got, "the code 1009")
    await ctx.is_alive()


@case("EIO-LIMIT-005", MAX_PAYLOAD, ROBUSTNESS, phase=Phase.ALONE)
async def fragments_above_the_limit(ctx: Context) -> None:
    """Fragments of a quarter of maxPayload each, five of them

    The WebSocket is closed, with code 1009 if there is a close frame.
    """
    session = await ctx.websocket()
    part = b"x" * (limit(ctx) // 4 + 1)
    data = frame(BINARY, part, fin=False)
    data += b"".join(frame(CONTINUATION, part, fin=False) for _ in range(4))
    session.socket.send_bytes(data, "five fragments")
    ended = await session.expect_closed()
    fail_unless(ended.code in (TOO_BIG, NO_CLOSE_FRAME), ended.got, "the code 1009")
    await ctx.is_alive()


@case("EIO-LIMIT-006", MAX_PAYLOAD, ROBUSTNESS, phase=Phase.ALONE)
async def chunks_above_the_limit(ctx: Context) -> None:
    """POST in chunks (Transfer-Encoding: chunked) that sum up to more than maxPayload

    An error status, or the connection is closed; the message is not delivered.
    """
    session = await ctx.polling()
    connection = await ctx.connection()
    connection.request("POST", ctx.target(session.query), [("Transfer-Encoding", "chunked")])
    part = b"x" * (limit(ctx) // 4 + 1)
    for index in range(5):
        data = b"4" + part[1:] if index == 0 else part
        connection.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
    connection.write(b"0\r\n\r\n")
    try:
        reply = await connection.reply(expected=REFUSAL)
        fail_unless(reply.status >= 400, str(reply), REFUSAL)
    except (Ended, ConnectionError):
        pass
    # The message must not be delivered although it was refused, whether the session is over or not.
    with contextlib.suppress(Ended, NoAnswer):
        polled = await session.get()
        fail_unless("4xxx" not in polled.text, "the message delivered", "it to be refused")
    await ctx.is_alive()


@case("EIO-LIMIT-007", MAX_PAYLOAD, ROBUSTNESS)
async def announced_body(ctx: Context) -> None:
    """POST with Content-Length: 1,000 times maxPayload, and no body

    An error status, or the connection is closed, without waiting for a body that is too large.
    """
    session = await ctx.polling()
    connection = await ctx.connection()
    ctx.require(Feature.MAX_PAYLOAD)
    size = str(ctx.timings.max_payload * 1_000)
    connection.request("POST", ctx.target(session.query), [("Content-Length", size)])
    # The end of a session that answers no ping would be no refusal.
    wait = min(ctx.wait, 0.8 * (ctx.timings.ping_interval + ctx.timings.ping_timeout))
    try:
        reply = await connection.reply(wait, REFUSAL)
    except Ended:
        return
    fail_unless(reply.status >= 400, str(reply), REFUSAL)


@case("EIO-LIMIT-008", MAX_PAYLOAD, ROBUSTNESS, phase=Phase.ALONE)
async def limit_counts_bytes(ctx: Context) -> None:
    """A text frame of a third of maxPayload characters of three bytes each, and one character more

    The WebSocket is closed: the limit counts bytes, not characters.
    """
    session = await ctx.websocket()
    data = b"4" + "€".encode() * (limit(ctx) // 3 + 1)
    session.socket.send_bytes(frame(TEXT, data), "a message above the limit in bytes only")
    await session.expect_closed()


@case("EIO-LIMIT-009", MAX_PAYLOAD, INTEROP, phase=Phase.ALONE)
async def limit_is_of_one_message(ctx: Context) -> None:
    """Three messages of half of maxPayload each

    All three come back: the limit is of one message, not of a session.
    """
    session = await ctx.websocket()
    message = "4" + "x" * (limit(ctx) // 2)
    for _ in range(3):
        session.send(message)
        await session.expect(message)
    expect_status(await ctx.request("GET", "EIO=4&transport=polling"), 200, "a handshake after it")
