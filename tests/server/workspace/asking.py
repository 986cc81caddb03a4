"""What the tests of a mirrored project ask for and wait for."""

from __future__ import annotations

import asyncio
from typing import Any

from server.application import Application
from server.workspace.mirrored_project import PROJECT_ID
from server.workspace.workspace import Workspace
from tests.server.wire import Client
from tests.waiting import PATIENCE

PROJECT = {"projectId": PROJECT_ID}


def mirror_of(application: Application) -> Workspace:
    """The mirror of a server that is alone."""
    assert isinstance(application.workspace, Workspace)
    return application.workspace


def change(path: str, action: str, **fields: Any) -> dict[str, Any]:
    return {**PROJECT, "file": {"path": path, "action": action, **fields}}


async def files(client: Client) -> dict[str, str]:
    """The texts of the project."""
    found = {}
    for file in (await client.ask("file:list", PROJECT))["files"]:
        if "mediaType" in file:
            continue
        answer = await client.ask("file:read", {**PROJECT, "filePath": file["path"]})
        found[file["path"]] = answer["content"]
    return found


async def heard(client: Client, *expected: tuple[str, str]) -> list[Any]:
    """Wait for these events about these paths, in any order; returns their data."""
    left = list(expected)
    found = []
    async with asyncio.timeout(PATIENCE):
        while left:
            while not client.heard:
                await client.more()
            event, data, _ = client.heard.pop(0)
            path = data.get("filePath") or data["file"]["path"]
            assert (event, path) in left, (event, path)
            left.remove((event, path))
            found.append(data)
    return found
