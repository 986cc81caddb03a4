"""The nodes, which are the servers that share a PostgreSQL, as its tables have them."""

from __future__ import annotations

from typing import Final, NamedTuple

from server.store import postgres_locks
from server.store.connection import Connection
from server.store.lock_rules import Held

NAME: Final = "socketio-min "
LINK_NAME: Final = "socketio-min-node "
"""The beginning of the names of a node's two connections, for its work and for its lease. The
node's id follows; `leftovers.node` is taken from it.
"""
CHANNEL: Final = "socketio_min"
"""The channel on which the triggers of the database notify of changes."""
_IS_OVER: Final = "ended_at IS NULL AND alive_until + make_interval(secs => ?) < clock_timestamp()"
# What a killed server has not finished belongs to nothing.
_GIVE_UP: Final = (
    "UPDATE leftovers SET maker = NULL WHERE maker IS NOT NULL AND NOT EXISTS "
    "(SELECT FROM nodes WHERE nodes.id = leftovers.node AND ended_at IS NULL)"
)
_END_CONNECTIONS: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name IN (?, ?)"
)


class Buried(NamedTuple):
    """The ids of nodes that were ended, and their locks, which were released by that."""

    nodes: list[str]
    locks: list[Held]


def begin(connection: Connection) -> None:
    """Forget nodes that ended long ago, and make leftovers of what ended nodes have not
    finished.
    """
    connection.execute("DELETE FROM nodes WHERE ended_at < clock_timestamp() - interval '1 day'")
    connection.execute(_GIVE_UP)


def end_all(connection: Connection) -> None:
    """End all nodes: no server is using the database. The next one has its directory for itself."""
    connection.execute("UPDATE nodes SET ended_at = clock_timestamp() WHERE ended_at IS NULL")
    connection.execute("DELETE FROM locks")
    connection.execute("DELETE FROM mirrors")


def join(connection: Connection, node: str, label: str, lasts: float) -> None:
    """Make a server a node for some seconds. It has nothing of what it had before as a node."""
    connection.execute(
        "INSERT INTO nodes (id, label, alive_until, ended_at) "
        "VALUES (?1, ?2, clock_timestamp() + make_interval(secs => ?3), NULL) "
        "ON CONFLICT (id) DO UPDATE SET label = excluded.label, "
        "alive_until = excluded.alive_until, ended_at = NULL",
        (node, label, lasts),
    )
    postgres_locks.end_nodes(connection, [node])


def end(connection: Connection, node: str) -> None:
    """Let a server be no node any more."""
    connection.execute("UPDATE nodes SET ended_at = clock_timestamp() WHERE id = ?", (node,))
    postgres_locks.end_nodes(connection, [node])
    connection.execute(_GIVE_UP)


def tell_failed_login(connection: Connection, subject: str) -> None:
    """Tell the other nodes of a failed login, with the commit."""
    connection.execute("SELECT notify_nodes('failure ' || ?)", (subject,))


def bury(connection: Connection, grace: float) -> Buried:
    """End the nodes whose leases are over for more than `grace` seconds. Return the nodes and their
    locks.
    """
    ended = connection.execute(
        f"UPDATE nodes SET ended_at = clock_timestamp() WHERE {_IS_OVER} RETURNING id", (grace,)
    ).fetchall()
    for (node,) in ended:
        # A node that is still there is in the middle of something.
        connection.execute(_END_CONNECTIONS, (NAME + node, LINK_NAME + node))
    if ended:
        connection.execute(_GIVE_UP)
    ids = [node for (node,) in ended]
    return Buried(ids, postgres_locks.end_nodes(connection, ids))


def renewed(connection: Connection, node: str, lasts: float, grace: float) -> bool | None:
    """Renew a node's lease. Return whether another node has to be buried; None if it is no node any
    more.
    """
    renewed = connection.execute(
        "UPDATE nodes SET alive_until = clock_timestamp() + make_interval(secs => ?2) "
        "WHERE id = ?1 AND ended_at IS NULL AND alive_until > clock_timestamp() "
        f"RETURNING EXISTS (SELECT FROM nodes WHERE {_IS_OVER.replace('?', '?3')})",
        (node, lasts, grace),
    ).fetchone()
    return None if renewed is None else bool(renewed[0])
