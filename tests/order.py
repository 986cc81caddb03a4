"""In which order the tests begin: what takes long comes first, in each process of a run.

A long file that began last would run beside idle processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

FOLDER = Path(__file__).parent

# The files that take longest, by the seconds of a processor.
SLOW: Final = [
    FOLDER / name
    for name in (
        "web/test_page.py",
        "socketio_min/test_client_servers_lost.py",
        "socketio_min/cluster/test_faults.py",
        "conformance/test_mutants.py",
        "conformance/test_servers.py",
        "conformance/test_member_workers.py",
        "server/test_process.py",
        "server/test_operations.py",
        "server/test_cluster.py",
        "server/test_workers.py",
        "server/test_reference.py",
        "benchmarks/test_instructions.py",
        "server/test_killing.py",
        "socketio_min/test_client_servers.py",
        "engineio_min/test_idle_clients.py",
        "socketio_min/test_workers.py",
        "hostile/test_simulation_walks.py",
        "hostile/test_simulation_interruption.py",
        "hostile/test_simulation_machine.py",
        "server/ai/test_local.py",
        "benchmarks/test_report.py",
        "socketio_min/test_worker_faults.py",
        "server/test_events.py",
    )
]

Test = TypeVar("Test")


def dealt(tests: Sequence[Test], paths: Sequence[Path], processes: int) -> list[Test]:
    """Deal the files of `SLOW` to the processes in turn, and fill up with all other tests.

    `--dist worksteal` cuts the list into as many parts of one length as there are processes. The
    n-th test is in the file of the n-th path; the tests of a file stay together where they can.
    """
    slow: dict[Path, list[Test]] = {path: [] for path in SLOW}
    rest: list[Test] = []
    for test, path in zip(tests, paths, strict=True):
        slow.get(path, rest).append(test)
    parts: list[list[Test]] = [[] for _ in range(processes)]
    for number, together in enumerate(filter(None, slow.values())):
        parts[number % processes] += together
    left = len(tests)
    for number, part in enumerate(parts):
        missing = max(left // (processes - number) - len(part), 0)
        part += rest[:missing]
        del rest[:missing]
        left -= len(part)
    return [test for part in parts for test in part] + rest
