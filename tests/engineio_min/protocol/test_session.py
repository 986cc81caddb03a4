"""`session.py`: each rule with a literal."""

from __future__ import annotations

import pytest

from engineio_min.protocol.deadlines import DeadlineQueue
from engineio_min.protocol.packets import LongText, Packet
from engineio_min.protocol.phases import CLOSED, CLOSING, OPENED, BacklogChanged
from engineio_min.protocol.session import Session, Timing
from tests.engineio_min.protocol.sessions import BOTH, Wakes, due, opened, reason


def is_idle(session: Session) -> bool:
    return session.idle


def is_writable(session: Session) -> bool:
    return session.writable


def alive_until(session: Session, when: float) -> None:
    """The session is due at `when` and not before: a driver that looks at each deadline sees
    nothing happen until then. (`deadline` may come early, as a pong only makes it later.)
    """
    for now in (session.deadline, when - 0.001):
        while session.deadline <= min(now, when - 0.001):
            session.handle_timeout(session.deadline)
    assert session.phase != CLOSED
    assert session.idle
    assert session.events == []
    assert session.deadline == when


# --- what comes in


@BOTH
def test_messages_are_returned(transport: str) -> None:
    session, _ = opened(transport)
    assert session.receive("4hello", 1.0) == "hello"
    assert session.receive("4", 1.0) == ""
    assert session.receive(b"\x00\x01", 1.0) == b"\x00\x01"
    assert session.receive(b"", 1.0) == b""
    assert session.events == []
    assert due(session) == 25.0


@BOTH
@pytest.mark.parametrize("packet", ["0{}", "5", "6", "3", "3zzz"])
def test_control_packets_without_a_meaning_are_ignored(transport: str, packet: str) -> None:
    session, wakes = opened(transport)
    for _ in range(500):
        assert session.receive(packet, 7.0) is None
    assert session.events == []
    assert due(session) == 25.0
    assert session.idle
    assert wakes.count == 0


@BOTH
@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        ("1", "transport close"),
        ("2", "transport error"),
        ("2probe", "transport error"),
        ("", "parse error"),
        ("7", "parse error"),
        ("a", "parse error"),
        ("\x1e4a", "parse error"),
    ],
)
def test_packets_that_end_the_session(transport: str, packet: str, expected: str) -> None:
    session, _ = opened(transport)
    assert session.receive(packet, 1.0) is None
    assert reason(session) == expected


def test_a_parked_poll_is_answered_with_a_noop_after_a_close_packet() -> None:
    session, _ = opened()
    session.receive("1", 1.0)
    assert session.poll() == ["6"]
    assert session.poll() == []


@pytest.mark.parametrize("packet", ["2", "7"])
def test_a_parked_poll_is_answered_with_a_close_packet_after_an_error(packet: str) -> None:
    session, _ = opened()
    session.receive(packet, 1.0)
    assert session.poll() == ["1"]


@pytest.mark.parametrize("packet", ["1", "2", "7"])
def test_what_is_queued_is_all_that_leaves_after_an_error(packet: str) -> None:
    session, _ = opened()
    session.send("4last")
    session.receive(packet, 1.0)
    # The next request learns it from the unknown session: "1" would make the client drop "4last".
    assert session.poll() == ["4last"]


def test_a_websocket_needs_no_packet_to_learn_of_the_end() -> None:
    session, _ = opened("websocket")
    session.receive("1", 1.0)
    assert session.take() == []


@BOTH
@pytest.mark.parametrize("packet", ["4late", b"late", "1", "2", "3", "7"])
def test_nothing_comes_in_after_the_end(transport: str, packet: Packet) -> None:
    session, _ = opened(transport)
    session.fail("transport error", "gone")
    assert session.receive(packet, 1.0) is None
    assert reason(session) == "transport error"
    session.fail("parse error", "again")
    assert reason(session) == "transport error"


# --- what goes out


@BOTH
@pytest.mark.parametrize("end", ["take", "poll", "release"])
def test_what_a_read_causes_wakes_nobody_until_its_end(transport: str, end: str) -> None:
    session, wakes = opened(transport)
    assert session.receive("4a", 1.0) == "a"
    session.send("4b")
    assert wakes.count == 0
    if end == "release":
        session.release()
        session.fail("transport error", "x")
    else:
        assert getattr(session, end)() == ["4b"]
        session.send("4c")
    assert wakes.count == 1


@BOTH
def test_the_open_packet_is_taken_without_being_woken(transport: str) -> None:
    session, wakes = opened(transport)
    session.open((), 100)
    session.send("4a")
    assert wakes.count == 0
    first, second = session.take()
    assert first == (
        '0{"sid":"sid","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100}'
    )
    assert second == "4a"
    session.send("4b")
    assert wakes.count == 1


@BOTH
def test_packets_leave_in_order_and_the_first_one_wakes(transport: str) -> None:
    session, wakes = opened(transport)
    for packet in ("4a", b"b", "4c"):
        session.send(packet)
    assert wakes.count == 1
    assert not is_idle(session)
    assert session.take() == ["4a", b"b", "4c"]
    assert is_idle(session)
    assert session.take() == []
    session.send("4d")
    assert wakes.count == 2
    assert session.poll() == ["4d"]
    assert session.poll() == []


def test_a_session_is_writable_while_something_waits_to_carry_packets() -> None:
    session, _ = opened()
    assert is_writable(session)
    session.block(0.0)
    assert not is_writable(session)
    session.unblock()
    session.fail("transport error", "gone")
    assert not is_writable(session)


@BOTH
def test_a_peer_that_does_not_fetch_costs_a_bounded_amount(transport: str) -> None:
    """Two packets of 60 characters and 64 bytes pass the limit of 200; the next one finds out."""
    session, wakes = opened(transport, waiting=False)
    session.send("4" * 60)
    session.send("4" * 60)
    assert session.phase == OPENED
    session.send("4")
    assert reason(session) == "slow consumer"
    assert wakes.count >= 2
    assert session.take() == (["1"] if transport == "polling" else [])
    session.send("4more")
    assert session.idle


def test_one_packet_of_any_size_is_allowed() -> None:
    session, _ = opened(waiting=False)
    session.send("4" * 1000)
    assert session.phase == OPENED
    assert session.take() == ["4" * 1000]
    session.send("4" * 1000)
    assert session.phase == OPENED


def test_what_is_taken_no_longer_counts() -> None:
    session, _ = opened(waiting=False)
    for _ in range(100):
        session.send("4" * 60)
        assert len(session.take()) == 1
    assert session.phase == OPENED


def test_a_share_is_the_first_packets_and_the_rest_counts() -> None:
    """A packet costs 64 bytes besides, and the first may have any size."""
    session = Session("sid", "polling", Timing(), 0.0, Wakes(), None)
    session.block(0.0)
    for packet in ("4" * 500, "4a", "4b", "4c", "4d"):
        session.send(packet)
    assert session.take_share(198) == ["4" * 500]
    assert session.unsent == 4 * 66
    assert session.take_share(198) == ["4a", "4b", "4c"]
    assert session.unsent == 66
    assert session.take_share(198) == ["4d"]
    assert session.unsent == 0
    assert session.take_share(198) == []


def test_what_is_left_of_a_burst_counts_and_nothing_waits_for_it() -> None:
    session, _ = opened()
    for _ in range(4):
        session.send("4" * 36)
    assert session.unsent == 0
    assert session.take_share(100) == ["4" * 36]
    assert not session.writable
    assert session.unsent == 300
    session.send("4")
    assert reason(session) == "slow consumer"


def test_the_last_share_ends_a_session_that_closes() -> None:
    session, _ = opened("websocket", waiting=False)
    session.send("4a")
    session.send("4b")
    session.close(0.0)
    assert session.take_share(1) == ["4a"]
    assert session.phase == CLOSING
    assert session.take_share(1) == ["4b"]
    assert reason(session) == "forced close"


def test_a_backlog_is_told_of_when_it_has_doubled_and_when_it_shrinks() -> None:
    """64 KiB are not told of. What another holds as well counts by half."""
    session = Session("sid", "websocket", Timing(), 0.0, Wakes(), None)
    session.block(0.0)
    elsewhere = []

    def told() -> int | None:
        events, session.events = session.events, []
        return session.held if events == [BacklogChanged()] else None

    for number in range(9):
        packet = f"4{number}" * 5_000
        session.send(packet)
        if number < 4:
            elsewhere.append(packet)
        del packet
        assert told() == (4 * 5_032 + 3 * 10_064 if number == 7 else None)
    assert session.held == 50_320
    session.take_share(1)
    assert told() is None
    session.take_share(30_000)
    assert told() == 0
    assert session.unsent == 5 * 10_064


def test_packets_that_are_carried_at_once_do_not_count() -> None:
    session, _ = opened()
    for _ in range(100):
        session.send("4" * 60)
    assert session.phase == OPENED
    assert len(session.take()) == 100


# --- the heartbeat


@BOTH
def test_the_ping_comes_at_the_interval_and_the_pong_starts_the_next(transport: str) -> None:
    session, _ = opened(transport)
    session.handle_timeout(24.9)
    assert session.idle
    session.handle_timeout(25.0)
    assert session.take() == ["2"]
    assert due(session) == 45.0
    assert session.receive("3", 30.0) is None
    assert due(session) == 55.0
    session.handle_timeout(55.0)
    assert session.take() == ["2"]


@BOTH
def test_without_a_pong_the_session_ends(transport: str) -> None:
    session, _ = opened(transport)
    session.handle_timeout(25.0)
    session.take()
    session.handle_timeout(44.9)
    assert session.phase == OPENED
    session.handle_timeout(45.0)
    assert reason(session) == "ping timeout"
    assert session.take() == (["1"] if transport == "polling" else [])


def test_a_late_timer_does_not_put_the_end_off() -> None:
    session, _ = opened("websocket")
    session.handle_timeout(25.004)
    assert due(session) == 45.0
    # After a stall the client has its full time, less what is usual.
    session, _ = opened("websocket")
    session.handle_timeout(31.0)
    assert due(session) == pytest.approx(50.99)


@pytest.mark.parametrize("delay", [0.01, 0.08])
def test_pings_keep_coming_where_the_timeout_is_longer_than_the_interval(delay: float) -> None:
    """A pong then makes the next ping due before this one's timeout; the queue must notice."""
    timing = Timing(ping_interval=0.05, ping_timeout=5.0)
    session = Session("sid", "websocket", timing, 0.0, Wakes(), None)
    queue = DeadlineQueue()
    queue.watch(session)
    pings = 0
    while (now := queue.next_deadline()) < 2.0:
        for owner in queue.expired(now):
            owner.handle_timeout(now)
        if session.take() == ["2"]:
            pings += 1
            session.receive("3", now + delay)
    assert pings >= 2.0 / (0.05 + delay + 0.05)


@pytest.mark.parametrize("packet", ["4busy", b"busy", "0", "5", "6"])
def test_the_first_packet_that_is_no_pong_refreshes_the_deadline_once(packet: Packet) -> None:
    session, _ = opened()
    session.handle_timeout(25.0)
    session.receive(packet, 40.0)
    assert due(session) == 60.0
    session.receive(packet, 50.0)
    assert due(session) == 60.0
    session.handle_timeout(60.0)
    assert reason(session) == "ping timeout"


def test_a_pong_after_a_refresh_counts() -> None:
    session, _ = opened()
    session.handle_timeout(25.0)
    session.receive("4busy", 40.0)
    session.receive("3", 50.0)
    assert due(session) == 75.0
    session.receive("4busy", 60.0)
    assert due(session) == 75.0


def test_the_heartbeat_goes_on_across_an_upgrade() -> None:
    """A ping taken by the poll may be answered on the WebSocket; an unanswered one ends it."""
    session, _ = opened()
    session.handle_timeout(25.0)
    assert session.poll() == ["2"]
    session.begin_upgrade(26.0, ["websocket"])
    session.receive_probe("2probe")
    session.receive_probe("5")
    assert due(session) == 45.0
    session.receive("3", 30.0)
    assert due(session) == 55.0


@BOTH
def test_a_long_text_is_what_its_first_character_says(transport: str) -> None:
    session, _ = opened(transport)
    for kind in (b"4", b"b"):
        text = LongText(kind + b"x" * 10)
        assert session.receive(text, 1.0) is text
    assert session.receive(LongText(b"6" + b"x" * 10), 1.0) is None
    assert session.phase == OPENED
    assert session.receive(LongText(b"\xff" + b"x" * 10), 1.0) is None
    assert session.phase == CLOSED
    for kind in (b"4", b"3"):
        assert session.receive(LongText(kind + b"x" * 10), 1.0) is None
