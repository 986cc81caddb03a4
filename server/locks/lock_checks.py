"""Checks of the locks before a file or a folder is taken away from its path."""

from __future__ import annotations

from collections.abc import Sequence

from server.locks.lock_keeper import LockKeeper
from server.store.connection import Connection


def check_taking(
    locks: LockKeeper,
    project_id: str,
    paths: Sequence[str],
    socket_id: str,
    token: int | None,
    connection: Connection | None = None,
) -> None:
    """Let a socket change files, and all in folders, of these paths. It takes away what is at the
    first one.

    Raises:
        EventError: somebody else holds a lock on one, or the lock of `token` on the first path does
            not hold any more (`FILE_LOCKED`).
    """
    locks.check_within(connection, project_id, paths, socket_id)
    if token is not None:
        locks.check(connection, project_id, paths[:1], socket_id, token)
