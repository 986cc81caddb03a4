"""The table of `benchmarks.fairness` is printed; what it tells decides nothing here."""

from __future__ import annotations

import re
import time

import pytest

from benchmarks import fairness
from benchmarks.fairness import DEEDS, chosen, main
from benchmarks.fairness_wire import Commit, Deed, Ground


def test_a_deed_beside_an_honest_client(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fairness, "ALONE", 0.3)
    main(["WebSocket pong", "--seconds", "0.3"])
    head, _, row = capsys.readouterr().out.splitlines()
    assert head == (
        "| beside | ping p99, alone | ping p99 | save p50, alone | save p50 | memory | fair |"
    )
    assert re.fullmatch(
        r"\| WebSocket pong flood (\| [\d,]+ ms ){4}\| [\d,]+ MB \| (yes|no).* \|", row
    )


def test_what_a_deed_says_is_in_its_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def set_up(ground: Ground) -> Commit:
        found = sorted(path.name for path in ground.directory.rglob("*.txt"))

        def commit(_port: int) -> None:
            ground.say(f"found {found}", False)
            while True:
                time.sleep(1)

        return commit

    monkeypatch.setattr(fairness, "DEEDS", (Deed("saying", set_up, 2, "workspace"),))
    monkeypatch.setattr(fairness, "ALONE", 0.3)
    main(["saying", "--seconds", "0.3"])
    row = capsys.readouterr().out.splitlines()[-1]
    assert row.endswith("| no, found ['0.txt', '1.txt', 'honest.txt'] |")


def test_a_deed_that_cannot_be_set_up_ends_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def set_up(_ground: Ground) -> Commit:
        raise ValueError("not today")

    monkeypatch.setattr(fairness, "DEEDS", (Deed("broken", set_up),))
    with pytest.raises(SystemExit, match="'broken' could not be set up"):
        main(["broken"])


def test_a_deed_is_chosen_by_its_name_or_by_a_word() -> None:
    assert [deed.name for deed in chosen(["pong flood"])] == ["pong flood"]
    assert [deed.name for deed in chosen(["pong"])] == ["pong flood", "WebSocket pong flood"]
    assert len(chosen([""])) == len(DEEDS) + 1


def test_each_deed_has_its_own_name() -> None:
    names = [deed.name for deed in DEEDS]
    assert len(set(names)) == len(names) > 20


def test_a_deed_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["kindness"])
    assert "got ['kindness'], expected words of these deeds:\nhalf-received" in (
        capsys.readouterr().err
    )
