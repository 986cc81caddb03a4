"""What a case is, and the register of all of them.

A case is a small coroutine with a decorator. Its docstring has two paragraphs, which the reports
show: what is sent, and what is expected. It fails by raising `CaseFailed`, best through the
`expect...` helpers, and returns nothing.
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
    """When a case runs: beside others; beside others that only wait; or with nothing beside it."""

    TOGETHER = "together"
    TIMED = "timed"
    ALONE = "alone"


@dataclass(frozen=True, slots=True)
class Needs:
    """How long a case takes, so that a slow server's cases are not begun in vain.

    The sum of these many ping intervals, ping timeouts, connect timeouts and upgrade timeouts.
    """

    intervals: float = 0
    timeouts: float = 0
    connects: float = 0
    upgrades: float = 0


@dataclass(frozen=True, slots=True)
class Case:
    """One check."""

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
        """Return which of the two servers the case needs."""
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
    """Register a coroutine as a case.

    `twin` is the id under which the same is checked on the Socket.IO server's path; `suite` marks
    what the official suites check as well.
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
