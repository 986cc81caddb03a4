"""The commands besides serving: `backup FILE`, `user add NAME`, `session new NAME`, `migrate-data`.

They use the data also while a server does; only `migrate-data` needs it for itself.
"""

from __future__ import annotations

import contextlib
import getpass
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher

from server.accounts.auth import MAX_SESSIONS, new_session
from server.api.envelope import timestamp
from server.api.errors import EventError
from server.api.records import User
from server.api.types import Id
from server.api.validation import read
from server.settings import Settings, SettingsError, load
from server.store import accounts
from server.store.backup import back_up
from server.store.engine import Engine
from server.store.engines import engine_for
from server.store.sqlite import Sqlite

COMMANDS: Final = ("backup", "user", "session", "migrate-data")
_USAGE: Final = (
    "usage: python -m server backup FILE | user add NAME | session new NAME | "
    "migrate-data --from sqlite --to URL [--data-dir VALUE]"
)
_DUMP: Final = (
    'For PostgreSQL: pg_dump --format=custom --file={} "$DATABASE_URL"; '
    "back with pg_restore, see docs/operations.md"
)
_SHORTEST_PASSWORD: Final = 8


def carry_out(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Carry out a command. Return what it prints when it is done.

    Raises:
        SettingsError: the command, a name, a password or a setting cannot be used.
        StoreError: the data directory cannot be used.
    """
    match list(arguments):
        case ["backup", target, *flags] if not target.startswith("-"):
            settings = load(flags, environment)
            if settings.database_url is not None:
                raise SettingsError(f"backup copies SQLite. {_DUMP.format(target)}")
            return f"{target}: {back_up(settings.data_dir, Path(target))} bytes"
        case ["user", "add", name, *flags] if not name.startswith("-"):
            return _add_user(_engine(flags, environment), _name(name))
        case ["session", "new", name, *flags] if not name.startswith("-"):
            return _new_session(_engine(flags, environment), _name(name))
        case ["migrate-data", "--from", "sqlite", "--to", url, *flags]:
            return _migrate(load([*flags, f"--database-url={url}"], environment))
    raise SettingsError(_USAGE)


def _engine(flags: Sequence[str], environment: Mapping[str, str]) -> Engine:
    settings = load(flags, environment)
    return engine_for(settings.data_dir, settings.database_url)


def _migrate(settings: Settings) -> str:
    target = engine_for(settings.data_dir, settings.database_url)
    # The module is imported here: the driver is there now.
    from server.store.postgres import Postgres
    from server.store.sqlite_to_postgres import transfer

    assert isinstance(target, Postgres)
    counts = transfer(Sqlite(settings.data_dir), target)
    return "\n".join(f"{table}: {count} rows" for table, count in counts.items() if count)


def _add_user(engine: Engine, name: str) -> str:
    with contextlib.closing(engine.connect()) as connection:
        if accounts.user(connection, name) is not None:
            raise SettingsError(f"user {name!r} exists already")
        password_hash = PasswordHasher().hash(_password(name))
        accounts.add_user(connection, User(name, name), password_hash, timestamp())
    return f"user {name!r} can log in now"


def _new_session(engine: Engine, name: str) -> str:
    with contextlib.closing(engine.connect()) as connection:
        user = accounts.user(connection, name)
        if user is None:
            raise SettingsError(f"user {name!r} does not exist: add it with user add {name}")
        session_id, session = new_session(user, time.time())
        connection.begin()
        accounts.open_session(connection, session, MAX_SESSIONS)
        connection.end(lambda: False)
    return session_id


def _password(name: str) -> str:
    """Ask for a password, or read it from the first line of what is piped in."""
    if sys.stdin.isatty():
        password = getpass.getpass(f"Password for {name}: ")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if len(password) < _SHORTEST_PASSWORD:
        raise SettingsError(
            f"the password has {len(password)} characters, expected at least {_SHORTEST_PASSWORD}"
        )
    return password


def _name(text: str) -> str:
    try:
        name: str = read(Id, text)
    except EventError as error:
        raise SettingsError(f"the name {text!a}: {error.message}") from None
    return name
