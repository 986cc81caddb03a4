"""`answers.py` with literals: heads, their date, and what is kept of them."""

from __future__ import annotations

import time

import pytest

from engineio_min import UsageError
from engineio_min.http.answers import KEPT_STARTS, AnswerHeads, header_lines


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still at the time in the list."""
    now = [784111777.9]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


# The date of RFC 9110, section 5.6.7.
DATE = b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"


def test_a_head() -> None:
    head = AnswerHeads().make(200, [("A", "b"), ("C", "d")], 5, keep_alive=True)
    assert head == b"HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n" + DATE + b"Content-Length: 5\r\n\r\n"


def test_the_last_answer_of_a_connection() -> None:
    head = AnswerHeads().make(503, (), 0, keep_alive=False)
    assert head == (
        b"HTTP/1.1 503 Service Unavailable\r\n"
        + DATE
        + b"Connection: close\r\nContent-Length: 0\r\n\r\n"
    )


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_tells_no_length(status: int) -> None:
    assert b"Content-Length" not in AnswerHeads().make(status, (), 0, keep_alive=True)


def test_a_refusal_tells_its_reason() -> None:
    assert AnswerHeads().refusal(408, "too late") == (
        b"HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain; charset=utf-8\r\n"
        + DATE
        + b"Connection: close\r\nContent-Length: 8\r\n\r\ntoo late"
    )


def test_the_date_changes_with_the_second(clock: list[float]) -> None:
    heads = AnswerHeads()
    heads.make(200, (), 0, keep_alive=True)
    clock[0] += 0.2
    assert b"08:49:38" in heads.make(200, (), 0, keep_alive=True)


def test_a_bounded_number_of_starts_is_kept() -> None:
    heads = AnswerHeads()
    for number in range(3 * KEPT_STARTS):
        heads.make(200, [("Number", str(number))], 0, keep_alive=True)
        assert len(heads._starts) <= KEPT_STARTS
    assert b"Number: 1\r\n" in heads.make(200, [("Number", "1")], 0, keep_alive=True)


def test_a_header_cannot_end_its_line() -> None:
    with pytest.raises(UsageError, match="control character"):
        header_lines([("A", "b\r\nC: d")])
    with pytest.raises(UsageError, match="control character"):
        AnswerHeads().make(200, [("A\n", "b")], 0, keep_alive=True)
