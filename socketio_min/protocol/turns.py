"""Calls in turn: the handlers of what a connection brings are called in order, and no faster than
they keep up.

A plain handler is over when it returns, and so is an asynchronous one that does not suspend: its
first step is taken in the call. Others go on as tasks:

    call ──there is room──► called ──returns───► over
      │                       ▲  └───suspends──► begun ──► ended
      └──no room──► queued ───┘

At most `limit` handlers run at once. A handler that waits for an acknowledgement does not count,
because the peer must be read for that. Each call that waits will be a handler. So the peer is read
while waiting calls and handlers together are fewer than `limit`: at most `limit` calls wait, and
those of one more read. A few calls may be large: the peer is not read either while more than
`max_weight` bytes wait or are worked on, unless an acknowledgement is due.

Rejected: a callback of the loop for each call that waits, because each would go round once for
every handler before it, at a quadratic cost; a task for each connection that takes calls from a
queue, because on most connections no call ever waits; first steps in the next turn of the loop,
because all calls after an asynchronous handler would wait for it.
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

    `soon(function)` gives a call to the event loop. The user calls `begin` when a handler has
    suspended in its first step, and `end` when that handler is over. `max_weight` is in bytes.

    `behind` is 0 when a call need not wait: then the hot path makes it without `call`.
    """

    __slots__ = (
        "_limit",
        "_max_weight",
        "_nested",
        "_queue",
        "_reading",
        "_soon",
        "_taking",
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
        # How much a call has to wait for: calls that wait, and one more if the limit is reached.
        self.behind = 0
        self.in_flight = 0
        self.acks_due = 0
        # Calls of `finish` that wait.
        self.ending = 0
        # The bytes of the packets that wait or are worked on, as told by `load`.
        self.weight = 0
        self._max_weight = max_weight
        self._limit = limit
        self._soon = soon
        self._reading = reading
        # Whether the peer is not to be read.
        self.paused = False
        # Whether the loop has been given `_take`.
        self._taking = False
        # The queue is made when it is needed, which is never on most connections.
        self._queue: deque[_Call] | None = None
        # While `_take` makes calls: the calls that these have put off.
        self._nested: list[_Call] | None = None

    def read_from(self, reading: Reading | None) -> None:
        """Note which connection brings the calls from now on; None if none does."""
        self._reading = reading
        if self.paused and reading is not None:
            reading.pause()

    # -- calls

    def call(self, function: Callable[..., None], *args: Any) -> None:
        """Make a call after all earlier ones, as soon as there is room.

        Calls made from inside a delayed call run right after it, before older delayed calls.
        """
        if not self.behind:
            function(*args)
        elif self._nested is not None:
            self._nested.append((function, args))
            self._adjust()
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

    def _take(self) -> None:
        """Make the calls that wait, as long as there is room."""
        self._taking = False
        queue = self._queue
        assert queue is not None
        nested: list[_Call] = []
        self._nested = nested
        try:
            # Calls that a call has put off come before those that waited already.
            while queue and not nested and self._has_room:
                function, args = queue.popleft()
                self.behind = 0
                function(*args)
        finally:
            queue.extendleft(reversed(nested))
            self._nested = None
            self._adjust()

    # -- asynchronous handlers

    def begin(self) -> None:
        """Count an asynchronous handler that has suspended in its first step."""
        self.in_flight += 1
        self._adjust()

    def end(self) -> None:
        """Note that a handler's task is done."""
        self.in_flight -= 1
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

    @property
    def _has_room(self) -> bool:
        return self.ending > 0 or not self.full

    def _adjust(self) -> None:
        """Read from the peer, and make calls that wait, as far as the handlers keep up."""
        if self._nested is not None:
            # `_take` will do both at its end. Calls made inside a delayed one wait for each other
            # and for room.
            self.behind = len(self._nested) + (not self._has_room)
            return
        queued = 0 if self._queue is None else len(self._queue)
        paused = self.in_flight - self.acks_due + queued >= self._limit or (
            self.weight > self._max_weight and not self.acks_due
        )
        self.behind = queued + paused
        if paused != self.paused:
            self.paused = paused
            if self._reading is not None:
                if paused:
                    self._reading.pause()
                else:
                    self._reading.resume()
        if self._queue and not self._taking and self._has_room:
            self._taking = True
            self._soon(self._take)
