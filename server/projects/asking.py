"""Asking for a file that somebody edits alone: `lock:ask`, `lock:answer`, `lock:withdraw`.

The holder hands the lock over or keeps it. Handing over is one step: nobody else gets the file in
between, and what the holder has typed is saved before.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from server.api.errors import Code, EventError
from server.api.file_announcements import FileLocked, FileUnlocked, LockAnswered, LockAsked
from server.api.paths import normal
from server.api.records import About, FilePlace, Lock, LockOutcome, LockRequest, Role
from server.api.registry import Call
from server.api.services import Services
from server.api.types import Id, Path, ProjectPayload, Record
from server.people import notifications
from server.people.access import project_room
from server.projects.lock_requests import Asked
from server.store.held_locks import Held, refusal

_OUTCOMES: Final[dict[str, LockOutcome]] = {"hand-over": "handed-over", "keep": "kept"}


class LockAskPayload(ProjectPayload, frozen=True, kw_only=True):
    """Which file to ask for."""

    file_path: Path


class LockAskResult(Record, frozen=True):
    """The request."""

    request: LockRequest


class LockAnswerPayload(ProjectPayload, frozen=True, kw_only=True):
    """Which request, and whether the lock is handed over."""

    request_id: Id
    answer: Literal["hand-over", "keep"]


class LockAnswerResult(Record, frozen=True):
    """What became of the request; `lock` is the asker's, if it was handed over."""

    request_id: str
    outcome: LockOutcome
    lock: Lock | None = None


class LockWithdrawPayload(ProjectPayload, frozen=True, kw_only=True):
    """Which request of one's own."""

    request_id: Id


async def ask(call: Call[LockAskPayload]) -> LockAskResult:
    """Ask whoever holds a file exclusively to hand it over; the answer comes as `lock:answered`.

    The holder is notified. The request ends after a minute, or when either leaves.
    """
    payload, services = call.payload, call.services
    path = normal(payload.file_path)
    held = await services.locks.exclusive(payload.project_id, path)
    if held is None:
        raise EventError(
            Code.NOT_FOUND, f"file {path!r}: nobody holds it alone, so lock it with file:lock"
        )
    if held.orphaned or held.user == call.user:
        # Whoever is away answers nothing, and oneself needs not be asked.
        raise refusal(held)
    call.check_connected()
    asked, is_new = services.lock_requests.ask(held, call.user, call.socket.id)
    request = asked.record(path)
    if is_new:
        # Before anything is waited for: it may end meanwhile.
        holders = [socket.id for socket in services.sockets.of_user(held.user.id)]
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
    """Hand over the lock that one is asked for, or keep it."""
    payload, services = call.payload, call.services
    project_id = payload.project_id

    async def find() -> tuple[Asked, Held]:
        asked = services.lock_requests.find(project_id, payload.request_id, call.user.id)
        held = await services.locks.of_token(project_id, asked.token)
        if held is None or held.user != call.user:
            raise EventError(Code.FORBIDDEN, "only the holder of the lock answers")
        return asked, held

    asked, held = await find()
    if payload.answer == "keep":
        services.lock_requests.close(asked)
        return _answered(call, asked, held.path, None, payload.answer)
    # Whoever gets it reads it as it is. Meanwhile either may have left.
    await services.saver.save((project_id, held.path))
    asked, held = await find()
    role = services.directory.role(project_id, asked.user.id)
    if role is None or not role.includes(Role.EDITOR):
        services.lock_requests.end(asked, "ended")
        raise EventError(
            Code.FORBIDDEN, f"{asked.user.name} may not change files of the project any more"
        )
    services.lock_requests.close(asked)
    handed = await services.locks.hand_over(held, asked.user, asked.socket_id)
    room = project_room(project_id)
    call.tell_others(room, FileUnlocked(held.path, held.token), project_id=project_id)
    call.tell_others(room, FileLocked(handed.record), project_id=project_id)
    return _answered(call, asked, held.path, handed.record, payload.answer)


def withdraw(call: Call[LockWithdrawPayload]) -> None:
    """Ask no more."""
    payload, requests = call.payload, call.services.lock_requests
    asked = requests.find(payload.project_id, payload.request_id, call.user.id)
    if asked.user != call.user:
        raise EventError(Code.FORBIDDEN, "only whoever asks withdraws a request")
    requests.end(asked, "withdrawn")


def tell_ended(services: Services, asked: Asked, outcome: LockOutcome) -> None:
    """Tell the asker and the holder of a request that has ended without an answer."""
    ended = LockAnswered(request_id=asked.id, outcome=outcome)
    services.tell(_hearing(services, asked), ended, project_id=asked.project_id)


def _answered(
    call: Call[Any], asked: Asked, path: str, lock: Lock | None, answer: str
) -> LockAnswerResult:
    outcome = _OUTCOMES[answer]
    announcement = LockAnswered(
        request_id=asked.id, outcome=outcome, file_path=path, user=call.user, lock=lock
    )
    call.tell_others(_hearing(call.services, asked), announcement, project_id=asked.project_id)
    return LockAnswerResult(asked.id, outcome, lock)


def _hearing(services: Services, asked: Asked) -> list[str]:
    holders = services.sockets.of_user(asked.holder.id)
    return [asked.socket_id, *(socket.id for socket in holders)]
