"""The answers of the assistant, from a provider that the test holds.

Invariants:
- Each accepted message ends in exactly one `ai:response`, or one `ai:processing` with "error".
- What was streamed is what the response says, and what joining brings back.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from server.ai.answer_text import MAX_ANSWER
from server.ai.conversation import AiMessagePayload
from server.ai.provider import ProviderError
from server.api.identity import identity_of
from server.api.services import Call
from server.application import Application
from server.store import conversations, project_files, snapshots
from tests.server.ai.chatting import PROJECT, Held, answer_of
from tests.server.conftest import Connect
from tests.server.gate import closed_gate
from tests.server.running import running
from tests.server.wire import Client, connected
from tests.waiting import PATIENCE


@pytest.fixture
def held(application: Application, monkeypatch: pytest.MonkeyPatch) -> Held:
    provider = Held()
    monkeypatch.setattr(application.answers.maker, "provider", provider)
    return provider


async def begin(client: Client, **payload: Any) -> str:
    request = await client.ask("ai:message", {"message": "go on", **PROJECT, **payload})
    assert request["ok"], request
    request_id: str = request["requestId"]
    return request_id


async def test_cancelling_keeps_what_there_was(connect: Connect, held: Held) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", PROJECT)
    request_id = await begin(client, userId="user-456")
    await held.queue.put("half an ")
    await client.hear("code:chunk")
    unknown = {
        "code": "NOT_FOUND",
        "message": f"request {request_id!r}: no answer of yours is being made",
    }
    # Nobody stops somebody else's.
    assert (await other.ask("ai:cancel", {"requestId": request_id}))["error"] == unknown
    assert await client.ask("ai:cancel", {"requestId": request_id}) == {
        "ok": True,
        "requestId": request_id,
    }
    for one in (client, other):
        events, response = await answer_of(one, request_id)
        assert events[-3:] == ["code:completed", "ai:processing", "ai:response"]
        assert (response["content"], response["cancelled"]) == ("half an ", True)
    assert held.left == 1
    assert (await client.ask("ai:cancel", {"requestId": request_id}))["error"] == unknown
    history = (await client.ask("project:join", PROJECT))["messages"]
    assert history[-1]["response"]["cancelled"] is True


async def test_an_answer_outlives_the_connection_of_who_asked(connect: Connect, held: Held) -> None:
    """It belongs to the project: the others hear it, and so does who asked, when they are back."""
    client, other = await connect(), await connect()
    await other.ask("project:join", PROJECT)
    request_id = await begin(client, userId="user-456")
    await held.queue.put("said before, ")
    await other.hear("code:chunk")
    await client.close()
    again = await connect()
    await again.ask("project:join", {**PROJECT, "userId": "user-456"})
    await held.queue.put("said after")
    await held.queue.put(None)
    for one in (other, again):
        _, response = await answer_of(one, request_id)
        assert response["content"] == "said before, said after"
        assert response["cancelled"] is False


async def test_an_answer_ends_with_the_grace(tmp_path: Path) -> None:
    async with running(tmp_path, tuning={"lock_grace": 0.01}) as application:
        held = Held()
        application.answers.maker.provider = held
        async with connected(application.port) as other:
            await other.ask("project:join", PROJECT)
            async with connected(application.port) as client:
                request_id = await begin(client)
                await held.queue.put("said before")
                await other.hear("code:chunk")
            _, response = await answer_of(other, request_id)
            assert (response["content"], response["cancelled"]) == ("said before", True)


async def lose(application: Application, client: Client, other: Client) -> None:
    """The client goes, and its grace passes."""
    await client.close()
    async with asyncio.timeout(PATIENCE):
        while client.id not in application.departures.graces:
            await other.ask("test:ping")
    application.departures.graces[client.id].cancel()
    application.departures.grace_over(client.id)


async def test_an_answer_belongs_to_the_connection_that_came_back(
    application: Application, connect: Connect, held: Held
) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", PROJECT)
    request_id = await begin(client, userId="user-456")
    await held.queue.put("one ")
    await other.hear("code:chunk")
    for _ in range(2):
        again = await connect()
        await again.ask("project:join", {**PROJECT, "userId": "user-456"})
        await lose(application, client, other)
        client = again
    assert len(application.answers) == 1
    # This time nobody is back.
    await lose(application, client, other)
    _, response = await answer_of(other, request_id)
    assert (response["content"], response["cancelled"]) == ("one ", True)


async def test_an_answer_of_no_project_ends_with_its_connection(
    application: Application, connect: Connect, held: Held
) -> None:
    client, other = await connect(), await connect()
    await begin(client, projectId=None)
    await held.queue.put("heard by nobody else")
    await client.hear("code:chunk")
    await client.close()
    async with asyncio.timeout(PATIENCE):
        while len(application.answers):
            await other.ask("test:ping")
    assert held.left == 1


async def test_who_may_not_hear_an_answer_any_more_does_not(connect: Connect, held: Held) -> None:
    owner, member = await connect(), await connect()
    await owner.ask("user:join", {"userId": "user-456"})
    project = (await owner.ask("project:create", {"name": "Mine"}))["project"]["id"]
    share = {"projectId": project, "userId": "user-789"}
    await owner.ask("project:share", {**share, "role": "editor"})
    await member.ask("user:join", {"userId": "user-789"})
    for _ in range(2):
        await begin(member, projectId=project)
        await held.queue.put("text")
        await member.hear("code:chunk")
        if not held.left:
            await owner.ask("project:unshare", share)
            await member.hear("ai:response")
            await owner.ask("project:share", {**share, "role": "editor"})
    await member.ask("auth:logout")
    await member.hear("ai:response")
    assert held.left == 2


async def test_an_answer_that_is_cancelled_before_it_begins_ends_as_well(
    application: Application, connect: Connect, held: Held
) -> None:
    client = await connect()
    [socket] = application.io.sockets.values()
    call = Call(application, socket, identity_of(socket), AiMessagePayload(message="never mind"))
    request_id = (await application.answers.ask(call)).request_id
    # In the same turn of the loop: the answer's task has not taken a step.
    application.answers.abandon(client.id)
    _, response = await answer_of(client, request_id)
    assert (response["content"], response["cancelled"]) == ("", True)
    assert len(application.answers) == 0
    assert held.left == 0


async def test_two_answers_at_once(connect: Connect, held: Held) -> None:
    first, second, other = await connect(), await connect(), await connect()
    requests = [await begin(one, userId="user-456") for one in (first, second)]
    error = (await first.ask("ai:message", {"message": "third"}))["error"]
    assert error["code"] == "RATE_LIMIT_EXCEEDED"
    third = await begin(other, userId="user-789")
    await held.queue.put(None)
    await answer_of(first, requests[0])
    await begin(first)
    for _ in range(3):
        await held.queue.put(None)
    await answer_of(other, third)


@pytest.mark.parametrize("text_first", [False, True])
@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (ProviderError("out of order"), "out of order"),
        (RuntimeError("a secret"), "the assistant failed; the server's log says why"),
    ],
)
async def test_a_failing_provider(
    connect: Connect, held: Held, failure: Exception, message: str, text_first: bool
) -> None:
    client = await connect()
    await client.ask("project:join", PROJECT)
    request_id = await begin(client)
    if text_first:
        await held.queue.put("some text")
    await held.queue.put(failure)
    events, error = await answer_of(client, request_id)
    assert error == {"code": "AI_SERVICE_ERROR", "message": message}
    assert ("code:error" in events) == text_first
    assert "ai:response" not in [event for event, _ in await client.news()]
    history = (await client.ask("project:join", PROJECT))["messages"]
    assert [one["role"] for one in history] == ["user"]


async def test_an_answer_takes_only_so_long(tmp_path: Path) -> None:
    async with running(tmp_path, ai_timeout=0.01) as application:
        application.answers.maker.provider = Held()
        async with connected(application.port) as client:
            request_id = await begin(client)
            _, error = await answer_of(client, request_id)
            assert error["message"] == "the assistant took longer than 0.01 seconds"


async def test_an_answer_has_a_limit(connect: Connect, held: Held) -> None:
    client = await connect()
    request_id = await begin(client)
    await held.queue.put("x" * (MAX_ANSWER - 1))
    await held.queue.put("")
    await held.queue.put("yz")
    _, response = await answer_of(client, request_id)
    assert len(response["content"]) == MAX_ANSWER
    assert response["content"].endswith("xy")
    assert held.left == 1


async def test_half_a_character_ends_no_answer(connect: Connect, held: Held) -> None:
    """It can be sent in JSON and not be stored: there was no end of any kind."""
    client = await connect()
    request_id = await begin(client)
    await held.queue.put("half \ud83d")
    await held.queue.put("not the other \ude00")
    await held.queue.put(None)
    events, response = await answer_of(client, request_id)
    assert response["content"] == "half \ufffdnot the other \ufffd"
    assert events[-3:] == ["code:completed", "ai:processing", "ai:response"]


@pytest.mark.parametrize("name", ["contents", "files", "versions"])
async def test_every_failure_on_the_way_ends_in_an_error(
    connect: Connect, held: Held, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fails(*_arguments: object) -> None:
        raise RuntimeError("a secret")

    place = {
        "contents": (conversations, "add"),
        "files": (project_files, "files"),
        "versions": (snapshots, "versions"),
    }[name]
    client = await connect()
    if name == "contents":
        # The message is stored, the answer is not.
        request_id = await begin(client)
        await held.queue.put("text")
        await client.hear("code:chunk")
        monkeypatch.setattr(*place, fails)
        await held.queue.put(None)
    else:
        monkeypatch.setattr(*place, fails)
        request_id = await begin(client)
    events, error = await answer_of(client, request_id)
    message = "the assistant failed; the server's log says why"
    assert error == {"code": "AI_SERVICE_ERROR", "message": message}
    assert events[-1] == "ai:processing"
    assert ("code:error" in events) == (name == "contents")


async def test_many_pieces_are_few_events(connect: Connect, held: Held) -> None:
    client = await connect()
    request_id = await begin(client)
    for number in range(1_000):
        held.queue.put_nowait(f"{number} ")
    held.queue.put_nowait(None)
    events, response = await answer_of(client, request_id)
    assert response["content"] == "".join(f"{number} " for number in range(1_000))
    # All that came at once is the first piece and the rest, unless it took a second to send.
    assert 2 <= events.count("code:chunk") <= 20


async def test_deleting_the_project_drops_its_answers(connect: Connect, held: Held) -> None:
    client = await connect()
    await client.ask("project:join", {**PROJECT, "userId": "user-456"})
    await begin(client)
    await held.queue.put("text")
    await client.hear("code:chunk")
    await client.ask("project:delete", PROJECT)
    assert (await client.news())[-1] == ("project:deleted", PROJECT)
    assert held.left == 1


async def test_an_answer_that_cannot_be_stored_is_an_error(
    application: Application, connect: Connect, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await connect()
    request_id = await begin(client)
    await held.queue.put("text")
    await client.hear("code:chunk")
    await application.database.run(lambda c: c.execute("DROP TABLE messages").fetchall())
    await held.queue.put(None)
    events, error = await answer_of(client, request_id)
    assert error["code"] == "STORAGE_ERROR"
    assert "code:error" in events


async def test_a_client_that_goes_before_its_message_is_stored_gets_no_answer(
    application: Application, connect: Connect, held: Held
) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", PROJECT)
    gate, passed = await closed_gate(application.database)
    await client.emit("ai:message", {"message": "anybody?", **PROJECT})
    await client.close()
    gate.opened.set()
    await passed
    # What only reads may be done before the message is stored.
    await application.dispatcher.drained()
    assert await other.news() == []
    assert held.left == 0
    assert (await other.ask("project:join", PROJECT))["messages"][0]["content"] == "anybody?"


async def test_stopping_the_server_keeps_what_there_is(tmp_path: Path) -> None:
    async with AsyncExitStack() as clients, running(tmp_path) as application:
        provider = Held()
        application.answers.maker.provider = provider
        client = await clients.enter_async_context(connected(application.port))
        await begin(client)
        await provider.queue.put("text so far")
        await client.hear("code:chunk")
    async with running(tmp_path) as application:
        stored = await application.database.run(
            lambda c: conversations.latest(c, "project-123", 10)
        )
    assert [one.content for one in stored] == ["go on", "text so far"]
