"""The report as JSON, for programs."""

from __future__ import annotations

import json

from conformance.verdict import Run, Verdict

VERSION = 1


def render(run: Run) -> str:
    """Return the run as a JSON document; `version` changes when a field changes its meaning."""
    document = {
        "version": VERSION,
        "url": run.url,
        "profile": run.profile,
        "seconds": round(run.seconds, 3),
        "passed": run.passed,
        "incomplete": run.incomplete,
        "warnings": run.warnings,
        "counts": {verdict.value: run.count(verdict) for verdict in Verdict},
        "timings": {
            side: {
                "pingInterval": timings.ping_interval,
                "pingTimeout": timings.ping_timeout,
                "maxPayload": timings.max_payload,
            }
            for side, timings in run.timings.items()
        },
        "cases": [
            {
                "id": result.case.id,
                "area": result.case.area,
                "section": result.case.section,
                "level": result.case.level.value,
                "suite": result.case.suite,
                "sends": result.case.sends,
                "expects": result.case.expects,
                "verdict": result.verdict.value,
                "seen": result.seen,
                "note": result.note,
                "seconds": round(result.seconds, 3),
                "transcript": result.transcript.split("\n") if result.transcript else [],
            }
            for result in run.results
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
