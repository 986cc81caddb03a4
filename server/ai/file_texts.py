"""The texts of a project's files, part by part, for work that looks through them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

from server.ai.provider import Sources
from server.ai.relevance import Texts
from server.api.records import File

MAX_FILES: Final = 2_000
"""Files that are looked through for one answer."""
MAX_BYTES: Final = 200_000
"""Bytes of a file; a larger file is not looked at."""
MAX_TOTAL: Final = 5_000_000
"""Bytes of all files together that are looked through for one answer."""
_FILES_AT_ONCE: Final = 50
_BYTES_AT_ONCE: Final = 400_000


async def texts_of(sources: Sources, files: Sequence[File] | None = None) -> AsyncIterator[Texts]:
    """Yield, in parts, the texts of the first files that have a text and are not too large."""
    left = MAX_TOTAL
    part: list[File] = []
    for file in (sources.files if files is None else files)[:MAX_FILES]:
        if file.size > MAX_BYTES or file.media_type is not None:
            continue
        if file.size > left:
            break
        left -= file.size
        if part and (
            len(part) == _FILES_AT_ONCE
            or sum(one.size for one in part) + file.size > _BYTES_AT_ONCE
        ):
            yield await _read(sources, part)
            part = []
        part.append(file)
    if part:
        yield await _read(sources, part)


async def _read(sources: Sources, files: list[File]) -> Texts:
    texts = await sources.read([file.hash for file in files])
    return [(file.path, texts[file.hash]) for file in files if file.hash in texts]
