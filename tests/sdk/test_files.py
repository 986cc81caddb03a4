"""Files of any size and kind in the Python SDK."""

from __future__ import annotations

import asyncio
import urllib.request
from typing import Any

import pytest

from ai_coding_assistant import AICodingAssistantSocket, Refused, events
from ai_coding_assistant.calling import typed_call
from ai_coding_assistant.replacing import put_in
from ai_coding_assistant.signatures import AnyEvent
from ai_coding_assistant.transfers import BEGINNINGS, PART, download, upload
from server.projects import projects
from tests.sdk.connecting import APP, PROJECT, Connect, Servers


async def test_a_file_of_any_size_and_lists_of_any_length(
    servers: Servers, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await connect()
    text = "aé€😀" * 250_000
    file = {"path": "large.txt", "action": "created", "content": text}
    await ada.call("file:change", {"projectId": PROJECT, "file": file})
    version = (await ada.call("version:create", {"projectId": PROJECT}))["version"]["id"]
    for one in (None, version):
        read = await ada.read_file(PROJECT, "large.txt", one)
        assert (read["content"], read["size"], "next" in read) == (text, 2_500_000, False)
    blocking = AICodingAssistantSocket(servers[0].url, user_id="user-789")
    with await asyncio.to_thread(blocking.__enter__):
        found = await asyncio.to_thread(blocking.read_file, PROJECT, "large.txt")
        assert found["content"] == text
        payload = {"projectId": PROJECT, "limit": 1}
        listed = await asyncio.to_thread(blocking.list_all, "file:list", payload)
        hits = await asyncio.to_thread(blocking.search, PROJECT, "TodoList", limit=1)
        await asyncio.to_thread(blocking.disconnect)
    paths = ["large.txt", APP, "src/components/TodoList.jsx"]
    assert [one["path"] for one in listed] == paths
    assert [one["filePath"] for one in hits] == paths[1:]
    assert [len(one["hits"]) for one in hits] == [3, 1]
    monkeypatch.setattr(projects, "FILES", 2)
    joined = await ada.join_project(PROJECT)
    assert [one["path"] for one in joined["files"]] == paths
    assert "nextFile" not in joined


@pytest.mark.parametrize("forgets", [1, 4, 5])
async def test_a_file_is_sent_again_to_a_server_that_knows_nothing_of_it(
    servers: Servers, connect: Connect, forgets: int
) -> None:
    ada = await connect()
    left = forgets

    @typed_call
    async def call(event: str, payload: dict[str, Any]) -> Any:
        nonlocal left
        if payload["offset"] and left:
            left -= 1
            payload = {**payload, "uploadId": "upload-elsewhere"}
        return await ada.call(AnyEvent(event), payload)

    payload = {"projectId": PROJECT, "filePath": f"{forgets}.bin"}
    data = b"\0" * (PART + 1)
    if forgets < BEGINNINGS:
        assert (await upload(call, payload, data))["size"] == len(data)
        return
    with pytest.raises(Refused) as refused:
        await upload(call, payload, data)
    assert (refused.value.code, left) == ("NOT_FOUND", 0)


async def test_files_as_bytes(servers: Servers, connect: Connect) -> None:
    ada = await connect()
    data = bytes(range(256)) * 2_100
    file = await ada.upload_file(PROJECT, "a/data.bin", data)
    assert (file["size"], file["mediaType"]) == (len(data), "application/octet-stream")
    with pytest.raises(Refused) as refused:
        await ada.upload_file(PROJECT, "a/data.bin", b"\0")
    assert refused.value.code == "VERSION_CONFLICT"
    found = await ada.download_file(PROJECT, "a/data.bin")
    assert (found["data"], found["file"], "next" in found) == (data, file, False)
    blocking = AICodingAssistantSocket(servers[0].url, user_id="user-789")

    def work() -> None:
        with blocking:
            made = blocking.upload_file(PROJECT, "a/b.txt", "twö", overwrite=True)
            assert "mediaType" not in made
            assert blocking.download_file(PROJECT, "a/b.txt")["data"] == "twö".encode()
            assert blocking.move_file(PROJECT, "a", "b")["count"] == 2
            assert blocking.copy_file(PROJECT, "b/b.txt", "b/c.txt")["file"]["size"] == 4
            with urllib.request.urlopen(blocking.create_download(PROJECT, "b/c.txt")) as response:
                assert response.read() == "twö".encode()
            deletion = blocking.delete_file(PROJECT, "b")
            listed = blocking.list_all("bin:list", {"projectId": PROJECT})
            assert listed[0]["id"] == deletion["deletionId"]
            back = blocking.restore_file(PROJECT, deletion["deletionId"], "c")
            assert (back["filePath"], back["count"]) == ("c", 3)

    await asyncio.to_thread(work)
    assert (await ada.download_file(PROJECT, "c/data.bin"))["data"] == data


async def test_bytes_that_change_while_they_are_read_are_read_again() -> None:
    def part(data: bytes, hash_: str, **fields: int) -> dict[str, Any]:
        return {"data": data, "hash": hash_, **fields}

    answers = [part(b"on", "1", next=2), part(b"xx", "2")]
    answers += [part(b"tw", "2", next=2), part(b"o!", "2")]

    @typed_call
    async def call(_event: str, _payload: dict[str, Any]) -> dict[str, Any]:
        return answers.pop(0)

    place: events.FileDownloadPayload = {"projectId": PROJECT, "filePath": APP}
    assert (await download(call, place))["data"] == b"two!"
    answers += [part(b"on", "1", next=2), part(b"xx", "2", next=3)] * 5
    with pytest.raises(Refused, match="changes faster than it can be read"):
        await download(call, place)
    assert answers == []


async def test_a_file_that_changes_while_it_is_read_is_read_again(connect: Connect) -> None:
    ada = await connect()
    answers: list[dict[str, Any]] = []

    @typed_call
    async def call(_event: str, _payload: dict[str, Any]) -> dict[str, Any]:
        return answers.pop(0)

    ada.call = call

    def part(content: str, hash_: str, **fields: int) -> dict[str, Any]:
        return {"content": content, "hash": hash_, **fields}

    answers += [part("on", "1", next=2), part("xx", "2")]
    answers += [part("tw", "2", next=2), part("o!", "2")]
    assert (await ada.read_file(PROJECT, APP))["content"] == "two!"
    answers += [part("on", "1", next=2), part("xx", "2", next=3)] * 5
    with pytest.raises(Refused) as refused:
        await ada.read_file(PROJECT, APP)
    assert refused.value.code == "VERSION_CONFLICT"
    assert answers == []


async def test_what_is_found_is_replaced_where_it_still_is(
    servers: Servers, connect: Connect
) -> None:
    ada = await connect()
    text = "one 😀 cat\ncat, cat\n"
    file = {"path": "cats.txt", "action": "created", "content": text}
    await ada.call("file:change", {"projectId": PROJECT, "file": file})
    blocking = AICodingAssistantSocket(servers[0].url, user_id="user-789")

    def work() -> None:
        with blocking:
            done = blocking.replace(PROJECT, "c(a)t", "d$1g", isRegex=True, include=["cats.txt"])
            assert done == [{"filePath": "cats.txt", "replaced": 3, "left": 0}]
            # Reading saves what was typed.
            assert blocking.read_file(PROJECT, "cats.txt")["content"].count("dag") == 3
            [last, first] = blocking.list_all(
                "history:list", {"projectId": PROJECT, "filePath": "cats.txt"}
            )
            assert last["users"] == ["user-789"]
            read = blocking.read_file(PROJECT, "cats.txt", save_id=first["id"])
            assert read["content"] == text
            found = blocking.download_file(PROJECT, "cats.txt", save_id=first["id"])
            assert found["data"] == text.encode()
            blocking.restore_save(PROJECT, "cats.txt", first["id"])

    async with await ada.open_document(PROJECT, "cats.txt") as document:
        await asyncio.to_thread(work)
        assert document.text == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a 😀 b a\na", ("X 😀 b X\nX", 3)),
        # What is something else by now stays, and so does what would overlap.
        ("b 😀 b a\n", ("b 😀 b X\n", 1)),
        ("", ("", 0)),
    ],
)
def test_hits_are_put_in_by_their_units(text: str, expected: tuple[str, int]) -> None:
    def hit(line: int, column: int) -> events.SearchHit:
        return {
            "start": {"line": line, "column": column},
            "end": {"line": line, "column": column + 1},
            "match": "a",
            "replacement": "X",
            "excerpt": text,
        }

    assert put_in(text, [hit(1, 0), hit(0, 0), hit(0, 7), hit(0, 7)]) == expected
