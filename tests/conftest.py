"""What all tests share: hypothesis' settings, which files begin first, and a check that no test
leaves work behind.

A forgotten task is a leak in the server or a test that ended too early, and asyncio only mentions
it in a log line that nobody reads. So every asynchronous test fails when a task outlives it, or
when asyncio logs that a task's exception was never retrieved or that a pending task was
destroyed. These lines come from the garbage collector; collecting after each test is affordable
because everything that exists when the tests begin is frozen out of its sight.
"""

import asyncio
import gc
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

# Timings never decide a test, hence no deadline and no complaint about a slow machine.
settings.register_profile(
    "socketio_min",
    deadline=None,
    derandomize="CI" in os.environ,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("socketio_min")

# Each has a test of ten seconds or more. One that began last would run beside idle processes.
SLOW = {
    Path(__file__).parent / name
    for name in (
        "web/test_page.py",
        "conformance/test_servers.py",
        "hostile/test_simulation_machine.py",
        "benchmarks/test_instructions.py",
        "socketio_min/test_client_servers.py",
        "socketio_min/cluster/test_faults.py",
        "server/test_events.py",
        "server/test_killing.py",
        "benchmarks/test_report.py",
    )
}

LOST_TASKS = ("exception was never retrieved", "was destroyed but it is pending")

# A cancelled task, a closing transport or a callback needs a few turns of the loop to finish.
TURNS_TO_FINISH = 10


class LostTaskHandler(logging.Handler):
    """Collects asyncio's log lines about tasks that nobody awaited."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage().replace("\n", "; ")
        if any(mark in line for mark in LOST_TASKS):
            self.lines.append(line)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow files begin; all else keeps its order."""
    items.sort(key=lambda item: item.path not in SLOW)


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()


@pytest_asyncio.fixture
async def no_work_left_behind() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    handler = LostTaskHandler()
    logging.getLogger("asyncio").addHandler(handler)
    try:
        yield
        for _ in range(TURNS_TO_FINISH):
            pending = asyncio.all_tasks() - before - {asyncio.current_task()}
            if not pending:
                break
            await asyncio.sleep(0)
        # A finalizer reports through the loop's exception handler, which logs at once.
        gc.collect()
    finally:
        logging.getLogger("asyncio").removeHandler(handler)
    left = [f"still running: {task!r}" for task in pending] + handler.lines
    if left:
        pytest.fail("the test left work behind:\n  " + "\n  ".join(left), pytrace=False)


@pytest.fixture(autouse=True)
def asynchronous_tests_leave_no_work(request: pytest.FixtureRequest) -> None:
    """Applies the check to asynchronous tests only: others need no event loop."""
    if pytest_asyncio.is_async_test(request.node):
        request.getfixturevalue("no_work_left_behind")
