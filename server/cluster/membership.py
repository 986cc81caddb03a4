"""The membership of this server among the nodes, which are the servers that share a database.

A node has a lease, which it renews. Locks, for example, belong to nodes. When the lease is over,
the server has lost all that it had as a node. The server counts the lease from before it asks for
it, so it knows of the loss before the database gives anything to others. As soon as the database
answers, the server is a node again, with nothing.

A server that has its database for itself is a node, without a lease, for as long as it runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from server.store.engine import Engine, StoreError
from server.store.link import Lease

_JOIN_SECONDS: Final = 15.0


class Member(Protocol):
    """What the event loop is told of the membership."""

    def lease_lost(self) -> None:
        """Note that the server is no node any more. What it had as one is lost."""
        ...

    def lease_begun(self) -> None:
        """Note that the server is a node again. As one it has nothing yet."""
        ...

    def others_died(self) -> None:
        """Note that the lease and the grace of another node are over."""
        ...

    def tasks_changed(self) -> None:
        """Note that the server does other tasks than before."""
        ...

    def heard(self, payload: str) -> None:
        """Note a change of which the database notifies."""
        ...

    def missed(self) -> None:
        """Note that notifications may have been missed until now."""
        ...


class Membership:
    """The membership of the server that uses an engine; `member` is told what becomes of it."""

    def __init__(self, engine: Engine, member: Member, lease: Lease) -> None:
        self.id = engine.node
        self._engine = engine
        self._member = member
        self._lease = lease
        self._link = engine.link(lease, self)
        self._loop: asyncio.AbstractEventLoop
        self._joined = asyncio.Event()
        self._tasks: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        # Whether the member was last told that the server is a node.
        self._told_alive = False
        # When the lease ends, by `time.monotonic`. Both threads read and change it.
        self._changing = threading.Lock()
        self._until: float | None = None

    # -- on the event loop

    async def start(self, label: str) -> None:
        """Return as soon as the server is a node. `label` tells people which one.

        Raises:
            StoreError: it cannot become one.
        """
        if self._link is None:
            return
        self._loop = asyncio.get_running_loop()
        self._link.start(label)
        try:
            async with asyncio.timeout(_JOIN_SECONDS):
                await self._joined.wait()
        except TimeoutError:
            raise StoreError(self._engine.unusable("it takes no more servers")) from None

    async def stop(self) -> None:
        """Give the lease back: the server is no node any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._link is not None:
            await asyncio.to_thread(self._link.stop)
        self._until = None

    @property
    def is_alive(self) -> bool:
        """Return whether the server is a node."""
        until = self._until
        return self._link is None or (until is not None and time.monotonic() < until)

    def does(self, task: str) -> bool:
        """Return whether this server is the one that does `task`, one of the lease's tasks."""
        return self._link is None or (self.is_alive and task in self._tasks)

    def _begin(self) -> None:
        if self._told_alive:
            # The database has ended the lease before its time.
            self._member.lease_lost()
        self._told_alive = True
        if self._joined.is_set():
            self._member.lease_begun()
        self._joined.set()
        if self._timer is None:
            self._watch()

    def _watch(self) -> None:
        """Wait for the end of the lease, and tell the member."""
        with self._changing:
            left = 0.0 if self._until is None else self._until - time.monotonic()
            if left <= 0:
                self._until = None
        if left > 0:
            self._timer = self._loop.call_later(left, self._watch)
            return
        self._timer = None
        self._told_alive = False
        self._member.lease_lost()

    # -- on the link's thread

    def renewed(self, asked: float) -> bool:
        """Note a renewal; see `LinkEvents`."""
        with self._changing:
            if self._until is None or time.monotonic() >= self._until:
                return False
            self._until = asked + self._lease.lasts
            return True

    def joined(self, asked: float) -> None:
        """Note that the server is a node anew; see `LinkEvents`."""
        with self._changing:
            self._until = asked + self._lease.lasts
        self._tell(self._begin)

    def has_task(self, task: str) -> None:
        """Note a task; see `LinkEvents`."""
        self._tasks.add(task)
        self._tell(self._member.tasks_changed)

    def has_no_tasks(self) -> None:
        """Note that tasks are lost; see `LinkEvents`."""
        self._tasks.clear()
        self._tell(self._member.tasks_changed)

    def heard(self, payload: str) -> None:
        """Pass a notification on; see `LinkEvents`."""
        self._tell(self._member.heard, payload)

    def missed(self) -> None:
        """Tell that notifications may have been missed; see `LinkEvents`."""
        self._tell(self._member.missed)

    def others_died(self) -> None:
        """Tell that another node is to be buried; see `LinkEvents`."""
        self._tell(self._member.others_died)

    def _tell(self, callback: Callable[..., object], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # The loop is gone.
            self._loop.call_soon_threadsafe(callback, *arguments)
