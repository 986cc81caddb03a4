"""The versions of projects, as methods to await."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Final

from server.api.records import Project, Version
from server.store import automatic_versions, membership, pages, snapshots
from server.store.connection import Connection
from server.store.database import Desk, Done
from server.store.pages import Page
from server.store.project_files import CheckMany
from server.store.snapshots import Differing, Restored

_COMPARED: Final = 500
"""Files of each side that one piece of work compares."""


class Versions:
    """Keeps versions of all files of a project, goes back to them and compares them."""

    __slots__ = ("_desk",)

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def create(
        self, new: Version, key: str | None = None
    ) -> AbstractAsyncContextManager[Done[Version]]:
        """Make a version of a project's files, in steps; see `snapshots.create` and
        `Desk.in_steps`.

        Raises:
            EventError: the project has too many (`RATE_LIMIT_EXCEEDED`).
        """
        return self._desk.in_steps(lambda c: snapshots.create(c, new, key))

    def restore(
        self,
        version_id: str,
        backup: Version,
        *,
        user_id: str,
        now: Callable[[], str],
        check: CheckMany,
    ) -> AbstractAsyncContextManager[Done[Restored]]:
        """Go back to a version, in steps; see `snapshots.restore` and `Desk.in_steps`. The
        histories of the files that change do not tell of that yet.
        """
        return self._desk.in_steps(
            lambda c: snapshots.restore(
                c, version_id, backup, user_id=user_id, now=now(), check=partial(check, c)
            )
        )

    async def page(self, project_id: str, after: str, limit: int) -> Page[Version]:
        """Return a page of a project's versions."""
        return await self._desk.read(lambda c: pages.versions(c, project_id, after, limit))

    async def with_project(self, project_id: str) -> tuple[Project | None, list[Version]]:
        """Return a project and all of its versions."""
        return await self._desk.read(
            lambda c: (membership.project(c, project_id), snapshots.versions(c, project_id))
        )

    async def differing(
        self, project_id: str, version_id: str, other_id: str | None = None
    ) -> AsyncIterator[Differing]:
        """Return, by path, the files that differ between a version and another one, or the present
        files.

        They are compared piece by piece. A change in the meantime may be found or not.

        Raises:
            EventError: there is no such version (`NOT_FOUND`).
        """
        compared = await self._desk.read(
            lambda c: snapshots.compared(c, project_id, version_id, other_id)
        )
        start: str | None = ""
        while start is not None:
            work = partial(snapshots.differing, compared=compared, start=start, most=_COMPARED)
            found, start = await self._desk.read(work)
            for one in found:
                yield one

    async def delete(self, project_id: str, version_id: str) -> None:
        """Delete a version.

        Raises:
            EventError: there is no such version (`NOT_FOUND`).
        """

        def work(connection: Connection) -> None:
            snapshots.version(connection, project_id, version_id)
            snapshots.delete(connection, version_id)

        await self._desk.run(work)

    async def projects_due(self, now: str, since: str) -> list[str]:
        """Return some projects due for an automatic version; see `automatic_versions.due`."""
        return await self._desk.run(lambda c: automatic_versions.due(c, now, since))

    async def make_room(self, project_id: str, most: int) -> list[str]:
        """Delete old automatic versions. Return their ids; see `automatic_versions.make_room`."""
        return await self._desk.run(lambda c: automatic_versions.make_room(c, project_id, most))
