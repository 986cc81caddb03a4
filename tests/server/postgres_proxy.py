"""A network between a server and its PostgreSQL that loses what a test says."""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.store.engine import CommitLost
from server.store.postgres_session import PostgresSession

_SOCKET = ".s.PGSQL.5432"


class Proxy:
    """Passes connections on to the PostgreSQL of a folder.

    swallows: nothing is passed on, and nobody is told. loses: what of the next COMMIT is lost: with
    its connection the "request" or the "answer", or the request and "all" that follows, silently.
    """

    def __init__(self, target: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="proxy-"))
        self.swallows = False
        self.swallowing = threading.Event()
        self.loses: str | None = None
        # Where the answer that is lost comes from.
        self._unheard: socket.socket | None = None
        self._target = target / _SOCKET
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.folder / _SOCKET))
        self._listener.listen(100)
        self._sockets: list[socket.socket] = [self._listener]
        self._threads: list[threading.Thread] = []
        self._begin(self._accept)

    def _begin(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                ours, _ = self._listener.accept()
                theirs = socket.socket(socket.AF_UNIX)
                self._sockets += [ours, theirs]
                theirs.connect(str(self._target))
                self._begin(self._pass_on, ours, theirs, "request")
                self._begin(self._pass_on, theirs, ours, "answer")

    def _pass_on(self, source: socket.socket, target: socket.socket, what: str) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if self.swallows:
                    continue
                loses = self.loses if what == "request" and b" COMMIT\0" in data else None
                if loses is not None:
                    self.loses = None
                if loses == "answer":
                    self._unheard = target
                if loses == "all":
                    self.swallows = True
                    self.swallowing.set()
                    continue
                if loses == "request" or source is self._unheard:
                    break
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join()
        shutil.rmtree(self.folder)


@contextlib.contextmanager
def proxied(target: Path) -> Iterator[Proxy]:
    """Run a proxy to the PostgreSQL of a folder."""
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()


def end_cut_off(session: PostgresSession, proxy: Proxy, loses: str) -> None:
    """End a transaction of which the proxy loses the "request" to commit, or the "answer"."""
    proxy.loses = loses
    if loses == "answer":
        session.end(lambda: False)
    else:
        with pytest.raises(CommitLost):
            session.end(lambda: False)
