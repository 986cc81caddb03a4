"""The log of what clients may have missed, and the rooms that they were in at the time.

Invariant, for every order of joins, leaves, events and returns: a session that comes back gets each
event that was for it, once, in order, and none that was not; or the log says that it does not know.
"""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from socketio_min.cluster import recovery_rooms
from socketio_min.cluster.recovery_log import EVENT_OVERHEAD, EventLog
from socketio_min.cluster.recovery_rooms import RoomHistory
from tests.effort import examples

NAMES = st.sampled_from(("a", "b", "c"))
SOME_NAMES = st.lists(NAMES, max_size=3, unique=True)
PIDS = st.sampled_from(("P", "Q"))


def event_log(max_packets: int = 100, max_bytes: int = 1 << 20, max_age: float = 60.0) -> EventLog:
    return EventLog("log", max_packets, max_bytes, max_age)


def present(after: int = 0, *rooms: str) -> RoomHistory:
    """A socket that is in its namespace and in `rooms` after an event."""
    history = RoomHistory(0)
    history.enter(after)
    for room in rooms:
        history.join(room, after)
    return history


def numbers(
    log: EventLog, history: RoomHistory, after: int = 0, pid: str = "P", namespace: str = "/"
) -> list[int] | None:
    missed = log.missed(namespace, pid, history, after)
    return None if missed is None else [event.number for event in missed]


class Returning(RuleBasedStateMachine):
    """Two sessions of one namespace; `got` has what each was to get, by the log's numbers."""

    max_packets = 1_000

    @initialize()
    def begin(self) -> None:
        self.log = event_log(self.max_packets)
        self.histories = {pid: RoomHistory(0) for pid in "PQ"}
        self.entered: set[str] = set()
        self.rooms: dict[str, set[str]] = {"P": set(), "Q": set()}
        self.got: dict[str, list[int]] = {"P": [], "Q": []}
        self.emitted = 0

    @rule(pid=PIDS)
    def enter(self, pid: str) -> None:
        self.histories[pid].enter(self.log.last)
        self.entered.add(pid)

    @rule(pid=PIDS, room=NAMES)
    def join(self, pid: str, room: str) -> None:
        self.histories[pid].join(room, self.log.last)
        self.rooms[pid].add(room)

    @rule(pid=PIDS, room=NAMES)
    def leave(self, pid: str, room: str) -> None:
        self.histories[pid].leave(room, self.log.last)
        self.rooms[pid].discard(room)

    @rule(rooms=SOME_NAMES, except_=SOME_NAMES)
    def emit(self, rooms: list[str], except_: list[str]) -> None:
        self.log.append("/", rooms, except_, ["42[]"], 0.0)
        self.emitted += 1
        for pid in self.entered:
            of = self.rooms[pid]
            if (not rooms or of & set(rooms)) and not of & set(except_):
                self.got[pid].append(self.log.last)

    @rule(pid=PIDS)
    def emit_to(self, pid: str) -> None:
        self.log.append_to(pid, ["42[]"], 0.0)
        self.emitted += 1
        self.got[pid].append(self.log.last)

    @rule()
    def emit_elsewhere(self) -> None:
        self.log.append("/other", ["a", "b"], (), ["42[]"], 0.0)
        self.emitted += 1

    @rule(pid=PIDS, data=st.data())
    def come_back(self, pid: str, data: st.DataObject) -> None:
        after = data.draw(st.sampled_from([0, *self.got[pid]]))
        missed = numbers(self.log, self.histories[pid], after, pid)
        if missed is None:
            assert self.emitted > self.max_packets, "nothing was dropped"
        else:
            assert missed == [number for number in self.got[pid] if number > after]


class ReturningLate(Returning):
    """The same with a log that drops nearly everything, and few drops that it remembers."""

    max_packets = 3


TestReturning = Returning.TestCase
TestReturning.settings = settings(max_examples=examples(20), stateful_step_count=30)
TestReturningLate = ReturningLate.TestCase
TestReturningLate.settings = settings(max_examples=examples(20), stateful_step_count=30)


def test_an_offset_is_the_name_of_the_log_and_a_number() -> None:
    log = event_log()
    assert (log.offset, log.next_offset) == ("log.0", "log.1")
    log.append("/", (), (), ["42[1]"], 0.0)
    assert (log.offset, log.next_offset) == ("log.1", "log.2")
    assert log.number_of("log.1") == 1
    assert log.number_of("log.0") == 0


@pytest.mark.parametrize(
    "offset",
    ["", "log", "1", "log.2", "log.-1", "log.01", "log.1 ", "log.²", "log.", "other.1", "log.1.1"],
)
def test_another_offset_is_unknown(offset: str) -> None:
    log = event_log()
    log.append("/", (), (), ["42[1]"], 0.0)
    assert log.number_of(offset) is None


def test_a_number_that_is_too_long_is_unknown() -> None:
    assert event_log().number_of("log." + "1" * 5000) is None


def test_a_name_with_a_dot_is_part_of_the_offset() -> None:
    log = EventLog("a.b", 10, 1 << 20, 60.0)
    assert log.number_of("a.b.0") == 0


def test_the_packets_come_back_as_they_were_sent() -> None:
    log = event_log()
    packets: list[str | bytes] = ['451-["x",{"_placeholder":true,"num":0},"log.1"]', b"\x01"]
    log.append("/", ("a",), (), packets, 0.0)
    missed = log.missed("/", "P", present(0, "a"), 0)
    assert missed is not None
    assert missed[0].packets is packets


def test_the_number_of_packets_is_bounded() -> None:
    log = event_log(max_packets=2)
    for _ in range(3):
        log.append("/", (), (), ["42[]"], 0.0)
    assert len(log) == 2
    assert numbers(log, present(), 0) is None
    assert numbers(log, present(), 1) == [2, 3]


def test_the_bytes_are_bounded() -> None:
    log = event_log(max_bytes=2 * EVENT_OVERHEAD + 20)
    log.append("/", (), (), ["x" * 10], 0.0)
    log.append("/", (), (), ["x" * 5, b"x" * 5], 0.0)
    assert (len(log), log.size) == (2, 2 * EVENT_OVERHEAD + 20)
    log.append("/", (), (), ["x"], 0.0)
    assert (len(log), log.size) == (2, 2 * EVENT_OVERHEAD + 11)
    log.append("/", (), (), ["x" * 10_000], 0.0)
    assert (len(log), log.size) == (0, 0)
    assert numbers(log, present(), 3) is None
    assert numbers(log, present(), 4) == []


def test_the_age_is_bounded() -> None:
    log = event_log(max_age=60.0)
    log.append("/", (), (), ["42[]"], 100.0)
    log.append("/", (), (), ["42[]"], 130.0)
    log.prune(160.0)
    assert len(log) == 2
    log.prune(160.5)
    assert len(log) == 1
    assert numbers(log, present(), 1) == [2]


def test_who_was_sent_nothing_loses_nothing_by_what_others_were_sent() -> None:
    log = event_log(max_packets=2)
    log.append("/", ("a",), (), ["42[]"], 0.0)
    for _ in range(10):
        log.append("/", ("b",), (), ["42[]"], 0.0)
    assert numbers(log, present(0, "c"), 0) == []
    assert numbers(log, present(0, "a"), 0) is None
    assert numbers(log, present(0, "a"), 1) == []


def test_only_so_many_drops_are_remembered() -> None:
    log = event_log(max_packets=2)
    for room in ("a", "b", "c", "d", "e"):
        log.append("/", (room,), (), ["42[]"], 0.0)
    # Of "a", "b" and "c", which were dropped, two are remembered.
    assert numbers(log, present(0, "x"), 0) is None
    assert numbers(log, present(0, "x"), 1) == []
    assert numbers(log, present(0, "c"), 1) is None


def test_an_event_for_one_session_does_not_ask_for_its_rooms() -> None:
    log = event_log()
    log.append_to("P", ["42[]"], 0.0)
    assert numbers(log, RoomHistory(0)) == [1]
    assert numbers(log, RoomHistory(0), pid="Q") == []


def test_rooms_of_the_same_name_in_other_namespaces_are_others() -> None:
    log = event_log()
    log.append("/", ("a",), (), ["42[]"], 0.0)
    assert numbers(log, present(0, "a"), namespace="/other") == []


def test_the_stays_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery_rooms, "MAX_STAYS", 4)
    history = present()
    for number in range(0, 10, 2):
        history.join(f"room {number % 4}", number)
        history.leave(f"room {number % 4}", number + 1)
    # Five stays are one too many: those up to the third have been forgotten.
    assert history.floor == 5
    assert [number for number in range(1, 10) if history.received(number, ["room 0"], [])] == [9]
    assert [number for number in range(1, 10) if history.received(number, ["room 2"], [])] == [7]
    log = event_log()
    for _ in range(9):
        log.append("/", ("room 0",), (), ["42[]"], 0.0)
    assert numbers(log, history, 4) is None
    assert numbers(log, history, 5) == [9]


def test_a_stay_without_an_event_is_not_remembered() -> None:
    history = present()
    for _ in range(recovery_rooms.MAX_STAYS + 1):
        history.join("a", 5)
        history.leave("a", 5)
    assert history.floor == 0
    assert list(history.rooms_since(0)) == []


def test_a_stay_that_ended_before_is_not_asked_for() -> None:
    history = present(0, "a")
    history.leave("a", 5)
    assert list(history.rooms_since(4)) == ["a"]
    assert list(history.rooms_since(5)) == []


def test_leaving_a_room_that_it_is_not_in_changes_nothing() -> None:
    history = present()
    history.leave("a", 5)
    assert list(history.rooms_since(0)) == []
    assert not history.received(6, ["a"], [])


def test_nothing_is_for_a_socket_that_is_not_in_its_namespace_yet() -> None:
    history = RoomHistory(0)
    history.join("a", 0)
    history.leave("a", 2)
    history.join("a", 2)
    assert not history.received(3, ["a"], [])
    history.enter(3)
    assert not history.received(3, ["a"], [])
    assert history.received(4, ["a"], [])
    history.enter(9)
    assert history.received(4, ["a"], [])
