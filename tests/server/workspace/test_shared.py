"""A directory that one of several servers mirrors.

Invariants:
- What is changed at any server is in the directory, and what a program changes is heard at all.
- If the server dies that mirrors, another one goes on: no change is lost, none is done twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from server.api.errors import EventError
from server.api.services import Services
from server.application import Application
from server.projects.files import TOLD_AT_ONCE
from server.store import project_files
from server.store.document_records import Replaced
from server.store.postgres import Postgres
from server.workspace import mirrored_project, shared_workspace
from server.workspace.directory_tree import Tree
from server.workspace.mirrored_project import PROJECT_ID
from tests import forked_servers
from tests.server import killing
from tests.server.running import running
from tests.server.wire import Client, connected
from tests.server.workspace.asking import PROJECT, change, files, heard
from tests.socketio_min.cluster.redis_server import RedisServer
from tests.waiting import PATIENCE, eventually, until

# Who mirrors is found out soon.
TUNING = {"renewal": 0.05}


class Servers:
    """Servers that share a directory, and their clients."""

    def __init__(self, stack: AsyncExitStack, folder: Path, **settings: Any) -> None:
        self.settings = settings
        self._stack = stack
        self._folder = folder
        self._count = 0

    async def add(self, **settings: Any) -> Application:
        self._count += 1
        run = running(self._folder / f"{self._count}", tuning=TUNING, **self.settings | settings)
        return await self._stack.enter_async_context(run)

    async def client(self, port: int, user: str) -> Client:
        client = await self._stack.enter_async_context(connected(port))
        await client.ask("project:join", {**PROJECT, "userId": user})
        return client


@pytest.fixture
async def servers(
    postgres: Postgres, redis: RedisServer, tmp_path: Path, directory: Path
) -> AsyncIterator[Servers]:
    async with AsyncExitStack() as stack:
        yield Servers(
            stack,
            tmp_path,
            database_url=postgres.url,
            redis_url=redis.url,
            workspace=directory,
            event_rate=0,
        )


def mirrors(application: Application) -> bool:
    return application.node.membership.does("workspace")


def text(path: Path) -> str | None:
    return path.read_text() if path.is_file() else None


def texts(directory: Path) -> dict[str, str]:
    """The texts that the directory has, and the project should have."""
    return {
        str(path.relative_to(directory)): path.read_text()
        for path in directory.rglob("*.*")
        if path.suffix in (".txt", ".py", ".md") and path.name != "latin.txt"
    }


async def written(path: Path, content: str | None) -> None:
    """Wait until a file of the directory has this content, or is gone."""
    await eventually(lambda: text(path) == content)


async def taken_over(client: Client, path: str) -> None:
    """Wait until a file of the directory is in the project."""
    async with asyncio.timeout(PATIENCE):
        while not (await client.ask("file:read", {**PROJECT, "filePath": path}))["ok"]:
            pass


async def test_changes_of_all_servers_and_of_programs_are_everywhere(
    servers: Servers, directory: Path
) -> None:
    here, there = await servers.add(), await servers.add()
    await eventually(lambda: mirrors(here))
    assert not mirrors(there)
    ada, bob = await servers.client(here.port, "ada"), await servers.client(there.port, "bob")
    await taken_over(bob, "README.md")
    for client in (ada, bob):
        await client.news()
    for client, name in ((ada, "ada"), (bob, "bob")):
        path = f"new/{name}.txt"
        assert (await client.ask("file:change", change(path, "created", content=name)))["ok"]
        await written(directory / path, name)
    (directory / "README.md").write_text("# Tea\n")
    for client in (ada, bob):
        others = "bob" if client is ada else "ada"
        events = ("file:created", f"new/{others}.txt"), ("file:updated", "README.md")
        told = await heard(client, *events)
        assert told[1]["content"] == "# Tea\n"
        assert told[1]["file"]["updatedBy"] == "workspace"
    # What is typed together is saved by whichever server.
    opened = await bob.ask("file:open", {**PROJECT, "filePath": "README.md"})
    edit = {
        **PROJECT,
        "filePath": "README.md",
        "epoch": opened["epoch"],
        "version": 0,
        "author": "b",
        "number": 1,
        "change": [6, [0, "Green"]],
    }
    assert (await bob.ask("file:edit", edit))["ok"]
    await there.saver.save((PROJECT_ID, "README.md"), "")
    await written(directory / "README.md", "# Tea\nGreen")
    # A program writes what is not merged yet.
    edit |= {"version": 1, "number": 2, "change": [11, [0, "!"]]}
    assert (await bob.ask("file:edit", edit))["ok"]
    (directory / "README.md").write_text("# Chai\nGreen")
    await written(directory / "README.md", "# Chai\nGreen!")
    # A folder is moved, deleted, and a file is in its place.
    assert (await ada.ask("file:move", {**PROJECT, "filePath": "new", "newPath": "old"}))["ok"]
    await written(directory / "old" / "bob.txt", "bob")
    await eventually(lambda: not (directory / "new" / "bob.txt").exists())
    made = await ada.ask("version:create", PROJECT)
    assert (await bob.ask("file:delete", {**PROJECT, "filePath": "old"}))["ok"]
    await eventually(lambda: not (directory / "old" / "ada.txt").exists())
    version = {**PROJECT, "versionId": made["version"]["id"]}
    assert (await bob.ask("version:restore", version))["ok"]
    await written(directory / "old" / "ada.txt", "ada")
    refused = await bob.ask("file:change", change(".envrc", "created", content="x"))
    assert refused["error"]["code"] == "INVALID_FILE_PATH"
    assert (directory / "logo.png").read_bytes() == b"\x89PNG\x00\xff"


@pytest.mark.parametrize("at_once", [1, 100])
async def test_a_file_and_a_folder_of_its_name_come_in_turn(
    servers: Servers, directory: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """However few files are compared in one piece of work."""
    monkeypatch.setattr(shared_workspace, "_AT_ONCE", at_once)
    here = await servers.add()
    await eventually(lambda: mirrors(here))
    bob = await servers.client(here.port, "bob")
    await taken_over(bob, "README.md")
    lib = directory / "lib"
    versions = []
    for paths in (["lib/a", "lib/deep/b", "lib/deep/deeper/c"], ["lib"]):
        for path in paths:
            assert (await bob.ask("file:change", change(path, "created", content=path)))["ok"]
        versions.append((await bob.ask("version:create", PROJECT))["version"]["id"])
        await written(directory / paths[-1], paths[-1])
        assert (await bob.ask("file:delete", {**PROJECT, "filePath": "lib"}))["ok"]
    for version, found in zip([*versions, *versions], ["lib/a", "lib"] * 2, strict=True):
        assert (await bob.ask("version:restore", {**PROJECT, "versionId": version}))["ok"]
        await written(directory / found, found)
    assert (await bob.ask("file:delete", {**PROJECT, "filePath": "lib"}))["ok"]
    await eventually(lambda: not lib.exists())
    assert await files(bob) == {"README.md": "# Shop\n", "src/main.py": "print('tea')\n"}


async def test_what_programs_put_into_an_emptied_folder_stays(
    servers: Servers, directory: Path
) -> None:
    here = await servers.add()
    await eventually(lambda: mirrors(here))
    bob = await servers.client(here.port, "bob")
    await taken_over(bob, "README.md")
    (directory / "lib" / "deep").mkdir(parents=True)
    (directory / "lib" / "deep" / ".env").write_text("secret")
    await bob.news()
    assert (await bob.ask("file:change", change("lib", "created", content="file")))["ok"]
    await heard(bob, ("file:deleted", "lib"))
    assert (directory / "lib" / "deep" / ".env").read_text() == "secret"


async def test_others_have_turns_while_many_files_are_told(
    servers: Servers, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await servers.add()
    await eventually(lambda: mirrors(here))
    bob = await servers.client(here.port, "bob")
    await taken_over(bob, "README.md")
    turn, told, tell = 0, Counter[int](), mirrored_project._tell

    def are_told_next_turn() -> bool:
        nonlocal turn
        turn += 1
        return told.total() == 60

    def noted(services: Services, replaced: Replaced) -> None:
        told[turn] += 1
        tell(services, replaced)

    monkeypatch.setattr(mirrored_project, "_tell", noted)
    for number in range(60):
        (directory / f"{number}").write_text(f"{number}")
    await until(are_told_next_turn)
    assert max(told.values()) <= TOLD_AT_ONCE


async def test_a_server_without_the_directory_never_mirrors(
    servers: Servers, directory: Path
) -> None:
    """It is pinned to those that have it."""
    other = await servers.add(workspace=None)
    here = await servers.add()
    await eventually(lambda: mirrors(here))
    bob = await servers.client(other.port, "bob")
    await taken_over(bob, "README.md")
    assert (await bob.ask("file:change", change("b.txt", "created", content="bob")))["ok"]
    await written(directory / "b.txt", "bob")
    assert not mirrors(other)
    refused = await bob.ask("file:change", change(".envrc", "created", content="x"))
    assert refused["error"]["code"] == "INVALID_FILE_PATH"


async def test_what_was_changed_while_nobody_mirrored(servers: Servers, directory: Path) -> None:
    other = await servers.add(workspace=None)
    first = running(directory.parent / "first", tuning=TUNING, **servers.settings)
    async with first as application:
        await eventually(lambda: mirrors(application))
        bob = await servers.client(other.port, "bob")
        await taken_over(bob, "README.md")
    (directory / "README.md").unlink()
    (directory / "program.txt").write_text("program")
    (directory / "latin.txt").write_text("both")
    for path, content in (("client.txt", "client"), ("latin.txt", "client")):
        action = "created" if path == "client.txt" else "updated"
        assert (await bob.ask("file:change", change(path, action, content=content)))["ok"]
    assert (await bob.ask("file:delete", {**PROJECT, "filePath": "src"}))["ok"]
    await servers.add()
    await taken_over(bob, "program.txt")
    await written(directory / "client.txt", "client")
    await eventually(lambda: text(directory / "src" / "main.py") is None)
    found = await files(bob)
    assert found == {"client.txt": "client", "latin.txt": "both", "program.txt": "program"}
    history = await bob.ask("history:list", {**PROJECT, "filePath": "latin.txt"})
    assert [one["savedBy"] for one in history["saves"]] == ["workspace", "bob", "workspace"]


async def test_what_cannot_be_written_is_as_in_the_directory(
    servers: Servers,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(shared_workspace, "MAX_FILE", 20)
    here = await servers.add()
    await eventually(lambda: mirrors(here))
    bob = await servers.client(here.port, "bob")
    await taken_over(bob, "README.md")
    await bob.news()
    asked = (
        change("link", "created", content="no link"),
        change("README.md", "updated", content="much too long to be mirrored"),
    )
    for one in asked:
        assert (await bob.ask("file:change", one))["ok"]
    told = await heard(bob, ("file:deleted", "link"), ("file:updated", "README.md"))
    assert "# Shop\n" in [one.get("content") for one in told]
    said = [one.getMessage() for one in caplog.records if "cannot be written" in one.getMessage()]
    assert len(said) == 2
    # What an earlier release has let into the project stays out of the directory.
    await here.database.run(
        lambda c: project_files.write(c, PROJECT_ID, ".envrc", "rm", user_id="ada", now="now")
    )
    await heard(bob, ("file:deleted", ".envrc"))
    assert not (directory / ".envrc").exists()


async def test_a_mirror_that_fails_tries_again(
    servers: Servers,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(shared_workspace, "_RETRY_SECONDS", 0.01)
    caplog.set_level(logging.INFO)
    here = await servers.add()
    await eventually(lambda: mirrors(here))
    bob = await servers.client(here.port, "bob")
    await taken_over(bob, "README.md")
    # Another server has begun, of which this one has heard nothing; and the directory is away.
    await here.database.run(lambda c: c.execute("UPDATE mirrors SET node = 'another'"))
    (directory / "one.txt").write_text("one")
    await taken_over(bob, "one.txt")
    assert "another server mirrors the workspace by now" in caplog.messages
    directory.rename(directory.parent / "away")
    for content in ("two", "three"):
        asked = change("README.md", "updated", content=content)
        assert (await bob.ask("file:change", asked))["ok"]
        await eventually(lambda: [one for one in caplog.messages if " is gone; " in one])
    (directory.parent / "away").rename(directory)
    assert (await bob.ask("file:change", change("two.txt", "created", content="two")))["ok"]
    await written(directory / "README.md", "three")

    def broken(*_: object) -> None:
        raise EventError(code="STORAGE_ERROR", message="it is broken")  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(shared_workspace, "_hashes", broken)
        (directory / "three.txt").write_text("three")
        await eventually(lambda: [one for one in caplog.messages if "it is broken" in one])
        patched.setattr(shared_workspace, "_hashes", lambda _: 1 / 0)
        await eventually(lambda: [one for one in caplog.records if one.exc_info])
    await taken_over(bob, "three.txt")


def test_a_file_that_a_program_has_changed_is_not_written_over(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    (tmp_path / "a").write_text("program")
    for content in (b"client", None):
        assert not shared_workspace._put(tree, "a", content, "")
    assert (tmp_path / "a").read_text() == "program"


async def test_another_server_goes_on_when_the_one_is_killed_that_mirrors(
    servers: Servers, directory: Path, tmp_path: Path
) -> None:
    processes = forked_servers.context()
    process, port = await asyncio.to_thread(
        killing.start, processes, tmp_path / "killed", tuning={"renewal": 0.05}, **servers.settings
    )
    there = await servers.add()
    clients = [await servers.client(one, f"user-{one}") for one in (port, there.port)]
    await taken_over(clients[1], "README.md")
    assert not mirrors(there)
    saved: dict[str, str] = {}

    async def work(client: Client, name: str) -> None:
        number = 0
        while not done.is_set():
            number += 1
            path, content = f"{name}/{number % 30}.txt", f"{name} {number}"
            action = "updated" if path in saved else "created"
            answer = await client.ask("file:change", change(path, action, content=content))
            assert answer["ok"], answer
            saved[path] = content

    async def program() -> None:
        number = 0
        while not done.is_set():
            number += 1
            path = directory / f"program-{number % 30}.txt"
            path.write_text(f"program {number}")
            saved[path.name] = f"program {number}"
            await asyncio.sleep(0.005)

    done = asyncio.Event()
    working = [asyncio.create_task(work(clients[1], "there")), asyncio.create_task(program())]
    # Of what the killed server is asked, some may have been done without an answer.
    lost = asyncio.create_task(work(clients[0], "here"))
    await eventually(lambda: len(saved) > 60)
    process.kill()
    await asyncio.to_thread(process.join)
    lost.cancel()
    await asyncio.gather(lost, return_exceptions=True)
    await eventually(lambda: mirrors(there))
    seen = len(saved)
    await eventually(lambda: len(saved) >= min(seen + 5, 60))
    done.set()
    await asyncio.gather(*working)
    isolated = {path: one for path, one in saved.items() if not path.startswith("here/")}
    await eventually(lambda: all(text(directory / one) == isolated[one] for one in isolated))

    async with asyncio.timeout(PATIENCE):
        while (found := await files(clients[1])) != texts(directory):
            pass
    assert {path: found[path] for path in isolated} == isolated
    # None was done twice: no content comes twice in the history of a file.
    for path in isolated:
        saves = (await clients[1].ask("history:list", {**PROJECT, "filePath": path}))["saves"]
        hashes = [one["hash"] for one in saves]
        assert len(hashes) == len(set(hashes)), path
