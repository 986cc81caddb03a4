"""Downloads over plain HTTP: a file, and a folder or project as an archive.

Invariant: an address gives one thing, once, to whoever was given it, and only while its user may
see the project.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import zipfile
from typing import Any, NamedTuple

import pytest

from server.application import Application
from server.http.downloads import disposition, entry_name
from server.projects.download_tickets import Ticket
from server.store.repositories.contents import Contents
from tests.server.conftest import Connect
from tests.server.wire import Client
from tests.waiting import PATIENCE

PROJECT = {"projectId": "project-123"}
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff"


class Fetched(NamedTuple):
    """An answer; the names of its headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


async def fetch(application: Application, url: str, method: str = "GET") -> Fetched:
    """Ask by a client that knows chunks, and notices where some are missing."""

    def work() -> Fetched:
        connection = http.client.HTTPConnection("127.0.0.1", application.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, url)
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Fetched(response.status, headers, response.read())

    return await asyncio.to_thread(work)


async def offered(client: Client, **payload: Any) -> Any:
    answer = await client.ask("download:create", {**PROJECT, **payload})
    assert answer["ok"], answer
    return answer


def unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


async def test_a_file_is_fetched_once(connect: Connect, application: Application) -> None:
    client = await connect()
    await client.ask("project:join", {**PROJECT, "userId": "user-456"})
    payload = {**PROJECT, "filePath": 'img/ä "1";.png'}
    assert (await client.ask_with("file:upload", payload, PNG))["ok"]
    offer = await offered(client, filePath='img/ä "1";.png')
    assert offer["name"] == 'ä "1";.png'
    assert offer["url"].startswith("/download?ticket=")
    response = await fetch(application, offer["url"], "HEAD")
    assert response.status == 405
    response = await fetch(application, offer["url"])
    assert (response.status, response.body) == (200, PNG)
    headers = response.headers
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"] == (
        "attachment; filename=\"_ _1__.png\"; filename*=UTF-8''%C3%A4%20%221%22%3B.png"
    )
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"
    again = await fetch(application, offer["url"])
    assert again.status == 404
    assert again.body.startswith(b"This link was used before, or is older than a minute")
    assert (await fetch(application, "/download")).status == 404


async def test_a_project_and_a_folder_are_archives(
    connect: Connect, application: Application
) -> None:
    client = await connect()
    await client.ask("project:join", {**PROJECT, "userId": "user-456"})
    large = bytes(range(256)) * 1_500
    await client.ask_with(
        "file:upload", {**PROJECT, "filePath": "src/b.bin", "size": len(large)}, large[:262_144]
    )
    files = {"src/a.png": PNG, "src/empty": b"", "srcs.txt": b"beside", "z/ö.txt": b"z" * 70_000}
    for path, data in files.items():
        assert (await client.ask_with("file:upload", {**PROJECT, "filePath": path}, data))["ok"]
    # What is typed and not saved yet is in it.
    app = "src/components/App.jsx"
    opened = await client.ask("file:open", {**PROJECT, "filePath": app})
    edit = {"epoch": opened["epoch"], "version": opened["version"], "author": "tab", "number": 1,
            "change": [[0, "typed"], len(opened["content"])]}  # fmt: skip
    assert (await client.ask("file:edit", {**PROJECT, "filePath": app, **edit}))["ok"]
    offer = await offered(client)
    assert offer["name"] == "Todo list.zip"
    response = await fetch(application, offer["url"])
    assert response.headers["content-type"] == "application/zip"
    found = unpacked(response.body)
    assert list(found) == sorted(found)
    assert found["Todo list/srcs.txt"] == b"beside"
    assert found["Todo list/z/ö.txt"] == b"z" * 70_000
    assert found[f"Todo list/{app}"].startswith(b"typed")
    offer = await offered(client, filePath="src")
    assert offer["name"] == "src.zip"
    found = unpacked((await fetch(application, offer["url"])).body)
    assert list(found) == [
        "src/a.png", "src/components/App.jsx", "src/components/TodoList.jsx", "src/empty",
    ]  # fmt: skip
    assert (found["src/a.png"], found["src/empty"]) == (PNG, b"")


async def test_who_may_not_see_it_gets_nothing(connect: Connect, application: Application) -> None:
    owner, other = await connect(), await connect()
    await other.ask("user:join", {"userId": "eve"})
    made = await owner.ask("project:create", {"name": "Own", "userId": "user-456"})
    own = {"projectId": made["project"]["id"]}
    assert (await other.ask("download:create", own))["error"]["code"] == "NOT_FOUND"
    missing = await owner.ask("download:create", {**own, "filePath": "gone"})
    assert missing["error"]["code"] == "NOT_FOUND"
    await owner.ask("project:share", {**own, "userId": "eve", "role": "viewer"})
    offer = await other.ask("download:create", own)
    await owner.ask("project:unshare", {**own, "userId": "eve"})
    assert (await fetch(application, offer["url"])).status == 404


async def test_few_at_once(connect: Connect, application: Application) -> None:
    client = await connect()
    await client.ask("project:join", {**PROJECT, "userId": "user-456"})
    offer = await offered(client)
    tickets = application.tickets
    with tickets.running("user-456"), tickets.running("user-456"):
        response = await fetch(application, offer["url"])
    assert (response.status, response.headers["retry-after"]) == (429, "10")


async def test_what_changes_meanwhile(
    connect: Connect, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is what it is when its turn comes; one that is gone by then is left out."""
    client = await connect()
    await client.ask("project:join", {**PROJECT, "userId": "user-456"})
    for path in ("1", "2", "3"):
        await client.ask_with("file:upload", {**PROJECT, "filePath": path}, path.encode())
    original, gone = Contents.read, ["1", "2"]

    async def read(self: Any, content_hash: str, offset: int, length: int) -> bytes | None:
        found = await original(self, content_hash, offset, length)
        if found is None or found.decode() not in gone:
            return found
        path = gone.pop(gone.index(found.decode()))
        if path == "2":
            await client.ask("file:delete", {**PROJECT, "filePath": "2"})
        else:
            payload = {**PROJECT, "filePath": "1", "overwrite": True}
            await client.ask_with("file:upload", payload, b"other")
        return None

    monkeypatch.setattr(Contents, "read", read)
    found = unpacked((await fetch(application, (await offered(client))["url"])).body)
    assert gone == []
    assert (found["Todo list/1"], found["Todo list/3"]) == (b"other", b"3")
    assert "Todo list/2" not in found


@pytest.mark.parametrize("path", [None, "large"])
async def test_what_cannot_be_ended_is_cut(
    connect: Connect, application: Application, monkeypatch: pytest.MonkeyPatch, path: str | None
) -> None:
    client = await connect()
    await client.ask("project:join", {**PROJECT, "userId": "user-456"})
    change = {"path": "large", "action": "created", "content": "x" * 300_000}
    await client.ask("file:change", {**PROJECT, "file": change})
    original = Contents.read

    async def read(self: Any, content_hash: str, offset: int, length: int) -> bytes | None:
        return await original(self, content_hash, offset, length) if offset == 0 else None

    monkeypatch.setattr(Contents, "read", read)
    offer = await offered(client, filePath=path)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        await fetch(application, offer["url"])


def test_names_survive_and_lead_nowhere() -> None:
    assert disposition("a\r\nb.zip") == (
        "attachment; filename=\"a__b.zip\"; filename*=UTF-8''a%0D%0Ab.zip"
    )
    folder = Ticket("ada", "p", "a/b", "b.zip", False)
    assert entry_name(folder, "a/b/c/d") == "b/c/d"
    whole = Ticket("ada", "p", "", "The project.zip", False)
    assert entry_name(whole, "a/b") == "The project/a/b"
