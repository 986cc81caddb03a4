"""The servers that are compared, and how one is started, watched and stopped."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.generator import BUILD, ROOT

FOLDER = ROOT / "benchmarks"
PEERS_PYTHON = FOLDER / ".venv-peers" / "bin" / "python"
JAVASCRIPT = FOLDER / "js"

START_TIMEOUT = 30.0
STOP_TIMEOUT = 1.0
QUIET_TIMEOUT = 30.0

# User and system time in a process's `stat`, counted after its name's parenthesis.
_USER_TIME, _SYSTEM_TIME = 11, 12


def bun() -> Path:
    """Return Bun's program: the package of this platform has it, and needs no script to be run."""
    machine = {"x86_64": "x64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    return JAVASCRIPT / "node_modules" / "@oven" / f"bun-{sys.platform}-{machine}" / "bin" / "bun"


@dataclass(frozen=True, slots=True)
class Peer:
    """A server to compare. `command` gets the port as its last argument."""

    name: str
    title: str
    command: tuple[str, ...]
    folder: Path = ROOT
    # Answers to no Socket.IO, and only to loads that need none.
    bare: bool = False
    # Another host of what is in the table already: only some loads.
    minor: bool = False
    # Fewer rounds, where the figure is far from all others.
    rounds: int | None = None
    # It compiles what it runs often, so it needs a longer warm-up.
    compiles: bool = False


THIS = "this"
NEWEST = "this-newest"


def _python(name: str) -> str:
    """Return an interpreter that `make bench` has set up, or the present one."""
    python = FOLDER / f".venv-{name}" / "bin" / "python"
    return str(python) if python.exists() else sys.executable


# What this server is measured on: what users of a distribution have, and the newest there is here.
PYTHONS = {THIS: _python("distribution"), NEWEST: _python("newest")}


def _this(name: str, loop: str) -> tuple[str, ...]:
    return (PYTHONS[name], "-m", "benchmarks.servers.this", loop)


def _python_socketio(host: str) -> Peer:
    return Peer(
        f"python-socketio-{host}",
        f"python-socketio on {host}",
        (str(PEERS_PYTHON), "python_socketio.py", host),
        FOLDER / "servers",
        minor=host != "uvicorn",
        rounds=2,
    )


NODE = "node"
BUN = "bun"
PYTHON_SOCKETIO = tuple(f"python-socketio-{host}" for host in ("uvicorn", "aiohttp", "granian"))

PEERS = (
    Peer(NODE, "socket.io on Node", ("node", "node.mjs"), JAVASCRIPT, compiles=True),
    Peer(BUN, "socket.io on Bun", (str(bun()), "bun.mjs"), JAVASCRIPT, compiles=True),
    Peer(THIS, "this, on uvloop", _this(THIS, "uvloop")),
    Peer(NEWEST, "this, on uvloop and the newest Python", _this(NEWEST, "uvloop")),
    Peer(
        "this-asyncio",
        "this, on asyncio's loop",
        _this(THIS, "asyncio"),
        minor=True,
        rounds=2,
    ),
    *map(_python_socketio, ("uvicorn", "aiohttp", "granian")),
    Peer(
        "websockets",
        "websockets alone",
        (str(PEERS_PYTHON), "websockets_echo.py"),
        FOLDER / "servers",
        bare=True,
        rounds=2,
    ),
)


class StartError(Exception):
    """A server did not start."""


class Running:
    """A started server, pinned to `core` if there is one to spare."""

    def __init__(self, peer: Peer, core: int | None) -> None:
        self.peer = peer
        self.port = _free_port()
        BUILD.mkdir(parents=True, exist_ok=True)
        self._log = BUILD / f"{peer.name}.log"
        own = os.sched_getaffinity(0)
        if core is not None:
            # Inherited, so that no process of the server ever runs elsewhere.
            os.sched_setaffinity(0, {core})
        try:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    [*peer.command, str(self.port)],
                    cwd=peer.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        finally:
            os.sched_setaffinity(0, own)
        try:
            self._wait_for_port()
        except StartError:
            self.stop()
            raise

    def _wait_for_port(self) -> None:
        ends = time.monotonic() + START_TIMEOUT
        while time.monotonic() < ends:
            if self._process.poll() is not None:
                raise StartError(
                    f"{self.peer.name} ended with exit code {self._process.returncode} at its "
                    f"start; see {self._log}"
                )
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.02)
        raise StartError(f"{self.peer.name} did not listen within {START_TIMEOUT:g} seconds")

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def pids(self) -> list[int]:
        """Return the server's process and all that come from it."""
        children: dict[int, list[int]] = {}
        for pid, fields in _processes():
            children.setdefault(int(fields[1]), []).append(pid)
        found = [self._process.pid]
        for pid in found:
            found.extend(children.get(pid, ()))
        return found

    def becomes_quiet(self) -> bool:
        """Wait until the server has done what the last clients left it to do; False if it never
        does.
        """
        ends = time.monotonic() + QUIET_TIMEOUT
        before = -1
        while time.monotonic() < ends:
            pids = set(self.pids())
            ticks = sum(
                int(fields[_USER_TIME]) + int(fields[_SYSTEM_TIME])
                for pid, fields in _processes()
                if pid in pids
            )
            if ticks == before:
                return True
            before = ticks
            time.sleep(0.05)
        return False

    def stop(self) -> None:
        """End the server's processes, first gently."""
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            pids = self.pids()
            for pid in reversed(pids):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)
            self._process.wait()


def _processes() -> Iterator[tuple[int, list[str]]]:
    """Yield each process's id, and the fields of its `stat` after the name."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            text = path.read_text()
            yield int(text.split(" ", 1)[0]), text.rpartition(")")[2].split()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def allow_descriptors() -> None:
    """Let the servers, which inherit it, open as many connections as the system has for us."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
