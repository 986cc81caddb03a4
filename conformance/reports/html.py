"""The report as one HTML file that needs no other file: no script, no font, no image."""

from __future__ import annotations

from html import escape

from conformance.case import Level
from conformance.reports.terminal import INCOMPLETE, summary
from conformance.verdict import Result, Run, Verdict

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1b1b1b; background: #fff }
h1, summary { overflow-wrap: anywhere }
.wide { overflow-x: auto; margin: 1rem 0 }
table { border-collapse: collapse }
th, td { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #ddd }
th:first-child, td:first-child { text-align: left }
td { white-space: nowrap }
details { border-left: .4rem solid #bbb; margin: .3rem 0; padding: .1rem .8rem }
details.pass { border-color: #2e7d32 } details.fail { border-color: #c62828 }
details.departure { border-color: #ef6c00 } details.not { border-color: #757575 }
summary { cursor: pointer } summary span { color: #666 }
dt { font-weight: 600 } dd { margin: 0 0 .4rem 0 } dd, li { overflow-wrap: anywhere }
pre { background: #f5f5f5; padding: .6rem; overflow-x: auto; font-size: 13px }
@media (max-width: 40rem) { body { margin: 1rem auto } th, td { padding: .2rem .4rem } }
@media (prefers-color-scheme: dark) { body { color: #eee; background: #181818 }
  a { color: #9cf } pre { background: #262626 } th, td { border-color: #444 }
  summary span { color: #aaa } }
"""


def render(run: Run) -> str:
    """Return the run as a page."""
    title = f"Conformance of {run.url}"
    timings = "".join(
        f"<p>{escape(side)}: a ping every {timings.ping_interval:g} s, {timings.ping_timeout:g} s "
        f"to answer it, payloads of up to {timings.max_payload} bytes.</p>\n"
        for side, timings in run.timings.items()
    )
    areas = "".join(_area(run, area) for area in run.areas)
    doubts = [*run.warnings, *([INCOMPLETE] if run.incomplete else [])]
    doubtful = "".join(f"<p><strong>{escape(doubt)}.</strong></p>\n" for doubt in doubts)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n"
        f"<p>{escape(summary(run))}, profile {escape(run.profile)}.</p>\n{doubtful}"
        f"{timings}{_failed(run)}{_table(run)}{areas}</body>\n</html>\n"
    )


def _failed(run: Run) -> str:
    """Return links to the failures, which stand among hundreds of passes."""
    lines = "".join(
        f'<li><a href="#{result.case.id}">{result.case.id}</a> {escape(result.seen)}</li>\n'
        for result in run.results
        if result.verdict is Verdict.FAIL
    )
    return f"<h2>Failed</h2>\n<ul>\n{lines}</ul>\n" if lines else ""


def _table(run: Run) -> str:
    head = "".join(f"<th>{level.value}</th>" for level in Level)
    rows = []
    for area in run.areas:
        cells = []
        for level in Level:
            passed = run.count(Verdict.PASS, area, level)
            of = run.ran(area, level)
            cells.append(f"<td>{f'{passed} of {of}' if of else ''}</td>")
        rows.append(f"<tr><td>{escape(area)}</td>{''.join(cells)}</tr>\n")
    return (
        f'<div class="wide"><table>\n<tr><th>passed of run</th>{head}</tr>\n'
        f"{''.join(rows)}</table></div>\n"
    )


def _area(run: Run, area: str) -> str:
    return f"<h2>{escape(area)}</h2>\n{''.join(map(_result, run.of_area(area)))}"


def _result(result: Result) -> str:
    case = result.case
    verdict = result.verdict.value
    fields = {
        "Rule": f"{case.section} ({case.level.value})",
        "Sent": case.sends,
        "Expected": case.expects,
        "Seen": result.seen,
        "Note": result.note,
    }
    terms = "".join(
        f"<dt>{name}</dt><dd>{escape(text)}</dd>\n" for name, text in fields.items() if text
    )
    transcript = f"<pre>{escape(result.transcript)}</pre>\n" if result.transcript else ""
    unfolded = " open" if result.verdict is Verdict.FAIL else ""
    return (
        f'<details id="{case.id}" class="{verdict}"{unfolded}><summary>{case.id} '
        f"<span>{escape(verdict)}</span> {escape(case.sends)}</summary>\n"
        f"<dl>\n{terms}</dl>\n{transcript}</details>\n"
    )
