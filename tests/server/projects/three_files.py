"""Three files that are changed at once, and those who tell of them held in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

import pytest

from server.api.services import Call
from server.projects import telling
from server.store.project_files import Change
from tests.server.documents.editors import written
from tests.server.wire import Client
from tests.waiting import patient

PROJECT = {"projectId": "project-123"}
NAMES = ("a", "b", "c")
PATHS = [f"lib/{name}" for name in NAMES]

Deed = Callable[[Client], Awaitable["Ready"]]


class Ready:
    """What one client is going to do to three files, which are at `paths` then."""

    def __init__(
        self, event: str, payload: dict[str, Any], heard: str, folder: str = "lib"
    ) -> None:
        self.event = event
        self.payload = {**PROJECT, **payload}
        self.heard = heard
        self.paths = [f"{folder}/{name}" for name in NAMES]


class Gate:
    """Holds whoever tells of many files, before the one at the path `before`."""

    def __init__(self) -> None:
        self.before = ""
        self.reached, self.opened = asyncio.Event(), asyncio.Event()

    async def pass_by(self, part: Sequence[Change]) -> None:
        if part[0].path == self.before and not self.opened.is_set():
            self.reached.set()
            await patient(self.opened.wait())


def gate_of(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Let each file be told by itself, and be held at the gate."""
    gate, original = Gate(), telling._texts

    async def texts(
        call: Call[Any], part: Sequence[Change], shown: Collection[str]
    ) -> dict[str, str]:
        found = await original(call, part, shown)
        await gate.pass_by(part)
        return found

    monkeypatch.setattr(telling, "AT_ONCE", 1)
    monkeypatch.setattr(telling, "_texts", texts)
    return gate


async def restore_version(client: Client) -> Ready:
    for path in PATHS:
        await written(client, path, "1")
    made = (await client.ask("version:create", PROJECT))["version"]["id"]
    for path in PATHS:
        await written(client, path, "2")
    return Ready("version:restore", {"versionId": made}, "file:updated")


async def restore_deletion(client: Client) -> Ready:
    for path in PATHS:
        await written(client, path, "1")
    deleted = await client.ask("file:delete", {**PROJECT, "filePath": "lib"})
    return Ready("bin:restore", {"deletionId": deleted["deletionId"]}, "file:created")


async def copy(client: Client) -> Ready:
    for path in PATHS:
        await written(client, path, "1")
    return Ready("file:copy", {"filePath": "lib", "newPath": "new"}, "file:created", "new")


async def delete(client: Client) -> Ready:
    for path in PATHS:
        await written(client, path, "1")
    return Ready("file:delete", {"filePath": "lib"}, "file:deleted")


DEEDS: list[Deed] = [restore_version, restore_deletion, copy, delete]


async def begun(client: Client, ready: Ready, gate: Gate, held: int) -> asyncio.Task[Any]:
    """Let a client do it, up to the part that `held` files come before."""
    await client.news()
    gate.before = ready.paths[held]
    task = asyncio.create_task(client.ask(ready.event, ready.payload))
    await patient(gate.reached.wait())
    return task


def told(news: Sequence[tuple[str, Any]]) -> list[tuple[str, str]]:
    """The names and paths of the events that are about files."""
    return [(event, path_of(data)) for event, data in news if event.startswith("file:")]


def path_of(data: Any) -> str:
    return str(data["filePath"] if "filePath" in data else data["file"]["path"])


def assert_grows(news: Sequence[tuple[str, Any]]) -> None:
    """The revisions of each file that are heard grow."""
    revisions: dict[str, list[int]] = {}
    for _, data in news:
        if "file" in data:
            revisions.setdefault(data["file"]["path"], []).append(data["file"]["revision"])
    for path, found in revisions.items():
        assert found == sorted(set(found)), path
