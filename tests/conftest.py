"""What all tests share: hypothesis' settings, which files begin first, which are quick, whose
coverage is counted, what of a test is told, and a check that no test leaves work behind.

A forgotten task is a leak in the server or a test that ended too early, and asyncio only mentions
it in a log line that nobody reads; the same with the exception of a callback. So every asynchronous
test fails when a task outlives it, or when asyncio logs that a task's exception was never
retrieved, that a pending task was destroyed, or that a callback failed. The lines about tasks come
from the garbage collector; collecting after each test is affordable because everything that exists
when the test begins is frozen out of its sight.
"""

import asyncio
import gc
import importlib
import logging
import os
import pkgutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from _pytest.runner import runtestprotocol
from hypothesis import HealthCheck, Phase, is_hypothesis_test, settings

from tests.effort import examples, search_little
from tests.order import dealt
from tests.scratch import write_in_memory

write_in_memory()

# Timings never decide a test, hence no deadline and no complaint about a slow machine. CI does not
# look for a smaller example, which takes up to five minutes: the blob reproduces the one it found.
settings.register_profile(
    "socketio_min",
    max_examples=examples(50),
    deadline=None,
    derandomize="CI" in os.environ,
    phases=[
        Phase.explicit,
        Phase.reuse,
        Phase.generate,
        *([] if "CI" in os.environ else [Phase.shrink]),
    ],
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("socketio_min")

FOLDER = Path(__file__).parent

# What `--quick` runs: the rules and the bytes of the two packages, and the layers.
QUICK = (FOLDER / "engineio_min", FOLDER / "socketio_min", FOLDER / "test_layers.py")

# The tests of these need Node, Redis, processes of their own or the ASGI hosts of others.
PROGRAMS = {
    FOLDER / name
    for name in (
        "engineio_min/asgi/test_frameworks.py",
        "engineio_min/asgi/test_real_hosts.py",
        "engineio_min/asgi/test_real_upgrades.py",
        "engineio_min/test_idle_clients.py",
        "engineio_min/workers/test_supervisor.py",
        "socketio_min/client/test_blocking.py",
        "socketio_min/cluster/test_classic_cluster.py",
        "socketio_min/cluster/test_cluster_adapter.py",
        "socketio_min/cluster/test_deaths.py",
        "socketio_min/cluster/test_emitter.py",
        "socketio_min/cluster/test_extra.py",
        "socketio_min/cluster/test_faults.py",
        "socketio_min/cluster/test_link.py",
        "socketio_min/cluster/test_redis_cluster.py",
        "socketio_min/cluster/test_sharded_cluster.py",
        "socketio_min/cluster/test_silence.py",
        "socketio_min/cluster/test_streams.py",
        "socketio_min/cluster/test_streams_ahead.py",
        "socketio_min/cluster/test_streams_cluster.py",
        "socketio_min/cluster/test_streams_outages.py",
        "socketio_min/cluster/test_streams_recovery.py",
        "socketio_min/cluster/test_streams_refused.py",
        "socketio_min/cluster/test_transcripts.py",
        "socketio_min/test_client_servers.py",
        "socketio_min/test_client_servers_lost.py",
        "socketio_min/test_msgpack.py",
        "socketio_min/test_msgpack_oracle.py",
        "socketio_min/test_packets_oracle.py",
        "socketio_min/test_packets_stricter.py",
        "socketio_min/test_proxies.py",
        "socketio_min/test_serve.py",
        "socketio_min/test_terminal.py",
        "socketio_min/test_worker_faults.py",
        "socketio_min/test_workers.py",
    )
}

# What the tests of these cover is counted, unless they search at random or do what chance decides:
# each line is to have a test that finds it every time. Counting makes Python half as fast, so the
# attackers' tests that reach no line of their own are left out.
COUNTED = (
    FOLDER / "engineio_min",
    FOLDER / "socketio_min",
    FOLDER / "hostile" / "test_floods.py",
    FOLDER / "hostile" / "test_held.py",
    FOLDER / "hostile" / "test_large_messages.py",
)

# Others reach all lines that these reach.
REACHED_BY_OTHERS = {
    FOLDER / name
    for name in (
        "engineio_min/asgi/test_real_upgrades.py",
        "engineio_min/client/test_polling.py",
        "engineio_min/transports/test_polling.py",
        "socketio_min/cluster/test_classic_cluster.py",
        "socketio_min/cluster/test_streams_cluster.py",
        "socketio_min/cluster/test_transcripts.py",
        "socketio_min/test_acknowledgements.py",
        "socketio_min/test_client_servers.py",
        "socketio_min/test_contexts.py",
        "socketio_min/test_packets_stricter.py",
    )
}

# Whether the test that runs now is counted.
COUNTS = pytest.StashKey[bool]()

# What asyncio says of tasks that nobody awaited, and of callbacks and protocols that failed.
MISHAPS = (
    "exception was never retrieved",
    "was destroyed but it is pending",
    "Exception in callback",
    "Fatal error",
)

# A cancelled task, a closing transport or a callback needs a few turns of the loop to finish.
TURNS_TO_FINISH = 10


class MishapHandler(logging.Handler):
    """Collects asyncio's log lines about failures that reach nobody."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage().replace("\n", "; ")
        if any(mark in line for mark in MISHAPS):
            self.lines.append(line)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--quick",
        action="store_true",
        help="run the tests of rules and bytes alone: no Node, Redis, browser or other server",
    )


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Start two workers more than there are processors: tests wait for programs half of the time.

    With one more, two processors had nothing to do for a fifth of the run; with four more the run
    took as long. One more is enough for the tests of `--quick`, which wait for less.
    """
    return (os.cpu_count() or 1) + (1 if config.getoption("quick") else 2)


def pytest_configure(config: pytest.Config) -> None:
    """With `--quick`, search little."""
    if config.getoption("quick"):
        search_little()
        settings.register_profile(
            "quick", settings.get_profile("socketio_min"), max_examples=examples(50)
        )
        settings.load_profile("quick")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `--quick`, do not even import what is not quick."""
    if not config.getoption("quick") or collection_path == FOLDER:
        return None
    quick = any(collection_path.is_relative_to(place) for place in QUICK)
    return not quick or collection_path in PROGRAMS or None


@cache
def is_counted_file(path: Path) -> bool:
    counted = any(path.is_relative_to(place) for place in COUNTED)
    return counted and path not in REACHED_BY_OTHERS


def is_counted(item: pytest.Item) -> bool:
    return (
        is_counted_file(item.path)
        and not is_hypothesis_test(getattr(item, "obj", None))
        and item.get_closest_marker("no_cover") is None
    )


def controller_of(config: pytest.Config) -> Any:
    """Return what starts and stops the counting, None in a run that does not count."""
    return getattr(config.pluginmanager.get_plugin("_cov"), "cov_controller", None)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """In each process of several, end what pytest-cov has begun before it knew of the others.

    It begins anew now and forgets the former, which would go on counting, in vain, whenever the
    new one pauses: all tests took twice as long.
    """
    if hasattr(session.config, "workerinput") and (former := controller_of(session.config)):
        former.cov.stop()


@contextmanager
def counting(config: pytest.Config, counted: bool) -> Iterator[None]:
    """Count what is covered meanwhile, if this run counts and that is to be `counted`."""
    controller = controller_of(config)
    begins = controller is not None and counted and not controller.started
    if begins:
        controller.resume()
    try:
        yield
    finally:
        if begins:
            controller.pause()


def imports_are_counted(config: pytest.Config) -> bool:
    """Return whether this process is the one that counts what imports cover: of several, the first
    that runs tests.
    """
    worker = getattr(config, "workerinput", {}).get("workerid")
    return worker == "gw0" or (worker is None and not config.getoption("tx", None))


def import_packages() -> None:
    """Import each module of the two packages, but not the programs."""
    for name in ("engineio_min", "socketio_min"):
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.endswith(".__main__"):
                importlib.import_module(module.name)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Count what imports cover, and nothing from then on until a test runs.

    Nothing of what is made meanwhile is garbage: the collector need not look for it.
    """
    if controller := controller_of(session.config):
        if imports_are_counted(session.config):
            import_packages()
        controller.pause()
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """In one of several processes, tell the first only how a test ended, unless it is asked for
    durations.

    Beside that there are four messages of a test, of which nobody sees anything, and they cost as
    much as the smallest tests.
    """
    item.config.stash[COUNTS] = is_counted(item)
    if not hasattr(item.config, "workerinput") or item.config.getoption("durations") is not None:
        return None
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed:
            item.ihook.pytest_runtest_logreport(report=report)
    return True


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Iterator[None]:
    """Count what the fixtures of a folder or file do; those of all tests and of plugins do nothing
    that is to be covered.
    """
    ours = "/" in fixturedef.baseid
    with counting(request.config, ours and request.config.stash[COUNTS]):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Pause after a test with the mark `no_cover`. pytest-cov goes on to count then, even if it did
    not count before, and all that followed took twice as long.
    """
    try:
        return (yield)
    finally:
        controller = controller_of(item.config)
        if controller is not None and controller.started:
            controller.pause()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    with counting(pyfuncitem.config, pyfuncitem.config.stash[COUNTS]):
        return (yield)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    with counting(item.config, item.config.stash[COUNTS]):
        return (yield)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let each process begin with slow files. With `--quick`, plant no faults."""
    if config.getoption("quick"):
        planted = [item for item in items if item.get_closest_marker("planted") is not None]
        config.hook.pytest_deselected(items=planted)
        items[:] = [item for item in items if item not in planted]
    processes = getattr(config, "workerinput", {}).get("workercount", 1)
    items[:] = dealt(items, [item.path for item in items], processes)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Keep the collector from looking at what earlier tests have left: of hypothesis alone that is
    so much in the end that a collection took a quarter of a second.
    """
    gc.collect()
    gc.freeze()


@pytest_asyncio.fixture
async def no_work_left_behind() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    handler = MishapHandler()
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
