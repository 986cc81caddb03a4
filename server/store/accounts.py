"""Users and their sessions."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from server.api.records import User
from server.store.connection import ALL, Connection

FORGOTTEN_AT_ONCE: Final = 100
"""Sessions that one piece of work forgets."""


class StoredSession(NamedTuple):
    """A session; times in seconds since 1970."""

    key: str
    user: User
    created_at: float
    expires_at: float


def users(connection: Connection) -> list[User]:
    """Return everybody who has an account."""
    return [User(*row) for row in connection.execute("SELECT id, name FROM users")]


def add_user(connection: Connection, user: User, password_hash: str | None, now: str) -> bool:
    """Add a user, who can log in if there is a password. Return whether the id was free."""
    added = connection.execute(
        "INSERT INTO users VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (user.id, user.name, password_hash, now),
    )
    return added.rowcount == 1


def user(connection: Connection, user_id: str) -> User | None:
    """Return a user, None if there is none of that id."""
    row = connection.execute("SELECT id, name FROM users WHERE id = ?", (user_id,)).fetchone()
    return None if row is None else User(*row)


def password_hash(connection: Connection, user_id: str) -> str | None:
    """Return the hash of a user's password, None if there is no such user or no password."""
    row = connection.execute("SELECT password_hash FROM users WHERE id = ?", (user_id,)).fetchone()
    return None if row is None else row[0]


def open_session(connection: Connection, session: StoredSession, most: int) -> list[str]:
    """Add a session. Return the keys of the user's oldest sessions, which end so that at most
    `most` are left.
    """
    connection.execute(
        "INSERT INTO sessions VALUES (?, ?, ?, ?)",
        (session.key, session.user.id, session.created_at, session.expires_at),
    )
    surplus = connection.execute(
        "SELECT key FROM sessions WHERE user_id = ? "
        "ORDER BY created_at DESC, key = ? DESC LIMIT ? OFFSET ?",
        (session.user.id, session.key, ALL, most),
    ).fetchall()
    for (key,) in surplus:
        end_session(connection, key)
    return [key for (key,) in surplus]


def session(connection: Connection, key: str, now: float) -> StoredSession | None:
    """Return a session, None if it is unknown or has expired."""
    row: Any = connection.execute(
        "SELECT s.key, u.id, u.name, s.created_at, s.expires_at FROM sessions s "
        "JOIN users u ON u.id = s.user_id WHERE s.key = ? AND s.expires_at > ?",
        (key, now),
    ).fetchone()
    return None if row is None else StoredSession(row[0], User(row[1], row[2]), row[3], row[4])


def rotate_session(connection: Connection, old_key: str, new: StoredSession) -> bool:
    """Replace a session by another one. Return whether the old one was there."""
    changed = connection.execute(
        "UPDATE sessions SET key = ?, created_at = ?, expires_at = ? "
        "WHERE key = ? AND expires_at > ?",
        (new.key, new.created_at, new.expires_at, old_key, new.created_at),
    )
    return changed.rowcount == 1


def end_session(connection: Connection, key: str) -> None:
    """Forget a session."""
    connection.execute("DELETE FROM sessions WHERE key = ?", (key,))


def forget_expired_sessions(connection: Connection, now: float) -> bool:
    """Forget some of the sessions that are over. Return whether there may be more."""
    forgotten = connection.execute(
        "DELETE FROM sessions WHERE key IN "
        "(SELECT key FROM sessions WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)",
        (now, FORGOTTEN_AT_ONCE),
    )
    return forgotten.rowcount >= FORGOTTEN_AT_ONCE
