"""The figures of each server under each load, out of raw results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.generator import Result
from benchmarks.loads import Load
from benchmarks.peers import NODE, PEERS, PYTHON_SOCKETIO
from benchmarks.steadiness import spread

TITLES = {peer.name: peer.title for peer in PEERS}
BY_NAME = {peer.name: peer for peer in PEERS}


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians over the rounds of one server under one load; `spread` is of the cost, and `costs`
    has that of each round.
    """

    costs: tuple[float, ...]
    throughput: float
    cost: float
    spread: float
    kernel_share: float
    p50: float
    p99: float
    memory: float
    process: float
    idle_share: float
    generator_share: float


def figures(runs: Sequence[Result]) -> Figures:
    """Return medians; the spread is the range divided by the median."""
    costs = tuple(run.cost for run in runs)

    def middle(value: Callable[[Result], float]) -> float:
        return median(value(run) for run in runs)

    def share(run: Result, seconds: float) -> float:
        return seconds / run.seconds if run.seconds else 0.0

    return Figures(
        costs,
        middle(lambda run: run.throughput),
        middle(lambda run: run.cost),
        spread(costs),
        middle(lambda run: run.kernel_share),
        middle(lambda run: run.latency_p50_us),
        middle(lambda run: run.latency_p99_us),
        middle(lambda run: run.memory),
        middle(lambda run: run.server_rss_before),
        middle(lambda run: share(run, run.server_seconds)),
        middle(lambda run: share(run, run.generator_seconds)),
    )


class Results:
    """All figures, and the ratios between them."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self._figures = {
            load: {
                peer: figures([Result(**run) for run in runs])
                for peer, runs in peers.items()
                if runs
            }
            for load, peers in raw["results"].items()
        }
        self.failed = {
            load: [peer for peer, runs in peers.items() if not runs]
            for load, peers in raw["results"].items()
        }

    def get(self, load: str, peer: str) -> Figures | None:
        """Return the figures of a server, None when it was not measured."""
        return self._figures.get(load, {}).get(peer)

    def rounds(self, load: Load, peer: str) -> int:
        """Return how many rounds of a server under a load have to agree."""
        planned: int = self.raw["settings"]["rounds"]
        return load.rounds_of(BY_NAME[peer], planned)

    def measured(self, load: str) -> list[tuple[str, Figures]]:
        """Return every server measured under a load, in the order of the peers."""
        found = self._figures.get(load, {})
        return [(peer.name, found[peer.name]) for peer in PEERS if peer.name in found]

    def best_python_socketio(
        self, load: str, value: Callable[[Figures], float] = lambda f: f.cost
    ) -> Figures | None:
        """Return python-socketio's host that does best here: the least `value`."""
        found = [f for name in PYTHON_SOCKETIO if (f := self.get(load, name)) is not None]
        return min(found, key=value, default=None)

    def cheaper(self, load: str, peer: str, than: str = NODE, its_load: str = "") -> float | None:
        """Return how many times less CPU a unit a server needs than another."""
        own, other = self.get(load, peer), self.get(its_load or load, than)
        return None if own is None or other is None else ratio(other.cost, own.cost)

    def cheaper_by_round(self, load: str, peer: str, its_load: str = "") -> list[float]:
        """Return `cheaper` against Node for each round: the machine was the same for both then."""
        own, node = self.get(load, peer), self.get(its_load or load, NODE)
        if own is None or node is None:
            return []
        found = (ratio(other, one) for one, other in zip(own.costs, node.costs, strict=False))
        return [value for value in found if value is not None]


def ratio(one: float, other: float) -> float | None:
    """Return a ratio, None where a figure is missing or was too small to be measured."""
    return one / other if 0 < one < float("inf") and 0 < other < float("inf") else None
