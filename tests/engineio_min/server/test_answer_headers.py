"""answer_headers.py: what is added to an answer, of a handshake and of others."""

from __future__ import annotations

import pytest

from engineio_min.options import ServerOptions
from engineio_min.request import Request
from engineio_min.server.answer_headers import AnswerHeaders
from engineio_min.server.origins import Origins

REQUEST = Request("GET", "/", {"host": "a", "origin": "http://b"}, "10.0.0.1")
OWN = (("Content-Type", "text/plain"),)


def adding(**options: object) -> AnswerHeaders:
    made = ServerOptions(**options)  # type: ignore[arg-type]
    return AnswerHeaders(made, Origins(made, {}))


def test_nothing_is_added_unless_an_option_says_so() -> None:
    assert adding().add(REQUEST, OWN, None) is OWN
    assert adding().add(REQUEST, OWN, None, initial=True) == [*OWN]


def test_the_hooks_of_a_handshake_and_of_every_answer() -> None:
    headers = adding(
        initial_headers=lambda added, _request: added.append(("X-First", "1")),
        headers=lambda added, request: added.append(("X-From", request.client)),
    )
    every = ("X-From", "10.0.0.1")
    assert headers.add(REQUEST, OWN, None) == [*OWN, every]
    assert headers.add(REQUEST, OWN, None, initial=True) == [*OWN, ("X-First", "1"), every]


def test_what_cors_tells_the_browser() -> None:
    added = dict(adding(cors="http://b").add(REQUEST, (), None))
    assert added["Access-Control-Allow-Origin"] == "http://b"


def test_a_hook_that_writes_a_line_break_adds_nothing(caplog: pytest.LogCaptureFixture) -> None:
    headers = adding(headers=lambda added, _request: added.append(("X", "a\r\nSet-Cookie: b")))
    assert headers.add(REQUEST, OWN, None) == [*OWN]
    assert "a hook for headers failed" in caplog.text
