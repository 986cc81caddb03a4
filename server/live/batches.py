"""Several events in one: `batch:update`. Each is handled as if it had come by itself, in order."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from server.api.errors import Code, EventError
from server.api.registry import Call
from server.api.types import Id, Payload, Record

MAX_UPDATES: Final = 100
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
    """Handle up to 100 events in their order, and answer with a result for each."""
    results: list[dict[str, Any]] = []
    for item in call.payload.updates:
        if item.event == _NAME:
            error = EventError(Code.VALIDATION_ERROR, "a batch holds no other batch")
            results.append({"ok": False, "error": error.data})
        else:
            arguments = [] if item.data is None else [item.data]
            results.append(
                await call.application.dispatcher.answer(call.socket, item.event, arguments)
            )
    return BatchResult(results)
