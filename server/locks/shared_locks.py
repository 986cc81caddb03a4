"""The locks on files where several servers share a database: see `LockKeeper`.

The locks are rows, which change in the transaction of the change that they guard. A server
remembers the locks of its own sockets only to release them, and to tell clients when its lease is
lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Final

from server.api.errors import EventError
from server.api.paths import moved
from server.api.records import Lock, LockType, User
from server.locks.lock_keeper import Then
from server.store import postgres_locks
from server.store.connection import Connection
from server.store.lock_rules import (
    Grant,
    Held,
    check_edit,
    check_others,
    check_token,
    exclusive_among,
)
from server.store.repositories.locks import Locks as Rows
from server.store.store import Store

_RETRY_SECONDS: Final = 0.2
_Work = Callable[[], asyncio.Future[list[Held]]]


class SharedLocks:
    """The locks of all servers, as a node sees them. `ended(held)` is called for each lock that
    this node releases, or whose holder's connection it loses. `grace` is in seconds.
    """

    def __init__(
        self, store: Store, node: str, grace: float, ended: Callable[[Held], object]
    ) -> None:
        self._store = store
        self._node = node
        self._grace = grace
        self._ended = ended
        # The locks that each socket of this server may have, by their tokens. Other servers may
        # have ended them.
        self._granted: dict[str, dict[int, Held]] = {}
        # The tokens of the locks that were lost with the last lease: clients were told of those.
        self._lost: frozenset[int] = frozenset()
        self._changes: set[asyncio.Task[None]] = set()

    async def start(self, _store: Store) -> None:
        """Do nothing: the database counts the tokens; see `LockKeeper`."""

    async def acquire(
        self, project_id: str, path: str, lock_type: LockType, user: User, socket_id: str
    ) -> Grant:
        """Lock a file; see `LockKeeper`."""
        # Before anything is waited for: the socket may disconnect meanwhile.
        granted = self._granted.setdefault(socket_id, {})
        grant = await self._of(socket_id).acquire(
            self._node, self._grace, project_id, path, lock_type, user, socket_id
        )
        granted[grant.held.token] = grant.held
        for held in grant.replaced:
            self._forget(held)
        return grant

    async def release(self, project_id: str, path: str, socket_id: str) -> Held | None:
        """Release a lock; see `LockKeeper`."""
        held = await self._of(socket_id).release(self._grace, project_id, path, socket_id)
        if held is None or held.token in self._lost:
            # Whether a release was done may be known only when the lease is over.
            return None
        self._forget(held)
        return held

    async def exclusive(self, project_id: str, path: str) -> Held | None:
        """Return the exclusive lock on a file, None if there is none."""
        return exclusive_among(
            await self._store.of(project_id).locks.of_file(self._grace, project_id, path)
        )

    async def of_token(self, project_id: str, token: int) -> Held | None:
        """Return the lock of this token, None if it is gone."""
        return await self._store.of(project_id).locks.of_token(self._grace, project_id, token)

    async def hand_over(self, held: Held, user: User, socket_id: str) -> Held:
        """Give the file of a lock to another user; see `LockKeeper`."""
        granted = self._granted.setdefault(socket_id, {})
        handed = await self._of(socket_id).hand_over(self._node, self._grace, held, user, socket_id)
        granted[handed.token] = handed
        self._forget(held)
        return handed

    async def page(
        self, project_id: str, after: int = 0, limit: int | None = None
    ) -> tuple[list[Lock], int | None]:
        """Return a page of a project's locks; see `LockKeeper`."""
        return await self._store.of(project_id).locks.page(self._grace, project_id, after, limit)

    def release_all(self, socket_id: str, project_id: str | None, then: Then) -> None:
        """Release a socket's locks; see `LockKeeper`."""
        if socket_id in self._granted:
            if project_id is None:
                del self._granted[socket_id]
            work = self._of(socket_id).release_all
            self._begin(lambda: work(socket_id, project_id), then)

    def withdraw(self, project_id: str, user_id: str | None, then: Then) -> None:
        """Release the locks in a project; see `LockKeeper`."""
        work = self._store.locks.withdraw
        self._begin(lambda: work(project_id, user_id), then)

    def orphan(self, socket_id: str, then: Then) -> None:
        """Let the locks of a socket that is gone wait for their user; see `LockKeeper`."""
        if self._granted.get(socket_id) is not None:
            work = self._of(socket_id).orphan
            self._begin(lambda: work(self._grace, socket_id), then, keeps=True)

    def moving(
        self, connection: Connection, project_id: str, source: str, target: str
    ) -> list[Held]:
        """Let locks follow to another path; see `LockKeeper`."""
        return postgres_locks.move(connection, project_id, source, target)

    def moved(
        self, project_id: str, source: str, target: str, ended: Collection[Held]
    ) -> list[Held]:
        """Remember the paths to which locks have followed in the transaction; see `LockKeeper`."""
        for held in ended:
            self._forget(held)
        for granted in self._granted.values():
            for held in granted.values():
                path = moved(held.path, source, target)
                if held.project_id == project_id and path is not None:
                    granted[held.token] = replace(held, path=path)
        return list(ended)

    def check(
        self,
        connection: Connection | None,
        project_id: str,
        paths: Iterable[str],
        socket_id: str,
        token: int | None = None,
    ) -> None:
        """Let a socket change files; see `LockKeeper`."""
        if connection is not None:
            for path in paths:
                holders = postgres_locks.of_file(connection, self._grace, project_id, path)
                check_others(holders, socket_id)
                check_token(holders, path, socket_id, token)

    def check_within(
        self,
        connection: Connection | None,
        project_id: str,
        paths: Collection[str],
        socket_id: str,
    ) -> None:
        """Let a socket change files and folders; see `LockKeeper`."""
        if connection is not None:
            check_others(
                postgres_locks.within(connection, self._grace, project_id, paths), socket_id
            )

    def check_all(self, connection: Connection | None, project_id: str, socket_id: str) -> None:
        """Let a socket change all files of a project; see `LockKeeper`."""
        if connection is not None:
            check_others(postgres_locks.of_project(connection, self._grace, project_id), socket_id)

    def check_edit(
        self, connection: Connection | None, project_id: str, path: str, socket_id: str
    ) -> None:
        """Let a socket edit a file together with others; see `LockKeeper`."""
        if connection is not None:
            check_edit(postgres_locks.of_file(connection, self._grace, project_id, path), socket_id)

    def lease_lost(self) -> list[Held]:
        """Lose the locks of all sockets of this server; see `LockKeeper`."""
        lost = [held for granted in self._granted.values() for held in granted.values()]
        self._lost = frozenset(held.token for held in lost)
        for held in lost:
            self._forget(held)
        return lost

    async def close(self) -> None:
        """Release nothing more: the end of the node releases all."""
        for task in self._changes:
            task.cancel()
        await asyncio.gather(*self._changes, return_exceptions=True)

    def _of(self, socket_id: str) -> Rows:
        # The jobs of one owner are done in their order.
        return self._store.of(socket_id).locks

    def _forget(self, held: Held) -> None:
        granted = self._granted.get(held.socket_id)
        if granted is not None:
            granted.pop(held.token, None)
        self._ended(held)

    def _begin(self, work: _Work, then: Then, *, keeps: bool = False) -> None:
        # A job is handed over at once, so that the jobs of a socket are done in their order.
        begun = work()
        task = asyncio.get_running_loop().create_task(self._change(begun, work, then, keeps))
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)

    async def _change(
        self, begun: asyncio.Future[list[Held]], work: _Work, then: Then, keeps: bool
    ) -> None:
        """Repeat what releases locks until it is done. With `keeps` it makes the locks orphans
        instead.
        """
        while True:
            try:
                changed = await begun
            except EventError:
                # If it takes longer than the lease, all locks of this server are lost anyway.
                await asyncio.sleep(_RETRY_SECONDS)
                begun = work()
            else:
                break
        changed = [held for held in changed if held.token not in self._lost]
        for held in changed:
            if keeps:
                self._ended(held)
            else:
                self._forget(held)
        then(changed)
