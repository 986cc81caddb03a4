"""A lock on a file, to be held with `with`."""

from __future__ import annotations

from typing import Literal, Self

from ai_coding_assistant.events import FileChangeResult
from ai_coding_assistant.locks import FileLock
from ai_coding_assistant.threads import Threads


class BlockingFileLock:
    """A `FileLock` for `with`."""

    def __init__(self, threads: Threads, lock: FileLock) -> None:
        self._threads = threads
        self._lock = lock

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_error: object) -> None:
        self.release()

    @property
    def held(self) -> bool:
        """Return whether the lock holds: it is neither released nor lost with a connection."""
        return self._lock.held

    @property
    def token(self) -> int:
        """Return the number of the lock; each lock of the server has a higher one. 0 before it."""
        return self._lock.token

    def acquire(self) -> None:
        """Take the lock; see `FileLock.acquire`."""
        self._threads.wait_for(self._lock.acquire())

    def write(
        self, content: str, *, action: Literal["created", "updated"] = "updated"
    ) -> FileChangeResult:
        """Write the file under this lock; see `FileLock.write`."""
        return self._threads.wait_for(self._lock.write(content, action=action))

    def release(self) -> None:
        """Release the lock; see `FileLock.release`."""
        self._threads.wait_for(self._lock.release())
