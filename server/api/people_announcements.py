"""The events that the server sends about projects and the people in them."""

from __future__ import annotations

from server.api.announcements import Announcement
from server.api.records import (
    Notification,
    PeopleMessage,
    Position,
    PresenceStatus,
    Project,
    Selection,
    User,
)


class UserJoined(Announcement, frozen=True):
    """A user's first socket is in the project."""

    event = "user:joined"
    heard_by = "the others in the project's room"

    user: User


class UserLeft(Announcement, frozen=True):
    """A user's last socket is out of the project."""

    event = "user:left"
    heard_by = "the others in the project's room"

    user: User


class UserTyping(Announcement, frozen=True):
    """A user is typing, or not any more; typing ends by itself after four seconds."""

    event = "user:typing"
    heard_by = "the others in the project's room"
    priority = "low"

    user: User
    project_id: str
    is_typing: bool


class UserPresence(Announcement, frozen=True):
    """What a user says that they are doing."""

    event = "user:presence"
    heard_by = "the others in the projects that the user is in"
    priority = "low"

    user: User
    status: PresenceStatus
    timestamp: str
    activity: str | None = None


class CursorUpdated(Announcement, frozen=True):
    """Where a user is in a file. Volatile: left out for clients that cannot take it at once.

    `version` is that of the document which the place is in, if the sender has told it.
    """

    event = "cursor:updated"
    heard_by = "the others in the project's room"
    priority = "low"

    user: User
    socket_id: str
    project_id: str
    file_path: str
    position: Position
    selection: Selection | None = None
    version: int | None = None


class ProjectCreated(Announcement, frozen=True):
    """There is a new project, or one was shared with the user who hears it."""

    event = "project:created"
    heard_by = "all sockets of its members; after sharing, those of the new member"

    project: Project


class ProjectUpdated(Announcement, frozen=True):
    """A project or its members have changed."""

    event = "project:updated"
    heard_by = "all sockets of its members, and the project's room"

    project: Project


class ProjectDeleted(Announcement, frozen=True):
    """A project is gone, or not shared any more with the user who hears it."""

    event = "project:deleted"
    heard_by = "all sockets of its members, and the project's room; those of a former member"

    project_id: str


class NotificationNew(Announcement, frozen=True):
    """Something that a user, or everybody, should know."""

    event = "notification:new"
    heard_by = (
        "the user's sockets in `user:<id>` or `notifications`; if it is for everybody, the room "
        "`notifications`"
    )

    notification: Notification


class NotificationRead(Announcement, frozen=True):
    """The user has read notifications on another connection: those with `ids`, or all if there are
    no `ids`.
    """

    event = "notification:read"
    heard_by = "the user's other sockets"
    priority = "low"

    unread: int
    ids: list[str] | None = None


class ChatMessageSent(Announcement, frozen=True):
    """Somebody has said something to the people of the project. The sender hears it too."""

    event = "chat:message"
    heard_by = "the project's room"

    message: PeopleMessage


class ChatRead(Announcement, frozen=True):
    """The user has read a message and all before it, on another connection."""

    event = "chat:read"
    heard_by = "the user's other sockets"
    priority = "low"

    message_id: str
    unread: int
