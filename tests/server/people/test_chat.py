"""People talk to people.

Invariants:
- What is acknowledged is there, once, whoever asks and however often it was sent.
- It reaches the project's room, and those whom it names, if they may see the project. No assistant
  hears of it.
"""

from __future__ import annotations

from typing import Any

import pytest

from server.application import Application
from server.store import leftovers, notices, people_chat
from tests.server.conftest import Connect
from tests.server.wire import Client

PROJECT = {"projectId": "project-123"}
TALKING = ("chat:message", "notification:new")


async def people(connect: Connect) -> tuple[Client, Client]:
    """Two who are in the project, and hear their notifications."""
    clients = await connect(), await connect()
    for client, name in zip(clients, ("user-456", "user-789"), strict=True):
        await client.ask("project:join", {**PROJECT, "userId": name})
        await client.ask("room:join", {"room": "notifications"})
    for client in clients:
        await client.news()
    return clients


async def say(client: Client, text: str, **more: Any) -> Any:
    return await client.ask("chat:message", {**PROJECT, "message": text, **more})


async def history(client: Client, **more: Any) -> Any:
    return await client.ask("chat:history", {**PROJECT, **more})


async def test_a_message_is_heard_kept_and_notified(connect: Connect) -> None:
    ada, bob = await people(connect)
    place = {"filePath": "./src//App.jsx", "line": 3}
    answer = await say(ada, "**Look**,\n@user-789", place=place)
    said = answer["message"]
    assert said.pop("createdAt").endswith("Z")
    message_id = said.pop("id")
    user = {"id": "user-456", "name": "user-456"}
    other = {"id": "user-789", "name": "user-789"}
    place = {"filePath": "src/App.jsx", "line": 3}
    assert said == {
        "projectId": "project-123", "user": user, "content": "**Look**,\n@user-789",
        "mentions": [other], "place": place,
    }  # fmt: skip
    (event, heard), (notified, notice) = await bob.news()
    assert (event, notified) == TALKING
    assert heard["message"]["id"] == message_id
    notification = notice["notification"]
    assert (notification["type"], notification["title"], notification["message"]) == (
        "mention", "user-456 mentioned you", "Look, @user-789",
    )  # fmt: skip
    about = {"kind": "message", "place": place, "messageId": message_id, "user": user}
    assert (notification["projectId"], notification["about"]) == ("project-123", about)
    listed = (await bob.ask("notification:list"))["notifications"]
    assert listed == [notification]
    # One's own is told, too: to the other window. Nobody is notified of naming oneself.
    assert [event for event, _ in await ada.news()] == ["chat:message"]
    await say(ada, "@user-456")
    assert [event for event, _ in await ada.news()] == ["chat:message"]
    assert (await history(bob))["messages"][0]["id"] == message_id
    # The assistant's chat has nothing of it.
    assert (await bob.ask("ai:history", PROJECT))["messages"] == []


async def test_a_message_that_is_sent_again_is_there_once(connect: Connect) -> None:
    ada, bob = await people(connect)
    first = await say(ada, "hello @user-789", key="k")
    assert await say(ada, "hello @user-789", key="k") == first
    assert [event for event, _ in await bob.news()] == list(TALKING)
    # A key is its sender's own.
    await say(bob, "another", key="k")
    assert [one["content"] for one in (await history(ada))["messages"]] == [
        "hello @user-789", "another",
    ]  # fmt: skip


async def test_pages_and_what_is_unread(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bob = await people(connect)
    ids = [(await say(ada, f"message {number}"))["message"]["id"] for number in range(5)]
    page = await history(bob, limit=2)
    assert (page["unread"], [one["id"] for one in page["messages"]]) == (5, ids[3:])
    page = await history(bob, limit=2, after=page["next"])
    assert [one["id"] for one in page["messages"]] == ids[1:3]
    page = await history(bob, limit=2, after=page["next"])
    assert ([one["id"] for one in page["messages"]], "next" in page) == (ids[:1], False)
    assert (await history(bob, after="x"))["error"]["details"] == {"path": "$.after"}
    # Whoever writes has read.
    assert (await history(ada))["unread"] == 0
    window = await connect()
    await window.ask("user:join", {"userId": "user-789"})
    await bob.news()
    read = {**PROJECT, "messageId": ids[3]}
    assert await bob.ask("chat:read", read) == {"ok": True, "unread": 1}
    assert ("chat:read", {"messageId": ids[3], "unread": 1}) in await window.news()
    assert "chat:read" not in [event for event, _ in await bob.news()]
    # It does not go back.
    assert (await bob.ask("chat:read", {**PROJECT, "messageId": ids[0]}))["unread"] == 1
    assert (await bob.ask("chat:read", {**PROJECT, "messageId": "no"}))["error"]["code"] == (
        "NOT_FOUND"
    )
    monkeypatch.setattr(people_chat, "MAX_READ", 15)
    assert [one["id"] for one in (await history(bob))["messages"]] == ids[4:]
    assert (await history(await connect()))["unread"] == 5


async def test_who_may_talk(connect: Connect) -> None:
    ada = await connect()
    project = (await ada.ask("project:create", {"name": "P", "userId": "ada"}))["project"]
    mine = {"projectId": project["id"]}
    viewer, stranger = await connect(), await connect()
    await viewer.ask("user:join", {"userId": "eve"})
    await stranger.ask("user:join", {"userId": "mallory"})
    await stranger.ask("room:join", {"room": "notifications"})
    await ada.ask("project:share", {**mine, "userId": "eve", "role": "viewer"})
    assert (await viewer.ask("chat:message", {**mine, "message": "looks good"}))["ok"]
    for event, more in (
        ("message", {"message": "x"}),
        ("history", {}),
        ("read", {"messageId": "x"}),
    ):
        answer = await stranger.ask(f"chat:{event}", {**mine, **more})
        assert answer["error"]["code"] == "NOT_FOUND"
    # Who has no part in the project hears nothing of it.
    said = await ada.ask("chat:message", {**mine, "message": "@mallory"})
    assert "mentions" not in said["message"]
    assert "notification:new" not in [event for event, _ in await stranger.news()]


@pytest.mark.parametrize("text", ["", " \n\t", "x" * 4_097, "a\0b", 5])
async def test_what_is_no_message_is_refused(connect: Connect, text: Any) -> None:
    ada, bob = await people(connect)
    error = (await say(ada, text))["error"]
    assert (error["code"], error["details"]) == ("VALIDATION_ERROR", {"path": "$.message"})
    bad = await say(ada, "x", place={"filePath": "../x"})
    assert bad["error"]["code"] == "INVALID_FILE_PATH"
    assert await bob.news() == []


async def test_a_flood_is_refused(connect: Connect) -> None:
    ada, _ = await people(connect)
    answers = [await say(ada, "flood") for _ in range(25)]
    codes = [answer["error"]["code"] for answer in answers if not answer["ok"]]
    assert codes[:1] == ["RATE_LIMIT_EXCEEDED"]


async def test_mentions_leave_room_for_other_notifications(
    connect: Connect, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(notices.MAX_OF_OTHERS, "mention", 2)
    ada, bob = await people(connect)
    share = {**PROJECT, "userId": "user-789", "role": "editor"}
    await ada.ask("project:share", share)
    for number in range(4):
        await say(ada, f"@user-789 {number}")
    listed = (await bob.ask("notification:list"))["notifications"]
    assert [one["message"] for one in listed[:2]] == ["@user-789 3", "@user-789 2"]
    assert [one["type"] for one in listed[2:]] == ["project"]


async def test_the_oldest_make_room_and_all_go_with_the_project(
    connect: Connect, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people_chat, "MAX_MESSAGES", 3)
    monkeypatch.setattr(people_chat, "MAX_READERS", 2)
    ada, bob = await people(connect)
    eve = await connect()
    await eve.ask("user:join", {"userId": "eve"})
    for client, text in ((ada, "1"), (ada, "2"), (bob, "3"), (eve, "4")):
        await say(client, text)
    assert [one["content"] for one in (await history(bob))["messages"]] == ["2", "3", "4"]
    # Whoever has read least recently is counted anew.
    assert [(await history(one))["unread"] for one in (ada, bob, eve)] == [3, 1, 0]
    monkeypatch.setattr(leftovers, "STEP", 2)
    assert (await ada.ask("project:delete", PROJECT))["ok"]

    def left(connection: Any) -> list[int]:
        while leftovers.are_there(connection):
            leftovers.delete_some(connection)
        tables = ("talk", "talk_reads", "projects")
        return [connection.execute(f"SELECT count(*) FROM {one}").fetchone()[0] for one in tables]

    assert await application.database.run(left) == [0, 0, 0]
    assert (await say(ada, "5"))["error"]["code"] == "NOT_FOUND"
