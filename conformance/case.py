"""What a case is, and the register of all cases.

A case is a small asynchronous function with the decorator `case`. Its docstring has two paragraphs,
which the reports show: what is sent, and what is expected. It fails by raising `CaseFailed`, which
the functions of `expectations` do.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from conformance.context import Context
from conformance.offer import ENGINE, SOCKET

Run = Callable[[Context], Awaitable[None]]

# The beginnings of the ids, in the order of the reports.
AREAS = {
    "EIO-OPEN": "Handshake",
    "EIO-POLL": "Long-polling",
    "EIO-LOAD": "Malformed payloads",
    "EIO-RACE": "Overlapping requests",
    "EIO-WS": "WebSocket",
    "EIO-FRAME": "WebSocket framing",
    "EIO-UPG": "Upgrade",
    "EIO-BEAT": "Heartbeat",
    "EIO-CLOSE": "Close",
    "EIO-CORS": "CORS",
    "EIO-LIMIT": "Limits",
    "EIO-HTTP": "Malformed HTTP",
    "SIO-ENGINE": "Engine.IO under Socket.IO",
    "SIO-CONN": "CONNECT",
    "SIO-NSP": "Namespaces",
    "SIO-EVENT": "Events",
    "SIO-ACK": "Acknowledgements",
    "SIO-BIN": "Binary",
    "SIO-BAD": "Malformed packets",
    "SIO-HARD": "Endurance",
}

_ID = re.compile(r"([A-Z]+-[A-Z]+)-\d{3}")


class Level(Enum):
    """What a failure means."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    INTEROP = "interoperability"
    ROBUSTNESS = "robustness"


MUST, SHOULD, INTEROP, ROBUSTNESS = Level


class Phase(Enum):
    """When a case runs: beside all others, beside others that wait for timers, or alone."""

    TOGETHER = "together"
    TIMED = "timed"
    ALONE = "alone"


@dataclass(frozen=True, slots=True)
class Needs:
    """How long a case takes: the sum of so many ping intervals, ping timeouts, connect timeouts and
    upgrade timeouts. If that is too long for a slow server, the case is not begun.
    """

    intervals: float = 0
    timeouts: float = 0
    connects: float = 0
    upgrades: float = 0


@dataclass(frozen=True, slots=True)
class Case:
    """One check of one rule.

    section: the rule, such as a section of a specification. sends, expects: texts for reports.
    suite: whether the official suites check the same.
    """

    id: str
    section: str
    level: Level
    sends: str
    expects: str
    run: Run
    phase: Phase = Phase.TOGETHER
    needs: Needs = Needs()
    suite: bool = False

    @property
    def side(self) -> str:
        """Return which of the two servers the case is for: `ENGINE` or `SOCKET`."""
        return ENGINE if self.id.startswith("EIO") else SOCKET

    @property
    def area(self) -> str:
        """Return the area's name."""
        return AREAS[self.id.rpartition("-")[0]]


_cases: dict[str, Case] = {}


def register(case: Case) -> None:
    """Add a case.

    Raises:
        ValueError: its id is malformed or taken, or a text is missing.
    """
    found = _ID.fullmatch(case.id)
    if found is None or found[1] not in AREAS or case.id in _cases:
        raise ValueError(f"got the case id {case.id!r}, expected a new one such as EIO-POLL-001")
    if not (case.sends and case.expects and case.section):
        raise ValueError(f"{case.id} does not say what is sent, what is expected, or by what rule")
    _cases[case.id] = case


def case(
    id: str,  # noqa: A002 - the word everybody uses
    section: str,
    level: Level,
    *,
    twin: str | None = None,
    phase: Phase = Phase.TOGETHER,
    needs: Needs = Needs(),
    suite: bool = False,
) -> Callable[[Run], Run]:
    """Return a decorator that registers a function as a case.

    `twin` is the id of a second case, which checks the same on the path of the Socket.IO server.
    """

    def decorate(run: Run) -> Run:
        sends, _, expects = inspect.cleandoc(run.__doc__ or "").partition("\n\n")
        for identity in filter(None, (id, twin)):
            register(
                Case(
                    id=identity,
                    section=section,
                    level=level,
                    sends=" ".join(sends.split()),
                    expects=" ".join(expects.split()),
                    run=run,
                    phase=phase,
                    needs=needs,
                    suite=suite,
                )
            )
        return run

    return decorate


def registered() -> list[Case]:
    """Return the cases that are registered, in the order of the areas."""
    order = list(AREAS)
    return sorted(_cases.values(), key=lambda one: (order.index(one.id.rpartition("-")[0]), one.id))
