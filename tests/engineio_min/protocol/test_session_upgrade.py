"""`session.py`: the rules of the upgrade, of binary text and of closing."""

from __future__ import annotations

import pytest

from engineio_min.protocol.packets import Packet
from engineio_min.protocol.phases import CANDIDATE, CLOSING, IDLE, OPENED, Upgraded, UpgradeExpired
from engineio_min.protocol.session import Session
from tests.engineio_min.protocol.sessions import BOTH, Wakes, due, opened, reason


def upgraded() -> tuple[Session, Wakes]:
    session, wakes = opened(waiting=False)
    assert session.begin_upgrade(0.0, ["websocket"])
    assert session.receive_probe("2probe") == "3probe"
    assert session.receive_probe("5") == ""
    assert session.events == [Upgraded()]
    session.events.clear()
    return session, wakes


# --- the upgrade


def test_an_upgrade_moves_what_waits_to_the_websocket() -> None:
    session, wakes = opened(waiting=False)
    session.send("4before")
    assert session.begin_upgrade(1.0, ["websocket"])
    assert session.upgrade == CANDIDATE
    assert due(session) == 11.0
    assert session.poll() == ["4before"]
    assert session.poll() == []
    woken = wakes.count
    assert session.receive_probe("2probe") == "3probe"
    assert wakes.count == woken + 1
    assert session.poll() == ["6"]
    assert session.poll() == ["6"]
    session.send("4during")
    assert session.receive("4posted", 2.0) == "posted"
    assert session.receive_probe("5") == ""
    assert session.transport == "websocket"
    assert due(session) == 25.0
    assert session.events == [Upgraded()]
    assert session.waiting
    assert session.take() == ["4during"]


def test_a_poll_during_an_upgrade_still_gets_what_waits() -> None:
    session, _ = opened(waiting=False)
    session.begin_upgrade(0.0, ["websocket"])
    session.receive_probe("2probe")
    session.send("4a")
    assert session.poll() == ["4a"]


@pytest.mark.parametrize("steps", [["5"], ["4early"], ["2wrong"], ["2"], [b"2probe"], ["40"], [""]])
@pytest.mark.parametrize("probe", [[], ["2probe"]])
def test_any_other_packet_of_a_candidate_is_refused(probe: list[str], steps: list[Packet]) -> None:
    if probe and steps == ["5"]:
        steps = ["2probe"]
    session, _ = opened()
    session.begin_upgrade(0.0, ["websocket"])
    for step in probe:
        assert session.receive_probe(step) is not None
    for packet in steps:
        assert session.receive_probe(packet) is None
    session.abandon_upgrade()
    assert (session.phase, session.transport, session.upgrade) == (OPENED, "polling", IDLE)
    assert due(session) == 25.0
    assert session.events == []
    assert session.begin_upgrade(1.0, ["websocket"])


def test_only_one_candidate_at_a_time() -> None:
    session, _ = opened()
    assert session.begin_upgrade(0.0, ["websocket"])
    assert not session.begin_upgrade(0.0, ["websocket"])
    session.receive_probe("2probe")
    assert not session.begin_upgrade(0.0, ["websocket"])


def test_a_session_that_has_a_websocket_or_is_over_is_not_upgraded() -> None:
    assert not opened("websocket")[0].begin_upgrade(0.0, ["websocket"])
    assert not upgraded()[0].begin_upgrade(0.0, ["websocket"])
    session, _ = opened(waiting=False)
    session.close(0.0)
    assert session.phase == CLOSING
    assert not session.begin_upgrade(0.0, ["websocket"])
    session.fail("transport error", "gone")
    assert not session.begin_upgrade(0.0, ["websocket"])


def test_an_upgrade_expires_and_another_may_follow() -> None:
    session, wakes = opened(waiting=False)
    session.begin_upgrade(5.0, ["websocket"])
    session.handle_timeout(14.9)
    assert session.events == []
    session.handle_timeout(15.0)
    assert session.events == [UpgradeExpired()]
    assert wakes.count == 1
    assert due(session) == 25.0
    assert session.receive_probe("2probe") is None
    assert session.begin_upgrade(16.0, ["websocket"])


def test_an_upgrade_and_the_heartbeat_may_be_due_at_once() -> None:
    session, _ = opened()
    session.begin_upgrade(15.0, ["websocket"])
    session.handle_timeout(25.0)
    assert session.events == [UpgradeExpired()]
    assert session.take() == ["2"]
    assert due(session) == 45.0


def test_a_candidate_of_a_closed_session_is_refused() -> None:
    session, _ = opened()
    session.begin_upgrade(0.0, ["websocket"])
    session.receive_probe("2probe")
    session.fail("transport error", "gone")
    assert session.receive_probe("5") is None
    assert reason(session) == "transport error"


# --- binary messages as text


@BOTH
def test_a_binary_message_may_come_as_text(transport: str) -> None:
    session, _ = opened(transport)
    assert session.receive("bAQID", 1.0) == b"\x01\x02\x03"
    assert session.receive("b", 1.0) == b""
    # It is a message like any other: one that comes instead of the pong refreshes the ping.
    session.handle_timeout(25.0)
    assert session.receive("bAQID", 40.0) == b"\x01\x02\x03"
    assert due(session) == 60.0
    session.fail("transport error", "gone")
    assert session.receive("bAQID", 41.0) is None


@pytest.mark.parametrize("packet", ["bA", "b====", "bAQID=", "bAQ", "b A", "bé"])
def test_a_binary_message_that_is_no_base64(packet: str) -> None:
    session, _ = opened("websocket")
    assert session.receive(packet, 1.0) is None
    assert reason(session) == "parse error"
    assert session.receive("bAQID", 1.0) is None


# --- the close from this side


def test_closing_a_polling_session_sends_what_is_queued_and_a_close_packet() -> None:
    session, wakes = opened(waiting=False)
    session.send("4last")
    session.close(5.0)
    assert session.phase == CLOSING
    assert due(session) == 35.0
    assert wakes.count == 2
    session.send("4late")
    assert session.receive("4late", 6.0) is None
    assert session.receive("2", 6.0) is None
    assert session.poll() == ["4last"]
    # The official client acts on "1" before it delivers what came with it.
    assert session.poll() == ["1"]
    assert reason(session) == "forced close"
    assert session.poll() == []


def test_closing_an_idle_websocket_is_immediate() -> None:
    session, wakes = opened("websocket")
    session.close(5.0)
    assert reason(session) == "forced close"
    assert wakes.count == 1
    assert session.take() == []


def test_closing_a_websocket_sends_what_is_queued() -> None:
    session, _ = opened("websocket", waiting=False)
    session.send("4last")
    session.close(5.0)
    assert session.phase == CLOSING
    assert session.take() == ["4last"]
    assert reason(session) == "forced close"


def test_a_closing_session_waits_for_its_poll_and_then_gives_up() -> None:
    session, _ = opened(waiting=False)
    session.close(5.0)
    while session.deadline < 35.0:
        session.handle_timeout(session.deadline)
        assert session.phase == CLOSING
    assert session.deadline == 35.0
    session.handle_timeout(35.0)
    assert reason(session) == "ping timeout"


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_closing_session_is_not_waited_for_longer_than_a_pong(transport: str) -> None:
    session, _ = opened(transport, waiting=False)
    session.send("4last")
    session.close(24.0)
    # The ping would leave at 25 and its answer be due at 45.
    assert due(session) == 45.0
    session.handle_timeout(45.0)
    assert reason(session) == "ping timeout"


def test_closing_twice_or_after_the_end_changes_nothing() -> None:
    session, _ = opened(waiting=False)
    session.close(5.0)
    session.close(20.0)
    assert due(session) == 35.0
    assert session.poll() == ["1"]
    session.close(21.0)
    assert reason(session) == "forced close"


def test_a_session_that_waits_for_a_pong_may_close_without_it() -> None:
    session, _ = opened(waiting=False)
    session.handle_timeout(25.0)
    session.receive("4busy", 26.0)
    session.close(30.0)
    # The pong is overdue 20 seconds after the other packet.
    assert due(session) == 46.0
    session.receive("3", 31.0)
    assert due(session) == 46.0
    session.handle_timeout(46.0)
    assert reason(session) == "ping timeout"


def test_a_candidate_may_carry_the_last_packets_of_a_closing_session() -> None:
    session, _ = opened(waiting=False)
    session.begin_upgrade(0.0, ["websocket"])
    session.receive_probe("2probe")
    session.send("4last")
    session.close(1.0)
    assert session.receive_probe("5") == ""
    session.events.clear()
    assert session.take() == ["4last", "1"]
    assert reason(session) == "forced close"
