"""Asking for a lock that somebody else holds.

Invariants:
- A lock goes from the holder to the asker in one step, or not at all: nobody else gets it between.
- Each request ends once: with an answer, with the time, with the lock, or when either is gone; and
  the asker hears how.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from server.application import Application
from server.locks import lock_requests
from server.tuning import Tuning
from tests.server.conftest import Connect
from tests.server.running import running
from tests.server.wire import Client, connected

PROJECT = {"projectId": "project-123"}
APP = "src/components/App.jsx"
LOCK = {**PROJECT, "filePath": APP}
ADA = {"id": "user-456", "name": "user-456"}
BOB = {"id": "user-789", "name": "user-789"}


async def three(connect: Connect) -> list[Client]:
    """The holder of a lock, and two others who want it."""
    clients = [await connect() for _ in range(3)]
    for client, name in zip(clients, ("user-456", "user-789", "eve"), strict=True):
        await client.ask("project:join", {**PROJECT, "userId": name})
        await client.ask("room:join", {"room": "notifications"})
    assert (await clients[0].ask("file:lock", LOCK))["ok"]
    for client in clients:
        await client.news()
    return clients


async def ask(client: Client) -> Any:
    return await client.ask("lock:ask", LOCK)


async def asked(client: Client) -> str:
    request_id: str = (await ask(client))["request"]["id"]
    return request_id


async def reply(client: Client, request_id: str, answer: str = "hand-over") -> Any:
    payload = {**PROJECT, "requestId": request_id, "answer": answer}
    return await client.ask("lock:answer", payload)


async def outcomes(client: Client) -> list[str]:
    return [data["outcome"] for name, data in await client.news() if name == "lock:answered"]


async def test_a_lock_is_asked_for_and_handed_over(connect: Connect) -> None:
    ada, bob, eve = await three(connect)
    request = (await ask(bob))["request"]
    assert request.pop("askedAt").endswith("Z")
    request_id = request.pop("id")
    assert request == {**LOCK, "user": BOB, "holder": ADA, "seconds": 3600}
    (name, data), (notified, notice) = await ada.news()
    assert (name, data["request"]["id"], notified) == ("lock:asked", request_id, "notification:new")
    notification = notice["notification"]
    assert (notification["type"], notification["title"]) == ("lock", f"user-789 asks for {APP}")
    assert notification["about"] == {
        "kind": "lock", "place": {"filePath": APP}, "requestId": request_id, "user": BOB,
    }  # fmt: skip
    # Asking again is the same request, and notifies nobody again.
    assert await asked(bob) == request_id
    assert await ada.news() == []
    answer = await reply(ada, request_id)
    lock = answer["lock"]
    assert answer == {"ok": True, "requestId": request_id, "outcome": "handed-over", "lock": lock}
    assert (lock["user"], lock["filePath"], lock["lockType"]) == (BOB, APP, "exclusive")
    told = {
        "requestId": request_id, "outcome": "handed-over", "filePath": APP, "user": ADA,
        "lock": lock,
    }  # fmt: skip
    names = [name for name, _ in await eve.news()]
    assert names == ["file:unlocked", "file:locked"]
    assert await bob.news() == [
        ("file:unlocked", {"filePath": APP, "token": notice_token(lock)}),
        ("file:locked", {"lock": lock}),
        ("lock:answered", told),
    ]
    change = {**PROJECT, "file": {"path": APP, "action": "updated", "content": "by bob"}}
    assert (await ada.ask("file:change", change))["error"]["code"] == "FILE_LOCKED"
    assert (await bob.ask("file:change", {**change, "lockToken": lock["token"]}))["ok"]
    # It is answered.
    assert (await reply(ada, request_id))["error"]["code"] == "NOT_FOUND"


def notice_token(lock: Any) -> int:
    """The token of the lock before: the holder's was granted right before."""
    return int(lock["token"]) - 1


async def test_nobody_gets_it_in_between(connect: Connect) -> None:
    ada, bob, eve = await three(connect)
    request_id = await asked(bob)
    taking = [asyncio.ensure_future(eve.ask("file:lock", LOCK)) for _ in range(1)]
    handing = asyncio.ensure_future(reply(ada, request_id))
    assert (await handing)["ok"]
    assert [(await one)["error"]["code"] for one in taking] == ["FILE_LOCKED"]
    assert (await bob.ask("file:locks", PROJECT))["locks"][0]["user"] == BOB


async def test_a_lock_is_kept_or_asked_for_no_more(connect: Connect) -> None:
    ada, bob, eve = await three(connect)
    assert (await reply(ada, await asked(bob), "keep"))["outcome"] == "kept"
    assert await outcomes(bob) == ["kept"]
    request_id = await asked(bob)
    # Only the holder answers, only the asker withdraws, nobody else knows of it.
    assert (await reply(bob, request_id))["error"]["code"] == "FORBIDDEN"
    withdraw = {**PROJECT, "requestId": request_id}
    assert (await ada.ask("lock:withdraw", withdraw))["error"]["code"] == "FORBIDDEN"
    for event in ("lock:withdraw", "lock:answer"):
        answer = await eve.ask(event, {**withdraw, "answer": "keep"})
        assert answer["error"]["code"] == "NOT_FOUND"
    assert await bob.ask("lock:withdraw", withdraw) == {"ok": True}
    assert await outcomes(ada) == ["withdrawn"]
    assert (await reply(ada, request_id))["error"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize("deed", ["unlock", "leave", "go", "delete", "asker leaves", "asker goes"])
async def test_a_request_ends_when_either_leaves(connect: Connect, deed: str) -> None:
    ada, bob, eve = await three(connect)
    request_id = await asked(bob)
    await ada.news()
    if deed == "unlock":
        await ada.ask("file:unlock", LOCK)
    elif deed == "leave":
        await ada.ask("project:leave", PROJECT)
    elif deed == "go":
        await ada.close()
    elif deed == "delete":
        await eve.ask("project:share", {**PROJECT, "userId": "user-456", "role": "owner"})
        assert (await ada.ask("project:delete", PROJECT))["ok"]
    elif deed == "asker leaves":
        await bob.ask("project:leave", PROJECT)
    else:
        await bob.close()
    if deed.startswith("asker"):
        data, _ = await ada.hear("lock:answered")
        assert (await reply(ada, request_id))["error"]["code"] == "NOT_FOUND"
    else:
        data, _ = await bob.hear("lock:answered")
    assert data == {"requestId": request_id, "outcome": "ended"}


async def test_a_lock_that_moves_is_asked_for_still(connect: Connect) -> None:
    ada, bob, _ = await three(connect)
    request_id = await asked(bob)
    await ada.ask("file:move", {**LOCK, "newPath": "moved.jsx"})
    assert (await reply(ada, request_id))["lock"]["filePath"] == "moved.jsx"


async def test_what_was_typed_is_saved_before(connect: Connect) -> None:
    ada, bob, _ = await three(connect)
    opened = await ada.ask("file:open", LOCK)
    edit = {
        **LOCK, "epoch": opened["epoch"], "version": opened["version"], "author": "tab",
        "number": 1, "change": [[0, "typed "], len(opened["content"])],
    }  # fmt: skip
    assert (await ada.ask("file:edit", edit))["ok"]
    assert (await reply(ada, await asked(bob)))["ok"]
    assert (await bob.ask("file:read", LOCK))["content"].startswith("typed ")


async def test_what_cannot_be_asked_for(connect: Connect) -> None:
    ada, bob, eve = await three(connect)
    assert (await ask(ada))["error"]["code"] == "FILE_LOCKED"
    other = {**PROJECT, "filePath": "free"}
    assert (await bob.ask("lock:ask", other))["error"]["code"] == "NOT_FOUND"
    await eve.ask("file:lock", {**other, "lockType": "shared"})
    assert (await bob.ask("lock:ask", other))["error"]["code"] == "NOT_FOUND"
    await ada.close()
    await bob.hear("file:locked")
    # Whose connection is lost answers nothing.
    assert (await ask(bob))["error"]["code"] == "FILE_LOCKED"


async def test_who_may_not_change_files_any_more_gets_nothing(connect: Connect) -> None:
    ada, bob = await connect(), await connect()
    project = (await ada.ask("project:create", {"name": "P", "userId": "ada"}))["project"]
    mine = {"projectId": project["id"]}
    await bob.ask("user:join", {"userId": "bob"})
    share = {**mine, "userId": "bob"}
    await ada.ask("project:share", {**share, "role": "editor"})
    await ada.ask("file:lock", {**mine, "filePath": "a"})
    request = (await bob.ask("lock:ask", {**mine, "filePath": "a"}))["request"]
    await ada.ask("project:share", {**share, "role": "viewer"})
    handing = {**mine, "requestId": request["id"], "answer": "hand-over"}
    assert (await ada.ask("lock:answer", handing))["error"]["code"] == "FORBIDDEN"
    assert await outcomes(bob) == ["ended"]
    assert (await ada.ask("lock:answer", handing))["error"]["code"] == "NOT_FOUND"
    assert (await bob.ask("lock:ask", {**mine, "filePath": "a"}))["error"]["code"] == "FORBIDDEN"


async def test_requests_have_limits(
    connect: Connect, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bob, eve = await three(connect)
    monkeypatch.setattr(lock_requests, "MAX_OF_LOCK", 1)
    await asked(bob)
    assert (await ask(eve))["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    monkeypatch.setattr(lock_requests, "MAX_OF_LOCK", 10)
    monkeypatch.setattr(lock_requests, "MAX_OF_USER", 1)
    other = {**PROJECT, "filePath": "other"}
    await ada.ask("file:lock", other)
    assert (await bob.ask("lock:ask", other))["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    # Whoever has as many locks as allowed gets no more.
    monkeypatch.setattr("server.store.lock_rules.MAX_LOCKS", 0)
    request_id = await asked(bob)
    assert (await reply(ada, request_id))["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    assert (await ada.ask("file:locks", PROJECT))["locks"][0]["user"] == ADA
    answers = [await ask(bob) for _ in range(15)]
    assert [one["error"]["code"] for one in answers if not one["ok"]][:1] == ["RATE_LIMIT_EXCEEDED"]


async def test_a_request_without_an_answer_ends(tmp_path: Path) -> None:
    assert Tuning().asked == 60.0
    async with (
        running(tmp_path, tuning={"asked": 0.01}) as application,
        connected(application.port) as ada,
        connected(application.port) as bob,
    ):
        await ada.ask("file:lock", {**LOCK, "userId": "user-456"})
        await bob.ask("project:join", {**PROJECT, "userId": "user-789"})
        request_id = await asked(bob)
        for client in (ada, bob):
            data, _ = await client.hear("lock:answered")
            assert data == {"requestId": request_id, "outcome": "expired"}
        assert (await reply(ada, request_id))["error"]["code"] == "NOT_FOUND"
