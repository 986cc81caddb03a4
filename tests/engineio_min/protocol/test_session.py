"""session.py: each rule with a literal, and a machine that drives whole sessions.

The machine joins a session and a client in memory, over a link that the test controls: what leaves
the session arrives at once, and everything between may be interrupted. Faults planted in the
session prove that it finds such faults.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from engineio_min.protocol.deadlines import NEVER, DeadlineQueue
from engineio_min.protocol.packets import Packet, message_packet
from engineio_min.protocol.session import (
    CANDIDATE,
    CLOSED,
    CLOSING,
    IDLE,
    OPENED,
    PROBED,
    Closed,
    Session,
    Timing,
    Upgraded,
    UpgradeExpired,
)

TIMING = Timing(
    ping_interval=25.0,
    ping_timeout=20.0,
    upgrade_timeout=10.0,
    close_timeout=30.0,
    max_buffered=200,
)


class Wakes:
    """Counts the calls of `wake`."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def opened(transport: str = "polling", *, waiting: bool = True) -> tuple[Session, Wakes]:
    wakes = Wakes()
    session = Session("sid", transport, TIMING, 0.0, wakes)
    if not waiting:
        session.block(0.0)
    return session, wakes


def due(session: Session) -> float:
    """When something happens next; `deadline` may be earlier, and then the session looks again."""
    due = min(session._heartbeat, session._upgrade_deadline)
    assert session.deadline <= due
    return due


def upgraded() -> tuple[Session, Wakes]:
    session, wakes = opened(waiting=False)
    assert session.begin_upgrade(0.0, ["websocket"])
    assert session.receive_probe("2probe") == "3probe"
    assert session.receive_probe("5") == ""
    assert session.events == [Upgraded()]
    session.events.clear()
    return session, wakes


def reason(session: Session) -> str:
    """Why the session closed; it must have, once."""
    (event,) = session.events
    assert isinstance(event, Closed)
    assert event.description
    assert session.phase == CLOSED
    assert session.deadline == NEVER
    assert session.upgrade == IDLE
    return event.reason


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


BOTH = pytest.mark.parametrize("transport", ["polling", "websocket"])

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
    session, wakes = opened(transport)
    assert session.receive(packet, 1.0) is None
    assert wakes.count >= 1
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
    session = Session("sid", "polling", Timing(), 0.0, Wakes())
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
    session = Session("sid", "websocket", timing, 0.0, Wakes())
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


# --- the machine


class SessionMachine(RuleBasedStateMachine):
    """Invariants:

    - Each way, what was sent arrives in order and exactly once, or the session is closed.
    - A session has one deadline: finite while it lives, and nothing happens before it.
    - No wake is lost: when there is something to take and a carrier waits, `wake` was called since
      that was last looked at.
    - A session closes once, and never speaks again.
    """

    session_class: type[Session] = Session

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.woken = False
        # How many more steps nobody ends the session.
        self.peace = 0
        timing = Timing(max_buffered=2_000)
        self.session = self.session_class("sid", "polling", timing, self.now, self.wake)
        # The driver's side: a parked GET, a candidate, a WebSocket that takes no more now.
        self.session.block(self.now)
        self.parked = False
        self.candidate = False
        self.closed: list[Closed] = []
        # The application's and the client's books.
        self.number = 0
        self.sent: list[Packet] = []
        self.delivered: list[Packet] = []
        self.uttered: list[str | bytes] = []
        self.heard: list[str | bytes] = []
        self.pings = 0

    def wake(self) -> None:
        self.woken = True

    # the driver, as short as it can be

    def flush(self) -> None:
        self.woken = False
        session = self.session
        if session.transport == "polling":
            if self.parked:
                packets = session.poll()
                if packets:
                    self.parked = False
                    session.block(self.now)
                    self.arrive(packets)
        elif session.waiting:
            self.arrive(session.take())
        self.settle()

    def settle(self) -> None:
        while self.session.events:
            event = self.session.events.pop(0)
            if isinstance(event, Closed):
                assert not self.closed, "closed twice"
                self.closed.append(event)
                self.candidate = False
            elif isinstance(event, Upgraded):
                assert self.candidate
                self.candidate = self.parked = False
            else:
                self.candidate = False

    def arrive(self, packets: list[Packet]) -> None:
        for packet in packets:
            if packet == "2":
                self.pings += 1
            elif isinstance(packet, bytes) or packet[:1] == "4":
                self.delivered.append(packet)
            else:
                assert packet in ("1", "6")

    def new_message(self, *, binary: bool) -> str | bytes:
        self.number += 1
        text = f"{self.number}"
        return text.encode() if binary else text

    def utter(self, *, binary: bool) -> None:
        """The client sends a message over the transport that carries it now."""
        message = self.new_message(binary=binary)
        alive = self.session.phase == OPENED
        heard = self.session.receive(message_packet(message), self.now)
        if alive:
            self.uttered.append(message)
        if heard is not None:
            self.heard.append(heard)

    # what may happen

    @initialize(peace=st.integers(0, 30))
    def begin(self, peace: int) -> None:
        self.peace = peace

    @rule(binary=st.booleans(), count=st.integers(1, 3))
    def application_sends(self, binary: bool, count: int) -> None:
        for _ in range(count):
            packet = message_packet(self.new_message(binary=binary))
            if self.session.phase == OPENED:
                self.session.send(packet)
                if self.session.phase == OPENED:
                    self.sent.append(packet)
            else:
                self.session.send(packet)

    @rule()
    def the_loop_turns(self) -> None:
        self.flush()

    @precondition(lambda self: not self.parked and self.session.transport == "polling")
    @rule()
    def client_polls(self) -> None:
        if self.session.phase == CLOSED:
            return
        self.parked = True
        self.session.unblock()
        self.flush()

    @precondition(lambda self: self.parked and self.peace <= 0)
    @rule()
    def the_poll_breaks(self) -> None:
        self.parked = False
        self.session.block(self.now)
        self.session.fail("transport error", "the poll broke")
        self.settle()

    @rule(binaries=st.lists(st.booleans(), min_size=1, max_size=3))
    def client_sends(self, binaries: list[bool]) -> None:
        for binary in binaries:
            self.utter(binary=binary)
        self.settle()

    @precondition(lambda self: self.pings)
    @rule()
    def client_pongs(self) -> None:
        self.pings -= 1
        self.session.receive("3", self.now)

    @rule(packet=st.sampled_from(["0", "5", "6", "3"]))
    def client_says_nothing_of_meaning(self, packet: str) -> None:
        phase = self.session.phase
        assert self.session.receive(packet, self.now) is None
        assert self.session.phase == phase

    @precondition(lambda self: self.peace <= 0)
    @rule(packet=st.sampled_from(["1", "2", "7", ""]))
    def client_ends_it(self, packet: str) -> None:
        phase = self.session.phase
        self.session.receive(packet, self.now)
        assert phase != OPENED or self.session.phase == CLOSED
        self.flush()

    @precondition(lambda self: self.session.transport == "polling")
    @rule(polite=st.booleans())
    def the_upgrade_goes_on(self, polite: bool) -> None:
        """One step: a candidate comes, probes, takes over. One rule, so that whole upgrades are
        frequent.
        """
        session = self.session
        if not self.candidate:
            self.candidate = session.begin_upgrade(self.now, ["websocket"])
            assert self.candidate == (session.phase == OPENED)
            assert not session.begin_upgrade(self.now, ["websocket"]), "a second candidate"
        elif session.upgrade == CANDIDATE:
            assert session.receive_probe("2probe") == "3probe"
        else:
            if polite:
                # As a client does: it waits for its poll before it leaves.
                self.flush()
            if session.phase != CLOSED:
                assert session.receive_probe("5") == ""
                self.settle()
                self.flush()

    @precondition(lambda self: self.candidate)
    @rule(packet=st.sampled_from(["4early", "2", "", "6", b"5"]))
    def the_candidate_errs(self, packet: Packet) -> None:
        assert self.session.receive_probe(packet) is None
        self.candidate = False
        self.session.abandon_upgrade()

    @precondition(lambda self: self.session.transport == "websocket")
    @rule()
    def the_websocket_stalls_or_goes_on(self) -> None:
        if self.session.waiting:
            self.session.block(self.now)
        else:
            # A share of what waited, and in the next turn the next.
            self.arrive(self.session.take_share(150))
            if self.session.idle:
                self.session.unblock()
            self.flush()

    @rule(seconds=st.sampled_from([0.1, 5.0, 10.0, 19.0, 25.0]))
    def time_passes(self, seconds: float) -> None:
        """The driver looks at every deadline on the way."""
        end = self.now + seconds
        while self.session.deadline <= end:
            self.now = max(self.now, self.session.deadline)
            before = self.session.deadline
            self.session.handle_timeout(self.now)
            assert self.session.deadline > before
            self.settle()
        self.now = end

    @rule()
    def the_driver_looks_too_early(self) -> None:
        session = self.session

        def state() -> list[object]:
            return [
                session.phase,
                session.upgrade,
                session.deadline,
                session.idle,
                self.woken,
                *session.events,
            ]

        if session.deadline > self.now:
            before = state()
            session.handle_timeout(self.now)
            assert state() == before

    @precondition(lambda self: self.peace <= 0)
    @rule()
    def application_closes(self) -> None:
        self.session.close(self.now)
        self.settle()

    @precondition(lambda self: self.peace <= 0)
    @rule()
    def the_transport_breaks(self) -> None:
        self.session.fail("transport error", "the transport broke")
        self.flush()

    # what must hold

    @invariant()
    def steps_are_counted(self) -> None:
        self.peace -= 1

    @invariant()
    def what_was_delivered_is_how_what_was_sent_begins(self) -> None:
        assert self.delivered == self.sent[: len(self.delivered)]

    @invariant()
    def what_is_missing_is_queued_or_the_session_is_closed(self) -> None:
        if self.session.phase != CLOSED and self.session.idle:
            assert self.delivered == self.sent

    @invariant()
    def the_application_heard_what_the_client_said(self) -> None:
        assert self.heard == self.uttered

    @invariant()
    def no_wake_is_lost(self) -> None:
        session = self.session
        waits = self.parked if session.transport == "polling" else session.waiting
        if waits and session.phase != CLOSED and not session.idle:
            assert self.woken
        if self.parked and session.phase != CLOSED and session.upgrade == PROBED:
            assert self.woken
        if session.events:
            assert self.woken

    @invariant()
    def there_is_one_deadline(self) -> None:
        session = self.session
        if session.phase == CLOSED:
            assert session.deadline == NEVER
        else:
            assert self.now < session.deadline <= self.now + 30.0
            if session.upgrade != IDLE:
                assert session.deadline <= self.now + 10.0

    def teardown(self) -> None:
        """A client that goes on fetching has everything in the end."""
        session = self.session
        if session.phase == CLOSED:
            return
        session.unblock()
        self.parked = session.transport == "polling"
        self.flush()
        assert self.delivered == self.sent


MACHINE_SETTINGS = settings(max_examples=60, stateful_step_count=40)
TestSessionMachine = SessionMachine.TestCase
TestSessionMachine.settings = MACHINE_SETTINGS

# --- faults planted for the machine to find


class LosesTheBufferAtTheUpgrade(Session):
    def receive_probe(self, packet: Packet) -> str | None:
        answer = super().receive_probe(packet)
        if answer == "":
            self._buffer.clear()
        return answer


class SwapsTwoPackets(Session):
    def take(self) -> list[Packet]:
        packets = super().take()
        if len(packets) > 2:
            packets[0], packets[1] = packets[1], packets[0]
        return packets


class DeliversTwiceAroundTheUpgrade(Session):
    def poll(self) -> list[Packet]:
        packets = super().poll()
        if self.upgrade != IDLE and packets != ["6"]:
            self._buffer = [packet for packet in packets if packet != "1"]
        return packets


class ForgetsToWakeAParkedPoll(Session):
    def send(self, packet: Packet) -> None:
        wake, self._wake = self._wake, lambda: None
        super().send(packet)
        self._wake = wake


class ForgetsToWakeForTheProbe(Session):
    def receive_probe(self, packet: Packet) -> str | None:
        wake, self._wake = self._wake, lambda: None
        answer = super().receive_probe(packet)
        self._wake = wake
        return answer


class DropsAMessageWhileProbed(Session):
    def receive(self, packet: Packet, now: float) -> str | bytes | None:
        message = super().receive(packet, now)
        return None if self.upgrade == PROBED else message


class DropsWhatIsQueuedWhenItCloses(Session):
    def close(self, now: float) -> None:
        self._buffer.clear()
        super().close(now)


class LosesTheHeartbeatAtTheUpgrade(Session):
    def receive_probe(self, packet: Packet) -> str | None:
        answer = super().receive_probe(packet)
        if answer == "":
            self._heartbeat = self.deadline = NEVER
        return answer


class KeepsADeadlineAfterTheEnd(Session):
    def fail(self, reason: str, description: str) -> None:
        deadline = self.deadline
        super().fail(reason, description)
        self.deadline = deadline


class ClosesTwice(Session):
    def fail(self, reason: str, description: str) -> None:
        self.events.append(Closed(reason, description))
        super().fail(reason, description)


class AcceptsASecondCandidate(Session):
    def begin_upgrade(self, now: float, offered: Collection[str]) -> bool:
        if self.upgrade == CANDIDATE:
            self.abandon_upgrade()
        return super().begin_upgrade(now, offered)


class PingsTooEarly(Session):
    def handle_timeout(self, now: float) -> None:
        super().handle_timeout(now)
        if now > 20 and self.deadline > now:
            self.send("2")


FAULTS: tuple[Callable[..., Session], ...] = (
    LosesTheBufferAtTheUpgrade,
    SwapsTwoPackets,
    DeliversTwiceAroundTheUpgrade,
    ForgetsToWakeAParkedPoll,
    ForgetsToWakeForTheProbe,
    DropsAMessageWhileProbed,
    DropsWhatIsQueuedWhenItCloses,
    LosesTheHeartbeatAtTheUpgrade,
    KeepsADeadlineAfterTheEnd,
    ClosesTwice,
    AcceptsASecondCandidate,
    PingsTooEarly,
)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_machine_finds_a_planted_fault(fault: type[Session]) -> None:
    class Faulty(SessionMachine):
        session_class = fault

    fixed = settings(
        max_examples=300,
        stateful_step_count=40,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        print_blob=False,
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Faulty, settings=fixed)
