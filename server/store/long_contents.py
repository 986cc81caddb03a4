"""Long contents for one user, who lets others have turns between their parts; see `parts`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Iterable

from server.store.database import Desk
from server.store.parts import READ_AT_ONCE, Coming, Kept, Reading, is_long


class LongContents:
    """Keeps and reads contents at a desk that is for no project."""

    __slots__ = ("_desk",)

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @contextlib.asynccontextmanager
    async def kept(self, text: str) -> AsyncIterator[str | Kept]:
        """Keep a text part by part, if it is long, for a piece of work that gives it to a file
        while the block lasts. A short one comes with that piece of work.
        """
        if not is_long(text):
            yield text
            return
        coming = Coming(text)
        size = sys.getsizeof(text)
        await self._desk.run(coming.begin, size)
        try:
            while (kept := await self._desk.run(coming.keep_some, size)) is None:
                pass
            yield kept
        except BaseException:
            # Nobody waits for it. If it fails, the next start of the server does it.
            self._desk.run(coming.give_up).add_done_callback(lambda done: done.exception())
            raise

    async def texts(self, hashes: Iterable[str]) -> dict[str, str]:
        """Return the contents of these hashes, those that are still there."""
        reading = Reading(hashes)
        while await self._desk.run(reading.read_some, 2 * READ_AT_ONCE):
            pass
        return reading.texts
