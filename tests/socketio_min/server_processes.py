"""Real Socket.IO servers in processes: this project's, the official one, python-socketio's.

The first two are the fixtures of conformance/js, and the third offers what the client's tests need
of them. All have the same handlers, take options as one argument in JSON, print `ready URL`, report
what they see as lines of JSON, and end when their input does. See conformance/js/README.md.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Literal

from tests.forked_servers import Program, started
from tests.listening import free_port
from tests.waiting import PATIENCE, eventually

ROOT = Path(__file__).parent.parent.parent
FIXTURES = ROOT / "conformance/js/fixtures"

Kind = Literal["this", "this with recovery", "node", "node with recovery", "python-socketio"]
KINDS: tuple[Kind, ...] = ("this", "node", "node with recovery", "python-socketio")

COMMANDS: dict[Kind, list[str]] = {
    "this": [sys.executable, str(FIXTURES / "python_server.py")],
    "this with recovery": [sys.executable, str(FIXTURES / "python_server.py")],
    "node": ["node", str(FIXTURES / "node.mjs")],
    "node with recovery": ["node", str(FIXTURES / "node.mjs")],
    "python-socketio": [sys.executable, str(Path(__file__).with_name("python_socketio_server.py"))],
}


class ServerProcess:
    """One server; after `kill` or `stop` it can be started again, on the same port."""

    def __init__(self, kind: Kind, **options: Any) -> None:
        self.kind = kind
        self.port = free_port()
        self.reports: list[dict[str, Any]] = []
        self._options = options
        if kind in ("this with recovery", "node with recovery"):
            self._options = {"connectionStateRecovery": {}, **options}
        self._process: Program | None = None
        self._number = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        options = json.dumps({**self._options, "port": self.port})
        process = started([*COMMANDS[self.kind], options])
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready "), f"the server said {line!r}"
        self._process = process
        threading.Thread(target=self._read, args=(process,), daemon=True).start()

    def _read(self, process: Program) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self.reports.append(json.loads(line))

    def stop(self) -> None:
        """Let it end as it would by itself."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            process.stdin.close()
            process.send_signal(signal.SIGCONT)
            assert process.wait(PATIENCE) == 0

    def kill(self) -> None:
        """The end without any goodbye."""
        process, self._process = self._process, None
        assert process is not None
        process.kill()
        process.wait(PATIENCE)
        assert process.stdin is not None
        process.stdin.close()

    def suspend(self) -> None:
        """It falls silent but keeps its connections, as if the network were gone."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def report(self, **expected: Any) -> dict[str, Any]:
        """The first report, past or coming, that has these fields."""

        def fitting() -> list[dict[str, Any]]:
            return [report for report in self.reports if expected.items() <= report.items()]

        await eventually(fitting)
        return fitting()[0]

    async def command(self, what: str, **fields: Any) -> Any:
        """Let the server act; returns the result."""
        self._number += 1
        process = self._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.write(json.dumps({"do": what, "number": self._number, **fields}) + "\n")
        process.stdin.flush()
        return (await self.report(reply=self._number))["value"]
