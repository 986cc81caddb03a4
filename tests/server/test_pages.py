"""Long lists and large files, as clients read them: page by page, part by part.

Invariants: the pages of a list, one after the other, are the list; the parts of a file are its
content; no answer has more than its limit, however much there is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from server.api.records import ChatMessage, Member, Project, Role, User, Version
from server.application import Application
from server.live import batches, presence
from server.locks import locking
from server.people.notifications import personal
from server.projects import projects
from server.store import conversations, membership, notices, project_files, snapshots
from server.store import pages as pages_of_the_store
from server.store.connection import Connection
from tests.server.conftest import Connect
from tests.server.running import running
from tests.server.wire import Client, connected

PROJECT = {"projectId": "project-123"}
ADA = User("user-456", "user-456")


async def pages(client: Client, event: str, key: str, payload: dict[str, Any]) -> list[list[Any]]:
    """Every page of a list."""
    found = []
    after: dict[str, Any] = {}
    while True:
        answer = await client.ask(event, {**payload, **after})
        assert answer["ok"], answer
        found.append(answer[key])
        if "next" not in answer:
            return found
        after = {"after": answer["next"]}


def payload_of(event: str) -> dict[str, Any]:
    """What a list needs to be told: the project, if it is of one."""
    return {} if event in ("project:list", "notification:list") else PROJECT


def seed(connection: Connection) -> None:
    """Five more files, projects, versions, messages and notifications."""
    for number in range(5):
        path = f"src/{number}.txt"
        project_files.write(connection, "project-123", path, "x", user_id=ADA.id, now="now")
        new = Project(
            id=f"project-{number}",
            name=f"Name {number % 2}",
            description="",
            type="web",
            members=[Member(ADA, Role.OWNER)],
            created_at="now",
            updated_at="now",
        )
        membership.add_project(connection, new)
        version = Version(f"version-{number}", "project-123", "v", "", "now", ADA.id, 0)
        for _ in snapshots.create(connection, version):
            pass
        message = ChatMessage(f"message-{number}", "request", "user", ADA, "hello", "now")
        conversations.add(connection, "project-123", message)
        notices.add(connection, personal(ADA.id, "project", f"title {number}", "message"))


@pytest.mark.parametrize(
    ("event", "key", "name", "names"),
    [
        (
            *("file:list", "files", "path"),
            [
                *(f"src/{number}.txt" for number in range(5)),
                *("src/components/App.jsx", "src/components/TodoList.jsx"),
            ],
        ),
        (
            *("project:list", "projects", "id"),
            [*(f"project-{number}" for number in (0, 2, 4, 1, 3)), "project-123"],
        ),
        ("version:list", "versions", "id", [f"version-{number}" for number in (4, 3, 2, 1, 0)]),
        (
            *("notification:list", "notifications", "title"),
            [f"title {number}" for number in (4, 3, 2, 1, 0)],
        ),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 5, 6, 7, 1000])
async def test_the_pages_are_the_list(
    application: Application,
    connect: Connect,
    event: str,
    key: str,
    name: str,
    names: list[str],
    limit: int,
) -> None:
    client = await connect()
    await client.ask("user:join", {"userId": ADA.id})
    await application.database.run(seed)
    found = await pages(client, event, key, {**payload_of(event), "limit": limit})
    assert [one[name] for page in found for one in page] == names
    # All are full but the last.
    assert [len(page) for page in found[:-1]] == [limit] * (len(found) - 1)
    assert len(found) == -(-len(names) // limit)


async def test_large_projects_make_short_pages(
    application: Application, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred projects of a hundred members are ten thousand of these in one answer."""
    monkeypatch.setattr(pages_of_the_store, "MAX_MEMBERS", 2)
    client = await connect()
    await client.ask("user:join", {"userId": ADA.id})
    await application.database.run(seed)
    found = await pages(client, "project:list", "projects", {})
    assert [[len(one["members"]) for one in page] for page in found] == [[1, 1], [1, 1], [1, 2]]
    assert len({one["id"] for page in found for one in page}) == 6


@pytest.mark.parametrize(
    ("event", "key"),
    [
        ("file:list", "files"),
        ("project:list", "projects"),
        ("version:list", "versions"),
        ("notification:list", "notifications"),
    ],
)
async def test_long_items_make_short_pages(
    application: Application,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    event: str,
    key: str,
) -> None:
    """A thousand versions, each with a message of 24 KB as JSON, are 24 MB in one answer."""
    client = await connect()
    await client.ask("user:join", {"userId": ADA.id})
    await application.database.run(seed)
    payload = payload_of(event)
    [whole] = await pages(client, event, key, payload)
    most = max(len(json.dumps(item)) for item in whole)
    monkeypatch.setattr(pages_of_the_store, "MAX_SIZE", most)
    found = await pages(client, event, key, payload)
    assert [item for page in found for item in page] == whole
    assert len(found) > 1
    # Only the last item of a page may exceed what a page has.
    assert all(len(json.dumps(page[:-1], separators=(",", ":"))) <= most + 2 for page in found)


async def test_the_pages_of_the_chat_go_back(application: Application, connect: Connect) -> None:
    client = await connect()
    await application.database.run(seed)
    found = await pages(client, "ai:history", "messages", {**PROJECT, "limit": 2})
    ids = [[message["id"] for message in page] for page in found]
    assert ids == [["message-3", "message-4"], ["message-1", "message-2"], ["message-0"]]
    assert (await client.ask("ai:history", {**PROJECT, "after": "1"}))["messages"] == []
    joined = await client.ask("project:join", PROJECT)
    assert len(joined["messages"]) == 5
    assert "nextMessage" not in joined


async def test_long_messages_make_short_pages(application: Application, connect: Connect) -> None:
    """A hundred answers of the assistant may have 25 MB."""
    client = await connect()

    def fill(connection: Connection) -> None:
        for number in range(5):
            text = "x" * (conversations.MAX_READ // 2)
            message = ChatMessage(f"message-{number}", "request", "user", ADA, text, "now")
            conversations.add(connection, "project-123", message)

    await application.database.run(fill)
    joined = await client.ask("project:join", PROJECT)
    assert [one["id"] for one in joined["messages"]] == ["message-3", "message-4"]
    after = {"after": joined["nextMessage"]}
    answer = await client.ask("ai:history", {**PROJECT, **after})
    assert [one["id"] for one in answer["messages"]] == ["message-1", "message-2"]


async def test_joining_brings_the_first_page(
    application: Application, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects, "FILES", 3)
    monkeypatch.setattr(conversations, "HISTORY", 2)
    await application.database.run(seed)
    client = await connect()
    joined = await client.ask("project:join", PROJECT)
    assert [one["path"] for one in joined["files"]] == ["src/0.txt", "src/1.txt", "src/2.txt"]
    rest = await client.ask("file:list", {**PROJECT, "after": joined["nextFile"]})
    assert [one["path"] for one in rest["files"]][:2] == ["src/3.txt", "src/4.txt"]
    assert [one["id"] for one in joined["messages"]] == ["message-3", "message-4"]


async def test_locks_and_people_come_in_pages(
    application: Application, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "LOCKS", 2)
    monkeypatch.setattr(presence, "PRESENT", 2)
    clients = [await connect() for _ in range(5)]
    for number, client in enumerate(clients):
        await client.ask("project:join", {**PROJECT, "userId": f"user-{number}"})
        await client.ask("file:lock", {**PROJECT, "filePath": f"{number}.txt"})
    joined = await clients[0].ask("project:join", PROJECT)
    assert [one["id"] for one in joined["users"]] == ["user-0", "user-1"]
    assert [one["user"]["id"] for one in joined["presence"]] == ["user-0", "user-1"]
    assert [one["filePath"] for one in joined["locks"]] == ["0.txt", "1.txt"]
    # Whoever leaves, and what is released, is missing and nothing else.
    await clients[1].ask("project:leave", PROJECT)
    await clients[2].ask("file:unlock", {**PROJECT, "filePath": "2.txt"})
    page = await clients[0].ask("file:locks", {**PROJECT, "after": joined["nextLock"]})
    assert [one["filePath"] for one in page["locks"]] == ["3.txt", "4.txt"]
    assert "next" not in page
    page = await clients[0].ask("user:list", {**PROJECT, "after": joined["nextPresence"]})
    assert [one["user"]["id"] for one in page["presence"]] == ["user-2", "user-3"]
    page = await clients[0].ask("user:list", {**PROJECT, "after": page["next"], "limit": 1})
    assert [one["user"]["id"] for one in page["presence"]] == ["user-4"]
    assert "next" not in page
    page = await clients[0].ask("file:locks", {**PROJECT, "limit": 1})
    assert [one["filePath"] for one in page["locks"]] == ["0.txt"]


@pytest.mark.parametrize("event", ["version:list", "ai:history", "file:locks", "user:list"])
@pytest.mark.parametrize("after", ["x", "-1", "1" * 17, "²", "1.5"])
async def test_what_no_page_has_given_is_refused(connect: Connect, event: str, after: str) -> None:
    error = (await (await connect()).ask(event, {**PROJECT, "after": after}))["error"]
    assert (error["code"], error["details"]) == ("VALIDATION_ERROR", {"path": "$.after"})


@pytest.mark.parametrize("limit", [0, -1, 1001, 1.5, "1"])
async def test_a_page_has_a_size(connect: Connect, limit: object) -> None:
    error = (await (await connect()).ask("file:list", {**PROJECT, "limit": limit}))["error"]
    assert error["details"] == {"path": "$.limit"}
    assert "expected a whole number from 1 to 1000" in error["message"]


async def test_notifications_go_on_where_the_oldest_have_made_room(
    application: Application, connect: Connect
) -> None:
    client = await connect()
    await client.ask("user:join", {"userId": ADA.id})
    await application.database.run(seed)
    answer = await client.ask("notification:list", {"after": "notification-gone"})
    assert answer == {"ok": True, "notifications": [], "unread": 5}


# -- parts of a file


async def write(client: Client, text: str) -> None:
    file = {"path": "large.txt", "action": "created", "content": text}
    assert (await client.ask("file:change", {**PROJECT, "file": file}))["ok"]


async def parts(client: Client, payload: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    offset = 0
    while True:
        part = await client.ask("file:read", {**PROJECT, **payload, "offset": offset})
        assert part["ok"], part
        found.append(part)
        if "next" not in part:
            return found
        offset = part["next"]


@pytest.mark.parametrize("limit", [4, 5, 7, 1000])
async def test_the_parts_are_the_file(connect: Connect, limit: int) -> None:
    """No character is cut in two, whatever its length in bytes."""
    client = await connect()
    text = "aé€😀" * 5
    await write(client, text)
    payload = {"filePath": "large.txt", "limit": limit}
    version = (await client.ask("version:create", PROJECT))["version"]["id"]
    for one in (payload, {**payload, "versionId": version}):
        found = await parts(client, one)
        assert "".join(part["content"] for part in found) == text
        assert all(part["content"] for part in found)
        assert {part["size"] for part in found} == {50}
        assert len({part["hash"] for part in found}) == 1
        assert all(len(part["content"].encode()) <= limit for part in found)


async def test_a_large_file_comes_in_parts(connect: Connect) -> None:
    client = await connect()
    await write(client, "x" * 300_000)
    found = await parts(client, {"filePath": "large.txt"})
    assert [len(part["content"]) for part in found] == [131_072, 131_072, 37_856]
    assert "next" not in (
        await client.ask("file:read", {**PROJECT, "filePath": "large.txt", "offset": 300_000})
    )


async def test_an_empty_file_has_one_empty_part(connect: Connect) -> None:
    client = await connect()
    await write(client, "")
    [part] = await parts(client, {"filePath": "large.txt"})
    assert (part["content"], part["size"]) == ("", 0)


async def test_an_offset_is_at_a_character(connect: Connect) -> None:
    client = await connect()
    await write(client, "é")
    read = {**PROJECT, "filePath": "large.txt"}
    error = (await client.ask("file:read", {**read, "offset": 1}))["error"]
    assert error["message"] == (
        "$.offset is inside a character, expected 0 or the `next` of the part before"
    )
    # Beyond the end, where a file may be that has become shorter, there is nothing.
    answer = await client.ask("file:read", {**read, "offset": 9})
    assert (answer["content"], answer["size"], "next" in answer) == ("", 2, False)


# -- batches


async def test_the_answers_of_a_batch_have_a_budget(connect: Connect) -> None:
    client = await connect()
    await write(client, "x" * 1_000_000)
    read = {"event": "file:read", "data": {**PROJECT, "filePath": "large.txt"}}
    change = {"event": "project:create", "data": {"name": "Not done"}}
    answer = await client.ask("batch:update", {"updates": [read] * 20 + [change]})
    # Two parts of 131,072 bytes pass the budget of 262,144 with what is around them.
    assert [one["ok"] for one in answer["results"]] == [True] * 2 + [False] * 19
    error = answer["results"][-1]["error"]
    assert error["code"] == "RATE_LIMIT_EXCEEDED"
    assert error["message"] == (
        "the results before have 262144 bytes, the most of a batch: send this event in the next one"
    )
    listed = (await client.ask("project:list"))["projects"]
    assert [one["name"] for one in listed] == ["Todo list"]


async def test_a_result_of_many_values_has_the_whole_budget(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_MAX_VALUES", 50)
    client = await connect()
    echo = {"event": "test:event", "data": [0] * 100}
    answer = await client.ask("batch:update", {"updates": [echo] * 2})
    assert [one["ok"] for one in answer["results"]] == [True, False]


async def test_no_answer_takes_the_loop_for_long(connect: Connect) -> None:
    """JSON makes six characters of one that it escapes: encoding them is what an answer costs."""
    client = await connect()
    await write(client, "\x01" * 1_000_000)
    read = {**PROJECT, "filePath": "large.txt"}
    assert len((await client.ask("file:read", read))["content"]) == 131_072
    updates = [{"event": "file:read", "data": read}] * 20
    answer = await client.ask("batch:update", {"updates": updates})
    assert len(json.dumps(answer)) < 3 * 6 * 131_072


async def test_others_have_their_turn_in_a_batch(tmp_path: Path) -> None:
    """Pings need nothing that is waited for, so only the yielding lets anybody in between."""
    order = []
    async with (
        running(tmp_path, event_rate=0) as application,
        connected(application.port) as client,
        connected(application.port) as other,
    ):
        dispatcher = application.dispatcher
        answer = dispatcher.answer

        async def noted(socket: Any, event: str, args: Any) -> Any:
            order.append("batch" if socket.id == client.id else "other")
            if order == ["batch", "batch"]:
                await other.emit("test:ping")
            return await answer(socket, event, args)

        dispatcher.answer = noted  # type: ignore[method-assign]
        updates = [{"event": "test:ping"}] * 60
        await client.ask("batch:update", {"updates": updates})
        await other.hear("test:pong")
    assert order.index("other") < len(order) - 1
