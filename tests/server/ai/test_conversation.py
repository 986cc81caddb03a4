"""The events of the chat with the assistant, answered by the built-in provider."""

from __future__ import annotations

import asyncio

import pytest

from server.ai.builtin import provider
from server.ai.conversation import MAX_MESSAGE
from server.application import Application
from server.store import conversations
from tests.server.ai.chatting import ADA, DOCUMENTED, PROJECT, TODO, Held, answer_of, ask
from tests.server.conftest import Connect
from tests.server.databases import either_database

DATABASE = either_database


async def test_the_documents_message(connect: Connect) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", {**PROJECT, "userId": "user-789"})
    request = await client.ask("ai:message", DOCUMENTED)
    assert request.keys() == {"ok", "requestId", "messageId"}
    data, envelope = await other.hear("ai:message")
    assert data == {
        "message": DOCUMENTED["message"],
        "user": ADA,
        "requestId": request["requestId"],
        "messageId": request["messageId"],
    }
    assert envelope["metadata"]["source"] == "client"
    for one in (client, other):
        chunks = []
        statuses = []
        async with asyncio.timeout(20):
            while "ai:response" not in [event for event, _, _ in one.heard]:
                await one.more()
        for event, data, _ in one.heard:
            if event == "code:chunk":
                chunks.append(data["content"])
            elif event == "ai:processing":
                statuses.append((data["status"], data.get("progress")))
        names = [event for event, _, _ in one.heard if event.startswith(("code:", "ai:r"))]
        assert names[0] == "code:started"
        assert names[-2:] == ["code:completed", "ai:response"]
        assert statuses == [
            ("started", None),
            ("progress", 25),
            ("progress", 50),
            ("completed", 100),
        ]
        response = one.heard[-1][1]["response"]
        assert "".join(chunks) == response["content"]
        assert (response["provider"], response["model"]) == ("builtin", "none")
        assert response["cancelled"] is False
        [action] = response["actions"]
        # The one of that name is there, with something in it.
        path = TODO.replace("TodoList", "TodoList2")
        assert (action["type"], action["path"]) == ("create-file", path)
        assert action["content"] in response["content"]
        assert "export default function TodoList2()" in action["content"]
    history = (await client.ask("project:join", PROJECT))["messages"]
    assert [(one["role"], one["user"]["id"], one["content"]) for one in history] == [
        ("user", "user-456", DOCUMENTED["message"]),
        ("assistant", "assistant", response["content"]),
    ]
    assert history[1]["response"] == response


async def test_without_a_project_only_the_sender_hears(connect: Connect) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", PROJECT)
    await client.ask("project:join", PROJECT)
    await other.news()
    request = await client.ask(
        "ai:message", {"message": "hello", "metadata": {"correlationId": "c-1"}}
    )
    events, response = await answer_of(client, request["requestId"])
    assert events[0] == "ai:message"
    assert response["content"] == provider.HELP
    assert "No language model is configured" in response["content"]
    assert await other.news() == []
    assert (await client.ask("project:join", PROJECT))["messages"] == []


async def test_the_correlation_id_comes_back_in_all_of_it(connect: Connect) -> None:
    client = await connect()
    await client.ask("ai:message", {"message": "x", "metadata": {"correlationId": "c-1"}})
    while "ai:response" not in [event for event, _, _ in client.heard]:
        await client.more()
    assert {envelope["metadata"]["correlationId"] for _, _, envelope in client.heard} == {"c-1"}


async def test_a_message_has_a_limit(connect: Connect) -> None:
    client = await connect()
    for message in ("", "x" * (MAX_MESSAGE + 1), "ü" * (MAX_MESSAGE // 2 + 1)):
        error = (await client.ask("ai:message", {"message": message}))["error"]
        assert error["details"] == {"path": "$.message"}
    assert (await client.ask("ai:message", {"message": "ü" * (MAX_MESSAGE // 2)}))["ok"]


async def test_work_on_files_needs_a_project(connect: Connect) -> None:
    client = await connect()
    request = await client.ask("ai:message", {"message": "outline main.py"})
    _, error = await answer_of(client, request["requestId"])
    assert error == {
        "code": "AI_SERVICE_ERROR",
        "message": "this is about a project's files: send it with a projectId",
    }


async def test_the_chat_keeps_the_latest_messages(
    application: Application, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "MAX_MESSAGES", 4)
    client = await connect()
    for number in range(4):
        await ask(client, f"message {number}")
    history = (await client.ask("project:join", PROJECT))["messages"]
    assert [one["content"] for one in history[::2]] == ["message 2", "message 3"]
    assert len(history) == 4


@pytest.mark.parametrize("path", ["../x.jsx", "/etc/passwd.jsx", "a\\b.jsx", "a\u202eb.jsx", "x/"])
async def test_the_current_file_is_a_path_of_the_project(connect: Connect, path: str) -> None:
    """What is proposed for it is written there."""
    client = await connect()
    message = {"message": "make a component", "context": {"currentFile": path}}
    error = (await client.ask("ai:message", message))["error"]
    assert error["code"] == "INVALID_FILE_PATH"
    [action] = (await ask(client, "make a component", context={"currentFile": "./a//e\u0301.jsx"}))[
        "actions"
    ]
    assert action["path"] == "a/\u00e9.jsx"


async def test_another_program_reports_its_progress(connect: Connect) -> None:
    client, other = await connect(), await connect()
    for one in (client, other):
        await one.ask("project:join", PROJECT)
    await client.news()
    status = {
        "status": "processing",
        "progress": 50,
        "message": "Generating component structure...",
    }
    assert await client.ask("ai:status", status) == {"ok": True}
    [(event, data)] = await other.news()
    assert event == "ai:processing"
    assert data.pop("user")["id"].startswith("guest-")
    assert data == {**status, "status": "progress"}
    done = {"status": "completed", "requestId": "mine", **PROJECT}
    await client.ask("ai:status", done)
    assert (await other.hear("ai:processing"))[0]["requestId"] == "mine"
    assert await client.news() == []
    for progress in (-1, 101, "50"):
        error = (await client.ask("ai:status", {**status, "progress": progress}))["error"]
        assert error["details"] == {"path": "$.progress"}


async def test_a_message_that_is_sent_again_is_asked_once(connect: Connect) -> None:
    client, other = await connect(), await connect()
    await client.ask("user:join", {"userId": "user-456"})
    await other.ask("user:join", {"userId": "user-789"})
    payload = {**PROJECT, "message": "todos", "key": "mine-1"}
    first = await client.ask("ai:message", payload)
    again = await client.ask("ai:message", payload)
    await answer_of(client, first["requestId"])
    after = await client.ask("ai:message", payload)
    assert first == again == after
    history = (await client.ask("ai:history", PROJECT))["messages"]
    assert [one["role"] for one in history] == ["user", "assistant"]
    # A key is its sender's, and its project's.
    theirs = await other.ask("ai:message", payload)
    assert theirs["requestId"] != first["requestId"]
    await answer_of(other, theirs["requestId"])
    nowhere = {"message": "todos", "key": "mine-1"}
    alone = await client.ask("ai:message", nowhere)
    assert alone["requestId"] not in (first["requestId"], theirs["requestId"])


async def test_a_message_that_is_sent_again_is_not_one_too_many(
    connect: Connect, application: Application
) -> None:
    application.answers.maker.provider = Held()
    client = await connect()
    await client.ask("user:join", {"userId": "user-456"})
    first = await client.ask("ai:message", {**PROJECT, "message": "one", "key": "k"})
    second = await client.ask("ai:message", {**PROJECT, "message": "two", "key": "l"})
    assert await client.ask("ai:message", {**PROJECT, "message": "one", "key": "k"}) == first
    third = await client.ask("ai:message", {**PROJECT, "message": "three", "key": "m"})
    assert third["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    for request in (first, second):
        await client.ask("ai:cancel", {"requestId": request["requestId"]})
        await answer_of(client, request["requestId"])
