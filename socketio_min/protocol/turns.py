"""Calls in turn: what a connection brings is called in order, no faster than handlers keep up.

A plain handler is over when it returns. An asynchronous one becomes a task, whose first step is the
event loop's to make; what came after it must not be called before that step, and waits:

    call ──nothing before it──► called ──returns───────► over
      │                           ▲  └───asynchronous──► begun ──first step──► started ──► ended
      └──something before it──► queued

The loop keeps the order of what it is given. So a callback that is given to it after a handler
finds the handler started, and calls all that waits up to the next asynchronous handler: the cost is
in proportion to the number of calls, however many come in one read.

At most `limit` handlers run at once, less one for each acknowledgement that is due: those come from
the peer, who must be read for them. What waits is a handler to come. So the peer is read while both
together are fewer than `limit`; what it can make wait is as many, and one read more. A few of them
may be large: above `max_weight` bytes of what waits or is worked on the peer is not read either,
unless an acknowledgement is due.

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
        # Everything that a call waits for: handlers without their first step, calls that wait, and
        # one for the limit.
        self.behind = 0
        self.in_flight = 0
        self.acks_due = 0
        # Calls of `finish` that wait.
        self.ending = 0
        # Bytes of what waits or is worked on, as far as it was told.
        self.weight = 0
        self._max_weight = max_weight
        self._limit = limit
        self._soon = soon
        self._reading = reading
        # Whether the peer is not to be read.
        self.paused = False
        self._unstarted = 0
        # All handlers there ever were.
        self._begun = 0
        # Whether the loop has been given `_take`.
        self._taking = False
        # Made when it is needed, which on most connections is never.
        self._queue: deque[_Call] | None = None
        # While `_take` makes calls: what these have put off.
        self._nested: list[_Call] | None = None

    def read_from(self, reading: Reading | None) -> None:
        """Note what brings the calls from now on; None while nothing does."""
        self._reading = reading
        if self.paused and reading is not None:
            reading.pause()

    # -- calls

    def call(self, function: Callable[..., None], *args: Any) -> None:
        """Make a call when the handlers of all earlier ones have started, and there is room.

        What a call that waited puts off by this is a part of it: it comes before what waits still.
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

        It still comes after what waits, which the limit does not hold up any longer.
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
                # What waits is not before the call's own part.
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
            # Those that were cancelled before their first step have not counted it.
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
        """So many acknowledgements have come, or are waited for no longer."""
        self.acks_due -= count
        self._adjust()

    # -- the limit

    @property
    def full(self) -> bool:
        """Return whether as many handlers run as may."""
        return self.in_flight - self.acks_due >= self._limit

    def _adjust(self) -> None:
        """Read, and go on with what waits, as far as the handlers keep up."""
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
