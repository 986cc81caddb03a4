"""Who is a member of a project: `project:share`, `project:unshare`, `project:leave` for good."""

from __future__ import annotations

from typing import ClassVar

from server.api import node_events
from server.api.errors import Code, EventError
from server.api.people_announcements import ProjectCreated, ProjectDeleted
from server.api.records import About, Notification, Project, Role
from server.api.services import Call
from server.api.types import Id, ProjectPayload
from server.locks import lock_news
from server.people import notifications
from server.people.room_access import project_room, sockets_room
from server.projects.projects import (
    ProjectLeaveResult,
    ProjectResult,
    announce_update,
    depart,
    found,
)


class SharePayload(ProjectPayload, frozen=True, kw_only=True):
    """Whom to share with, and their role. `userId` is that of the other user, not the sender's."""

    declares_user: ClassVar[bool] = False

    user_id: Id
    role: Role


class UnsharePayload(ProjectPayload, frozen=True, kw_only=True):
    """Whom to share with no longer. `userId` is that of the other user, not the sender's."""

    declares_user: ClassVar[bool] = False

    user_id: Id


class LeavePayload(ProjectPayload, frozen=True, kw_only=True):
    """Which project to leave; `forGood` also as a member."""

    for_good: bool = False


async def share(call: Call[SharePayload]) -> ProjectResult:
    """Make a user a member of the project, or change a member's role.

    A project has at most 100 members. A new member has an account, or is connected now.
    """
    project_id, user_id, role = call.payload.project_id, call.payload.user_id, call.payload.role
    if role is not Role.OWNER:
        _keep_an_owner(call, project_id, user_id)
    known = call.services.directory.role(project_id, user_id) is not None
    # In open mode users are whoever clients say that they are, so a user exists while connected.
    exists = bool(
        call.services.cluster_presence.is_connected(user_id)
        or user_id in call.services.directory.members(project_id)
    )

    notice = _notice(
        call,
        project_id,
        user_id,
        f"{call.user.name} shared a project with you: you are its {role.value}",
    )
    shared = await call.store.projects.share(
        project_id, user_id, role, is_known=exists, notice=notice
    )
    project = _announce(call, shared, notice)
    if not role.includes(Role.EDITOR):
        lock_news.withdraw(call.services, project_id, user_id)
    if not known:
        call.tell(sockets_room(user_id), ProjectCreated(project=project), project_id=project_id)
    return ProjectResult(project)


async def unshare(call: Call[UnsharePayload]) -> ProjectResult:
    """Take a member out of the project. Owners may take out anybody, others only themselves."""
    project_id, user_id = call.payload.project_id, call.payload.user_id
    directory = call.services.directory
    if user_id != call.user.id and directory.role(project_id, call.user.id) is not Role.OWNER:
        raise EventError(
            Code.FORBIDDEN, f"project {project_id!r}: only its owners may take out others"
        )
    return ProjectResult(await _remove(call, project_id, user_id))


async def leave(call: Call[LeavePayload]) -> ProjectLeaveResult:
    """Leave a project. Does nothing if the socket is not in it.

    With `forGood` the user is no member any more, and none of the user's sockets is in the project.
    """
    project_id = call.payload.project_id
    if call.payload.for_good:
        await _remove(call, project_id, call.user.id)
    depart(call, project_id)
    return ProjectLeaveResult(project_id, project_room(project_id))


async def _remove(
    call: Call[UnsharePayload] | Call[LeavePayload], project_id: str, user_id: str
) -> Project:
    """Take a member out of the project, with all that the member has there."""
    directory = call.services.directory
    if user_id not in directory.members(project_id):
        raise EventError(Code.NOT_FOUND, f"user {user_id!r}: not a member of the project")
    _keep_an_owner(call, project_id, user_id)
    message = f"{call.user.name} does not share the project with you any more"
    notice = _notice(call, project_id, user_id, message)
    unshared = await call.store.projects.unshare(project_id, user_id, notice=notice)
    project = _announce(call, unshared, notice)
    if directory.role(project_id, user_id) is None:
        _take_out(call, project_id, user_id)
    return project


def _notice(
    call: Call[SharePayload] | Call[UnsharePayload] | Call[LeavePayload],
    project_id: str,
    user_id: str,
    message: str,
) -> Notification | None:
    """Return the notification of a changed membership for its user; None if the user has changed
    it.
    """
    if user_id == call.user.id:
        return None
    about = About("project", user=call.user)
    return notifications.personal(user_id, "project", "Project sharing", message, project_id, about)


def _announce(
    call: Call[SharePayload] | Call[UnsharePayload] | Call[LeavePayload],
    changed: Project | None,
    notice: Notification | None,
) -> Project:
    """Tell all who see the project of a changed membership, and deliver the notification."""
    project = found(changed, call.payload.project_id)
    announce_update(call, project)
    if notice is not None:
        notifications.deliver(call.services, notice)
    return project


def _keep_an_owner(
    call: Call[SharePayload] | Call[UnsharePayload] | Call[LeavePayload],
    project_id: str,
    user_id: str,
) -> None:
    members = call.services.directory.members(project_id)
    owners = [one for one, role in members.items() if role is Role.OWNER]
    if owners == [user_id]:
        raise EventError(
            Code.FORBIDDEN,
            f"user {user_id!r} is the project's only owner: make somebody else an owner first",
        )


def _take_out(
    call: Call[UnsharePayload] | Call[LeavePayload], project_id: str, user_id: str
) -> None:
    """Take the user's sockets out of the project, also those that are not in its room."""
    call.services.answers.withdraw(project_id, user_id)
    for socket in call.services.sockets.of_user(user_id):
        depart(call.services.own_call(socket), project_id)
    call.services.io.server_side_emit(node_events.MEMBER_GONE, project_id, user_id)
    gone = ProjectDeleted(project_id=project_id)
    call.tell(sockets_room(user_id), gone, project_id=project_id)
    # Also the locks of lost connections, whose sockets are gone.
    lock_news.withdraw(call.services, project_id, user_id)
