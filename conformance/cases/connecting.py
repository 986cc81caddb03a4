"""CONNECTs that are accepted (Socket.IO v5, "Connection to a namespace")."""

from __future__ import annotations

from conformance.case import INTEROP, MUST, SHOULD, case
from conformance.context import Context
from conformance.expectations import expect, fail_unless
from conformance.packets import is_object, read_json, show, split_packet

CONNECT = 'Socket.IO v5, "Connection to a namespace"'
SUITE = "Socket.IO v5, test suite"


@case("SIO-CONN-001", CONNECT, MUST, suite=True)
async def main_namespace(ctx: Context) -> None:
    """`40`

    `40{"sid":…}`, and then the target's event `42["auth",{}]`: no payload is an empty object.
    """
    await (await ctx.websocket()).join()


@case("SIO-CONN-002", CONNECT, MUST, suite=True)
async def payload(ctx: Context) -> None:
    """`40{"token":"123"}`

    `40{"sid":…}`, and then `42["auth",{"token":"123"}]`.
    """
    await (await ctx.websocket()).join(auth='{"token":"123"}')


@case("SIO-CONN-003", CONNECT, MUST, suite=True)
async def custom_namespace(ctx: Context) -> None:
    """`40/custom,`

    `40/custom,{"sid":…}`, and then `42/custom,["auth",{}]`.
    """
    await (await ctx.websocket()).join("/custom")


@case("SIO-CONN-004", CONNECT, MUST, suite=True)
async def custom_namespace_with_a_payload(ctx: Context) -> None:
    """`40/custom,{"token":"abc"}`

    `40/custom,{"sid":…}`, and then `42/custom,["auth",{"token":"abc"}]`.
    """
    await (await ctx.websocket()).join("/custom", '{"token":"abc"}')


@case("SIO-CONN-005", "official decoder: the comma may be missing at the end", INTEROP)
async def custom_namespace_without_a_comma(ctx: Context) -> None:
    """`40/custom`

    `40/custom,{"sid":…}`, and then `42/custom,["auth",{}]`.
    """
    session = await ctx.websocket()
    session.send("40/custom")
    await session.expect_joined("/custom")
    await session.expect_json('42/custom,["auth",{}]')


@case(
    "SIO-CONN-006", f'{SUITE}: "should allow connection to the main namespace"', INTEROP, suite=True
)
async def no_other_keys(ctx: Context) -> None:
    """`40` and `40/custom,`

    The payload of CONNECT has the key sid and no other, as the official suite asserts; with
    connection state recovery also pid.
    """
    session = await ctx.websocket()
    keys = ["pid", "sid"] if ctx.offer.recovers else ["sid"]
    for namespace in ("", "/custom,"):
        session.send(f"40{namespace}")
        packet = await session.next_packet()
        answer = read_json(split_packet(str(packet))[1] or "null", packet)
        expect(sorted(answer) if is_object(answer) else answer, keys, "the keys")
        await session.next_packet()


@case("SIO-CONN-011", CONNECT, MUST)
async def both_namespaces(ctx: Context) -> None:
    """`40`, and then `40/custom,` on the same connection

    Both are joined; the main namespace still works.
    """
    session = await ctx.join()
    await session.join("/custom")
    await ctx.works(session)


@case("SIO-CONN-012", CONNECT, MUST)
async def custom_first(ctx: Context) -> None:
    """`40/custom,` without `40`

    `/custom` is joined alone: version 5 has no implicit connection to the main namespace.
    """
    session = await ctx.join("/custom")
    await session.expect_silence(0.2, "nothing for the main namespace")


@case("SIO-CONN-013", 'Socket.IO v5, "Difference between v5 and v4"', SHOULD)
async def three_kinds_of_id(ctx: Context) -> None:
    """`40` and `40/custom,`

    Two socket ids that differ from each other and from the Engine.IO session's id, which is secret.
    """
    session = await ctx.websocket()
    sids = {session.sid, await session.join(), await session.join("/custom")}
    expect(len(sids), 3, "the number of different ids")


@case("SIO-CONN-014", CONNECT, MUST)
async def every_socket_has_its_id(ctx: Context) -> None:
    """`40` on four connections

    Four different socket ids.
    """
    sids = {await (await ctx.websocket()).join() for _ in range(4)}
    expect(len(sids), 4, "the number of different ids")


@case("SIO-CONN-015", CONNECT, MUST)
async def over_polling(ctx: Context) -> None:
    """POST `40`, then poll

    `40{"sid":…}` and `42["auth",{}]`.
    """
    await (await ctx.polling()).join()


@case("SIO-CONN-016", CONNECT, MUST)
async def two_in_one_payload(ctx: Context) -> None:
    """POST `40` and `40/custom,` in one payload, then poll

    Both are joined.
    """
    session = await ctx.polling()
    await session.deliver("40", "40/custom,")
    seen = sorted([split_packet(str(await session.next_packet()))[0] for _ in range(4)])
    expect(seen, ["40", "40/custom,", "42", "42/custom,"], "the packets")


@case("SIO-CONN-017", CONNECT, MUST)
async def rich_payload(ctx: Context) -> None:
    """`40{"token":"é 🦊","list":[1,null,{"a":true}],"n":1.5}`

    The same object in the `auth` event.
    """
    auth = '{"token":"é 🦊","list":[1,null,{"a":true}],"n":1.5}'
    await (await ctx.websocket()).join(auth=auth)


@case("SIO-CONN-018", CONNECT, MUST)
async def after_the_upgrade(ctx: Context) -> None:
    """POST `40`; then the upgrade, and an event on the WebSocket

    The namespace is still joined.
    """
    polling = await ctx.join_polling()
    candidate = await ctx.probed(polling.sid)
    candidate.send("5")
    await ctx.works(candidate)


@case("SIO-CONN-019", CONNECT, MUST)
async def reply_comes_first(ctx: Context) -> None:
    """`40`

    The first packet is CONNECT, and the event comes after it: a client drops or delays what comes
    for a namespace that it has not joined.
    """
    session = await ctx.websocket()
    session.send("40")
    packet = await session.next_packet()
    fail_unless(str(packet).startswith("40{"), show(packet), '40{"sid":…}')
    await session.expect_json('42["auth",{}]')
