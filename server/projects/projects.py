"""Projects: `project:create`, `list`, `update`, `delete`, and being in one: `join`.

`user:joined` and `user:left` are about users, not sockets: the others hear of a user's first and
last socket in the project. It makes no difference how a socket enters or leaves: by `project:join`,
by `room:join`, by signing in or out, or by disconnecting.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, Literal

import msgspec

from server.api import node_events
from server.api.envelope import timestamp
from server.api.errors import Code, EventError
from server.api.file_announcements import FileUnlocked
from server.api.identity import Identity
from server.api.people_announcements import (
    ProjectCreated,
    ProjectDeleted,
    ProjectUpdated,
    UserJoined,
    UserLeft,
)
from server.api.records import (
    Answer,
    Assistant,
    ChatMessage,
    File,
    Lock,
    Member,
    Presence,
    Project,
    ProjectType,
    Role,
    User,
)
from server.api.services import Call
from server.api.types import Id, Line, Note, PagePayload, Payload, ProjectPayload, Record
from server.api.validation import read
from server.live import presence
from server.live.typing import stop_typing
from server.locks import lock_news, locking
from server.people.room_access import (
    check_room_limit,
    project_room,
    projects_of,
    sockets_room,
    user_room,
)
from server.projects.files import FILES
from server.store import conversations
from server.store.lock_rules import Held
from socketio_min import Socket

PROJECTS: Final = 100
"""Projects that one answer lists: each has up to a hundred members."""


class ProjectCreatePayload(Payload, frozen=True, kw_only=True):
    """What a new project is.

    `key` is its maker's own name for it. A project with the same `key` is not made twice, so it can
    be asked for again when no acknowledgement came.
    """

    name: Line
    description: Note = ""
    type: ProjectType = "other"
    key: Id | None = None


class ProjectUpdate(msgspec.Struct, frozen=True, rename="camel"):
    """A field of a project and its new value."""

    type: Literal["name", "description", "type"]
    value: Note


class ProjectUpdatePayload(ProjectPayload, frozen=True, kw_only=True):
    """What changes in a project."""

    update: ProjectUpdate


class ProjectResult(Record, frozen=True):
    """The project."""

    project: Project


class ProjectsResult(Record, frozen=True):
    """The projects; `next` where there are more."""

    projects: list[Project]
    next: str | None = None


class ProjectDeleteResult(Record, frozen=True):
    """Which project is gone."""

    project_id: str


class ProjectJoinResult(Record, frozen=True):
    """All that a client needs to show the project; `users` are those who are there now.

    Of long lists there is the first page: `file:list` goes on after `nextFile`, `file:locks` after
    `nextLock`, `user:list` after `nextPresence`, `ai:history` after `nextMessage`. `answering` are
    the requests whose answers the assistant is making, and `answers` what there is of each;
    `assistant` is who answers.
    """

    project_id: str
    room: str
    user: User
    role: Role
    users: list[User]
    project: Project
    files: list[File]
    locks: list[Lock]
    presence: list[Presence]
    messages: list[ChatMessage]
    answering: list[str]
    answers: list[Answer]
    assistant: Assistant
    next_file: str | None = None
    next_message: str | None = None
    next_lock: str | None = None
    next_presence: str | None = None


class ProjectLeaveResult(Record, frozen=True):
    """What was left."""

    project_id: str
    room: str


async def create(call: Call[ProjectCreatePayload]) -> ProjectResult:
    """Create a project; its creator is its owner."""
    payload, now = call.payload, timestamp()
    new = Project(
        id=f"project-{secrets.token_hex(8)}",
        name=payload.name,
        description=payload.description,
        type=payload.type,
        members=[Member(call.user, Role.OWNER)],
        created_at=now,
        updated_at=now,
    )
    made = await call.store.projects.add(new, payload.key)
    call.services.directory.put_project(made)
    if made.id == new.id:
        call.tell(audience(call, new.id), ProjectCreated(project=new), project_id=new.id)
    return ProjectResult(made)


async def list_projects(call: Call[PagePayload]) -> ProjectsResult:
    """List the projects that the user may see, by name, up to 100 at once."""
    payload, user_id = call.payload, call.user.id
    limit = min(payload.limit or PROJECTS, PROJECTS)
    return ProjectsResult(*await call.store.projects.page(user_id, payload.after or "", limit))


async def update(call: Call[ProjectUpdatePayload]) -> ProjectResult:
    """Change a project's name, description or type."""
    project_id, field, value = (
        call.payload.project_id,
        call.payload.update.type,
        _checked(call.payload.update),
    )
    changed = await call.store.projects.update(project_id, field, value, timestamp())
    project = found(changed, project_id)
    announce_update(call, project)
    return ProjectResult(project)


async def delete(call: Call[ProjectPayload]) -> ProjectDeleteResult:
    """Delete a project with its files, versions and chat, for good."""
    project_id = call.payload.project_id
    await call.store.projects.delete(project_id)
    hearing = audience(call, project_id)
    call.services.directory.remove_project(project_id)
    call.tell(hearing, ProjectDeleted(project_id=project_id), project_id=project_id)
    call.services.io.server_side_emit(node_events.PROJECT_GONE, project_id)
    call.services.answers.project_deleted(project_id)
    # Including those of sockets that are gone, or that were never in the room.
    call.services.locks.withdraw(project_id, None, lambda _: None)
    for socket in await call.services.io.to(project_room(project_id)).local.fetch_sockets():
        if isinstance(socket, Socket):
            depart(call.services.own_call(socket, silent=True), project_id)
    return ProjectDeleteResult(project_id)


async def join(call: Call[ProjectPayload]) -> ProjectJoinResult:
    """Enter a project. The acknowledgement has all that there is to show of it."""
    project_id = call.payload.project_id
    await call.services.cluster_presence.caught_up()
    # Entered before it is read, so that the socket hears of whatever changes after that.
    enter(call, project_id)
    services = call.services
    # Asked at the same time, so that the store may answer both in one transaction.
    (project, files, chat), held = await asyncio.gather(
        call.store.projects.overview(project_id, FILES, conversations.HISTORY),
        locking.page(services.locks, project_id, None, None),
    )
    project = found(project, project_id)
    role = services.directory.role(project_id, call.user.id)
    there = presence.page(services.presence, project_id, None, None)
    answers = await services.answers.all_answering(project_id)
    return ProjectJoinResult(
        project_id=project_id,
        room=project_room(project_id),
        user=call.user,
        role=role or Role.VIEWER,
        users=[one.user for one in there.presence],
        project=project,
        files=files.items,
        next_file=files.next,
        locks=held.locks,
        next_lock=held.next,
        presence=there.presence,
        next_presence=there.next,
        messages=chat.items,
        next_message=chat.next,
        answering=[one.request_id for one in answers],
        answers=answers,
        assistant=services.answers.assistant,
    )


# -- what other events do with projects


def audience(call: Call[Any], project_id: str) -> list[str]:
    """Return the rooms of all sockets of the members, and the project's room."""
    members = call.services.directory.members(project_id)
    return [*map(sockets_room, members), project_room(project_id)]


def announce_update(call: Call[Any], project: Project) -> None:
    """Put the changed project into the directory, and tell those who may see it."""
    call.services.directory.put_project(project)
    call.tell(audience(call, project.id), ProjectUpdated(project=project), project_id=project.id)


def found(project: Project | None, project_id: str) -> Project:
    """Return a project that was there a moment ago.

    Raises:
        EventError: it was deleted meanwhile (`NOT_FOUND`).
    """
    if project is None:
        raise EventError(Code.NOT_FOUND, f"project {project_id!r}: no such project")
    return project


def enter(call: Call[Any], project_id: str) -> None:
    """Let the socket enter the project's room, and tell the others if its user is new there."""
    call.check_connected()
    room = project_room(project_id)
    check_room_limit(call.socket.rooms, room)
    call.socket.join(room)
    if call.services.presence.enter(project_id, call.user, call.socket.id):
        call.tell_others(room, UserJoined(user=call.user), project_id=project_id, here=True)
    call.services.cluster_presence.changed(call.user)


def depart(call: Call[Any], project_id: str, *, keep_locks: bool = False) -> None:
    """Let the socket leave the project's room, and tell the others if its user is gone."""
    room = project_room(project_id)

    def news(held: Held) -> lock_news.News:
        unlocked = FileUnlocked(file_path=held.path, token=held.token)
        tell = partial(call.tell_others, room, unlocked, project_id=project_id)
        return lock_news.News(held, [room], tell)

    def tell_unlocked(released: Sequence[Held]) -> None:
        lock_news.tell(call.services, map(news, released))

    if not keep_locks:
        call.services.locks.release_all(call.socket.id, project_id, tell_unlocked)
    call.services.lock_requests.leave(call.socket.id, project_id)
    stop_typing(call, project_id)
    call.services.documents.leave(call.socket, project_id)
    if call.services.presence.leave(project_id, call.user, call.socket.id):
        call.tell_others(room, UserLeft(user=call.user), project_id=project_id, here=True)
    call.services.cluster_presence.changed(call.user)
    call.socket.leave(room)


def change_user(call: Call[Any], guest: Identity) -> None:
    """Put the user whom a guest's socket acts as from now on in the guest's place, in the projects
    that the socket is in.
    """
    as_guest = call.acting(guest)
    for project_id in call.services.typing.projects(call.socket.id):
        stop_typing(as_guest, project_id)
    # The guest's locks too, in projects that the socket is not in.
    lock_news.release_all(call.services, call.socket.id)
    directory = call.services.directory
    for project_id in projects_of(call.socket.rooms):
        depart(as_guest, project_id)
        if directory.role(project_id, call.user.id) is not None:
            enter(call, project_id)
    call.socket.leave(user_room(as_guest.user.id))


def _checked(update: ProjectUpdate) -> str:
    """Return the new value, checked for its field: some fields take less than any text."""
    kinds: dict[str, Any] = {"name": Line, "description": Note, "type": ProjectType}
    value: str = read(kinds[update.type], update.value, "$.update.value")
    return value
