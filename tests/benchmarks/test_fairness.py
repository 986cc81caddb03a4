"""The table of `benchmarks.fairness` is printed; what it tells decides nothing here."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from benchmarks import fairness, fairness_results
from benchmarks.fairness import DEEDS, chosen, main
from benchmarks.fairness_wire import Client, Commit, Deed, Ground
from benchmarks.fairness_work import send_to_all
from tests.server.postgres_server import running_postgres


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


def test_what_goes_over_several_connections_has_an_id_of_its_own_on_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[tuple[Client, str]] = []
    monkeypatch.setattr(Client, "send", lambda client, packet: sent.append((client, packet)))
    clients = [Client.__new__(Client) for _ in range(2)]
    assert send_to_all(clients, 10, "file:list", {"n": 1}) == [(10, clients[0]), (11, clients[1])]
    assert sent == [
        (clients[0], '4210["file:list", {"n": 1}]'),
        (clients[1], '4211["file:list", {"n": 1}]'),
    ]


def test_a_row_that_is_kept_is_in_the_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page, results = tmp_path / "page.md", tmp_path / "results.json"
    page.write_text(fairness_results.PAGE.read_text())
    results.write_text(fairness_results.RESULTS.read_text())
    monkeypatch.setattr(fairness_results, "PAGE", page)
    monkeypatch.setattr(fairness_results, "RESULTS", results)
    waits = fairness.Waits(0.0123, 0.0046)
    suffered = fairness.Suffered(waits, waits, 7_400_000, 1, [])
    for name in ("pong flood", "a new one"):
        fairness_results.keep(name, fairness.kept(suffered, "2"))
    text = page.read_text()
    assert fairness_results.table(fairness_results.load()) in text
    row = "| 12 ms, cut off | 5 ms | 7 MB | 2 |\n"
    assert f"| pong flood | 3,571 ms | 2,095 ms | 1 MB {row}" in text
    assert f"| a new one |  |  |  {row}\n" in text
    assert text.count("\n| pong flood |") == 1


def test_a_row_with_postgresql_is_in_a_table_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, results = tmp_path / "page.md", tmp_path / "results.json"
    page.write_text(fairness_results.PAGE.read_text())
    results.write_text(fairness_results.RESULTS.read_text())
    monkeypatch.setattr(fairness_results, "PAGE", page)
    monkeypatch.setattr(fairness_results, "RESULTS", results)
    monkeypatch.setattr(fairness, "ALONE", 0.3)
    before = fairness_results.table(fairness_results.load())
    with running_postgres() as server:
        main(["pong flood", "--seconds", "0.3", "--keep", "--database", server.url()])
    assert "| pong flood | " in capsys.readouterr().out
    rows = fairness_results.load()
    assert fairness_results.postgres_table(rows) in page.read_text()
    assert "| pong flood | " in fairness_results.postgres_table(rows)
    assert fairness_results.table(rows) == before


def test_the_page_has_the_rows_that_are_kept() -> None:
    rows = fairness_results.load()
    page = fairness_results.PAGE.read_text()
    assert fairness_results.table(rows) in page
    assert fairness_results.postgres_table(rows) in page
    # Each can be measured again, by its name.
    assert rows.keys() <= {"nothing"} | {deed.name for deed in DEEDS}
    for name in rows:
        assert [deed.name for deed in chosen([name])] == [name]


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
