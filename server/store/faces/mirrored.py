"""What a directory has of the project that one of several servers mirrors, as methods to await."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from functools import partial

from server.api.records import User
from server.store import files, mirrored, parts
from server.store.connection import Connection
from server.store.database import Desk
from server.store.document_records import Replaced
from server.store.documents import Documents
from server.store.faces.contents import Contents
from server.store.faces.files import TAKEN_OVER_AT_ONCE
from server.store.mirrored import Compared
from server.store.parts import Kept


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
        return await self._desk.run(lambda c: mirrored.differing(c, project_id, after, most))

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
        found: Mapping[str, str | bytes | None],
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

        def replaced(
            connection: Connection, some: Mapping[str, str | bytes | Kept | None]
        ) -> list[Replaced]:
            mirrored.check(connection, project_id, self._node)
            done = []
            for path, content in some.items():
                mirrored.note(connection, path, hashes[path])
                # Clients may have deleted it by now.
                if content is not None or files.differs(connection, project_id, path, None):
                    done.append(one(connection, path, content))
            return done

        def one(connection: Connection, path: str, content: str | bytes | Kept | None) -> Replaced:
            text = found[path]
            change = partial(files.take_over, connection, project_id, path, content, user.id, now)
            known = text if isinstance(text, str) else None
            return self._documents.replacing(
                connection, (project_id, path), user, now, change, known
            )

        long = {path: text for path, text in found.items() if text and parts.is_long(text)}
        short = [(path, text) for path, text in found.items() if path not in long]
        for first in range(0, len(short), TAKEN_OVER_AT_ONCE):
            # Saves of others come in between.
            some = dict(short[first : first + TAKEN_OVER_AT_ONCE])
            for done in await self._desk.run(partial(replaced, some=some)):
                yield done
        for path, text in long.items():
            async with self._contents.kept(text) as content:
                for done in await self._desk.run(partial(replaced, some={path: content})):
                    yield done

    async def written(self, project_id: str, hashes: Mapping[str, str]) -> None:
        """Note which contents files were given in the directory."""

        def work(connection: Connection) -> None:
            mirrored.check(connection, project_id, self._node)
            for path, content_hash in hashes.items():
                mirrored.note(connection, path, content_hash)

        await self._desk.run(work)
