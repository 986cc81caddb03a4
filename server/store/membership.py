"""Projects and their members."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from server.api.errors import Code, EventError
from server.api.records import Member, Project, Role, User
from server.store import trees
from server.store.connection import Connection

MAX_PROJECTS: Final = 1_000
"""Projects that one user owns."""
MAX_MEMBERS: Final = 100
"""Members of one project."""


class Access(NamedTuple):
    """A project's members and their roles, and the role of everybody else."""

    project_id: str
    everyone: Role | None
    members: dict[str, Role]


def accesses(connection: Connection) -> list[Access]:
    """Return who may do what, for every project."""
    members: dict[str, dict[str, Role]] = {}
    for project_id, user_id, role in connection.execute(
        "SELECT project_id, user_id, role FROM members"
    ):
        members.setdefault(project_id, {})[user_id] = Role(role)
    return [
        Access(
            project_id, None if everyone is None else Role(everyone), members.get(project_id, {})
        )
        for project_id, everyone in connection.execute("SELECT id, everyone FROM projects")
    ]


def project(connection: Connection, project_id: str) -> Project | None:
    """Return a project, None if there is none of that id."""
    row = connection.execute(
        "SELECT id, name, description, type, everyone, created_at, updated_at "
        "FROM projects WHERE id = ?",
        (project_id,),
    ).fetchone()
    return None if row is None else _project(connection, row)


def made_before(connection: Connection, user_id: str, key: str) -> Project | None:
    """Return the project that a user has made with this key, if the user is still in it."""
    row = connection.execute(
        "SELECT project_id FROM members WHERE user_id = ? AND client_key = ?", (user_id, key)
    ).fetchone()
    return None if row is None else project(connection, row[0])


def add_project(connection: Connection, added: Project, key: str | None = None) -> None:
    """Add a project with its members, by the key that its owner knows it by.

    Raises:
        EventError: one of its owners has too many (`RATE_LIMIT_EXCEEDED`).
    """
    for member in added.members:
        (owned,) = connection.execute(
            "SELECT count(*) FROM members WHERE user_id = ? AND role = ?",
            (member.user.id, Role.OWNER),
        ).fetchone()
        if member.role is Role.OWNER and owned >= MAX_PROJECTS:
            raise EventError(
                Code.RATE_LIMIT_EXCEEDED,
                f"{member.user.id!r} owns {MAX_PROJECTS} projects, the most allowed: "
                "delete some first",
            )
    connection.execute(
        "INSERT INTO projects (id, name, description, type, everyone, created_at, updated_at, tree)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            added.id,
            added.name,
            added.description,
            added.type,
            added.everyone,
            added.created_at,
            added.updated_at,
            trees.new(connection),
        ),
    )
    for member in added.members:
        set_role(connection, added.id, member.user.id, member.role, key)


def update_project(
    connection: Connection, project_id: str, field: str, value: str, now: str
) -> Project | None:
    """Change the name, the description or the type. Return the project, None if it is gone."""
    column = {"name": "name", "description": "description", "type": "type"}[field]
    connection.execute(
        f"UPDATE projects SET {column} = ?, updated_at = ? WHERE id = ?", (value, now, project_id)
    )
    return project(connection, project_id)


def delete_project(connection: Connection, project_id: str) -> None:
    """Delete a project. Its files, versions, documents, history and chat are deleted later."""
    connection.execute(
        "INSERT INTO leftovers (tree) SELECT tree FROM projects WHERE id = ?1 "
        "UNION ALL SELECT tree FROM versions WHERE project_id = ?1 "
        "UNION ALL SELECT tree FROM bins WHERE project_id = ?1",
        (project_id,),
    )
    connection.execute("INSERT INTO leftovers (chat) VALUES (?)", (project_id,))
    connection.execute("INSERT INTO leftovers (history) VALUES (?)", (project_id,))
    connection.execute(
        "INSERT INTO leftovers (documents) SELECT documents FROM projects "
        "WHERE id = ? AND documents IS NOT NULL",
        (project_id,),
    )
    connection.execute("DELETE FROM projects WHERE id = ?", (project_id,))


def set_role(
    connection: Connection, project_id: str, user_id: str, role: Role, key: str | None = None
) -> None:
    """Make a user a member, who knows the project by a key or by none, or change a member's
    role.
    """
    connection.execute(
        "INSERT INTO members (project_id, user_id, role, client_key) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (project_id, user_id) DO UPDATE SET role = excluded.role",
        (project_id, user_id, role, key),
    )
    if role is not Role.OWNER:
        _end_invitations(connection, project_id, user_id)


def everyone(connection: Connection, project_id: str) -> Role | None:
    """Return the role of those who are no members of a project, None if they have none."""
    (role,) = connection.execute(
        "SELECT everyone FROM projects WHERE id = ?", (project_id,)
    ).fetchone()
    return None if role is None else Role(role)


def is_member(connection: Connection, project_id: str, user_id: str) -> bool:
    """Return whether a user is a member of a project."""
    row = connection.execute(
        "SELECT 1 FROM members WHERE project_id = ? AND user_id = ?", (project_id, user_id)
    ).fetchone()
    return row is not None


def check_member_limit(connection: Connection, project_id: str, user_id: str) -> None:
    """Let a user be a member.

    Raises:
        EventError: the project has `MAX_MEMBERS` others (`RATE_LIMIT_EXCEEDED`).
    """
    (others,) = connection.execute(
        "SELECT count(*) FROM members WHERE project_id = ? AND user_id != ?", (project_id, user_id)
    ).fetchone()
    if others >= MAX_MEMBERS:
        raise EventError(
            Code.RATE_LIMIT_EXCEEDED,
            f"the project has {MAX_MEMBERS} members, the most allowed: take one out first",
        )


def remove_member(connection: Connection, project_id: str, user_id: str) -> None:
    """Take a member out of a project."""
    connection.execute(
        "DELETE FROM members WHERE project_id = ? AND user_id = ?", (project_id, user_id)
    )
    _end_invitations(connection, project_id, user_id)


def _end_invitations(connection: Connection, project_id: str, user_id: str) -> None:
    """End the invitations of a user who is no owner any more."""
    connection.execute(
        "DELETE FROM invitations WHERE project_id = ? AND created_by = ?", (project_id, user_id)
    )


def _project(connection: Connection, row: tuple[str, ...]) -> Project:
    project_id, name, description, kind, everyone, created_at, updated_at = row
    return Project(
        id=project_id,
        name=name,
        description=description,
        type=kind,
        members=list(_members(connection, project_id)),
        created_at=created_at,
        updated_at=updated_at,
        everyone=Role(everyone) if everyone else None,
    )


def _members(connection: Connection, project_id: str) -> Iterator[Member]:
    for user_id, name, role in connection.execute(
        "SELECT m.user_id, coalesce(u.name, m.user_id), m.role FROM members m "
        "LEFT JOIN users u ON u.id = m.user_id WHERE m.project_id = ? ORDER BY m.user_id",
        (project_id,),
    ):
        yield Member(User(user_id, name), Role(role))
