"""The methods of a client for lists and files.

Each is a function whose first argument is the client.
"""

from __future__ import annotations

from typing import Any, Protocol, cast
from urllib.parse import urljoin

from ai_coding_assistant.calling import Caller
from ai_coding_assistant.events import (
    BinRestoreResult,
    File,
    FileCopyResult,
    FileDeleteResult,
    FileDownloadPayload,
    FileDownloadResult,
    FileMoveResult,
    FileReadResult,
    HistoryRestoreResult,
    ProjectJoinResult,
)
from ai_coding_assistant.reading import LISTS, PAGES, READINGS, Parts, changing
from ai_coding_assistant.signatures import AnyEvent, AsyncCall, Payload
from ai_coding_assistant.transfers import download, upload


class Located(Caller, Protocol):
    """A client that knows where its server is."""

    @property
    def base_url(self) -> str:
        """Return the server's address."""


async def list_all(
    socket: Caller, event: str, payload: Payload | None = None, after: str | None = None
) -> list[Any]:
    """Return all items of "bin:list", "file:list", "file:locks", "history:list", "user:list",
    "version:list", "project:list" or "notification:list", page by page; or those after the
    `next` of a page.

    Raises:
        Refused, Unreachable: as `call`.
        SessionEnded: another user is logged in by now, or none.
    """
    return await _list_all(socket.chain().call, event, payload or {}, after)


async def _list_all(call: AsyncCall, event: str, payload: Payload, after: str | None) -> list[Any]:
    key = LISTS[event]
    found: list[Any] = []
    while True:
        page = await call(AnyEvent(event), {**payload, "after": after})
        found += page[key]
        after = page.get("next")
        if after is None:
            return found


async def add_further_pages(call: AsyncCall, project_id: str, joined: ProjectJoinResult) -> None:
    """Add to what joining a project told whatever did not fit into it.

    Raises:
        SDKError: as `call`.
    """
    whole = cast("dict[str, Any]", joined)
    for event, key, next_page in PAGES:
        after = whole.pop(next_page, None)
        if after is not None:
            whole[key] += await _list_all(call, event, {"projectId": project_id}, after)


async def read_file(
    socket: Caller,
    project_id: str,
    file_path: str,
    version_id: str | None = None,
    *,
    save_id: str | None = None,
) -> FileReadResult:
    """Read a file of any size, part by part. Return `{filePath, content, size, hash, file?}`.
    With a `version_id` or a `save_id` it is what it was then.

    Raises:
        Refused: there is no such file (`NOT_FOUND`), or it changes faster than it can be read
            (`VERSION_CONFLICT`).
        Unreachable: there is no answer.
        SessionEnded: another user is logged in by now, or none.
    """
    payload = _place(project_id, file_path, version_id, save_id)
    call = socket.chain().call
    for _ in range(READINGS):
        parts = Parts()
        while parts.add(await call("file:read", {**payload, "offset": parts.next})):
            pass
        if parts.whole is not None:
            return parts.whole
    raise changing(file_path)


async def restore_save(
    socket: Caller, project_id: str, file_path: str, save_id: str
) -> HistoryRestoreResult:
    """Make a file what it was at a save of its history, also one that is gone; what others are
    typing is merged. `list_all("history:list", …)` has the saves. Return `{filePath, file}`.

    Raises:
        Refused: the save is not in the file's history any more (`NOT_FOUND`), somebody holds
            the file, or the user may not.
        Unreachable: there is no answer.
    """
    payload = {"projectId": project_id, "filePath": file_path, "saveId": save_id}
    return await socket.call("history:restore", payload)


async def download_file(
    socket: Caller,
    project_id: str,
    file_path: str,
    version_id: str | None = None,
    *,
    save_id: str | None = None,
) -> FileDownloadResult:
    """Return a file of any kind as bytes: `{filePath, data, size, hash, mediaType?, file?}`.

    Without a `mediaType` it is a text.

    Raises:
        Refused: there is no such file (`NOT_FOUND`), or it changes faster than it can be read
            (`VERSION_CONFLICT`).
        Unreachable: there is no answer.
        SessionEnded: another user is logged in by now, or none.
    """
    payload = _place(project_id, file_path, version_id, save_id)
    return await download(socket.chain().call, payload)


async def upload_file(
    socket: Caller,
    project_id: str,
    file_path: str,
    data: bytes | str,
    *,
    overwrite: bool = False,
    base_revision: int | None = None,
) -> File:
    """Create a file of any kind, of at most 5 MB, or replace it if `overwrite` or if it has the
    `base_revision`. Return the file. Bytes that are UTF-8 become a text.

    Done as a whole or not at all: after `Unreachable` it may be called again.

    Raises:
        Refused: it is there already (`VERSION_CONFLICT`), somebody holds it, or the user may not.
        Unreachable: the connection was lost, or there is no answer.
        SessionEnded: another user is logged in by now, or none.
    """
    payload = {
        "projectId": project_id,
        "filePath": file_path,
        "overwrite": overwrite,
        "baseRevision": base_revision,
    }
    whole = data.encode() if isinstance(data, str) else data
    return await upload(socket.chain().call, payload, whole)


async def create_download(socket: Located, project_id: str, file_path: str | None = None) -> str:
    """Return an address at which any HTTP client can fetch a file once, within a minute.

    Of a folder, and of the whole project without `file_path`, it is a zip archive.

    Raises:
        Refused: there is nothing at that path (`NOT_FOUND`).
        Unreachable: there is no answer.
    """
    payload = {"projectId": project_id, "filePath": file_path}
    made = await socket.call("download:create", payload)
    return urljoin(socket.base_url, made["url"])


async def move_file(
    socket: Caller, project_id: str, file_path: str, new_path: str, *, overwrite: bool = False
) -> FileMoveResult:
    """Give a file or folder another path. Return `{filePath, newPath, count, file?}`.

    Raises:
        Refused: something is there already (`VERSION_CONFLICT`; a file gives way to a file with
            `overwrite`), somebody holds one of the files, or the user may not.
        Unreachable: there is no answer.
    """
    paths = {"filePath": file_path, "newPath": new_path, "overwrite": overwrite}
    return await socket.call("file:move", {"projectId": project_id, **paths})


async def copy_file(
    socket: Caller, project_id: str, file_path: str, new_path: str
) -> FileCopyResult:
    """Copy a file or folder. Return what `move_file` returns, and raise what it raises."""
    paths = {"filePath": file_path, "newPath": new_path}
    return await socket.call("file:copy", {"projectId": project_id, **paths})


async def delete_file(socket: Caller, project_id: str, file_path: str) -> FileDeleteResult:
    """Put a file or folder into the bin. Return `{filePath, deletionId, count}`.

    Raises:
        Refused: there is no such file (`NOT_FOUND`), somebody holds it, or the user may not.
        Unreachable: there is no answer.
    """
    return await socket.call("file:delete", {"projectId": project_id, "filePath": file_path})


async def restore_file(
    socket: Caller, project_id: str, deletion_id: str, new_path: str | None = None
) -> BinRestoreResult:
    """Take a file or folder out of the bin, to its own path or to `new_path`. Return
    `{filePath, count}`. `list_all("bin:list", …)` has what is in the bin.

    Raises:
        Refused: it is not in the bin any more (`NOT_FOUND`), or something is at its path
            (`VERSION_CONFLICT`).
        Unreachable: there is no answer.
    """
    payload = {"projectId": project_id, "deletionId": deletion_id, "newPath": new_path}
    return await socket.call("bin:restore", payload)


def _place(
    project_id: str, file_path: str, version_id: str | None, save_id: str | None
) -> FileDownloadPayload:
    """Return what names a file, or what it was in a version or at a save."""
    return {
        "projectId": project_id,
        "filePath": file_path,
        "versionId": version_id,
        "saveId": save_id,
    }
