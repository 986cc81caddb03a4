"""The log's formats."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime, timedelta, timezone

from server.api.envelope import envelope, timestamp
from server.logs import JsonFormatter, TextFormatter


def test_a_record_is_one_line_of_json() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.LogRecord(
            "server", logging.ERROR, "a.py", 1, "it broke: %s", ("a\nb",), sys.exc_info()
        )
    record.created = 1_700_000_000.1239
    record.fields = {"user": "ada"}
    line = JsonFormatter().format(record)
    assert "\n" not in line
    values = json.loads(line)
    assert "ValueError: two\nlines" in values.pop("exception")
    assert values == {
        "time": "2023-11-14T22:13:20.123Z",
        "level": "error",
        "logger": "server",
        "message": "it broke: a\nb",
        "user": "ada",
    }


def test_a_record_is_one_line_of_text() -> None:
    record = logging.LogRecord(
        "server", logging.ERROR, "a.py", 1, "gone: %s", ("a\n2026 ERROR\x1b[2J\x9b",), None
    )
    record.fields = {"event": "b\n\x1b"}
    line = TextFormatter().format(record)
    assert line.isprintable()
    assert line.endswith(r'ERROR server: gone: a\x0a2026 ERROR\x1b[2J\x9b event="b\n\u001b"')


def test_times_are_utc_with_milliseconds() -> None:
    moment = datetime(2024, 1, 2, 3, 4, 5, 6_999, tzinfo=UTC)
    assert timestamp(moment) == "2024-01-02T03:04:05.006Z"
    assert timestamp(moment.astimezone(timezone(timedelta(hours=2)))) == timestamp(moment)


def test_an_envelope_has_no_empty_fields() -> None:
    made = envelope("a")
    del made["timestamp"]
    assert made == {"event": "a", "metadata": {"source": "server", "priority": "medium"}}
