"""lingering.py over the wire: peers that do not take the last answer, or do not go."""

from __future__ import annotations

import asyncio

from engineio_min import HttpServer, Request, Response
from tests.engineio_min.harness import (
    POLLING,
    WEBSOCKET,
    Clock,
    Harness,
    assert_refused,
    serving,
)
from tests.engineio_min.http.requests import short_of_room, stalled
from tests.engineio_min.wire import HANDSHAKE, encode_request
from tests.waiting import until


async def test_a_peer_that_leaves_half_without_reading_is_dropped(
    http: HttpServer, clock: Clock
) -> None:
    """An answer that is the last cannot leave either."""
    answer = asyncio.Event()

    async def later(_request: Request) -> Response:
        await answer.wait()
        return Response(200, b"late")

    http.route("/some", lambda _request: Response(200, b"x" * 40_000))
    http.route("/later", later)
    async with serving(http=http) as harness:
        wire, transport = await short_of_room(harness)
        last = encode_request("GET", "/later", {"Connection": "close"})
        await wire.send(encode_request("GET", "/some") + last)
        await stalled(http)
        wire.writer.write_eof()
        await until(transport.is_closing)
        answer.set()
        await until(lambda: not http._tasks)
        await clock.advance(19)
        assert http.connections
        await clock.advance(2)
        await until(lambda: not http.connections)


async def test_a_peer_that_ignores_the_end_is_dropped(harness: Harness, clock: Clock) -> None:
    wire = await harness.wire()
    await wire.send(b"nonsense\r\n\r\n")
    assert (await wire.response()).status == 400
    assert await wire.ended() == b""
    await wire.send(b"more")
    await clock.advance(0.5)
    assert harness.server.http.connections
    await clock.advance(1)
    await until(lambda: not harness.server.http.connections)


async def test_a_peer_that_ignores_the_refusal_of_a_handshake_is_dropped(
    harness: Harness, clock: Clock
) -> None:
    """The parser tells of the WebSocket even if its request was refused before."""
    wire = await harness.wire()
    await wire.send(encode_request("GET", WEBSOCKET, HANDSHAKE).replace(b"Host: ", b"Host: a b"))
    assert (await wire.response()).status == 400
    assert await wire.ended() == b""
    await clock.advance(2)
    await until(lambda: not harness.server.http.connections)


async def test_an_early_answer_closes_without_a_reset(harness: Harness) -> None:
    """The peer still sends its body: it must nevertheless get to read the answer."""
    wire = await harness.wire()
    data = b"x" * 2_000_000
    wire.writer.write(encode_request("POST", f"{POLLING}&sid=x", None, data))
    assert_refused(await wire.response(), 1)
    assert await wire.ended() == b""
