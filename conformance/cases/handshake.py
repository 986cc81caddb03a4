"""Opening a session (Engine.IO v4, "Handshake")."""

from __future__ import annotations

from conformance.case import INTEROP, MUST, ROBUSTNESS, SHOULD, case
from conformance.context import Context
from conformance.expectations import expect, expect_status, fail_unless
from conformance.offer import Feature
from conformance.packets import read_handshake

HANDSHAKE = 'Engine.IO v4, "Handshake"'
QUERY = 'Engine.IO v4, "Query parameters"'
KEYS = {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}


def is_count(value: object) -> bool:
    """Return whether a JSON value is a whole number above 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def check_handshake(handshake: dict[str, object], upgrades: list[str]) -> None:
    """Expect the five keys with sensible values."""
    missing = KEYS - handshake.keys()
    fail_unless(not missing, f"a handshake without {sorted(missing)}", "its five keys")
    expect(handshake["upgrades"], upgrades, "upgrades")
    for key in ("pingInterval", "pingTimeout", "maxPayload"):
        fail_unless(
            is_count(handshake[key]), f"{key}: {handshake[key]!r}", "a whole number above 0"
        )


@case("EIO-OPEN-001", HANDSHAKE, MUST, twin="SIO-ENGINE-001", suite=True)
async def polling_opens(ctx: Context) -> None:
    """GET ?EIO=4&transport=polling

    200 and one open packet with sid, upgrades ["websocket"] (or [] if the server is meant to have
    none: --without upgrade), pingInterval, pingTimeout and maxPayload.
    """
    session = await ctx.polling()
    upgrades = [] if Feature.UPGRADE in ctx.offer.lacks else ["websocket"]
    check_handshake(session.handshake, upgrades)


@case("EIO-OPEN-002", HANDSHAKE, MUST, twin="SIO-ENGINE-002", suite=True)
async def websocket_opens(ctx: Context) -> None:
    """A WebSocket to ?EIO=4&transport=websocket

    101, and one text frame with an open packet whose upgrades are [].
    """
    session = await ctx.websocket()
    check_handshake(session.handshake, [])


@case("EIO-OPEN-003", HANDSHAKE, INTEROP, suite=True)
async def no_other_keys(ctx: Context) -> None:
    """A handshake by polling and one by WebSocket.

    The payload has the document's five keys and no others, as the official suite asserts.
    """
    for session in (await ctx.polling(), await ctx.websocket()):
        expect(sorted(session.handshake), sorted(KEYS), "the keys of the handshake")


@case("EIO-OPEN-004", HANDSHAKE, MUST)
async def every_session_has_its_id(ctx: Context) -> None:
    """Four handshakes by polling, four by WebSocket.

    Eight different session ids.
    """
    sids = {(await ctx.polling()).sid for _ in range(4)}
    sids |= {(await ctx.websocket()).sid for _ in range(4)}
    expect(len(sids), 8, "the number of different ids")


@case("EIO-OPEN-005", "a session id is all that protects a session", ROBUSTNESS)
async def ids_are_long(ctx: Context) -> None:
    """Sixteen handshakes by polling.

    Ids of 16 characters or more that share no prefix of 8 characters: they cannot be guessed from
    one another.
    """
    sids = [(await ctx.polling()).sid for _ in range(16)]
    shortest = min(map(len, sids))
    fail_unless(shortest >= 16, f"a session id of {shortest} characters", "16 or more")
    expect(len({sid[:8] for sid in sids}), 16, "the number of different beginnings")


@case("EIO-OPEN-006", HANDSHAKE, MUST)
async def ids_fit_a_query(ctx: Context) -> None:
    """A handshake by polling.

    The sid can stand in a query as it is: letters, digits, - . _ ~ and what RFC 3986 allows there.
    """
    sid = (await ctx.polling()).sid
    allowed = set("-._~!$'()*,;:@/?")
    fail_unless(
        all((c.isascii() and c.isalnum()) or c in allowed for c in sid),
        f"the sid {sid!r}",
        "characters that need no escape in a query",
    )


@case("EIO-OPEN-007", 'Engine.IO v4, "Headers"', SHOULD)
async def handshake_is_text(ctx: Context) -> None:
    """GET ?EIO=4&transport=polling

    Content-Type: text/plain; charset=UTF-8, as in the document's sample session.
    """
    reply = await ctx.request("GET", "EIO=4&transport=polling")
    seen = (reply.header("content-type") or "").lower().replace(" ", "")
    expect(seen, "text/plain;charset=utf-8", "Content-Type")


@case("EIO-OPEN-008", "official server since 4.7: cache-control", INTEROP)
async def handshake_is_not_stored(ctx: Context) -> None:
    """GET ?EIO=4&transport=polling

    Cache-Control: no-store (or no-cache): a session must not come out of a cache.
    """
    reply = await ctx.request("GET", "EIO=4&transport=polling")
    seen = (reply.header("cache-control") or "").lower()
    fail_unless(
        "no-store" in seen or "no-cache" in seen, f"Cache-Control: {seen or 'none'}", "no-store"
    )


@case("EIO-OPEN-020", QUERY, MUST)
async def other_parameters(ctx: Context) -> None:
    """GET ?t=N8hyd6w&b64=1&EIO=4&token=a%20b&transport=polling

    A session: order and further parameters make no difference.
    """
    ctx.require(Feature.POLLING)
    reply = await ctx.request("GET", "t=N8hyd6w&b64=1&EIO=4&token=a%20b&transport=polling")
    expect_status(reply, 200, "the handshake")
    read_handshake(reply.text)


@case("EIO-OPEN-021", "RFC 3986, section 2.1", INTEROP)
async def escaped_parameters(ctx: Context) -> None:
    """GET ?EIO=%34&transport=pollin%67

    A session: escapes mean the characters that they stand for.
    """
    ctx.require(Feature.POLLING)
    reply = await ctx.request("GET", "EIO=%34&transport=pollin%67")
    expect_status(reply, 200, "the handshake")
    read_handshake(reply.text)
