"""polling.py over the wire: payloads, overlapping requests, aborts, the close in every state."""

from __future__ import annotations

import asyncio
import gzip
import re
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from engineio_min.transports import polling
from engineio_min.transports.compression import MOST_WAITING
from tests.engineio_min.harness import POLLING, Clock, Harness, Poller, assert_refused, serving
from tests.engineio_min.wire import (
    HANDSHAKE,
    decode_payload,
    encode_request,
)
from tests.waiting import PATIENCE, patient, until

# --- the handshake


async def test_the_handshake(harness: Harness) -> None:
    response = await harness.request("GET", POLLING)
    assert response.status == 200
    assert response.headers["content-type"] == "text/plain; charset=UTF-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-length"] == str(len(response.body))
    assert "connection" not in response.headers
    assert "set-cookie" not in response.headers
    sid = harness.connection.sid
    assert len(sid) == 20
    assert response.text == (
        f'0{{"sid":"{sid}","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,'
        '"maxPayload":1000000}'
    )


async def test_the_posts_answer(harness: Harness) -> None:
    poller = await harness.poller()
    response = await poller.post("4hello")
    assert response.status == 200
    assert response.headers["content-type"] == "text/html"
    assert response.headers["content-length"] == "2"
    assert response.headers["cache-control"] == "no-store"
    assert response.text == "ok"


# --- messages


@pytest.mark.parametrize(
    ("body", "received"),
    [
        ("4hello", ["hello"]),
        ("4test1\x1e4test2\x1e4test3", ["test1", "test2", "test3"]),
        ("4hello\x1ebAQIDBA==", ["hello", b"\x01\x02\x03\x04"]),
        ("4", [""]),
        ("b", [b""]),
        ("4€\U0001f600", ["€\U0001f600"]),
        ("4a\x1e3\x1e6\x1e4b", ["a", "b"]),
    ],
)
async def test_messages_come_back_in_one_answer(
    harness: Harness, body: str, received: list[str | bytes]
) -> None:
    poller = await harness.poller()
    assert (await poller.post(body)).text == "ok"
    assert harness.received == received
    answer = await poller.get()
    assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
    assert answer.headers["cache-control"] == "no-store"
    assert decode_payload(answer.body) == [
        packet for packet in body.split("\x1e") if packet[0] in "4b"
    ]


async def test_a_parked_poll_is_answered_when_there_is_something(harness: Harness) -> None:
    poller = await harness.poller()
    await poller.park()
    harness.connection.send("a")
    harness.connection.send(b"\x01\x02\x03\x04")
    assert (await poller.getter.response()).text == "4a\x1ebAQIDBA=="


async def test_a_post_needs_no_content_type_and_any_text_type_will_do(harness: Harness) -> None:
    poller = await harness.poller()
    for headers in ({}, {"Content-Type": "text/plain;charset=UTF-8"}, {"Content-Type": "x"}):
        assert (await poller.post("4a", headers)).text == "ok"
    assert harness.received == ["a", "a", "a"]


@pytest.mark.parametrize(
    ("body", "received"),
    [
        (b"", []),
        (b"abc", []),
        (b"4good\x1e", ["good"]),
        (b"4good\x1e\x1e4never", ["good"]),
        (b"4good\x1e9\x1e4never", ["good"]),
        (b"4good\x1eb!!!!\x1e4never", ["good"]),
        (b"bAQI", []),
        (b"4\xff", []),
    ],
)
async def test_a_bad_payload_ends_the_session_after_what_is_before_it(
    harness: Harness, body: bytes, received: list[str | bytes]
) -> None:
    harness.echo = False
    poller = await harness.poller()
    await poller.park()
    answer = await poller.post(body)
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/json"
    assert answer.text == '{"code":3,"message":"Bad request"}'
    assert (await poller.getter.response()).text == "1"
    assert harness.received == received
    assert harness.closed == ["parse error"]
    await poller.gone()


async def test_too_many_packets_in_a_payload() -> None:
    async with serving(max_packets=3) as harness:
        poller = await harness.poller()
        assert (await poller.post("4a\x1e4a\x1e4a")).text == "ok"
        assert (await poller.post("4a\x1e4a\x1e4a\x1e4a")).status == 400
        assert harness.closed == ["parse error"]
        assert len(harness.received) == 3


async def test_the_official_client_may_send_thousands_of_packets(harness: Harness) -> None:
    poller = await harness.poller()
    packets = [f"4{number}" for number in range(5_000)]
    assert (await poller.post("\x1e".join(packets))).text == "ok"
    assert decode_payload((await poller.get()).body) == packets


# --- overlap


async def test_a_second_get_fails_and_the_first_ends_the_session(harness: Harness) -> None:
    poller = await harness.poller()
    await poller.park()
    second = await harness.request("GET", poller.target)
    assert (second.status, second.body) == (400, b"")
    first = await poller.getter.response()
    assert (first.status, first.text) == (200, "1")
    assert harness.closed == ["transport error"]
    await poller.gone()


async def test_a_second_post_fails_and_ends_the_session(harness: Harness) -> None:
    poller = await harness.poller()
    await poller.park()
    await poller.poster.send(encode_request("POST", poller.target, {"Content-Length": "6"}))
    await poller.poster.send(b"4he")
    carrier = harness.connection.carrier
    await until(lambda: carrier._posting is not None)  # type: ignore[attr-defined]
    second = await harness.request("POST", poller.target, None, b"4a")
    assert (second.status, second.body) == (400, b"")
    assert (await poller.getter.response()).text == "1"
    assert harness.closed == ["transport error"]
    # The first gets an answer as well, and its message reaches no application.
    assert (await poller.poster.response()).status == 400
    assert harness.received == []


# --- aborted requests


async def test_a_poll_that_is_aborted_ends_the_session(harness: Harness) -> None:
    poller = await harness.poller()
    await poller.park()
    poller.getter.abort()
    await until(lambda: harness.closed)
    assert harness.closed == ["transport error"]
    await poller.gone()


async def test_a_poll_whose_client_half_closes_ends_the_session(harness: Harness) -> None:
    poller = await harness.poller()
    await poller.park()
    poller.getter.writer.write_eof()
    assert await poller.getter.ended() == b""
    assert harness.closed == ["transport error"]


async def test_a_post_that_is_aborted_ends_the_session(harness: Harness) -> None:
    poller = await harness.poller()
    await poller.poster.send(encode_request("POST", poller.target, {"Content-Length": "6"}))
    await poller.poster.send(b"4he")
    carrier = harness.connection.carrier
    await until(lambda: carrier._posting is not None)  # type: ignore[attr-defined]
    poller.poster.abort()
    await until(lambda: harness.closed)
    assert harness.closed == ["transport error"]
    assert harness.received == []


# --- the close


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last poll has all the time that a busy machine may need."""
    monkeypatch.setattr(polling, "LAST_POLL_TIMEOUT", PATIENCE)


async def test_a_close_packet_with_a_parked_poll(harness: Harness) -> None:
    poller = await harness.poller()
    await poller.park()
    assert (await poller.post("1")).text == "ok"
    assert (await poller.getter.response()).text == "6"
    assert harness.closed == ["transport close"]
    await poller.gone()


async def test_a_close_packet_without_a_poll(harness: Harness) -> None:
    poller = await harness.poller()
    assert (await poller.post("1")).text == "ok"
    assert harness.closed == ["transport close"]
    await poller.gone()
    assert not harness.server.departing


@pytest.mark.usefixtures("unhurried")
async def test_a_close_packet_that_is_read_before_the_poll_sent_with_it(harness: Harness) -> None:
    """The two come on connections of their own; the answers are the same in either order."""
    poller = await harness.poller()
    harness.connection.send("last")
    await poller.poster.send(encode_request("POST", poller.target, {}, b"1"))
    await until(lambda: harness.closed == ["transport close"])
    assert (await poller.get()).text == "4last"
    response = await poller.poster.response()
    assert (response.status, response.text) == (200, "ok")
    await poller.gone()


@pytest.mark.usefixtures("unhurried")
async def test_only_a_poll_may_follow_a_close_packet(harness: Harness) -> None:
    poller = await harness.poller()
    await poller.poster.send(encode_request("POST", poller.target, {}, b"1"))
    await until(lambda: harness.server.departing)
    assert_refused(await poller.post("4late"), 1)
    assert_refused(await harness.request("PUT", poller.target), 1)
    upgrade = await harness.request("GET", poller.upgrade_target, HANDSHAKE)
    assert_refused(upgrade, 1)
    assert (await poller.get()).text == "6"
    assert (await poller.poster.response()).text == "ok"
    assert harness.received == []


@pytest.mark.usefixtures("unhurried")
async def test_the_connection_of_a_close_packet_may_go(harness: Harness) -> None:
    poller = await harness.poller()
    await poller.poster.send(encode_request("POST", poller.target, {}, b"1"))
    await until(lambda: harness.server.departing)
    poller.poster.abort()
    await until(lambda: not harness.server.departing)
    await poller.gone()


@pytest.mark.usefixtures("unhurried")
async def test_a_server_that_stops_answers_a_close_packet(harness: Harness) -> None:
    poller = await harness.poller()
    await poller.poster.send(encode_request("POST", poller.target, {}, b"1"))
    await until(lambda: harness.server.departing)
    harness.server.close()
    assert (await poller.poster.response()).text == "ok"


@pytest.mark.parametrize("body", ["2", "2probe"])
async def test_a_ping_from_the_client_ends_the_session(harness: Harness, body: str) -> None:
    poller = await harness.poller()
    await poller.park()
    assert (await poller.post(body)).text == "ok"
    assert (await poller.getter.response()).text == "1"
    assert harness.closed == ["transport error"]


async def test_closing_with_a_parked_poll(harness: Harness) -> None:
    poller = await harness.poller()
    await poller.park()
    harness.connection.send("last")
    harness.connection.close()
    assert (await poller.getter.response()).text == "4last"
    # The official client acts on "1" before it delivers what came with it.
    assert harness.closed == []
    assert (await poller.get()).text == "1"
    assert harness.closed == ["forced close"]
    await poller.gone()


async def test_closing_without_a_poll_waits_for_it(harness: Harness) -> None:
    poller = await harness.poller()
    harness.connection.send("last")
    harness.connection.close()
    assert harness.closed == []
    assert (await poller.post("4late")).text == "ok"
    assert (await poller.get()).text == "4last"
    assert (await poller.get()).text == "1"
    assert harness.closed == ["forced close"]
    assert harness.received == []
    await poller.gone()


async def test_a_closing_session_is_dropped_when_nobody_polls(
    harness: Harness, clock: Clock
) -> None:
    poller = await harness.poller()
    harness.connection.close()
    await clock.advance(29)
    assert harness.closed == []
    await clock.advance(2)
    assert harness.closed == ["ping timeout"]
    await poller.gone()


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


# --- back-pressure


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


async def test_a_post_is_received_in_shares(harness: Harness) -> None:
    """No turn takes more than 64 packets of a POST, whose answer waits for the last."""
    harness.echo = False
    poller = await harness.poller()
    await poller.poster.send(
        encode_request("POST", poller.target, None, "\x1e".join(["4a"] * 200).encode())
    )
    await until(lambda: harness.received)
    counts = [0]
    while len(harness.received) < 200:
        if len(harness.received) > counts[-1]:
            counts.append(len(harness.received))
        await asyncio.sleep(0)
    assert counts == [0, 64, 128, 192]
    assert (await poller.poster.response()).text == "ok"


async def test_the_rest_of_a_post_waits_for_the_handlers(harness: Harness) -> None:
    harness.echo = False
    poller = await harness.poller()
    harness.connection.on_message = lambda _message: harness.connection.pause()
    body = "\x1e".join(["4a"] * 100).encode()
    await poller.poster.send(encode_request("POST", poller.target, None, body))
    await until(lambda: harness.connection.paused)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not poller.poster.reader._buffer  # type: ignore[attr-defined]
    second = await harness.request("POST", poller.target, None, b"4b")
    assert second.status == 400
    assert (await poller.poster.response()).status == 400
    assert harness.closed == ["transport error"]


async def test_the_rest_of_a_post_goes_on_when_the_handlers_keep_up(harness: Harness) -> None:
    harness.echo = False
    poller = await harness.poller()
    harness.connection.pause()
    body = "\x1e".join(["4a"] * 100).encode()
    await poller.poster.send(encode_request("POST", poller.target, None, body))
    await until(lambda: harness.received)
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
    body = "\x1e".join(["4a"] * 200).encode()
    await poller.poster.send(encode_request("POST", poller.target, None, body))
    await until(lambda: harness.received)
    harness.connection.session.fail("forced close", "a test ends it")
    harness.connection.settle()
    assert (await poller.poster.response()).status == 400
    assert len(harness.received) == 64


async def test_a_post_that_is_aborted_between_two_shares(harness: Harness) -> None:
    harness.echo = False
    poller = await harness.poller()
    harness.connection.pause()
    body = "\x1e".join(["4a"] * 100).encode()
    await poller.poster.send(encode_request("POST", poller.target, None, body))
    await until(lambda: harness.received)
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


# --- compression

LARGE = "x" * 2_000


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate, br", "gzip"),
        ("deflate", "deflate"),
        ("br, deflate;q=0.5", "deflate"),
        ("*", "gzip"),
        ("GZIP", "gzip"),
        ("gzip;q=0, deflate", "deflate"),
        ("gzip; q=0.0", None),
        ("br", None),
        ("", None),
    ],
)
async def test_a_large_answer_is_compressed(
    harness: Harness, accepted: str, coding: str | None
) -> None:
    poller = await harness.poller()
    await poller.post("4" + LARGE)
    answer = await poller.get({"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == coding
    body = answer.body
    if coding == "gzip":
        body = gzip.decompress(body)
    elif coding == "deflate":
        body = zlib.decompress(body)
    assert body.decode() == "4" + LARGE
    if coding is not None:
        assert len(answer.body) < 100
        assert answer.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("threshold", "size", "compressed"),
    [(1024, 1022, False), (1024, 1023, True), (0, 1, True), (None, 5_000, False)],
)
async def test_the_threshold(threshold: int | None, size: int, compressed: bool) -> None:
    async with serving(http_compression=threshold) as harness:
        poller = await harness.poller()
        harness.connection.send("x" * size)
        answer = await poller.get({"Accept-Encoding": "gzip"})
        assert ("content-encoding" in answer.headers) is compressed


async def test_packets_that_may_not_be_compressed(harness: Harness) -> None:
    poller = await harness.poller()
    harness.connection.send(LARGE, compress=False)
    harness.connection.send(LARGE.encode(), compress=False)
    answer = await poller.get({"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers
    harness.connection.send(LARGE, compress=False)
    harness.connection.send("small")
    answer = await poller.get({"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"


async def test_a_session_ends_on_time_even_if_its_timer_is_late(
    harness: Harness, clock: Clock
) -> None:
    """A client that counts the seconds itself asks before a busy loop's timer comes round."""
    poller = await harness.poller()
    await clock.advance(25)
    assert (await poller.get()).text == "2"
    harness.server.timer.cancel()
    await clock.advance(20)
    assert harness.closed == []
    assert_refused(await poller.get(), 1)
    assert harness.closed == ["ping timeout"]


# --- compression in a thread

# Above what is compressed at once.
HUGE = "x" * 100_000
GZIP = {"Accept-Encoding": "gzip"}


@contextmanager
def busy_compressor(harness: Harness) -> Iterator[Callable[[], None]]:
    """Keep the thread from compressing until the function that this gives is called."""
    gate = threading.Event()
    harness.server.compressor._pool.submit(gate.wait, PATIENCE)
    try:
        yield gate.set
    finally:
        gate.set()


async def ask(poller: Poller) -> None:
    """Send a GET whose answer is given to the thread."""
    await poller.getter.send(encode_request("GET", poller.target, GZIP))
    await until(lambda: poller.harness.server.compressor.waiting)


async def test_a_huge_answer_is_compressed_beside_the_loop(harness: Harness) -> None:
    """Others are served meanwhile, and what is sent meanwhile is in the next answer."""
    poller = await harness.poller()
    other = await harness.poller()
    connection = harness.connections[0]
    connection.send(HUGE)
    with busy_compressor(harness) as release:
        await ask(poller)
        assert connection.unsent == len(HUGE) + 1
        connection.send("next")
        assert (await other.post("4beside")).text == "ok"
        assert (await other.get()).text == "4beside"
        release()
        answer = await poller.getter.response()
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(answer.body).decode() == "4" + HUGE
    assert harness.server.compressor.waiting == 0
    assert (await poller.get(GZIP)).text == "4next"


async def test_a_second_get_while_the_first_is_compressed(harness: Harness) -> None:
    """It is one too many, as beside a parked one; the first gets its answer as it is."""
    poller = await harness.poller()
    harness.connection.send(HUGE)
    with busy_compressor(harness):
        await ask(poller)
        assert (await harness.request("GET", poller.target)).status == 400
        answer = await poller.getter.response()
    assert "content-encoding" not in answer.headers
    assert answer.text == "4" + HUGE
    assert harness.closed == ["transport error"]


async def test_the_client_goes_while_its_answer_is_compressed(harness: Harness) -> None:
    poller = await harness.poller()
    harness.connection.send(HUGE)
    with busy_compressor(harness) as release:
        await ask(poller)
        poller.getter.abort()
        await until(lambda: harness.closed)
        assert harness.closed == ["transport error"]
        release()
        await until(lambda: not harness.server.compressor.waiting)


async def test_a_close_packet_while_an_answer_is_compressed(harness: Harness) -> None:
    """The POST does not wait for another GET."""
    poller = await harness.poller()
    harness.connection.send(HUGE)
    with busy_compressor(harness):
        await ask(poller)
        assert (await poller.post("1")).text == "ok"
        assert (await poller.getter.response()).text == "4" + HUGE
    assert not harness.server.departing


async def test_an_upgrade_while_an_answer_is_compressed(harness: Harness) -> None:
    """What was given to the poll comes before what the WebSocket carries."""
    poller = await harness.poller()
    harness.connection.send(HUGE)
    with busy_compressor(harness):
        await ask(poller)
        websocket = await harness.websocket(poller.upgrade_target)
        await websocket.send_packet("2probe")
        assert await websocket.packet() == "3probe"
        harness.connection.send("later")
        await websocket.send_packet("5")
        assert await websocket.packet() == "4later"
        assert (await poller.getter.response()).text == "4" + HUGE


async def test_what_would_wait_long_for_the_thread_leaves_as_it_is(harness: Harness) -> None:
    poller = await harness.poller()
    other = await harness.poller()
    harness.connections[0].send(HUGE)
    with busy_compressor(harness):
        await ask(poller)
        harness.connections[1].send("y" * MOST_WAITING)
        answer = await other.get(GZIP)
        assert "content-encoding" not in answer.headers
        harness.connections[1].send("small" * 1_000)
        assert (await other.get(GZIP)).headers["content-encoding"] == "gzip"


async def test_the_time_to_take_an_answer_begins_when_it_is_compressed(
    harness: Harness, clock: Clock
) -> None:
    poller = await harness.poller()
    connection = harness.connection
    connection.send(HUGE)
    await clock.advance(1)
    with busy_compressor(harness) as release:
        await ask(poller)
        connection.send(HUGE)
        await clock.advance(12)
        assert harness.closed == []
        release()
        await until(lambda: not harness.server.compressor.waiting)
    assert (await poller.getter.response()).headers["content-encoding"] == "gzip"
    await clock.advance(12)
    assert harness.closed == ["slow consumer"]
