"""The links that let people into projects. Of the secret in a link only the hash is kept."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final, NamedTuple

from server.api.errors import Code, EventError
from server.api.records import Invitation, Role
from server.store import membership
from server.store.connection import Connection

MAX_INVITATIONS: Final = 20
"""Invitations of one project that hold."""

_SELECT: Final = (
    "SELECT id, project_id, role, created_at, created_by, expires_at, uses_left FROM invitations "
)
_rank: Final = list(Role).index
_Row = tuple[str, str, str, str, str, str, int | None]


class Accepted(NamedTuple):
    """An invitation that somebody has accepted, and whether that user was no member before."""

    invitation: Invitation
    project_id: str
    is_new: bool


def digest(secret: str) -> str:
    """Return the hash that a secret is kept as. It has 256 random bits, so no salt is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def add(connection: Connection, project_id: str, new: Invitation, secret: str, now: str) -> None:
    """Add an invitation. Those of the project that have expired make room.

    Raises:
        EventError: there are too many (`RATE_LIMIT_EXCEEDED`).
    """
    connection.execute(
        "DELETE FROM invitations WHERE project_id = ? AND (expires_at <= ? OR uses_left = 0)",
        (project_id, now),
    )
    if len(invitations(connection, project_id, now)) >= MAX_INVITATIONS:
        raise EventError(
            Code.RATE_LIMIT_EXCEEDED,
            f"the project has {MAX_INVITATIONS} invitations, the most allowed: revoke one first",
        )
    connection.execute(
        "INSERT INTO invitations VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.id,
            project_id,
            digest(secret),
            new.role,
            new.created_at,
            new.created_by,
            new.expires_at,
            new.uses_left,
        ),
    )


def invitations(connection: Connection, project_id: str, now: str) -> list[Invitation]:
    """Return a project's invitations that hold, the oldest first."""
    rows = connection.execute(
        _SELECT
        + "WHERE project_id = ? AND expires_at > ? AND (uses_left IS NULL OR uses_left > 0) "
        "ORDER BY created_at, id",
        (project_id, now),
    )
    return [_invitation(row) for row in rows]


def revoke(connection: Connection, project_id: str, invitation_id: str) -> None:
    """End an invitation: it lets nobody in any more.

    Raises:
        EventError: there is none (`NOT_FOUND`).
    """
    revoked = connection.execute(
        "DELETE FROM invitations WHERE id = ? AND project_id = ?", (invitation_id, project_id)
    )
    if revoked.rowcount == 0:
        raise EventError(Code.NOT_FOUND, "there is no such invitation of the project")


def accept(
    connection: Connection, invitation_id: str, secret: str, user_id: str, now: str
) -> Accepted | None:
    """Make a user a member by an invitation. Return None if it does not hold. A member keeps the
    role, and uses nothing of the invitation.

    Raises:
        EventError: the project has too many members (`RATE_LIMIT_EXCEEDED`).
    """
    row = connection.execute(
        _SELECT.replace(" FROM", ", secret_hash FROM")
        + "WHERE id = ? AND expires_at > ? AND (uses_left IS NULL OR uses_left > 0)",
        (invitation_id, now),
    ).fetchone()
    kept = "" if row is None else row[7]
    # If there is no such invitation, another digest is compared, so that it takes as long.
    if not hmac.compare_digest(kept, digest(secret)):
        return None
    project_id, invitation = row[1], _invitation(row[:7])
    if membership.is_member(connection, project_id, user_id):
        return Accepted(invitation, project_id, False)
    membership.check_member_limit(connection, project_id, user_id)
    # A member may do no less than somebody who is no member.
    everyone = membership.everyone(connection, project_id)
    role = invitation.role if everyone is None else max(everyone, invitation.role, key=_rank)
    membership.set_role(connection, project_id, user_id, role)
    connection.execute(
        "UPDATE invitations SET uses_left = uses_left - 1 WHERE id = ? AND uses_left > 0",
        (invitation_id,),
    )
    return Accepted(invitation, project_id, True)


def _invitation(row: _Row) -> Invitation:
    invitation_id, _, role, created_at, created_by, expires_at, uses_left = row
    return Invitation(
        id=invitation_id,
        role=Role(role),
        created_at=created_at,
        created_by=created_by,
        expires_at=expires_at,
        uses_left=uses_left,
    )
