"""Python programs that a test runs to their end, each forked from one process that has imported the
packages: Python and the imports are most of what a short program costs.

Usage: python -m tests.forked (with a line of JSON for each program: its code)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import engineio_min  # noqa: F401 - for the programs
import socketio_min  # noqa: F401 - for the programs

ROOT: Final = Path(__file__).parent.parent


class Forks:
    """A process that forks a program at a time. What that prints goes where the tests' does."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-X", "dev", "-m", "tests.forked"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, code: str) -> int:
        """Run a program to its end, and return its exit code: minus the number of a signal."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(code) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def next_program() -> str | None:
    """Fork for each program that is asked for. Return its code in the child, None in the end."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            os.dup2(2, 1)
            code: str = json.loads(line)
            return code
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    return None


if __name__ == "__main__" and (program := next_program()) is not None:
    # Here a program ends as any other does: with its traceback, its threads and its exit code.
    exec(compile(program, "<an example>", "exec"), {"__name__": "__main__"})
