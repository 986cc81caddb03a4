"""The work of the clients' comparison, in small."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from benchmarks.compare_clients import run, wait_until_open
from benchmarks.generator import ROOT
from tests.listening import free_port


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    number = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.servers.this", "asyncio", str(number)], cwd=ROOT
    )
    try:
        wait_until_open(number)
        yield number
    finally:
        server.terminate()
        server.wait(20)


@pytest.mark.parametrize(
    ("load", "count", "units"),
    [
        ("echo", 200, 400),
        ("acknowledged", 640, 640),
        ("receive", 1000, 1000),
        ("trickle", 200, 200),
        ("idle", 5, 5),
    ],
)
def test_a_load_does_all_its_work(port: int, load: str, count: int, units: int) -> None:
    result = run("socketio-min", load, port, count)
    assert result["units"] == units
    assert result["cpu"] > 0
    assert len(result["memory"]) == (2 if load == "idle" else 1)
