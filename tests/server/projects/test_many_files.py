"""What changes many files at once has a rate by their number, so that others can save in between.

Invariants:
- Whoever exceeds the rate waits before they let anybody wait, and is not refused.
- Each event that changes many files is counted, with what it has changed.
"""

from __future__ import annotations

from typing import Any

import pytest

from server.api.rate_limit import Rate
from server.projects import many_files
from tests.server.company import two
from tests.server.conftest import Connect
from tests.server.wire import Client

PROJECT = {"projectId": "project-123"}
FOLDER = {**PROJECT, "filePath": "src"}


async def restore_version(client: Client) -> Any:
    made = (await client.ask("version:create", PROJECT))["version"]["id"]
    for name in ("App.jsx", "TodoList.jsx"):
        change = {"path": f"src/components/{name}", "action": "updated", "content": "x"}
        assert (await client.ask("file:change", {**PROJECT, "file": change}))["ok"]
    return await client.ask("version:restore", {**PROJECT, "versionId": made})


async def delete(client: Client) -> Any:
    return await client.ask("file:delete", FOLDER)


async def restore(client: Client) -> Any:
    deleted = await client.ask("file:delete", FOLDER)
    return await client.ask("bin:restore", {**PROJECT, "deletionId": deleted["deletionId"]})


async def move(client: Client) -> Any:
    return await client.ask("file:move", {**FOLDER, "newPath": "moved"})


async def copy(client: Client) -> Any:
    return await client.ask("file:copy", {**FOLDER, "newPath": "copied"})


# Two files are deleted, and come back.
DEEDS = {restore_version: 2, delete: 2, restore: 4, move: 2, copy: 2}


@pytest.mark.parametrize("deed", DEEDS)
async def test_what_is_owed_is_waited_for(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, deed: Any
) -> None:
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(many_files, "sleep", wait)
    monkeypatch.setattr(many_files, "CHANGED", Rate("changed files", burst=1, per_second=1e-3))
    client, other = await two(connect)
    assert (await deed(client))["ok"]
    waits.clear()
    nothing = {**PROJECT, "filePath": "nothing", "newPath": "is there"}
    await other.ask("file:copy", nothing)
    assert waits == []
    await client.ask("file:copy", nothing)
    assert waits == [pytest.approx((DEEDS[deed] - 1) * 1_000, abs=1)]
