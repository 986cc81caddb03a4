"""Events that are sent again until the server acknowledges them (the official client's `retries`):
each arrives at least once, and in order.

One event is under way at a time, so that a later one never overtakes an earlier one; the price is a
round trip for each. If its acknowledgement is lost, an event arrives more than once: an application
that must not handle it twice gives each event an id. Events that wait when the connection is lost
are sent on the next one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from socketio_min.errors import UsageError

# The outcome of an event: its acknowledgement's arguments, or the reason why there are none.
Answer = Callable[[list[Any] | Exception], None]
# Sends an event, its name and arguments, and calls the answer after at most so many seconds.
Ask = Callable[[tuple[Any, ...], float, Answer], object]


@dataclass(slots=True)
class _QueuedEvent:
    args: tuple[Any, ...]
    timeout: float
    answer: Answer
    tries: int = 0
    sent: bool = False


class RetryQueue:
    """The events of one namespace that wait for their acknowledgement.

    `ask` must call each answer that it was given: with the acknowledgement, with a timeout, or with
    an error when the connection is lost. An event is sent `retries` times more after its first try.
    """

    __slots__ = ("_ask", "_connected", "_queue", "_retries")

    def __init__(self, retries: int, ask: Ask) -> None:
        self._connected = False
        self._retries = retries
        self._ask = ask
        self._queue: deque[_QueuedEvent] = deque()

    def __len__(self) -> int:
        """Return how many events wait, the one under way among them."""
        return len(self._queue)

    def add(self, args: tuple[Any, ...], timeout: float, answer: Answer) -> None:
        """Send an event in its turn; `timeout` is in seconds, for each attempt."""
        self._queue.append(_QueuedEvent(args, timeout, answer))
        self._drain()

    def resume(self) -> None:
        """Send the events that wait: the namespace is connected."""
        self._connected = True
        self._drain()

    def suspend(self) -> None:
        """Let the events that are not under way wait: the namespace is not connected."""
        self._connected = False

    def _drain(self) -> None:
        if self._connected and self._queue and not self._queue[0].sent:
            first = self._queue[0]
            first.sent = True
            first.tries += 1
            self._ask(first.args, first.timeout, lambda result: self._answered(first, result))

    def _answered(self, event: _QueuedEvent, result: list[Any] | Exception) -> None:
        event.sent = False
        # An event that cannot be sent now could not be sent later either.
        final = not isinstance(result, Exception) or isinstance(result, UsageError)
        if final or event.tries > self._retries:
            self._queue.popleft()
            event.answer(result)
        self._drain()
