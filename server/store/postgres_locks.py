"""The locks on files, as rows of a PostgreSQL that several servers share.

They change in the transaction of the change that they guard, and transactions come one after the
other: nobody meets a lock that is half granted. A lock belongs to its socket, its user and its
node. When the lease of the node ends, the lock becomes an orphan, as when the connection is lost:
its user may take it over for `grace` seconds, and then nobody holds it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from server.api.envelope import timestamp
from server.api.errors import Code, EventError
from server.api.paths import bounds, is_within
from server.api.records import Lock, LockType, User
from server.store.connection import ALL, Connection
from server.store.lock_rules import (
    GRANTS_OF_A_START,
    Grant,
    Held,
    check_compatible,
    check_count,
    refusal,
)

_COLUMNS: Final = (
    "l.project_id, l.path, l.lock_type, l.user_id, l.user_name, l.socket_id, l.token, "
    "l.acquired_at, l.orphaned_until IS NOT NULL OR n.alive_until < clock_timestamp()"
)
# ?1 is the grace, in seconds.
_LASTS: Final = (
    "n.ended_at IS NULL AND n.alive_until + make_interval(secs => ?1) > clock_timestamp() "
    "AND coalesce(l.orphaned_until > clock_timestamp(), TRUE)"
)
_SELECT: Final = f"SELECT {_COLUMNS} FROM locks l JOIN nodes n ON n.id = l.node WHERE {_LASTS} AND "
_RETURNING: Final = (
    "RETURNING project_id, path, lock_type, user_id, user_name, socket_id, token, acquired_at, "
    "orphaned_until IS NOT NULL"
)
# A server that kept its locks in memory has counted its starts in the upper digits.
_NEXT_TOKEN: Final = (
    "INSERT INTO counters VALUES ('tokens', 1 + CAST(? AS BIGINT) * (1 + coalesce("
    "(SELECT value FROM counters WHERE name = 'locks'), 0))) "
    "ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value"
)


def of_file(connection: Connection, grace: float, project_id: str, path: str) -> list[Held]:
    """Return the locks on a file."""
    return _found(connection, "l.project_id = ?2 AND l.path = ?3", grace, project_id, path)


def within(
    connection: Connection, grace: float, project_id: str, paths: Collection[str]
) -> list[Held]:
    """Return the locks on files at these paths, and in folders at them."""
    return [one for one in of_project(connection, grace, project_id) if is_within(one.path, paths)]


def of_project(connection: Connection, grace: float, project_id: str) -> list[Held]:
    """Return the locks on the files of a project, by token."""
    return _found(connection, "l.project_id = ?2 ORDER BY l.token", grace, project_id)


def of_token(connection: Connection, grace: float, project_id: str, token: int) -> Held | None:
    """Return the lock of this token, None if it is gone."""
    found = _found(connection, "l.project_id = ?2 AND l.token = ?3", grace, project_id, token)
    return found[0] if found else None


def page(
    connection: Connection, grace: float, project_id: str, after: int, limit: int | None
) -> tuple[list[Lock], int | None]:
    """Return the first locks of a project whose tokens are greater than `after`, by token, and the
    last token if there are more.
    """
    most = ALL if limit is None else limit
    condition = "l.project_id = ?2 AND l.token > ?3 ORDER BY l.token LIMIT ?4"
    found = _found(connection, condition, grace, project_id, after, min(most + 1, ALL))
    shown = [held.record for held in found[:most]]
    return shown, shown[-1].token if len(found) > most else None


def acquire(
    connection: Connection,
    node: str,
    grace: float,
    project_id: str,
    path: str,
    lock_type: LockType,
    user: User,
    socket_id: str,
) -> Grant:
    """Lock a file for a socket of a node. The lock replaces the socket's lock of the other type,
    orphans of the user, and locks whose time is over.

    Raises:
        EventError: somebody else holds it (`FILE_LOCKED`), the user holds too many
            (`RATE_LIMIT_EXCEEDED`), or the node's lease is over (`STORAGE_ERROR`).
    """
    own, replaced = check_compatible(
        of_file(connection, grace, project_id, path), lock_type, user, socket_id
    )
    if own is not None and own.lock_type == lock_type:
        return Grant(own, False, [])
    if own is None and not replaced:
        _check_count(connection, grace, user, "you hold")
    tokens = [one.token for one in (*replaced, *(() if own is None else (own,)))]
    connection.executemany("DELETE FROM locks WHERE token = ?", ((token,) for token in tokens))
    over = connection.execute(
        "DELETE FROM locks l WHERE l.project_id = ?2 AND l.path = ?3 AND NOT EXISTS "
        f"(SELECT FROM nodes n WHERE n.id = l.node AND {_LASTS}) {_RETURNING}",
        (grace, project_id, path),
    )
    replaced = [*replaced, *map(_held, over.fetchall())]
    granted = _grant(connection, node, project_id, path, lock_type, user, socket_id)
    return Grant(granted, True, replaced)


def release(
    connection: Connection, grace: float, project_id: str, path: str, socket_id: str
) -> Held | None:
    """Release a socket's lock on a file and return it; None if nobody holds one.

    Raises:
        EventError: only others hold locks on the file (`FILE_LOCKED`).
    """
    holders = of_file(connection, grace, project_id, path)
    own = next((one for one in holders if one.socket_id == socket_id), None)
    if own is not None:
        connection.execute("DELETE FROM locks WHERE token = ?", (own.token,))
    elif holders:
        raise refusal(holders[0])
    return own


def hand_over(
    connection: Connection, node: str, grace: float, held: Held, user: User, socket_id: str
) -> Held:
    """Give the file of an exclusive lock to a socket of another user, with a new token.

    Raises:
        EventError: as for `acquire`, or the lock is gone (`FILE_LOCKED`).
    """
    _check_count(connection, grace, user, f"{user.name!r} holds")
    gone = connection.execute("DELETE FROM locks WHERE token = ? RETURNING path", (held.token,))
    row = gone.fetchone()
    if row is None:
        raise EventError(Code.FILE_LOCKED, f"file {held.path!r}: the lock is gone: lock it again")
    return _grant(connection, node, held.project_id, row[0], held.lock_type, user, socket_id)


def release_all(connection: Connection, socket_id: str, project_id: str | None) -> list[Held]:
    """Release a socket's locks, in one project or in all. Return them."""
    return _deleted(
        connection,
        "socket_id = ?1 AND coalesce(project_id = ?2, TRUE)",
        socket_id,
        project_id,
    )


def withdraw(connection: Connection, project_id: str, user_id: str | None) -> list[Held]:
    """Release all locks in a project, or those of one user. Return them."""
    return _deleted(
        connection, "project_id = ?1 AND coalesce(user_id = ?2, TRUE)", project_id, user_id
    )


def orphan(connection: Connection, grace: float, socket_id: str) -> list[Held]:
    """Let the locks of a socket that is gone wait for their user. Return them."""
    orphans = connection.execute(
        "UPDATE locks SET orphaned_until = clock_timestamp() + make_interval(secs => ?) "
        f"WHERE socket_id = ? {_RETURNING}",
        (grace, socket_id),
    )
    return _by_token(orphans.fetchall())


def move(connection: Connection, project_id: str, source: str, target: str) -> list[Held]:
    """Let the locks on a file, or on the files in a folder, follow to another path. Return those
    that end instead, because the other path is locked.
    """
    values = (project_id, source, *bounds(source), target, len(source) + 1)
    is_within_source = "l.project_id = ?1 AND (l.path = ?2 OR (l.path >= ?3 AND l.path < ?4))"
    new_path = "?5 || substr(l.path, CAST(?6 AS INTEGER))"
    ended = connection.execute(
        f"DELETE FROM locks l WHERE {is_within_source} AND EXISTS (SELECT FROM locks o "
        f"WHERE o.project_id = ?1 AND o.path = {new_path}) {_RETURNING}",
        values,
    ).fetchall()
    connection.execute(f"UPDATE locks l SET path = {new_path} WHERE {is_within_source}", values)
    return _by_token(ended)


def end_nodes(connection: Connection, nodes: Collection[str]) -> list[Held]:
    """Release the locks of nodes that are gone. Return them."""
    return [held for node in sorted(nodes) for held in _deleted(connection, "node = ?1", node)]


def _grant(
    connection: Connection,
    node: str,
    project_id: str,
    path: str,
    lock_type: LockType,
    user: User,
    socket_id: str,
) -> Held:
    (token,) = connection.execute(_NEXT_TOKEN, (GRANTS_OF_A_START,)).fetchone()
    held = Held(project_id, path, lock_type, user, socket_id, token, acquired_at=timestamp())
    granted = connection.execute(
        "INSERT INTO locks (token, project_id, path, lock_type, user_id, user_name, node, "
        "socket_id, acquired_at) SELECT ?1, p.id, ?2, ?3, ?4, ?5, n.id, ?6, ?7 "
        "FROM projects p, nodes n WHERE p.id = ?8 AND n.id = ?9 AND n.ended_at IS NULL "
        "AND n.alive_until > clock_timestamp()",
        (
            *(token, path, lock_type, user.id, user.name, socket_id, held.acquired_at),
            *(project_id, node),
        ),
    )
    if granted.rowcount != 1:
        raise EventError(
            Code.STORAGE_ERROR, f"file {path!r}: this server gives no locks now: try again"
        )
    return held


def _check_count(connection: Connection, grace: float, user: User, holds: str) -> None:
    (count,) = connection.execute(
        f"SELECT count(*) FROM locks l JOIN nodes n ON n.id = l.node WHERE {_LASTS} "
        "AND l.user_id = ?2",
        (grace, user.id),
    ).fetchone()
    check_count(count, holds)


def _found(connection: Connection, condition: str, grace: float, *values: Any) -> list[Held]:
    rows = connection.execute(_SELECT + condition, (grace, *values)).fetchall()
    return list(map(_held, rows))


def _deleted(connection: Connection, condition: str, *values: Any) -> list[Held]:
    rows = connection.execute(f"DELETE FROM locks WHERE {condition} {_RETURNING}", values)
    return _by_token(rows.fetchall())


def _by_token(rows: list[tuple[Any, ...]]) -> list[Held]:
    return sorted(map(_held, rows), key=lambda held: held.token)


def _held(row: tuple[Any, ...]) -> Held:
    project_id, path, lock_type, user_id, user_name, socket_id, token, acquired_at, orphaned = row
    user = User(user_id, user_name)
    return Held(project_id, path, lock_type, user, socket_id, token, acquired_at, orphaned)
