"""schedule.py: a whole measurement takes turns, and fits in its time.

Invariants:
- Every server that takes part in a load has as many rounds as are planned for both.
- A whole measurement is planned for less than 16 minutes.
"""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.loads import IDLE, LOADS
from benchmarks.peers import BUN, NODE, PEERS, THIS
from benchmarks.schedule import FULL, QUICK, Progress, Turn, idle_time, in_turns, planned

BY_NAME = {load.name: load for load in (*LOADS, *IDLE)}
PEER = {peer.name: peer for peer in PEERS}


def test_nobody_always_follows_the_same_server() -> None:
    peers = [PEER[name] for name in (NODE, BUN, THIS)]
    orders = [[turn.peer.name for turn in in_turns(LOADS[0], peers, n)] for n in (1, 2, 3)]
    assert orders == [[BUN, THIS, NODE], [THIS, NODE, BUN], [NODE, BUN, THIS]]
    assert list(in_turns(LOADS[0], [], 1)) == []


def test_each_server_has_its_rounds() -> None:
    loads = [BY_NAME[name] for name in ("echo", "echo-1000", "echo-10000", "echo-8-async")]
    found = Counter((turn.load.name, turn.peer.name) for turn in planned(FULL, loads, PEERS))
    assert found["echo", THIS] == 3
    assert found["echo", "python-socketio-granian"] == 2
    assert found["echo-1000", THIS] == 2
    assert found["echo-10000", THIS] == 1
    assert found["echo-8-async", "python-socketio-uvicorn"] == 0
    assert {turn.peer.name for turn in planned(FULL, loads, [PEER[BUN]])} == {BUN}


def test_a_whole_measurement_fits_in_its_time() -> None:
    turns = [*planned(FULL, LOADS, PEERS), *(Turn(load, p) for load in IDLE for p in load.peers())]
    seconds = sum(turn.expected(FULL) for turn in turns) + idle_time(IDLE, FULL)
    assert seconds < 16 * 60
    assert seconds < FULL.repeat_until <= 17 * 60


def test_a_turn_takes_its_clients_time_too() -> None:
    this, node = PEER[THIS], PEER[NODE]
    assert Turn(BY_NAME["echo"], this).expected(FULL) == pytest.approx(1.0 + 0.04 + 0.3 + 1.5)
    assert Turn(BY_NAME["echo-1000"], node).expected(FULL) == pytest.approx(1.0 + 0.4 + 1.2 + 1.5)
    assert Turn(IDLE[0], this).expected(QUICK) == pytest.approx(1.4)
    assert idle_time([], FULL) == 0


def test_the_rest_is_as_slow_as_what_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("benchmarks.schedule.time.monotonic", lambda: now)
    progress = Progress(60.0)
    assert str(progress) == "0:00, 1:00 left"
    now = 120.0
    progress.finish(10.0)
    assert (progress.elapsed, progress.left) == (20.0, 100.0)
    progress.plan(30.0)
    assert str(progress) == "0:20, 2:40 left"
