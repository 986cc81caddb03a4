"""`project:search`: what is found, page by page, and what a search costs others.

Invariants:
- What is typed and not saved yet is found.
- A regular expression that never ends costs its user the answer, and nobody else anything.
"""

from __future__ import annotations

from typing import Any

import pytest

from server.projects import searching
from tests.server.conftest import Connect
from tests.server.documents.editors import joined, written
from tests.server.wire import Client

PROJECT = {"projectId": "project-123"}
APP = "src/components/App.jsx"


async def search(client: Client, query: str, **more: Any) -> Any:
    return await client.ask("project:search", {**PROJECT, "query": query, **more})


async def user(connect: Connect, name: str = "user-456") -> Client:
    client = await connect()
    await client.ask("project:join", {**PROJECT, "userId": name})
    return client


async def test_what_is_being_typed_is_found(connect: Connect) -> None:
    client = await user(connect)
    editor = await joined(await connect(), "user-789")
    text = (await editor.open())["content"]
    await editor.edit([[0, "Unsaved 😀 words"], len(text)])
    answer = await search(client, "words", isCaseSensitive=True, include=["src"])
    assert answer == {
        "ok": True,
        "files": [
            {
                "filePath": APP,
                "hits": [
                    {
                        "start": {"line": 0, "column": 11}, "end": {"line": 0, "column": 16},
                        "match": "words", "excerpt": "Unsaved 😀 words" + text.split("\n")[0],
                    }
                ],
            }
        ],
        "searched": 2,
    }  # fmt: skip
    nothing = await search(client, "words", exclude=["*.jsx"], isWholeWord=True)
    assert nothing == {"ok": True, "files": [], "searched": 0}
    with_group = await search(client, "(w)ords", isRegex=True, replacement="$1")
    assert with_group["files"][0]["hits"][0]["replacement"] == "w"


async def test_pages_together_are_all_hits(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await user(connect)
    for number in range(7):
        await written(client, f"many/{number}.txt", "needle\n" * number)
    await written(client, "many/long.txt", "needle" * 200_000)
    monkeypatch.setattr(searching, "FILES_AT_ONCE", 3)
    monkeypatch.setattr(searching, "MAX_TOTAL", 40)
    monkeypatch.setattr(searching, "_TEXTS_AT_ONCE", 2)
    found: list[tuple[str, int]] = []
    searched = skipped = 0
    after = None
    for _ in range(40):
        page = await search(client, "needle", include=["many"], limit=4, after=after)
        found += [
            (one["filePath"], hit["start"]["line"]) for one in page["files"] for hit in one["hits"]
        ]
        searched, skipped = searched + page["searched"], skipped + page.get("skipped", 0)
        after = page.get("next")
        if after is None:
            break
    assert found == [(f"many/{number}.txt", line) for number in range(7) for line in range(number)]
    assert (searched, skipped) == (7, 1)


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ({"query": ""}, "$.query"),
        ({"query": "x" * 1_001}, "$.query"),
        ({"query": "a\0"}, "$.query"),
        ({"query": "(", "isRegex": True}, "$.query"),
        ({"query": "x", "include": ["a"] * 21}, "$.include"),
        ({"query": "x", "exclude": [""]}, "$.exclude[0]"),
        ({"query": "x", "replacement": "x" * 1_001}, "$.replacement"),
        ({"query": "x", "after": "nowhere"}, "$.after"),
        ({"query": "x", "after": "-1:a"}, "$.after"),
        ({"query": "x", "limit": 1_001}, "$.limit"),
    ],
)
async def test_what_is_refused(connect: Connect, payload: dict[str, Any], path: str) -> None:
    answer = await (await user(connect)).ask("project:search", {**PROJECT, **payload})
    assert answer["error"]["code"] == "VALIDATION_ERROR"
    assert answer["error"]["details"] == {"path": path}


async def test_whoever_is_no_member_finds_nothing(connect: Connect) -> None:
    ada, eve = await user(connect), await connect()
    project = (await ada.ask("project:create", {"name": "Hers"}))["project"]["id"]
    wanted = {"projectId": project, "query": "a"}
    assert (await ada.ask("project:search", wanted))["ok"]
    answer = await eve.ask("project:search", {**wanted, "userId": "eve"})
    assert answer["error"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    "endless",
    [
        {"query": "(a+)+$x", "isRegex": True, "include": ["a*.txt"]},
        {"query": "a", "include": ["*a" * 40 + "b"]},
    ],
)
async def test_a_search_that_never_ends_disturbs_nobody(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, endless: dict[str, Any]
) -> None:
    eve, other = await user(connect), await user(connect, "user-789")
    await written(other, f"{'a' * 100}.txt", "a" * 40)
    monkeypatch.setattr(searching, "SECONDS", 0.5)
    error = (await eve.ask("project:search", {**PROJECT, **endless}))["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert error["message"].startswith("$.query takes too long")
    # The next one has another process.
    monkeypatch.setattr(searching, "SECONDS", 30.0)
    for client in (other, eve):
        found = await search(client, "a" * 40, include=["a*.txt"])
        assert [len(one["hits"]) for one in found["files"]] == [1]
