"""A copy of the database in one file, also while the server is running.

To go back to it, stop the server and put the file into the data directory as `server.db`, without
the files `server.db-wal` and `server.db-shm` beside it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from server.store.engine import StoreError
from server.store.sqlite import FILE_NAME


def back_up(directory: Path, target: Path) -> int:
    """Copy the database of a data directory to a new file. Return its size in bytes.

    Raises:
        StoreError: there is no database, the target exists, or it cannot be written.
    """
    source = directory / FILE_NAME
    if not source.exists():
        raise StoreError(f"DATA_DIR: {str(directory)!r} has no database to copy")
    if target.exists():
        raise StoreError(f"{str(target)!r} exists; choose another name, or remove it first")
    # A copy that was interrupted never has the name of a whole one.
    partial = target.with_name(target.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        # Readable for this account alone, as the data directory is.
        partial.touch(mode=0o600, exist_ok=False)
        with (
            contextlib.closing(sqlite3.connect(source, timeout=10.0)) as live,
            contextlib.closing(sqlite3.connect(partial)) as copy,
        ):
            live.backup(copy)
            # A server that goes back to this copy lacks the edits that clients have got since then.
            if copy.execute("SELECT 1 FROM sqlite_schema WHERE name = 'documents'").fetchone():
                copy.execute("UPDATE documents SET epoch = lower(hex(randomblob(8)))")
                copy.commit()
            # A single file that needs no log beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.rename(target)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StoreError(f"cannot copy the database to {str(target)!r}: {reason}") from error
    return target.stat().st_size
