"""What answers propose to do with files, and what becomes of it.

Invariants:
- An action has what the file becomes, made from the file as those who edit it have it.
- What is meant for a file and is no proposal is said; it stays in the text, and nothing is written.
- What somebody has decided is kept with the message, whenever it was told, and holds.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from server.ai import proposals
from server.application import Application
from tests.server.ai.chatting import ADA, PROJECT, Held, answer_of
from tests.server.conftest import Connect
from tests.server.running import running
from tests.server.wire import Client, connected


@pytest.fixture
def held(application: Application, monkeypatch: pytest.MonkeyPatch) -> Held:
    provider = Held()
    monkeypatch.setattr(application.answers.maker, "provider", provider)
    return provider


async def begin(client: Client) -> str:
    await client.ask("project:join", {**PROJECT, "userId": "user-456"})
    request_id: str = (await client.ask("ai:message", {"message": "go on", **PROJECT}))["requestId"]
    return request_id


async def answered(client: Client, held: Held, *pieces: str) -> Any:
    """The response that has this text."""
    request_id = await begin(client)
    for piece in (*pieces, None):
        await held.queue.put(piece)
    return request_id, (await answer_of(client, request_id))[1]


async def write(client: Client, path: str, content: str, **fields: Any) -> Any:
    file = {"path": path, "action": "created", "content": content, **fields}
    answer = await client.ask("file:change", {**PROJECT, "file": file})
    assert answer["ok"], answer
    return answer["file"]


def edit(path: str, *pairs: tuple[str, str]) -> str:
    parts = [
        f"<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n"
        for search, replace in pairs
    ]
    return f"```{path}\n" + "".join(parts) + "```\n"


def decide(request_id: str, outcome: str, action_id: str = "action-1") -> dict[str, Any]:
    return {**PROJECT, "requestId": request_id, "actionId": action_id, "outcome": outcome}


async def test_a_model_proposes_files_and_edits(connect: Connect, held: Held) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", {**PROJECT, "userId": "user-789"})
    before = await write(client, "src/app.py", "x = 1\r\ny = 2\r\n")
    request_id, response = await answered(
        client,
        held,
        "Two files:\n```src/new.py\nz = ",
        "3\n```\n" + edit("src/app.py", ("x = 1", "x = 2"), ("nowhere", "x")),
        edit("src/./app.py", ("y = 2", "y = 3")),
    )
    assert response["actions"] == [
        {
            "id": "action-1",
            "type": "create-file",
            "path": "src/new.py",
            "content": "z = 3\n",
        },
        {
            "id": "action-2",
            "type": "update-file",
            "path": "src/app.py",
            "content": "x = 2\r\ny = 3\r\n",
            "baseRevision": before["revision"],
            "inverse": [4, [7, "1", "y = 2"], 1],
        },
    ]
    nowhere = "edit 2: the lines of its SEARCH part are not in the file"
    assert response["unfit"] == [{"path": "src/app.py", "message": nowhere}]
    # It is heard while the answer goes on, file by file, and where each begins.
    heard = [
        (event, data) for event, data in await other.news() if data.get("requestId") == request_id
    ]
    started = [data.get("path") for event, data in heard if event == "code:started"]
    assert started == [None, "src/new.py", "src/app.py", "src/app.py"]
    chunks = [data for event, data in heard if event == "code:chunk"]
    assert "".join(chunk["content"] for chunk in chunks) == response["content"]
    assert [chunk["number"] for chunk in chunks] == list(range(1, len(chunks) + 1))
    of_new = [chunk["content"] for chunk in chunks if chunk.get("path") == "src/new.py"]
    assert "".join(of_new) == "z = 3\n"
    told = [data["action"] for event, data in heard if event == "ai:proposed"]
    assert [(one["id"], one["content"]) for one in told] == [
        ("action-1", "z = 3\n"),
        ("action-2", "x = 2\r\ny = 2\r\n"),
        ("action-2", "x = 2\r\ny = 3\r\n"),
    ]
    # Nothing is written without consent.
    paths = [file["path"] for file in (await client.ask("file:list", PROJECT))["files"]]
    assert "src/new.py" not in paths
    assert (await client.ask("file:read", {**PROJECT, "filePath": "src/app.py"}))["content"] == (
        "x = 1\r\ny = 2\r\n"
    )


async def test_each_edit_is_proposed_as_soon_as_it_is_there(connect: Connect, held: Held) -> None:
    client = await connect()
    before = await write(client, "a.txt", "one\ntwo\nthree\n")
    request_id = await begin(client)
    block = edit("a.txt", ("one", "ONE"), ("two", "two"), ("three", "THREE"))
    first, second, third, _ = [
        f"{part}>>>>>>> REPLACE\n" for part in block.split(">>>>>>> REPLACE\n")
    ]
    await held.queue.put(first)
    action = (await client.hear("ai:proposed"))[0]["action"]
    assert (action["id"], action["content"]) == ("action-1", "ONE\ntwo\nthree\n")
    # The text of the edit comes before.
    chunks = [data["content"] for event, data, _ in client.heard if event == "code:chunk"]
    assert "".join(chunks) == first
    # What is typed meanwhile is not taken away by the next one.
    file = {"path": "a.txt", "action": "updated", "content": "zero\none\ntwo\nthree\n"}
    assert (await client.ask("file:change", {**PROJECT, "file": file}))["ok"]
    await held.queue.put(second + third)
    assert (await client.hear("ai:proposed"))[0]["action"]["content"] == "ONE\ntwo\nthree\n"
    action = (await client.hear("ai:proposed"))[0]["action"]
    assert (action["content"], action["baseRevision"]) == ("ONE\ntwo\nTHREE\n", before["revision"])
    assert action["inverse"] == [[4, "one", ""], 4, [6, "three", ""]]
    # It breaks off: what is whole is proposed.
    await held.queue.put(None)
    _, response = await answer_of(client, request_id)
    assert response["actions"] == [action]
    assert response["unfit"] == [{"path": "a.txt", "message": "the answer ended within it"}]


async def test_edits_of_a_long_file_wait_for_the_end_of_their_block(
    connect: Connect, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposals, "MAX_STREAMED", 10)
    client = await connect()
    await write(client, "a.txt", "one\ntwo\nthree\nfour\n")
    request_id = await begin(client)
    pairs = [("one", "ONE"), ("two", "TWO"), ("nowhere", "x"), ("four", "FOUR")]
    await held.queue.put(edit("a.txt", *pairs) + edit("a.txt", ("three", "THREE")))
    await held.queue.put(None)
    told: list[str] = []
    while "FOUR\n" not in (told or [""])[-1]:
        told.append((await client.hear("ai:proposed"))[0]["action"]["content"])
    assert told == ["ONE\ntwo\nthree\nfour\n", "ONE\nTWO\nthree\nFOUR\n"]
    _, response = await answer_of(client, request_id)
    assert response["actions"][0]["content"] == "ONE\nTWO\nTHREE\nFOUR\n"
    nowhere = "edit 3: the lines of its SEARCH part are not in the file"
    assert response["unfit"] == [{"path": "a.txt", "message": nowhere}]


async def test_it_is_made_from_what_is_typed_and_not_saved_yet(tmp_path: Path) -> None:
    async with running(tmp_path, tuning={"still": 600.0, "latest": 600.0}) as application:
        held = Held()
        application.answers.maker.provider = held
        async with connected(application.port) as client:
            await client.ask("project:join", {**PROJECT, "userId": "user-456"})
            await write(client, "a.txt", "one\n")
            place = {**PROJECT, "filePath": "a.txt"}
            opened = await client.ask("file:open", place)
            typed = {"epoch": opened["epoch"], "version": opened["version"], "author": "a"}
            change = {**place, **typed, "number": 1, "change": [3, [0, " two"], 1]}
            assert (await client.ask("file:edit", change))["ok"]
            _, response = await answered(client, held, edit("a.txt", ("one two", "three")))
            [action] = response["actions"]
            assert action["content"] == "three\n"
            saved = (await client.ask("file:read", place))["file"]
            assert action["baseRevision"] == saved["revision"]


@pytest.mark.parametrize(
    ("answer", "path", "message"),
    [
        ("```../a.py\nx\n```\n", "../a.py", "path '../a.py': a path does not lead upwards"),
        ("```b.txt\nx\n", "b.txt", "the answer ended within it"),
        (
            edit("b.txt", ("x", "y")),
            "b.txt",
            "edit 1: the lines of its SEARCH part are not in the file",
        ),
        ("```same.txt\nthe same\n```\n", "same.txt", "the file is like that already"),
    ],
)
async def test_what_is_no_proposal_says_why(
    connect: Connect, held: Held, answer: str, path: str, message: str
) -> None:
    client = await connect()
    await write(client, "same.txt", "the same\n")
    _, response = await answered(client, held, answer)
    assert "actions" not in response
    assert response["unfit"] == [{"path": path, "message": message}]
    assert response["content"] == answer


async def test_what_is_too_long_is_no_proposal(
    connect: Connect, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposals, "MAX_PROPOSED", 20)
    client = await connect()
    await write(client, "old.txt", "0123456789\n")
    _, response = await answered(
        client,
        held,
        "```a.txt\n123456789\n```\n",
        "```old.txt\nx\n```\n",
        "```a.txt\n0123456789012345678\n```\n",
    )
    assert [one["content"] for one in response["actions"]] == ["0123456789012345678\n"]
    assert [one["path"] for one in response["unfit"]] == ["old.txt"]


async def test_a_file_that_is_too_long_for_edits(
    connect: Connect, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.ai.edits.MAX_LENGTH", 10)
    client = await connect()
    await write(client, "long.txt", "01234567890\n")
    _, response = await answered(client, held, edit("long.txt", ("01234567890", "x")))
    [unfit] = response["unfit"]
    assert unfit["message"].endswith("put it in by hand")


async def test_of_no_project_nothing_is_proposed(connect: Connect, held: Held) -> None:
    client = await connect()
    request = await client.ask("ai:message", {"message": "go on", "userId": "user-456"})
    for piece in ("```a.py\nx\n```\n", None):
        await held.queue.put(piece)
    events, response = await answer_of(client, request["requestId"])
    assert response.keys() == {*("id", "requestId", "content", "provider", "model", "cancelled")}
    assert events.count("code:started") == 1


async def test_a_stopped_answer_keeps_what_it_has_proposed(connect: Connect, held: Held) -> None:
    client = await connect()
    request_id = await begin(client)
    await held.queue.put("```a.py\nx\n```\n```b.py\ny\n")
    await client.hear("ai:proposed")
    await client.ask("ai:cancel", {"requestId": request_id})
    _, response = await answer_of(client, request_id)
    assert [one["path"] for one in response["actions"]] == ["a.py"]
    assert response["unfit"] == [{"path": "b.py", "message": "the answer ended within it"}]


async def test_what_was_decided_is_told_and_kept(connect: Connect, held: Held) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", {**PROJECT, "userId": "user-789"})
    request_id, _ = await answered(client, held, "```a.py\nx\n```\n```b.py\ny\n```\n")
    for one in (client, other):
        await one.news()
    assert await client.ask("ai:applied", decide(request_id, "accepted")) == {"ok": True}
    told = {"requestId": request_id, "actionId": "action-1", "outcome": "accepted", "user": ADA}
    for one in (client, other):
        assert (await one.hear("ai:applied"))[0] == told
    # Once more is no news: an acknowledgement may be lost.
    assert await other.ask("ai:applied", decide(request_id, "accepted")) == {"ok": True}
    assert await other.ask("ai:applied", decide(request_id, "partly", "action-2")) == {"ok": True}
    assert (await client.hear("ai:applied"))[0]["actionId"] == "action-2"
    assert await client.news() == []
    # The first one holds.
    error = (await other.ask("ai:applied", decide(request_id, "rejected")))["error"]
    assert error == {
        "code": "VERSION_CONFLICT",
        "message": "'user-456' has decided on this before: it was accepted",
        "details": {"outcome": "accepted", "userId": "user-456"},
    }
    message = (await other.ask("project:join", PROJECT))["messages"][-1]
    assert [one["decision"]["outcome"] for one in message["response"]["actions"]] == [
        "accepted",
        "partly",
    ]
    assert message["response"]["actions"][0]["decision"]["user"] == ADA


async def test_what_was_decided_while_the_answer_goes_on(connect: Connect, held: Held) -> None:
    client = await connect()
    request_id = await begin(client)
    await held.queue.put("```a.py\nx\n```\n")
    await client.hear("ai:proposed")
    assert (await client.ask("ai:applied", decide(request_id, "accepted")))["ok"]
    assert (await client.ask("ai:applied", decide(request_id, "accepted")))["ok"]
    unknown = (await client.ask("ai:applied", decide(request_id, "accepted", "action-9")))["error"]
    assert unknown["code"] == "NOT_FOUND"
    # What comes later for the same file is another proposal.
    await held.queue.put("```a.py\nx\ny\n```\n")
    await held.queue.put(None)
    _, response = await answer_of(client, request_id)
    decisions = [one.get("decision") for one in response["actions"]]
    assert decisions == [{"outcome": "accepted", "user": ADA}, None]
    assert (await client.ask("ai:applied", decide(request_id, "rejected", "action-2")))["ok"]


async def test_what_was_decided_while_the_answer_is_stored_comes_after_it(
    application: Application, connect: Connect, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", {**PROJECT, "userId": "user-789"})
    request_id = await begin(client)
    storing, go_on = asyncio.Event(), asyncio.Event()
    keep = application.answers.maker.keep

    async def late(*arguments: Any) -> Any:
        storing.set()
        await go_on.wait()
        return await keep(*arguments)

    await held.queue.put("```a.py\nx\n```\n")
    await client.hear("ai:proposed")
    monkeypatch.setattr(application.answers.maker, "keep", late)
    await held.queue.put(None)
    await storing.wait()
    await other.emit("ai:applied", decide(request_id, "rejected"))
    await client.ask("test:ping")
    go_on.set()
    assert (await client.hear("ai:applied"))[0]["outcome"] == "rejected"
    [action] = (await client.ask("project:join", PROJECT))["messages"][-1]["response"]["actions"]
    assert action["decision"]["outcome"] == "rejected"


async def test_who_may_decide(connect: Connect, held: Held) -> None:
    owner, viewer = await connect(), await connect()
    await owner.ask("user:join", {"userId": "user-456"})
    project = (await owner.ask("project:create", {"name": "Mine"}))["project"]["id"]
    share = {"projectId": project, "userId": "user-789", "role": "viewer"}
    await owner.ask("project:share", share)
    request_id, _ = await answered(owner, held, "```a.py\nx\n```\n")
    payload = decide(request_id, "accepted")
    await viewer.ask("user:join", {"userId": "user-789"})
    # Of another project than the one that is named.
    other = {**payload, "projectId": project}
    assert (await owner.ask("ai:applied", other))["error"]["code"] == "NOT_FOUND"
    assert (await viewer.ask("ai:applied", other))["error"]["code"] == "FORBIDDEN"
    bad = {**payload, "outcome": "perhaps"}
    assert (await owner.ask("ai:applied", bad))["error"]["message"] == (
        '$.outcome is a string of 7 characters, expected "accepted" or "partly" or "rejected"'
    )


async def test_who_comes_back_finds_the_answer_as_far_as_it_is(
    application: Application, connect: Connect, held: Held
) -> None:
    client, other = await connect(), await connect()
    request_id = await begin(client)
    await held.queue.put("```a.py\nx\n```\nand ")
    await client.hear("ai:proposed")
    while "and " not in application.answers.answering("project-123")[0].content:  # type: ignore[operator]
        await client.hear("code:chunk")
    joined = await other.ask("project:join", {**PROJECT, "userId": "user-789"})
    assert joined["answering"] == [request_id]
    [answer] = joined["answers"]
    assert (answer["requestId"], answer["user"]) == (request_id, ADA)
    assert answer["content"] == "```a.py\nx\n```\nand "
    assert [one["path"] for one in answer["actions"]] == ["a.py"]
    await other.news()
    await held.queue.put("on")
    # What comes next has the next number.
    chunk, _ = await other.hear("code:chunk")
    assert (chunk["content"], chunk["number"]) == ("on", answer["chunks"] + 1)
    await held.queue.put(None)
    await answer_of(other, request_id)


async def test_long_answers_are_left_out_of_what_joining_brings(
    connect: Connect, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.ai.answers.MAX_ANSWER", 3)
    client = await connect()
    request_id = await begin(client)
    await held.queue.put("abcd")
    await client.hear("code:chunk")
    [answer] = (await client.ask("project:join", PROJECT))["answers"]
    assert answer == {"requestId": request_id, "user": ADA, "chunks": 1}
    await held.queue.put(None)
    await answer_of(client, request_id)


async def test_an_answer_of_many_files_is_not_told_twice_as_a_whole(
    connect: Connect, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.ai.answer_making.MAX_PROPOSED", 30)
    client, other = await connect(), await connect()
    await other.ask("project:join", {**PROJECT, "userId": "user-789"})
    _, response = await answered(
        client, held, "```a.py\n1234567890\n```\n" * 2, "```a.py\n12345678901234567890\n```\n"
    )
    assert response["actions"][0]["content"] == "12345678901234567890\n"
    assert [event for event, _ in await other.news()].count("ai:proposed") == 2
