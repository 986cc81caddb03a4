"""The report on a terminal: progress during the run, then failures, and a table."""

from __future__ import annotations

import textwrap
from typing import TextIO

from conformance.case import Level
from conformance.verdict import Result, Run, Verdict

WIDTH = 100

INCOMPLETE = "incomplete: the server lacks what cases need, or it ended; the exit code is 1"


class Terminal:
    """Writes the report to `stream`; if that is a terminal, the last line shows the progress.

    `total` is the number of cases. Without `details` there are no transcripts.
    """

    def __init__(self, stream: TextIO, total: int, *, details: bool = True) -> None:
        self._stream = stream
        self._total = total
        self._details = details
        self._done: dict[str, Verdict] = {}
        self._watched = stream.isatty()

    def result(self, result: Result) -> None:
        """Note a result; a second one for the same case replaces the first."""
        self._done[result.case.id] = result.verdict
        if self._watched:
            failed = sum(verdict is Verdict.FAIL for verdict in self._done.values())
            self._stream.write(
                f"\r\x1b[K{len(self._done)}/{self._total} cases, {failed} failed"
                f"  {result.case.id} {result.verdict.value}"
            )
            self._stream.flush()

    def finish(self, run: Run) -> None:
        """Write what failed, what was not run, and the table."""
        if self._watched:
            self._stream.write("\r\x1b[K")
        write = self._stream.write
        for verdict in (Verdict.FAIL, Verdict.DEPARTURE):
            for result in run.results:
                if result.verdict is verdict:
                    write(describe(result, details=self._details) + "\n")
        not_run: dict[str, list[str]] = {}
        for result in run.results:
            if result.verdict is Verdict.NOT_RUN:
                not_run.setdefault(result.note, []).append(result.case.id)
        for note, ids in not_run.items():
            listed = f"{', '.join(ids[:12])}{', …' if len(ids) > 12 else ''} ({len(ids)})"
            write(_paragraph("not run", f"{listed}: {note}") + "\n")
        unsteady = [r for r in run.results if r.verdict is Verdict.PASS and r.note]
        for result in unsteady:
            write(_paragraph("unsteady", f"{result.case.id}: {result.note}") + "\n")
        write("\n" + table(run) + "\n\n" + summary(run) + "\n")
        for warning in run.warnings:
            write(_paragraph("warning", warning) + "\n")
        if run.incomplete:
            write(INCOMPLETE + "\n")
        self._stream.flush()


def describe(result: Result, *, details: bool) -> str:
    """Return one result in full."""
    case = result.case
    lines = [f"{result.verdict.value.upper()}  {case.id}  {case.area}, {case.level.value}"]
    lines += [
        _paragraph("  rule", case.section),
        _paragraph("  sent", case.sends),
        _paragraph("  expected", case.expects),
        _paragraph("  seen", result.seen),
    ]
    if result.note:
        lines.append(_paragraph("  note", result.note))
    if details and result.transcript:
        lines += [f"    {line}" for line in result.transcript.split("\n")]
    return "\n".join(lines) + "\n"


def _paragraph(label: str, text: str) -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=f"{label:<12}",
        subsequent_indent=" " * 12,
        break_long_words=False,
        break_on_hyphens=False,
    )


def table(run: Run) -> str:
    """Return how many of the cases that ran have passed, by area and level."""
    lines = [f"{'passed of run':<26}" + "".join(f"{level.value:>18}" for level in Level)]
    for area in [*run.areas, None]:
        cells = []
        for level in Level:
            passed = run.count(Verdict.PASS, area, level)
            of = run.ran(area, level)
            cells.append(f"{f'{passed}/{of}' if of else '':>18}")
        lines.append(f"{area or 'all':<26}" + "".join(cells))
    return "\n".join(lines)


def summary(run: Run) -> str:
    """Return the last line."""
    counts = {verdict: run.count(verdict) for verdict in Verdict}
    parts = [f"{counts[Verdict.PASS]} passed", f"{counts[Verdict.FAIL]} failed"]
    if counts[Verdict.DEPARTURE]:
        parts.append(f"{counts[Verdict.DEPARTURE]} departures known of {run.profile}")
    if counts[Verdict.NOT_RUN]:
        parts.append(f"{counts[Verdict.NOT_RUN]} not run")
    return f"{', '.join(parts)} in {run.seconds:.1f} s"
