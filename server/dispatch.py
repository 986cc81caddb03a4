"""One event's way: look it up, check it, say who acts, let its handler act, answer.

    payload ─► identity ─► access to the project ─► handler ─► {ok: true, …}
       └───────────┴────────────────┴─────────────────┴──────► {ok: false, error}

The answer goes into the acknowledgement if the client asked for one. If not, a failure is sent as
an event, `room:error` or `error`, and a success needs none.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from server import identity, projects
from server.access import may_join, project_room
from server.envelope import envelope
from server.errors import Code, EventError
from server.events import EVENTS
from server.registry import METADATA, Call
from server.schema import Fields

if TYPE_CHECKING:
    from server.application import Application
    from socketio_min import Socket

logger = logging.getLogger("server")

_INTERNAL = EventError(
    Code.INTERNAL_ERROR, "the server failed to handle the event; its log says why"
)


class Dispatcher:
    """Takes the events of an application's clients."""

    __slots__ = ("_application",)

    def __init__(self, application: Application) -> None:
        self._application = application

    def receive(
        self, socket: Socket, event: str, args: list[Any], acknowledged: bool
    ) -> dict[str, Any]:
        """Take an event; returns its acknowledgement."""
        try:
            return {"ok": True, **self._perform(socket, event, args)}
        except EventError as error:
            return _fail(socket, event, args, acknowledged, error)
        except Exception:
            # The client learns no more than that.
            logger.exception("the handler of %r failed", event)
            return _fail(socket, event, args, acknowledged, _INTERNAL)

    def _perform(self, socket: Socket, event: str, args: list[Any]) -> dict[str, Any]:
        spec = EVENTS.get(event)
        if spec is None:
            raise EventError(Code.VALIDATION_ERROR, f"{event!r} is no event of this server")
        payload = spec.read(args)
        fields = payload if isinstance(spec.payload, Fields) else {}
        guest = None
        if "userId" in fields:
            guest = identity.declare(socket, fields["userId"])
        call = Call(
            application=self._application,
            socket=socket,
            user=identity.acting_user(socket),
            payload=payload,
            correlation_id=_correlation_id(args),
        )
        if guest is not None:
            projects.change_user(call, guest)
        if spec.needs_project:
            _check_project(call)
        return dict(spec.handler(call) or {})


def _check_project(call: Call) -> None:
    project_id = call.payload.get("projectId")
    if project_id is not None and not may_join(call.user, project_room(project_id)):
        # Also for a project that exists but is not the user's to see.
        raise EventError(Code.NOT_FOUND, f"project {project_id!r}: no such project")


def _fail(
    socket: Socket, event: str, args: list[Any], acknowledged: bool, error: EventError
) -> dict[str, Any]:
    if not acknowledged:
        _send_failure(socket, event, args, error)
    return {"ok": False, "error": error.data}


def _send_failure(socket: Socket, event: str, args: list[Any], error: EventError) -> None:
    spec = EVENTS.get(event)
    data: dict[str, Any] = {**error.data, "event": event}
    name = "error" if spec is None else spec.failure
    if name == "room:error":
        data["error"] = error.message
    wrapped = envelope(
        name,
        user_id=identity.acting_user(socket).id,
        priority="high",
        correlation_id=_correlation_id(args),
    )
    socket.emit(name, data, wrapped)


def _correlation_id(args: list[Any]) -> str | None:
    """The correlation id, of invalid payloads too: it tells the client which one was refused."""
    try:
        metadata = METADATA.check(args[0]["metadata"], "$")
    except (EventError, LookupError, TypeError):
        return None
    correlation_id: str | None = metadata.get("correlationId")
    return correlation_id
