"""The loads of `benchmarks.resilience` run, on a small scale; what they tell decides nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.resilience import main


def test_churn_and_a_herd(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "figures.md"
    output.write_text("before\n<!-- measured -->\nold\n<!-- end -->\nafter\n")
    main(["herd", "churn", "--scale", "0.001", "--output", str(output)])
    text = output.read_text()
    assert re.fullmatch(
        r"before\n<!-- m.* -->\n\n## A herd.*\n\n<!-- end -->\nafter\n", text, re.DOTALL
    )
    assert "old" not in text
    assert "10 clients ask to come back" in text
    assert "refused or lost: 0" in text
    assert re.search(r"200 connections in .* 200 served, 0 refused", text)
    assert "left at the end: 0 sessions, 0 sockets, 0 tasks" in text
    assert "An hour of churn" in capsys.readouterr().out


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--output", str(tmp_path / "nothing.md")])
    assert "nothing.md, which is not there to write into" in capsys.readouterr().err


def test_a_load_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["storm"])
    assert "got the part 'storm', expected some of herd, beside" in capsys.readouterr().err
