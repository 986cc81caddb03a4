"""Targets as processes of their own, and the runner against a port, for the tests."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from conformance.case import Case
from conformance.cases import all_cases
from conformance.connection import Endpoint
from conformance.context import Paths, Settings
from conformance.runner import Runner
from conformance.verdict import Run, Verdict
from tests.forked_servers import Program, started

ROOT = Path(__file__).resolve().parent.parent.parent

REFERENCE = [sys.executable, "-m", "conformance", "target", "--port", "0"]
NODE = ["node", "conformance/targets/node/target.mjs", "0"]
# Seconds.
UPGRADE_TIMEOUT = 0.5

PYTHON_SOCKETIO = [sys.executable, "conformance/targets/python_socketio.py", "0"]


def start(command: Sequence[str]) -> tuple[Program, int]:
    """Start a target and return it with its port."""
    process = started(command)
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"ready http://127\.0\.0\.1:(\d+)\n", line)
    if found is None:
        process.kill()
        raise AssertionError(f"{command} did not start: {line + process.communicate()[0]}")
    return process, int(found[1])


def stop(process: Program) -> None:
    """End a target at once: how it ends is not what is tested with it."""
    process.kill()
    process.communicate()


def cases_named(names: Sequence[str]) -> list[Case]:
    return [case for case in all_cases() if case.id in names]


async def run_cases(
    port: int, cases: Sequence[Case], *, wait: float = 0.6, concurrency: int = 16
) -> Run:
    """Run cases once each, with little patience: for servers that are expected to fail."""
    settings = Settings(
        Endpoint("127.0.0.1", port),
        Paths("/engine.io/", "/socket.io/"),
        wait,
        upgrade_timeout=UPGRADE_TIMEOUT,
    )
    runner = Runner(settings, cases, concurrency=concurrency, second_attempts=False, set_up=False)
    return await runner.run(f"http://127.0.0.1:{port}", "strict")


def failures(run: Run) -> list[str]:
    """The failures with what was seen."""
    return [f"{r.case.id}: {r.seen}" for r in run.results if r.verdict is Verdict.FAIL]
