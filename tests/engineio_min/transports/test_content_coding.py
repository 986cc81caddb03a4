"""`content_coding.py` over the wire: which answers are compressed, and what comes meanwhile."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from engineio_min.transports.content_coding import MOST_WAITING
from tests.engineio_min.harness import Clock, Harness, Poller, assert_refused, serving
from tests.engineio_min.wire import (
    encode_request,
)
from tests.waiting import PATIENCE, until

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
    # Ten seconds, and a quarter of them until it is noticed that the answer was taken.
    await clock.advance(15)
    assert harness.closed == ["slow consumer"]
