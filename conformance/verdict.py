"""What came out of a case, and out of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from conformance.case import AREAS, Case, Level
from conformance.offer import Timings


class Verdict(Enum):
    """The four outcomes; a departure is a failure that the chosen profile documents."""

    PASS = "pass"
    FAIL = "fail"
    DEPARTURE = "departure"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one case.

    seen: what the server did. note: why it is a departure or was not run. seconds: how long it
    took. transcript: what went over the wire, kept unless the case passed.
    """

    case: Case
    verdict: Verdict
    seen: str = ""
    note: str = ""
    seconds: float = 0.0
    transcript: str = ""


@dataclass(slots=True)
class Run:
    """All results of one server, in the order of the cases.

    timings: what the handshake of each side told. incomplete: whether cases were left out for a
    reason other than the tool's patience. warnings: what casts doubt on the results.
    """

    url: str
    profile: str
    timings: dict[str, Timings] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)
    seconds: float = 0.0
    incomplete: bool = False
    warnings: list[str] = field(default_factory=list)

    def count(self, verdict: Verdict, area: str | None = None, level: Level | None = None) -> int:
        """Return how many results have a verdict, in an area and at a level if these are given."""
        return sum(
            result.verdict is verdict
            and (area is None or result.case.area == area)
            and (level is None or result.case.level is level)
            for result in self.results
        )

    def ran(self, area: str | None = None, level: Level | None = None) -> int:
        """Return how many cases were run, in an area and at a level if these are given."""
        verdicts = (Verdict.PASS, Verdict.FAIL, Verdict.DEPARTURE)
        return sum(self.count(verdict, area, level) for verdict in verdicts)

    def of_area(self, area: str) -> list[Result]:
        """Return the results of an area."""
        return [result for result in self.results if result.case.area == area]

    @property
    def areas(self) -> list[str]:
        """Return the areas that have results, in order."""
        present = {result.case.area for result in self.results}
        return [area for area in AREAS.values() if area in present]

    @property
    def passed(self) -> bool:
        """Return whether nothing failed and nothing had to be left out."""
        return self.count(Verdict.FAIL) == 0 and not self.incomplete
