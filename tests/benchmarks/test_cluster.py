"""The parts of `benchmarks.cluster` run, on a small scale; what they tell decides nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.cluster import main
from benchmarks.cluster_application import costs


def test_broadcasts_and_workers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "figures.md"
    output.write_text("before\n<!-- measured -->\nold\n<!-- end -->\nafter\n")
    main(["broadcasts", "workers", "--scale", "0.002", "--output", str(output)])
    text = output.read_text()
    assert text.startswith("before\n")
    assert "old" not in text
    for members in (0, 1, 100):
        assert re.search(rf"^\| {members} \|( [0-9.]+ µs \|){{4}}$", text, re.MULTILINE)
    assert re.search(r"^\| 2 \| [0-9,]+ \| [0-9.]+ µs \| \d+% : \d+% \|", text, re.MULTILINE)
    assert "Workers on one machine" in capsys.readouterr().out


def test_a_save_and_a_message_on_two_nodes() -> None:
    # It starts a PostgreSQL, a Redis and two servers.
    for cost in costs(2, 0.02):
        row = cost.row("a deed")
        assert re.fullmatch(
            r"\| a deed \| [0-9,]+ \| \d+ µs \+ \d+ µs "
            r"\| \d+ µs \| \d+% \| [0-9.]+ µs \| [0-9,]+ \|",
            row,
        )


def test_a_part_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["storm"])
    assert "got the part 'storm', expected some of broadcasts" in capsys.readouterr().err
