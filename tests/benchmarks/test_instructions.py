"""The codecs and the receive path execute no more instructions than recorded.

Invariant: one run of each case stays within the margin of its recorded count, on the Python that
the count was recorded for. On another Python every case still runs and is counted.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import instructions
from benchmarks.generator import BUILD
from benchmarks.instructions import MARGIN, build, count, exceeded, record, recorded


def test_no_case_executes_more_instructions_than_recorded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    counts = count()
    assert len(counts) > 10
    assert min(counts.values()) > 1000
    bounds = recorded()
    if bounds is not None:
        assert exceeded(counts, bounds) == []
        return
    BUILD.mkdir(parents=True, exist_ok=True)
    path = BUILD / "instructions.json"
    path.write_text(json.dumps({build(): counts}, indent=2) + "\n")
    with capsys.disabled():
        print(
            f"\nNo instruction counts are recorded for {build()}: compared with nothing, wrote "
            f"{path}. `python -m benchmarks.instructions --record` makes them the bounds."
        )


def test_what_is_above_its_bound_is_found() -> None:
    bounds = {"a": 1000, "b": 1000}
    within = round(1000 * (1 + MARGIN))
    assert exceeded({"a": within, "b": 1}, bounds) == []
    assert exceeded({"a": within + 1, "b": 1}, bounds) == [
        "a: 1,101 instructions, expected at most 1,100"
    ]
    assert exceeded({"a": 1}, bounds) == ["b: recorded, but not counted any more"]
    assert exceeded({"a": 1, "b": 1, "c": 1}, bounds) == ["c: no bound is recorded"]


def test_bounds_are_kept_for_each_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instructions, "BOUNDS", tmp_path / "instructions.json")
    assert recorded() is None
    record({"a": 1})
    assert recorded() == {"a": 1}
    monkeypatch.setattr(instructions, "build", lambda: "another")
    assert recorded() is None
    record({"a": 2})
    assert recorded() == {"a": 2}
    monkeypatch.undo()
    assert json.loads((tmp_path / "instructions.json").read_text()) == {
        build(): {"a": 1},
        "another": {"a": 2},
    }
