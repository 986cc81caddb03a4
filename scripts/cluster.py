"""Runs a whole cluster of the application for a look: `make cluster`.

PostgreSQL, Redis and nginx of the system's packages, and two nodes with two workers each, all on
loopback addresses and in a folder that is deleted at the end. SIGINT or SIGTERM ends them all; so
does the end of any of them, also before all have begun, and so does SIGKILL: a watchdog sees it.

Usage: cluster.py [--port PORT]
"""

from __future__ import annotations

import argparse
import contextlib
import glob
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.interruption import Interruption, Stopped  # noqa: E402  (wherever this is run from)

NODES = ("AA", "BB")
WORKERS = 2
# Seconds that a part may take to begin, and to end before it is killed.
BEGIN_SECONDS = 60.0
END_SECONDS = 50.0
# The flag of the process that ends what this one leaves behind; for nobody else.
WATCH = "--watch"

NGINX = """
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_max_body_size 0;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    # The id of a session begins with the name of its node.
    map $arg_sid $node {{
        "~^AA[\\w-]{{18}}$" node_a;
        "~^BB[\\w-]{{18}}$" node_b;
        default any;
    }}
    map $http_upgrade $connection_upgrade {{
        default upgrade;
        "" "";
    }}
    upstream node_a {{ server 127.0.0.1:{first}; keepalive 64; }}
    upstream node_b {{ server 127.0.0.1:{second}; keepalive 64; }}
    # A node that stops refuses newcomers with 503, and later connections: each goes to the other
    # at once, and no node is left out for that, because the other may be the next to stop.
    upstream any {{
        server 127.0.0.1:{first} max_fails=0;
        server 127.0.0.1:{second} max_fails=0;
        keepalive 64;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://$node;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_next_upstream error timeout http_503;
            proxy_next_upstream_tries 2;
            # A machine that is switched off answers nothing.
            proxy_connect_timeout 1s;
            # Longer than a poll is parked.
            proxy_read_timeout 120s;
            proxy_buffering off;
            proxy_request_buffering off;
        }}
    }}
}}
"""


class Failed(Exception):
    """The cluster cannot go on; the message says which part has ended, with its last words."""


class Part:
    """A program of the cluster, which writes into `log`."""

    def __init__(self, name: str, command: Sequence[str], log: Path, **options: Any) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as output:
            # A terminal sends its signals to the whole group; here each part ends in its turn.
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                **options,
            )

    def check(self) -> None:
        """Raise Failed if the program has ended."""
        if self.process.poll() is not None:
            raise Failed(f"{self.name} has ended:\n{self.last_words}")

    @property
    def last_words(self) -> str:
        """Return the last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])

    def end(self, number: signal.Signals) -> None:
        """End the program with a signal, or kill it if it does not end."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Watchdog:
    """A process that ends what this one leaves behind if it is killed, and deletes the folder.

    It reads a pipe whose other end dies with this process.
    """

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, WATCH, str(folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def add(self, part: Part, number: signal.Signals) -> None:
        """Let a part end with a signal."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{part.process.pid} {number.value}\n".encode())
        self._process.stdin.flush()

    def stop(self) -> None:
        """End it: nothing is left behind."""
        with self._process:
            self._process.kill()


def watch(folder: str) -> None:
    """Wait for the end of the input, then end the processes that it has named, the last first."""
    parts = [tuple(map(int, line.split())) for line in sys.stdin]
    for pid, number in reversed(parts):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            deadline = time.monotonic() + END_SECONDS
            while runs(pid):
                if time.monotonic() > deadline:
                    os.killpg(pid, signal.SIGKILL)
                    break
                time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)


def runs(pid: int) -> bool:
    """Return whether a process that may be nobody's child has not ended."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except OSError:
        # There is no such file on other systems.
        return True
    return state != "Z"


class Cluster:
    """All parts, in the order in which they began, on free ports and in one folder."""

    def __init__(
        self,
        folder: Path,
        port: int,
        interruption: Interruption | None = None,
        *,
        nodes: Sequence[str] = NODES,
        workers: int = WORKERS,
    ) -> None:
        self.folder = folder
        self._nodes = nodes
        self._workers = workers
        self._interruption = interruption
        self._parts: list[tuple[Part, signal.Signals]] = []
        self._watchdog = Watchdog(folder)
        *self.ports, own = free_ports(len(nodes) + 1)
        self.port = port or own

    def start(self) -> None:
        """Start everything; return when the proxy answers for a node.

        Raises:
            Failed: a part has ended, or does not begin.
            OSError: a program is not there.
        """
        with socket.create_server(("127.0.0.1", self.port)):
            # Known before anything has begun.
            pass
        self.start_nodes()
        first, second = self.ports
        config = self.folder / "nginx.conf"
        config.write_text(NGINX.format(first=first, second=second, port=self.port))
        command = [program("nginx"), "-p", str(self.folder), "-e", "stderr", "-c", str(config)]
        part = self._add("nginx", command, signal.SIGTERM)
        self._wait(part, lambda: answers(self.port))

    def start_nodes(self, **variables: str) -> None:
        """Start everything but the proxy, the nodes with more variables of the environment.

        Raises:
            Failed, OSError: as `start`.
        """
        database_url = self._start_postgres()
        redis = self.folder / "redis.sock"
        command = ["redis-server", "--save", "", "--port", "0", "--unixsocket", str(redis)]
        part = self._add("Redis", command, signal.SIGTERM, cwd=self.folder)
        self._wait(part, redis.exists)
        environment = {
            **os.environ,
            **variables,
            "DATABASE_URL": database_url,
            "REDIS_URL": f"unix://{redis}",
            "HOST": "127.0.0.1",
            "WORKERS": str(self._workers),
        }
        for name, port in zip(self._nodes, self.ports, strict=True):
            own = {**environment, "NODE_NAME": name, "PORT": str(port)}
            command = [sys.executable, "-m", "server"]
            part = self._add(f"node {name}", command, signal.SIGTERM, cwd=ROOT, env=own)
            self._wait(part, partial(answers, port))

    def _start_postgres(self) -> str:
        # PostgreSQL does not run as root.
        account: dict[str, Any] = {}
        place = self.folder / "postgres"
        place.mkdir(mode=0o700)
        if os.geteuid() == 0:
            account = {"user": "postgres", "group": "postgres", "extra_groups": []}
            self.folder.chmod(0o711)
            shutil.chown(place, "postgres", "postgres")
        data = place / "data"
        options = ["--auth=trust", "--username=assistant", "--encoding=UTF8", "--locale=C"]
        made = subprocess.run(
            [program("initdb"), f"--pgdata={data}", "--no-instructions", *options],
            cwd=place,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            **account,
        )
        if made.returncode:
            raise Failed(f"PostgreSQL's data cannot be made:\n{made.stdout}")
        command = [program("postgres"), "-D", str(data), "-c", "listen_addresses="]
        command += ["-c", f"unix_socket_directories={place}"]
        part = self._add("PostgreSQL", command, signal.SIGINT, cwd=place, **account)
        url = f"postgresql:///assistant?host={place}&user=assistant"
        create = [program("createdb"), f"--host={place}", "--username=assistant", "assistant"]
        self._wait(part, lambda: subprocess.run(create, capture_output=True).returncode == 0)
        return url

    def _add(
        self, name: str, command: Sequence[str], ends_with: signal.Signals, **options: Any
    ) -> Part:
        log = self.folder / f"{name.replace(' ', '-')}.log"
        with self._interruption.put_off() if self._interruption else contextlib.nullcontext():
            part = Part(name, command, log, **options)
            self._parts.append((part, ends_with))
            self._watchdog.add(part, ends_with)
        return part

    def _wait(self, part: Part, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + BEGIN_SECONDS
        while not is_ready():
            part.check()
            if time.monotonic() > deadline:
                raise Failed(f"{part.name} does not begin:\n{part.last_words}")
            time.sleep(0.05)

    def processes(self, name: str) -> list[int]:
        """Return the processes of the parts whose names begin like that."""
        return [part.process.pid for part, _ in self._parts if part.name.startswith(name)]

    def check(self) -> None:
        """Raise Failed if a part has ended."""
        for part, _ in self._parts:
            part.check()

    def stop(self) -> None:
        """End everything, the last first."""
        while self._parts:
            part, number = self._parts.pop()
            part.end(number)
        self._watchdog.stop()


def program(name: str) -> str:
    """Return the path of a program; Debian keeps some where no PATH looks.

    Raises:
        Failed: there is none.
    """
    folders = [os.environ.get("PATH", ""), "/usr/sbin"]
    folders += sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
    found = shutil.which(name, path=":".join(folders))
    if found is None:
        raise Failed(f"{name} was not found: `make cluster` installs it")
    return found


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def answers(port: int) -> bool:
    """Return whether a server that takes clients is behind a port."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def main(arguments: Sequence[str]) -> int:
    """Run a cluster until it is told to stop. Return the exit code: 1 if it failed."""
    if arguments[:1] == [WATCH]:
        watch(arguments[1])
        return 0
    parser = argparse.ArgumentParser(prog="make cluster", description="Run a cluster for a look.")
    parser.add_argument("--port", type=int, default=3001, help="of the proxy; 0 picks a free one")
    port = parser.parse_args(arguments).port
    interruption = Interruption()
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder:
        cluster = Cluster(Path(folder), port, interruption)
        try:
            cluster.start()
            print(f"Cluster listening on http://localhost:{cluster.port}")
            print(f"Nodes: {' and '.join(NODES)}, {WORKERS} workers each; logs in {folder}")
            print("Press Ctrl+C to stop", flush=True)
            while True:
                cluster.check()
                time.sleep(0.5)
        except Stopped:
            return 0
        except (Failed, OSError) as error:
            print(f"cluster: {error}", file=sys.stderr)
            return 1
        finally:
            cluster.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
