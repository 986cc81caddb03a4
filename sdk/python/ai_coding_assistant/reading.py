"""Lists and files that are too long for one answer, put together."""

from __future__ import annotations

from typing import Final

from ai_coding_assistant.errors import Refused
from ai_coding_assistant.events import FileReadResult

LISTS: Final = {
    "bin:list": "deletions",
    "file:list": "files",
    "file:locks": "locks",
    "history:list": "saves",
    "notification:list": "notifications",
    "project:list": "projects",
    "user:list": "presence",
    "version:list": "versions",
}
"""Where the items are in the answer to each of these events."""
PAGES: Final = (
    ("file:list", "files", "nextFile"),
    ("file:locks", "locks", "nextLock"),
    ("user:list", "presence", "nextPresence"),
)
"""How the lists go on that joining a project begins: the event, and where it is said."""
READINGS: Final = 5
"""How often a file is read that changes while it is read."""


class Parts:
    """The parts of a file. `next` is where the next one begins; `whole` is there with the last."""

    def __init__(self) -> None:
        self.next = 0
        self.whole: FileReadResult | None = None
        self._contents: list[str] = []
        self._hash: str | None = None

    def add(self, part: FileReadResult) -> bool:
        """Take a part. Return whether there are more. None of a file that has changed meanwhile
        makes a whole.
        """
        if self._hash is None:
            self._hash = part["hash"]
        elif part["hash"] != self._hash:
            return False
        self._contents.append(part["content"])
        if "next" in part:
            self.next = part["next"]
            return True
        self.whole = {**part, "content": "".join(self._contents)}
        return False


def changing(file_path: str) -> Refused:
    """Return the error for a file that is never the same for long enough."""
    message = f"file {file_path!r} changes faster than it can be read: lock it first"
    return Refused({"code": "VERSION_CONFLICT", "message": message})
