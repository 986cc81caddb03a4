"""A Redis of the system's packages, for one module of tests."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import hiredis

from tests.listening import free_port
from tests.waiting import PATIENCE


class RedisServer:
    """A Redis process, which can be killed and started again on the same port."""

    def __init__(self, *options: str, config: str | None = None) -> None:
        self.port = free_port()
        self._options = options
        # A Sentinel has one, and no data.
        self._config = config
        self._folder = tempfile.TemporaryDirectory()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = ["redis-server", "--save", ""]
        if self._config is not None:
            command = ["redis-server", self._config, "--sentinel"]
        command += ["--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", self._folder.name, *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError):
                if self.command("PING") == b"PONG":
                    return
            # Not there yet, or loading.
            assert self._process.poll() is None, "Redis has ended"
            assert time.monotonic() < deadline, "Redis does not start"
            time.sleep(0.01)

    def command(self, *parts: str | bytes) -> object:
        """Send one command and return its reply."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            connection.sendall(hiredis.pack_command(parts))  # type: ignore[arg-type, unused-ignore]
            reader = hiredis.Reader(notEnoughData=Ellipsis)
            while (reply := reader.gets()) is Ellipsis:
                reader.feed(connection.recv(65536))
            return reply

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self.kill()
        self._folder.cleanup()


@contextmanager
def running_redis(*options: str, config: str | None = None) -> Iterator[RedisServer]:
    """Run a Redis."""
    server = RedisServer(*options, config=config)
    server.start()
    try:
        yield server
    finally:
        server.close()
