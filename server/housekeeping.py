"""What is due from time to time, whether or not anybody is there: every minute.

Each part is a small piece of work for nobody in particular, which takes its turn at the database
among those of users. What fails is tried again a minute later.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from server.api.envelope import timestamp
from server.api.errors import EventError
from server.api.file_announcements import VersionCreated, VersionDeleted
from server.api.records import Version
from server.api.services import Services
from server.people.room_access import project_room
from server.projects.deletion_notices import KEPT_DAYS

EVERY_SECONDS: Final = 60.0
VERSION_AFTER: Final = timedelta(hours=1)
"""How long after the first change since the last version the server makes a version."""
MOST_AUTOMATIC: Final = 100
"""Automatic versions of a project. The oldest one goes with a new one."""
_DAY: Final = timedelta(days=1)
_MONTH: Final = timedelta(days=30)

logger = logging.getLogger("server")


class Housekeeping:
    """Does what is due for an application, every `seconds`.

    does: returns whether this server is the one among several that does it. What is only in this
    server's memory is tidied up in any case.
    """

    def __init__(
        self, services: Services, does: Callable[[], bool], seconds: float = EVERY_SECONDS
    ) -> None:
        self._services = services
        self._does = does
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End, in the middle if need be: each piece of work is done as a whole or not at all."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            try:
                self._services.uploads.sweep()
                if self._does():
                    await self.tidy(datetime.now(UTC))
            except EventError as error:
                logger.error("tidying up failed, and is tried again: %s", error.message)
            except Exception:
                logger.exception("tidying up failed, and is tried again")

    async def tidy(self, now: datetime) -> None:
        """Do what is due at this time."""
        store = self._services.store
        while await store.accounts.forget_expired_sessions(self._services.auth.clock()):
            pass
        while await store.bin.expire(timestamp(now - timedelta(days=KEPT_DAYS))):
            pass
        while await store.files.thin_history(timestamp(now - _DAY), timestamp(now - _MONTH)):
            pass
        # The server that took the edits may have missed that the file was moved at another one.
        for key in await store.documents.unsaved():
            self._services.saver.edited(key)
        await self._make_versions(now)

    async def _make_versions(self, now: datetime) -> None:
        """Make a version of each project that was changed an hour ago and has had no version
        since.
        """
        store = self._services.store
        due = timestamp(now - VERSION_AFTER)
        for project_id in await store.versions.projects_due(timestamp(now), due):
            await self._services.saver.save_project(project_id)
            new = Version(
                id=f"version-{secrets.token_hex(8)}",
                project_id=project_id,
                name=f"Automatic version of {timestamp(now)[:16].replace('T', ' ')}",
                message="",
                created_at=timestamp(now),
                created_by="",
                file_count=0,
                automatic=True,
            )
            work = store.of("", project_id)
            gone = await work.versions.make_room(project_id, MOST_AUTOMATIC)
            for version_id in gone:
                self._tell(project_id, VersionDeleted(version_id=version_id))
            async with work.versions.create(new) as done:
                self._tell(project_id, VersionCreated(version=done.result))

    def _tell(self, project_id: str, announcement: VersionCreated | VersionDeleted) -> None:
        self._services.tell(project_room(project_id), announcement, project_id=project_id)
