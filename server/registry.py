"""What an event of the API is, and what its handler is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from server.envelope import Priority, envelope
from server.identity import User
from server.schema import Fields, Kind, Name, invalid
from socketio_min import Socket

if TYPE_CHECKING:
    from server.application import Application

METADATA: Final = Fields(optional={"correlationId": Name()})


@dataclass(frozen=True, slots=True)
class Call:
    """One event from a client, checked, with who sent it.

    `payload` has the declared fields only.
    """

    application: Application
    socket: Socket
    user: User
    payload: Any
    correlation_id: str | None

    def reply(
        self, event: str, data: Any, *, project_id: str | None = None, priority: Priority = "medium"
    ) -> None:
        """Send an event to the client itself."""
        wrapped = envelope(
            event,
            user_id=self.user.id,
            project_id=project_id,
            priority=priority,
            correlation_id=self.correlation_id,
        )
        self.socket.emit(event, data, wrapped)

    def tell_others(
        self, room: str, event: str, data: Any, *, project_id: str, priority: Priority = "medium"
    ) -> None:
        """Send an event about what this client did to the others in `room`."""
        wrapped = envelope(
            event,
            user_id=self.user.id,
            project_id=project_id,
            source="client",
            priority=priority,
            correlation_id=self.correlation_id,
        )
        self.socket.to(room).emit(event, data, wrapped)


Handler = Callable[[Call], Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSpec:
    """A row of the table of events.

    payload: the one argument; no argument and null count as `{}` if it is an object.
    handler: returns what the acknowledgement says beside `ok`.
    needs_project: the user must be allowed into the project `projectId`, where it is given.
    failure: the event that reports a failure to a client that asked for no acknowledgement.
    """

    name: str
    payload: Kind
    handler: Handler
    needs_project: bool = False
    failure: Literal["error", "room:error"] = field(default="error")

    def read(self, args: list[Any]) -> Any:
        """The checked payload.

        Raises:
            EventError: the arguments are not what the event takes (`VALIDATION_ERROR`).
        """
        if len(args) > 1:
            raise invalid("$", f"is {len(args)} arguments, expected one payload")
        value = args[0] if args else None
        if value is None and isinstance(self.payload, Fields):
            value = {}
        return self.payload.check(value, "$")


def payload(
    required: Mapping[str, Kind] | None = None, optional: Mapping[str, Kind] | None = None
) -> Fields:
    """An object with these fields and the two that every payload may have: `userId`, `metadata`."""
    fields = dict(required or {})
    common: dict[str, Kind] = {"userId": Name(), "metadata": METADATA}
    return Fields(
        required=fields,
        optional={
            **{name: kind for name, kind in common.items() if name not in fields},
            **(optional or {}),
        },
    )
