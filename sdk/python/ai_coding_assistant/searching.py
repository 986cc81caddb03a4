"""The methods of a client that search a whole project, and replace what is found.

Each is a function whose first argument is the client.
"""

from __future__ import annotations

from typing import Any, Protocol

from ai_coding_assistant.calling import Caller
from ai_coding_assistant.documents import Document
from ai_coding_assistant.replacing import put_in


class Opener(Caller, Protocol):
    """A client that edits files together with others."""

    async def open_document(self, project_id: str, file_path: str) -> Document:
        """Open a file to edit it."""


async def search(
    socket: Caller, project_id: str, query: str, **options: Any
) -> list[dict[str, Any]]:
    """Search in all files of a project, with what is being typed. Return `{filePath, hits}` of
    each that has some. The options are those of `project:search`, such as `isRegex=True` or
    `include=["*.py"]`.

    Raises:
        Refused: the query is no regular expression, or takes too long (`VALIDATION_ERROR`).
        Unreachable: there is no answer.
    """
    payload = {"projectId": project_id, "query": query, **options}
    found: dict[str, list[Any]] = {}
    after: str | None = None
    while True:
        page = await socket.call("project:search", {**payload, "after": after})
        for file in page["files"]:
            found.setdefault(file["filePath"], []).extend(file["hits"])
        after = page.get("next")
        if after is None:
            return [{"filePath": path, "hits": hits} for path, hits in found.items()]


async def replace(
    socket: Opener, project_id: str, query: str, replacement: str, **options: Any
) -> list[dict[str, Any]]:
    """Search in all files of a project, and put `replacement` in the place of what is found, as
    if it was typed: what others type meanwhile stays. Return `{filePath, replaced, left}` of
    each file with hits, the numbers of those that were replaced and of those that were
    something else by then. The options are those of `search`.

    `version:create` before keeps what there was.

    Raises:
        Refused: as `search`; or a file cannot be edited (`FILE_LOCKED` is waited for).
        Unreachable: the connection was lost for good.
    """
    found = await search(socket, project_id, query, replacement=replacement, **options)
    return [await _replace_in(socket, project_id, one["filePath"], one["hits"]) for one in found]


async def _replace_in(
    socket: Opener, project_id: str, path: str, hits: list[dict[str, Any]]
) -> dict[str, Any]:
    async with await socket.open_document(project_id, path) as document:
        text, replaced = put_in(document.text, hits)
        document.update(lambda _: text)
    return {"filePath": path, "replaced": replaced, "left": len(hits) - replaced}
