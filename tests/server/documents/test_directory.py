"""Editing together in a project that is a directory, while other programs write there.

Invariant: what people type and what programs write ends up in both, and nothing undoes anything.
"""

from __future__ import annotations

from pathlib import Path

from tests.server.documents.editors import Editor
from tests.server.running import running
from tests.server.wire import connected
from tests.waiting import until


async def test_programs_and_people_write_one_file(tmp_path: Path) -> None:
    directory = tmp_path / "work"
    directory.mkdir()
    file = directory / "a.txt"
    file.write_text("one\ntwo\n")
    async with (
        running(tmp_path / "data", workspace=directory, event_rate=0) as application,
        connected(application.port) as client,
    ):
        await client.ask("project:join", {"projectId": "workspace", "userId": "ada"})
        ada = Editor(client, "a.txt", "workspace")
        assert (await ada.open())["content"] == "one\ntwo\n"
        assert (await ada.edit([8, [0, "typed"]]))["ok"]
        await ada.heard()
        # Not saved yet: the program has not seen it.
        file.write_text("one\n2\n")
        outside = await ada.heard()
        assert (outside["user"]["id"], outside["author"]) == ("workspace", "")
        assert outside["change"] == [4, [4, "2", ""], 5]
        assert (await client.hear("file:updated"))[0]["content"] == "one\n2\ntyped"
        await until(lambda: file.read_text() == "one\n2\ntyped")
        # Saved, it is in the directory before anybody reads it.
        assert (await ada.edit([11, [0, "!"]]))["ok"]
        await ada.heard()
        read = await client.ask("file:read", ada.file)
        assert read["content"] == file.read_text() == "one\n2\ntyped!"
        file.write_text("new\n")
        await ada.heard()
        assert (await ada.open())["content"] == "new\n"
        file.unlink()
        await client.hear("file:deleted")
        assert (await ada.edit([4]))["error"]["code"] == "VERSION_CONFLICT"
        assert await client.ask("file:list", {"projectId": "workspace"}) == {
            "ok": True,
            "files": [],
        }
    assert not file.exists()


async def test_the_directory_has_all_that_was_typed_when_the_server_stops(tmp_path: Path) -> None:
    directory = tmp_path / "work"
    directory.mkdir()
    (directory / "a.txt").write_bytes(b"one\r\n")
    async with (
        running(tmp_path / "data", workspace=directory, event_rate=0) as application,
        connected(application.port) as client,
    ):
        await client.ask("project:join", {"projectId": "workspace", "userId": "ada"})
        ada = Editor(client, "a.txt", "workspace")
        await ada.open()
        assert (await ada.edit([4, [0, "typed", ""]]))["ok"]
    assert (directory / "a.txt").read_bytes() == b"one\r\ntyped\r\n"
