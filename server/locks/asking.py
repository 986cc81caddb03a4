"""Asking for a file that somebody has locked: `lock:ask`, `lock:answer`, `lock:withdraw`.

The holder hands the lock over or keeps it. Handing over is one step: nobody else gets the file in
between, and what the holder has typed is saved before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

import msgspec

from server.api import node_events
from server.api.announcements import Announcement
from server.api.errors import Code, EventError
from server.api.file_announcements import FileLocked, FileUnlocked, LockAnswered, LockAsked
from server.api.paths import normal
from server.api.records import About, FilePlace, Lock, LockOutcome, LockRequest, Role, User
from server.api.services import Call, Services
from server.api.types import Id, Path, ProjectPayload, Record
from server.locks.lock_requests import Asked, unknown
from server.people import notifications
from server.people.room_access import project_room, sockets_room
from server.store.lock_rules import Held, refusal
from socketio_min import AcknowledgementTimeout

_ELSEWHERE_SECONDS: Final = 2.0
"""Seconds that another node has to carry out an answer."""
Answer = Literal["hand-over", "keep"]


class LockAskPayload(ProjectPayload, frozen=True, kw_only=True):
    """Which file to ask for."""

    file_path: Path


class LockAskResult(Record, frozen=True):
    """The request."""

    request: LockRequest


class LockAnswerPayload(ProjectPayload, frozen=True, kw_only=True):
    """Which request is answered, and whether the lock is handed over."""

    request_id: Id
    answer: Answer


class LockAnswerResult(Record, frozen=True):
    """What became of the request; `lock` is the asker's, if it was handed over."""

    request_id: str
    outcome: LockOutcome
    lock: Lock | None = None


class _Error(msgspec.Struct, frozen=True):
    """Why a node refuses an answer."""

    code: Code
    message: str
    details: dict[str, Any] | None = None


class _Told(msgspec.Struct, frozen=True):
    """What a node tells another node of an answer: that it has carried it out, or why it refuses
    it.
    """

    result: LockAnswerResult | None = None
    error: _Error | None = None


class _Settled(NamedTuple):
    """A request for the lock `held` that was answered. `lock` is the asker's, if it was handed
    over.
    """

    asked: Asked
    held: Held
    lock: Lock | None
    outcome: LockOutcome

    @property
    def result(self) -> LockAnswerResult:
        """Return what the user who has answered is told."""
        return LockAnswerResult(self.asked.id, self.outcome, self.lock)


class LockWithdrawPayload(ProjectPayload, frozen=True, kw_only=True):
    """Which of the user's own requests."""

    request_id: Id


async def ask(call: Call[LockAskPayload]) -> LockAskResult:
    """Ask whoever holds a file exclusively to hand it over; the answer comes as `lock:answered`.

    The holder is notified. The request ends after a minute, or when the asker or the holder leaves.
    """
    payload, services = call.payload, call.services
    path = normal(payload.file_path)
    held = await services.locks.exclusive(payload.project_id, path)
    if held is None:
        raise EventError(
            Code.NOT_FOUND, f"file {path!r}: nobody holds it alone, so lock it with file:lock"
        )
    if held.orphaned or held.user == call.user:
        # A holder who is away cannot answer, and nobody needs to ask themselves.
        raise refusal(held)
    call.check_connected()
    asked, is_new = services.lock_requests.ask(held, call.user, call.socket.id)
    request = asked.record(path)
    if is_new:
        # Before anything is waited for: the lock may end meanwhile.
        holders = sockets_room(held.user.id)
        call.tell(holders, LockAsked(request=request), project_id=payload.project_id)
        about = About("lock", place=FilePlace(path), request_id=asked.id, user=call.user)
        notice = notifications.personal(
            held.user.id,
            "lock",
            f"{call.user.name} asks for {path}",
            "You edit it alone: hand it over, or keep it",
            payload.project_id,
            about,
        )
        await call.store.notices.add([notice])
        notifications.deliver(services, notice)
    return LockAskResult(request)


async def answer(call: Call[LockAnswerPayload]) -> LockAnswerResult:
    """Hand over the lock that the user is asked for, or keep it."""
    payload, services = call.payload, call.services
    if not services.lock_requests.has(payload.request_id):
        return await _answered_elsewhere(call)
    settled = await _settle(
        services, payload.project_id, payload.request_id, call.user, payload.answer
    )
    for rooms, announcement in _news(settled, call.user):
        # The lock may be that of another connection of the user, or of this one.
        tell = call.tell if isinstance(announcement, FileUnlocked) else call.tell_others
        tell(rooms, announcement, project_id=payload.project_id)
    return settled.result


async def answer_for_other(
    services: Services, project_id: str, request_id: str, user: User, answer: Answer
) -> dict[str, Any] | None:
    """Carry out what a holder on another node has answered to a request of a client of this node.
    Return the result or the error; None if there is no such request here.
    """
    if not services.lock_requests.has(request_id):
        return None
    try:
        settled = await _settle(services, project_id, request_id, user, answer)
    except EventError as error:
        return {"error": error.data}
    for rooms, announcement in _news(settled, user):
        services.tell(rooms, announcement, user_id=user.id, project_id=project_id)
    return {"result": msgspec.to_builtins(settled.result)}


async def _answered_elsewhere(call: Call[LockAnswerPayload]) -> LockAnswerResult:
    """Let the node whose client asks carry out the answer.

    Raises:
        EventError: no node knows the request (`NOT_FOUND`), or that node refuses.
    """
    payload, services = call.payload, call.services
    try:
        told = await services.io.server_side_call(
            node_events.LOCK_ANSWER,
            *(payload.project_id, payload.request_id, call.user.id, payload.answer),
            timeout=_ELSEWHERE_SECONDS,
        )
    except AcknowledgementTimeout as late:
        told = list(late.responses)
    for one in told:
        # A node of another version may answer something else: then it knows of nothing.
        with contextlib.suppress(msgspec.ValidationError):
            found = msgspec.convert(one or {}, _Told)
            if found.error is not None:
                error = found.error
                raise EventError(error.code, error.message, error.details)
            if found.result is not None:
                return found.result
    raise unknown(payload.request_id)


async def _settle(
    services: Services, project_id: str, request_id: str, user: User, answer: Answer
) -> _Settled:
    """Hand the lock over, or close the request without that.

    Raises:
        EventError: the request has ended (`NOT_FOUND`), the lock is not the user's, or the asker
            may not have it (`FORBIDDEN`).
    """

    async def find() -> tuple[Asked, Held]:
        asked = services.lock_requests.find(project_id, request_id, user.id)
        held = await services.locks.of_token(project_id, asked.token)
        if held is None or held.user.id != user.id:
            raise EventError(Code.FORBIDDEN, "only the holder of the lock answers")
        return asked, held

    asked, held = await find()
    if answer == "keep":
        services.lock_requests.close(asked)
        return _Settled(asked, held, None, "kept")
    # The asker will read the file as it is. Meanwhile the asker or the holder may have left.
    await services.saver.save((project_id, held.path), user.id)
    asked, held = await find()
    role = services.directory.role(project_id, asked.user.id)
    if role is None or not role.includes(Role.EDITOR):
        services.lock_requests.end(asked, "ended")
        raise EventError(
            Code.FORBIDDEN, f"{asked.user.name!r} may not change files of the project any more"
        )
    services.lock_requests.close(asked)
    handed = await services.locks.hand_over(held, asked.user, asked.socket_id)
    return _Settled(asked, held, handed.record, "handed-over")


def withdraw(call: Call[LockWithdrawPayload]) -> None:
    """Withdraw a request."""
    payload, requests = call.payload, call.services.lock_requests
    asked = requests.find(payload.project_id, payload.request_id, call.user.id)
    if asked.user != call.user:
        raise EventError(Code.FORBIDDEN, "only whoever asks withdraws a request")
    requests.end(asked, "withdrawn")


def tell_ended(services: Services, asked: Asked, outcome: LockOutcome) -> None:
    """Tell the asker and the holder of a request that has ended without an answer."""
    ended = LockAnswered(request_id=asked.id, outcome=outcome)
    services.tell(_hearing(asked), ended, project_id=asked.project_id)


def _news(settled: _Settled, user: User) -> Iterator[tuple[str | list[str], Announcement]]:
    """Yield the rooms and sockets that hear of the answer of this user, with what they hear."""
    asked, held, lock = settled.asked, settled.held, settled.lock
    if lock is not None:
        room = project_room(asked.project_id)
        yield [room, held.socket_id], FileUnlocked(held.path, held.token)
        yield room, FileLocked(lock)
    answered = LockAnswered(
        request_id=asked.id, outcome=settled.outcome, file_path=held.path, user=user, lock=lock
    )
    yield _hearing(asked), answered


def _hearing(asked: Asked) -> list[str]:
    return [asked.socket_id, sockets_room(asked.holder.id)]
