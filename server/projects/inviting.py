"""Links that let people into a project: `invitation:create`, `invitation:list`,
`invitation:revoke`, `invitation:accept`.

A token is `id.secret`. The secret is 256 random bits that only the answer to `invitation:create`
has; the database has only its hash. Nobody is told what is wrong with a token: one that is unknown,
expired, used up or revoked is refused with one message. An invitation also ends when the user who
made it is no owner any more.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Final, Literal

from msgspec import Meta

from server.api.envelope import timestamp
from server.api.errors import Code, EventError
from server.api.people_announcements import ProjectCreated
from server.api.records import About, Invitation, Notification, Project, Role, User
from server.api.services import Call
from server.api.types import Id, Payload, ProjectPayload, Record, Secret
from server.people import notifications
from server.people.room_access import sockets_room
from server.projects.projects import announce_update, found
from server.store.invitations import Accepted

_DAYS: Final = 7

Days = Annotated[int, Meta(ge=1, le=30, description="a whole number from 1 to 30")]
Uses = Annotated[int, Meta(ge=1, le=100, description="a whole number from 1 to 100")]


class InvitationCreatePayload(ProjectPayload, frozen=True, kw_only=True):
    """The role that an invitation gives, for how many days it holds, and how often it may be used:
    without `uses` as often as the project has room.
    """

    role: Literal["editor", "viewer"] = "editor"
    days: Days = _DAYS
    uses: Uses | None = None


class InvitationCreateResult(Record, frozen=True):
    """The invitation, and the token that `invitation:accept` takes: it is told once."""

    invitation: Invitation
    token: str


class InvitationsResult(Record, frozen=True):
    """The invitations that hold, the oldest first."""

    invitations: list[Invitation]


class InvitationRevokePayload(ProjectPayload, frozen=True, kw_only=True):
    """Which invitation."""

    invitation_id: Id


class InvitationAcceptPayload(Payload, frozen=True, kw_only=True):
    """The token of an invitation."""

    token: Secret


class InvitationAcceptResult(Record, frozen=True):
    """The project, and the user's role in it."""

    project: Project
    role: Role


async def create(call: Call[InvitationCreatePayload]) -> InvitationCreateResult:
    """Make an invitation: whoever has its token may become a member. A project has at most 20
    invitations.
    """
    payload, now = call.payload, datetime.now(UTC)
    secret = secrets.token_urlsafe(32)
    new = Invitation(
        id=f"invitation-{secrets.token_hex(8)}",
        role=Role(payload.role),
        created_at=timestamp(now),
        created_by=call.user.id,
        expires_at=timestamp(now + timedelta(days=payload.days)),
        uses_left=payload.uses,
    )
    await call.store.invitations.add(payload.project_id, new, secret)
    return InvitationCreateResult(new, f"{new.id}.{secret}")


async def list_invitations(call: Call[ProjectPayload]) -> InvitationsResult:
    """List the invitations of a project that hold."""
    return InvitationsResult(
        await call.store.invitations.valid(call.payload.project_id, timestamp())
    )


async def revoke(call: Call[InvitationRevokePayload]) -> None:
    """Let an invitation let nobody in any more. Those who have used it stay members."""
    payload = call.payload
    await call.store.invitations.revoke(payload.project_id, payload.invitation_id)


async def accept(call: Call[InvitationAcceptPayload]) -> InvitationAcceptResult:
    """Become a member by an invitation, with its role. Whoever is a member already keeps their
    role.

    The user who made the invitation gets a notification.
    """
    user, services = call.user, call.services
    invitation_id, _, secret = call.payload.token.partition(".")
    call.check_connected()
    done = await call.store.invitations.accept(
        invitation_id, secret, user.id, timestamp(), partial(_notice, user)
    )
    if done is None:
        raise EventError(Code.NOT_FOUND, "the invitation is unknown or over: ask for another one")
    accepted, found_project, notice = done
    project = found(found_project, accepted.project_id)
    if accepted.is_new:
        announce_update(call, project)
        call.tell(sockets_room(user.id), ProjectCreated(project=project), project_id=project.id)
        notifications.deliver(services, notice)
    role = next(one.role for one in project.members if one.user.id == user.id)
    return InvitationAcceptResult(project, role)


def _notice(user: User, accepted: Accepted) -> Notification:
    """Return the notification of a new member, for the user who made the invitation."""
    invitation = accepted.invitation
    return notifications.personal(
        invitation.created_by,
        "invitation",
        f"{user.name} has joined the project",
        f"By your invitation, as its {invitation.role.value}",
        accepted.project_id,
        About("invitation", user=user),
    )
