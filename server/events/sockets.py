"""What a client may send about its own connection: its rooms, batches and tests."""

from __future__ import annotations

from typing import Any, Final

from server.api.registry import Access, EventSpec
from server.api.types import Payload
from server.live import batches, diagnostics
from server.projects import rooms

SOCKETS: Final = (
    EventSpec(
        name="room:join",
        payload=rooms.RoomPayload,
        handler=rooms.join,
        result=rooms.RoomResult,
        failure="room:error",
    ),
    EventSpec(
        name="room:leave",
        payload=rooms.RoomPayload,
        handler=rooms.leave,
        result=rooms.RoomResult,
        failure="room:error",
    ),
    EventSpec(
        name="room:leaveAll",
        payload=Payload,
        handler=rooms.leave_all,
        result=rooms.RoomsResult,
        failure="room:error",
    ),
    EventSpec(
        name="batch:update",
        payload=batches.BatchPayload,
        handler=batches.update,
        result=batches.BatchResult,
    ),
    EventSpec(name="test:ping", payload=Payload, handler=diagnostics.ping, access=Access.ANYBODY),
    EventSpec(
        name="test:event",
        payload=Any,
        handler=diagnostics.echo,
        result=diagnostics.EchoResult,
        access=Access.ANYBODY,
    ),
)
