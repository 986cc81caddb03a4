"""What is sent and heard, and what acknowledgements have beside `ok`.

Made from the server's tables by `python -m server.reference`. A type comes after those that it is
made of, so that programs can read what is required (`__required_keys__`).
"""

from typing import Any, Literal, NotRequired, TypedDict

ErrorCode = Literal[
    "UNAUTHORIZED",
    "FORBIDDEN",
    "NOT_FOUND",
    "VALIDATION_ERROR",
    "RATE_LIMIT_EXCEEDED",
    "INTERNAL_ERROR",
    "FILE_LOCKED",
    "INVALID_FILE_PATH",
    "VERSION_CONFLICT",
    "AI_SERVICE_ERROR",
    "STORAGE_ERROR",
]
"""Why something was refused."""

Role = Literal[
    "viewer",
    "editor",
    "owner",
]
"""What somebody may do in a project."""


class Nothing(TypedDict):
    """An acknowledgement that has nothing beside `ok`."""


class Metadata(TypedDict):
    """What a client may add to any payload; `correlationId` comes back in every event it causes."""

    correlationId: NotRequired[str | None]


class Payload(TypedDict):
    """What a client sends with an event. A `userId` must be the sender's own, where `declares_user`
    does not say otherwise.
    """

    userId: NotRequired[str | None]
    metadata: NotRequired[Metadata | None]


class FilePlace(TypedDict):
    """A file, and perhaps a line of it; lines count from 0."""

    filePath: str
    line: NotRequired[int]


class User(TypedDict):
    """A user as others see them."""

    id: str
    name: str


class About(TypedDict):
    """What a notification is about, in its project: what to open, and how that is called. A
    `project`, or somebody who has come by an `invitation`; a `message` of people, with the place
    that it is about; the `lock` on a file that somebody asks for; a deletion in the `bin`. `user`
    has caused it.
    """

    kind: Literal["bin", "invitation", "lock", "message", "project"]
    place: NotRequired[FilePlace]
    messageId: NotRequired[str]
    requestId: NotRequired[str]
    deletionId: NotRequired[str]
    user: NotRequired[User]


class Decision(TypedDict):
    """What became of a proposal, and who said so."""

    outcome: Literal["accepted", "partly", "rejected"]
    user: User


class Action(TypedDict):
    """Something that the assistant proposes to do: create or update a file with `content`. An
    update was made from the file's `baseRevision`. `inverse` is the change that turns `content`
    into the text of that revision, as in docs/coediting.md. `decision` says what became of the
    proposal, if somebody has told it with `ai:applied`.
    """

    id: str
    type: Literal["create-file", "update-file"]
    path: str
    content: str
    baseRevision: NotRequired[int]
    inverse: NotRequired[list[Any]]
    decision: NotRequired[Decision]


class AiApplied(TypedDict):
    """Somebody has accepted or rejected what the assistant proposed for a file."""

    requestId: str
    actionId: str
    outcome: Literal["accepted", "partly", "rejected"]
    user: User


class AiAppliedPayload(Payload):
    """What became of an action of an answer: all of it is in the file, or nothing, or a part."""

    projectId: str
    requestId: str
    actionId: str
    outcome: Literal["accepted", "partly", "rejected"]


class AiCancelPayload(Payload):
    """Which answer to stop."""

    requestId: str


class AiCancelResult(TypedDict):
    """Which answer is stopped; its `ai:response` has what there was."""

    requestId: str


class ContextFile(TypedDict):
    """A file, or its first lines, that the assistant was shown: so many bytes of `size`, and why.
    `named`: the message names it, perhaps after an @; `found`: by a search for the message's words.
    """

    path: str
    bytes: int
    size: int
    reason: Literal["current", "found", "named", "open"]


class AiContext(TypedDict):
    """What the assistant was shown of the project: `bytes` in all, of at most `budget`. `leftOut`
    are the files that the question is about and that are no texts: it sees their names.
    """

    files: list[ContextFile]
    bytes: int
    budget: int
    leftOut: NotRequired[list[str]]


class AiMessage(TypedDict):
    """A user has written to the assistant."""

    message: str
    user: User
    requestId: str
    messageId: str


class Place(TypedDict):
    """A place in a text; both count from 0."""

    line: int
    column: int


class Range(TypedDict):
    """A range in a text."""

    start: Place
    end: Place


class ChatContext(TypedDict):
    """What the user is looking at. `selection` is in the current file."""

    currentFile: NotRequired[str | None]
    selection: NotRequired[Range | None]
    openFiles: NotRequired[list[str] | None]
    language: NotRequired[str | None]
    framework: NotRequired[str | None]


class AiMessagePayload(Payload):
    """A message to the assistant. Without a project it is about none. `key` is the sender's own
    name for the message. A message with the same `key` is asked once, so it can be sent again when
    no acknowledgement came. Without a project that holds only while the message is answered.
    """

    message: str
    projectId: NotRequired[str | None]
    context: NotRequired[ChatContext | None]
    key: NotRequired[str | None]


class AiMessageResult(TypedDict):
    """The `requestId` that the answer's events have, and the id of the message itself."""

    requestId: str
    messageId: str


class AiProcessing(TypedDict):
    """How far the assistant, or the program that sent `ai:status`, has come. It ends with
    `ai:response`, or with the status `error`. `context` is what the assistant is shown, told once.
    """

    status: Literal["completed", "error", "progress", "started"]
    requestId: NotRequired[str]
    progress: NotRequired[float]
    message: NotRequired[str]
    error: NotRequired[dict[str, Any]]
    user: NotRequired[User]
    context: NotRequired[AiContext]


class AiProposed(TypedDict):
    """The assistant proposes to change a file, while its answer goes on. A proposal with the `id`
    of an earlier one takes the place of that, as after each edit of a block. `ai:response` has all
    that hold in the end.
    """

    requestId: str
    action: Action


class Unfit(TypedDict):
    """Something in an answer that was meant for a file, and that is no proposal; `message` says
    why.
    """

    path: str
    message: str


class Usage(TypedDict):
    """The tokens that a model read and wrote."""

    promptTokens: int
    completionTokens: int


class AiResponse(TypedDict):
    """An answer of the assistant. `cancelled`: it was stopped, and `content` is what there was.
    `actions` are what it proposes to do with files. `unfit` is what was meant for files and cannot
    be proposed.
    """

    id: str
    requestId: str
    content: str
    provider: str
    model: str
    cancelled: bool
    actions: NotRequired[list[Action]]
    unfit: NotRequired[list[Unfit]]
    context: NotRequired[AiContext]
    usage: NotRequired[Usage]


class AiResponded(TypedDict):
    """The assistant's answer."""

    response: AiResponse
    requestId: str


class AiStatusPayload(Payload):
    """How far the work of another program is. Without a project it is told in each project that the
    socket is in and that the user may edit.
    """

    status: Literal["completed", "error", "processing", "progress", "started"]
    progress: NotRequired[float | None]
    message: NotRequired[str | None]
    requestId: NotRequired[str | None]
    projectId: NotRequired[str | None]


class Answer(TypedDict):
    """An answer that is being made: the text so far, which the first `chunks` of its `code:chunk`
    have told, and the proposals so far. Both are left out where the answers together are long.
    """

    requestId: str
    user: User
    chunks: int
    content: NotRequired[str]
    actions: NotRequired[list[Action]]


class Assistant(TypedDict):
    """Who answers, and how many bytes of a project the model is shown; 0 if it looks for itself."""

    provider: str
    model: str
    budget: int


class AuthFailed(TypedDict):
    """A session was refused or is over, or an `auth:` event failed without an acknowledgement."""

    code: str
    message: str
    event: str
    details: NotRequired[dict[str, Any]]


class AuthLoggedIn(TypedDict):
    """The user has logged in somewhere."""

    user: User


class AuthLoggedOut(TypedDict):
    """The user has logged out somewhere."""

    userId: str


class Session(TypedDict):
    """A session. Its `id` is a secret, told only to the client that opened or refreshed the
    session.
    """

    userId: str
    createdAt: str
    expiresAt: str
    id: NotRequired[str]


class AuthResult(TypedDict):
    """Who the client is now, and its session."""

    user: User
    session: Session


class AuthSessionUpdated(TypedDict):
    """The session, after `auth:check`; or with its new `id`, after `auth:refresh`."""

    session: Session


class AuthSucceeded(TypedDict):
    """The socket acts as this user now. The session has its `id` only after `auth:login`."""

    user: User
    session: Session


class Base(TypedDict):
    """What a client has of a document."""

    epoch: str
    version: int


class BatchItem(TypedDict):
    """One event with its payload."""

    event: str
    data: NotRequired[Any]


class BatchPayload(Payload):
    """The events."""

    updates: list[BatchItem]


class BatchResult(TypedDict):
    """What each event's acknowledgement would have said."""

    results: list[dict[str, Any]]


class BinRestorePayload(Payload):
    """What to restore; `newPath` is for when something is at its own path."""

    projectId: str
    deletionId: str
    newPath: NotRequired[str | None]


class BinRestoreResult(TypedDict):
    """The path that it has again, and how many files it is."""

    filePath: str
    count: int


class Deletion(TypedDict):
    """A file or folder in the bin, with the path that it had; `size` in bytes, of all its files."""

    id: str
    path: str
    isFolder: bool
    deletedAt: str
    deletedBy: str
    fileCount: int
    size: int


class BinResult(TypedDict):
    """What is in the bin, the newest first; `next` where there is more."""

    deletions: list[Deletion]
    next: NotRequired[str]


class PeopleMessage(TypedDict):
    """What somebody says to the people of a project, in Markdown. `mentions` are those whom it
    names with an @, `place` is what it is about.
    """

    id: str
    projectId: str
    user: User
    content: str
    createdAt: str
    mentions: NotRequired[list[User]]
    place: NotRequired[FilePlace]


class ChatHistoryResult(TypedDict):
    """Messages among people, the oldest first; `next` is there if there are older ones. `unread`
    counts those that the user has not read, up to 100.
    """

    messages: list[PeopleMessage]
    unread: int
    next: NotRequired[str]


class ChatMessage(TypedDict):
    """A message of a project's chat: by a user, or by the assistant, then with `response`."""

    id: str
    requestId: str
    role: Literal["assistant", "user"]
    user: User
    content: str
    createdAt: str
    response: NotRequired[AiResponse]


class FilePlacePayload(TypedDict):
    """A file, and perhaps a line of it; lines count from 0."""

    filePath: str
    line: NotRequired[int | None]


class ChatMessagePayload(Payload):
    """What the sender says, in Markdown, and perhaps the place in a file that it is about. `key` is
    the sender's own name for the message. A message with the same `key` is not there twice, so it
    can be sent again when no acknowledgement came.
    """

    projectId: str
    message: str
    place: NotRequired[FilePlacePayload | None]
    key: NotRequired[str | None]


class ChatMessageResult(TypedDict):
    """The message."""

    message: PeopleMessage


class ChatMessageSent(TypedDict):
    """Somebody has said something to the people of the project. The sender hears it too."""

    message: PeopleMessage


class ChatRead(TypedDict):
    """The user has read a message and all before it, on another connection."""

    messageId: str
    unread: int


class ChatReadPayload(Payload):
    """The last message that was read."""

    projectId: str
    messageId: str


class ChatReadResult(TypedDict):
    """How many are unread now."""

    unread: int


class CodeChunk(TypedDict):
    """The next piece of the text, the `number`th from 1. With a `path` it is of that file."""

    requestId: str
    content: str
    number: int
    path: NotRequired[str]


class CodeCompleted(TypedDict):
    """The whole text; `cancelled` if it was stopped before its end."""

    requestId: str
    content: str
    cancelled: bool


class CodeFailed(TypedDict):
    """No more text comes, because the assistant failed."""

    requestId: str
    error: dict[str, Any]


class CodeStarted(TypedDict):
    """Text begins to stream. With a `path` it is the text of that file."""

    requestId: str
    path: NotRequired[str]


class CursorPayload(Payload):
    """Where the sender is. `version` says in which version of a document that is open."""

    projectId: str
    filePath: str
    position: Place
    selection: NotRequired[Range | None]
    version: NotRequired[int | None]


class Position(TypedDict):
    """A place in a text; both count from 0."""

    line: int
    column: int


class Selection(TypedDict):
    """A range in a text."""

    start: Position
    end: Position


class CursorUpdated(TypedDict):
    """Where a user is in a file. Volatile: left out for clients that cannot take it at once.
    `version` is that of the document which the place is in, if the sender has told it.
    """

    user: User
    socketId: str
    projectId: str
    filePath: str
    position: Position
    selection: NotRequired[Selection]
    version: NotRequired[int]


class DownloadCreatePayload(Payload):
    """A file, or a folder as a zip archive; without `filePath` the whole project."""

    projectId: str
    filePath: NotRequired[str | None]


class DownloadResult(TypedDict):
    """Where it can be fetched, once, until `expiresAt`, and the name for the file."""

    url: str
    name: str
    expiresAt: str


class EchoResult(TypedDict):
    """What came."""

    data: Any


class EnvelopeMetadata(TypedDict):
    """Where an event comes from: "client" is what a client did and others hear of, "server" what
    the server answers or does by itself.
    """

    source: Literal["client", "server"]
    priority: Literal["high", "low", "medium"]
    correlationId: NotRequired[str]


class Envelope(TypedDict):
    """The second argument of every event that the server sends."""

    event: str
    timestamp: str
    metadata: EnvelopeMetadata
    userId: NotRequired[str]
    projectId: NotRequired[str]


class Failed(TypedDict):
    """An event of the client failed, and it asked for no acknowledgement."""

    code: str
    message: str
    event: str
    details: NotRequired[dict[str, Any]]


class File(TypedDict):
    """A file without its content. `name` is the last part of the path, `size` in bytes, `hash` the
    SHA-256 of the content. `revision` grows with every change of any file in the project.
    `mediaType`, such as `image/png`, is that of a file that is no text: `file:download` has its
    bytes.
    """

    path: str
    name: str
    size: int
    hash: str
    revision: int
    updatedAt: str
    updatedBy: str
    mediaType: NotRequired[str]


class FileChange(TypedDict):
    """What happened to a file. Without `content` this is news only: the file stays as it is, and a
    new one is empty. With `baseRevision` the change is refused if the file has another revision; 0
    stands for no file.
    """

    path: str
    action: Literal["created", "deleted", "updated"]
    timestamp: NotRequired[str | None]
    content: NotRequired[str | None]
    baseRevision: NotRequired[int | None]


class FileChangePayload(Payload):
    """A change. With `lockToken` it is only made if the lock of that token still holds."""

    projectId: str
    file: FileChange
    lockToken: NotRequired[int | None]


class FileChangeResult(TypedDict):
    """The file as it is now; absent if it was deleted."""

    filePath: str
    file: NotRequired[File]


class FileClosePayload(Payload):
    """Which file."""

    projectId: str
    filePath: str


class FileCloseResult(TypedDict):
    """The file is not open any more; `closed` tells whether it was."""

    filePath: str
    closed: bool


class FileCopyPayload(Payload):
    """Which file or folder, and where it goes: the whole path, with the new name."""

    projectId: str
    filePath: str
    newPath: str


class FileCopyResult(TypedDict):
    """The path of the copy, and how many files it has; `file` if it is one."""

    filePath: str
    newPath: str
    count: int
    file: NotRequired[File]


class FileCreated(TypedDict):
    """There is a new file. `content` is left out above 64 KiB or where many files change at once:
    `file:read` has it.
    """

    file: File
    content: NotRequired[str]


class FileDeletePayload(Payload):
    """Which file or folder. With `lockToken` a file is only deleted if the lock of that token still
    holds.
    """

    projectId: str
    filePath: str
    lockToken: NotRequired[int | None]


class FileDeleteResult(TypedDict):
    """How many files are gone. `deletionId` is what `bin:restore` takes."""

    filePath: str
    deletionId: str
    count: int


class FileDeleted(TypedDict):
    """A file is gone. What was at its path before has a lower revision, and what comes there later
    a greater one than `revision`.
    """

    filePath: str
    revision: int


class FileDifference(TypedDict):
    """How a file differs between two versions; `diff` is a unified diff, cut when it is long."""

    path: str
    status: Literal["created", "deleted", "updated"]
    diff: str


class FileDownloadPayload(Payload):
    """Which file to read: as it is, as it was in a version, or as it was at a save. `offset` and
    `limit` are in bytes.
    """

    projectId: str
    filePath: str
    versionId: NotRequired[str | None]
    saveId: NotRequired[str | None]
    offset: NotRequired[int | None]
    limit: NotRequired[int | None]


class FileDownloadResult(TypedDict):
    """The bytes of a file, or a part of them: then `next` is the offset of the part that follows.
    `size` in bytes and `hash` are those of the whole file. If a part has another `hash` than the
    one before, the file has changed meanwhile. `file` is absent for a version, `mediaType` for a
    text.
    """

    filePath: str
    data: bytes
    size: int
    hash: str
    next: NotRequired[int]
    file: NotRequired[File]
    mediaType: NotRequired[str]


class FileEditPayload(Payload):
    """A change of the document at `version`, the `number`th of `author`, counted from 1."""

    projectId: str
    filePath: str
    epoch: str
    version: int
    author: str
    number: int
    change: list[Any]


class FileEdited(TypedDict):
    """A change of an open file. It leads from `version` to the next version, and changes come in
    this order. A client's own change has the user, `author` and `number` that it was sent with. A
    change from outside has the author "" and the number 0.
    """

    filePath: str
    epoch: str
    version: int
    author: str
    number: int
    user: User
    change: list[Any]


class FileHistoryPayload(Payload):
    """Which file, and which part of its history."""

    after: NotRequired[str | None]
    limit: NotRequired[int | None]
    projectId: str
    filePath: str


class Save(TypedDict):
    """A file as it was after a save, or after `count` saves within five minutes by people who typed
    together. `users` are all of them. `savedBy` and `savedAt` tell of the last save. `filePath` is
    the path that the file had.
    """

    id: str
    filePath: str
    size: int
    hash: str
    savedAt: str
    savedBy: str
    users: list[str]
    count: int
    mediaType: NotRequired[str]


class FileHistoryResult(TypedDict):
    """The saves, the last one first; `next` where there are more."""

    saves: list[Save]
    next: NotRequired[str]


class Lock(TypedDict):
    """A lock on a file. `token` is greater than that of every lock granted before; `file:change`
    takes it to make sure that the lock still holds. `orphaned`: the holder's connection is gone,
    and the lock goes with it unless the user comes back in time.
    """

    filePath: str
    lockType: Literal["exclusive", "shared"]
    user: User
    token: int
    acquiredAt: str
    orphaned: bool


class FileLocked(TypedDict):
    """A file is locked; or, if the lock is `orphaned`, its holder's connection is lost, and the
    lock ends with `file:unlocked` unless the holder comes back in time.
    """

    lock: Lock


class FileMovePayload(Payload):
    """Which file or folder, and where it goes: the whole path, with the new name. With `overwrite`
    a file replaces a file at the new path; otherwise nothing is done if something is there. With
    `lockToken` a file is only moved if the lock of that token still holds.
    """

    projectId: str
    filePath: str
    newPath: str
    overwrite: NotRequired[bool]
    lockToken: NotRequired[int | None]


class FileMoveResult(TypedDict):
    """The new path, and how many files were moved; `file` if it is one."""

    filePath: str
    newPath: str
    count: int
    file: NotRequired[File]


class FileMoved(TypedDict):
    """A file, or a folder with all `count` files in it, has another path. Locks, open documents and
    all else that is known of the files go with them. Their content and revision are what they were.
    A file that was at the new path is gone. `file` is absent for a folder. What was at both paths
    before has a lower revision, and what comes there later a greater one than `revision`.
    """

    filePath: str
    newPath: str
    count: int
    revision: int
    file: NotRequired[File]


class FileOpenPayload(Payload):
    """Which file. `since` is what a client that comes back has, and `author` is who edits there."""

    projectId: str
    filePath: str
    since: NotRequired[Base | None]
    author: NotRequired[str | None]


class Update(TypedDict):
    """A change of a document, as the one that leads from `version` to the next. `change` is a
    ChangeSet of CodeMirror as JSON; see docs/coediting.md. It is the `number`th of `author`, an
    open editor of `user`; a change from outside has the author "" and the number 0.
    """

    version: int
    author: str
    number: int
    user: User
    change: list[Any]


class FileOpenResult(TypedDict):
    """The document: its `content`, whose lines end with " ", or the `updates` since what the client
    has. `filePath` is not the path that was asked for if the document of `since` was moved
    meanwhile. `revision` is that of the last save. `number` is that of the last change of `author`
    that was taken, 0 if there is none.
    """

    filePath: str
    epoch: str
    version: int
    revision: int
    number: NotRequired[int]
    content: NotRequired[str]
    updates: NotRequired[list[Update]]


class FileReadPayload(Payload):
    """Which file to read: as it is, as it was in a version, or as it was at a save. `offset` and
    `limit` are in bytes.
    """

    projectId: str
    filePath: str
    versionId: NotRequired[str | None]
    saveId: NotRequired[str | None]
    offset: NotRequired[int | None]
    limit: NotRequired[int | None]


class FileReadResult(TypedDict):
    """The content of a file, or a part of it: then `next` is the offset of the part that follows.
    `size` in bytes and `hash` are those of the whole file. If a part has another `hash` than the
    one before, the file has changed meanwhile. `file` is absent for a version.
    """

    filePath: str
    content: str
    size: int
    hash: str
    next: NotRequired[int]
    file: NotRequired[File]


class FileUnlocked(TypedDict):
    """A lock on a file is gone; other shared ones may be left."""

    filePath: str
    token: int


class FileUpdated(TypedDict):
    """A file has changed. `content` is left out above 64 KiB or where many files change at once:
    `file:read` has it.
    """

    file: File
    content: NotRequired[str]


class FileUploadPayload(Payload):
    """A file, or a part of it: `data` from `offset` on. `size` is that of the whole file, by
    default that of `data`. All parts after the first one have the `uploadId` that the answer to it
    had. A file at the path is replaced with `overwrite`, or if it has the `baseRevision`. With
    `lockToken` that is only done if the lock of that token still holds.
    """

    projectId: str
    filePath: str
    data: bytes
    size: NotRequired[int | None]
    offset: NotRequired[int]
    uploadId: NotRequired[str | None]
    overwrite: NotRequired[bool]
    baseRevision: NotRequired[int | None]
    lockToken: NotRequired[int | None]


class FileUploadResult(TypedDict):
    """The `file` as it is now; or, if there is more to come, the upload, and the offset of the
    `next` part.
    """

    filePath: str
    file: NotRequired[File]
    next: NotRequired[int]
    uploadId: NotRequired[str]


class FilesResult(TypedDict):
    """The files, by path; `next` where there are more."""

    files: list[File]
    next: NotRequired[str]


class HistoryRestorePayload(Payload):
    """Which file, and the save that it is to be like."""

    projectId: str
    filePath: str
    saveId: str


class HistoryRestoreResult(TypedDict):
    """The file as it is now."""

    filePath: str
    file: File


class HistoryResult(TypedDict):
    """Messages of the chat, the oldest first; `next` where there are older ones."""

    messages: list[ChatMessage]
    next: NotRequired[str]


class Invitation(TypedDict):
    """A link that lets people into a project with a role, until it expires, is used up or revoked.
    Without `uses_left` it is never used up.
    """

    id: str
    role: Role
    createdAt: str
    createdBy: str
    expiresAt: str
    usesLeft: NotRequired[int]


class InvitationAcceptPayload(Payload):
    """The token of an invitation."""

    token: str


class Member(TypedDict):
    """A member of a project."""

    user: User
    role: Role


class Project(TypedDict):
    """A project. `everyone` is the role of those who are no members, if they have one."""

    id: str
    name: str
    description: str
    type: str
    members: list[Member]
    createdAt: str
    updatedAt: str
    everyone: NotRequired[Role]


class InvitationAcceptResult(TypedDict):
    """The project, and the user's role in it."""

    project: Project
    role: Role


class InvitationCreatePayload(Payload):
    """The role that an invitation gives, for how many days it holds, and how often it may be used:
    without `uses` as often as the project has room.
    """

    projectId: str
    role: NotRequired[Literal["editor", "viewer"]]
    days: NotRequired[int]
    uses: NotRequired[int | None]


class InvitationCreateResult(TypedDict):
    """The invitation, and the token that `invitation:accept` takes: it is told once."""

    invitation: Invitation
    token: str


class InvitationRevokePayload(Payload):
    """Which invitation."""

    projectId: str
    invitationId: str


class InvitationsResult(TypedDict):
    """The invitations that hold, the oldest first."""

    invitations: list[Invitation]


class LeavePayload(Payload):
    """Which project to leave; `forGood` also as a member."""

    projectId: str
    forGood: NotRequired[bool]


class LockAnswerPayload(Payload):
    """Which request is answered, and whether the lock is handed over."""

    projectId: str
    requestId: str
    answer: Literal["hand-over", "keep"]


class LockAnswerResult(TypedDict):
    """What became of the request; `lock` is the asker's, if it was handed over."""

    requestId: str
    outcome: Literal["ended", "expired", "handed-over", "kept", "withdrawn"]
    lock: NotRequired[Lock]


class LockAnswered(TypedDict):
    """What became of a request for a lock. "handed-over": it is the asker's, with this `lock`.
    "expired": there was no answer. "ended": the lock is gone, or one of the two has left.
    """

    requestId: str
    outcome: Literal["ended", "expired", "handed-over", "kept", "withdrawn"]
    filePath: NotRequired[str]
    user: NotRequired[User]
    lock: NotRequired[Lock]


class LockAskPayload(Payload):
    """Which file to ask for."""

    projectId: str
    filePath: str


class LockRequest(TypedDict):
    """Somebody asks the holder of an exclusive lock to hand it over. The request ends after
    `seconds`.
    """

    id: str
    projectId: str
    filePath: str
    user: User
    holder: User
    askedAt: str
    seconds: float


class LockAskResult(TypedDict):
    """The request."""

    request: LockRequest


class LockAsked(TypedDict):
    """Somebody asks the receiver for a file that the receiver has locked: `lock:answer` hands it
    over or keeps it.
    """

    request: LockRequest


class LockPayload(Payload):
    """What to lock, and how: several users may hold shared locks on a file, or one an exclusive
    one.
    """

    projectId: str
    filePath: str
    lockType: NotRequired[Literal["exclusive", "shared"]]


class LockResult(TypedDict):
    """The lock."""

    lock: Lock


class LockWithdrawPayload(Payload):
    """Which of the user's own requests."""

    projectId: str
    requestId: str


class LocksResult(TypedDict):
    """The locks, by token; `next` where there are more."""

    locks: list[Lock]
    next: NotRequired[str]


class LoginPayload(Payload):
    """A user's name and password."""

    username: str
    password: str


class LogoutResult(TypedDict):
    """Who is logged out."""

    userId: str


class Notification(TypedDict):
    """Something that a user should know. `user_id` is absent if it is for everybody; `project_id`
    and `about` say what it opens.
    """

    id: str
    type: str
    title: str
    message: str
    createdAt: str
    isRead: bool
    userId: NotRequired[str]
    projectId: NotRequired[str]
    about: NotRequired[About]


class NotificationNew(TypedDict):
    """Something that a user, or everybody, should know."""

    notification: Notification


class NotificationRead(TypedDict):
    """The user has read notifications on another connection: those with `ids`, or all if there are
    no `ids`.
    """

    unread: int
    ids: NotRequired[list[str]]


class NotificationReadPayload(Payload):
    """Which notifications were read; all, if none are named."""

    ids: NotRequired[list[str] | None]


class NotificationReadResult(TypedDict):
    """How many were unread until now, and how many still are."""

    marked: int
    unread: int


class NotificationsResult(TypedDict):
    """The notifications, the newest first. `unread` counts all that are unread. `next` is there if
    there are more.
    """

    notifications: list[Notification]
    unread: int
    next: NotRequired[str]


class PagePayload(Payload):
    """Which part of a long list: from the beginning, or `after` the `next` of the page before."""

    after: NotRequired[str | None]
    limit: NotRequired[int | None]


class Pong(TypedDict):
    """The answer to `test:ping`."""

    message: str


class Presence(TypedDict):
    """A user in a project: what they say that they are doing."""

    user: User
    status: Literal["away", "busy", "offline", "online"]
    activity: NotRequired[str]


class PresencePayload(Payload):
    """What the user is doing. The time is the server's, whatever `timestamp` says."""

    status: Literal["away", "busy", "offline", "online"]
    activity: NotRequired[str | None]
    timestamp: NotRequired[str | None]


class PresenceResult(TypedDict):
    """What the others see."""

    presence: Presence


class PresentResult(TypedDict):
    """The users in the project, in the order in which they came; `next` where there are more."""

    presence: list[Presence]
    next: NotRequired[str]


class ProjectCreatePayload(Payload):
    """What a new project is. `key` is its maker's own name for it. A project with the same `key` is
    not made twice, so it can be asked for again when no acknowledgement came.
    """

    name: str
    description: NotRequired[str]
    type: NotRequired[Literal["api", "cli", "data", "library", "other", "web"]]
    key: NotRequired[str | None]


class ProjectCreated(TypedDict):
    """There is a new project, or one was shared with the user who hears it."""

    project: Project


class ProjectDeleteResult(TypedDict):
    """Which project is gone."""

    projectId: str


class ProjectDeleted(TypedDict):
    """A project is gone, or not shared any more with the user who hears it."""

    projectId: str


class ProjectJoinResult(TypedDict):
    """All that a client needs to show the project; `users` are those who are there now. Of long
    lists there is the first page: `file:list` goes on after `nextFile`, `file:locks` after
    `nextLock`, `user:list` after `nextPresence`, `ai:history` after `nextMessage`. `answering` are
    the requests whose answers the assistant is making, and `answers` what there is of each;
    `assistant` is who answers.
    """

    projectId: str
    room: str
    user: User
    role: Role
    users: list[User]
    project: Project
    files: list[File]
    locks: list[Lock]
    presence: list[Presence]
    messages: list[ChatMessage]
    answering: list[str]
    answers: list[Answer]
    assistant: Assistant
    nextFile: NotRequired[str]
    nextMessage: NotRequired[str]
    nextLock: NotRequired[str]
    nextPresence: NotRequired[str]


class ProjectLeaveResult(TypedDict):
    """What was left."""

    projectId: str
    room: str


class ProjectPagePayload(Payload):
    """Which part of a long list of a project."""

    after: NotRequired[str | None]
    limit: NotRequired[int | None]
    projectId: str


class ProjectPayload(Payload):
    """What a client sends about one project."""

    projectId: str


class ProjectResult(TypedDict):
    """The project."""

    project: Project


class ProjectUpdate(TypedDict):
    """A field of a project and its new value."""

    type: Literal["description", "name", "type"]
    value: str


class ProjectUpdatePayload(Payload):
    """What changes in a project."""

    projectId: str
    update: ProjectUpdate


class ProjectUpdated(TypedDict):
    """A project or its members have changed."""

    project: Project


class ProjectsResult(TypedDict):
    """The projects; `next` where there are more."""

    projects: list[Project]
    next: NotRequired[str]


class RoomFailed(TypedDict):
    """A `room:` event of the client failed, and it asked for no acknowledgement."""

    error: str
    code: str
    message: str
    event: str
    details: NotRequired[dict[str, Any]]


class RoomJoined(TypedDict):
    """The socket is in the room."""

    room: str


class RoomLeft(TypedDict):
    """The socket is not in the room any more."""

    room: str


class RoomPayload(Payload):
    """Which room."""

    room: str


class RoomResult(TypedDict):
    """The room."""

    room: str


class RoomsResult(TypedDict):
    """The rooms that were left."""

    rooms: list[str]


class SearchHit(TypedDict):
    """A place, whose lines and UTF-16 units count from 0, with its line, or the part of it from
    `excerptColumn` on. `match` is what was found, up to 2000 characters.
    """

    start: Place
    end: Place
    match: str
    excerpt: str
    excerptColumn: NotRequired[int]
    replacement: NotRequired[str]


class SearchPayload(Payload):
    r"""What to search for, in which files. `include` and `exclude` are globs of paths: `*.js` in
    any folder, `src/**/*.py`, or a folder. With `replacement` each hit has what would replace it:
    this text, in which a regular expression may have `$1`, `$&`, `\n` and `\t`.
    """

    after: NotRequired[str | None]
    limit: NotRequired[int | None]
    projectId: str
    query: str
    isRegex: NotRequired[bool]
    isCaseSensitive: NotRequired[bool]
    isWholeWord: NotRequired[bool]
    include: NotRequired[list[str]]
    exclude: NotRequired[list[str]]
    replacement: NotRequired[str | None]


class SearchedFile(TypedDict):
    """A file with hits in it."""

    filePath: str
    hits: list[SearchHit]


class SearchResult(TypedDict):
    """The hits by path, and how many files were gone through for them. `skipped` are the files that
    are too long. `next` says where the search goes on.
    """

    files: list[SearchedFile]
    searched: int
    skipped: NotRequired[int]
    next: NotRequired[str]


class ServerDraining(TypedDict):
    """This server is about to end, and others go on. It still acknowledges what was sent: wait for
    that, send nothing more, disconnect, and connect again. After a second or two it disconnects.
    """


class ServerResync(TypedDict):
    """What happened elsewhere may not have been told: the other servers could not be reached for a
    while. `project:join` once more brings all that there is.
    """


class SessionPayload(Payload):
    """A session's id, under either of two names."""

    sessionId: NotRequired[str | None]
    token: NotRequired[str | None]


class SessionResult(TypedDict):
    """The session."""

    session: Session


class SharePayload(TypedDict):
    """Whom to share with, and their role. `userId` is that of the other user, not the sender's."""

    userId: str
    metadata: NotRequired[Metadata | None]
    projectId: str
    role: Role


class TypingPayload(Payload):
    """Whether the user is typing. Without a project that is told in each project that the socket is
    in.
    """

    isTyping: bool
    projectId: NotRequired[str | None]


class UnlockPayload(Payload):
    """What to unlock."""

    projectId: str
    filePath: str


class UnlockResult(TypedDict):
    """The file is not locked by this socket; `released` tells whether it was."""

    filePath: str
    released: bool


class UnsharePayload(TypedDict):
    """Whom to share with no longer. `userId` is that of the other user, not the sender's."""

    userId: str
    metadata: NotRequired[Metadata | None]
    projectId: str


class UserJoinResult(TypedDict):
    """The room, and whose it is."""

    room: str
    user: User


class UserJoined(TypedDict):
    """A user's first socket is in the project."""

    user: User


class UserLeaveResult(TypedDict):
    """The room."""

    room: str


class UserLeft(TypedDict):
    """A user's last socket is out of the project."""

    user: User


class UserPayload(TypedDict):
    """Who the user is."""

    userId: str
    metadata: NotRequired[Metadata | None]


class UserPresence(TypedDict):
    """What a user says that they are doing."""

    user: User
    status: Literal["away", "busy", "offline", "online"]
    timestamp: str
    activity: NotRequired[str]


class UserSearchPayload(Payload):
    """How the name or the id begins; capitals count as small letters."""

    projectId: str
    prefix: str


class UserSearchResult(TypedDict):
    """Users who are no members of the project, at most 10, by name."""

    users: list[User]


class UserTyping(TypedDict):
    """A user is typing, or not any more; typing ends by itself after four seconds."""

    user: User
    projectId: str
    isTyping: bool


class Version(TypedDict):
    """A snapshot of all files of a project. An `automatic` one was made by the server, an hour
    after the first change since the last one: `createdBy` is "".
    """

    id: str
    projectId: str
    name: str
    message: str
    createdAt: str
    createdBy: str
    fileCount: int
    automatic: NotRequired[bool]


class VersionComparePayload(Payload):
    """Which version to compare with another one, or without `otherVersionId` with the files as they
    are.
    """

    projectId: str
    versionId: str
    otherVersionId: NotRequired[str | None]


class VersionCompareResult(TypedDict):
    """The first thousand files that differ, by path, as if the version had become the other one.
    `count` is how many files differ.
    """

    versionId: str
    differences: list[FileDifference]
    count: int
    otherVersionId: NotRequired[str]


class VersionCreatePayload(Payload):
    """What to call the version. `key` is its maker's own name for it. A version with the same `key`
    is not made twice, so it can be asked for again when no acknowledgement came.
    """

    projectId: str
    name: NotRequired[str | None]
    message: NotRequired[str]
    key: NotRequired[str | None]


class VersionCreated(TypedDict):
    """There is a new version."""

    version: Version


class VersionDeleteResult(TypedDict):
    """Which version is gone."""

    versionId: str


class VersionDeleted(TypedDict):
    """A version is gone."""

    versionId: str


class VersionPayload(Payload):
    """Which version."""

    projectId: str
    versionId: str


class VersionRestoreResult(TypedDict):
    """The version; the first thousand of the `changedCount` files that have changed; and the
    version that was made of the files as they were before.
    """

    version: Version
    changed: list[str]
    changedCount: int
    backup: NotRequired[Version]


class VersionRestored(TypedDict):
    """The files are those of this version again; the events of the changed files follow."""

    version: Version


class VersionResult(TypedDict):
    """The version."""

    version: Version


class VersionsResult(TypedDict):
    """The versions, the newest first; `next` where there are more."""

    versions: list[Version]
    next: NotRequired[str]
