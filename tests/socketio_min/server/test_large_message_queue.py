"""large_message_queue.py: large messages come one after the other, and owners take turns."""

from __future__ import annotations

from engineio_min.protocol.deadlines import NEVER
from socketio_min.server.large_message_queue import PACE, LargeMessageQueue


class Client:
    """Notes its name when its message is taken."""

    def __init__(self, name: str, taken: list[str]) -> None:
        self.name = name
        self._taken = taken

    def take_waiting(self) -> None:
        self._taken.append(self.name)


def test_the_next_message_waits_as_long_as_the_last_one_was() -> None:
    large = LargeMessageQueue()
    assert large.begin(PACE, 10.0)
    large.end(10.1)
    assert large.deadline == NEVER
    assert not large.begin(PACE, 10.9)
    assert large.begin(PACE, 11.0)


def test_the_next_message_waits_for_the_end_of_the_last_one() -> None:
    taken: list[str] = []
    large = LargeMessageQueue()
    assert large.begin(PACE, 10.0)
    assert not large.begin(PACE, 12.0)
    large.wait("one", Client("first", taken), PACE)
    assert large.deadline == NEVER
    large.end(12.5)
    assert large.deadline == 12.5
    large.handle_timeout(12.5)
    assert taken == ["first"]
    large.wait("one", Client("second", taken), PACE)
    assert large.deadline == NEVER
    # The pace still holds.
    large.end(12.6)
    assert large.deadline == 13.5


def test_owners_take_turns() -> None:
    taken: list[str] = []
    large = LargeMessageQueue()
    assert large.begin(PACE, 0.0)
    for number in range(3):
        large.wait("greedy", Client(f"greedy {number}", taken), PACE)
    large.wait("modest", Client("modest", taken), 2 * PACE)
    large.end(0.5)
    assert large.deadline == 1.0
    # Who comes now stands behind them, though nothing is being taken.
    assert not large.begin(1, 1.0)
    for now in (1.0, 2.0, 4.0, 5.0):
        assert large.deadline == now
        large.handle_timeout(now)
        large.end(now)
    assert taken == ["greedy 0", "modest", "greedy 1", "greedy 2"]
    assert large.deadline == NEVER
    assert not large.begin(1, 5.5)
    assert large.begin(1, 6.0)


def test_who_is_gone_does_not_wait() -> None:
    taken: list[str] = []
    large = LargeMessageQueue()
    assert large.begin(PACE, 0.0)
    large.end(0.5)
    first, second, other = (Client(name, taken) for name in ("first", "second", "other"))
    large.wait("one", first, PACE)
    large.wait("one", second, PACE)
    large.wait("two", other, PACE)
    large.forget(first)
    large.handle_timeout(1.0)
    assert taken == ["second"]
    large.end(1.5)
    assert large.deadline == 2.0
    large.forget(other)
    assert large.deadline == NEVER
    assert large.begin(PACE, 2.0)
