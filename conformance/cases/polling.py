"""Messages over long-polling (Engine.IO v4, "HTTP long-polling")."""

from __future__ import annotations

from conformance.case import INTEROP, MUST, case
from conformance.context import Context
from conformance.errors import CaseFailed, NoAnswer
from conformance.expectations import expect, expect_status, fail_unless
from conformance.packets import decode_payload
from conformance.sessions import PollingSession
from conformance.transcript import printable

SENDING = 'Engine.IO v4, "Sending data"'
RECEIVING = 'Engine.IO v4, "Receiving data"'
ENCODING = 'Engine.IO v4, "Packet encoding: HTTP long-polling"'


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
