"""Contents by their hashes, and those that are still coming, as methods to await.

Other work has turns between the parts of a long one; see `server.store.contents`.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Iterable
from functools import partial

from server.store import contents
from server.store.connection import Connection
from server.store.contents import PART, READ_AT_ONCE, ContentReader, ContentWriter, Kept, is_long
from server.store.database import Desk


class Contents:
    """Keeps and reads contents at a desk that is for no project."""

    __slots__ = ("_desk",)

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @contextlib.asynccontextmanager
    async def kept(self, content: str | bytes) -> AsyncIterator[str | bytes | Kept]:
        """Store a long content part by part, for a piece of work that gives it to a file while the
        block lasts. A short content comes with that piece of work.
        """
        if not is_long(content):
            yield content
            return
        coming = ContentWriter(content)
        size = sys.getsizeof(content)
        await self._desk.run(coming.begin, size)
        try:
            while (kept := await self._desk.run(coming.keep_some, size)) is None:
                pass
            yield kept
        except BaseException:
            _give_up(self._desk, coming)
            raise

    def incoming(self) -> Incoming:
        """Return a content of which nothing has come yet."""
        return Incoming(self._desk)

    async def texts(self, hashes: Iterable[str]) -> dict[str, str]:
        """Return the contents of these hashes, as far as they are still there and are texts."""
        reading = ContentReader(hashes)
        while await self._desk.read(reading.read_some, 2 * READ_AT_ONCE):
            pass
        return reading.texts

    async def raw(self, hashes: Iterable[str]) -> dict[str, bytes]:
        """Return the contents of these hashes as bytes, as far as they are still there."""
        reading = ContentReader(hashes, raw=True)
        while await self._desk.read(reading.read_some, 2 * READ_AT_ONCE):
            pass
        return reading.raw or {}

    async def read(self, content_hash: str, offset: int, length: int) -> bytes | None:
        """Return a part of a content by its hash; None if it is gone."""

        def work(connection: Connection) -> bytes | None:
            try:
                return contents.read(connection, content_hash, offset, length)
            except LookupError:
                return None

        return await self._desk.read(work, length)


class Incoming:
    """A content that a client sends piece by piece. As soon as there is a whole part, it is stored.

    size: bytes that have come.
    """

    def __init__(self, desk: Desk) -> None:
        self.size = 0
        self._desk = desk
        self._coming: ContentWriter | None = None
        self._left = bytearray()

    async def add(self, data: bytes) -> None:
        """Take the next piece. Only one call at a time: the order is that of the calls."""
        self._left += data
        self.size += len(data)
        while len(self._left) >= PART:
            part = bytes(self._left[:PART])
            del self._left[:PART]
            await self._keep(part)

    async def whole(self) -> bytes | Kept:
        """Return all that has come, for a piece of work that gives it to a file."""
        if self._coming is None:
            return bytes(self._left)
        if self._left:
            part = bytes(self._left)
            self._left.clear()
            await self._keep(part)
        return self._coming.kept()

    def give_up(self) -> None:
        """Have what is stored deleted, unless a file has it."""
        self._left.clear()
        if self._coming is not None:
            _give_up(self._desk, self._coming)

    async def _keep(self, part: bytes) -> None:
        if self._coming is None:
            # As bytes, whose kind is not known yet.
            self._coming = ContentWriter(b"")
            await self._desk.run(self._coming.begin)
        await self._desk.run(partial(self._coming.keep, part=part), len(part))


def _give_up(desk: Desk, coming: ContentWriter) -> None:
    # Nobody waits for this. If it fails, the next start of the server does it.
    desk.run(coming.give_up).add_done_callback(lambda done: done.exception())
