"""Find out what a server offers: its handshake, its transports, and the handlers of the suites.

The handshake is read by long-polling. Only if that is refused, or names no WebSocket, is a
WebSocket tried. A transport counts as not offered if the server itself says so: it refuses the
transport with an HTTP error, and names it in no handshake. Everything else is a defect, which the
cases show.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection
from typing import Any

from conformance.connection import Endpoint, Reply
from conformance.context import Context, Settings
from conformance.errors import Broken, CaseFailed, Ended, NoAnswer, Refused, Unreachable
from conformance.offer import ENGINE, Feature, Offer, Timings
from conformance.packets import read_handshake, show, without_offset
from conformance.sessions import Session
from conformance.transcript import printable

# Seconds that the first answers of a server may take.
PATIENCE = 5.0

# The most packets that may come before the one that is due.
MOST_OTHER_PACKETS = 20

# The limit, in bytes, of servers that tell none, such as the official one before 4.5.
USUAL_LIMIT = 1_000_000

# Version 3 puts a length before each packet of a payload.
VERSION_3 = re.compile(r"\d+:0\{")
IS_VERSION_3 = (
    "expected an open packet of Engine.IO v4: this server speaks v3, as Socket.IO 2 and earlier, "
    "which this tool does not test"
)
SETUP = 'see "The server under test" in docs/conformance.md'

PATHS = "is it a Socket.IO server, and are --engine-path and --socket-path its paths?"
TLS = "if the server speaks TLS, its URL begins with https"
HINTS = {
    "Connect call failed": "; does the server run, and is this its port?",
    "CERTIFICATE_VERIFY_FAILED": "; --insecure accepts any certificate",
    "WRONG_VERSION_NUMBER": "; if the server speaks no TLS, its URL begins with http",
}
LONGEST_ANSWER = 120

DECLARED = "declared by --without {}"
HINT = "; if that is intended, add --without {}"


async def discover(settings: Settings, side: str, without: Collection[Feature] = ()) -> Offer:
    """Read the handshake of one side, and return what the server offers there.

    `without` are the features that the user has declared to be missing.

    Raises:
        Unreachable: there is no handshake.
    """
    context = Context(settings, Offer(Timings(PATIENCE, PATIENCE, 0)), side)
    context.wait = max(settings.wait, PATIENCE)
    start = time.monotonic()
    try:
        offer = await _transports(context, without)
        offer.slow = _too_slow(time.monotonic() - start, context.path, offer.timings)
    finally:
        context.close()
    for feature in without:
        offer.lacks[feature] = DECLARED.format(feature.value)
    for carrier in (Feature.POLLING, Feature.WEBSOCKET):
        if carrier in offer.lacks:
            offer.lacks.setdefault(Feature.UPGRADE, offer.lacks[carrier])
    return offer


def _too_slow(passed: float, path: str, timings: Timings) -> str:
    """Return a warning if a handshake took so long that pongs may come too late, else ""."""
    if passed < timings.ping_timeout / 2:
        return ""
    return (
        f"the handshake under {path} took {passed:.2g} s, and a pong is due within "
        f"{timings.ping_timeout:g} s (pingTimeout): sessions may end of that, and cases fail"
    )


async def _transports(context: Context, without: Collection[Feature]) -> Offer:
    if Feature.POLLING in without:
        return _offer(await _by_websocket(context), context.path)
    handshake = await _by_polling(context)
    if isinstance(handshake, Reply):
        refusal = f"got {short(handshake)} for a handshake by polling under {context.path}"
        try:
            offer = _offer(await _by_websocket(context), context.path)
        except Unreachable:
            raise Unreachable(f"{refusal}, expected 200 and an open packet; {PATHS}") from None
        offer.lacks[Feature.POLLING] = refusal + HINT.format(Feature.POLLING.value)
        return offer
    offer = _offer(handshake, context.path)
    upgrades = handshake.get("upgrades")
    promised = isinstance(upgrades, list) and "websocket" in upgrades
    if not promised and Feature.WEBSOCKET not in without:
        try:
            answer = await context.open_websocket("EIO=4&transport=websocket")
        except CaseFailed:
            return offer
        if isinstance(answer, Reply):
            offer.lacks[Feature.WEBSOCKET] = (
                f"got {answer} for a WebSocket under {context.path}, and no upgrades in "
                f"the handshake{HINT.format(Feature.WEBSOCKET.value)}"
            )
    return offer


async def _by_polling(context: Context) -> dict[str, Any] | Reply:
    """Return the handshake, or the answer that refuses it."""
    try:
        reply = await context.request("GET", "EIO=4&transport=polling")
        if reply.status != 200:
            return reply
        if VERSION_3.match(reply.text):
            raise Unreachable(f"got {printable(reply.body)} under {context.path}, {IS_VERSION_3}")
        return read_handshake(reply.text)
    except Refused as error:
        raise Unreachable(explain(context.settings.endpoint, error.reason)) from None
    except (Ended, Broken) as error:
        scheme = "" if context.settings.endpoint.tls else f"; {TLS}"
        raise Unreachable(f"{context.path}: {error}{scheme}") from None
    except CaseFailed as error:
        raise Unreachable(f"{context.path}: {error}; {PATHS}") from None


def short(reply: Reply) -> str:
    """Return an answer in words; if it is a whole page, only its beginning."""
    text = str(reply)
    return text if len(text) <= LONGEST_ANSWER else f"{text[:LONGEST_ANSWER]}…"


def explain(endpoint: Endpoint, reason: str) -> str:
    """Return why there is no connection, and what may help."""
    hint = next((hint for mark, hint in HINTS.items() if mark in reason), "")
    return f"no connection to {endpoint.authority}: {reason}{hint}"


async def _by_websocket(context: Context) -> dict[str, Any]:
    try:
        return (await context.websocket()).handshake
    except CaseFailed as error:
        raise Unreachable(f"{context.path}: {error}") from None


def _offer(handshake: dict[str, Any], path: str) -> Offer:
    interval, timeout, limit = (
        value if isinstance(value, int) and value > 0 else None
        for value in map(handshake.get, ("pingInterval", "pingTimeout", "maxPayload"))
    )
    if interval is None or timeout is None:
        raise Unreachable(
            f"got the handshake {json.dumps(handshake)} under {path}, expected pingInterval and "
            "pingTimeout in it: the cases take their times from them"
        )
    offer = Offer(Timings(interval / 1000, timeout / 1000, limit or USUAL_LIMIT))
    if limit is None:
        offer.lacks[Feature.MAX_PAYLOAD] = f"no maxPayload in the handshake under {path}"
    return offer


# -- what the cases need of the application


async def check_setup(settings: Settings, side: str, offer: Offer) -> None:
    """Note in `offer` which handlers of the application on one side are not as the cases need them.

    Other wrong answers are no fault of the set-up: the cases show them.
    """
    context = Context(settings, offer, side)
    try:
        if side == ENGINE:
            await _check_echo(context)
            await _check_origin(context)
        else:
            await _check_handlers(context)
    except CaseFailed:
        return
    finally:
        context.close()


async def _check_echo(context: Context) -> None:
    session = await context.session()
    await session.deliver("4hello")
    await _expect(context, session, "4hello", "4hello", "sends every message back")


async def _check_origin(context: Context) -> None:
    if {Feature.POLLING, Feature.CORS} & context.offer.lacks.keys():
        return
    origin = context.settings.origin
    reply = await context.request("GET", "EIO=4&transport=polling", [("Origin", origin)])
    if reply.status == 200 and reply.header("access-control-allow-origin") is None:
        context.offer.lacks[Feature.CORS] = (
            f"got no Access-Control-Allow-Origin for a handshake with Origin: {origin}; --origin "
            f"names one that the server allows{HINT.format(Feature.CORS.value)}"
        )


async def _check_handlers(context: Context) -> None:
    session = await context.session()
    await session.deliver("40")
    joined = show(await session.next_packet())
    if joined.startswith("44"):
        _lack_handlers(context, "40", joined, '40{"sid":…}', "lets every client join")
        return
    auth = await _expect(context, session, "40", '42["auth",…]', "sends `auth` to who joins")
    if auth is None:
        return
    context.offer.recovers = '"pid"' in joined and without_offset(auth) != auth
    event, back = '42["message","hello"]', '42["message-back",…]'
    await session.deliver(event)
    await _expect(context, session, event, back, "answers `message` with `message-back`")


async def _expect(context: Context, session: Session, sent: str, due: str, what: str) -> str | None:
    """Return the packet that begins as `due` does; if there is none, note that handlers are
    missing.
    """
    got = "nothing"
    for _ in range(MOST_OTHER_PACKETS):
        try:
            got = show(await session.next_packet(due))
        except NoAnswer:
            break
        if got.startswith(due.partition("…")[0]):
            return got
    _lack_handlers(context, sent, got, due, what)
    return None


def _lack_handlers(context: Context, sent: str, got: str, due: str, what: str) -> None:
    context.offer.lacks[Feature.HANDLERS] = (
        f"got {got} for `{sent}` under {context.path}, expected {due}: the cases need a server "
        f"that {what}, {SETUP}"
    )
