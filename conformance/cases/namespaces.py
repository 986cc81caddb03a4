"""Several namespaces on one connection, and leaving them (Socket.IO v5, "Disconnection from a
namespace").
"""

from __future__ import annotations

from conformance.case import INTEROP, MUST, SHOULD, Needs, Phase, case
from conformance.context import Context
from conformance.errors import Ended, NoAnswer
from conformance.expectations import expect, fail_unless
from conformance.packets import show

DISCONNECT = 'Socket.IO v5, "Disconnection from a namespace"'
ENCODING = 'Socket.IO v5, "Packet encoding"'
SUITE = "Socket.IO v5, test suite"


@case(
    "SIO-NSP-001",
    f'{SUITE}: "should disconnect from the main namespace"',
    MUST,
    suite=True,
    phase=Phase.TIMED,
    needs=Needs(intervals=1),
)
async def leave_main(ctx: Context) -> None:
    """`41`

    No answer to it: the next packet is the ping `2`.
    """
    session = await ctx.join()
    session.send("41")
    expect(await session.socket.receive(ctx.give_up, "a ping"), "2", "the next packet")


@case(
    "SIO-NSP-002",
    f'{SUITE}: "should connect then disconnect from a custom namespace"',
    MUST,
    suite=True,
)
async def leave_custom(ctx: Context) -> None:
    """`40`, `40/custom,`, then `41/custom,` and `42["message","message to main namespace"]`

    No answer to `41/custom,`; the event is answered: the main namespace stays joined.
    """
    session = await ctx.join()
    await session.join("/custom")
    session.send("41/custom,", '42["message","message to main namespace"]')
    await session.expect_json('42["message-back","message to main namespace"]')


@case("SIO-NSP-003", "official decoder: the comma may be missing at the end", INTEROP)
async def leave_without_a_comma(ctx: Context) -> None:
    """`41/custom`, and `40/custom,` again

    The namespace is left: it can be joined again.
    """
    session = await ctx.join()
    await session.join("/custom")
    session.send("41/custom")
    await session.settle()
    await session.join("/custom")


@case("SIO-NSP-004", DISCONNECT, MUST)
async def leave_main_only(ctx: Context) -> None:
    """`40`, `40/custom,`, then `41`; then `41/custom,` and `40/custom,`

    `/custom` stays joined when the main namespace is left; it can be left and joined again.
    """
    session = await ctx.join()
    first = await session.join("/custom")
    session.send("41", "41/custom,")
    await session.settle()
    second = await session.join("/custom")
    fail_unless(first != second, f"the socket id {second} again", "a new one")


@case("SIO-NSP-005", "official server: leaving the last namespace does not close", INTEROP)
async def rejoin(ctx: Context) -> None:
    """`41`, and then `40`

    Joined again, with another socket id.
    """
    session = await ctx.websocket()
    first = await session.join()
    session.send("41")
    await session.settle()
    second = await session.join()
    fail_unless(first != second, f"the socket id {second} again", "a new one")
    await ctx.works(session)


@case(
    "SIO-NSP-006",
    "official server: leaving the last namespace does not close",
    INTEROP,
    phase=Phase.TIMED,
    needs=Needs(intervals=2),
)
async def open_without_namespaces(ctx: Context) -> None:
    """`41`, and then two pings, answered

    The connection stays open without a namespace.
    """
    session = await ctx.join()
    session.send("41")
    for _ in range(2):
        expect(await session.socket.receive(ctx.give_up, "a ping"), "2", "the packet")
        session.send("3")
    await session.join()


@case("SIO-NSP-007", ENCODING, MUST)
async def handlers_are_apart(ctx: Context) -> None:
    """`42/custom,["message","x"]`, which only the main namespace handles; then `42["message","y"]`

    Only `42["message-back","y"]`.
    """
    session = await ctx.join()
    await session.join("/custom")
    session.send('42/custom,["message","x"]', '42["message","y"]')
    await session.expect_json('42["message-back","y"]')


@case("SIO-NSP-008", DISCONNECT, MUST)
async def event_after_leaving(ctx: Context) -> None:
    """`40/custom,` beside `40`; then `41` and `42["message","x"]`

    The event is not answered: it is dropped or closes the connection.
    """
    session = await ctx.join()
    await session.join("/custom")
    session.send("41", '42["message","x"]', "41/custom,", "40/custom,")
    try:
        packet = await session.next_packet()
    except Ended:
        return
    fail_unless(str(packet).startswith("40/custom,"), show(packet), "no answer to the event")


@case("SIO-NSP-009", "official server: a packet for a namespace not joined closes", INTEROP)
async def event_without_joining(ctx: Context) -> None:
    """`40`, and then `42/custom,["message","x"]`

    The connection is closed.
    """
    session = await ctx.join()
    session.send('42/custom,["message","x"]')
    await session.expect_closed()


@case("SIO-NSP-010", "official server: a packet for a namespace not joined closes", INTEROP)
async def leave_without_joining(ctx: Context) -> None:
    """`40`, and then `41/custom,`

    The connection is closed.
    """
    session = await ctx.join()
    session.send("41/custom,")
    await session.expect_closed()


@case("SIO-NSP-011", "official decoder: / may be written out", INTEROP)
async def main_by_name(ctx: Context) -> None:
    """`42/,["message","x"]`

    `42["message-back","x"]`, and the main namespace's name is not written out in the answer.
    """
    session = await ctx.join()
    session.send('42/,["message","x"]')
    await session.expect_json('42["message-back","x"]')


@case("SIO-NSP-012", DISCONNECT, MUST)
async def others_stay(ctx: Context) -> None:
    """Two connections in the main namespace; one sends `41`

    The other is not affected.
    """
    first, second = await ctx.join(), await ctx.join()
    first.send("41")
    await ctx.works(second)


@case("SIO-NSP-013", "official server: leaving the last namespace does not close", INTEROP)
async def rejoin_by_polling(ctx: Context) -> None:
    """POST `41`, POST `40`, then poll

    No answer to `41`; then CONNECT again.
    """
    session = await ctx.join_polling()
    await session.deliver("41")
    await session.deliver("40")
    await session.expect_joined()


@case("SIO-NSP-014", 'Socket.IO v5, "Introduction"', MUST)
async def connections_are_apart(ctx: Context) -> None:
    """Two connections in the main namespace; an event on one

    Only this one gets the answer.
    """
    first, second = await ctx.join(), await ctx.join()
    first.send('42["message","x"]')
    await first.expect_json('42["message-back","x"]')
    try:
        packet = await second.socket.receive(min(0.1, ctx.timings.ping_interval / 3))
    except NoAnswer:
        return
    expect(packet, "2", "what the other connection got")


@case("SIO-NSP-015", DISCONNECT, SHOULD)
async def rejoin_at_once(ctx: Context) -> None:
    """`40`, `40/custom,`; then `41/custom,` and `40/custom,` in one TCP segment

    `/custom` is left and joined again: packets take effect in their order.
    """
    session = await ctx.join()
    first = await session.join("/custom")
    session.send("41/custom,", "40/custom,")
    second = await session.expect_joined("/custom")
    fail_unless(first != second, f"the socket id {second} again", "a new one")
