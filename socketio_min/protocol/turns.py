"""Calls in turn: the handlers of what a connection brings are called in order, and no faster than
they keep up.

A plain handler is over when it returns. An asynchronous one becomes a task, whose first step is the
event loop's to make; what came after it must not be called before that step, and waits:

    call ──nothing before it──► called ──returns───────► over
      │                           ▲  └───asynchronous──► begun ──first step──► started ──► ended
      └──something before it──► queued

The loop keeps the order of what it is given. So a callback that is given to it after a handler
finds the handler started, and calls all that waits up to the next asynchronous handler: the cost is
in proportion to the number of calls, however many come in one read.

At most `limit` handlers run at once. A handler that waits for an acknowledgement does not count,
because the peer must be read for that. Each call that waits will be a handler. So the peer is read
while calls and handlers together are fewer than `limit`; at most so many calls wait, and those of
one more read. A few of them may be large: above `max_weight` bytes of what waits or is worked on
the peer is not read either, unless an acknowledgement is due.

Rejected: a callback of the loop for each call that waits, which goes round once for every handler
before it, so that the cost is a square; a task for each connection that takes calls from a queue,
though on most connections no call ever waits.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

_Call = tuple[Callable[..., None], tuple[Any, ...]]


class Reading(Protocol):
    """What brings the calls, and can be told to bring no more."""

    def pause(self) -> None:
        """Take nothing more from the peer until `resume`."""

    def resume(self) -> None:
        """Take packets from the peer again."""


class Turns:
    """The calls and the asynchronous handlers of one connection.

    `soon(function, *args)` gives a call to the event loop, which makes them in order. Whoever runs
    an asynchronous handler calls `begin` and makes a task of it; the task's first statement calls
    `started`, and `end` follows when it is done, even if it was cancelled before that statement.

    `behind` is 0 when a call need not wait: then it may be made without `call`, as the hot path
    does.
    """

    __slots__ = (
        "_begun",
        "_limit",
        "_max_weight",
        "_nested",
        "_queue",
        "_reading",
        "_soon",
        "_taking",
        "_unstarted",
        "acks_due",
        "behind",
        "ending",
        "in_flight",
        "paused",
        "weight",
    )

    def __init__(
        self,
        limit: int,
        soon: Callable[..., object],
        reading: Reading | None = None,
        max_weight: float = math.inf,
    ) -> None:
        # How much a call has to wait for: handlers without their first step, calls that wait, and
        # one more if the limit is reached.
        self.behind = 0
        self.in_flight = 0
        self.acks_due = 0
        # Calls of `finish` that wait.
        self.ending = 0
        # The bytes of what waits or is worked on, as told by `load`.
        self.weight = 0
        self._max_weight = max_weight
        self._limit = limit
        self._soon = soon
        self._reading = reading
        # Whether the peer is not to be read.
        self.paused = False
        self._unstarted = 0
        # How many handlers have been begun in all.
        self._begun = 0
        # Whether the loop has been given `_take`.
        self._taking = False
        # The queue is made when it is needed, which is never on most connections.
        self._queue: deque[_Call] | None = None
        # While `_take` makes calls: the calls that these have put off.
        self._nested: list[_Call] | None = None

    def read_from(self, reading: Reading | None) -> None:
        """Note what brings the calls from now on; None if nothing does."""
        self._reading = reading
        if self.paused and reading is not None:
            reading.pause()

    # -- calls

    def call(self, function: Callable[..., None], *args: Any) -> None:
        """Make a call when the handlers of all earlier ones have started, and there is room.

        Calls made from inside a delayed call run right after it, before older delayed calls.
        """
        if not self.behind:
            function(*args)
        elif self._nested is not None:
            self._nested.append((function, args))
        else:
            if self._queue is None:
                self._queue = deque()
            self._queue.append((function, args))
            self._adjust()

    def finish(self, function: Callable[..., None], *args: Any) -> None:
        """Make the call that tells of the connection's end, which no handler can delay.

        The calls that wait come before it; the limit does not delay them any longer.
        """
        self.ending += 1
        self.call(self._finish, function, args)

    def _finish(self, function: Callable[..., None], args: tuple[Any, ...]) -> None:
        self.ending -= 1
        function(*args)

    def _take(self, started: int) -> None:
        """Make the calls that wait; the first `started` of all handlers have started."""
        self._taking = False
        queue = self._queue
        assert queue is not None
        nested: list[_Call] = []
        self._nested = nested
        try:
            # A call begins a handler, or one has been begun since this was given to the loop: the
            # next call comes after its first step.
            while queue and self._begun == started and (self.ending or not self.full):
                function, args = queue.popleft()
                # Calls made from inside this call come before those that wait.
                self.behind = 0
                function(*args)
        finally:
            queue.extendleft(reversed(nested))
            self._nested = None
            self._adjust()

    # -- asynchronous handlers

    def begin(self) -> None:
        """Count an asynchronous handler that is about to become a task."""
        self._begun += 1
        self._unstarted += 1
        self.in_flight += 1
        self.behind += 1
        self._adjust()

    def started(self) -> None:
        """Note that a handler's task makes its first step."""
        self._unstarted -= 1
        self.behind -= 1

    def end(self) -> None:
        """Note that a handler's task is done."""
        self.in_flight -= 1
        if not self.in_flight:
            # A task that was cancelled before its first step has not called `started`.
            self._unstarted = 0
        self._adjust()

    def load(self, weight: int) -> None:
        """Count `weight` bytes more of what waits or is worked on, or fewer if negative."""
        self.weight += weight
        self._adjust()

    def expect_ack(self) -> None:
        """Count an acknowledgement that the peer owes, for which a handler may be waiting."""
        self.acks_due += 1
        self._adjust()

    def settle_acks(self, count: int = 1) -> None:
        """Count off acknowledgements that have come, or that nobody waits for any longer."""
        self.acks_due -= count
        self._adjust()

    # -- the limit

    @property
    def full(self) -> bool:
        """Return whether as many handlers run as may."""
        return self.in_flight - self.acks_due >= self._limit

    def _adjust(self) -> None:
        """Read from the peer, and make calls that wait, as far as the handlers keep up."""
        if self._nested is not None:
            # `_take` will.
            return
        queued = 0 if self._queue is None else len(self._queue)
        paused = self.in_flight - self.acks_due + queued >= self._limit or (
            self.weight > self._max_weight and not self.acks_due
        )
        self.behind = self._unstarted + queued + paused
        if paused != self.paused:
            self.paused = paused
            if self._reading is not None:
                if paused:
                    self._reading.pause()
                else:
                    self._reading.resume()
        if self._queue and not self._taking and (self.ending or not self.full):
            self._taking = True
            self._soon(self._take, self._begun)
