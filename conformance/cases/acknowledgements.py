"""Acknowledgements (Socket.IO v5, "Acknowledgement"). The target answers `message-with-ack` with
what came in.
"""

from __future__ import annotations

import contextlib

from conformance.case import INTEROP, MUST, ROBUSTNESS, case
from conformance.context import Context
from conformance.errors import Ended
from conformance.expectations import fail_unless
from conformance.packets import show

ACK = 'Socket.IO v5, "Acknowledgement"'
SUITE = 'Socket.IO v5, test suite: "should send a plain-text packet with an ack"'


@case("SIO-ACK-001", SUITE, MUST, suite=True)
async def plain(ctx: Context) -> None:
    """`42456["message-with-ack",1,"2",{"3":[false]}]`

    `43456[1,"2",{"3":[false]}]`
    """
    session = await ctx.join()
    session.send('42456["message-with-ack",1,"2",{"3":[false]}]')
    await session.expect_json('43456[1,"2",{"3":[false]}]')


@case("SIO-ACK-002", ACK, MUST)
async def id_zero(ctx: Context) -> None:
    """`420["message-with-ack","x"]`

    `430["x"]`: 0 is an id like others, and the first that clients use.
    """
    session = await ctx.join()
    session.send('420["message-with-ack","x"]')
    await session.expect_json('430["x"]')


@case("SIO-ACK-003", ACK, MUST)
async def no_arguments(ctx: Context) -> None:
    """`421["message-with-ack"]`

    `431[]`: an array, though empty.
    """
    session = await ctx.join()
    session.send('421["message-with-ack"]')
    await session.expect_json("431[]")


@case("SIO-ACK-004", ACK, MUST)
async def one_argument(ctx: Context) -> None:
    """`421["message-with-ack",[1,2]]`, `422["message-with-ack",null]`, `423["message-with-ack",{}]`

    `431[[1,2]]`, `432[null]`, `433[{}]`: an argument that is a list stays one argument.
    """
    session = await ctx.join()
    session.send(
        '421["message-with-ack",[1,2]]',
        '422["message-with-ack",null]',
        '423["message-with-ack",{}]',
    )
    await session.expect_json("431[[1,2]]")
    await session.expect_json("432[null]")
    await session.expect_json("433[{}]")


@case("SIO-ACK-005", ACK, MUST)
async def many(ctx: Context) -> None:
    """50 events with the ids 0 to 49 in one TCP segment

    50 acknowledgements; each carries its event's argument.
    """
    session = await ctx.join()
    session.send(*(f'42{number}["message-with-ack","{number}"]' for number in range(50)))
    due = {f'43{number}["{number}"]' for number in range(50)}
    for _ in range(50):
        packet = str(await session.next_packet()).replace(" ", "")
        fail_unless(packet in due, show(packet), "an acknowledgement that is still due")
        due.discard(packet)


@case("SIO-ACK-006", ACK, MUST)
async def same_id_again(ctx: Context) -> None:
    """Two events with the id 7, one after the other

    Two acknowledgements with the id 7.
    """
    session = await ctx.join()
    for value in ("a", "b"):
        session.send(f'427["message-with-ack","{value}"]')
        await session.expect_json(f'437["{value}"]')


@case("SIO-ACK-007", ACK, MUST)
async def large_ids(ctx: Context) -> None:
    """The ids 2147483648, 4294967296 and 9007199254740991

    The same ids in the acknowledgements.
    """
    session = await ctx.join()
    for id_ in (2**31, 2**32, 2**53 - 1):
        session.send(f'42{id_}["message-with-ack"]')
        await session.expect_json(f"43{id_}[]")


@case("SIO-ACK-008", "official decoder: Number()", INTEROP)
async def leading_zeros(ctx: Context) -> None:
    """`42007["message-with-ack","x"]`

    `437["x"]`: an id is a number, not a text.
    """
    session = await ctx.join()
    session.send('42007["message-with-ack","x"]')
    await session.expect_json('437["x"]')


@case("SIO-ACK-009", ACK, MUST)
async def by_polling(ctx: Context) -> None:
    """POST `4212["message-with-ack","x"]`, then poll

    `4312["x"]`
    """
    session = await ctx.join_polling()
    await session.deliver('4212["message-with-ack","x"]')
    await session.expect_json('4312["x"]')


@case("SIO-ACK-010", ACK, MUST)
async def per_connection(ctx: Context) -> None:
    """The id 1 on two connections

    Each connection gets its own acknowledgement.
    """
    first, second = await ctx.join(), await ctx.join()
    first.send('421["message-with-ack","first"]')
    second.send('421["message-with-ack","second"]')
    await second.expect_json('431["second"]')
    await first.expect_json('431["first"]')


@case("SIO-ACK-011", ACK, MUST)
async def event_without_an_id(ctx: Context) -> None:
    """`42["message","x"]`, and then `421["message-with-ack","y"]`

    `42["message-back","x"]` and `431["y"]`: no acknowledgement for the first, which has no id.
    """
    session = await ctx.join()
    session.send('42["message","x"]', '421["message-with-ack","y"]')
    await session.expect_json('42["message-back","x"]')
    await session.expect_json('431["y"]')


@case(
    "SIO-ACK-012", "official server: an acknowledgement that nobody waits for is dropped", INTEROP
)
async def unknown_id(ctx: Context) -> None:
    """`43999["x"]`, and then an event

    The first is passed over; the connection goes on.
    """
    session = await ctx.join()
    session.send('43999["x"]')
    await ctx.works(session)


@case("SIO-ACK-013", ACK, ROBUSTNESS)
async def endless_ids(ctx: Context) -> None:
    """Ids of 30 and of 5,000 digits

    The acknowledgement has the same id, digit by digit, or the connection is closed; the server
    still works.
    """
    for digits in (30, 5_000):
        session = await ctx.join()
        id_ = "9" * digits
        session.send(f'42{id_}["message-with-ack","x"]')
        with contextlib.suppress(Ended):
            await session.expect_json(f'43{id_}["x"]')
        await ctx.is_alive()


@case("SIO-ACK-014", ACK, MUST)
async def namespace_in_the_answer(ctx: Context) -> None:
    """After `40/custom,` as well: `421["message-with-ack","x"]`

    `431["x"]`: the acknowledgement belongs to the namespace that asked.
    """
    session = await ctx.join()
    await session.join("/custom")
    session.send('421["message-with-ack","x"]')
    await session.expect_json('431["x"]')
