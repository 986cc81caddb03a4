"""Brings a database of SQLite to the tables of this release, by `sqlite_steps`.

`PRAGMA user_version` counts the steps that a database has taken.
"""

from __future__ import annotations

import sqlite3

from server.store.sqlite_steps import STEPS


class MigrationError(Exception):
    """The database cannot be brought to this version's tables. The message says why."""


def migrate(connection: sqlite3.Connection) -> None:
    """Take the steps that the database has not taken yet, each in a transaction.

    Raises:
        MigrationError: a newer version of the server has used the database.
    """
    (taken,) = connection.execute("PRAGMA user_version").fetchone()
    if taken > len(STEPS):
        raise MigrationError(
            f"the database is of a newer server (version {taken} of its tables, this one knows "
            f"{len(STEPS)}): start that server, or choose another DATA_DIR"
        )
    for number, step in enumerate(STEPS[taken:], start=taken + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {step}; PRAGMA user_version = {number}; COMMIT")
