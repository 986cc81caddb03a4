"""PostgreSQL, which `DATABASE_URL` names; its driver is an extra, and imported with this module."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from server.store import nodes
from server.store.engine import StoreAway, StoreError, name_of
from server.store.giving_way import AtRest
from server.store.link import Lease, LinkEvents
from server.store.migrations import MigrationError
from server.store.postgres_link import PostgresLink
from server.store.postgres_session import InUse, PostgresSession
from server.store.postgres_steps import STEPS
from server.store.postgres_tables import TABLES, WHOLE

_DAMAGES: Final = ("XX001", "XX002")
# It changes when the database is restored, here or elsewhere, or brought back to a former time.
_PLACE: Final = (
    "SELECT system_identifier || ' ' || timeline_id || ' ' || 'server_state'::regclass::oid "
    "FROM pg_control_system(), pg_control_checkpoint()"
)
_NEW_EPOCHS: Final = (
    "UPDATE documents SET epoch = substr(replace(gen_random_uuid()::text, '-', ''), 1, 16)"
)


class Postgres:
    """The database of a URL, `postgresql://user:password@host:port/name`.

    With `shares` several servers use the database at a time. Each is a node, whose id is `node`.

    Raises:
        StoreError: the URL cannot be read.
    """

    def __init__(self, url: str, *, shares: bool = False) -> None:
        self.url = url
        self.node = secrets.token_hex(8)
        self.shares = shares
        try:
            named = conninfo_to_dict(url)
        except psycopg.Error:
            # The driver's message may have a part of the password.
            reason = "it is not shown, since it may have a password"
            raise StoreError(f"DATABASE_URL: this is no URL of a PostgreSQL; {reason}") from None
        user, port = named.get("user"), named.get("port")
        host = f"{named.get('host', '')}{f':{port}' if port else ''}"
        # Without the password.
        self._place = f"{f'{user}@' if user else ''}{host}/{named.get('dbname', '')}"

    def connect(self) -> PostgresSession:
        """Open the database with this version's tables; see `Engine`."""
        return self._opened()

    def serve(self, at_rest: AtRest | None = None) -> PostgresSession:
        """Open the database for a server, and keep other servers out; see `Engine`."""
        session = self._opened(self.node, at_rest)
        try:
            with self._explained():
                session.register()
                if not self.shares:
                    nodes.end_all(session)
                nodes.begin(session)
                if _is_copy(session):
                    # A server that goes back to a copy lacks the edits that clients have got since
                    # then.
                    session.execute(_NEW_EPOCHS)
        except BaseException:
            session.close()
            raise
        return session

    def link(self, lease: Lease, hears: LinkEvents) -> PostgresLink:
        """Return this server's place among the nodes. It is taken with `start`."""
        return PostgresLink(self.url, self.node, lease, hears)

    def unusable(self, reason: str) -> str:
        """Return the line for a database that cannot be used, without the password."""
        return f"DATABASE_URL: cannot use {self._place!r}: {reason}"

    def damage(self, error: BaseException) -> str | None:
        """Return the line for a damaged database if that is what an error shows, else None."""
        if name_of(error) not in _DAMAGES:
            return None
        reason = str(error).partition("\n")[0]
        return f"DATABASE_URL: {self._place!r} is damaged ({reason}): restore a backup"

    def _opened(self, node: str | None = None, at_rest: AtRest | None = None) -> PostgresSession:
        with self._explained():
            session = PostgresSession(self.url, node, shares=self.shares, at_rest=at_rest)
            try:
                migrate(session)
            except BaseException:
                session.close()
                raise
        return session

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn an error of the driver in the block into a StoreError: into a StoreAway if it may be
        over soon.
        """
        try:
            yield
        except (psycopg.Error, MigrationError) as error:
            reason = str(error).partition("\n")[0]
            is_away = isinstance(error, psycopg.OperationalError) and not isinstance(error, InUse)
            kind = StoreAway if is_away else StoreError
            raise kind(self.damage(error) or self.unusable(reason)) from error


def _is_copy(session: PostgresSession) -> bool:
    """Return whether the tables are a copy: not where they were at the last start of a server. Note
    where they are now.
    """
    (place,) = session.execute(_PLACE).fetchone()
    noted = session.execute(
        "UPDATE server_state SET place = ?1 WHERE place IS DISTINCT FROM ?1", (place,)
    )
    return noted.rowcount == 1


def migrate(session: PostgresSession) -> None:
    """Make the tables of a new database, or take the steps that an older one has not taken yet.
    Both are done as a whole.

    Raises:
        MigrationError: a newer version of the server has used the database, or its texts are not
        in UTF-8.
        psycopg.Error: it cannot be done.
    """
    newest = WHOLE + len(STEPS)
    (encoding,) = session.execute("SHOW server_encoding").fetchone()
    if encoding != "UTF8":
        raise MigrationError(
            f"its encoding is {encoding}: make one with ENCODING 'UTF8' TEMPLATE template0"
        )
    session.begin()
    try:
        (has_tables,) = session.execute("SELECT to_regclass('server_state') IS NOT NULL").fetchone()
        if not has_tables:
            session.script(f"{TABLES} INSERT INTO server_state (version) VALUES ({WHOLE})")
        (taken,) = session.execute("SELECT version FROM server_state").fetchone()
        if taken > newest:
            raise MigrationError(
                f"the database is of a newer server (version {taken} of its tables, this one knows "
                f"{newest}): start that server, or choose another database"
            )
        for step in STEPS[taken - WHOLE :]:
            session.script(step)
        session.execute("UPDATE server_state SET version = ? WHERE version <> ?", (newest, newest))
        session.script("COMMIT")
    except BaseException:
        session.rollback()
        raise
