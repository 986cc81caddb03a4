"""Which kind of database the settings name."""

from __future__ import annotations

from pathlib import Path

from server.store.engine import Engine, StoreError
from server.store.sqlite import Sqlite


def engine_for(directory: Path, url: str | None, *, shares: bool = False) -> Engine:
    """Return SQLite in a directory; or PostgreSQL if there is a URL, which a server may share with
    others.

    Raises:
        StoreError: PostgreSQL's driver is not installed.
    """
    if url is None:
        return Sqlite(directory)
    try:
        from server.store.postgres import Postgres
    except ImportError as error:
        raise StoreError(
            "DATABASE_URL: the driver of PostgreSQL is not installed: "
            "pip install 'psycopg[binary]>=3.3,<4'"
        ) from error
    return Postgres(url, shares=shares)
