"""What a client may send about files: their contents, history and bin."""

from __future__ import annotations

from typing import Final

from server.api.rate_limit import Rate
from server.api.registry import Access, EventSpec
from server.api.types import ProjectPagePayload
from server.projects import binary_files, deleting, download_links, files, history, moving

# A folder of thousands of files is uploaded as fast as others still have their turns.
_UPLOAD: Final = Rate("upload", burst=100, per_second=50)
# Each download may be an archive of a whole project.
_DOWNLOAD: Final = Rate("download", burst=20, per_second=0.5)
# Each event may be for one of ten thousand files.
_MOVE: Final = Rate("move", burst=60, per_second=2)

FILES: Final = (
    EventSpec(
        name="file:list",
        payload=ProjectPagePayload,
        handler=files.list_files,
        result=files.FilesResult,
        access=Access.VIEWER,
    ),
    EventSpec(
        name="file:read",
        payload=files.FileReadPayload,
        handler=files.read,
        result=files.FileReadResult,
        access=Access.VIEWER,
    ),
    EventSpec(
        name="file:change",
        payload=files.FileChangePayload,
        handler=files.change,
        result=files.FileChangeResult,
        access=Access.EDITOR,
    ),
    EventSpec(
        name="file:upload",
        payload=binary_files.FileUploadPayload,
        handler=binary_files.upload,
        result=binary_files.FileUploadResult,
        access=Access.EDITOR,
        rate=_UPLOAD,
    ),
    EventSpec(
        name="file:download",
        payload=binary_files.FileDownloadPayload,
        handler=binary_files.download,
        result=binary_files.FileDownloadResult,
        access=Access.VIEWER,
    ),
    EventSpec(
        name="download:create",
        payload=download_links.DownloadCreatePayload,
        handler=download_links.create,
        result=download_links.DownloadResult,
        access=Access.VIEWER,
        rate=_DOWNLOAD,
    ),
    EventSpec(
        name="file:move",
        payload=moving.FileMovePayload,
        handler=moving.move,
        result=moving.FileMoveResult,
        access=Access.EDITOR,
        rate=_MOVE,
    ),
    EventSpec(
        name="file:delete",
        payload=deleting.FileDeletePayload,
        handler=deleting.delete,
        result=deleting.FileDeleteResult,
        access=Access.EDITOR,
        rate=_MOVE,
    ),
    EventSpec(
        name="history:list",
        payload=history.FileHistoryPayload,
        handler=history.list_saves,
        result=history.FileHistoryResult,
        access=Access.VIEWER,
    ),
    EventSpec(
        name="history:restore",
        payload=history.HistoryRestorePayload,
        handler=history.restore,
        result=history.HistoryRestoreResult,
        access=Access.EDITOR,
        rate=_MOVE,
    ),
    EventSpec(
        name="bin:list",
        payload=ProjectPagePayload,
        handler=deleting.list_deletions,
        result=deleting.BinResult,
        access=Access.VIEWER,
    ),
    EventSpec(
        name="bin:restore",
        payload=deleting.BinRestorePayload,
        handler=deleting.restore,
        result=deleting.BinRestoreResult,
        access=Access.EDITOR,
        rate=_MOVE,
    ),
    EventSpec(
        name="file:copy",
        payload=moving.FileCopyPayload,
        handler=moving.copy,
        result=moving.FileCopyResult,
        access=Access.EDITOR,
        rate=_MOVE,
    ),
)
