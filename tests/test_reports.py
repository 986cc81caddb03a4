"""What one of several processes that run the tests tells the first of each test: whatever that
shows.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

FOLDER = Path(__file__).parent
PASSED = {"setup": "passed", "call": "passed", "teardown": "passed"}


def report(when: str, outcome: str) -> pytest.TestReport:
    return pytest.TestReport("a test", ("a", 1, "b"), {}, outcome, None, when)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outcomes", "told"),
    [
        (PASSED, ["call"]),
        ({**PASSED, "call": "failed"}, ["call"]),
        ({**PASSED, "teardown": "failed"}, ["call", "teardown"]),
        ({"setup": "skipped", "teardown": "passed"}, ["setup"]),
        ({"setup": "failed", "teardown": "failed"}, ["setup", "teardown"]),
    ],
)
def test_what_is_told(
    outcomes: dict[str, str],
    told: list[str],
    pytestconfig: pytest.Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conftest: Any = pytestconfig.pluginmanager.get_plugin(str(FOLDER / "conftest.py"))
    reports = [report(*one) for one in outcomes.items()]
    monkeypatch.setattr(conftest, "runtestprotocol", lambda *_given, **_named: reports)
    seen: list[pytest.TestReport] = []
    item = SimpleNamespace(
        path=FOLDER / "test_docs.py",
        config=SimpleNamespace(stash=pytest.Stash(), getoption=lambda _: None, workerinput={}),
        ihook=SimpleNamespace(pytest_runtest_logreport=lambda report: seen.append(report)),
    )
    assert conftest.pytest_runtest_protocol(item, None)
    assert [one.when for one in seen] == told
