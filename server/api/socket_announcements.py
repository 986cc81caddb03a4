"""The events that the server sends to sockets about themselves: sessions, rooms and failures."""

from __future__ import annotations

from typing import Any

import msgspec

from server.api.announcements import Announcement
from server.api.records import Session, User


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


class ServerResync(Announcement, frozen=True):
    """What happened elsewhere may not have been told: the other servers could not be reached for a
    while. `project:join` once more brings all that there is.
    """

    event = "server:resync"
    heard_by = "all sockets of the servers that were cut off"
    priority = "high"


class ServerDraining(Announcement, frozen=True):
    """This server is about to end, and others go on. It still acknowledges what was sent: wait for
    that, send nothing more, disconnect, and connect again. After a second or two it disconnects.
    """

    event = "server:draining"
    heard_by = "each socket of a server that ends where there are several, one after the other"
    priority = "high"


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
