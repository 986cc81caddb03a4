"""CONNECTs that are refused or come too late, and other packets before any CONNECT (Socket.IO v5,
"Connection to a namespace").
"""

from __future__ import annotations

import asyncio

from conformance.case import (
    INTEROP,
    MUST,
    ROBUSTNESS,
    Case,
    Level,
    Needs,
    Phase,
    case,
    register,
)
from conformance.context import Context
from conformance.errors import CaseFailed, Ended, NoAnswer
from conformance.expectations import expect, fail_unless
from conformance.packets import Packet, is_object, read_json, show, split_packet

CONNECT = 'Socket.IO v5, "Connection to a namespace"'
SUITE = "Socket.IO v5, test suite"


async def expect_refused(ctx: Context, packet: Packet, namespace: str) -> None:
    """Expect CONNECT_ERROR for a namespace, with an object that has a message."""
    head, payload = split_packet(packet) if isinstance(packet, str) else ("", "")
    error = read_json(payload, packet) if head == f"44{namespace}," else None
    if not is_object(error) or not isinstance(error.get("message"), str):
        raise CaseFailed(show(packet), f'44{namespace},{{"message":…}}')


@case("SIO-CONN-007", CONNECT, MUST, suite=True)
async def unknown_namespace(ctx: Context) -> None:
    """`40/random`

    `44/random,{"message":…}`.
    """
    session = await ctx.websocket()
    session.send("40/random")
    await expect_refused(ctx, await session.next_packet("a refusal"), "/random")


@case(
    "SIO-CONN-008",
    f'{SUITE}: "should disallow connection to an unknown namespace"',
    INTEROP,
    suite=True,
)
async def words_of_the_refusal(ctx: Context) -> None:
    """`40/random`

    `44/random,{"message":"Invalid namespace"}`: the official suite asserts the text.
    """
    session = await ctx.websocket()
    session.send("40/random")
    await session.expect_json('44/random,{"message":"Invalid namespace"}')


@case("SIO-CONN-009", CONNECT, MUST)
async def after_a_refusal(ctx: Context) -> None:
    """`40/random`, and after its refusal `40`

    `44/random,…`; the connection stays open, and `40` is accepted.
    """
    session = await ctx.websocket()
    session.send("40/random")
    await expect_refused(ctx, await session.next_packet("a refusal"), "/random")
    await session.join()
    await ctx.works(session)


@case("SIO-CONN-010", CONNECT, MUST)
async def refused_twice(ctx: Context) -> None:
    """`40/random` twice

    A refusal each time, and the connection stays open.
    """
    session = await ctx.websocket()
    for _ in range(2):
        session.send("40/random")
        await expect_refused(ctx, await session.next_packet("a refusal"), "/random")
    await session.join()


def closes(
    id_: str,
    section: str,
    level: Level,
    packets: tuple[Packet, ...],
    what: str,
    *,
    suite: bool = False,
) -> None:
    """Add a case: these packets close a connection that has joined nothing."""

    async def run(ctx: Context) -> None:
        session = await ctx.websocket()
        session.send(*packets)
        await session.expect_closed()
        await ctx.is_alive()

    register(
        Case(
            id=id_,
            section=section,
            level=level,
            sends=f"Before any CONNECT: {what}",
            expects="The server closes the connection at once, although the client answers pings.",
            run=run,
            suite=suite,
        )
    )


FIRST = f"{CONNECT}: CONNECT comes first"
PAYLOAD = 'Socket.IO v5, "Difference between v5 and v4": the payload is an object'
closes("SIO-CONN-020", FIRST, MUST, ("4abc",), "`4abc`", suite=True)
closes("SIO-CONN-021", FIRST, MUST, ('42["message"]',), 'the event `42["message"]`')
closes("SIO-CONN-022", FIRST, MUST, ('42/custom,["message"]',), "an event for /custom")
closes("SIO-CONN-023", FIRST, MUST, ('431["x"]',), 'the acknowledgement `431["x"]`')
closes("SIO-CONN-024", FIRST, INTEROP, ("41",), "`41`, DISCONNECT")
closes(
    "SIO-CONN-025",
    FIRST,
    MUST,
    ('451-["message",{"_placeholder":true,"num":0}]', b"\x01"),
    "a binary event and its attachment",
)
closes("SIO-CONN-026", FIRST, MUST, (b"\x01\x02",), "a binary message")
closes("SIO-CONN-027", FIRST, INTEROP, ('44{"message":"x"}',), "CONNECT_ERROR, the server's own")
closes("SIO-CONN-028", PAYLOAD, INTEROP, ("40[]",), "`40[]`")
closes("SIO-CONN-029", PAYLOAD, INTEROP, ('40"token"',), '`40"token"`')
closes("SIO-CONN-030", PAYLOAD, INTEROP, ("40/custom,[]",), "`40/custom,[]`")
closes("SIO-CONN-031", PAYLOAD, MUST, ('40{"token":',), '`40{"token":`, which is no JSON')


@case(
    "SIO-CONN-032",
    f'{SUITE}: "should close the connection if no handshake is received"',
    MUST,
    suite=True,
    phase=Phase.TIMED,
    needs=Needs(connects=1),
)
async def no_connect(ctx: Context) -> None:
    """A WebSocket on which the client only answers pings

    It is closed within the server's connectTimeout (--connect-timeout tells the tool how long).
    """
    session = await ctx.websocket()
    await session.expect_closed(ctx.settings.connect_timeout + ctx.wait)


@case(
    "SIO-CONN-033",
    "official server: a refused CONNECT does not stop connectTimeout",
    INTEROP,
    phase=Phase.TIMED,
    needs=Needs(connects=1),
)
async def only_refused(ctx: Context) -> None:
    """`40/random`, and after its refusal nothing but pongs

    The connection is closed within connectTimeout (--connect-timeout): no namespace was joined.
    """
    session = await ctx.websocket()
    session.send("40/random")
    await expect_refused(ctx, await session.next_packet("a refusal"), "/random")
    await session.expect_closed(ctx.settings.connect_timeout + ctx.wait)


@case(
    "SIO-CONN-034",
    "official server: a joined connection has no connectTimeout",
    INTEROP,
    phase=Phase.TIMED,
    needs=Needs(connects=1),
)
async def joined_in_time(ctx: Context) -> None:
    """`40`, and then nothing but pongs for longer than connectTimeout

    The connection stays open.
    """
    session = await ctx.join()
    end = asyncio.get_running_loop().time() + ctx.settings.connect_timeout * 1.5
    while (left := end - asyncio.get_running_loop().time()) > 0:
        try:
            packet = await session.socket.receive(left, "a ping or nothing")
        except NoAnswer:
            break
        expect(packet, "2", "the packet")
        session.send("3")
    await ctx.works(session)


@case("SIO-CONN-035", "official server: a namespace is joined once", INTEROP)
async def joined_twice(ctx: Context) -> None:
    """`40`, and when it is accepted `40` again

    The connection is closed: the client's and the server's idea of it differ.
    """
    session = await ctx.join()
    session.send("40")
    await session.expect_closed()


@case("SIO-CONN-036", CONNECT, ROBUSTNESS)
async def long_namespace(ctx: Context) -> None:
    """`40/` and 100,000 characters

    A refusal or a closed connection; the server still works.
    """
    session = await ctx.websocket()
    name = "/" + "n" * min(100_000, ctx.timings.max_payload // 2)
    session.send(f"40{name},")
    try:
        packet = await session.next_packet()
        fail_unless(str(packet).startswith("44"), show(packet), "44… or a close")
    except Ended:
        pass
    await ctx.is_alive()


@case("SIO-CONN-037", CONNECT, ROBUSTNESS)
async def names_of_the_language(ctx: Context) -> None:
    """`40/__proto__,`, `40/constructor,`, `40/__class__,`, `40//,`, `40/CUSTOM,`

    Each is refused or closes the connection; none is joined.
    """
    for name in ("/__proto__", "/constructor", "/__class__", "//", "/CUSTOM"):
        session = await ctx.websocket()
        session.send(f"40{name},")
        try:
            packet = await session.next_packet()
        except Ended:
            continue
        await expect_refused(ctx, packet, name)


@case("SIO-CONN-038", CONNECT, ROBUSTNESS)
async def many_in_one_segment(ctx: Context) -> None:
    """`40` a thousand times in one TCP segment

    At most one CONNECT in return, and then the connection is closed; the server still works.
    """
    session = await ctx.websocket()
    session.send(*["40"] * 1_000)
    joined = 0
    try:
        for _ in range(2_000):
            packet = await session.socket.receive(ctx.wait / 2)
            joined += str(packet).startswith("40")
    except (Ended, NoAnswer):
        pass
    fail_unless(joined <= 1, f"{joined} times CONNECT", "at most one")
    await ctx.is_alive()
