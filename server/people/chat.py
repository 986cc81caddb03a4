"""The chat among people: `chat:message`, `chat:history`, `chat:read`. No assistant is asked.

Whoever may see a project may talk there, also viewers, who are asked for their opinion. Whoever is
mentioned with an @ gets a notification.
"""

from __future__ import annotations

import secrets
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from server.api.envelope import timestamp
from server.api.paths import normal
from server.api.people_announcements import ChatMessageSent, ChatRead
from server.api.records import About, FilePlace, Notification, PeopleMessage, User
from server.api.services import Call
from server.api.types import TEXT, Id, Natural, Path, ProjectPagePayload, ProjectPayload, Record
from server.api.validation import invalid
from server.people import notifications
from server.people.excerpts import excerpt
from server.people.mentions import mentioned
from server.people.room_access import project_room, sockets_room

MESSAGES: Final = 100
"""Messages that one answer lists."""

Remark = Annotated[
    str,
    Meta(
        min_length=1, max_length=4_096, pattern=TEXT, description="a text of 1 to 4096 characters"
    ),
]


class FilePlacePayload(msgspec.Struct, frozen=True, rename="camel"):
    """A file, and perhaps a line of it; lines count from 0."""

    file_path: Path
    line: Natural | None = None


class ChatMessagePayload(ProjectPayload, frozen=True, kw_only=True):
    """What the sender says, in Markdown, and perhaps the place in a file that it is about.

    `key` is the sender's own name for the message. A message with the same `key` is not there
    twice, so it can be sent again when no acknowledgement came.
    """

    message: Remark
    place: FilePlacePayload | None = None
    key: Id | None = None


class ChatMessageResult(Record, frozen=True):
    """The message."""

    message: PeopleMessage


class ChatHistoryResult(Record, frozen=True):
    """Messages among people, the oldest first; `next` is there if there are older ones. `unread`
    counts those that the user has not read, up to 100.
    """

    messages: list[PeopleMessage]
    unread: int
    next: str | None = None


class ChatReadPayload(ProjectPayload, frozen=True, kw_only=True):
    """The last message that was read."""

    message_id: Id


class ChatReadResult(Record, frozen=True):
    """How many are unread now."""

    unread: int


async def message(call: Call[ChatMessagePayload]) -> ChatMessageResult:
    """Say something to the people of a project; no assistant is asked.

    A member, or somebody else who is in the project, gets a notification if the message has `@` and
    their name or id.
    """
    payload = call.payload
    if not payload.message.strip():
        raise invalid("$.message", "is blank, expected a text with a word in it")
    place = payload.place
    new = PeopleMessage(
        id=f"message-{secrets.token_hex(8)}",
        project_id=payload.project_id,
        user=call.user,
        content=payload.message,
        created_at=timestamp(),
        mentions=_named(call),
        place=None if place is None else FilePlace(normal(place.file_path), place.line),
    )
    notices = [_notice(new, user) for user in new.mentions if user.id != call.user.id]
    said = await call.store.people_chat.say(new, payload.key, notices)
    if said.is_new:
        announcement = ChatMessageSent(message=new)
        call.tell(project_room(new.project_id), announcement, project_id=new.project_id)
        for notice in notices:
            notifications.deliver(call.services, notice)
    return ChatMessageResult(said.message)


async def history(call: Call[ProjectPagePayload]) -> ChatHistoryResult:
    """Read what people said backwards: 100 messages at once, fewer where they are long."""
    payload = call.payload
    limit = min(payload.limit or MESSAGES, MESSAGES)
    page, unread = await call.store.people_chat.page(
        payload.project_id, call.user.id, payload.after or "", limit
    )
    return ChatHistoryResult(page.items, unread, page.next)


async def read(call: Call[ChatReadPayload]) -> ChatReadResult:
    """Say that the user has read a message and all before it; the user's other connections hear of
    it.
    """
    payload = call.payload
    unread = await call.store.people_chat.read(payload.project_id, call.user.id, payload.message_id)
    announcement = ChatRead(message_id=payload.message_id, unread=unread)
    own = sockets_room(call.user.id)
    call.tell_others(own, announcement, project_id=payload.project_id)
    return ChatReadResult(unread)


def _named(call: Call[ChatMessagePayload]) -> list[User]:
    """Return whom a message mentions: members, and those who are in the project."""
    project_id, services = call.payload.project_id, call.services
    members = [services.directory.user(one) for one in services.directory.members(project_id)]

    def other(user_id: str) -> User | None:
        user = services.directory.user(user_id)
        return user if services.presence.has(project_id, user) else None

    return mentioned(call.payload.message, members, other)


def _notice(said: PeopleMessage, user: User) -> Notification:
    about = About("message", place=said.place, message_id=said.id, user=said.user)
    title = f"{said.user.name} mentioned you"
    text = excerpt(said.content)
    return notifications.personal(user.id, "mention", title, text, said.project_id, about)
