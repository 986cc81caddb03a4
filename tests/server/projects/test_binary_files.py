"""Files as bytes on the wire: `file:upload` and `file:download`.

Invariants:
- What was acknowledged is what everybody downloads, byte by byte.
- A file comes as a whole or not at all, however it is cut and whatever is sent in between.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from server.application import Application
from tests.server.company import two
from tests.server.conftest import Connect
from tests.server.running import running
from tests.server.wire import Client, connected

PROJECT = {"projectId": "project-123"}
APP = "src/components/App.jsx"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff"
PART = 262_144
LARGE = bytes(range(256)) * 2_100
"""Three parts, the last one short."""


async def upload(client: Client, path: str, data: bytes, **more: Any) -> Any:
    return await client.ask_with("file:upload", {**PROJECT, "filePath": path, **more}, data)


async def download(client: Client, path: str, **more: Any) -> tuple[Any, bytes]:
    return await client.ask_for_data("file:download", {**PROJECT, "filePath": path, **more})


async def test_an_image_is_a_file(connect: Connect) -> None:
    client, other = await two(connect)
    answer = await upload(client, "img/logo.png", PNG)
    file = answer["file"]
    assert (file["size"], file["mediaType"], file["updatedBy"]) == (17, "image/png", "user-456")
    assert answer == {"ok": True, "filePath": "img/logo.png", "file": file}
    assert await other.news() == [("file:created", {"file": file})]
    assert file in (await other.ask("file:list", PROJECT))["files"]
    expected = {"ok": True, "filePath": "img/logo.png", "size": 17, "hash": file["hash"],
                "file": file, "mediaType": "image/png"}  # fmt: skip
    assert await download(other, "img/logo.png") == (expected, PNG)
    answer, data = await download(other, "img/logo.png", offset=5, limit=4)
    assert (answer["next"], data) == (9, PNG[5:9])
    answer, data = await download(other, "img/logo.png", offset=17)
    assert ("next" in answer, data) == (False, b"")


async def test_a_text_is_recognised(connect: Connect) -> None:
    client, other = await two(connect)
    text = "twö\n".encode()
    file = (await upload(client, "a.bin", text))["file"]
    assert "mediaType" not in file
    assert await other.news() == [("file:created", {"file": file})]
    read = await other.ask("file:read", {**PROJECT, "filePath": "a.bin"})
    assert read["content"] == "twö\n"
    answer, data = await download(other, APP)
    assert ("mediaType" in answer, data[:6]) == (False, b"import")


async def test_a_large_file_comes_in_parts(connect: Connect, application: Application) -> None:
    client, other = await two(connect)
    size = len(LARGE)
    begun = await upload(client, "large.bin", LARGE[:PART], size=size)
    upload_id = begun.pop("uploadId")
    assert begun == {"ok": True, "filePath": "large.bin", "next": PART}
    # Others, and the sender's own events, have their turns in between.
    assert (await client.ask("test:ping"))["ok"]
    more = {"size": size, "uploadId": upload_id}
    # One that has come is not taken again; nor is one that leaves something out.
    again = await upload(client, "large.bin", LARGE[:PART], **more)
    assert again["next"] == PART
    early = await upload(client, "large.bin", LARGE[-9:], offset=size - 9, **more)
    assert early["error"]["code"] == "VERSION_CONFLICT"
    assert early["error"]["details"] == {"next": PART}
    # A part of any size.
    answer = await upload(client, "large.bin", LARGE[PART : PART + 5], offset=PART, **more)
    assert answer["next"] == PART + 5
    assert await other.news() == []
    # On another connection of the user.
    third = await connect()
    await third.ask("project:join", {**PROJECT, "userId": "user-456"})
    at = PART + 5
    while "next" in answer:
        answer = await upload(third, "large.bin", LARGE[at : at + PART], offset=at, **more)
        at += PART
    file = answer["file"]
    assert (file["size"], file["mediaType"]) == (size, "application/octet-stream")
    assert file["hash"] == hashlib.sha256(LARGE).hexdigest()
    assert len(application.uploads) == 0
    found = b""
    answer = {"next": 0}
    while "next" in answer:
        answer, data = await download(other, "large.bin", offset=answer["next"])
        found += data
    assert found == LARGE
    gone = await upload(client, "large.bin", b"x", offset=size, **more)
    assert gone["error"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("payload", "data", "code", "message"),
    [
        ({"filePath": "../a"}, b"x", "INVALID_FILE_PATH", "a path does not lead upwards"),
        ({"filePath": "src"}, b"x", "INVALID_FILE_PATH", "a folder has that name"),
        ({"filePath": APP}, b"x", "VERSION_CONFLICT", "exists already: send it with overwrite"),
        ({"filePath": APP, "baseRevision": 99}, b"x", "VERSION_CONFLICT", "is based on 99"),
        (
            {"filePath": "a"},
            b"x" * (PART + 1),
            "VALIDATION_ERROR",
            "$.data is binary data, expected binary data of at most 262144 bytes",
        ),
        (
            {"filePath": "a", "size": 5_000_001},
            b"x",
            "VALIDATION_ERROR",
            "$.size is a number, expected a whole number from 0 to 5000000 (5 MB)",
        ),
        ({"filePath": "a", "size": 1}, b"xy", "VALIDATION_ERROR", "expected 1 to 1, of 1 in all"),
        ({"filePath": "a", "size": 9}, b"", "VALIDATION_ERROR", "$.data is 0 bytes"),
        ({"filePath": "a", "offset": 3}, b"x", "VALIDATION_ERROR", "$.uploadId is missing"),
        ({"filePath": "a", "uploadId": "u"}, b"x", "NOT_FOUND", "upload 'u': it was given up"),
        ({"filePath": "a", "lockToken": 1}, b"x", "FILE_LOCKED", "is gone: lock it again"),
    ],
)
async def test_what_is_refused(
    connect: Connect, payload: dict[str, Any], data: bytes, code: str, message: str
) -> None:
    client, other = await two(connect)
    error = (await client.ask_with("file:upload", {**PROJECT, **payload}, data))["error"]
    assert error["code"] == code
    assert message in error["message"]
    assert await other.news() == []


async def test_base64_is_no_data(connect: Connect) -> None:
    client, _ = await two(connect)
    for data in ("YQ==", [1], 5):
        error = (await client.ask("file:upload", {**PROJECT, "filePath": "a", "data": data}))[
            "error"
        ]
        assert error["details"] == {"path": "$.data"}


async def test_a_file_is_replaced(connect: Connect) -> None:
    client, other = await two(connect)
    first = (await upload(client, "a", PNG))["file"]
    # Sent again, because the answer was lost: it is there.
    assert (await upload(client, "a", PNG))["file"] == first
    second = (await upload(client, "a", PNG + b"!", overwrite=True))["file"]
    assert second["revision"] > first["revision"]
    third = await upload(client, "a", b"text", baseRevision=second["revision"])
    assert "mediaType" not in third["file"]
    news = [(name, data["file"].get("mediaType")) for name, data in await other.news()]
    assert news[0] == ("file:created", "image/png")
    assert news[-1] == ("file:updated", None)


async def test_somebody_elses_lock_holds(connect: Connect) -> None:
    client, other = await two(connect)
    await other.ask("file:lock", {**PROJECT, "filePath": "a.png"})
    assert (await upload(client, "a.png", PNG))["error"]["code"] == "FILE_LOCKED"
    # Also one that was taken while the file was coming.
    begun = await upload(client, "b.png", PNG, size=18)
    await other.ask("file:lock", {**PROJECT, "filePath": "b.png"})
    more = {"size": 18, "offset": 17, "uploadId": begun["uploadId"]}
    assert (await upload(client, "b.png", b"!", **more))["error"]["code"] == "FILE_LOCKED"


async def test_it_is_not_edited_together(connect: Connect) -> None:
    client, _ = await two(connect)
    await upload(client, "logo.png", PNG)
    refused = {
        "code": "VALIDATION_ERROR",
        "message": "file 'logo.png' is no text, but image/png: read it with file:download",
        "details": {"mediaType": "image/png"},
    }
    for event in ("file:open", "file:read"):
        answer = await client.ask(event, {**PROJECT, "filePath": "logo.png"})
        assert answer == {"ok": False, "error": refused}


async def test_who_edits_a_text_that_becomes_an_image_is_told(connect: Connect) -> None:
    client, other = await two(connect)
    opened = await other.ask("file:open", {**PROJECT, "filePath": APP})
    edit = {"epoch": opened["epoch"], "version": opened["version"], "author": "tab", "number": 1,
            "change": [[0, "typed"], len(opened["content"])]}  # fmt: skip
    assert (await other.ask("file:edit", {**PROJECT, "filePath": APP, **edit}))["ok"]
    file = (await upload(client, APP, PNG, overwrite=True))["file"]
    updated = [data for name, data in await other.news() if name == "file:updated"]
    # What was typed was saved before.
    assert updated[0]["content"].startswith("typed")
    assert updated[-1] == {"file": file}
    late = await other.ask("file:edit", {**PROJECT, "filePath": APP, **edit, "number": 2})
    assert late["error"]["code"] == "VERSION_CONFLICT"


async def test_versions_and_the_bin_have_bytes(connect: Connect) -> None:
    client, other = await two(connect)
    await upload(client, "img/a.png", PNG)
    version = (await client.ask("version:create", PROJECT))["version"]
    await upload(client, "img/a.png", PNG + b"!", overwrite=True)
    await client.ask("file:move", {**PROJECT, "filePath": "img", "newPath": "pictures"})
    copied = {**PROJECT, "filePath": "pictures/a.png", "newPath": "b.png"}
    assert (await client.ask("file:copy", copied))["file"]["mediaType"] == "image/png"
    answer, data = await download(client, "img/a.png", versionId=version["id"])
    assert (answer["mediaType"], data) == ("image/png", PNG)
    compared = await client.ask("version:compare", {**PROJECT, "versionId": version["id"]})
    shown = {one["path"]: one["diff"] for one in compared["differences"]}
    assert shown["img/a.png"] == (
        "(not compared: no text, image/png of 17 bytes before and nothing after)\n"
    )
    deleted = await client.ask("file:delete", {**PROJECT, "filePath": "pictures"})
    await client.ask("bin:restore", {**PROJECT, "deletionId": deleted["deletionId"]})
    assert (await download(other, "pictures/a.png"))[1] == PNG + b"!"
    await client.ask("version:restore", {**PROJECT, "versionId": version["id"]})
    answer, data = await download(other, "img/a.png")
    assert (answer["file"]["mediaType"], data) == ("image/png", PNG)


async def test_who_may_only_look_uploads_nothing(connect: Connect) -> None:
    owner, viewer = await connect(), await connect()
    await viewer.ask("user:join", {"userId": "eve"})
    made = await owner.ask("project:create", {"name": "Own", "userId": "user-456"})
    own = {"projectId": made["project"]["id"], "filePath": "a.png"}
    assert (await owner.ask_with("file:upload", own, PNG))["ok"]
    stranger = await viewer.ask_with("file:upload", own, PNG)
    assert stranger["error"]["code"] == "NOT_FOUND"
    assert (await viewer.ask("file:download", own))["error"]["code"] == "NOT_FOUND"
    shared = {"projectId": own["projectId"], "userId": "eve", "role": "viewer"}
    assert (await owner.ask("project:share", shared))["ok"]
    assert (await viewer.ask_for_data("file:download", own))[1] == PNG
    refused = await viewer.ask_with("file:upload", {**own, "overwrite": True}, b"x")
    assert refused["error"]["code"] == "FORBIDDEN"


async def test_an_upload_counts_for_its_user(tmp_path: Any) -> None:
    # A clock that stands still: nothing is paid back.
    async with (
        running(tmp_path, event_rate=0, tuning={"monotonic": lambda: 0.0}) as application,
        connected(application.port) as client,
    ):
        await client.ask("project:join", {**PROJECT, "userId": "user-456"})
        for number in range(100):
            assert (await upload(client, f"{number}", b""))["ok"]
        error = (await upload(client, "more", b""))["error"]
        assert error["code"] == "RATE_LIMIT_EXCEEDED"
        assert error["details"] == {"retryAfter": 0.02}
