"""Several events in one: `batch:update`. Each is handled as if it had come by itself, in order.

Other tasks have their turns between two of the events. The answers of all events have a budget. A
request of some kilobytes may ask for a large part of a file with each of its events, and all
answers are encoded as one packet, during which the loop does nothing else.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from server.api.errors import Code, EventError
from server.api.services import Call
from server.api.types import Id, Payload, Record
from server.api.weights import weight

MAX_UPDATES: Final = 100
MAX_ANSWER: Final = 262_144
"""Weight of all results but the last one. Events after that are not handled.

The most that a batch answers is this and a part of a file: 3 ms of the loop where every character
is one that JSON escapes (2 MB), and 0.3 ms otherwise.
"""
_MAX_VALUES: Final = 10_000
_NAME: Final = "batch:update"


class BatchItem(msgspec.Struct, frozen=True, rename="camel"):
    """One event with its payload."""

    event: Id
    data: Any = None


class BatchPayload(Payload, frozen=True, kw_only=True):
    """The events."""

    updates: Annotated[list[BatchItem], Meta(max_length=MAX_UPDATES)]


class BatchResult(Record, frozen=True):
    """What each event's acknowledgement would have said."""

    results: list[dict[str, Any]]


async def update(call: Call[BatchPayload]) -> BatchResult:
    """Handle up to 100 events in their order, and answer with a result for each.

    Once the results have 262,144 bytes, the rest is refused (`RATE_LIMIT_EXCEEDED`).
    """
    results: list[dict[str, Any]] = []
    size = 0
    for item in call.payload.updates:
        if size >= MAX_ANSWER:
            error = EventError(
                Code.RATE_LIMIT_EXCEEDED,
                f"the results before have {MAX_ANSWER} bytes, the most of a batch: "
                "send this event in the next one",
            )
            results.append({"ok": False, "error": error.data})
        elif item.event == _NAME:
            error = EventError(Code.VALIDATION_ERROR, "a batch holds no other batch")
            results.append({"ok": False, "error": error.data})
        else:
            arguments = [] if item.data is None else [item.data]
            result = await call.services.dispatcher.answer(call.socket, item.event, arguments)
            results.append(result)
            size += _size(result)
            await asyncio.sleep(0)
    return BatchResult(results)


def _size(result: dict[str, Any]) -> int:
    """Return the weight of a result. A result of more values than are counted weighs all of the
    budget.
    """
    size, whole = weight(result, _MAX_VALUES)
    return size if whole else MAX_ANSWER
