"""The events with which a client tests its connection: `test:ping` and `test:event`."""

from __future__ import annotations

from typing import Any, Final

from server.registry import Call

MAX_ECHO: Final = 65_536
"""Bytes that `test:event` sends back."""


def ping(call: Call) -> None:
    """Answer with `test:pong {message}`."""
    call.reply("test:pong", {"message": "pong"}, priority="low")


def echo(call: Call) -> dict[str, Any]:
    """Answer with `test:response` and whatever came, untouched.

    A `userId` in it is part of what is echoed and declares nothing.
    """
    call.reply("test:response", call.payload, priority="low")
    return {"data": call.payload}
