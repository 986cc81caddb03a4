"""`polling.py` over the wire: a POST that is received in shares, or held back."""

from __future__ import annotations

import asyncio

import pytest

from engineio_min.http.connection import HttpConnection
from tests.engineio_min.harness import POLLING, Harness, Poller, assert_refused
from tests.engineio_min.wire import (
    encode_request,
)
from tests.hostile.memory import MemoryTransport
from tests.waiting import until


async def begin_post(poller: Poller, messages: int) -> None:
    """Send so many messages by a POST, and do not wait for its answer."""
    body = "\x1e".join(["4a"] * messages).encode()
    await poller.poster.send(encode_request("POST", poller.target, None, body))


async def held_post(harness: Harness) -> Poller:
    """Return a client whose POST of 100 messages waits, after the first share, for the handlers."""
    harness.echo = False
    poller = await harness.poller()
    harness.connection.pause()
    await begin_post(poller, 100)
    await until(lambda: harness.received)
    return poller


async def test_a_paused_connection_holds_the_answer_back(harness: Harness) -> None:
    poller = await harness.poller()
    harness.connection.pause()
    harness.connection.pause()
    await poller.poster.send(encode_request("POST", poller.target, None, b"4a"))
    await until(lambda: harness.received)
    assert harness.received == ["a"]
    assert not poller.poster.reader._buffer  # type: ignore[attr-defined]
    harness.connection.resume()
    harness.connection.resume()
    assert (await poller.poster.response()).text == "ok"


@pytest.mark.parametrize(
    ("size", "number", "share"), [(2, 200, 64), (60, 200, 64), (1_000, 20, 5), (10_000, 4, 1)]
)
async def test_a_post_is_received_in_shares(
    harness: Harness, size: int, number: int, share: int
) -> None:
    """No turn takes more than 64 packets of a POST, or 4 KiB and the rest of a packet; the answer
    waits for the last.
    """
    harness.echo = False
    poller = await harness.poller()
    body = "\x1e".join(["4".ljust(size, "a")] * number).encode()
    await poller.poster.send(encode_request("POST", poller.target, None, body))
    await until(lambda: harness.received)
    counts = [0]
    while len(harness.received) < number:
        if len(harness.received) > counts[-1]:
            counts.append(len(harness.received))
        await asyncio.sleep(0)
    assert counts == [*range(0, number, share)]
    assert (await poller.poster.response()).text == "ok"
    assert harness.server.account.held == 0


def posting(harness: Harness, body: bytes) -> MemoryTransport:
    """A POST without TCP of a new session: what the test sends is read at once."""
    transport = MemoryTransport(HttpConnection(harness.server.http))
    transport.receive(encode_request("GET", POLLING))
    transport.lose()
    poster = MemoryTransport(HttpConnection(harness.server.http))
    poster.receive(encode_request("POST", f"{POLLING}&sid={harness.connection.sid}", None, body))
    return poster


async def test_large_posts_of_many_connections_share_a_turn(harness: Harness) -> None:
    """Bodies of 60 KB of six sessions are taken three at a time, in the order in which they came;
    who sends little waits for none of them.
    """
    harness.echo = False
    # Time stands still: how much fits into a turn does not depend on this machine.
    harness.server.turn_share.begin(asyncio.get_running_loop().call_soon, lambda: 0.0)
    posters = [posting(harness, f"4{number}".ljust(60_000, "a").encode()) for number in range(6)]
    little = posting(harness, b"4little")
    heads = [str(message)[:6] for message in harness.received]
    assert heads == ["0aaaaa", "1aaaaa", "2aaaaa", "little"]
    assert harness.server.account.held == 3 * 60_000
    assert [b"\r\n\r\nok" in poster.sent for poster in posters] == [True] * 3 + [False] * 3
    assert b"\r\n\r\nok" in little.sent
    await asyncio.sleep(0)
    assert [str(message)[:1] for message in harness.received[4:]] == ["3", "4", "5"]
    assert harness.server.account.held == 0
    assert all(b"\r\n\r\nok" in poster.sent for poster in posters)
    for poster in (*posters, little):
        poster.lose()


async def test_a_large_post_waits_for_its_turn_and_for_the_handlers(harness: Harness) -> None:
    harness.echo = False
    posters = [posting(harness, f"4{number}".ljust(60_000, "a").encode()) for number in range(4)]
    harness.connection.pause()
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(harness.received) == 3
    harness.connection.resume()
    await asyncio.sleep(0)
    assert len(harness.received) == 4
    assert b"\r\n\r\nok" in posters[3].sent
    for poster in posters:
        poster.lose()


async def test_the_rest_of_a_post_waits_for_the_handlers(harness: Harness) -> None:
    harness.echo = False
    poller = await harness.poller()
    harness.connection.on_message = lambda _message: harness.connection.pause()
    await begin_post(poller, 100)
    await until(lambda: harness.connection.paused)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not poller.poster.reader._buffer  # type: ignore[attr-defined]
    second = await harness.request("POST", poller.target, None, b"4b")
    assert second.status == 400
    assert (await poller.poster.response()).status == 400
    assert harness.closed == ["transport error"]


async def test_the_rest_of_a_post_goes_on_when_the_handlers_keep_up(harness: Harness) -> None:
    poller = await held_post(harness)
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(harness.received) == 64
    harness.connection.resume()
    harness.connection.pause()
    await asyncio.sleep(0)
    assert len(harness.received) == 64
    harness.connection.resume()
    assert (await poller.poster.response()).text == "ok"
    assert len(harness.received) == 100


async def test_a_bad_packet_in_a_later_share(harness: Harness) -> None:
    """All before it count, as with the official server."""
    harness.echo = False
    poller = await harness.poller()
    body = "\x1e".join(["4a"] * 100 + ["9"]).encode()
    response = await poller.post(body)
    assert_refused(response, 3)
    assert len(harness.received) == 100
    assert harness.closed == ["parse error"]


async def test_a_post_of_a_session_that_ends_in_it(harness: Harness) -> None:
    harness.echo = False
    poller = await harness.poller()
    await poller.park()
    body = "\x1e".join(["4a", "1", *["4b"] * 100]).encode()
    assert (await poller.post(body)).text == "ok"
    assert harness.received == ["a"]
    assert harness.closed == ["transport close"]


async def test_a_session_that_ends_between_two_shares_of_a_post(harness: Harness) -> None:
    harness.echo = False
    poller = await harness.poller()
    await begin_post(poller, 200)
    await until(lambda: harness.received)
    harness.connection.session.fail("forced close", "a test ends it")
    harness.connection.settle()
    assert (await poller.poster.response()).status == 400
    assert len(harness.received) == 64


async def test_a_post_that_is_aborted_between_two_shares(harness: Harness) -> None:
    poller = await held_post(harness)
    poller.poster.abort()
    await until(lambda: harness.closed)
    assert harness.closed == ["transport error"]
    assert len(harness.received) == 64


async def test_a_post_while_another_is_held_back_ends_the_session(harness: Harness) -> None:
    poller = await harness.poller()
    harness.connection.pause()
    await poller.poster.send(encode_request("POST", poller.target, None, b"4a"))
    await until(lambda: harness.received)
    second = await harness.request("POST", poller.target, None, b"4b")
    assert second.status == 400
    assert (await poller.poster.response()).status == 200
    assert harness.received == ["a"]
    assert harness.closed == ["transport error"]


async def test_a_held_post_that_is_aborted_ends_the_session(harness: Harness) -> None:
    poller = await harness.poller()
    harness.connection.pause()
    await poller.poster.send(encode_request("POST", poller.target, None, b"4a"))
    await until(lambda: harness.received)
    poller.poster.abort()
    await until(lambda: harness.closed)
    assert harness.closed == ["transport error"]
