"""Two nodes that share a PostgreSQL and a Redis: what reaches people on the other one."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from server.api import node_events
from server.api.errors import Code, EventError
from server.api.identity import identity_of
from server.http import workers_metrics
from server.store.postgres import Postgres
from tests.server.ai.chatting import Held
from tests.server.cluster.servers import answered
from tests.server.nodes import PROJECT, Nodes
from tests.server.running import CREDENTIALS, add_user, running
from tests.server.wire import http_get
from tests.socketio_min.cluster.redis_server import RedisServer
from tests.waiting import eventually, until


async def test_what_people_say_and_do_reaches_both_nodes(nodes: Nodes) -> None:
    ada = await nodes.client(nodes.here, "ada")
    bob = await nodes.client(nodes.there, "bob")
    own = await nodes.client(nodes.there, "bob", joins=False)
    await ada.ask("chat:message", {**PROJECT, "message": "Look here, @bob"})
    said = (await bob.hear("chat:message"))[0]["message"]
    assert (said["content"], said["mentions"]) == (
        "Look here, @bob",
        [{"id": "bob", "name": "bob"}],
    )
    # In one's own room one hears of it.
    notice = (await own.hear("notification:new"))[0]["notification"]
    assert (notice["type"], notice["userId"]) == ("mention", "bob")
    far = await nodes.client(nodes.here, "bob", joins=False)
    await far.ask("chat:read", {**PROJECT, "messageId": said["id"]})
    assert (await own.hear("chat:read"))[0] == {"messageId": said["id"], "unread": 0}
    await far.ask("notification:read", {})
    assert (await own.hear("notification:read"))[0] == {"unread": 0}
    file = {"path": "a.txt", "action": "created", "content": "one"}
    await ada.ask("file:change", {**PROJECT, "file": file})
    assert (await bob.hear("file:created"))[0]["file"]["path"] == "a.txt"
    # Whoever is connected to another node exists, and is found.
    made = await ada.ask("project:create", {"name": "Ours"})
    mine = {"projectId": made["project"]["id"]}
    found = await ada.ask("user:search", {**mine, "prefix": "bo"})
    assert found["users"] == [{"id": "bob", "name": "bob"}]
    await bob.close()
    await far.close()
    await ada.ask("project:share", {**mine, "userId": "bob", "role": "viewer"})
    assert (await own.hear("project:created"))[0]["project"]["name"] == "Ours"
    ticket = await ada.ask("download:create", {**PROJECT, "filePath": "a.txt"})
    await nodes.settled()
    port = nodes.there.port
    status, _, body = await http_get(port, ticket["url"])
    assert (status, "one" in body) == (200, True)
    await nodes.settled()
    assert (await http_get(nodes.here.port, ticket["url"]))[0] == 404


async def test_a_session_is_one_on_all_nodes(nodes: Nodes) -> None:
    await add_user(nodes.here)
    here = await nodes.client(nodes.here, joins=False)
    session_id = (await here.ask("auth:login", CREDENTIALS))["session"]["id"]
    there = await nodes.client(nodes.there, auth={"sessionId": session_id})
    await nodes.client(nodes.here, auth={"sessionId": session_id})
    assert (await there.ask("auth:check"))["ok"]
    [socket] = nodes.there.io.sockets.values()
    former = identity_of(socket).session_key
    await there.news()
    renewed = (await here.ask("auth:refresh"))["session"]["id"]
    assert (await there.hear("auth:session"))[0]["session"]["id"] == renewed
    await eventually(lambda: identity_of(socket).session_key != former)
    assert (await there.ask("auth:check"))["ok"]
    again = await nodes.client(nodes.there, auth={"sessionId": renewed})
    assert "project:project-123" in socket.rooms
    await here.ask("auth:logout")
    for client in (there, again):
        assert (await client.hear("auth:logout"))[0] == {"userId": "ada"}
    await nodes.settled()
    assert not nodes.there.sockets.of_user("ada")
    assert "project:project-123" not in socket.rooms
    # A key that is nobody's signs out whoever it would be for.
    stranger = await nodes.client(nodes.here, joins=False)
    session_id = (await stranger.ask("auth:login", CREDENTIALS))["session"]["id"]
    last = await nodes.client(nodes.there, auth={"sessionId": session_id})
    [socket] = nodes.there.sockets.of_user("ada")
    key = identity_of(socket).session_key
    nodes.here.io.server_side_emit(node_events.SESSION_RENEWED, key, "nobody")
    await eventually(lambda: not nodes.there.sockets.of_user("ada"))
    await last.close()


async def test_an_answer_is_seen_listed_and_cancelled_on_all_nodes(nodes: Nodes) -> None:
    held = Held()
    nodes.here.answers.maker.provider = held
    ada, bob = await nodes.client(nodes.here, "ada"), await nodes.client(nodes.there, "bob")
    asked = await ada.ask("ai:message", {**PROJECT, "message": "Hello"})
    request_id = asked["requestId"]
    assert (await bob.hear("ai:message"))[0]["requestId"] == request_id
    held.queue.put_nowait("Once upon a time\n")
    chunk, _ = await bob.hear("code:chunk")
    await nodes.settled()
    eve = await nodes.client(nodes.there, "eve", joins=False)
    joined = await eve.ask("project:join", PROJECT)
    assert joined["answering"] == [request_id]
    [answer] = joined["answers"]
    assert (answer["user"]["id"], answer["content"]) == ("ada", chunk["content"])
    # Only who has asked cancels it, on whatever node, and has two at most on all of them.
    refused = await eve.ask("ai:cancel", {"requestId": request_id})
    assert refused["error"]["code"] == "NOT_FOUND"
    own = await nodes.client(nodes.there, "ada")
    nodes.there.answers.maker.provider = Held()
    assert (await own.ask("ai:message", {**PROJECT, "message": "And"}))["ok"]
    refused = await own.ask("ai:message", {**PROJECT, "message": "more"})
    assert refused["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    # The connection is lost, but not its user: the answer goes on.
    await ada.close()
    await until(lambda: not nodes.here.sockets.of_user("ada"))
    [(_, timer)] = nodes.here.departures.graces.items()
    timer.cancel()
    nodes.here.departures.grace_over(*nodes.here.departures.graces)
    assert (await own.ask("ai:cancel", {"requestId": request_id}))["ok"]
    while (response := (await bob.hear("ai:response"))[0])["requestId"] != request_id:
        pass
    assert response["response"]["cancelled"]
    await nodes.settled()
    assert not nodes.there.cluster_presence.others.is_answering("project-123")


async def test_who_may_not_see_a_project_is_out_of_it_on_all_nodes(nodes: Nodes) -> None:
    bob, eve = await nodes.client(nodes.there, "bob"), await nodes.client(nodes.there, "eve")
    io = nodes.here.io
    io.server_side_emit(node_events.MEMBER_GONE, "project-123", "bob")
    assert (await eve.hear("user:left"))[0]["user"]["id"] == "bob"
    rooms = {one.id: one.rooms for one in nodes.there.io.sockets.values()}
    assert "project:project-123" not in rooms[bob.id]
    io.server_side_emit(node_events.PROJECT_GONE, "project-123")
    await eventually(lambda: "project:project-123" not in nodes.there.io.sockets[eve.id].rooms)
    assert nodes.there.presence.page("project-123")[0] == []


async def test_of_a_lock_that_is_lost_with_a_lease_everybody_hears_once(nodes: Nodes) -> None:
    ada, bob = await nodes.client(nodes.here, "ada"), await nodes.client(nodes.there, "bob")
    eve = await nodes.client(nodes.here, "eve")
    lock = {**PROJECT, "filePath": "a.txt"}
    token = (await ada.ask("file:lock", lock))["lock"]["token"]
    with psycopg.connect(nodes.database_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE nodes SET ended_at = clock_timestamp() WHERE id = %s",
            (nodes.here.database.engine.node,),
        )
    for client in (eve, bob):
        assert (await client.hear("file:unlocked"))[0]["token"] == token
    await answered(bob, "file:lock", lock)
    await nodes.settled()
    for client in (eve, bob):
        assert "file:unlocked" not in [name for name, _ in await client.news()]


async def test_an_upload_that_comes_back_to_another_node_begins_anew(nodes: Nodes) -> None:
    here, there = await nodes.client(nodes.here, "ada"), await nodes.client(nodes.there, "ada")
    file = {**PROJECT, "filePath": "a.bin", "size": 4}
    begun = await here.ask_with("file:upload", file, b"ab")
    assert begun["next"] == 2
    rest = {**file, "offset": 2, "uploadId": begun["uploadId"]}
    refused = await there.ask_with("file:upload", rest, b"cd")
    assert (refused["error"]["code"], refused["error"]["message"]) == (
        "NOT_FOUND",
        f"upload {begun['uploadId']!r}: it was given up, has begun at another server, or is of "
        "another file: send the file from its beginning",
    )
    assert (await there.ask_with("file:upload", file, b"ab"))["next"] == 2
    # It is not lost for a client that comes back to where it has begun.
    assert (await here.ask_with("file:upload", rest, b"cd"))["file"]["size"] == 4


async def test_the_metrics_of_a_machine_are_those_of_all_its_workers(
    redis: RedisServer, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers_metrics, "_SECONDS", 0.2)
    async with AsyncExitStack() as stack:
        shared: dict[str, Any] = {"redis_url": redis.url, "database_url": postgres.url}
        of_names = [("AA", 2), ("AA", 2), ("BB", 2)]
        servers = [
            await stack.enter_async_context(
                running(tmp_path / f"{n}", node_name=name, workers=workers, **shared)
            )
            for n, (name, workers) in enumerate(of_names)
        ]
        port = servers[0].port
        uptime = 'process_uptime_seconds{node="AA"} '

        async def uptimes() -> int:
            page = (await http_get(port, "/metrics"))[2]
            assert page.count("# TYPE process_uptime_seconds gauge\n") == 1
            assert 'node="BB"' not in page
            return page.count(uptime)

        assert await uptimes() == 2
        # Malformed, or with lines of its own.
        family = ["process_uptime_seconds", "About", "gauge"]
        for families in (["x"], [family], [[*family, [f" 1\n{uptime}2"]]], [[*family, [1]]]):
            monkeypatch.setattr(servers[1].metrics, "families", lambda said=families: said)
            assert await uptimes() == 1

        def silent() -> None:
            raise EventError(Code.INTERNAL_ERROR, "it does not answer")

        monkeypatch.setattr(servers[1].metrics, "families", silent)
        assert await uptimes() == 1


async def test_what_is_malformed_is_counted(nodes: Nodes) -> None:
    bob = await nodes.client(nodes.there, "bob")
    bad: list[tuple[str, list[Any]]] = [
        (node_events.NOTIFICATION, []),
        (node_events.NOTIFICATION, [{"id": 1}]),
        (node_events.SESSION_OVER, [None]),
        (node_events.LOCK_LOST, [{"path": "a"}]),
        (node_events.MEMBER_GONE, ["project-123"]),
        (node_events.TICKET, ["secret", "bob", "project-123", None, "x", 1]),
        (node_events.ANSWERS, ["x" * 129]),
    ]
    await nodes.settled()
    before = nodes.there.io.cluster.rejected
    for event, arguments in bad:
        nodes.here.io.server_side_emit(event, *arguments)
    await nodes.settled()
    assert nodes.there.io.cluster.rejected - before == len(bad)
    assert await bob.news() == []
