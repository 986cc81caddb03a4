"""Notifications. Invariant: a personal one reaches its user only, on each socket once."""

from __future__ import annotations

from server.application import Application
from server.people import notifications
from server.store import notices
from tests.server.conftest import Connect
from tests.server.wire import Client

SHARE = {"projectId": "project-123", "userId": "user-789", "role": "owner"}
MESSAGE = "user-456 shared a project with you: you are its owner"


async def sharing(connect: Connect) -> Client:
    client = await connect()
    await client.ask("user:join", {"userId": "user-456"})
    return client


async def test_it_reaches_the_user_in_either_room(connect: Connect) -> None:
    client = await sharing(connect)
    in_own, in_both, in_none, in_general, stranger = [await connect() for _ in range(5)]
    for one in (in_own, in_both, in_none, in_general):
        await one.ask("room:join", {"room": "test-room", "userId": "user-789"})
    for one in (in_own, in_both):
        await one.ask("user:join", {"userId": "user-789"})
    for one in (in_both, in_general, stranger):
        await one.ask("room:join", {"room": "notifications"})
    for one in (in_own, in_both, in_none, in_general, stranger):
        await one.news()
    await client.ask("project:share", SHARE)
    for one, expected in (
        (in_own, 1),
        (in_both, 1),
        (in_none, 0),
        (in_general, 1),
        (stranger, 0),
        (client, 0),
    ):
        heard = [data for event, data in await one.news() if event == "notification:new"]
        assert [data["notification"]["message"] for data in heard] == [MESSAGE] * expected


async def test_one_for_everybody_reaches_the_room(
    application: Application, connect: Connect
) -> None:
    client, other = await connect(), await connect()
    await client.ask("room:join", {"room": "notifications"})
    await client.news()
    notice = notifications.personal(None, "server:test", "Title", "Message")
    notifications.deliver(application, notice)
    data, envelope = await client.hear("notification:new")
    assert data["notification"]["title"] == "Title"
    assert "userId" not in data["notification"]
    assert "userId" not in envelope
    assert await other.news() == []


async def test_they_are_kept_and_marked(connect: Connect) -> None:
    client, member = await sharing(connect), await connect()
    await member.ask("user:join", {"userId": "user-789"})
    for role in ("viewer", "editor", "owner"):
        await client.ask("project:share", {**SHARE, "role": role})
    answer = await member.ask("notification:list")
    assert answer["unread"] == 3
    newest, middle, _ = [one["id"] for one in answer["notifications"]]
    assert answer["notifications"][0]["message"] == MESSAGE
    assert answer["notifications"][0]["isRead"] is False
    about = {"kind": "project", "user": {"id": "user-456", "name": "user-456"}}
    assert answer["notifications"][0]["about"] == about
    mark = {"ids": [newest, newest, "notification-none"]}
    window = await connect()
    await window.ask("user:join", {"userId": "user-789"})
    await window.news()
    assert await member.ask("notification:read", mark) == {"ok": True, "marked": 1, "unread": 2}
    told = {"unread": 2, "ids": mark["ids"]}
    assert await window.news() == [("notification:read", told)]
    # What was read before is no news.
    assert (await member.ask("notification:read", mark))["marked"] == 0
    assert await window.news() == []
    # Nobody marks somebody else's.
    assert (await client.ask("notification:read", {"ids": [middle]}))["marked"] == 0
    assert (await member.ask("notification:list"))["unread"] == 2
    assert (await member.ask("notification:read"))["marked"] == 2
    assert await window.news() == [("notification:read", {"unread": 0})]
    assert (await client.ask("notification:list"))["notifications"] == []


async def test_the_oldest_make_room(application: Application, connect: Connect) -> None:
    for number in range(notices.MAX_NOTIFICATIONS + 5):
        notice = notifications.personal("user-789", "test", "Title", f"{number}")
        await application.database.run(lambda c, n=notice: notices.add(c, n))  # type: ignore[misc]
    member = await connect()
    await member.ask("user:join", {"userId": "user-789"})
    found = (await member.ask("notification:list"))["notifications"]
    assert len(found) == notices.MAX_NOTIFICATIONS
    assert (found[0]["message"], found[-1]["message"]) == ("204", "5")
