"""Locks on files.

Invariants:
- Nobody holds a lock that excludes another one on the same file.
- Tokens only grow, also across restarts.
- A lock ends with its unlock, its project, its session, or its connection and the grace period.
"""

from __future__ import annotations

import asyncio
from collections import deque
from pathlib import Path

import pytest

from server.api.services import Services
from server.application import Application
from server.locks import lock_news
from server.tuning import Tuning
from tests.server.company import two
from tests.server.conftest import Connect
from tests.server.running import running
from tests.server.wire import connected
from tests.waiting import PATIENCE

PROJECT = {"projectId": "project-123"}
APP = "src/components/App.jsx"
LOCK = {**PROJECT, "filePath": APP, "lockType": "exclusive"}
CHANGE = {**PROJECT, "file": {"path": APP, "action": "updated", "content": "new"}}
ADA = {"id": "user-456", "name": "user-456"}


async def test_locking_and_unlocking(connect: Connect) -> None:
    first, second = await two(connect)
    answer = await first.ask("file:lock", {**LOCK, "userId": "user-456"})
    lock = answer["lock"]
    assert answer == {"ok": True, "lock": lock}
    assert lock.pop("acquiredAt").endswith("Z")
    assert lock == {
        "filePath": APP,
        "lockType": "exclusive",
        "user": ADA,
        "token": lock["token"],
        "orphaned": False,
    }
    [(event, data)] = await second.news()
    assert event == "file:locked"
    del data["lock"]["acquiredAt"]
    assert data == {"lock": lock}
    joined = await second.ask("project:join", PROJECT)
    assert [one["token"] for one in joined["locks"]] == [lock["token"]]
    unlock = {**PROJECT, "filePath": f"./{APP}"}
    assert await first.ask("file:unlock", unlock) == {
        "ok": True,
        "filePath": APP,
        "released": True,
    }
    assert await second.news() == [("file:unlocked", {"filePath": APP, "token": lock["token"]})]
    assert (await first.ask("file:unlock", unlock))["released"] is False
    assert await second.news() == []


async def test_a_denied_request_learns_the_holder(connect: Connect) -> None:
    first, second = await two(connect)
    await first.ask("file:lock", LOCK)
    await second.news()
    error = {
        "code": "FILE_LOCKED",
        "message": f"file '{APP}' is locked by 'user-456' on another connection: "
        "wait for file:unlocked",
        "details": {"holder": ADA, "lockType": "exclusive"},
    }
    for event, payload in (
        ("file:lock", LOCK),
        ("file:lock", {**LOCK, "lockType": "shared"}),
        ("file:unlock", {**PROJECT, "filePath": f"./{APP}"}),
        ("file:change", CHANGE),
        ("file:change", {**CHANGE, "file": {"path": APP, "action": "deleted"}}),
    ):
        assert await second.ask(event, payload) == {"ok": False, "error": error}
    assert (await first.ask("file:change", CHANGE))["ok"]
    assert [event for event, _ in await second.news()] == ["file:updated"]


async def test_a_lock_belongs_to_one_socket_of_the_user(connect: Connect) -> None:
    first, second = await connect(), await connect()
    for client in (first, second):
        await client.ask("project:join", {**PROJECT, "userId": "user-456"})
    token = (await first.ask("file:lock", LOCK))["lock"]["token"]
    assert (await second.ask("file:lock", LOCK))["error"]["code"] == "FILE_LOCKED"
    assert (await second.ask("file:change", CHANGE))["error"]["code"] == "FILE_LOCKED"
    assert (await second.ask("file:unlock", LOCK))["error"]["code"] == "FILE_LOCKED"
    assert (await first.ask("file:lock", LOCK))["lock"]["token"] == token


async def test_shared_locks_are_for_several(connect: Connect) -> None:
    first, second = await two(connect)
    shared = {**LOCK, "lockType": "shared"}
    tokens = [(await one.ask("file:lock", shared))["lock"]["token"] for one in (first, second)]
    assert tokens[0] < tokens[1]
    for client in (first, second):
        assert (await client.ask("file:lock", LOCK))["error"]["code"] == "FILE_LOCKED"
        assert (await client.ask("file:change", CHANGE))["error"]["code"] == "FILE_LOCKED"
    unlocked = {"ok": True, "filePath": APP, "released": True}
    assert await second.ask("file:unlock", shared) == unlocked
    again = await second.ask("file:unlock", shared)
    assert again["error"]["details"] == {"holder": ADA, "lockType": "shared"}
    assert (await first.ask("file:lock", LOCK))["lock"]["token"] > tokens[1]


async def test_a_token_that_is_gone_changes_nothing(connect: Connect) -> None:
    first, second = await two(connect)
    token = (await first.ask("file:lock", LOCK))["lock"]["token"]
    with_token = {**CHANGE, "lockToken": token}
    assert (await first.ask("file:change", with_token))["ok"]
    await first.ask("file:unlock", LOCK)
    await second.ask("file:lock", LOCK)
    await second.ask("file:unlock", LOCK)
    error = (await first.ask("file:change", with_token))["error"]
    assert error == {
        "code": "FILE_LOCKED",
        "message": f"file '{APP}': the lock with the token {token} is gone: lock it again",
    }
    assert (await first.ask("file:change", CHANGE))["ok"]


@pytest.mark.parametrize("event", ["project:leave", "room:leave", "room:leaveAll"])
async def test_leaving_the_project_releases_its_locks(connect: Connect, event: str) -> None:
    first, second = await two(connect)
    await first.ask("file:lock", LOCK)
    await second.news()
    await first.ask(event, {**PROJECT, "room": "project:project-123"})
    assert [name for name, _ in await second.news()] == ["file:unlocked", "user:left"]
    assert (await second.ask("file:lock", LOCK))["ok"]


async def test_a_guest_who_becomes_a_user_has_no_locks(connect: Connect) -> None:
    other, guest = await connect(), await connect()
    await other.ask("project:join", {**PROJECT, "userId": "user-789"})
    token = (await guest.ask("file:lock", LOCK))["lock"]["token"]
    await guest.ask("user:join", {"userId": "user-456"})
    assert ("file:unlocked", {"filePath": APP, "token": token}) in await other.news()
    assert (await other.ask("file:lock", LOCK))["ok"]


async def test_a_lost_connection_keeps_its_locks_for_a_while(connect: Connect) -> None:
    first, second = await two(connect)
    token = (await first.ask("file:lock", LOCK))["lock"]["token"]
    await second.hear("file:locked")
    await first.close()
    await second.hear("user:left")
    data, envelope = await second.hear("file:locked")
    assert (data["lock"]["token"], data["lock"]["orphaned"]) == (token, True)
    assert (envelope["userId"], envelope["metadata"]["source"]) == ("user-456", "server")
    [lock] = (await second.ask("project:join", PROJECT))["locks"]
    assert (lock["token"], lock["orphaned"]) == (token, True)
    # Nobody but its user takes it over, and who only writes is told how.
    again = await connect()
    await again.ask("project:join", {**PROJECT, "userId": "user-456"})
    for client, event in ((second, "file:lock"), (again, "file:change")):
        error = (await client.ask(event, {**LOCK, **CHANGE}))["error"]
        assert (error["code"], error["message"]) == (
            "FILE_LOCKED",
            f"file '{APP}' is locked by 'user-456', whose connection is lost: "
            "that user may lock it again, others wait for file:unlocked",
        )
    taken = (await again.ask("file:lock", LOCK))["lock"]
    assert taken["token"] > token
    assert taken["orphaned"] is False
    joined, unlocked, locked = await second.news()
    assert joined[0] == "user:joined"
    assert unlocked == ("file:unlocked", {"filePath": APP, "token": token})
    assert locked == ("file:locked", {"lock": taken})
    assert len((await second.ask("project:join", PROJECT))["locks"]) == 1


async def test_a_turn_of_the_loop_tells_of_some_of_many_locks(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred locks in a room of a thousand took the loop 80 ms when their holder left."""
    first, second = await two(connect)
    paths = [f"{number}.txt" for number in range(6)]
    locks = [{"event": "file:lock", "data": {**PROJECT, "filePath": path}} for path in paths]
    assert (await first.ask("batch:update", {"updates": locks}))["ok"]
    await second.news()
    turns = []
    go_on = lock_news._go_on

    def counted(services: Services, left: deque[lock_news.News], most: int) -> None:
        turns.append(len(left))
        go_on(services, left, most)

    monkeypatch.setattr(lock_news, "TOLD_AT_ONCE", 3)
    monkeypatch.setattr(lock_news, "TOLD_FIRST", 2)
    monkeypatch.setattr(lock_news, "_go_on", counted)
    await first.close()
    heard = [(await second.hear("file:locked"))[0]["lock"] for _ in paths]
    assert [(one["filePath"], one["orphaned"]) for one in heard] == [(one, True) for one in paths]
    # Who was lost is in the room no more: each lock has one receiver.
    assert turns == [6, 4, 1]
    again = await connect()
    await again.ask("project:join", {**PROJECT, "userId": "user-456"})
    assert (await again.ask("batch:update", {"updates": locks}))["ok"]
    await second.news()
    del turns[:]
    await again.ask("project:leave", PROJECT)
    news = [data["filePath"] for event, data in await second.news() if event == "file:unlocked"]
    assert news == paths
    # In the first turn the one who leaves is still in the room, so its lock has two receivers.
    assert turns == [6, 5, 2]


async def test_a_user_holds_so_many_locks(connect: Connect) -> None:
    """However many connections they have, lost ones included; their own one they take back."""
    first, second, other = await connect(), await connect(), await connect()
    for client in (first, second):
        await client.ask("user:join", {"userId": "user-456"})
    await other.ask("project:join", {**PROJECT, "userId": "user-789"})
    for number in range(60):
        assert (await first.ask("file:lock", {**PROJECT, "filePath": f"a{number}"}))["ok"]
    await first.close()
    while (await other.hear("file:locked"))[0]["lock"]["filePath"] != "a59":
        pass
    for number in range(40):
        assert (await second.ask("file:lock", {**PROJECT, "filePath": f"b{number}"}))["ok"]
    refused = await second.ask("file:lock", {**PROJECT, "filePath": "c"})
    assert refused["error"] == {
        "code": "RATE_LIMIT_EXCEEDED",
        "message": "you hold 100 locks, the most allowed: unlock a file first",
    }
    assert (await other.ask("file:lock", {**PROJECT, "filePath": "c"}))["ok"]
    assert (await second.ask("file:lock", {**PROJECT, "filePath": "a0"}))["ok"]
    await second.ask("file:unlock", {**PROJECT, "filePath": "a0"})
    assert (await second.ask("file:lock", {**PROJECT, "filePath": "d"}))["ok"]


async def test_after_the_grace_period_the_lock_is_gone(tmp_path: Path) -> None:
    async with running(tmp_path, tuning={"lock_grace": 0.01}) as application:
        port = application.port
        async with connected(port) as other:
            await other.ask("project:join", {**PROJECT, "userId": "user-789"})
            async with connected(port) as client:
                await client.ask("project:join", {**PROJECT, "userId": "user-456"})
                token = (await client.ask("file:lock", LOCK))["lock"]["token"]
            data, envelope = await other.hear("file:unlocked")
            assert data == {"filePath": APP, "token": token}
            assert envelope["userId"] == "user-456"
            assert envelope["metadata"]["source"] == "server"
            assert (await other.ask("file:lock", LOCK))["ok"]


def test_the_grace_period_of_the_document() -> None:
    assert Tuning().lock_grace == 15.0


async def test_tokens_grow_across_restarts(tmp_path: Path) -> None:
    tokens = []
    for _ in range(3):
        async with running(tmp_path) as application, connected(application.port) as client:
            await client.ask("project:join", PROJECT)
            for path in ("a", "b"):
                answer = await client.ask("file:lock", {**LOCK, "filePath": path})
                tokens.append(answer["lock"]["token"])
    assert tokens == sorted(set(tokens))
    assert max(tokens) < 2**53


async def test_a_lock_decided_before_a_change_protects_from_it(
    application: Application, connect: Connect
) -> None:
    """Whoever is granted a lock finds the file as it stays."""
    first, second = await two(connect)
    for number in range(10):
        content = f"change {number}"
        await first.emit(
            "file:change",
            {**PROJECT, "file": {"path": APP, "action": "updated", "content": content}},
        )
        answer = await second.ask("file:lock", LOCK)
        assert answer["ok"]
        read = {**PROJECT, "filePath": APP}
        before = (await second.ask("file:read", read))["content"]
        await asyncio.wait_for(first.ask("file:list", PROJECT), PATIENCE)
        assert (await second.ask("file:read", read))["content"] == before
        await second.ask("file:unlock", LOCK)
