"""The events with which a client tests its connection: `test:ping` and `test:event`."""

from __future__ import annotations

from typing import Any, Final

from server.api.services import Call
from server.api.socket_announcements import Pong, TestResponse
from server.api.types import Payload, Record
from server.api.validation import describe, invalid
from server.api.weights import encoded_size, weight

MAX_ECHO: Final = 65_536
"""Bytes that `test:event` sends back."""
MAX_VALUES: Final = 1_000
"""Values that `test:event` sends back, those inside of others included."""


class EchoResult(Record, frozen=True):
    """What came."""

    data: Any


def ping(call: Call[Payload]) -> None:
    """Test the connection; answered with `test:pong`."""
    call.reply(Pong(message="pong"))


def echo(call: Call[Any]) -> EchoResult:
    """Test the connection with any value; answered with `test:response` and the same value.

    A `userId` in it is part of what is echoed and declares nothing.
    """
    size, whole = weight(call.payload, MAX_VALUES)
    # Only what is known to be short is looked at more closely.
    if not whole or size > 2 * MAX_ECHO or encoded_size(call.payload) > MAX_ECHO:
        got = describe(call.payload)
        raise invalid(
            "$",
            f"is {got}, expected a value of at most {MAX_ECHO} bytes and {MAX_VALUES} values",
        )
    call.reply(TestResponse(call.payload))
    return EchoResult(call.payload)
