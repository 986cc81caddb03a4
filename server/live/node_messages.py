"""What nodes of a cluster tell each other about the people who are there: one message, `live`.

It comes from Redis, so it is read as strictly as what clients send.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from server.api.records import Position, PresenceStatus, Selection, User
from server.api.types import Id, Line, Natural, Path, Place, Range

LIVE: Final = "live"
"""The name of the servers' event."""
MOST: Final = 200
"""Users, and cursors, of one message. Other tasks have their turns between two messages."""
_MAX_PROJECTS: Final = 10_000
_MAX_ANSWERS: Final = 100


class Person(msgspec.Struct, frozen=True):
    """A user."""

    id: Id
    name: Line

    @property
    def user(self) -> User:
        """Return the user as others see them."""
        return User(self.id, self.name)


class Whereabouts(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What one node knows of a user: the projects that the user is in there, what the user said
    last, and the project of each answer that is made there for the user.
    """

    person: Person
    is_here: bool
    projects: Annotated[list[Id], Meta(max_length=_MAX_PROJECTS)] = []
    status: PresenceStatus | None = None
    activity: Line | None = None
    answers: Annotated[dict[Id, Id], Meta(max_length=_MAX_ANSWERS)] = {}


class TypingNow(msgspec.Struct, frozen=True, rename="camel"):
    """A user is typing in a project, or has stopped."""

    person: Person
    project_id: Id
    is_typing: bool


class CursorNow(msgspec.Struct, frozen=True, rename="camel"):
    """Where a user is in a file."""

    person: Person
    socket_id: Id
    project_id: Id
    file_path: Path
    place: Place
    selection: Range | None = None
    version: Natural | None = None


class Round(msgspec.Struct, frozen=True):
    """The message is one of the `pieces` that together tell of all users of a node."""

    number: Natural
    pieces: Annotated[int, Meta(ge=1, le=100_000)]


class LiveMessage(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What has changed on a node, or with `round` a part of all that there is.

    is_leaving: the node ends, and its people will come back elsewhere.
    """

    node: Id
    users: Annotated[list[Whereabouts], Meta(max_length=MOST)] = []
    typing: Annotated[list[TypingNow], Meta(max_length=MOST)] = []
    cursors: Annotated[list[CursorNow], Meta(max_length=MOST)] = []
    round: Round | None = None
    is_leaving: bool = False


def read(value: object) -> LiveMessage:
    """Return a message that another node has sent.

    Raises:
        msgspec.ValidationError: it is none.
    """
    return msgspec.convert(value, LiveMessage)


def position_of(place: Place) -> Position:
    """Return the position that a place stands for."""
    return Position(line=place.line, column=place.column)


def selection_of(chosen: Range) -> Selection:
    """Return the selection that a range stands for."""
    return Selection(start=position_of(chosen.start), end=position_of(chosen.end))
