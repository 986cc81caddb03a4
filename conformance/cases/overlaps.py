"""Two requests of one kind at once, and requests that are given up (Engine.IO v4, "Sending data",
"Receiving data").

Requests on two connections have no order. So a case first makes sure that the server has read one
request: it sends another on a third connection, and waits for the answer.
"""

from __future__ import annotations

import asyncio

from conformance.case import INTEROP, MUST, case
from conformance.connection import Connection, Reply
from conformance.context import Context
from conformance.errors import Ended
from conformance.expectations import expect_status, fail_unless
from conformance.packets import decode_payload, show
from conformance.sessions import PollingSession

SENDING = 'Engine.IO v4, "Sending data"'
RECEIVING = 'Engine.IO v4, "Receiving data"'
SUITE = "Engine.IO v4, test suite"


async def parked(session: PollingSession) -> Connection:
    """Return a GET that the server has read: a POST that was sent after it was answered."""
    connection = await session.park()
    await session.deliver("3")
    return connection


async def two_polls(ctx: Context, session: PollingSession) -> list[Reply | None]:
    """Return the answers to two GETs at once; None for a connection that was closed instead."""
    first = await parked(session)
    second = await session.park()
    replies: list[Reply | None] = []
    for connection in (first, second):
        try:
            replies.append(await connection.reply(expected="both GETs to be answered"))
        except Ended:
            replies.append(None)
    return replies


async def half_a_post(ctx: Context, session: PollingSession) -> Connection:
    """Return a POST that the server has begun to read."""
    connection = await ctx.connection()
    connection.request("POST", ctx.target(session.query), [("Content-Length", "6")])
    connection.write(b"4he")
    await connection.writer.drain()
    # Time for the server to read it: a request on a connection of its own comes later.
    await ctx.request("GET", "EIO=4&transport=polling")
    await asyncio.sleep(0.05)
    return connection


@case("EIO-RACE-001", RECEIVING, MUST, suite=True)
async def second_poll_is_refused(ctx: Context) -> None:
    """GET, and while it waits a second GET.

    400 for the second; the official suite takes 500 as well.
    """
    _, second = await two_polls(ctx, await ctx.polling())
    fail_unless(second is not None and second.status in (400, 500), str(second), "400")


@case("EIO-RACE-002", RECEIVING, MUST, suite=True)
async def second_poll_closes_the_session(ctx: Context) -> None:
    """GET, and while it waits a second GET.

    The session is closed: a third GET gets 400.
    """
    session = await ctx.polling()
    await two_polls(ctx, session)
    await session.expect_closed()


@case(
    "EIO-RACE-003",
    f'{SUITE}: "closes the session upon duplicate poll requests"',
    INTEROP,
    suite=True,
)
async def first_poll_is_told(ctx: Context) -> None:
    """GET, and while it waits a second GET.

    200 `1` for the first.
    """
    first, _ = await two_polls(ctx, await ctx.polling())
    fail_unless(first is not None and first.text == "1", str(first), "200 1")


@case("EIO-RACE-004", SENDING, MUST)
async def second_post_is_refused(ctx: Context) -> None:
    """Half a POST, and a whole POST on another connection.

    400 for the second.
    """
    session = await ctx.polling()
    await half_a_post(ctx, session)
    reply = await session.post(b"4second")
    fail_unless(reply.status in (400, 500), str(reply), "400")


@case("EIO-RACE-005", SENDING, MUST)
async def second_post_closes_the_session(ctx: Context) -> None:
    """Half a POST, and a whole POST on another connection.

    The session is closed: a GET gets 400.
    """
    session = await ctx.polling()
    await half_a_post(ctx, session)
    await session.post(b"4second")
    await session.expect_closed()


@case("EIO-RACE-006", RECEIVING, MUST)
async def get_and_post_together(ctx: Context) -> None:
    """GET, and while it waits a POST of `4hello`.

    Both are allowed at once: `ok`, and the GET brings `4hello`.
    """
    session = await ctx.polling()
    waiting = await parked(session)
    await session.deliver("4hello")
    reply = await waiting.reply(expected="the waiting GET to be answered")
    if reply.text == "2":
        await session.deliver("3")
        await session.expect("4hello")
    else:
        fail_unless(reply.text == "4hello", str(reply), "200 4hello")


@case(
    "EIO-RACE-007",
    f'{SUITE}: "closes the session upon cancelled polling request"',
    INTEROP,
    suite=True,
)
async def cancelled_poll(ctx: Context) -> None:
    """GET, and while it waits the client closes its connection.

    The session is closed: another GET gets 400.
    """
    session = await ctx.polling()
    waiting = await parked(session)
    waiting.abort()
    await asyncio.sleep(0.05)
    await session.expect_closed()


@case("EIO-RACE-008", "official server: an aborted POST is a transport error", INTEROP)
async def cancelled_post(ctx: Context) -> None:
    """Half a POST, and then the client closes its connection.

    The session is closed: a GET gets 400. What was sent is lost, and messages must not have gaps.
    """
    session = await ctx.polling()
    connection = await half_a_post(ctx, session)
    connection.abort()
    await asyncio.sleep(0.05)
    await session.expect_closed()


@case("EIO-RACE-009", SENDING, MUST)
async def posts_in_turn(ctx: Context) -> None:
    """Twenty POSTs, each after the answer to the one before, with a GET waiting all the time.

    All messages in order.
    """
    session = await ctx.polling()
    waiting = await parked(session)
    messages = [f"4message {number}" for number in range(20)]
    seen = 0
    # Sent with the next message: two POSTs at once are not allowed.
    pong: list[str] = []

    async def fetch() -> None:
        nonlocal seen
        connection = waiting
        while True:
            due = messages[seen]
            reply = await connection.reply(expected=due)
            expect_status(reply, 200, "the waiting GET")
            for packet in decode_payload(reply.text):
                if packet == "2":
                    pong[:] = ["3"]
                    continue
                fail_unless(packet == messages[seen], show(packet), messages[seen])
                seen += 1
                if seen == len(messages):
                    return
            connection = await session.park()

    fetching = asyncio.create_task(fetch())
    try:
        for message in messages:
            due = [*pong, message]
            pong.clear()
            await session.deliver(*due)
        await fetching
    finally:
        fetching.cancel()
