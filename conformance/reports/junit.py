"""The report as JUnit XML, which continuous integration services show."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from conformance.verdict import Result, Run, Verdict

# The characters that XML 1.0 does not allow, not even as references.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(run: Run) -> str:
    """Return the run as XML, a suite for an area; departures and cases not run are skipped."""
    suites = [_suite(run, area) for area in run.areas]
    skipped = run.count(Verdict.NOT_RUN) + run.count(Verdict.DEPARTURE)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<testsuites name={_attribute(run.url)} "
        f'tests="{len(run.results)}" failures="{run.count(Verdict.FAIL)}" skipped="{skipped}" '
        f'time="{run.seconds:.3f}">\n{"".join(suites)}</testsuites>\n'
    )


def _suite(run: Run, area: str) -> str:
    results = run.of_area(area)
    skipped = run.count(Verdict.NOT_RUN, area) + run.count(Verdict.DEPARTURE, area)
    seconds = sum(result.seconds for result in results)
    return (
        f'<testsuite name={_attribute(area)} tests="{len(results)}" '
        f'failures="{run.count(Verdict.FAIL, area)}" skipped="{skipped}" time="{seconds:.3f}">\n'
        f"{''.join(map(_case, results))}</testsuite>\n"
    )


def _case(result: Result) -> str:
    case = result.case
    name = f"{case.id} {case.sends}"
    head = (
        f"<testcase classname={_attribute(case.area)} name={_attribute(name)} "
        f'time="{result.seconds:.3f}"'
    )
    if result.verdict is Verdict.PASS:
        return f"{head}/>\n"
    if result.verdict is Verdict.FAIL:
        text = (
            f"rule: {case.section}\nsent: {case.sends}\nexpected: {case.expects}\n"
            f"seen: {result.seen}\n\n{result.transcript}"
        )
        body = (
            f"<failure type={_attribute(case.level.value)} message={_attribute(result.seen)}>"
            f"{escape(_clean(text))}</failure>"
        )
    else:
        body = f"<skipped message={_attribute(f'{result.verdict.value}: {result.note}')}/>"
    return f"{head}>{body}</testcase>\n"


def _attribute(text: str) -> str:
    return quoteattr(_clean(text))


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("�", text)
