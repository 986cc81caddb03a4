"""Uploads that are not at their end, in memory. The database has what has come of each.

Whoever stops in the middle can go on within `IDLE_SECONDS`, also on another connection to this
server; another server knows nothing of it, and the file is sent from its beginning. A user has few
uploads at once: the one that was idle for longest makes room for a new one.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Final

from server.api.errors import Code, EventError
from server.store.repositories.contents import Incoming

MOST_OF_ONE: Final = 4
"""Unfinished uploads of one user."""
MOST: Final = 100
"""Unfinished uploads of all users: each may hold a part of its content in memory, 256 KiB."""
IDLE_SECONDS: Final = 60.0


class Upload:
    """A file that comes part by part: `size` bytes in the end.

    turn: only one part is taken at a time. used: when the last part came, in seconds.
    """

    __slots__ = ("id", "incoming", "path", "project_id", "size", "turn", "used", "user_id")

    def __init__(
        self, user_id: str, project_id: str, path: str, size: int, incoming: Incoming
    ) -> None:
        self.id = f"upload-{secrets.token_hex(8)}"
        self.user_id = user_id
        self.project_id = project_id
        self.path = path
        self.size = size
        self.incoming = incoming
        self.turn = asyncio.Lock()
        self.used = 0.0


class Uploads:
    """The uploads of an application's users. `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        # In the order of their last use, the last one last.
        self._uploads: dict[str, Upload] = {}

    def __len__(self) -> int:
        return len(self._uploads)

    def add(self, upload: Upload) -> None:
        """Add a new upload.

        Raises:
            EventError: all users together have too many (`RATE_LIMIT_EXCEEDED`).
        """
        self.sweep()
        own = [one for one in self._uploads.values() if one.user_id == upload.user_id]
        if len(own) >= MOST_OF_ONE:
            self.end(own[0])
        if len(self._uploads) >= MOST:
            raise EventError(
                Code.RATE_LIMIT_EXCEEDED,
                f"{MOST} large files are being uploaded, the most allowed: try again in a minute",
                {"retryAfter": IDLE_SECONDS},
            )
        self._touch(upload)

    def find(self, upload_id: str, user_id: str, project_id: str, path: str) -> Upload:
        """Return an unfinished upload of a user.

        Raises:
            EventError: there is none for this file (`NOT_FOUND`).
        """
        upload = self._uploads.get(upload_id)
        wanted = (user_id, project_id, path)
        if upload is None or (upload.user_id, upload.project_id, upload.path) != wanted:
            raise EventError(
                Code.NOT_FOUND,
                f"upload {upload_id!r}: it was given up, has begun at another server, or is of "
                "another file: send the file from its beginning",
            )
        self._touch(upload)
        return upload

    def end(self, upload: Upload) -> None:
        """Forget an upload, and delete that of its content which no file has."""
        self._uploads.pop(upload.id, None)
        upload.incoming.give_up()

    def sweep(self) -> None:
        """Forget the uploads that were idle for too long."""
        latest = self._clock() - IDLE_SECONDS
        for upload in list(self._uploads.values()):
            if upload.used > latest:
                return
            self.end(upload)

    def _touch(self, upload: Upload) -> None:
        upload.used = self._clock()
        self._uploads.pop(upload.id, None)
        self._uploads[upload.id] = upload
