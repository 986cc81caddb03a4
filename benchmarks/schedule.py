"""Which runs there are, in which order, and how much time they have.

A whole measurement has to fit in a coffee break, or nobody makes one: it is planned for 15 minutes
on an idle machine, and what is left up to `repeat_until` goes to servers whose rounds disagree.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.loads import IDLE, IDLE_WEBSOCKET, Load
from benchmarks.peers import Peer

# What a run costs besides warming up and measuring, in seconds: to start the server and the
# generator, and to let each client connect.
AROUND = 1.0
A_CLIENT = 0.0004


@dataclass(frozen=True, slots=True)
class Settings:
    """How long and how often; times in seconds."""

    rounds: int
    # How many rounds more a server may have whose rounds do not agree.
    more_rounds: int
    # How long after the beginning the last of these may end.
    repeat_until: float
    seconds: float
    warm_up: float
    # That of servers that compile what they run often.
    compiling_warm_up: float
    idle_seconds: float
    # The most clients of any load.
    clients: int


FULL = Settings(
    rounds=3,
    more_rounds=3,
    repeat_until=17 * 60,
    seconds=1.5,
    warm_up=0.3,
    compiling_warm_up=1.2,
    idle_seconds=26.0,
    clients=10_000,
)
QUICK = Settings(
    rounds=1,
    more_rounds=0,
    repeat_until=0.0,
    seconds=0.4,
    warm_up=0.2,
    compiling_warm_up=0.5,
    idle_seconds=3.0,
    clients=1_000,
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One run of a load against a server."""

    load: Load
    peer: Peer

    def expected(self, settings: Settings) -> float:
        """Return roughly how many seconds it takes."""
        clients = min(self.load.clients, settings.clients)
        seconds = AROUND + A_CLIENT * clients
        if self.load in IDLE:
            # All servers idle at the same time; see `idle_time`.
            return seconds
        warm_up = settings.compiling_warm_up if self.peer.compiles else settings.warm_up
        return seconds + warm_up + settings.seconds


def idle_time(loads: Sequence[Load], settings: Settings) -> float:
    """Return how long the servers idle, in seconds."""
    return settings.idle_seconds if IDLE_WEBSOCKET in loads else 0.0


def planned(settings: Settings, loads: Sequence[Load], peers: Sequence[Peer]) -> Iterator[Turn]:
    """Yield the runs of all rounds; within each load the servers take turns."""
    for number in range(1, settings.rounds + 1):
        for load in loads:
            taking_part = [
                peer
                for peer in load.peers()
                if peer in peers and number <= load.rounds_of(peer, settings.rounds)
            ]
            yield from in_turns(load, taking_part, number)


def in_turns(load: Load, peers: Sequence[Peer], number: int) -> Iterator[Turn]:
    """Yield a round of a load, whose servers do not always follow the same one."""
    shift = number % len(peers) if peers else 0
    for peer in (*peers[shift:], *peers[:shift]):
        yield Turn(load, peer)


class Progress:
    """How much of the expected time is over, and how long the rest will take."""

    def __init__(self, expected: float) -> None:
        self._began = time.monotonic()
        self._expected = expected
        self._done = 0.0

    @property
    def elapsed(self) -> float:
        """Return the seconds since the beginning."""
        return time.monotonic() - self._began

    def plan(self, seconds: float) -> None:
        """Expect more."""
        self._expected += seconds

    def finish(self, seconds: float) -> None:
        """Note that something is over that was expected to take `seconds`."""
        self._done += seconds

    @property
    def left(self) -> float:
        """Return the seconds that the rest will take, if it is as slow as what is over."""
        rest = self._expected - self._done
        return rest * self.elapsed / self._done if self._done else rest

    def __str__(self) -> str:
        return f"{_clock(self.elapsed)}, {_clock(self.left)} left"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    return f"{minutes}:{rest:02}"
