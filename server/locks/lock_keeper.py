"""What keeps the locks on files: in memory for one server, in a database for several.

A check is made twice: early, without a connection, to refuse what is known to be refused before
anything is done for it; and in the transaction of the change, which alone counts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol

from server.api.records import Lock, LockType, User
from server.store.connection import Connection
from server.store.lock_rules import Grant, Held
from server.store.store import Store

Then = Callable[[Sequence[Held]], object]
"""Called with the locks that have changed, as soon as that holds."""


class LockKeeper(Protocol):
    """Knows who holds which lock, and decides who may have one.

    A lock belongs to one socket of one user. When the connection is lost, its locks are orphans,
    which the same user may take over from another connection.

    Every grant has a greater token than all before it. A change that names another token than the
    present one is refused, whoever holds the lock. So a client that slept through the loss of its
    lock overwrites nothing ("fencing").
    """

    async def start(self, store: Store) -> None:
        """Begin, with tokens greater than all before."""
        ...

    async def acquire(
        self, project_id: str, path: str, lock_type: LockType, user: User, socket_id: str
    ) -> Grant:
        """Lock a file.

        Raises:
            EventError: somebody else holds it (`FILE_LOCKED`), the user holds too many
                (`RATE_LIMIT_EXCEEDED`), or this server gives no locks now (`STORAGE_ERROR`).
        """
        ...

    async def release(self, project_id: str, path: str, socket_id: str) -> Held | None:
        """Release a socket's lock on a file and return it; None if nobody holds one.

        Raises:
            EventError: only others hold locks on the file (`FILE_LOCKED`).
        """
        ...

    async def exclusive(self, project_id: str, path: str) -> Held | None:
        """Return the exclusive lock on a file, None if there is none."""
        ...

    async def of_token(self, project_id: str, token: int) -> Held | None:
        """Return the lock of this token, None if it is gone."""
        ...

    async def hand_over(self, held: Held, user: User, socket_id: str) -> Held:
        """Give the file of an exclusive lock to another user, with a lock of a new token. Nobody
        else gets the file in between.

        Raises:
            EventError: the user holds too many (`RATE_LIMIT_EXCEEDED`), or the lock is gone
                (`FILE_LOCKED`).
        """
        ...

    async def page(
        self, project_id: str, after: int = 0, limit: int | None = None
    ) -> tuple[list[Lock], int | None]:
        """Return the first locks of a project whose tokens are greater than `after`, by token, and
        the last token if there are more.
        """
        ...

    def release_all(self, socket_id: str, project_id: str | None, then: Then) -> None:
        """Release a socket's locks, in one project or in all."""
        ...

    def withdraw(self, project_id: str, user_id: str | None, then: Then) -> None:
        """Release all locks in a project, or those of one user."""
        ...

    def orphan(self, socket_id: str, then: Then) -> None:
        """Let the locks of a socket that is gone wait for their user."""
        ...

    def moving(
        self, connection: Connection, project_id: str, source: str, target: str
    ) -> list[Held]:
        """Let the locks on a file, or on the files in a folder, follow to another path, in the
        transaction that moves it. Return those that end instead; see `moved`.
        """
        ...

    def moved(
        self, project_id: str, source: str, target: str, ended: Collection[Held]
    ) -> list[Held]:
        """Let locks in memory follow to another path, after the transaction, in which those that
        have `ended` did not. Return all that have ended, because the other path is locked.
        """
        ...

    def check(
        self,
        connection: Connection | None,
        project_id: str,
        paths: Iterable[str],
        socket_id: str,
        token: int | None = None,
    ) -> None:
        """Let a socket change files.

        Raises:
            EventError: somebody else holds a lock on one, or the token is not that of the socket's
            lock (`FILE_LOCKED`).
        """
        ...

    def check_within(
        self,
        connection: Connection | None,
        project_id: str,
        paths: Collection[str],
        socket_id: str,
    ) -> None:
        """Let a socket change files, and all in folders, of these paths.

        Raises:
            EventError: somebody else holds a lock on one (`FILE_LOCKED`).
        """
        ...

    def check_all(self, connection: Connection | None, project_id: str, socket_id: str) -> None:
        """Let a socket change all files of a project.

        Raises:
            EventError: somebody else holds a lock (`FILE_LOCKED`).
        """
        ...

    def check_edit(
        self, connection: Connection | None, project_id: str, path: str, socket_id: str
    ) -> None:
        """Let a socket edit a file together with others.

        Raises:
            EventError: somebody else holds an exclusive lock on it (`FILE_LOCKED`).
        """
        ...

    def lease_lost(self) -> list[Held]:
        """Lose the locks of all sockets of this server, which is no node any more. Return them."""
        ...

    async def close(self) -> None:
        """Begin nothing more."""
        ...


def check_taking(
    locks: LockKeeper,
    project_id: str,
    paths: Sequence[str],
    socket_id: str,
    token: int | None,
    connection: Connection | None = None,
) -> None:
    """Let a socket take away the file or folder at the first path, and change what is at the
    others.

    Raises:
        EventError: somebody else holds a lock on one of the files, or the lock of `token` on the
            first path is gone (`FILE_LOCKED`).
    """
    locks.check_within(connection, project_id, paths, socket_id)
    if token is not None:
        locks.check(connection, project_id, paths[:1], socket_id, token)
