"""What goes wrong, in one hierarchy."""

from __future__ import annotations

from typing import Any, Final

FAILURES: Final = ("INTERNAL_ERROR", "STORAGE_ERROR")
"""Codes of refusals because the server could not do it now: the same may succeed later."""
LIMIT: Final = "RATE_LIMIT_EXCEEDED"
"""The code of refusals of too much; the details have `retryAfter` where waiting is all it takes."""


class SDKError(Exception):
    """Base of every error of the SDK."""


class Refused(SDKError):
    """The server refused an event: `code` is one of the API's, such as "FORBIDDEN"."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code: str = error["code"]
        self.details: dict[str, Any] | None = error.get("details")


class Unreachable(SDKError):
    """The server cannot be reached, is gone, or did not answer in time."""


class SessionEnded(SDKError):
    """The program has logged out, or in as another user, before all was done that it had begun."""


def may_pass(error: SDKError) -> bool:
    """Return whether what the server has done before may succeed again: it cannot do it now, has
    too much of something, or did not answer.
    """
    if isinstance(error, Refused):
        return error.code in (*FAILURES, LIMIT)
    return isinstance(error, Unreachable)


def result_of(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what an acknowledgement says beside `ok`.

    Raises:
        Refused: it says that the event was refused.
    """
    if not answer["ok"]:
        raise Refused(answer["error"])
    return {name: value for name, value in answer.items() if name != "ok"}
