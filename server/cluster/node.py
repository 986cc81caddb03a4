"""What this server does as one of several nodes: it ends what belonged to nodes that are gone, and
learns what the others change.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable
from typing import Final

import msgspec

from server.api import node_events
from server.api.errors import EventError
from server.api.services import Services
from server.cluster.changes import Changes
from server.cluster.membership import Membership
from server.locks import lock_news
from server.store.engine import Engine
from server.store.link import Lease
from server.store.lock_rules import Held

_FILES: Final = "files"
"""What the database notifies of when files of the mirrored project have changed."""

logger = logging.getLogger("server.cluster")


class Node:
    """This server among those that share a database. `lease.grace` is also the grace of locks."""

    def __init__(self, services: Services, engine: Engine, lease: Lease) -> None:
        self._services = services
        self._lease = lease
        # The locks that were lost with the lease, and that other servers have not been told of.
        self._lost: list[Held] = []
        self.membership = Membership(engine, self, lease)
        self._changes = Changes(services, engine.node)
        self._burial: asyncio.Task[None] | None = None
        # Called when the mirrored files may have changed, or which server mirrors them.
        self.on_workspace: Callable[[], object] = lambda: None

    async def start(self) -> None:
        """Return as soon as the server is a node.

        Raises:
            StoreError: it cannot become one.
        """
        await self.membership.start(f"{socket.gethostname()} {os.getpid()}")

    async def stop(self) -> None:
        """Stop being a node, while the database is still open."""
        if self._burial is not None:
            await asyncio.wait([self._burial])
        await self.membership.stop()
        await self._changes.stop()

    async def catch_up(self, project_id: str, user_id: str) -> None:
        """Read the roles of a project before a user is refused: another server may have changed
        them a moment ago. If the database does not answer, nothing changes.
        """
        if self._services.settings.shares_database:
            with contextlib.suppress(EventError):
                await self._changes.catch_up(project_id, user_id)

    # -- see `Member`

    def lease_lost(self) -> None:
        """Tell the clients of this server that its locks are lost."""
        logger.error("this server lost its lease: the database did not answer for too long")
        lost = self._services.locks.lease_lost()
        lock_news.tell_unlocked(self._services, lost, local=True)
        self._lost += lost
        self.on_workspace()

    def lease_begun(self) -> None:
        """Tell the other servers that the locks of this one are gone."""
        logger.warning("this server has a lease again")
        for held in self._lost:
            self._services.io.server_side_emit(node_events.LOCK_LOST, msgspec.to_builtins(held))
        self._lost = []

    def others_died(self) -> None:
        """End what belonged to nodes that are gone."""
        if self._burial is None or self._burial.done():
            self._burial = asyncio.get_running_loop().create_task(self._bury())

    def tasks_changed(self) -> None:
        """Let the workspace look whether mirroring it is now this server's task."""
        self.on_workspace()

    def heard(self, payload: str) -> None:
        """Take a notification of the database: read again what has changed."""
        if payload.partition(" ")[2] == _FILES:
            # The database notifies of this server's own changes, too.
            self.on_workspace()
        else:
            self._changes.heard(payload)

    def missed(self) -> None:
        """Read all that is remembered again."""
        self._changes.missed()
        self.on_workspace()

    async def _bury(self) -> None:
        try:
            buried = await self._services.store.nodes.bury(self._lease.grace)
            unsaved = await self._services.store.documents.unsaved() if buried.nodes else []
        except EventError as error:
            # The next renewal tries it again.
            logger.error("what belonged to another node is not ended yet: %s", error.message)
            return
        for node in buried.nodes:
            logger.warning("node %s is gone: what belonged to it is ended", node)
        for held in buried.locks:
            self._services.lock_requests.lock_ended(held)
        lock_news.tell_unlocked(self._services, buried.locks)
        # What was typed on them is in the journals of the documents.
        for key in unsaved:
            self._services.saver.edited(key)
