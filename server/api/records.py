"""What the server says about users, projects, files and so on, in acknowledgements and events.

Times are ISO 8601 in UTC with milliseconds.
"""

from __future__ import annotations

import enum
from typing import Any, Literal

import msgspec

from server.api.types import Record

ProjectType = Literal["web", "api", "library", "cli", "data", "other"]
LockType = Literal["exclusive", "shared"]
LockOutcome = Literal["handed-over", "kept", "expired", "withdrawn", "ended"]
ContextReason = Literal["current", "named", "open", "found"]
Outcome = Literal["accepted", "rejected", "partly"]
PresenceStatus = Literal["online", "away", "busy", "offline"]
Subject = Literal["project", "message", "invitation", "lock", "bin"]


class Role(enum.StrEnum):
    """What a user may do in a project; each includes the ones before."""

    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"

    def includes(self, other: Role) -> bool:
        """Return whether this role may do all that `other` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class User(Record, frozen=True):
    """A user as others see them."""

    id: str
    name: str


class Session(Record, frozen=True):
    """A session. Its `id` is a secret, told only to the client that opened or refreshed the
    session.
    """

    user_id: str
    created_at: str
    expires_at: str
    id: str | None = None


class Member(Record, frozen=True):
    """A member of a project."""

    user: User
    role: Role


class Project(Record, frozen=True):
    """A project. `everyone` is the role of those who are no members, if they have one."""

    id: str
    name: str
    description: str
    type: str
    members: list[Member]
    created_at: str
    updated_at: str
    everyone: Role | None = None


class Invitation(Record, frozen=True):
    """A link that lets people into a project with a role, until it expires, is used up or revoked.
    Without `uses_left` it is never used up.
    """

    id: str
    role: Role
    created_at: str
    created_by: str
    expires_at: str
    uses_left: int | None = None


class File(Record, frozen=True):
    """A file without its content.

    `name` is the last part of the path, `size` in bytes, `hash` the SHA-256 of the content.
    `revision` grows with every change of any file in the project. `mediaType`, such as `image/png`,
    is that of a file that is no text: `file:download` has its bytes.
    """

    path: str
    name: str
    size: int
    hash: str
    revision: int
    updated_at: str
    updated_by: str
    media_type: str | None = None


class Update(Record, frozen=True):
    """A change of a document, as the one that leads from `version` to the next.

    `change` is a ChangeSet of CodeMirror as JSON; see docs/coediting.md. It is the `number`th of
    `author`, an open editor of `user`; a change from outside has the author "" and the number 0.
    """

    version: int
    author: str
    number: int
    user: User
    change: list[Any]


class Lock(Record, frozen=True):
    """A lock on a file.

    `token` is greater than that of every lock granted before; `file:change` takes it to make sure
    that the lock still holds. `orphaned`: the holder's connection is gone, and the lock goes with
    it unless the user comes back in time.
    """

    file_path: str
    lock_type: LockType
    user: User
    token: int
    acquired_at: str
    orphaned: bool


class LockRequest(Record, frozen=True):
    """Somebody asks the holder of an exclusive lock to hand it over. The request ends after
    `seconds`.
    """

    id: str
    project_id: str
    file_path: str
    user: User
    holder: User
    asked_at: str
    seconds: float


class Version(Record, frozen=True):
    """A snapshot of all files of a project. An `automatic` one was made by the server, an hour
    after the first change since the last one: `createdBy` is "".
    """

    id: str
    project_id: str
    name: str
    message: str
    created_at: str
    created_by: str
    file_count: int
    automatic: bool = False


class Deletion(Record, frozen=True):
    """A file or folder in the bin, with the path that it had; `size` in bytes, of all its files."""

    id: str
    path: str
    is_folder: bool
    deleted_at: str
    deleted_by: str
    file_count: int
    size: int


class Save(Record, frozen=True):
    """A file as it was after a save, or after `count` saves within five minutes by people who typed
    together. `users` are all of them. `savedBy` and `savedAt` tell of the last save. `filePath` is
    the path that the file had.
    """

    id: str
    file_path: str
    size: int
    hash: str
    saved_at: str
    saved_by: str
    users: list[str]
    count: int
    media_type: str | None = None


class FileDifference(Record, frozen=True):
    """How a file differs between two versions; `diff` is a unified diff, cut when it is long."""

    path: str
    status: Literal["created", "updated", "deleted"]
    diff: str


class Presence(Record, frozen=True):
    """A user in a project: what they say that they are doing."""

    user: User
    status: PresenceStatus
    activity: str | None = None


class Usage(Record, frozen=True):
    """The tokens that a model read and wrote."""

    prompt_tokens: int
    completion_tokens: int


class Decision(Record, frozen=True):
    """What became of a proposal, and who said so."""

    outcome: Outcome
    user: User


class Action(Record, frozen=True):
    """Something that the assistant proposes to do: create or update a file with `content`.

    An update was made from the file's `baseRevision`. `inverse` is the change that turns `content`
    into the text of that revision, as in docs/coediting.md. `decision` says what became of the
    proposal, if somebody has told it with `ai:applied`.
    """

    id: str
    type: Literal["create-file", "update-file"]
    path: str
    content: str
    base_revision: int | None = None
    inverse: list[Any] | None = None
    decision: Decision | None = None


class Unfit(Record, frozen=True):
    """Something in an answer that was meant for a file, and that is no proposal; `message` says
    why.
    """

    path: str
    message: str


class ContextFile(Record, frozen=True):
    """A file, or its first lines, that the assistant was shown: so many bytes of `size`, and why.

    `named`: the message names it, perhaps after an @; `found`: by a search for the message's words.
    """

    path: str
    bytes: int
    size: int
    reason: ContextReason


class AiContext(Record, frozen=True):
    """What the assistant was shown of the project: `bytes` in all, of at most `budget`.

    `leftOut` are the files that the question is about and that are no texts: it sees their names.
    """

    files: list[ContextFile]
    bytes: int
    budget: int
    left_out: list[str] | None = None


class Assistant(Record, frozen=True):
    """Who answers, and how many bytes of a project the model is shown; 0 if it looks for itself."""

    provider: str
    model: str
    budget: int


class AiResponse(Record, frozen=True):
    """An answer of the assistant. `cancelled`: it was stopped, and `content` is what there was.
    `actions` are what it proposes to do with files. `unfit` is what was meant for files and cannot
    be proposed.
    """

    id: str
    request_id: str
    content: str
    provider: str
    model: str
    cancelled: bool
    actions: list[Action] | None = None
    unfit: list[Unfit] | None = None
    context: AiContext | None = None
    usage: Usage | None = None


class Answer(Record, frozen=True):
    """An answer that is being made: the text so far, which the first `chunks` of its `code:chunk`
    have told, and the proposals so far. Both are left out where the answers together are long.
    """

    request_id: str
    user: User
    chunks: int
    content: str | None = None
    actions: list[Action] | None = None


class ChatMessage(Record, frozen=True):
    """A message of a project's chat: by a user, or by the assistant, then with `response`."""

    id: str
    request_id: str
    role: Literal["user", "assistant"]
    user: User
    content: str
    created_at: str
    response: AiResponse | None = None


class FilePlace(Record, frozen=True):
    """A file, and perhaps a line of it; lines count from 0."""

    file_path: str
    line: int | None = None


class PeopleMessage(Record, frozen=True):
    """What somebody says to the people of a project, in Markdown. `mentions` are those whom it
    names with an @, `place` is what it is about.
    """

    id: str
    project_id: str
    user: User
    content: str
    created_at: str
    mentions: list[User] = msgspec.field(default_factory=list)
    place: FilePlace | None = None


class About(Record, frozen=True):
    """What a notification is about, in its project: what to open, and how that is called.

    A `project`, or somebody who has come by an `invitation`; a `message` of people, with the place
    that it is about; the `lock` on a file that somebody asks for; a deletion in the `bin`. `user`
    has caused it.
    """

    kind: Subject
    place: FilePlace | None = None
    message_id: str | None = None
    request_id: str | None = None
    deletion_id: str | None = None
    user: User | None = None


class Notification(Record, frozen=True):
    """Something that a user should know. `user_id` is absent if it is for everybody; `project_id`
    and `about` say what it opens.
    """

    id: str
    type: str
    title: str
    message: str
    created_at: str
    is_read: bool
    user_id: str | None = None
    project_id: str | None = None
    about: About | None = None


class Position(Record, frozen=True):
    """A place in a text; both count from 0."""

    line: int
    column: int


class Selection(Record, frozen=True):
    """A range in a text."""

    start: Position
    end: Position
