"""The methods of a client that search a whole project, and replace what is found.

Each is a function whose first argument is the client.
"""

from __future__ import annotations

from typing import Protocol, TypedDict, Unpack

from ai_coding_assistant.calling import Caller
from ai_coding_assistant.chains import Chain
from ai_coding_assistant.documents import Document
from ai_coding_assistant.events import SearchedFile, SearchHit
from ai_coding_assistant.replacing import put_in
from ai_coding_assistant.signatures import Payload


class Opener(Caller, Protocol):
    """A client that edits files together with others."""

    async def open_document(self, project_id: str, file_path: str) -> Document:
        """Open a file to edit it."""


class SearchOptions(TypedDict, total=False):
    """What `project:search` takes beside the query."""

    isRegex: bool
    isCaseSensitive: bool
    isWholeWord: bool
    include: list[str]
    exclude: list[str]
    limit: int


class Replaced(TypedDict):
    """How many hits in a file were replaced, and how many were something else by then."""

    filePath: str
    replaced: int
    left: int


async def search(
    socket: Caller, project_id: str, query: str, **options: Unpack[SearchOptions]
) -> list[SearchedFile]:
    """Search in all files of a project, with what is being typed. Return `{filePath, hits}` of
    each that has some. The options are those of `project:search`, such as `isRegex=True` or
    `include=["*.py"]`.

    Raises:
        Refused: the query is no regular expression, or takes too long (`VALIDATION_ERROR`).
        Unreachable: there is no answer.
        SessionEnded: another user is logged in by now, or none.
    """
    payload = {"projectId": project_id, "query": query, **options}
    return await _search(socket.chain(), payload)


async def _search(chain: Chain, payload: Payload) -> list[SearchedFile]:
    found: dict[str, list[SearchHit]] = {}
    after: str | None = None
    while True:
        page = await chain.call("project:search", {**payload, "after": after})
        for file in page["files"]:
            found.setdefault(file["filePath"], []).extend(file["hits"])
        after = page.get("next")
        if after is None:
            return [{"filePath": path, "hits": hits} for path, hits in found.items()]


async def replace(
    socket: Opener,
    project_id: str,
    query: str,
    replacement: str,
    **options: Unpack[SearchOptions],
) -> list[Replaced]:
    """Search in all files of a project, and put `replacement` in the place of what is found, as
    if it was typed: what others type meanwhile stays. Return `{filePath, replaced, left}` of
    each file with hits, the numbers of those that were replaced and of those that were
    something else by then. The options are those of `search`.

    `version:create` before keeps what there was.

    Raises:
        Refused: as `search`; or a file cannot be edited (`FILE_LOCKED` is waited for).
        Unreachable: the connection was lost for good.
        SessionEnded: another user is logged in by now, or none.
    """
    chain = socket.chain()
    payload = {"projectId": project_id, "query": query, "replacement": replacement, **options}
    done = []
    for one in await _search(chain, payload):
        chain.check()
        done.append(await _replace_in(socket, project_id, one["filePath"], one["hits"]))
    return done


async def _replace_in(
    socket: Opener, project_id: str, path: str, hits: list[SearchHit]
) -> Replaced:
    async with await socket.open_document(project_id, path) as document:
        text, replaced = put_in(document.text, hits)
        document.update(lambda _: text)
    return {"filePath": path, "replaced": replaced, "left": len(hits) - replaced}
