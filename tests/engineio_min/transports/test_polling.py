"""`polling.py` over the wire: payloads, overlapping requests, aborts, the close in every state."""

from __future__ import annotations

import pytest

from tests.engineio_min.harness import POLLING, Clock, Harness, serving
from tests.engineio_min.wire import (
    decode_payload,
    encode_request,
)
from tests.waiting import until

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
