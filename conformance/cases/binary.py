"""Binary values as attachments (Socket.IO v5, "Packet encoding")."""

from __future__ import annotations

from conformance.case import INTEROP, MUST, ROBUSTNESS, Case, Level, case, register
from conformance.context import Context
from conformance.packets import Packet

ENCODING = 'Socket.IO v5, "Packet encoding"'
DECODER = "official decoder: what does not fit closes"
SUITE = "Socket.IO v5, test suite"

FIRST, SECOND = b"\x01\x02\x03", b"\x04\x05\x06"


def hole(number: int) -> str:
    """Return the placeholder of an attachment."""
    return f'{{"_placeholder":true,"num":{number}}}'


@case("SIO-BIN-001", f'{SUITE}: "should send a packet with binary attachments"', MUST, suite=True)
async def event(ctx: Context) -> None:
    """`452-["message",{placeholder 0},{placeholder 1}]` and the frames 01 02 03, 04 05 06

    `452-["message-back",{placeholder 0},{placeholder 1}]` and the same two frames.
    """
    session = await ctx.join()
    session.send(f'452-["message",{hole(0)},{hole(1)}]', FIRST, SECOND)
    await session.expect_json(f'452-["message-back",{hole(0)},{hole(1)}]', FIRST, SECOND)


@case(
    "SIO-BIN-002",
    f'{SUITE}: "should send a packet with binary attachments and an ack"',
    MUST,
    suite=True,
)
async def acknowledgement(ctx: Context) -> None:
    """`452-789["message-with-ack",{placeholder 0},{placeholder 1}]` and two frames

    `462-789[{placeholder 0},{placeholder 1}]` and the same two frames.
    """
    session = await ctx.join()
    session.send(f'452-789["message-with-ack",{hole(0)},{hole(1)}]', FIRST, SECOND)
    await session.expect_json(f"462-789[{hole(0)},{hole(1)}]", FIRST, SECOND)


@case("SIO-BIN-003", ENCODING, MUST)
async def one(ctx: Context) -> None:
    """`451-["message",{placeholder 0},"text"]` and one frame

    `451-["message-back",{placeholder 0},"text"]` and the same frame.
    """
    session = await ctx.join()
    session.send(f'451-["message",{hole(0)},"text"]', FIRST)
    await session.expect_json(f'451-["message-back",{hole(0)},"text"]', FIRST)


@case("SIO-BIN-004", ENCODING, MUST)
async def nested(ctx: Context) -> None:
    """Placeholders in an object and in an array in it

    The same structure, numbered in the order of the document.
    """
    session = await ctx.join()
    value = f'{{"a":[{hole(0)},1],"b":{{"c":{hole(1)}}}}}'
    session.send(f'452-["message",{value}]', FIRST, SECOND)
    await session.expect_json(f'452-["message-back",{value}]', FIRST, SECOND)


@case("SIO-BIN-005", "official decoder: num chooses the attachment", INTEROP)
async def swapped(ctx: Context) -> None:
    """`452-["message",{placeholder 1},{placeholder 0}]` and two frames

    The second frame's bytes come first.
    """
    session = await ctx.join()
    session.send(f'452-["message",{hole(1)},{hole(0)}]', FIRST, SECOND)
    await session.expect_json(f'452-["message-back",{hole(0)},{hole(1)}]', SECOND, FIRST)


@case("SIO-BIN-006", "official decoder: an attachment may be used twice", INTEROP)
async def used_twice(ctx: Context) -> None:
    """`451-["message",{placeholder 0},{placeholder 0}]` and one frame

    Both arguments have its bytes.
    """
    session = await ctx.join()
    session.send(f'451-["message",{hole(0)},{hole(0)}]', FIRST)
    await session.expect_json(f'452-["message-back",{hole(0)},{hole(1)}]', FIRST, FIRST)


@case("SIO-BIN-007", "official decoder: an attachment may be left unused", INTEROP)
async def unused(ctx: Context) -> None:
    """`452-["message",{placeholder 1}]` and two frames

    `451-["message-back",{placeholder 0}]` and the second frame's bytes.
    """
    session = await ctx.join()
    session.send(f'452-["message",{hole(1)}]', FIRST, SECOND)
    await session.expect_json(f'451-["message-back",{hole(0)}]', SECOND)


@case("SIO-BIN-008", ENCODING, MUST)
async def contents(ctx: Context) -> None:
    """Attachments of no bytes, of all 256 byte values, and of text

    The same bytes.
    """
    session = await ctx.join()
    parts = (b"", bytes(range(256)), b'42["message"]')
    holes = ",".join(map(hole, range(3)))
    session.send(f'453-["message",{holes}]', *parts)
    await session.expect_json(f'453-["message-back",{holes}]', *parts)


@case("SIO-BIN-009", "official decoder: maxAttachments, 10", INTEROP)
async def ten(ctx: Context) -> None:
    """Ten attachments

    The same ten, in order.
    """
    session = await ctx.join()
    parts = [bytes([number]) * number for number in range(1, 11)]
    holes = ",".join(map(hole, range(10)))
    session.send(f'4510-["message",{holes}]', *parts)
    await session.expect_json(f'4510-["message-back",{holes}]', *parts)


@case("SIO-BIN-010", ENCODING, MUST)
async def large(ctx: Context) -> None:
    """An attachment of 200,000 bytes (or a third of maxPayload)

    The same bytes.
    """
    session = await ctx.join()
    part = bytes(range(256)) * (min(200_000, ctx.timings.max_payload // 3) // 256)
    session.send(f'451-["message",{hole(0)}]', part)
    await session.expect_json(f'451-["message-back",{hole(0)}]', part)


@case("SIO-BIN-011", ENCODING, MUST)
async def by_polling(ctx: Context) -> None:
    """POST the packet and its attachments (as `b` and base64) in one payload, then poll

    The answer's packet and its attachments, in order.
    """
    session = await ctx.join_polling()
    await session.deliver(f'452-["message",{hole(0)},{hole(1)}]', FIRST, SECOND)
    await session.expect_json(f'452-["message-back",{hole(0)},{hole(1)}]', FIRST, SECOND)


@case("SIO-BIN-012", ENCODING, MUST)
async def by_several_posts(ctx: Context) -> None:
    """POST the packet, then each attachment by a POST of its own, then poll

    The answer's packet and its attachments.
    """
    session = await ctx.join_polling()
    for packet in (f'452-["message",{hole(0)},{hole(1)}]', FIRST, SECOND):
        await session.deliver(packet)
    await session.expect_json(f'452-["message-back",{hole(0)},{hole(1)}]', FIRST, SECOND)


@case("SIO-BIN-013", ENCODING, MUST)
async def acknowledgement_by_polling(ctx: Context) -> None:
    """POST `451-5["message-with-ack",{placeholder 0}]` and its attachment, then poll

    `461-5[{placeholder 0}]` and the attachment.
    """
    session = await ctx.join_polling()
    await session.deliver(f'451-5["message-with-ack",{hole(0)}]', FIRST)
    await session.expect_json(f"461-5[{hole(0)}]", FIRST)


@case("SIO-BIN-014", "official server: a pong may come between attachments", INTEROP)
async def pong_between(ctx: Context) -> None:
    """A packet with two attachments and `3` between them

    The answer as usual: Engine.IO's own packets are no part of the message.
    """
    session = await ctx.join()
    session.send(f'452-["message",{hole(0)},{hole(1)}]', FIRST, "3", SECOND)
    await session.expect_json(f'452-["message-back",{hole(0)},{hole(1)}]', FIRST, SECOND)


@case("SIO-BIN-015", ENCODING, MUST)
async def one_after_the_other(ctx: Context) -> None:
    """A binary event, a plain one, a binary one, in one TCP segment

    Three answers in order, each with its own attachment.
    """
    session = await ctx.join()
    session.send(
        f'451-["message",{hole(0)}]',
        FIRST,
        '42["message","plain"]',
        f'451-["message",{hole(0)}]',
        SECOND,
    )
    await session.expect_json(f'451-["message-back",{hole(0)}]', FIRST)
    await session.expect_json('42["message-back","plain"]')
    await session.expect_json(f'451-["message-back",{hole(0)}]', SECOND)


@case("SIO-BIN-016", ENCODING, MUST)
async def for_a_namespace(ctx: Context) -> None:
    """`451-/custom,["message",{placeholder 0}]` and its attachment; then an event for the main one

    No answer from `/custom`, which has no handler; the connection goes on.
    """
    session = await ctx.join()
    await session.join("/custom")
    session.send(f'451-/custom,["message",{hole(0)}]', FIRST)
    await ctx.works(session)


@case("SIO-BIN-017", ENCODING, MUST)
async def connections_are_apart(ctx: Context) -> None:
    """Two connections, each with a packet that waits for its attachment; then the attachments

    Each answer has its own connection's bytes.
    """
    first, second = await ctx.join(), await ctx.join()
    for session in (first, second):
        session.send(f'451-["message",{hole(0)}]')
    second.send(SECOND)
    first.send(FIRST)
    await first.expect_json(f'451-["message-back",{hole(0)}]', FIRST)
    await second.expect_json(f'451-["message-back",{hole(0)}]', SECOND)


@case("SIO-BIN-018", "official server: binary data on both transports", INTEROP)
async def through_an_upgrade(ctx: Context) -> None:
    """POST a binary event that nobody fetches; then the upgrade

    On the WebSocket: the answer's packet as text and its attachment as a binary frame.
    """
    polling = await ctx.join_polling()
    candidate = await ctx.probed(polling.sid)
    await polling.deliver(f'451-["message",{hole(0)}]', FIRST)
    candidate.send("5")
    await candidate.expect_json(f'451-["message-back",{hole(0)}]', FIRST)


@case("SIO-BIN-021", DECODER, INTEROP)
async def one_too_many(ctx: Context) -> None:
    """One attachment more than announced

    The answer to the packet, which was complete, and then the connection is closed.
    """
    session = await ctx.join()
    session.send(f'451-["message",{hole(0)}]', FIRST)
    await session.expect_json(f'451-["message-back",{hole(0)}]', FIRST)
    session.send(SECOND)
    await session.expect_closed()


def closes(id_: str, section: str, level: Level, what: str, packets: tuple[Packet, ...]) -> None:
    """Add a case: these packets, in a joined namespace, close the connection."""

    async def run(ctx: Context) -> None:
        session = await ctx.join()
        session.send(*packets)
        await session.expect_closed()

    register(
        Case(
            id=id_,
            section=section,
            level=level,
            sends=f"In a joined namespace: {what}",
            expects="The server closes the connection, although the client answers pings.",
            run=run,
        )
    )


closes("SIO-BIN-019", DECODER, INTEROP, "binary data that no packet announced", (FIRST,))
closes(
    "SIO-BIN-020",
    DECODER,
    INTEROP,
    "an event while a packet's attachments are due",
    (f'451-["message",{hole(0)}]', '42["message","x"]'),
)
ODD = (
    ("1", "beyond the attachments", INTEROP),
    ("-1", "-1", INTEROP),
    ('"0"', 'the text "0"', INTEROP),
    ("null", "null", INTEROP),
    ("true", "true", INTEROP),
    ("0.5", "0.5", ROBUSTNESS),
    ("1e9", "1e9", INTEROP),
)
for number, (num, name, level) in enumerate(ODD, start=22):
    closes(
        f"SIO-BIN-{number:03}",
        DECODER,
        level,
        f"a placeholder whose num is {name}, and its attachment",
        (f'451-["message",{{"_placeholder":true,"num":{num}}}]', FIRST),
    )
closes(
    "SIO-BIN-029",
    DECODER,
    INTEROP,
    "a placeholder without num, and its attachment",
    ('451-["message",{"_placeholder":true}]', FIRST),
)
