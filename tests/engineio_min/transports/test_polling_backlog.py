"""`polling.py` over the wire: the heartbeat, the limits, and what waits for a poll."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.engineio_min.harness import Clock, Harness, serving
from tests.engineio_min.wire import (
    encode_request,
)
from tests.waiting import patient, until

# --- the heartbeat


async def test_the_ping_answers_the_parked_poll(harness: Harness, clock: Clock) -> None:
    poller = await harness.poller()
    for _ in range(5):
        await poller.park()
        await clock.advance(26)
        answer = await poller.getter.response()
        assert answer.text == "2"
        assert (await poller.post("3")).text == "ok"
    assert harness.closed == []


async def test_without_a_pong_the_parked_poll_ends(harness: Harness, clock: Clock) -> None:
    poller = await harness.poller()
    await clock.advance(26)
    assert (await poller.get()).text == "2"
    await poller.park()
    await clock.advance(21)
    assert (await poller.getter.response()).text == "1"
    assert harness.closed == ["ping timeout"]
    await poller.gone()


async def test_an_abandoned_session_is_gone_after_interval_and_timeout(
    harness: Harness, clock: Clock
) -> None:
    poller = await harness.poller()
    await clock.advance(26)
    await clock.advance(18)
    assert harness.closed == []
    await clock.advance(3)
    assert harness.closed == ["ping timeout"]
    await poller.gone()
    assert len(harness.server.timer) == 0


async def test_the_suites_intervals() -> None:
    """300 and 200 milliseconds, in real time: three pings, then the end."""
    async with serving(ping_interval=0.3, ping_timeout=0.2) as harness:
        poller = await harness.poller()
        assert poller.open["pingInterval"] == 300
        assert poller.open["pingTimeout"] == 200
        for _ in range(3):
            assert (await poller.get()).text == "2"
            assert (await poller.post("3")).text == "ok"
        assert (await poller.get()).text == "2"
        assert (await poller.get()).text == "1"
        await poller.gone()


# --- limits


async def test_a_body_of_exactly_the_limit_passes_and_one_more_byte_does_not() -> None:
    async with serving(max_http_buffer_size=1000) as harness:
        harness.echo = False
        poller = await harness.poller()
        assert poller.open["maxPayload"] == 1000
        assert (await poller.post("4" + "a" * 999)).text == "ok"
        await poller.park()
        answer = await poller.post("4" + "a" * 1000)
        assert (answer.status, answer.body) == (413, b"")
        assert answer.headers["connection"] == "close"
        assert (await poller.getter.response()).text == "1"
        assert harness.closed == ["transport error"]
        assert len(harness.received) == 1


async def test_a_body_is_text_and_has_the_limit_of_text() -> None:
    async with serving(max_http_buffer_size=1_000, max_text_size=100) as harness:
        poller = await harness.poller()
        assert poller.open["maxPayload"] == 100
        assert (await poller.post("4" + "a" * 99)).text == "ok"
        assert (await poller.post("4" + "a" * 100)).status == 413
        assert harness.closed == ["transport error"]


async def test_a_body_that_is_declared_too_large_is_refused_before_it_comes(
    harness: Harness,
) -> None:
    poller = await harness.poller()
    await poller.poster.send(encode_request("POST", poller.target, {"Content-Length": "100000000"}))
    assert (await poller.poster.response()).status == 413
    assert await poller.poster.ended() == b""


async def test_chunks_above_the_limit_are_refused_as_soon_as_they_pass_it() -> None:
    async with serving(max_http_buffer_size=10) as harness:
        poller = await harness.poller()
        await poller.poster.send(
            encode_request("POST", poller.target, {"Transfer-Encoding": "chunked"})
            + b"5\r\n4aaaa\r\n6\r\nbbbbbb\r\n"
        )
        assert (await poller.poster.response()).status == 413
        assert harness.received == []


@pytest.mark.parametrize(
    "content_type", ["application/octet-stream", "application/octet-stream;charset=x"]
)
async def test_a_binary_body_is_answered_and_ends_the_session(
    harness: Harness, content_type: str
) -> None:
    poller = await harness.poller()
    await poller.park()
    answer = await poller.post(b"\x04abc", {"Content-Type": content_type})
    assert (answer.status, answer.body) == (400, b"")
    assert (await poller.getter.response()).text == "1"
    assert harness.closed == ["transport error"]


async def test_large_events_between_two_polls_of_a_client_that_is_far_away(
    harness: Harness, clock: Clock
) -> None:
    """Four of 500 kB in one turn, while the next poll is on its way for 100 ms."""
    poller = await harness.poller()
    sent = [f"{number}" * 500_000 for number in range(4)]
    for message in sent:
        harness.connection.send(message)
    await clock.advance(0.1)
    # An answer has a megabyte, and what its last message has above.
    for first in (0, 3):
        expected = "\x1e".join("4" + message for message in sent[first : first + 3])
        assert (await poller.get()).text == expected
    assert harness.connection.unsent == 0
    assert harness.closed == []


async def test_a_backlog_is_answered_in_shares(harness: Harness) -> None:
    """Tiny messages too; and what comes meanwhile is behind it."""
    poller = await harness.poller()
    sent = [f"{number:06}" for number in range(40_000)]
    for message in sent:
        harness.connection.send(message)
    got: list[str] = []
    while len(got) < 40_001:
        body = (await poller.get()).text
        packets = body.split("\x1e")
        # Of 64 bytes each besides their characters: 14,769 in a megabyte.
        assert len(packets) <= 14_769
        got += packets
        if len(got) == 14_769:
            harness.connection.send("last")
            assert harness.connection.unsent > 25_000 * 71
    assert got == ["4" + message for message in [*sent, "last"]]
    await poller.park()
    assert harness.connection.unsent == 0


async def test_a_burst_for_a_parked_poll_leaves_in_shares(harness: Harness) -> None:
    poller = await harness.poller()
    await poller.park()
    for number in range(20):
        harness.connection.send(f"{number:02}" * 50_000)
    got = (await poller.getter.response()).text.split("\x1e")
    assert len(got) == 11
    got += (await poller.get()).text.split("\x1e")
    assert got == [f"4{f'{number:02}' * 50_000}" for number in range(20)]


async def test_a_session_that_closes_is_fetched_to_its_end(harness: Harness) -> None:
    poller = await harness.poller()
    for number in range(20):
        harness.connection.send(f"{number:02}" * 50_000)
    harness.connection.close()
    assert [len((await poller.get()).text.split("\x1e")) for _ in range(3)] == [11, 9, 1]
    assert harness.closed == ["forced close"]
    await poller.gone()


async def test_the_last_answer_of_a_session_has_all(harness: Harness) -> None:
    poller = await harness.poller()
    await poller.park()
    for number in range(20):
        harness.connection.send(f"{number:02}" * 50_000)
    harness.server.close()
    assert len((await poller.getter.response()).text.split("\x1e")) == 20


async def test_a_client_that_fetches_nothing_is_dropped(
    harness: Harness, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    poller = await harness.poller()
    await clock.advance(5)
    harness.connection.send("x" * 70_000)
    await asyncio.sleep(0)
    await clock.advance(9)
    harness.connection.send("y")
    await asyncio.sleep(0)
    assert harness.closed == []
    assert harness.connection.unsent == 70_000 + 1 + 2 * 64 + 2
    await clock.advance(3)
    assert harness.closed == ["slow consumer"]
    messages = [message for message in caplog.messages if "stood still" not in message]
    assert len(messages) == 1
    assert re.fullmatch(
        r"closed the session of 127\.0\.0\.1 over polling, slow consumer: 70131 bytes wait, "
        r"expected some to be taken within 10 seconds \(stall_timeout\); nothing was taken for "
        r"12\.\d seconds",
        messages[0],
    )
    await poller.gone()


async def test_little_may_wait_as_long_as_the_heartbeat_goes_on(
    harness: Harness, clock: Clock
) -> None:
    """A page that sleeps for half a minute loses nothing by it."""
    poller = await harness.poller()
    harness.connection.send("x" * 60_000)
    await clock.advance(24)
    await clock.advance(2)
    await clock.advance(18)
    assert harness.closed == []
    assert (await poller.get()).text == "4" + "x" * 60_000 + "\x1e2"


async def test_a_client_that_has_polled_meanwhile_is_kept(clock: Clock) -> None:
    async with serving(ping_interval=1000) as harness:
        poller = await harness.poller()
        for _ in range(5):
            harness.connection.send("x" * 70_000)
            await clock.advance(6)
            assert len((await poller.get()).body) == 70_001
        harness.connection.send("x" * 70_000)
        await poller.get()
        await poller.park()
        # Nothing waits any more when the time is over.
        await clock.advance(11)
        assert harness.closed == []


async def test_a_client_that_takes_long_for_one_answer_is_kept(clock: Clock) -> None:
    """It does not poll while it reads the last answer, however much waits for it."""
    async with serving(ping_interval=1000) as harness:
        poller = await harness.poller()
        wire = await harness.wire(receive_buffer=4_096)
        harness.connection.send("x" * 8_000_000)
        await wire.send(encode_request("GET", poller.target))
        await until(lambda: harness.connection.session.idle)
        harness.connection.send("y" * 100_000)
        await asyncio.sleep(0)
        assert harness.connection.unsent > 1_000_000
        for _ in range(6):
            await patient(wire.reader.readexactly(500_000))
            await clock.advance(9)
        assert harness.closed == []
        for _ in range(3):
            await clock.advance(9)
        assert harness.closed == ["slow consumer"]
        wire.abort()


async def test_what_waits_when_a_session_upgrades_is_the_websockets(
    harness: Harness, clock: Clock
) -> None:
    poller = await harness.poller()
    harness.connection.send("x" * 70_000)
    await asyncio.sleep(0)
    wire = await harness.websocket(poller.upgrade_target)
    await wire.send_packet("2probe")
    assert await wire.packet() == "3probe"
    await wire.send_packet("5")
    assert await wire.packet() == "4" + "x" * 70_000
    await clock.advance(11)
    assert harness.closed == []


async def test_a_malformed_payload_is_told_a_bounded_number_of_times(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(12):
        poller = await harness.poller()
        await poller.post("4a\x1ex")
    assert (
        caplog.messages
        == [
            "closed the session of 127.0.0.1 over polling, parse error: got a packet of type 'x', "
            "expected one of 0 to 6"
        ]
        * 10
    )


async def test_a_slow_consumer_is_dropped() -> None:
    async with serving(max_buffered=10_000) as harness:
        poller = await harness.poller()
        for _ in range(12):
            harness.connection.send("x" * 1000)
        await until(lambda: harness.closed)
        assert harness.closed == ["slow consumer"]
        await poller.gone()


# --- `drained`


async def test_drained_waits_for_the_poll(harness: Harness) -> None:
    poller = await harness.poller()
    await harness.connection.drained()
    harness.connection.send("a")
    waiting = asyncio.create_task(harness.connection.drained())
    cancelled = asyncio.create_task(harness.connection.drained())
    await asyncio.sleep(0)
    assert not waiting.done()
    cancelled.cancel()
    assert (await poller.get()).text == "4a"
    await waiting


async def test_drained_ends_with_the_session(harness: Harness) -> None:
    await harness.poller()
    harness.connection.send("a")
    waiting = asyncio.create_task(harness.connection.drained())
    await asyncio.sleep(0)
    harness.connection.session.fail("transport error", "gone")
    await waiting
    assert harness.closed == ["transport error"]
