"""What a directory has of the project that one of several servers mirrors, as methods to await."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from functools import partial

from server.api.records import User
from server.store import mirrored, taking_over
from server.store.connection import Connection
from server.store.contents import Kept
from server.store.database import Desk
from server.store.document_records import Replaced
from server.store.documents import Documents
from server.store.mirrored import Compared
from server.store.repositories.contents import Contents
from server.store.taking_over import Found


class Mirrored:
    """Compares a project with a directory for the server `node`; see `mirrored`.

    All methods raise `OtherMirror` if another server mirrors by now.
    """

    __slots__ = ("_contents", "_desk", "_documents", "_node")

    def __init__(self, desk: Desk, contents: Contents, documents: Documents, node: str) -> None:
        self._desk = desk
        self._contents = contents
        self._documents = documents
        self._node = node

    async def begin(self, project_id: str) -> None:
        """Mirror a project from now on; see `mirrored.begin`."""
        await self._desk.run(lambda c: mirrored.begin(c, project_id, self._node))

    async def differing(self, project_id: str, after: str, most: int) -> list[str]:
        """Return paths of files that differ; see `mirrored.differing`."""
        return await self._desk.read(lambda c: mirrored.differing(c, project_id, after, most))

    async def compare(
        self, project_id: str, found: Mapping[str, str], given_up: Collection[str]
    ) -> Compared:
        """Compare files of the directory with the project; see `mirrored.compare`."""
        return await self._desk.run(
            lambda c: mirrored.compare(c, project_id, self._node, found, given_up)
        )

    async def take_over(
        self,
        project_id: str,
        found: Found,
        hashes: Mapping[str, str],
        *,
        user: User,
        now: str,
    ) -> AsyncIterator[Replaced]:
        """Give files the contents that they were found with in the directory, and delete those
        without. Find what that has changed.

        Edits of their documents that are not saved are merged; see `Documents.replacing`.

        Raises:
            EventError: one cannot be taken over; those that were found before are.
        """

        def short_ones(connection: Connection, some: Found) -> list[Replaced]:
            mirrored.check(connection, project_id, self._node)
            mirrored.note(connection, {path: hashes[path] for path in some})
            return taking_over.take_over(connection, self._documents, project_id, some, user, now)

        def long_one(
            connection: Connection, path: str, text: str | bytes, content: str | bytes | Kept
        ) -> Replaced:
            mirrored.check(connection, project_id, self._node)
            mirrored.note(connection, {path: hashes[path]})
            key = (project_id, path)
            return taking_over.take_over_one(
                connection, self._documents, key, content, text, user, now
            )

        pieces, long = taking_over.in_pieces(found)
        for some in pieces:
            for one in await self._desk.run(partial(short_ones, some=some), large=True):
                yield one
        for path, text in long.items():
            async with self._contents.kept(text) as content:
                work = partial(long_one, path=path, text=text, content=content)
                yield await self._desk.run(work)

    async def written(self, project_id: str, hashes: Mapping[str, str]) -> None:
        """Note which contents files were given in the directory."""

        def work(connection: Connection) -> None:
            mirrored.check(connection, project_id, self._node)
            mirrored.note(connection, hashes)

        await self._desk.run(work)
