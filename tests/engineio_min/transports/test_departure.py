"""departure.py over the wire: the last GET and the POST of the close packet, in either order."""

from __future__ import annotations

import pytest

from engineio_min.transports import departure
from tests.engineio_min.harness import Harness, assert_refused
from tests.engineio_min.wire import (
    HANDSHAKE,
    encode_request,
)
from tests.waiting import PATIENCE, until

# --- the handshake


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last poll has all the time that a busy machine may need."""
    monkeypatch.setattr(departure, "LAST_POLL_TIMEOUT", PATIENCE)


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
