"""What a client may send about the versions of a project."""

from __future__ import annotations

from typing import Final

from server.api.rate_limit import Rate
from server.api.registry import Access, EventSpec
from server.api.types import ProjectPagePayload
from server.projects import versions

_SNAPSHOT: Final = Rate("version", burst=30, per_second=1)

VERSIONS: Final = (
    EventSpec(
        name="version:create",
        payload=versions.VersionCreatePayload,
        handler=versions.create,
        result=versions.VersionResult,
        access=Access.EDITOR,
        rate=_SNAPSHOT,
    ),
    EventSpec(
        name="version:list",
        payload=ProjectPagePayload,
        handler=versions.list_versions,
        result=versions.VersionsResult,
        access=Access.VIEWER,
    ),
    EventSpec(
        name="version:compare",
        payload=versions.VersionComparePayload,
        handler=versions.compare,
        result=versions.VersionCompareResult,
        access=Access.VIEWER,
        rate=_SNAPSHOT,
    ),
    EventSpec(
        name="version:restore",
        payload=versions.VersionPayload,
        handler=versions.restore,
        result=versions.VersionRestoreResult,
        access=Access.EDITOR,
        rate=_SNAPSHOT,
    ),
    EventSpec(
        name="version:delete",
        payload=versions.VersionPayload,
        handler=versions.delete,
        result=versions.VersionDeleteResult,
        access=Access.EDITOR,
        rate=_SNAPSHOT,
    ),
)
