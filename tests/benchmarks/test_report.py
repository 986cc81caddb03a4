"""The report says what was measured, the misses too.

Invariants:
- A ratio is the median of one server against the median of the other, and above 1 where this
  server needs less.
- A target that is missed is shown as missed; what was not measured or failed is shown as that.
- Every plot is well-formed and stands in the document.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks.figures import Results, figures
from benchmarks.generator import ROOT, Result
from benchmarks.loads import IDLE, LOADS, TARGETS
from benchmarks.peers import BUN, NEWEST, NODE, PEERS, PYTHON_SOCKETIO, THIS
from benchmarks.readme import README, with_figures
from benchmarks.report import instruction_section, write
from benchmarks.report_scale import scale_section
from benchmarks.run import chosen
from benchmarks.schedule import QUICK

RESULT = Result(
    load="echo",
    clients=100,
    units=100_000,
    seconds=1.0,
    total_units=130_000,
    sent=130_000,
    error="",
    latency_p50_us=100.0,
    latency_p99_us=200.0,
    server_seconds=1.0,
    generator_seconds=0.5,
    opened=100,
    opening_seconds=0.1,
    pings=0,
    server_rss_before=1_000_000,
    server_rss_after=2_000_000,
    server_rss_end=2_000_000,
)


def costing(microseconds: float) -> dict[str, Any]:
    return asdict(replace(RESULT, server_seconds=microseconds / 10))


def raw(results: dict[str, dict[str, list[dict[str, Any]]]]) -> dict[str, Any]:
    return {
        "date": "2026-01-01",
        "quick": False,
        "minutes": 12.3,
        "settings": asdict(QUICK),
        "machine": {"processor": "a processor"},
        "versions": {"Python": "3.11.0", "absent": ""},
        "missing": {},
        "problems": [],
        "results": results,
    }


def test_medians_and_spread() -> None:
    found = figures([Result(**costing(cost)) for cost in (12.0, 8.0, 10.0)])
    assert found.cost == pytest.approx(10)
    assert found.spread == pytest.approx(0.4)
    assert found.throughput == 100_000
    assert found.memory == 10_000
    assert (found.p50, found.p99, found.generator_share) == (100, 200, 0.5)


def test_a_ratio_is_of_medians() -> None:
    results = Results(
        raw({"echo": {NODE: [costing(c) for c in (30, 10, 20)], THIS: [costing(5)], BUN: []}})
    )
    assert results.cheaper("echo", THIS) == pytest.approx(4)
    assert results.cheaper("echo", NODE) == pytest.approx(1)
    assert results.cheaper("echo", BUN) is None
    assert results.cheaper("ack", THIS) is None
    assert results.failed == {"echo": [BUN]}


def test_the_best_host_of_python_socketio_counts() -> None:
    costs = zip(PYTHON_SOCKETIO, (90, 70, 80), strict=True)
    results = Results(raw({"echo": {name: [costing(cost)] for name, cost in costs}}))
    best = results.best_python_socketio("echo")
    assert best is not None
    assert best.cost == pytest.approx(70)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (25.0, "| **2.50** | aim reached |"),
        (24.9, "| **2.49** | reached |"),
        (17.0, "| **1.70** | reached |"),
        (16.9, "| **1.69** | **missed** |"),
    ],
)
def test_a_target_is_reached_or_missed(node: float, expected: str, tmp_path: Path) -> None:
    document = write(raw({"echo": {NODE: [costing(node)], THIS: [costing(10)]}}), tmp_path)
    rows = document.read_text().splitlines()
    [row] = [row for row in rows if row.startswith("| echo, 1 in flight |")]
    assert row.startswith("| echo, 1 in flight | 1.7 | 2.5 " + expected)
    [absent] = [row for row in rows if row.startswith("| chat |")]
    assert absent == "| chat | 15 | 40 |  | not measured |  |  |  | 12 | not measured |"


def test_beside_a_ratio_stand_those_of_the_rounds(tmp_path: Path) -> None:
    found = {
        NODE: [costing(cost) for cost in (20, 60, 30)],
        THIS: [costing(cost) for cost in (10, 10, 20, 5)],
    }
    rows = write(raw({"echo": found}), tmp_path).read_text().splitlines()
    [row] = [row for row in rows if row.startswith("| echo, 1 in flight |")]
    assert "| **3.00** | aim reached | 1.50 to 6.00 |" in row


@pytest.mark.parametrize(
    ("bun", "expected"),
    [(11.5, "| 1.15 | **1.15** reached |"), (11.4, "| 1.15 | **1.14** **missed** |")],
)
def test_the_ratio_to_bun_has_a_target_too(bun: float, expected: str, tmp_path: Path) -> None:
    document = write(raw({"echo": {BUN: [costing(bun)], THIS: [costing(10)]}}), tmp_path)
    [row] = [row for row in document.read_text().splitlines() if "| echo, 1 in flight |" in row]
    assert row.endswith(expected)


def test_async_handlers_are_compared_with_plain_ones(tmp_path: Path) -> None:
    found = {
        "echo": {THIS: [costing(10)], NEWEST: [costing(10)]},
        "echo-async": {THIS: [costing(13)]},
        "echo-8-async": {THIS: [costing(13)]},
    }
    rows = write(raw(found), tmp_path).read_text().splitlines()
    assert "| this, on uvloop | at most 1.4 | 1.30 |  |" in rows
    assert not any("at most 1.2" in row for row in rows)


def test_rounds_that_do_not_agree_are_unsteady(tmp_path: Path) -> None:
    found = {NODE: [costing(10), costing(14)], THIS: [costing(10), costing(13)]}
    results = raw({"echo": found})
    results["settings"]["rounds"] = 2
    rows = write(results, tmp_path).read_text().splitlines()
    shown = {
        row.split(" | ")[0].strip("|* "): row.split(" | ")[4] for row in rows if " % | " in row
    }
    assert shown == {"socket.io on Node": "33 %", "this, on uvloop": "26 %"}
    found[NODE][1] = costing(15)
    rows = write(results, tmp_path).read_text().splitlines()
    [row] = [row for row in rows if row.startswith("| socket.io on Node | ")]
    assert row.split(" | ")[4] == "40 %, unsteady"


def test_the_kernels_part_is_shown(tmp_path: Path) -> None:
    run = {**costing(10), "server_system_seconds": 0.75}
    rows = write(raw({"echo": {THIS: [run]}}), tmp_path).read_text().splitlines()
    [row] = [row for row in rows if row.startswith("| **this, on uvloop**")]
    assert row.split(" | ")[3] == "75 %"


@pytest.mark.parametrize(
    ("grown", "expected"),
    [
        (3_000, "| **3.0** | aim reached |"),
        (3_500, "| **3.5** | reached |"),
        (3_600, "| **3.6** | **missed** |"),
    ],
)
def test_memory_has_to_stay_below(grown: int, expected: str, tmp_path: Path) -> None:
    own = asdict(replace(RESULT, server_rss_after=1_000_000 + 100 * grown))
    node = asdict(replace(RESULT, server_rss_after=1_000_000 + 100 * 15_900))
    document = write(raw({"idle-websocket": {NODE: [node], THIS: [own]}}), tmp_path)
    [row] = [row for row in document.read_text().splitlines() if "| at most 3.5 |" in row]
    assert row.startswith("| an idle WebSocket, KB (Node 15.9) | at most 3.5 | 3 " + expected)


def test_a_process_without_clients_is_weighed_too(tmp_path: Path) -> None:
    own = asdict(replace(RESULT, server_rss_before=28_040_000))
    bun = asdict(replace(RESULT, server_rss_before=45_000_000))
    document = write(raw({"idle-websocket": {BUN: [bun], THIS: [own]}}), tmp_path)
    [row] = [row for row in document.read_text().splitlines() if "| at most 28 |" in row]
    assert row == (
        "| an idle process, MB | at most 28 | 24 | **28.0** | **missed** |  | 45.0 |  |  |  |"
    )


def test_what_could_not_be_measured_is_named(tmp_path: Path) -> None:
    results = raw({"echo": {THIS: [costing(10)]}})
    assert "Not everything" not in write(results, tmp_path).read_text()
    results["missing"] = {BUN: "it did not listen\nwithin 30 seconds"}
    results["problems"] = ["chat of node: nothing was answered"]
    document = write(results, tmp_path).read_text()
    assert (
        "Not everything could be measured:\n\n"
        "- socket.io on Bun: it did not listen within 30 seconds\n"
        "- chat of node: nothing was answered\n"
    ) in document


def test_the_kernels_part_of_each_load_stands_beside_the_servers_own(tmp_path: Path) -> None:
    found = {THIS: [{**costing(10), "server_system_seconds": 0.75}]}
    rows = write(raw({"echo": found}), tmp_path).read_text().splitlines()
    title = "Echo, 100 clients with 1 message in flight each"
    assert f"| {title} | 2.5 + 7.5 |  |  |  |" in rows


def test_a_whole_report_has_every_load_and_plot(tmp_path: Path) -> None:
    results = {
        load.name: {peer.name: [costing(10)] for peer in load.peers()} for load in (*LOADS, *IDLE)
    }
    results["echo"]["websockets"] = []
    document = write(raw(results), tmp_path).read_text()
    for load in LOADS:
        if load.name not in ("echo-1000", "echo-10000"):
            assert f"## {load.title}\n" in document
    for target in TARGETS:
        assert f"\n| {target.title}" in document
    assert "Failed: websockets alone." in document
    assert "Python 3.11.0." in document
    assert {path.name for path in (tmp_path / "performance").iterdir()} == {
        "targets.svg",
        "growth.svg",
        "memory.svg",
    }
    for path in (tmp_path / "performance").iterdir():
        assert f"](performance/{path.name})" in document
        root = ElementTree.fromstring(path.read_text())
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "NaN" not in path.read_text()


def test_the_instructions_of_each_python_are_shown() -> None:
    section = instruction_section({"3.11 plain": {"a": 1000, "b": 20}, "3.13 plain": {"b": 10}})
    assert section.splitlines()[-4:] == [
        "| case | 3.11 plain | 3.13 plain |",
        "| --- | --: | --: |",
        "| a | 1,000 |  |",
        "| b | 20 | 10 |",
    ]


def test_the_readme_has_the_figures_of_a_whole_measurement() -> None:
    text = README.read_text()
    found = {
        "echo": {NODE: [costing(49)], THIS: [costing(10)]},
        "fan-1000-burst": {NODE: [costing(80)], THIS: [costing(10)]},
        "chat": {NODE: [costing(219)], THIS: [costing(10)]},
    }
    written = " ".join(with_figures(text, Results(raw(found))).split())
    assert "it echoes 4 times the messages, delivers 8 times as many of a burst" in written
    assert "and 21 times as many in a busy chat" in written
    del found["chat"]
    assert with_figures(text, Results(raw(found))) == text
    with pytest.raises(ValueError, match="the sentence with the figures"):
        with_figures("another text", Results(raw(found)))


def test_growth_is_compared_with_the_first_row() -> None:
    assert scale_section({}) == ""
    found = {
        "echo": {"date": "2026-01-02", "rows": {"1,000 connections": 8.0, "9 connections": 12.0}},
        "ping": {"date": "2026-01-01", "rows": {"1,000 connections": 4.0}},
        "rooms": {"date": "2026-01-02", "rows": {"few rooms": 10.0, "many rooms": 11.0}},
    }
    lines = scale_section(found).splitlines()
    assert "|  | echo | ping and its pong |" in lines
    assert "| 1,000 connections | 8 | 4 |" in lines
    assert "| 9 connections | 12 (1.50) |  |" in lines
    assert lines[-5:-1] == ["| --- | --: |", "| few rooms | 10 |", "| many rooms | 11 (1.10) |", ""]
    assert lines[-1] == "Measured on 2026-01-01 and 2026-01-02."


def test_a_load_that_nobody_has_is_refused() -> None:
    assert chosen(None, ["a", "b"], "load") == ["a", "b"]
    assert chosen("b", ["a", "b"], "load") == ["b"]
    with pytest.raises(SystemExit, match="there is no load c, d; there are a, b"):
        chosen("d,a,c", ["a", "b"], "load")


def test_this_server_can_be_measured_from_the_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.run", "--quick", "--output", str(tmp_path)]
    command += ["--peers", "this,this-asyncio", "--only", "echo,polling,idle-polling"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads((tmp_path / "results.json").read_text())
    measured = {load: sorted(peers) for load, peers in found["results"].items()}
    assert measured == {
        "echo": ["this", "this-asyncio"],
        "polling": ["this", "this-asyncio"],
        "idle-polling": ["this"],
    }
    results = [Result(**run) for load in found["results"].values() for [run] in load.values()]
    assert {result.error for result in results} == {""}
    for result in results:
        assert result.opened == result.clients
        if result.load != "idle":
            assert result.server_seconds > 0
    assert {peer.name for peer in PEERS} > {"this", "this-asyncio"}
    assert "A quick run" in (tmp_path / "performance.md").read_text()
