"""A PostgreSQL of the system's packages.

One serves a whole run of tests: the first process that needs it starts it, and it ends with the
last one, however that ends. Each process opens a pipe for writing, and what starts the server reads
it until all have closed theirs. Tests that kill it have one of their own.

Usage: postgres_server.py FOLDER LOCK (with a pipe `users` in the folder)
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

READY_SECONDS = 60
# PostgreSQL does not run as root.
_ACCOUNT: dict[str, Any] = (
    {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
)
# What was written is there after any process is killed. Only a machine could take it back.
_OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
}
_starters: list[subprocess.Popen[bytes]] = []


def program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs; Debian keeps them apart."""
    folders = [os.environ.get("PATH", ""), *sorted(glob.glob("/usr/lib/postgresql/*/bin"))[::-1]]
    found = shutil.which(name, path=":".join(folders[::-1]))
    assert found is not None, f"{name} was not found: install PostgreSQL"
    return found


class PostgresServer:
    """A server in a folder, reached by a Unix socket there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def url(self, name: str = "postgres", user: str = "admin") -> str:
        """The URL of a database; `admin` may do everything."""
        return f"postgresql:///{name}?host={self.folder}&user={user}"

    def make(self) -> None:
        """Make the data of a new server."""
        if _ACCOUNT:
            shutil.chown(self.folder, "postgres", "postgres")
        command = [program("initdb"), "--pgdata", str(self.folder / "data"), "--no-sync"]
        command += ["--auth=trust", "--username=admin", "--encoding=UTF8", "--locale=C"]
        command += ["--no-instructions"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **_ACCOUNT)

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        data = self.folder / "data"
        options = {**_OPTIONS, "unix_socket_directories": str(self.folder)}
        command = [program("postgres"), "-D", str(data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True, **_ACCOUNT
            )
        deadline = time.monotonic() + READY_SECONDS
        while True:
            with contextlib.suppress(OSError, IndexError):
                lines = (data / "postmaster.pid").read_text().splitlines()
                if int(lines[0]) == self.process.pid and lines[7].strip() == "ready":
                    return
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL does not start"
            time.sleep(0.01)

    def add_database(self, name: str) -> str:
        """Add an empty database of an ordinary account. Return its URL."""
        for statement in (f"CREATE ROLE {name} LOGIN", f"CREATE DATABASE {name} OWNER {name}"):
            command = [program("psql"), "--quiet", "--command", statement, self.url()]
            subprocess.run(command, check=True)
        return self.url(name, name)

    def stop(self) -> None:
        """Stop the server at once, as if the machine was switched off."""
        assert self.process is not None
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a server of one's own."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        server = PostgresServer(Path(folder))
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()


def joined(common: Path) -> str:
    """Return the folder of the run's server, which lasts at least as long as this process.

    common: a folder that all processes of the run share.
    """
    with (common / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        place = common / "postgres"
        if place.exists():
            folder = Path(place.read_text())
            # It fails if the server has ended.
            with contextlib.suppress(OSError):
                _use(folder)
                return str(folder)
        folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        os.mkfifo(folder / "users")
        with (folder / "output").open("wb") as output:
            command = [sys.executable, __file__, str(folder), lock.name]
            starter = subprocess.Popen(
                command, stdout=output, stderr=output, start_new_session=True
            )
        # It outlives this process.
        _starters.append(starter)
        deadline = time.monotonic() + READY_SECONDS
        while not (folder / "ready").exists():
            assert starter.poll() is None, (folder / "output").read_text()
            assert time.monotonic() < deadline, "PostgreSQL does not start"
            time.sleep(0.01)
        _use(folder)
        place.write_text(str(folder))
        return str(folder)


def _use(folder: Path) -> None:
    """Keep the server of a folder running for as long as this process does."""
    os.write(os.open(folder / "users", os.O_WRONLY | os.O_NONBLOCK), b".")


def serve(folder: Path, lock: Path) -> None:
    """Run the server of a run until nobody has its pipe open any more."""
    users = os.open(folder / "users", os.O_RDONLY | os.O_NONBLOCK)
    server = PostgresServer(folder)
    server.make()
    server.start()
    (folder / "ready").touch()
    # Whoever has started this may have been killed.
    select.select([users], [], [], READY_SECONDS)
    with lock.open() as held:
        while not _is_unused(users, held):
            os.set_blocking(users, True)
            os.read(users, 1_000)
    server.stop()
    shutil.rmtree(folder)


def _is_unused(users: int, lock: IO[str]) -> bool:
    """Return whether nobody has the pipe open; then nobody finds it any more."""
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.set_blocking(users, False)
    try:
        found = os.read(users, 1_000)
    except BlockingIOError:
        found = b"."
    if not found:
        os.close(users)
    fcntl.flock(lock, fcntl.LOCK_UN)
    return not found


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]))
