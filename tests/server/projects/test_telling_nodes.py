"""Another node changes files while many are told of; see `test_telling`.

Invariant: nothing that is told at the end contradicts what the files are.
"""

from __future__ import annotations

from typing import Any

import pytest

from server.api.errors import Code, EventError
from server.store.repositories.files import Files
from tests.server.documents.editors import written
from tests.server.nodes import Nodes
from tests.server.projects.three_files import (
    PATHS,
    PROJECT,
    Gate,
    begun,
    copy,
    delete,
    gate_of,
    path_of,
    restore_version,
    told,
)
from tests.server.wire import Client


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return gate_of(monkeypatch)


async def two_at_nodes(nodes: Nodes) -> tuple[Client, Client]:
    """Return clients of both nodes, who have heard of each other."""
    ada, eve = await nodes.client(nodes.here, "ada"), await nodes.client(nodes.there, "eve")
    await nodes.settled()
    return ada, eve


async def all_told(nodes: Nodes, client: Client) -> list[tuple[str, Any]]:
    """What a client has heard of files when all that was told has come."""
    await nodes.settled()
    return [one for one in await client.news() if one[0].startswith("file:")]


async def test_what_another_node_saves_meanwhile_is_not_undone_by_news_of_before(
    nodes: Nodes, gate: Gate
) -> None:
    ada, eve = await two_at_nodes(nodes)
    ready = await restore_version(ada)
    for client in (ada, eve):
        await all_told(nodes, client)
    task = await begun(ada, ready, gate, 1)
    saved = await written(eve, PATHS[2], "saved")
    await nodes.settled()
    gate.opened.set()
    assert (await task)["ok"]
    for client in (ada, eve):
        news = await all_told(nodes, client)
        found = [data for _, data in news if path_of(data) == PATHS[2]]
        # The restored content would make it look as if the save was undone.
        assert {one["file"]["revision"] for one in found} == {saved["revision"]}
        assert {one.get("content") for one in found} <= {"saved", None}
        assert [data.get("content") for _, data in news if path_of(data) == PATHS[1]] == ["1"]


async def test_what_another_node_creates_meanwhile_does_not_look_deleted(
    nodes: Nodes, gate: Gate
) -> None:
    ada, eve = await two_at_nodes(nodes)
    ready = await delete(ada)
    for client in (ada, eve):
        await all_told(nodes, client)
    task = await begun(ada, ready, gate, 1)
    await written(eve, PATHS[2], "new")
    await nodes.settled()
    gate.opened.set()
    assert (await task)["ok"]
    assert told(await all_told(nodes, ada)) == [
        ("file:deleted", PATHS[0]),
        ("file:created", PATHS[2]),
        ("file:deleted", PATHS[1]),
    ]
    assert told(await all_told(nodes, eve)) == [("file:deleted", path) for path in PATHS[:2]]


async def test_what_another_node_deletes_meanwhile_does_not_look_created(
    nodes: Nodes, gate: Gate
) -> None:
    ada, eve = await two_at_nodes(nodes)
    ready = await copy(ada)
    await all_told(nodes, ada)
    task = await begun(ada, ready, gate, 1)
    deleted = await eve.ask("file:delete", {**PROJECT, "filePath": ready.paths[2]})
    assert deleted["ok"], deleted
    await nodes.settled()
    gate.opened.set()
    assert (await task)["ok"]
    assert told(await all_told(nodes, ada)) == [
        ("file:created", ready.paths[0]),
        ("file:deleted", ready.paths[2]),
        ("file:created", ready.paths[1]),
    ]


async def test_what_another_node_moves_meanwhile_keeps_its_history(
    nodes: Nodes, gate: Gate
) -> None:
    ada, eve = await two_at_nodes(nodes)
    ready = await restore_version(ada)
    task = await begun(ada, ready, gate, 1)
    moved = {**PROJECT, "filePath": PATHS[2], "newPath": "moved"}
    assert (await eve.ask("file:move", moved))["ok"]
    gate.opened.set()
    assert (await task)["ok"]
    for path in ("moved", PATHS[0], PATHS[1]):
        listed = await eve.ask("history:list", {**PROJECT, "filePath": path})
        hashes = [one["hash"] for one in listed["saves"]]
        assert (len(hashes), hashes[0]) == (3, hashes[2])


async def test_all_is_told_though_the_database_cannot_be_looked_at_again(
    nodes: Nodes, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, eve = await two_at_nodes(nodes)
    ready = await restore_version(ada)
    for client in (ada, eve):
        await all_told(nodes, client)

    async def fails(*_: Any) -> Any:
        raise EventError(Code.STORAGE_ERROR, "no connection")

    monkeypatch.setattr(Files, "at", fails)
    assert (await ada.ask(ready.event, ready.payload))["ok"]
    assert told(await all_told(nodes, eve)) == [("file:updated", path) for path in PATHS]
