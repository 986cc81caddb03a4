"""Projects, and who is in them.

Invariants:
- The others in a project hear `user:joined` for a user's first socket and `user:left` for the last
  one, however it goes.
- A socket acts as the first user that it declares, and never as another one.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.api.records import User
from server.application import Application
from server.live.presence_table import Presence
from tests.server.conftest import Connect

PROJECT = {"projectId": "project-123"}
USER = {"user": {"id": "user-456", "name": "user-456"}}


def present(application: Application) -> list[str]:
    return [one.user.id for one in application.presence.page("project-123")[0]]


def acting_as(user: str) -> dict[str, str]:
    return {**PROJECT, "userId": user}


async def test_joining_tells_who_is_there(connect: Connect) -> None:
    first, second = await connect(), await connect()
    await first.ask("project:join", acting_as("user-456"))
    answer = await second.ask("project:join", acting_as("user-789"))
    assert answer["ok"] is True
    assert answer["projectId"] == "project-123"
    assert answer["room"] == "project:project-123"
    assert answer["user"] == {"id": "user-789", "name": "user-789"}
    assert answer["users"] == [
        {"id": "user-456", "name": "user-456"},
        {"id": "user-789", "name": "user-789"},
    ]


async def test_the_others_hear_of_a_users_first_and_last_socket(connect: Connect) -> None:
    other, first, second = await connect(), await connect(), await connect()
    await other.ask("project:join", acting_as("user-789"))
    await first.ask("project:join", acting_as("user-456"))
    await first.ask("project:join", acting_as("user-456"))
    assert await other.news() == [("user:joined", USER)]
    await second.ask("project:join", acting_as("user-456"))
    await first.ask("project:join", acting_as("user-456"))
    await first.ask("project:leave", acting_as("user-456"))
    await first.ask("project:leave", acting_as("user-456"))
    assert await other.news() == []
    await second.ask("project:leave", acting_as("user-456"))
    assert await other.news() == [("user:left", USER)]
    assert await first.news() == []
    assert await second.news() == []


async def test_who_disconnects_has_left(application: Application, connect: Connect) -> None:
    other, client = await connect(), await connect()
    await other.ask("project:join", acting_as("user-789"))
    await client.ask("project:join", acting_as("user-456"))
    await other.hear("user:joined")
    await client.close()
    data, envelope = await other.hear("user:left")
    assert data == USER
    assert envelope["userId"] == "user-456"
    assert envelope["projectId"] == "project-123"
    assert envelope["metadata"] == {"source": "server", "priority": "medium"}
    assert present(application) == ["user-789"]


@pytest.mark.parametrize("event", ["project:join", "project:leave", "user:typing"])
async def test_an_unknown_project_is_not_found(
    application: Application, connect: Connect, event: str
) -> None:
    client = await connect()
    payload = {"projectId": "project-999", "isTyping": True}
    error = {"code": "NOT_FOUND", "message": "project 'project-999': no such project"}
    assert await client.ask(event, payload) == {"ok": False, "error": error}
    await client.emit(event, payload)
    assert (await client.hear("error"))[0] == {**error, "event": event}
    assert application.presence.page("project-999")[0] == []


async def test_who_declares_nobody_is_a_guest(connect: Connect) -> None:
    client = await connect()
    user = (await client.ask("project:join", PROJECT))["user"]
    assert re.fullmatch(r"guest-[0-9a-f]{6}", user["id"])
    assert user["name"] == user["id"]


async def test_a_guest_who_declares_a_user_becomes_it_everywhere(
    application: Application, connect: Connect
) -> None:
    other, client = await connect(), await connect()
    await other.ask("project:join", acting_as("user-789"))
    guest = (await client.ask("project:join", PROJECT))["user"]
    await client.ask("user:typing", {"isTyping": True})
    await client.ask("room:join", {"room": f"user:{guest['id']}"})
    await other.news()
    await client.ask("room:join", {"room": "user:user-456", "userId": "user-456"})
    typing = {"user": guest, "projectId": "project-123", "isTyping": False}
    assert await other.news() == [
        ("user:typing", typing),
        ("user:left", {"user": guest}),
        ("user:joined", USER),
    ]
    [socket] = [socket for socket in await application.io.fetch_sockets() if socket.id == client.id]
    assert socket.rooms == {
        client.id,
        "project:project-123",
        "user:user-456",
        "sockets:user-456",
    }
    assert present(application) == ["user-789", "user-456"]


async def test_a_guest_may_declare_itself(connect: Connect) -> None:
    other, client = await connect(), await connect()
    await other.ask("project:join", PROJECT)
    guest = (await client.ask("project:join", PROJECT))["user"]
    await other.news()
    answer = await client.ask("project:join", acting_as(guest["id"]))
    assert answer["user"] == guest
    assert await other.news() == []
    assert (await client.ask("user:join", {"userId": "user-456"}))["error"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    ("event", "fields", "failure"),
    [
        ("room:join", {"room": "test-room"}, "room:error"),
        ("room:leave", {"room": "test-room"}, "room:error"),
        ("room:leaveAll", {}, "room:error"),
        ("project:join", PROJECT, "error"),
        ("project:leave", PROJECT, "error"),
        ("user:join", {}, "error"),
        ("user:leave", {}, "error"),
        ("user:typing", {**PROJECT, "isTyping": True}, "error"),
        ("test:ping", {}, "error"),
    ],
)
async def test_nobody_acts_as_somebody_else(
    application: Application, connect: Connect, event: str, fields: dict[str, Any], failure: str
) -> None:
    other, client = await connect(), await connect()
    await other.ask("project:join", acting_as("user-789"))
    await client.ask("project:join", acting_as("user-456"))
    await other.news()
    payload = {**fields, "userId": "user-789"}
    message = (
        "this connection acts as 'user-456' and cannot act as 'user-789': "
        "leave out userId, or open another connection"
    )
    error = {"code": "FORBIDDEN", "message": message}
    assert await client.ask(event, payload) == {"ok": False, "error": error}
    await client.emit(event, payload)
    assert (await client.hear(failure))[0]["code"] == "FORBIDDEN"
    assert await client.news() == []
    assert await other.news() == []
    assert len(present(application)) == 2


async def test_the_own_room(application: Application, connect: Connect) -> None:
    client = await connect()
    declared = {"userId": "user-456"}
    assert await client.ask("user:join", declared) == {
        "ok": True,
        "room": "user:user-456",
        **USER,
    }
    application.io.to("user:user-456").emit("private", {}, {})
    assert await client.news() == [("private", {})]
    assert await client.ask("user:leave", declared) == {"ok": True, "room": "user:user-456"}
    application.io.to("user:user-456").emit("private", {}, {})
    assert await client.news() == []


async def test_the_end_of_the_server_is_no_departure(
    application: Application, connect: Connect
) -> None:
    clients = [await connect() for _ in range(3)]
    for number, client in enumerate(clients):
        await client.ask("project:join", acting_as(f"user-{number}"))
        await client.ask("user:typing", {"isTyping": True})
    for client in clients:
        await client.news()
    sent: list[str] = []
    application.io.on_any_outgoing(lambda _socket, event, *_args: sent.append(event))
    await application.stop()
    assert sent == []
    assert application.presence.page("project-123")[0] == []
    await asyncio.gather(*(client.close() for client in clients))


SOCKETS = ["a", "b", "c"]
USERS = {"a": User("1", "1"), "b": User("1", "1"), "c": User("2", "2")}


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(SOCKETS))))
def test_a_user_is_there_as_long_as_a_socket_is(steps: list[tuple[bool, str]]) -> None:
    presence = Presence()
    there: set[str] = set()
    for enters, socket in steps:
        user = USERS[socket]
        before = {USERS[one] for one in there}
        if enters:
            changed = presence.enter("p", user, socket)
            there.add(socket)
        else:
            changed = presence.leave("p", user, socket)
            there.discard(socket)
        after = {USERS[one] for one in there}
        shown, last = presence.page("p")
        assert {one.user for one in shown} == after
        assert last is None
        assert changed == (before != after)
