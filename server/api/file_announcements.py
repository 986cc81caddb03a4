"""The events that the server sends about files, their locks and their versions."""

from __future__ import annotations

from typing import Any

from server.api.announcements import Announcement
from server.api.records import File, Lock, LockOutcome, LockRequest, User, Version


class FileCreated(Announcement, frozen=True):
    """There is a new file. `content` is left out above 64 KiB or where many
    files change at once: `file:read` has it.
    """

    event = "file:created"
    heard_by = "the others in the project's room"

    file: File
    content: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the path of the file."""
        return (self.file.path,)


class FileUpdated(Announcement, frozen=True):
    """A file has changed. `content` is left out above 64 KiB or where many
    files change at once: `file:read` has it.
    """

    event = "file:updated"
    heard_by = "the others in the project's room"

    file: File
    content: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the path of the file."""
        return (self.file.path,)


class FileDeleted(Announcement, frozen=True):
    """A file is gone. What was at its path before has a lower revision, and what comes there later
    a greater one than `revision`.
    """

    event = "file:deleted"
    heard_by = "the others in the project's room"

    file_path: str
    revision: int

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the path of the file."""
        return (self.file_path,)


class FileMoved(Announcement, frozen=True):
    """A file, or a folder with all `count` files in it, has another path. Locks, open documents and
    all else that is known of the files go with them. Their content and revision are what they were.
    A file that was at the new path is gone. `file` is absent for a folder. What was at both paths
    before has a lower revision, and what comes there later a greater one than `revision`.
    """

    event = "file:moved"
    heard_by = "the project's room"

    file_path: str
    new_path: str
    count: int
    revision: int
    file: File | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the old and the new path."""
        return (self.file_path, self.new_path)


class FileEdited(Announcement, frozen=True):
    """A change of an open file. It leads from `version` to the next version, and changes come in
    this order. A client's own change has the user, `author` and `number` that it was sent with. A
    change from outside has the author "" and the number 0.
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

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the path of the file."""
        return (self.file_path,)


class FileLocked(Announcement, frozen=True):
    """A file is locked; or, if the lock is `orphaned`, its holder's connection is lost, and the
    lock ends with `file:unlocked` unless the holder comes back in time.
    """

    event = "file:locked"
    heard_by = "the others in the project's room"

    lock: Lock

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the path of the file."""
        return (self.lock.file_path,)


class FileUnlocked(Announcement, frozen=True):
    """A lock on a file is gone; other shared ones may be left."""

    event = "file:unlocked"
    heard_by = "the others in the project's room, and whoever held it and did not release it"

    file_path: str
    token: int

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the path of the file."""
        return (self.file_path,)


class LockAsked(Announcement, frozen=True):
    """Somebody asks the receiver for a file that the receiver has locked: `lock:answer` hands it
    over or keeps it.
    """

    event = "lock:asked"
    heard_by = "all sockets of the lock's holder"

    request: LockRequest


class LockAnswered(Announcement, frozen=True):
    """What became of a request for a lock. "handed-over": it is the asker's, with this `lock`.
    "expired": there was no answer. "ended": the lock is gone, or one of the two has left.
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
