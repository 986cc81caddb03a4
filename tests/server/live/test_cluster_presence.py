"""Two nodes that share a Redis: presence, typing and cursors of the people on both.

What comes "at last" is waited for; that nothing
came is known by an event that was sent later the same way.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from server.api.records import User
from server.api.types import Place
from server.live.node_messages import LIVE, CursorNow, Person
from socketio_min.cluster.cluster_adapter import ClusterAdapter
from socketio_min.cluster.messages import Broadcast, Request
from tests.server.nodes import PROJECT, Nodes
from tests.server.running import running
from tests.server.wire import http_get
from tests.socketio_min.cluster.redis_server import RedisServer
from tests.waiting import PATIENCE, eventually, until


def names(answer: dict[str, Any]) -> list[str]:
    return sorted(one["user"]["id"] for one in answer["presence"])


async def test_a_project_has_the_people_of_all_nodes(nodes: Nodes) -> None:
    ada = await nodes.client(nodes.here, "ada")
    await ada.ask("user:presence", {"status": "busy", "activity": "reads"})
    await nodes.settled()
    bob = await nodes.client(nodes.there, "bob", joins=False)
    joined = await bob.ask("project:join", PROJECT)
    assert names(joined) == ["ada", "bob"]
    [seen] = [one for one in joined["presence"] if one["user"]["id"] == "ada"]
    assert (seen["status"], seen["activity"]) == ("busy", "reads")
    data, envelope = await ada.hear("user:joined")
    assert data == {"user": {"id": "bob", "name": "bob"}}
    assert (envelope["userId"], envelope["projectId"]) == ("bob", "project-123")
    assert envelope["metadata"] == {"source": "client", "priority": "medium"}
    # Once more, on the other node: nobody has joined, and nobody leaves with the one of them.
    again = await nodes.client(nodes.there, "ada")
    await nodes.settled()
    await again.ask("project:leave", PROJECT)
    await nodes.settled()
    assert await ada.news() == await bob.news() == []
    assert names(await bob.ask("user:list", PROJECT)) == ["ada", "bob"]
    await ada.close()
    assert (await bob.hear("user:left"))[0] == {"user": {"id": "ada", "name": "ada"}}
    assert names(await bob.ask("user:list", PROJECT)) == ["bob"]


async def test_presence_reaches_the_projects_of_ones_other_node(nodes: Nodes) -> None:
    ada = await nodes.client(nodes.here, "ada", joins=False)
    await nodes.client(nodes.there, "ada")
    bob = await nodes.client(nodes.there, "bob")
    await nodes.settled()
    await ada.ask("user:presence", {"status": "away"})
    data, _ = await bob.hear("user:presence")
    assert (data["user"]["id"], data["status"]) == ("ada", "away")
    [seen] = [
        one
        for one in (await bob.ask("user:list", PROJECT))["presence"]
        if one["user"]["id"] == "ada"
    ]
    assert seen["status"] == "away"


async def test_a_node_knows_what_its_clients_hear_of_another(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the order in which it takes the two messages, however long they take."""
    ada, bob = await nodes.client(nodes.here, "ada"), await nodes.client(nodes.there, "bob")
    await nodes.settled()
    there, user = nodes.there.io.adapter, User("ada", "ada")
    handle = ClusterAdapter.handle
    known: list[Any] = []

    def watched(self: ClusterAdapter, uid: str, message: Request) -> None:
        if self is there and isinstance(message, Broadcast):
            said = nodes.there.presence.said(user)
            known.append((message.args[0], said and said.status))
        handle(self, uid, message)

    monkeypatch.setattr(ClusterAdapter, "handle", watched)
    for status in ("busy", "away"):
        await ada.ask("user:presence", {"status": status})
        assert (await bob.hear("user:presence"))[0]["status"] == status
    assert known == [("user:presence", "busy"), ("user:presence", "away")]


async def test_typing_is_seen_and_ends_on_all_nodes(nodes: Nodes) -> None:
    ada, bob = await nodes.client(nodes.here, "ada"), await nodes.client(nodes.there, "bob")
    other = await nodes.client(nodes.here, "ada")
    for one in (ada, other):
        await one.ask("user:typing", {"isTyping": True, **PROJECT})
        typing, _ = await bob.hear("user:typing")
        assert typing == {"user": {"id": "ada", "name": "ada"}, **PROJECT, "isTyping": True}
    await ada.ask("user:typing", {"isTyping": False, **PROJECT})
    await nodes.settled()
    assert [name for name, _ in await bob.news()] == []
    await other.ask("user:typing", {"isTyping": False, **PROJECT})
    typing, _ = await bob.hear("user:typing")
    assert not typing["isTyping"]
    # Whoever does not say so is typing no more after a time, also if the node has died.
    await ada.ask("user:typing", {"isTyping": True, **PROJECT})
    await bob.hear("user:typing")
    [(holder, timers)] = nodes.there.typing._timers.items()
    timers["project-123"][0].cancel()
    nodes.there.typing._expire(holder, "project-123")
    assert not (await bob.hear("user:typing"))[0]["isTyping"]


async def test_of_the_cursors_of_a_turn_the_newest_is_told(nodes: Nodes) -> None:
    ada, bob = await nodes.client(nodes.here, "ada"), await nodes.client(nodes.there, "bob")
    await nodes.settled()
    await bob.news()
    place = {"filePath": "a.py", "position": {"line": 1, "column": 2}, "version": 3}
    selection = {"start": {"line": 1, "column": 0}, "end": {"line": 1, "column": 2}}
    await ada.ask("cursor:update", {**PROJECT, **place, "selection": selection})
    data, envelope = await bob.hear("cursor:updated")
    assert data == {
        "user": {"id": "ada", "name": "ada"},
        "socketId": ada.id,
        **PROJECT,
        **place,
        "selection": selection,
    }
    assert envelope["metadata"] == {"source": "client", "priority": "low"}

    def move(name: str, path: str, line: int) -> None:
        person = Person(name, name)
        nodes.here.cluster_presence.cursor(
            CursorNow(person, ada.id, "project-123", path, Place(line, 0))
        )

    for line in range(100):
        move("ada", "a.py", line)
        move("ada", "b.py", line)
        move("eve", "a.py", line)
    await nodes.settled()
    heard = [
        (data["user"]["id"], data["filePath"], data["position"]["line"])
        for name, data in await bob.news()
        if name == "cursor:updated"
    ]
    assert heard == [("ada", "a.py", 99), ("ada", "b.py", 99), ("eve", "a.py", 99)]
    # What does not fit into one message goes with the next.
    for number in range(450):
        move(f"user-{number}", "a.py", 0)
    await asyncio.sleep(0)
    assert len(nodes.here.cluster_presence._cursors) == 250
    await nodes.settled()
    assert len(await bob.news()) == 450


async def test_a_node_speaks_for_its_own_sockets_and_in_its_form(nodes: Nodes) -> None:
    ada, bob = await nodes.client(nodes.here, "ada"), await nodes.client(nodes.there, "bob")
    await nodes.settled()
    await ada.news()
    await bob.news()
    person = Person("ada", "ada")
    nodes.here.cluster_presence.cursor(
        CursorNow(person, bob.id, "project-123", "a.py", Place(0, 0))
    )
    io = nodes.here.io
    for arguments in ([], [{"node": 1}], [1, 2], [{"node": nodes.there.io.adapter.uid}]):  # type: ignore[attr-defined]
        io.server_side_emit(LIVE, *arguments)
    await nodes.settled()
    assert await bob.news() == await ada.news() == []
    assert nodes.there.io.cluster.rejected == 3


async def test_the_people_of_a_node_that_ends_have_left(nodes: Nodes, tmp_path: Path) -> None:
    bob = await nodes.client(nodes.there, "bob")
    shared = nodes.here.settings
    settings: dict[str, Any] = {
        "redis_url": shared.redis_url,
        "database_url": shared.database_url,
    }
    async with running(tmp_path / "third", **settings) as third:
        await nodes.client(third, "ada")
        await bob.hear("user:joined")
    # It has said so; its clients had time to come back.
    assert (await bob.hear("user:left"))[0]["user"]["id"] == "ada"


async def test_a_node_that_is_dead_is_dropped(nodes: Nodes) -> None:
    bob = await nodes.client(nodes.there, "bob")
    await nodes.client(nodes.here, "ada")
    await bob.hear("user:joined")
    now = asyncio.get_running_loop().time()
    presence = nodes.there.cluster_presence
    # Redis knows that it is there: it may be slow.
    await presence.sweep(now + 14)
    assert presence.others.has("ada")
    await nodes.here.io.adapter.close()
    await presence.sweep(now + 5)
    assert presence.others.has("ada")
    await presence.sweep(now + 14)
    assert not presence.others.has("ada")
    assert (await bob.hear("user:left"))[0]["user"]["id"] == "ada"
    await nodes.here.io.adapter.start()
    await until(lambda: presence.others.has("ada"))
    assert (await bob.hear("user:joined"))[0]["user"]["id"] == "ada"
    # Or it is silent for too long, whatever Redis says.
    await presence.sweep(now + 3_600)
    assert (await bob.hear("user:left"))[0]["user"]["id"] == "ada"


async def test_who_was_cut_off_looks_again(
    redis: RedisServer, nodes: Nodes, caplog: pytest.LogCaptureFixture
) -> None:
    ada, bob = await nodes.client(nodes.here, "ada"), await nodes.client(nodes.there, "bob")
    await nodes.settled()
    await bob.news()
    redis.kill()
    await eventually(lambda: not nodes.there.io.cluster.connected)
    port = nodes.there.port
    status, _, body = await http_get(port, "/readyz")
    missing = "Redis: this server goes on without the others"
    assert (status, json.loads(body)) == (200, {"status": "ready", "missing": missing})
    # Nobody waits for the others, and what is told to them now is not kept for them.
    await ada.ask(
        "cursor:update", {**PROJECT, "filePath": "a", "position": {"line": 0, "column": 0}}
    )
    eve = await nodes.client(nodes.there, "eve")
    assert (await bob.hear("user:joined"))[0]["user"]["id"] == "eve"
    redis.start()
    for client in (ada, bob, eve):
        data, envelope = await client.hear("server:resync")
        assert (data, envelope["metadata"]) == ({}, {"source": "server", "priority": "high"})

    async def seen() -> bool:
        # The two servers come back to Redis one after the other, and tell of their people then. Who
        # asks more than a hundred times a second is refused.
        await asyncio.sleep(0.02)
        return names(await ada.ask("project:join", PROJECT)) == ["ada", "bob", "eve"]

    async with asyncio.timeout(PATIENCE):
        while not await seen():
            pass
    assert json.loads((await http_get(port, "/readyz"))[2]) == {"status": "ready"}
    assert "cluster_resyncs_total 1\n" in (await http_get(port, "/metrics"))[2]
    assert "the other servers can be reached again: the clients here look again" in caplog.text
