"""The one timer of a server: it runs the deadline queue on the event loop."""

from __future__ import annotations

import asyncio

from engineio_min.heartbeat import NEVER, DeadlineQueue, Owner


class Timer:
    """A deadline queue that calls `handle_timeout` of its owners when their time has come."""

    __slots__ = ("_handle", "_handle_time", "_loop", "_queue")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue = DeadlineQueue()
        self._handle: asyncio.TimerHandle | None = None
        self._handle_time = NEVER

    def __len__(self) -> int:
        """How many owners are watched."""
        return len(self._queue)

    def watch(self, owner: Owner) -> None:
        """Watch `owner`; call this when it is new and whenever its deadline has moved earlier."""
        self._queue.watch(owner)
        self._schedule()

    def forget(self, owner: Owner) -> None:
        """Stop watching `owner`."""
        self._queue.forget(owner)

    def cancel(self) -> None:
        """Stop the timer; `watch` starts it again."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
            self._handle_time = NEVER

    def _schedule(self) -> None:
        deadline = self._queue.next_deadline()
        if deadline < self._handle_time:
            if self._handle is not None:
                self._handle.cancel()
            self._handle_time = deadline
            self._handle = self._loop.call_at(deadline, self._run)

    def _run(self) -> None:
        self._handle = None
        self._handle_time = NEVER
        # The loop may wake up to its clock's resolution early.
        now = max(self._loop.time(), self._queue.next_deadline())
        try:
            for owner in self._queue.expired(now):
                owner.handle_timeout(now)
        finally:
            # The failure of one owner must not stop the time of all others.
            self._schedule()
