"""The table of `benchmarks.fairness` is printed; what it tells decides nothing here."""

from __future__ import annotations

import re

import pytest

from benchmarks.fairness import DEEDS, main


def test_a_deed_beside_an_honest_client(capsys: pytest.CaptureFixture[str]) -> None:
    main(["WebSocket pong", "--seconds", "0.3"])
    head, _, row = capsys.readouterr().out.splitlines()
    assert head == "| beside | ping p99 | save p50 | memory | fair |"
    assert re.fullmatch(
        r"\| WebSocket pong flood \| [\d,]+ ms \| [\d,]+ ms \| [\d,]+ MB \| (yes|no).* \|", row
    )


def test_each_deed_has_its_own_name() -> None:
    names = [deed.name for deed in DEEDS]
    assert len(set(names)) == len(names) > 20


def test_a_deed_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["kindness"])
    assert "got ['kindness'], expected words of these deeds:\nhalf-received" in (
        capsys.readouterr().err
    )
