"""The result of a case, and of a run of all cases."""

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

    seen: what the server did. note: why the failure is excused, or why the case was not run.
    seconds: how long the case took. transcript: what went over the wire, if the case failed.
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

    timings: the numbers of each side's handshake. seconds: how long the run took. incomplete:
    whether cases were left out for another reason than the tool's patience. warnings: why the
    results may be wrong.
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
