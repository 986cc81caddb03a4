"""The way of an event: look it up, check it, find out who acts, call its handler, answer.

    payload ─► identity ─► rate ─► access ─► handler ─► {ok: true, …}
       └───────────┴─────────┴────────┴─────────┴─────► {ok: false, error}

The answer goes into the acknowledgement if the client asked for one. If not, a failure is sent as
an event, `auth:error`, `room:error` or `error`, and a success needs none.

The events of one socket are handled one after the other, in the order in which they were sent, even
where a handler waits for the disk: a client may join a project and lock a file without waiting in
between. Those of different sockets do not wait for each other.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from server.api.announcements import Announcement
from server.api.errors import Code, EventError, stopping
from server.api.identity import Identity, identity_of
from server.api.receivers import RECEIVERS
from server.api.records import Role, User
from server.api.registry import Access, EventSpec
from server.api.services import Call, Services
from server.api.socket_announcements import AuthFailed, Failed, RoomFailed
from server.api.types import Metadata, Record
from server.events import EVENTS
from server.projects import projects

if TYPE_CHECKING:
    from socketio_min import Socket

logger = logging.getLogger("server")

_TURN: Final = "turn"
_LONGEST_NAME: Final = 64
_INTERNAL: Final = EventError(
    Code.INTERNAL_ERROR, "the server failed to handle the event; its log says why"
)
_ROLES: Final = {
    Access.VIEWER: Role.VIEWER,
    Access.EDITOR: Role.EDITOR,
    Access.OWNER: Role.OWNER,
}


class Dispatcher:
    """Takes the events of an application's clients."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def receive(
        self, socket: Socket, event: str, args: list[Any], acknowledged: bool
    ) -> dict[str, Any]:
        """Take an event. Return its acknowledgement."""
        begun = time.perf_counter()
        turn: asyncio.Lock = socket.data.setdefault(_TURN, asyncio.Lock())
        self._in_flight += 1
        self._idle.clear()
        try:
            async with turn:
                answer = await self.answer(socket, event, args)
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()
        if not answer["ok"] and not acknowledged:
            self._send_failure(socket, event, args, answer["error"])
        if logger.isEnabledFor(logging.INFO):
            _log(socket, event, answer, time.perf_counter() - begun)
        return answer

    async def answer(self, socket: Socket, event: str, args: Sequence[Any]) -> dict[str, Any]:
        """Handle an event in the turn of its socket. Return what an acknowledgement says."""
        try:
            return {"ok": True, **await self._perform(socket, event, args)}
        except EventError as error:
            return {"ok": False, "error": error.data}
        except Exception:
            # The client is told no more than that.
            logger.exception("the handler of %r failed", event)
            return {"ok": False, "error": _INTERNAL.data}

    async def drained(self) -> None:
        """Wait until all events that came in are handled."""
        await self._idle.wait()

    async def _perform(self, socket: Socket, event: str, args: Sequence[Any]) -> dict[str, Any]:
        if self._services.stopping:
            raise stopping()
        spec = EVENTS.get(event)
        if spec is None:
            raise EventError(Code.VALIDATION_ERROR, f"{event!r} is no event of this server")
        payload = spec.read(args)
        user = identity_of(socket).user
        if user is not None and (wait := self._services.rates.spend(user.id, RECEIVERS, 0)):
            await asyncio.sleep(wait)
        self._services.auth.expire(socket)
        declared = payload.user_id if spec.is_object and payload.declares_user else None
        guest = None
        if spec.access is not Access.ANYBODY and identity_of(socket).user is None:
            raise EventError(
                Code.UNAUTHORIZED, "log in first, with auth:login or with a session's id"
            )
        if declared is not None:
            guest = self._declare(socket, declared)
        identity = identity_of(socket)
        call: Call[Any] = Call(
            services=self._services,
            socket=socket,
            identity=identity,
            payload=payload,
            correlation_id=_correlation_id(args),
        )
        if guest is not None:
            projects.change_user(call, guest)
        self._services.rates.take(_payer(socket, identity, spec), spec.rate)
        await self._check_role(call, spec)
        result = spec.handler(call)
        if inspect.isawaitable(result):
            result = await result
        if isinstance(result, Record):
            # Binary data stays what it is: it travels as an attachment.
            result = msgspec.to_builtins(result, builtin_types=(bytes,))
        return dict(result or {})

    def _declare(self, socket: Socket, user_id: str) -> Identity | None:
        """Let the socket say who it is. If it was a guest, and is a user now, return the guest."""
        before = identity_of(socket)
        if before.user is None:
            return None
        if user_id == before.user.id:
            self._services.sockets.identify(socket, replace(before, declared=True))
            return None
        if before.declared:
            raise EventError(
                Code.FORBIDDEN,
                f"this connection acts as {before.user.id!r} and cannot act as {user_id!r}: "
                "leave out userId, or open another connection",
            )
        user = self._services.directory.user(user_id)
        self._services.sockets.check_connection_limit(socket, user_id)
        self._services.sockets.identify(socket, Identity(user, declared=True))
        return before

    async def _check_role(self, call: Call[Any], spec: EventSpec) -> None:
        needed = _ROLES.get(spec.access)
        project_id: str | None = getattr(call.payload, "project_id", None)
        if needed is None or project_id is None:
            return
        services, user_id = self._services, call.user.id
        role = services.directory.role(project_id, user_id)
        if role is None or not role.includes(needed):
            await services.node.catch_up(project_id, user_id)
            role = services.directory.role(project_id, user_id)
        if role is None:
            # This is also the answer for a project that exists and that the user may not see.
            raise EventError(Code.NOT_FOUND, f"project {project_id!r}: no such project")
        if not role.includes(needed):
            raise EventError(
                Code.FORBIDDEN,
                f"project {project_id!r}: {spec.name} takes the role {needed.value}, "
                f"yours is {role.value}",
            )

    def _send_failure(
        self, socket: Socket, event: str, args: Sequence[Any], error: dict[str, Any]
    ) -> None:
        spec = EVENTS.get(event)
        user: User | None = identity_of(socket).user
        announcement = _failure(event, "error" if spec is None else spec.failure, error)
        told = announcement.arguments(
            user_id=None if user is None else user.id, correlation_id=_correlation_id(args)
        )
        socket.emit(*told)


def _payer(socket: Socket, identity: Identity, spec: EventSpec) -> str:
    """Return the user, address or connection whose tokens an event takes."""
    if spec.rate.of_connection:
        return socket.id
    return socket.handshake.address if identity.user is None else identity.user.id


def _log(socket: Socket, event: str, answer: dict[str, Any], seconds: float) -> None:
    user = identity_of(socket).user
    fields = {
        "event": event[:_LONGEST_NAME],
        "user": None if user is None else user.id,
        "socket": socket.id,
        "outcome": "ok" if answer["ok"] else answer["error"]["code"],
        "milliseconds": round(seconds * 1_000, 3),
    }
    logger.info("event", extra={"fields": fields})


def _failure(event: str, kind: str, error: dict[str, Any]) -> Announcement:
    fields = {**error, "cause": event}
    if kind == "auth:error":
        return AuthFailed(**fields)
    if kind == "room:error":
        return RoomFailed(error=error["message"], **fields)
    return Failed(**fields)


def _correlation_id(args: Sequence[Any]) -> str | None:
    """Return the correlation id of an event, also of an invalid one: it tells which event was
    refused.
    """
    try:
        return msgspec.convert(args[0]["metadata"], Metadata).correlation_id
    except (msgspec.ValidationError, LookupError, TypeError, UnicodeEncodeError):
        return None
