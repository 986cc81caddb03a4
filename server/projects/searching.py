"""Search in all files of a project: `project:search`.

An answer is a page: it goes through some of the files and says where the next page goes on. So a
search of everything is many short jobs, between which other tasks have their turns, and a client
that has seen enough asks no more. What was typed is saved before, so it is found as well.

Nothing of a query runs in this process: a worker compiles it, and loses its process if it takes too
long.

Rejected: an index, which would be made anew with each key that anybody presses, and knows no
regular expressions; a linear-time engine, which is another package to install, for what the
workers' limits do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta, field

from server.api.records import File
from server.api.services import Call
from server.api.types import TEXT, Line, Place, ProjectPagePayload, Record
from server.api.validation import invalid
from server.background import Worker, WorkFailed
from server.projects import matching

HITS: Final = 200
"""Hits of one answer, if the client does not say how many."""
MAX_SEARCHED: Final = 1_100_000
"""Bytes of a file; a larger file is not searched. All that can be edited are smaller."""
MAX_TOTAL: Final = 4_000_000
"""Bytes that one answer goes through."""
MAX_SHOWN: Final = 200_000
"""Characters of all hits of one answer."""
FILES_AT_ONCE: Final = 500
"""Files that one answer looks at."""
SECONDS: Final = 4.0
"""Seconds that the search of one answer may take: a regular expression may never end."""
_BYTES_AT_ONCE: Final = 400_000
_TEXTS_AT_ONCE: Final = 50
_QUERY_DESCRIPTION: Final = "a text of 1 to 1000 characters"

Query = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=1_000,
        pattern=TEXT,
        description=_QUERY_DESCRIPTION,
    ),
]
Globs = Annotated[list[Line], Meta(max_length=20, description="an array of at most 20 globs")]


class SearchPayload(ProjectPagePayload, frozen=True, kw_only=True):
    r"""What to search for, in which files. `include` and `exclude` are globs of paths: `*.js` in
    any folder, `src/**/*.py`, or a folder. With `replacement` each hit has what would replace it:
    this text, in which a regular expression may have `$1`, `$&`, `\n` and `\t`.
    """

    query: Query
    is_regex: bool = False
    is_case_sensitive: bool = False
    is_whole_word: bool = False
    include: Globs = field(default_factory=list)
    exclude: Globs = field(default_factory=list)
    replacement: Annotated[str, Meta(max_length=1_000)] | None = None


class SearchHit(Record, frozen=True):
    """A place, whose lines and UTF-16 units count from 0, with its line, or the part of it from
    `excerptColumn` on. `match` is what was found, up to 2000 characters.
    """

    start: Place
    end: Place
    match: str
    excerpt: str
    excerpt_column: int = 0
    replacement: str | None = None


class SearchedFile(Record, frozen=True):
    """A file with hits in it."""

    file_path: str
    hits: list[SearchHit]


class SearchResult(Record, frozen=True):
    """The hits by path, and how many files were gone through for them. `skipped` are the files that
    are too long. `next` says where the search goes on.
    """

    files: list[SearchedFile]
    searched: int
    skipped: int = 0
    next: str | None = None


class _Wanted(msgspec.Struct, frozen=True, rename="camel"):
    query: str
    is_regex: bool
    is_case_sensitive: bool
    is_whole_word: bool
    replacement: str | None


async def search(call: Call[SearchPayload]) -> SearchResult:
    """Search in all files of the project, including what is being typed, page by page.

    Regular expressions are those of Python. One that takes too long is refused.
    """
    payload = call.payload
    after, skip = _position(payload.after)
    await call.services.saver.save_project(payload.project_id, call.user.id)

    async def job(worker: Worker) -> SearchResult:
        async with asyncio.timeout(SECONDS):
            return await _search(call, worker, after, skip)

    try:
        return await call.services.background.run(call.user.id, job)
    except (WorkFailed, TimeoutError):
        text = "takes too long, or too much memory, in these files, expected a simpler one"
        raise invalid("$.query", text) from None


async def _search(call: Call[SearchPayload], worker: Worker, after: str, skip: int) -> SearchResult:
    payload, store = call.payload, call.store
    wanted = msgspec.to_builtins(
        _Wanted(
            payload.query,
            payload.is_regex,
            payload.is_case_sensitive,
            payload.is_whole_word,
            payload.replacement,
        )
    )
    files, following = await store.files.page(payload.project_id, after, FILES_AT_ONCE)
    paths = [file.path for file in files]
    indices = await worker.call(
        matching.chosen, paths, list(payload.include), list(payload.exclude)
    )
    chosen = [files[index] for index in indices]
    short = [one for one in chosen if one.size <= MAX_SEARCHED and one.media_type is None]
    found: list[SearchedFile] = []
    left, room, searched = payload.limit or HITS, MAX_SHOWN, 0
    total = 0
    for part in _parts(short):
        texts = await store.contents.texts([file.hash for file in part])
        given = [(file.path, texts[file.hash]) for file in part if file.hash in texts]
        answer = await worker.call(matching.find, given, wanted, skip, left, room)
        if "fault" in answer:
            raise invalid("$.query", f"is no regular expression: {answer['fault']}")
        skip = 0
        new = [
            SearchedFile(path, msgspec.convert(hits, list[SearchHit]))
            for path, hits in answer["files"]
        ]
        found += new
        left -= sum(len(one.hits) for one in new)
        room -= sum(_shown(hit) for one in new for hit in one.hits)
        searched += answer["done"]
        total += sum(file.size for file in part)
        if answer["done"] < len(given):
            path = given[answer["done"]][0]
            previous = _before(paths, path, after)
            return SearchResult(found, searched, next=f"{answer['seen']}:{previous}")
        if total >= MAX_TOTAL and part[-1] is not short[-1]:
            return SearchResult(found, searched, next=f"0:{part[-1].path}")
    skipped = len(chosen) - len(short)
    return SearchResult(found, searched, skipped, None if following is None else f"0:{following}")


def _shown(hit: SearchHit) -> int:
    return len(hit.excerpt) + len(hit.match) + len(hit.replacement or "")


def _before(paths: Sequence[str], path: str, after: str) -> str:
    """Return the path that a page goes on after, so that it begins with `path`."""
    index = paths.index(path)
    return paths[index - 1] if index else after


def _parts(files: Sequence[File]) -> Iterator[list[File]]:
    part: list[File] = []
    size = 0
    for file in files:
        if part and (len(part) == _TEXTS_AT_ONCE or size + file.size > _BYTES_AT_ONCE):
            yield part
            part, size = [], 0
        part.append(file)
        size += file.size
    if part:
        yield part


def _position(after: str | None) -> tuple[str, int]:
    """Return the path that a page goes on after, and how many hits of the next file it leaves out.

    Raises:
        EventError: `after` is no `next` of a search (`VALIDATION_ERROR`).
    """
    if after is None:
        return "", 0
    skip, colon, path = after.partition(":")
    if not colon or not (skip.isascii() and skip.isdigit()) or len(skip) > 9:
        raise invalid("$.after", "is none that a search has given, expected the `next` of a page")
    return path, int(skip)
