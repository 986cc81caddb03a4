"""The locks that several servers share, as methods to await. Only PostgreSQL has them."""

from __future__ import annotations

import asyncio

from server.api.records import Lock, LockType, User
from server.store import postgres_locks
from server.store.database import Desk
from server.store.lock_rules import Grant, Held


class Locks:
    """Gives and releases locks; `grace` is how many seconds they outlive their connection."""

    __slots__ = ("_desk",)

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def acquire(
        self,
        node: str,
        grace: float,
        project_id: str,
        path: str,
        lock_type: LockType,
        user: User,
        socket_id: str,
    ) -> Grant:
        """Lock a file; see `locks.acquire`."""
        return await self._desk.run(
            lambda c: postgres_locks.acquire(
                c, node, grace, project_id, path, lock_type, user, socket_id
            )
        )

    async def release(
        self, grace: float, project_id: str, path: str, socket_id: str
    ) -> Held | None:
        """Release a lock; see `locks.release`."""
        return await self._desk.run(
            lambda c: postgres_locks.release(c, grace, project_id, path, socket_id)
        )

    async def of_file(self, grace: float, project_id: str, path: str) -> list[Held]:
        """Return the locks on a file."""
        return await self._desk.read(lambda c: postgres_locks.of_file(c, grace, project_id, path))

    async def of_token(self, grace: float, project_id: str, token: int) -> Held | None:
        """Return the lock of this token, None if it is gone."""
        return await self._desk.read(lambda c: postgres_locks.of_token(c, grace, project_id, token))

    async def hand_over(
        self, node: str, grace: float, held: Held, user: User, socket_id: str
    ) -> Held:
        """Give the file of a lock to another user; see `locks.hand_over`."""
        return await self._desk.run(
            lambda c: postgres_locks.hand_over(c, node, grace, held, user, socket_id)
        )

    async def page(
        self, grace: float, project_id: str, after: int, limit: int | None
    ) -> tuple[list[Lock], int | None]:
        """Return a page of a project's locks; see `locks.page`."""
        return await self._desk.read(
            lambda c: postgres_locks.page(c, grace, project_id, after, limit)
        )

    def release_all(self, socket_id: str, project_id: str | None) -> asyncio.Future[list[Held]]:
        """Release a socket's locks; see `locks.release_all`."""
        return self._desk.run(lambda c: postgres_locks.release_all(c, socket_id, project_id))

    def withdraw(self, project_id: str, user_id: str | None) -> asyncio.Future[list[Held]]:
        """Release the locks in a project; see `locks.withdraw`."""
        return self._desk.run(lambda c: postgres_locks.withdraw(c, project_id, user_id))

    def orphan(self, grace: float, socket_id: str) -> asyncio.Future[list[Held]]:
        """Let the locks of a socket that is gone wait for their user; see `locks.orphan`."""
        return self._desk.run(lambda c: postgres_locks.orphan(c, grace, socket_id))
