"""How an event fails: a stable code, a message for people, details for programs."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final


class Code(enum.StrEnum):
    """The codes of failures; clients compare them, so they never change."""

    UNAUTHORIZED = "UNAUTHORIZED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    VALIDATION_ERROR = "VALIDATION_ERROR"
    RATE_LIMIT_EXCEEDED = "RATE_LIMIT_EXCEEDED"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    FILE_LOCKED = "FILE_LOCKED"
    INVALID_FILE_PATH = "INVALID_FILE_PATH"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    AI_SERVICE_ERROR = "AI_SERVICE_ERROR"
    STORAGE_ERROR = "STORAGE_ERROR"


class EventError(Exception):
    """Raised by a handler, or on the way to it, to refuse an event; the client is told all of it.

    `details` holds JSON values.
    """

    def __init__(self, code: Code, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details

    @property
    def data(self) -> dict[str, Any]:
        """Return the `error` of an acknowledgement: `{code, message, details?}`."""
        data: dict[str, Any] = {"code": self.code.value, "message": self.message}
        if self.details is not None:
            data["details"] = dict(self.details)
        return data


def stopping() -> EventError:
    """Return the refusal of what comes while the server stops."""
    return EventError(Code.INTERNAL_ERROR, "the server is stopping: connect again")


BUSY_SECONDS: Final = 1
"""Seconds after which a client may try again what the server has too much to do for."""


def too_busy(message: str) -> EventError:
    """Return the error for what the server has too much to do for at the moment.

    Its details have `retryAfter`, in seconds. The error for somebody who has too much of something
    has none: waiting does not help there.
    """
    return EventError(Code.RATE_LIMIT_EXCEEDED, message, {"retryAfter": BUSY_SECONDS})
