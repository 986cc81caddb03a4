"""errors.py: what a refusal says to the client, and what to the log."""

from __future__ import annotations

from engineio_min.errors import Code, ConnectionFailed, Forbidden, ProtocolError, RequestRefused


def test_a_refusal_keeps_its_cause_from_the_client() -> None:
    refused = RequestRefused(Code.SESSION_ID_UNKNOWN, "got the id of no open session")
    assert (refused.code, refused.status, refused.message) == (1, 400, "Session ID unknown")
    assert str(refused) == "Session ID unknown (code 1): got the id of no open session"
    assert isinstance(refused, ProtocolError)


def test_a_hook_refuses_with_words_of_its_own() -> None:
    assert (Forbidden().code, Forbidden().status, Forbidden().message) == (4, 403, "Forbidden")
    assert Forbidden("no ticket").message == "no ticket"


def test_a_failure_without_an_answer_has_no_status() -> None:
    assert ConnectionFailed("refused", status=503).status == 503
    assert ConnectionFailed("nobody there").status is None
