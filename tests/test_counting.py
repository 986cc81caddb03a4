"""What conftest.py lets coverage count, and what it does not, also where several processes run the
tests.

Counting makes Python half as fast.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from coverage import Coverage
from hypothesis import given
from hypothesis import strategies as st

FOLDER = Path(__file__).parent


@pytest.fixture
def conftest(pytestconfig: pytest.Config) -> Any:
    """Return the module that this run has."""
    found = pytestconfig.pluginmanager.get_plugin(str(FOLDER / "conftest.py"))
    assert found is not None
    return found


def test_nothing_counts_while_this_runs() -> None:
    assert Coverage.current() is None


@given(st.none())
def of_hypothesis(_: None) -> None: ...


@pytest.mark.parametrize(
    ("name", "test", "marks", "counted"),
    [
        ("engineio_min/test_upgrade.py", None, {}, True),
        ("hostile/test_floods.py", None, {}, True),
        ("hostile/test_attacks.py", None, {}, False),
        ("server/test_limits.py", None, {}, False),
        ("engineio_min/protocol/test_packets.py", of_hypothesis, {}, False),
        ("socketio_min/test_worker_faults.py", None, {"no_cover": True}, False),
    ],
)
def test_coverage_is_counted_where_it_is_looked_for(
    conftest: Any,
    name: str,
    test: Callable[..., None] | None,
    marks: dict[str, bool],
    counted: bool,
) -> None:
    item = SimpleNamespace(path=FOLDER / name, obj=test, get_closest_marker=marks.get)
    assert conftest.is_counted(item) is counted


class Counter:
    """Stands for the counter of this run, which is in use: it records what is asked of it."""

    def __init__(self) -> None:
        self.started = False
        self.config = SimpleNamespace(
            pluginmanager=SimpleNamespace(
                get_plugin={"_cov": SimpleNamespace(cov_controller=self)}.get
            ),
            stash=pytest.Stash(),
        )

    def pause(self) -> None:
        assert self.started
        self.started = False

    def resume(self) -> None:
        assert not self.started
        self.started = True


def test_coverage_is_counted_during_a_test_and_not_between_two(conftest: Any) -> None:
    counter = Counter()
    seen = []
    for counted in (True, True, False, True):
        with conftest.counting(counter.config, counted):
            seen.append(counter.started)
            # A fixture may ask for another.
            with conftest.counting(counter.config, counted):
                seen.append(counter.started)
            seen.append(counter.started)
        assert not counter.started
    assert seen == [True] * 6 + [False] * 3 + [True] * 3
    uncounted = SimpleNamespace(pluginmanager=SimpleNamespace(get_plugin={}.get))
    with conftest.counting(uncounted, True):
        assert not counter.started


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize(
    ("place", "ours"),
    [("", False), ("tests", False), ("tests/engineio_min", True), ("tests/test_docs.py", True)],
)
def test_what_plugins_do_for_a_test_is_not_counted(
    conftest: Any, place: str, ours: bool, counted: bool
) -> None:
    counter = Counter()
    config = counter.config
    config.stash[conftest.COUNTS] = counted
    item, fixture = SimpleNamespace(config=config), SimpleNamespace(baseid=place)
    for hook, expected in (
        (conftest.pytest_fixture_setup(fixture, item), ours and counted),
        (conftest.pytest_pyfunc_call(item), counted),
        (conftest.pytest_runtest_teardown(item), counted),
    ):
        next(hook)
        assert counter.started is expected
        with pytest.raises(StopIteration):
            next(hook)
        assert not counter.started


def test_nothing_is_counted_after_a_test_that_is_not_to_be(conftest: Any) -> None:
    counter = Counter()
    hook = conftest.pytest_runtest_call(SimpleNamespace(config=counter.config))
    next(hook)
    # As pytest-cov does, which has paused before.
    counter.resume()
    with pytest.raises(StopIteration):
        next(hook)
    assert not counter.started


def test_one_process_counts_what_imports_cover(conftest: Any) -> None:
    def counts(tx: list[str], **worker: Any) -> bool:
        config = SimpleNamespace(getoption=lambda _name, _default: tx, **worker)
        found: bool = conftest.imports_are_counted(config)
        return found

    assert counts([])
    assert not counts(["popen", "popen"])
    assert counts([], workerinput={"workerid": "gw0"})
    assert not counts([], workerinput={"workerid": "gw1"})
