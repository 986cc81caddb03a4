"""Rooms by name. The literals are those of the API's document."""

from __future__ import annotations

from typing import Any

import pytest

from server.application import Application
from server.people.room_access import MAX_ROOMS
from tests.server.conftest import Connect

ALLOWED = (
    "expected project:<id>, user:<your id>, notifications, "
    "or a name that begins with test- or team:"
)


@pytest.mark.parametrize(
    "room", ["project:project-123", "user:user-456", "notifications", "test-room", "team:red"]
)
async def test_a_room_is_joined_and_left(
    application: Application, connect: Connect, room: str
) -> None:
    client = await connect()
    asked = {"room": room, "userId": "user-456"}
    assert await client.ask("room:join", asked) == {"ok": True, "room": room}
    assert (await client.hear("room:joined"))[0] == {"room": room}
    assert [socket.id for socket in await application.io.to(room).fetch_sockets()] == [client.id]
    assert await client.ask("room:leave", asked) == {"ok": True, "room": room}
    assert (await client.hear("room:left"))[0] == {"room": room}
    assert await application.io.to(room).fetch_sockets() == []


async def test_joining_and_leaving_can_be_repeated(connect: Connect) -> None:
    client = await connect()
    room = {"room": "test-room"}
    for event in ("room:join", "room:join", "room:leave", "room:leave"):
        await client.emit(event, room)
    assert await client.news() == [
        ("room:joined", room),
        ("room:joined", room),
        ("room:left", room),
        ("room:left", room),
    ]


@pytest.mark.parametrize("event", ["room:join", "room:leave"])
@pytest.mark.parametrize(
    ("room", "code", "message"),
    [
        ("lobby", "FORBIDDEN", f"room 'lobby': {ALLOWED}"),
        ("user:user-789", "FORBIDDEN", f"room 'user:user-789': {ALLOWED}"),
        ("project:project-999", "NOT_FOUND", "room 'project:project-999': no such project"),
    ],
)
async def test_other_rooms_are_refused(
    application: Application, connect: Connect, event: str, room: str, code: str, message: str
) -> None:
    client = await connect()
    payload = {"room": room, "userId": "user-456"}
    error = {"code": code, "message": message}
    assert await client.ask(event, payload) == {"ok": False, "error": error}
    await client.emit(event, payload)
    data, envelope = await client.hear("room:error")
    assert data == {"error": message, "code": code, "message": message, "event": event}
    assert envelope["metadata"] == {"source": "server", "priority": "high"}
    assert await client.news() == []
    assert await application.io.to(room).fetch_sockets() == []


@pytest.mark.parametrize("event", ["room:join", "room:leave"])
async def test_the_id_of_a_socket_is_no_room(
    application: Application, connect: Connect, event: str
) -> None:
    client, other = await connect(), await connect()
    for room in (client.id, other.id):
        answer = await client.ask(event, {"room": room})
        assert answer["error"] == {"code": "FORBIDDEN", "message": f"room {room!r}: {ALLOWED}"}
    application.io.to(other.id).emit("private", {}, {})
    application.io.to(client.id).emit("own", {}, {})
    assert await client.news() == [("own", {})]
    assert await other.news() == [("private", {})]


async def test_a_socket_whose_id_looks_like_a_free_name_is_no_room(
    application: Application, connect: Connect
) -> None:
    client, other = await connect(), await connect()
    # Ids are random, and one in a thousand million begins like this.
    application.io.sockets["test-id"] = application.io.sockets[other.id]
    answer = await client.ask("room:join", {"room": "test-id"})
    del application.io.sockets["test-id"]
    assert answer["error"] == {"code": "FORBIDDEN", "message": f"room 'test-id': {ALLOWED}"}


async def test_leaving_all_rooms_spares_the_private_ones(
    application: Application, connect: Connect
) -> None:
    client, other = await connect(), await connect()
    rooms = ["notifications", "project:project-123", "team:red"]
    for room in [*rooms, "user:user-456"]:
        await client.ask("room:join", {"room": room, "userId": "user-456"})
    await other.ask("project:join", {"projectId": "project-123", "userId": "user-789"})
    await client.news()
    await other.news()
    answer = await client.ask("room:leaveAll", {"userId": "user-456"})
    assert answer == {"ok": True, "rooms": rooms}
    assert await client.news() == [("room:left", {"room": room}) for room in rooms]
    left = {"user": {"id": "user-456", "name": "user-456"}}
    assert await other.news() == [("user:left", left)]
    [socket] = [socket for socket in await application.io.fetch_sockets() if socket.id == client.id]
    assert socket.rooms == {client.id, "user:user-456", "sockets:user-456"}


async def test_a_project_joined_by_its_room_is_joined(connect: Connect) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", {"projectId": "project-123", "userId": "user-789"})
    payload = {"room": "project:project-123", "userId": "user-456"}
    user = {"user": {"id": "user-456", "name": "user-456"}}
    await client.ask("room:join", payload)
    assert await other.news() == [("user:joined", user)]
    await client.ask("room:leave", payload)
    assert await other.news() == [("user:left", user)]


async def test_rooms_have_a_limit(connect: Connect) -> None:
    client = await connect()
    for number in range(MAX_ROOMS):
        await client.emit("room:join", {"room": f"test-{number}"})
    assert len(await client.news()) == MAX_ROOMS
    full: dict[str, Any] = await client.ask("room:join", {"room": "test-more"})
    assert full["error"] == {
        "code": "RATE_LIMIT_EXCEEDED",
        "message": "this connection is in 100 rooms, the most allowed: leave one first",
    }
    assert await client.ask("room:join", {"room": "test-0"}) == {"ok": True, "room": "test-0"}
    await client.ask("room:leave", {"room": "test-0"})
    assert (await client.ask("room:join", {"room": "test-more"}))["ok"]


async def test_projects_count_among_the_rooms(application: Application, connect: Connect) -> None:
    """What a socket does may reach all of its projects."""
    client = await connect()
    for number in range(MAX_ROOMS):
        await client.ask("room:join", {"room": f"test-{number}"})
    for event, payload in (
        ("project:join", {"projectId": "project-123"}),
        ("room:join", {"room": "project:project-123"}),
    ):
        error = (await client.ask(event, payload))["error"]
        assert error == {
            "code": "RATE_LIMIT_EXCEEDED",
            "message": "this connection is in 100 rooms, the most allowed: leave one first",
        }
    assert application.presence.page("project-123")[0] == []
    await client.ask("room:leave", {"room": "test-0"})
    assert (await client.ask("project:join", {"projectId": "project-123"}))["ok"]
