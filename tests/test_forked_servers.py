"""forked_servers.py: a fork is what a start of Python would be."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.forked_servers import Forked
from tests.waiting import PATIENCE

SAYS_ALL = """
import os, signal, sys
print(sys.argv[1:], os.environ["WORD"], signal.getsignal(signal.SIGINT).__name__, flush=True)
print(sys.stdin.readline().strip(), file=sys.stderr)
if __name__ == "__main__":
    sys.exit(3)
"""
WAITS = "import sys; print('here', flush=True); sys.stdin.read()"


def test_arguments_variables_input_outputs_and_the_exit_code(tmp_path: Path) -> None:
    (program := tmp_path / "program.py").write_text(SAYS_ALL)
    forked = Forked(str(program), "a", "b c", environment={"WORD": "said"})
    assert forked.communicate("typed\n", PATIENCE) == (
        "['a', 'b c'] said default_int_handler\n",
        "typed\n",
    )
    assert forked.returncode == 3
    # It is gone.
    forked.kill()
    assert forked.wait(PATIENCE) == 3


def test_a_module() -> None:
    forked = Forked("conformance", "--list")
    out, error = forked.communicate(timeout=PATIENCE)
    assert out.startswith("EIO-")
    assert (error, forked.returncode) == ("", 0)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_signal_ends_it(tmp_path: Path, number: signal.Signals) -> None:
    (program := tmp_path / "program.py").write_text(WAITS)
    forked = Forked(str(program))
    assert forked.stdout.readline() == "here\n"
    assert forked.returncode is None
    with pytest.raises(TimeoutError, match="runs after 0 seconds"):
        forked.wait(0)
    (forked.kill if number == signal.SIGKILL else forked.terminate)()
    assert forked.communicate(timeout=PATIENCE) == ("", "")
    assert forked.returncode == -number


def test_it_ends_with_its_input(tmp_path: Path) -> None:
    (program := tmp_path / "program.py").write_text(WAITS)
    forked = Forked(str(program))
    assert forked.communicate("all", PATIENCE) == ("here\n", "")
    assert forked.returncode == 0


def test_errors_may_come_with_the_output(tmp_path: Path) -> None:
    (program := tmp_path / "program.py").write_text("import sys; print('bad', file=sys.stderr)")
    forked = Forked(str(program), errors=subprocess.STDOUT)
    assert forked.stderr is None
    assert forked.communicate(timeout=PATIENCE) == ("bad\n", "")


def test_who_waits_too_long_kills_it(tmp_path: Path) -> None:
    (program := tmp_path / "program.py").write_text("import time; time.sleep(600)")
    forked = Forked(str(program))
    with pytest.raises(TimeoutError):
        forked.communicate(timeout=0)
    assert forked.wait(PATIENCE) == -signal.SIGKILL
