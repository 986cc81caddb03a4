"""The events that the server sends about people, projects and files, and to one socket.

Each is a class: its name, its data, and who hears it. Those of the assistant are in
`ai_announcements`, all of them together in `announced`.

A client's handler gets `(data, event)`: an instance of one of these, and its envelope.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from server.api.envelope import Priority
from server.api.records import (
    File,
    Lock,
    LockOutcome,
    LockRequest,
    Notification,
    PeopleMessage,
    Position,
    PresenceStatus,
    Project,
    Selection,
    Session,
    User,
    Version,
)
from server.api.types import Record


class Announcement(Record, frozen=True):
    """An event that the server sends. `heard_by` says who gets it."""

    event: ClassVar[str]
    heard_by: ClassVar[str]
    priority: ClassVar[Priority] = "medium"

    @property
    def data(self) -> Any:
        """Return the first argument of the event."""
        return msgspec.to_builtins(self, builtin_types=(bytes,))


class Failed(Announcement, frozen=True):
    """An event of the client failed, and it asked for no acknowledgement."""

    event = "error"
    heard_by = "the socket that sent the event"
    priority = "high"

    code: str
    message: str
    cause: str = msgspec.field(name="event")
    details: dict[str, Any] | None = None


class AuthFailed(Announcement, frozen=True):
    """A session was refused or is over, or an `auth:` event failed without an acknowledgement."""

    event = "auth:error"
    heard_by = "the socket concerned"
    priority = "high"

    code: str
    message: str
    cause: str = msgspec.field(name="event")
    details: dict[str, Any] | None = None


class AuthSucceeded(Announcement, frozen=True):
    """The socket acts as this user now. The session has its `id` only after `auth:login`."""

    event = "auth:success"
    heard_by = "the socket that presented a session or logged in"

    user: User
    session: Session


class AuthLoggedIn(Announcement, frozen=True):
    """The user has logged in somewhere."""

    event = "auth:login"
    heard_by = "all sockets of the user"

    user: User


class AuthLoggedOut(Announcement, frozen=True):
    """The user has logged out somewhere."""

    event = "auth:logout"
    heard_by = "all sockets of the user"

    user_id: str


class AuthSessionUpdated(Announcement, frozen=True):
    """The session, after `auth:check`; or with its new `id`, after `auth:refresh`."""

    event = "auth:session"
    heard_by = "the socket that asked; after a refresh all sockets of the session"

    session: Session


class RoomFailed(Announcement, frozen=True):
    """A `room:` event of the client failed, and it asked for no acknowledgement."""

    event = "room:error"
    heard_by = "the socket that sent the event"
    priority = "high"

    error: str
    code: str
    message: str
    cause: str = msgspec.field(name="event")
    details: dict[str, Any] | None = None


class RoomJoined(Announcement, frozen=True):
    """The socket is in the room."""

    event = "room:joined"
    heard_by = "the socket that joined"

    room: str


class RoomLeft(Announcement, frozen=True):
    """The socket is not in the room any more."""

    event = "room:left"
    heard_by = "the socket that left"

    room: str


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


class FileCreated(Announcement, frozen=True):
    """There is a new file. `content` is left out above 64 KiB or where many
    files change at once: `file:read` has it.
    """

    event = "file:created"
    heard_by = "the others in the project's room"

    file: File
    content: str | None = None


class FileUpdated(Announcement, frozen=True):
    """A file has changed. `content` is left out above 64 KiB or where many
    files change at once: `file:read` has it.
    """

    event = "file:updated"
    heard_by = "the others in the project's room"

    file: File
    content: str | None = None


class FileDeleted(Announcement, frozen=True):
    """A file is gone."""

    event = "file:deleted"
    heard_by = "the others in the project's room"

    file_path: str


class FileMoved(Announcement, frozen=True):
    """A file, or a folder with all `count` files in it, has another path. Locks, open documents and
    all else that is known of the files goes with them; their content and revision are what they
    were. A file that was at the new path is gone. `file` is absent for a folder.
    """

    event = "file:moved"
    heard_by = "the project's room"

    file_path: str
    new_path: str
    count: int
    file: File | None = None


class FileEdited(Announcement, frozen=True):
    """A change of a file that is open: it leads from `version` to the next, in the order in which
    these come. One's own is the one that has one's user, `author` and `number`. A change from
    outside has the author "" and the number 0.
    """

    event = "file:edited"
    heard_by = "all sockets that have the file open, the sender among them"

    file_path: str
    epoch: str
    version: int
    author: str
    number: int
    user: User
    change: list[Any]


class FileLocked(Announcement, frozen=True):
    """A file is locked; or, if the lock is `orphaned`, its holder's connection is lost, and the
    lock ends with `file:unlocked` unless the holder comes back in time.
    """

    event = "file:locked"
    heard_by = "the others in the project's room"

    lock: Lock


class FileUnlocked(Announcement, frozen=True):
    """A lock on a file is gone; other shared ones may be left."""

    event = "file:unlocked"
    heard_by = "the others in the project's room"

    file_path: str
    token: int


class LockAsked(Announcement, frozen=True):
    """Somebody asks for a file that one holds: `lock:answer` hands it over or keeps it."""

    event = "lock:asked"
    heard_by = "all sockets of the lock's holder"

    request: LockRequest


class LockAnswered(Announcement, frozen=True):
    """What became of a request for a lock. "handed-over": it is the asker's, with this `lock`.
    "expired": there was no answer. "ended": the lock is gone, or either has left.
    """

    event = "lock:answered"
    heard_by = "the socket that asked, and the holder's other sockets"

    request_id: str
    outcome: LockOutcome
    file_path: str | None = None
    user: User | None = None
    lock: Lock | None = None


class VersionCreated(Announcement, frozen=True):
    """There is a new version."""

    event = "version:created"
    heard_by = "the project's room"

    version: Version


class VersionRestored(Announcement, frozen=True):
    """The files are those of this version again; the events of the changed files follow."""

    event = "version:restored"
    heard_by = "the project's room"

    version: Version


class VersionDeleted(Announcement, frozen=True):
    """A version is gone."""

    event = "version:deleted"
    heard_by = "the project's room"

    version_id: str


class NotificationNew(Announcement, frozen=True):
    """Something that a user, or everybody, should know."""

    event = "notification:new"
    heard_by = (
        "the user's sockets in `user:<id>` or `notifications`; if it is for everybody, the room "
        "`notifications`"
    )

    notification: Notification


class NotificationRead(Announcement, frozen=True):
    """One has read notifications on another connection: those of `ids`, or all without."""

    event = "notification:read"
    heard_by = "the user's other sockets"
    priority = "low"

    unread: int
    ids: list[str] | None = None


class ChatMessageSent(Announcement, frozen=True):
    """Somebody has said something to the people of the project. One's own comes as well."""

    event = "chat:message"
    heard_by = "the project's room"

    message: PeopleMessage


class ChatRead(Announcement, frozen=True):
    """One has read a message and all before it, on another connection."""

    event = "chat:read"
    heard_by = "the user's other sockets"
    priority = "low"

    message_id: str
    unread: int


class Pong(Announcement, frozen=True):
    """The answer to `test:ping`."""

    event = "test:pong"
    heard_by = "the socket that asked"
    priority = "low"

    message: str


class TestResponse(Announcement, frozen=True):
    """The answer to `test:event`: its payload, untouched."""

    event = "test:response"
    heard_by = "the socket that asked"
    priority = "low"

    echo: Any

    @property
    def data(self) -> Any:
        """Return what came."""
        return self.echo
