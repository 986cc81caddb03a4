"""A connection to PostgreSQL in the shape of SQLite's, so that all work is shared.

The statements and the values are SQLite's: `?` becomes `$1`, whole numbers are BIGINT, texts TEXT,
bytes BYTEA. Transactions wait for each other by one lock of the database ("advisory lock"), as
SQLite's do: work never meets a change of another server that is half done.

A server's session outlives its connection. Work fails while there is no connection. Each
transaction that begins then tries to make a new one, with pauses between the tries. The database
knows the server by a name. What is left of its former connection, which may still hold a lock or be
about to commit, is ended first. The server's row in `nodes` has the number of its last transaction
that has changed something. By it the server finds out what became of a commit that was interrupted,
whatever other servers have done meanwhile.
"""

from __future__ import annotations

import contextlib
import random
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus

from server.store.connection import Rows
from server.store.engine import CommitLost, OutcomeUnknown
from server.store.giving_way import AtRest
from server.store.nodes import NAME
from server.store.patient_connection import PatientConnection, Unreachable
from server.store.postgres_statements import adapted, set_up

_LOCK_SECONDS: Final = 10
"""Seconds that a transaction waits for those before it, and a statement for a table."""
_LOCKED_SECONDS: Final = 60.0
_LOCKED_WAIT: Final = "20ms"
_NODE_WAIT: Final = "1s"
"""After a wait in vain for a locked table: for how many seconds locked tables are hardly waited
for, how long each wait then is, and how long the node's own row is waited for, which a renewal of
its lease may have locked. All other work waits during such a wait.
"""
_CONNECT_SECONDS: Final = 3
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0
_ALONE_SECONDS: Final = 2.0
"""Seconds that the end of a former connection, or of a former server, is waited for."""
TRANSACTIONS: Final = 0x736F636B6574
_SERVERS: Final = 0x736F636B6575
"""The keys of two locks: of the transaction that is being done, and of the servers."""
_PROJECTS: Final = 0x736F636B
"""The first part of the key of a project's lock."""
_WRITING: Final = (
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; "
    f"SELECT pg_advisory_xact_lock({TRANSACTIONS}); SAVEPOINT work"
)
_READING: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SAVEPOINT work"
_IN_HASTE: Final = f"RELEASE work; SET LOCAL lock_timeout = '{_LOCKED_WAIT}'; SAVEPOINT work"
# States with which PostgreSQL says that it ends the connection.
_FAREWELLS: Final = {"57P01", "57P02", "57P03"}


class InUse(psycopg.OperationalError):
    """Another server is using the database."""


class PostgresSession:
    """A connection to the database of a URL.

    node: the id of the server that uses it; then a lost connection is made anew, and other servers
    are kept out. shares: servers that share the database are not kept out. name: of the connection.
    at_rest: is set while the connection waits.

    Raises:
        psycopg.Error: the database cannot be reached or used.
    """

    Error = psycopg.Error

    def __init__(
        self,
        url: str,
        node: str | None = None,
        *,
        shares: bool = False,
        name: str | None = None,
        at_rest: AtRest | None = None,
    ) -> None:
        self.total_changes = 0
        self._url = url
        self._at_rest = at_rest or AtRest()
        self._node = node
        self._shares = shares
        self._name = name or NAME + (node or secrets.token_hex(8))
        self._pause = _FIRST_PAUSE
        self._next_try = 0.0
        self._changes_before = 0
        # The number of the node's last transaction that has changed something, and whether the
        # database still knew it when the connection was made.
        self._commits = 0
        self._was_known = False
        # Whether the transaction has a savepoint after which nothing was done.
        self._is_at_savepoint = False
        # Until when locked tables are hardly waited for, and whether this transaction does so.
        self._locked_until = 0.0
        self._is_hasty = False
        # Statements that are carried out together with the next one.
        self._sent: list[tuple[bytes, Sequence[Any] | None]] = []
        self._connection = self._opened()

    # -- statements

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Rows:
        """Carry out a statement with a value for each placeholder."""
        if self._sent:
            self.send(statement, values)
            return self._carry_out_sent()
        cursor = self._connection.cursor(binary=True)
        with self._farewell():
            cursor.execute(adapted(statement), values or None)
        self._count(cursor)
        return cursor

    def send(self, statement: str, values: Sequence[Any] = (), /) -> None:
        """Carry out a statement together with the next one; see `Connection`."""
        self._sent.append((adapted(statement), values or None))

    def _carry_out_sent(self) -> psycopg.Cursor[Any]:
        """Carry out what was sent. Return the rows of the last statement."""
        sent, self._sent = self._sent, []
        cursors = [self._connection.cursor(binary=True) for _ in sent]
        with self._farewell(), self._connection.pipeline():
            for cursor, (statement, values) in zip(cursors, sent, strict=True):
                cursor.execute(statement, values)
        for cursor in cursors:
            self._count(cursor)
        return cursors[-1]

    def _finish_sent(self) -> None:
        if self._sent:
            self._carry_out_sent()

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> None:
        """Carry out a statement with the values of each row."""
        self._finish_sent()
        cursor = self._connection.cursor(binary=True)
        with self._farewell():
            cursor.executemany(adapted(statement), rows)
        self._count(cursor)

    def script(self, statements: str) -> None:
        """Carry out statements without values, all together."""
        with self._farewell():
            self._connection.execute(statements.encode())

    def _count(self, cursor: psycopg.Cursor[Any]) -> None:
        if cursor.rowcount > 0 and not (cursor.statusmessage or "").startswith("SELECT"):
            self.total_changes += cursor.rowcount

    @contextlib.contextmanager
    def _farewell(self) -> Iterator[None]:
        """Note a wait in vain for a lock. Close the connection if PostgreSQL says that it ends."""
        try:
            yield
        except psycopg.OperationalError as error:
            if isinstance(error, psycopg.errors.LockNotAvailable):
                self._locked_until = time.monotonic() + _LOCKED_SECONDS
            # An error without a state is the driver's own.
            if error.sqlstate is None or error.sqlstate in _FAREWELLS:
                self._connection.close()
            raise

    # -- transactions

    @property
    def in_transaction(self) -> bool:
        """Return whether a transaction has begun and has neither ended nor been undone."""
        return self._connection.info.transaction_status in (
            TransactionStatus.INTRANS,
            TransactionStatus.INERROR,
        )

    @property
    def connection(self) -> PatientConnection:
        """Return the driver's connection."""
        return self._connection

    @property
    def is_lost(self) -> bool:
        """Return whether there is no connection."""
        return self._connection.closed

    def begin(self, *, reads: bool = False) -> None:
        """Begin a transaction; see `Session`.

        Raises:
            psycopg.Error: it cannot. If the one before it does not end, the connection is closed.
        """
        if self.is_lost:
            self._reconnect()
        began = time.monotonic()
        try:
            self._surely_begin(_READING if reads else _WRITING)
        except psycopg.errors.LockNotAvailable as error:
            # The server that has begun it may be unreachable, and PostgreSQL may not know that yet.
            self.close()
            raise psycopg.OperationalError(
                f"another server's transaction did not end for {_LOCK_SECONDS} seconds"
            ) from error
        now = time.monotonic()
        if now - began > _LOCK_SECONDS / 2:
            # Another server has waited for a table.
            self._locked_until = now + _LOCKED_SECONDS
        self._is_hasty = now < self._locked_until
        if self._is_hasty:
            self.script(_IN_HASTE)
        # What a transaction has sent whose connection was lost.
        self._sent.clear()
        self._is_at_savepoint = True
        self._changes_before = self.total_changes

    def begin_work(self) -> None:
        """Begin a piece of work; see `Session`. The first one's savepoint came with the beginning
        of the transaction.
        """
        if not self._is_at_savepoint:
            self.script("RELEASE work; SAVEPOINT work")
        self._is_at_savepoint = False

    def end_work(self) -> None:
        """Keep what the piece of work has done; see `Session`. The next piece of work, or the end
        of the transaction, releases the savepoint: that saves a round trip for each piece.
        """
        self._finish_sent()

    def undo_work(self) -> None:
        """Undo what the piece of work has done; see `Session`."""
        self._sent.clear()
        self.script("ROLLBACK TO work")
        self._is_at_savepoint = True

    def _surely_begin(self, beginning: str) -> None:
        try:
            self.script(beginning)
        except psycopg.errors.LockNotAvailable:
            raise
        except psycopg.Error:
            if not self.is_lost:
                self.rollback()
                raise
            # The connection was lost while nothing was done.
            self._reconnect()
            self.script(beginning)

    def end(self, goes_on: Callable[[], bool]) -> None:
        """End the transaction: what it has done is durable; see `Session`."""
        self._finish_sent()
        has_changed = self.total_changes != self._changes_before
        number = self._commits + 1
        counting = ""
        if has_changed and self._node is not None:
            counting = f"UPDATE nodes SET commits = {number} WHERE id = '{self._node}';"
            if self._is_hasty:
                counting = f"SET LOCAL lock_timeout = '{_NODE_WAIT}'; {counting}"
        try:
            self.script(f"{counting} COMMIT")
        except psycopg.Error as error:
            if not self.is_lost:
                raise
            if has_changed and not self._was_committed(number, goes_on):
                raise CommitLost(str(error)) from error
        if has_changed:
            self._commits = number

    def rollback(self) -> None:
        """Undo the transaction."""
        self._sent.clear()
        try:
            self.script("ROLLBACK")
        except psycopg.Error:
            # The end of the connection undoes it as well.
            self.close()

    def close(self) -> None:
        """Undo what has not ended, and let other servers use the database."""
        self._connection.close()

    def register(self) -> None:
        """Let the database know the node, and learn the number of its last transaction that has
        changed something.
        """
        known = self.execute("SELECT commits FROM nodes WHERE id = ?", (self._node,)).fetchone()
        self._was_known = known is not None
        (self._commits,) = known or (0,)
        if known is None:
            self.execute("INSERT INTO nodes (id) VALUES (?)", (self._node,))

    def hold(self, project_id: str) -> bool:
        """Keep other servers from beginning work in steps for a project; see `Session`."""
        return self._project_lock("pg_try_advisory_lock", project_id)

    def let_go(self, project_id: str) -> None:
        """Let other servers begin work in steps for a project that was held."""
        self._project_lock("pg_advisory_unlock", project_id)

    def _project_lock(self, function: str, project_id: str) -> bool:
        statement = f"SELECT {function}({_PROJECTS}, hashtext(?))"
        (is_done,) = self.execute(statement, (project_id,)).fetchone()
        return bool(is_done)

    def _was_committed(self, number: int, goes_on: Callable[[], bool]) -> bool:
        """Return whether a transaction was done whose commit was interrupted.

        Raises:
            OutcomeUnknown: there is no connection, and `goes_on` is false; or the database has
                forgotten the node.
        """
        while True:
            with contextlib.suppress(psycopg.Error):
                self._reconnect()
                if not self._was_known:
                    raise OutcomeUnknown
                return self._commits == number
            if not goes_on():
                raise OutcomeUnknown

    # -- the connection

    def _reconnect(self) -> None:
        """Make a new connection, unless the last try was only just made.

        Raises:
            psycopg.Error: there is none.
        """
        if self._node is None or time.monotonic() < self._next_try:
            raise Unreachable("there is no connection")
        try:
            self._connection = self._opened()
            self.register()
        except psycopg.Error:
            self.close()
            # By chance, so that not all servers try at the same moments.
            self._next_try = time.monotonic() + self._pause * random.uniform(0.5, 1.0)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            raise
        self._pause = _FIRST_PAUSE

    def _opened(self) -> PatientConnection:
        self._at_rest.set()
        try:
            connection = PatientConnection.connect(
                self._url,
                autocommit=True,
                cursor_factory=psycopg.RawCursor,
                application_name=self._name,
                client_encoding="utf8",
                connect_timeout=_CONNECT_SECONDS,
            )
        finally:
            self._at_rest.clear()
        connection.at_rest = self._at_rest
        try:
            set_up(connection)
            connection.execute(f"SET lock_timeout = '{_LOCK_SECONDS}s'")
            # What was acknowledged is durable, whatever PostgreSQL's own setting is.
            connection.execute(
                "SELECT set_config('synchronous_commit', 'on', false) "
                "WHERE current_setting('synchronous_commit') = 'off'"
            )
            if self._node is not None:
                self._take_place(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _take_place(self, connection: PatientConnection) -> None:
        """End the server's former connection. Keep out other servers, or only those that do not
        share the database.

        Raises:
            InUse: one is there.
        """
        suffix = "_shared" if self._shares else ""
        taking = f"SELECT pg_try_advisory_lock{suffix}({_SERVERS})".encode()
        deadline = time.monotonic() + _ALONE_SECONDS
        while True:
            former = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = $1 AND pid <> pg_backend_pid()",
                (self._name,),
            ).fetchall()
            if not former and connection.execute(taking).fetchone() == (True,):
                return
            if time.monotonic() > deadline:
                raise InUse("another server is using it; stop that one, or choose another database")
            self._at_rest.set()
            time.sleep(_FIRST_PAUSE)
            self._at_rest.clear()
