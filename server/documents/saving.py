"""Save documents in their files: a second after the last edit, at latest every five.

A client that does not edit together needs to know nothing of documents: a save is `file:updated`,
as any change of a file is. Whatever reads files as they are (`file:read`, `version:create`, an
exclusive lock) saves first, and so does the end of the server. After a kill the next start saves
what the journal has.

A save has its turn at the database as work of whoever asks for it, or of the last who has edited.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from server.api.envelope import timestamp
from server.api.errors import Code, EventError
from server.api.paths import is_within, moved
from server.api.services import Services
from server.documents.announcing import announcement_of
from server.documents.open_documents import Key
from server.people.room_access import project_room

logger = logging.getLogger("server")

STILL_SECONDS: Final = 1.0
"""Seconds after its last edit when a document is saved."""
LATEST_SECONDS: Final = 5.0
"""Seconds after its first unsaved edit when a document is saved at the latest."""


class Saver:
    """Saves the documents of an application; `still` and `latest` are in seconds."""

    def __init__(
        self, services: Services, still: float = STILL_SECONDS, latest: float = LATEST_SECONDS
    ) -> None:
        self._services = services
        self._still = still
        self._latest = latest
        # When each document must be saved at the latest, by the loop's clock, the timer for it, and
        # whose work that is.
        self._due: dict[Key, tuple[float, asyncio.TimerHandle, str]] = {}
        self._saves: dict[Key, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Save soon what an earlier server had not saved when it was killed."""
        for key in await self._services.store.documents.unsaved():
            self.edited(key)

    async def close(self) -> None:
        """Save everything."""
        await self._save_these(list(self._due))
        # Changes that cannot be saved stay in the journal.
        for _, timer, _ in self._due.values():
            timer.cancel()
        self._due.clear()
        await asyncio.gather(*self._saves.values(), return_exceptions=True)

    def edited(self, key: Key, user_id: str = "", *, is_overdue: bool = False) -> None:
        """Save a document that a user has edited: soon, or at once if it `is_overdue`."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        latest, timer, before = self._due.get(key, (now + self._latest, None, ""))
        if timer is not None:
            timer.cancel()
        due = now if is_overdue else min(now + self._still, latest)
        self._due[key] = (latest, loop.call_at(due, self._begin, key), user_id or before)

    async def save(self, key: Key, user_id: str) -> None:
        """Save a document now for a user, with all edits that are committed.

        Raises:
            EventError: it cannot be saved.
        """
        self._take_off(key)
        try:
            await self._save(key, user_id)
        except EventError:
            self.edited(key, user_id)
            raise

    async def save_unsaved(self, key: Key, user_id: str) -> None:
        """Save a document if edits of it are not saved, as `save` does."""
        if key in await self._unsaved_anywhere(key[0], user_id):
            await self.save(key, user_id)

    async def save_project(
        self, project_id: str, user_id: str = "", *, within: str | None = None
    ) -> None:
        """Save all documents of a project, or those of the file or in the folder `within`.

        Raises:
            EventError: one cannot be saved.
        """
        for key in await self._unsaved_anywhere(project_id, user_id):
            if within is None or is_within(key[1], [within]):
                await self.save(key, user_id)

    def move(self, project_id: str, source: str, target: str) -> None:
        """Save documents under the paths to which they were moved."""
        for key in self.unsaved(project_id):
            path = moved(key[1], source, target)
            if path is not None:
                user_id = self._take_off(key)
                self.edited((project_id, path), user_id)

    def unsaved(self, project_id: str) -> list[Key]:
        """Return the documents of a project that have unsaved edits."""
        return [key for key in {**self._due, **self._saves} if key[0] == project_id]

    async def _unsaved_anywhere(self, project_id: str, user_id: str) -> list[Key]:
        """Return the documents of a project that have unsaved edits, also those of other servers.

        Raises:
            EventError: the database cannot be asked.
        """
        if not self._services.settings.shares_database:
            return self.unsaved(project_id)
        return await self._services.store.of(user_id, project_id).documents.unsaved_of(project_id)

    def _begin(self, key: Key) -> None:
        if key in self._saves:
            # A save that runs may have begun before the last edit.
            self._saves[key].add_done_callback(lambda _: self._begin_again(key))
            return
        save = self._surely_save(key, self._take_off(key))
        task = self._saves[key] = asyncio.get_running_loop().create_task(save)
        task.add_done_callback(lambda _: self._saves.pop(key, None))

    def _begin_again(self, key: Key) -> None:
        if key in self._due:
            self.edited(key, is_overdue=True)

    async def _surely_save(self, key: Key, user_id: str) -> None:
        try:
            await self._save(key, user_id)
        except EventError as error:
            if error.code is not Code.NOT_FOUND:
                logger.error("%s of %s is not saved: %s", key[1], key[0], error.message)
                self.edited(key, user_id)
        except Exception:
            logger.exception("%s of %s is not saved", key[1], key[0])
            self.edited(key, user_id)

    async def _save_these(self, keys: Iterable[Key]) -> None:
        for key in keys:
            await self._surely_save(key, self._take_off(key))

    async def _save(self, key: Key, user_id: str) -> None:
        project_id, path = key
        workspace = self._services.workspace
        async with workspace.changing(project_id, [path], user_id):
            saved = await self._services.store.of(user_id, project_id).documents.save(
                project_id, path, timestamp()
            )
            if saved is not None:
                await workspace.write(project_id, [saved])
        if saved is not None:
            change, content = saved
            self._services.tell(
                project_room(project_id),
                announcement_of(change, content),
                user_id=None if change.file is None else change.file.updated_by,
                project_id=project_id,
            )

    def _take_off(self, key: Key) -> str:
        """Take a document off those that are due. Return whose work its save would have been."""
        _, timer, user_id = self._due.pop(key, (0.0, None, ""))
        if timer is not None:
            timer.cancel()
        return user_id
