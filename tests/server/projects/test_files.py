"""Files of a project, on the wire.

Invariants:
- An acknowledged change is what everybody reads; a refused one is heard by nobody.
- Revisions only grow, so a change based on an old one is refused.
"""

from __future__ import annotations

from typing import Any

import pytest

from server.api.types import is_text
from server.application import Application
from server.projects import files
from server.store import leftovers, membership, project_files
from tests.server.company import two
from tests.server.conftest import Connect
from tests.server.databases import either_database
from tests.server.wire import Client

DATABASE = either_database

PROJECT = {"projectId": "project-123"}
APP = "src/components/App.jsx"


def change(path: str, action: str, **fields: Any) -> dict[str, Any]:
    return {**PROJECT, "file": {"path": path, "action": action, **fields}}


async def read(client: Client, path: str) -> Any:
    return await client.ask("file:read", {**PROJECT, "filePath": path})


async def test_joining_brings_the_files(connect: Connect) -> None:
    client = await connect()
    files = (await client.ask("project:join", PROJECT))["files"]
    assert [file["path"] for file in files] == [APP, "src/components/TodoList.jsx"]
    assert files[0].keys() == {
        "path", "name", "size", "hash", "revision", "updatedAt", "updatedBy",
    }  # fmt: skip
    assert files[0]["name"] == "App.jsx"
    assert await client.ask("file:list", PROJECT) == {"ok": True, "files": files}


async def test_the_documents_change_is_news(connect: Connect) -> None:
    client, other = await two(connect)
    before = await read(client, APP)
    answer = await client.ask(
        "file:change", {**change(APP, "updated", timestamp="2024-01-01T00:00:00.000Z"),
                        "userId": "user-456"},
    )  # fmt: skip
    assert answer["ok"]
    [(event, data)] = await other.news()
    assert event == "file:updated"
    assert data == {"file": answer["file"]}
    after = await read(client, APP)
    assert after["content"] == before["content"]
    assert after["file"]["revision"] > before["file"]["revision"]
    assert after["file"]["updatedBy"] == "user-456"
    assert after["file"]["updatedAt"] > "2026"


async def test_a_file_is_created_updated_and_deleted(connect: Connect) -> None:
    client, other = await two(connect)
    created = await client.ask("file:change", change("a/b.txt", "created", content="one\n"))
    assert created["file"]["size"] == 4
    assert created["file"]["hash"] == (
        "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806"
    )
    updated = await client.ask("file:change", change("./a//b.txt", "updated", content="twö\n"))
    assert (updated["filePath"], updated["file"]["size"]) == ("a/b.txt", 5)
    assert await read(other, "a/b.txt") == {
        "ok": True,
        "filePath": "a/b.txt",
        "content": "twö\n",
        "size": 5,
        "hash": updated["file"]["hash"],
        "file": updated["file"],
    }
    assert await client.ask("file:change", change("a/b.txt", "deleted")) == {
        "ok": True,
        "filePath": "a/b.txt",
    }
    assert await other.news() == [
        ("file:created", {"file": created["file"], "content": "one\n"}),
        ("file:updated", {"file": updated["file"], "content": "twö\n"}),
        ("file:deleted", {"filePath": "a/b.txt", "revision": updated["file"]["revision"] + 1}),
    ]
    assert await client.news() == []
    error = {"code": "NOT_FOUND", "message": "file 'a/b.txt': the project has no such file"}
    assert await read(client, "a/b.txt") == {"ok": False, "error": error}


async def test_the_envelope_says_whose_change_it_is(connect: Connect) -> None:
    client, other = await two(connect)
    payload = {**change("a", "created"), "metadata": {"correlationId": "c-1"}}
    await client.ask("file:change", payload)
    _, envelope = await other.hear("file:created")
    del envelope["timestamp"]
    assert envelope == {
        "event": "file:created",
        "userId": "user-456",
        "projectId": "project-123",
        "metadata": {"source": "client", "priority": "medium", "correlationId": "c-1"},
    }


async def test_a_long_content_is_left_out_of_the_news(connect: Connect) -> None:
    client, other = await two(connect)
    content = "x" * 65_537
    answer = await client.ask("file:change", change("a", "created", content=content))
    assert await other.news() == [("file:created", {"file": answer["file"]})]
    assert (await read(other, "a"))["content"] == content


@pytest.mark.parametrize(
    ("payload", "code", "message"),
    [
        (
            change("../a", "created"),
            "INVALID_FILE_PATH",
            "path '../a': a path does not lead upwards",
        ),
        (
            change("src", "created"),
            "INVALID_FILE_PATH",
            "path 'src': a folder has that name",
        ),
        (
            change(f"{APP}/a", "created"),
            "INVALID_FILE_PATH",
            f"path '{APP}/a': '{APP}' is a file",
        ),
        (
            change(APP, "created", content=""),
            "VERSION_CONFLICT",
            f"file '{APP}' exists already: send the action \"updated\"",
        ),
        (change("a", "updated"), "NOT_FOUND", "file 'a': the project has no such file"),
        (change("a", "deleted"), "NOT_FOUND", "file 'a': the project has no such file"),
        (
            change(APP, "updated", baseRevision=0),
            "VERSION_CONFLICT",
            f"file '{APP}' has the revision 1, the change is based on 0: read the file and merge",
        ),
        (
            {**change(APP, "updated"), "projectId": "project-999"},
            "NOT_FOUND",
            "project 'project-999': no such project",
        ),
        (
            change(APP, "renamed"),
            "VALIDATION_ERROR",
            "$.file.action is a string of 7 characters, "
            'expected "created" or "deleted" or "updated"',
        ),
        (
            change(APP, "updated", content="a\0b"),
            "VALIDATION_ERROR",
            "$.file.content is a string of 3 characters, "
            "expected a text of at most 5,000,000 characters",
        ),
        (
            # Looked at in parts.
            change(APP, "updated", content="é" * 300_000 + "\0"),
            "VALIDATION_ERROR",
            "$.file.content is a string of 300001 characters, "
            "expected a text of at most 5,000,000 characters",
        ),
    ],
)
async def test_a_refused_change_is_heard_by_nobody(
    connect: Connect, payload: dict[str, Any], code: str, message: str
) -> None:
    client, other = await two(connect)
    before = await client.ask("file:list", PROJECT)
    error = (await client.ask("file:change", payload))["error"]
    assert (error["code"], error["message"]) == (code, message)
    assert await other.news() == []
    assert await client.ask("file:list", PROJECT) == before


async def test_a_change_based_on_an_old_revision_is_refused(connect: Connect) -> None:
    first, second = await two(connect)
    revision = (await read(first, APP))["file"]["revision"]
    based = change(APP, "updated", content="mine", baseRevision=revision)
    newer = (await second.ask("file:change", based))["file"]["revision"]
    error = (await first.ask("file:change", based))["error"]
    assert error["code"] == "VERSION_CONFLICT"
    assert error["details"] == {"revision": newer}
    # Also when it was deleted and is there again.
    for action in ("deleted", "created"):
        await second.ask("file:change", change(APP, action))
    assert (await first.ask("file:change", based))["error"]["details"]["revision"] > newer


async def test_changes_sent_at_once_are_made_in_their_order(connect: Connect) -> None:
    client, other = await two(connect)
    await client.emit("file:change", change("a", "created", content="0"))
    for number in range(1, 20):
        await client.emit("file:change", change("a", "updated", content=str(number)))
    await client.emit("file:change", change("a", "deleted"))
    await client.news()
    heard = await other.news()
    assert [data["content"] for event, data in heard[:-1]] == [str(n) for n in range(20)]
    last = heard[-2][1]["file"]["revision"]
    assert heard[-1] == ("file:deleted", {"filePath": "a", "revision": last + 1})


async def test_what_was_sent_right_before_the_end_is_done(
    application: Application, connect: Connect
) -> None:
    client, other = await two(connect)
    for event, payload in (
        ("file:change", change("a", "created", content="the last words")),
        # What is about being there is not: nobody would ever end it.
        ("project:join", {**PROJECT, "userId": "user-456"}),
        ("file:lock", {**PROJECT, "filePath": "a"}),
        ("user:typing", {**PROJECT, "isTyping": True}),
        ("user:presence", {"status": "busy"}),
    ):
        await client.emit(event, payload)
    await client.close()
    await other.hear("file:created")
    assert (await read(other, "a"))["content"] == "the last words"
    joined = await other.ask("project:join", PROJECT)
    assert [user["id"] for user in joined["users"]] == ["user-789"]
    assert joined["locks"] == []
    assert application.sockets.of_user("user-456") == []


async def test_contents_are_kept_as_long_as_something_has_them(
    application: Application, connect: Connect
) -> None:
    client = await connect()

    async def count() -> int:
        counted = application.database.run(
            lambda c: c.execute("SELECT count(*) FROM contents").fetchone()
        )
        return int((await counted)[0])

    before = await count()
    await client.ask("file:change", change("a", "created", content="same"))
    await client.ask("file:change", change("b", "created", content="same"))
    assert await count() == before + 1
    version = (await client.ask("version:create", PROJECT))["version"]
    for path in ("a", "b"):
        await client.ask("file:change", change(path, "updated", content="other"))
    assert await count() == before + 2
    for path in ("a", "b"):
        await client.ask("file:change", change(path, "deleted"))
    # The bin has it.
    assert await count() == before + 2
    await client.ask("version:delete", {**PROJECT, "versionId": version["id"]})
    await _tidy(application)
    # The history has both.
    assert await count() == before + 2
    await client.ask("project:delete", {**PROJECT, "userId": "user-456"})
    await _tidy(application)
    assert await count() == 0


async def _tidy(application: Application) -> None:
    """Wait until what is deleted has gone, bit by bit, beside other work."""
    while await application.database.run(leftovers.are_there):
        pass


async def test_a_project_has_limits(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await connect()
    total = sum(file["size"] for file in (await client.ask("file:list", PROJECT))["files"])
    monkeypatch.setattr(project_files, "MAX_SIZE", total + 10)
    assert (await client.ask("file:change", change("a", "created", content="x" * 10)))["ok"]
    larger = change("a", "updated", content="x" * 11)
    error = (await client.ask("file:change", larger))["error"]
    assert error["code"] == "RATE_LIMIT_EXCEEDED"
    assert (await client.ask("file:change", change("a", "updated", content="y" * 10)))["ok"]
    monkeypatch.setattr(project_files, "MAX_FILES", 3)
    error = (await client.ask("file:change", change("b", "created")))["error"]
    assert error == {
        "code": "RATE_LIMIT_EXCEEDED",
        "message": "the project has 3 files, the most allowed: delete some first",
    }


async def test_a_user_has_so_many_projects(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership, "MAX_PROJECTS", 2)
    client = await connect()
    answers = [await client.ask("project:create", {"name": "x", "userId": "ada"}) for _ in range(3)]
    assert [answer["ok"] for answer in answers] == [True, True, False]
    assert answers[2]["error"]["code"] == "RATE_LIMIT_EXCEEDED"


async def test_a_long_content_is_checked_in_parts(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others have a turn after each."""
    sizes: list[int] = []

    def counted(content: str) -> bool:
        sizes.append(len(content))
        return is_text(content)

    monkeypatch.setattr(files, "is_text", counted)
    client, _ = await two(connect)
    saved = await client.ask("file:change", change("wide.txt", "created", content="中" * 600_000))
    assert saved["ok"]
    assert sizes == [262_144, 262_144, 75_712]
