"""A server's place among the nodes of a PostgreSQL: a connection and a thread of its own.

The thread renews the lease, and hears what the database notifies of. It waits for no transaction,
so it does both also while the other connection has much to do. Leases are measured by the clock of
the database. The server counts its own lease from before it asks for it, so it knows that the lease
is over before the database does.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from typing import Final

import psycopg

from server.store import nodes
from server.store.engine import CommitLost, OutcomeUnknown
from server.store.link import Lease, LinkEvents
from server.store.postgres_session import PostgresSession

_FAILURES: Final = (psycopg.Error, CommitLost, OutcomeUnknown)
_TASKS: Final = 0x746173
"""The first part of the key of a task's lock."""
_FIRST_PAUSE: Final = 0.05
_FAREWELL_SECONDS: Final = 1.0
"""Seconds that a server that ends waits for the database."""


class PostgresLink:
    """See `Link`. `hears` is told on the link's thread."""

    def __init__(self, url: str, node: str, lease: Lease, hears: LinkEvents) -> None:
        self._url = url
        self._node = node
        self._lease = lease
        self._hears = hears
        self._label = ""
        self._thread: threading.Thread | None = None
        # The tasks that other servers do.
        self._tasks = set(lease.tasks)
        self._stopping = threading.Event()
        # A byte that comes here ends a wait.
        self._wake, self._waker = socket.socketpair()

    def start(self, label: str) -> None:
        """Become a node, and stay one; see `Link`."""
        self._label = label
        self._thread = threading.Thread(target=self._run, name="node")
        self._thread.start()

    def stop(self) -> None:
        """Be no node any more; see `Link`."""
        if self._thread is not None:
            self._stopping.set()
            self._waker.send(b".")
            self._thread.join()
        self._wake.close()
        self._waker.close()

    # -- on the thread

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            self._tasks = set(self._lease.tasks)
            with contextlib.suppress(*_FAILURES), contextlib.closing(self._opened()) as session:
                session.script(f"LISTEN {nodes.CHANNEL}")
                self._hears.missed()
                while not self._stopping.is_set():
                    self._renew(session)
                    self._take_tasks(session)
                    pause = _FIRST_PAUSE
                    self._listen(session)
                self._leave(session)
            self._hears.has_no_tasks()
            self._stopping.wait(pause)
            pause = min(2 * pause, self._lease.every)

    def _opened(self) -> PostgresSession:
        session = PostgresSession(self._url, name=nodes.LINK_NAME + self._node)
        session.connection.patience = self._lease.lasts / 2
        session.connection.add_notify_handler(lambda notify: self._hears.heard(notify.payload))
        return session

    def _renew(self, session: PostgresSession) -> None:
        asked = time.monotonic()
        lasts, grace = self._lease.lasts, self._lease.grace
        others_died = nodes.renewed(session, self._node, lasts, grace)
        if others_died is None or not self._hears.renewed(asked):
            self._join(session)
        elif others_died:
            self._hears.others_died()

    def _take_tasks(self, session: PostgresSession) -> None:
        """Take the tasks that no server does: the connection holds a lock for each of its tasks."""
        for task in sorted(self._tasks):
            taking = session.execute(f"SELECT pg_try_advisory_lock({_TASKS}, hashtext(?))", (task,))
            if taking.fetchone() == (True,):
                self._tasks.remove(task)
                self._hears.has_task(task)

    def _join(self, session: PostgresSession) -> None:
        session.begin()
        asked = time.monotonic()
        nodes.join(session, self._node, self._label, self._lease.lasts)
        session.end(lambda: False)
        self._hears.joined(asked)

    def _leave(self, session: PostgresSession) -> None:
        session.connection.patience = _FAREWELL_SECONDS
        session.begin()
        nodes.end(session, self._node)
        session.end(lambda: False)

    def _listen(self, session: PostgresSession) -> None:
        """Hear what the database notifies of until it is time to renew the lease."""
        end = time.monotonic() + self._lease.every
        # Not `select.select`: where there are many clients, the number of a socket may be too large
        # for it.
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake, selectors.EVENT_READ)
            database = selector.register(session.connection.fileno(), selectors.EVENT_READ)
            while not self._stopping.is_set() and (left := end - time.monotonic()) > 0:
                if any(key == database for key, _ in selector.select(left)):
                    # The handler is given what has come together with the answer.
                    session.script("")
