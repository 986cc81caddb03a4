"""When the adapters of a server's namespaces join the cluster, and leave it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from socketio_min.cluster.adapter import Adapter


class Member(Protocol):
    """A namespace, of which only the adapter matters here."""

    @property
    def adapter(self) -> Adapter:
        """Return the adapter, which joins the cluster."""


class ClusterMembership:
    """Starts and closes the adapters of `namespaces()`, and of namespaces that come and go.

    `loop` is the event loop in which the adapters have joined, or are about to; None before.
    """

    __slots__ = ("_namespaces", "_tasks", "loop")

    def __init__(self, namespaces: Callable[[], Sequence[Member]]) -> None:
        self._namespaces = namespaces
        self.loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(self) -> None:
        """Have all adapters join the cluster, unless they have."""
        if self.loop is None:
            self.loop = asyncio.get_running_loop()
            await asyncio.gather(*(one.adapter.start() for one in self._namespaces()))

    def join_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have all adapters join the cluster in the background."""
        self._start(self.join(), loop)

    async def leave(self) -> None:
        """Have all adapters leave the cluster, if they have joined it."""
        if self.loop is not None:
            self.loop = None
            await asyncio.gather(*self._tasks, *(one.adapter.close() for one in self._namespaces()))

    def enter(self, namespace: Member) -> None:
        """Have the adapter of a new namespace join the cluster, if the others have."""
        if self.loop is not None:
            self._start(namespace.adapter.start(), self.loop)

    def exit(self, namespace: Member) -> None:
        """Have the adapter of a namespace that is given up leave the cluster."""
        if self.loop is not None:
            self._start(namespace.adapter.close(), self.loop)

    def _start(self, coroutine: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> None:
        # Not among the handlers' tasks: the end of the server waits for these.
        task = loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
