"""A machine that drives whole sessions.

The machine joins a session and a client in memory, over a link that the test controls: what leaves
the session arrives at once, and everything between may be interrupted. Faults planted in the
session prove that it finds such faults.
"""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from engineio_min.protocol.deadlines import NEVER
from engineio_min.protocol.packets import Packet, message_packet
from engineio_min.protocol.phases import CANDIDATE, CLOSED, IDLE, OPENED, PROBED, Closed, Upgraded
from engineio_min.protocol.session import Session, Timing
from tests.effort import examples

# It covers nothing that others do not, and counting would make it twice as slow.
pytestmark = pytest.mark.no_cover

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
        self.session = self.session_class("sid", "polling", timing, self.now, self.wake, self)
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

    def wake(self, _machine: object) -> None:
        self.woken = True

    # the driver, as short as it can be

    def read(self, packet: Packet) -> str | bytes | None:
        """Receive a packet; what it causes is looked for afterwards."""
        message = self.session.receive(packet, self.now)
        self.session.release()
        self.woken = True
        return message

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
        heard = self.read(message_packet(message))
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
        self.read("3")

    @rule(packet=st.sampled_from(["0", "5", "6", "3"]))
    def client_says_nothing_of_meaning(self, packet: str) -> None:
        phase = self.session.phase
        assert self.read(packet) is None
        assert self.session.phase == phase

    @precondition(lambda self: self.peace <= 0)
    @rule(packet=st.sampled_from(["1", "2", "7", ""]))
    def client_ends_it(self, packet: str) -> None:
        phase = self.session.phase
        self.read(packet)
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


MACHINE_SETTINGS = settings(max_examples=examples(30), stateful_step_count=40)


TestSessionMachine = SessionMachine.TestCase


TestSessionMachine.settings = MACHINE_SETTINGS


# --- faults planted for the machine to find


class LosesTheBufferAtTheUpgrade(Session):
    def receive_probe(self, packet: Packet) -> str | None:
        answer = super().receive_probe(packet)
        if answer == "":
            self.queued.clear()
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
            self.queued = [packet for packet in packets if packet != "1"]
        return packets


class ForgetsToWakeAParkedPoll(Session):
    def send(self, packet: Packet) -> None:
        wake, self._wake = self._wake, lambda _: None
        super().send(packet)
        self._wake = wake


class ForgetsToWakeForTheProbe(Session):
    def receive_probe(self, packet: Packet) -> str | None:
        wake, self._wake = self._wake, lambda _: None
        answer = super().receive_probe(packet)
        self._wake = wake
        return answer


class DropsAMessageWhileProbed(Session):
    def receive(self, packet: Packet, now: float) -> str | bytes | None:
        message = super().receive(packet, now)
        return None if self.upgrade == PROBED else message


class DropsWhatIsQueuedWhenItCloses(Session):
    def close(self, now: float) -> None:
        self.queued.clear()
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


# Each with a seed by which few examples find it: any other finds it as well, and may take seconds.
FAULTS: dict[type[Session], int] = {
    LosesTheBufferAtTheUpgrade: 1,
    SwapsTwoPackets: 1,
    DeliversTwiceAroundTheUpgrade: 4,
    ForgetsToWakeAParkedPoll: 1,
    ForgetsToWakeForTheProbe: 25,
    DropsAMessageWhileProbed: 0,
    DropsWhatIsQueuedWhenItCloses: 5,
    LosesTheHeartbeatAtTheUpgrade: 0,
    KeepsADeadlineAfterTheEnd: 0,
    ClosesTwice: 0,
    AcceptsASecondCandidate: 0,
    PingsTooEarly: 8,
}


@pytest.mark.planted
@pytest.mark.parametrize("fault", FAULTS)
def test_the_machine_finds_a_planted_fault(fault: type[Session]) -> None:
    class Faulty(SessionMachine):
        session_class = fault

    fixed = settings(
        max_examples=300,
        stateful_step_count=40,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        print_blob=False,
    )
    seed(FAULTS[fault])(Faulty)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Faulty, settings=fixed)
