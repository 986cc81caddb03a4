"""The assistant's answers in the Python SDK, and how each comes to an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ai_coding_assistant import AsyncAICodingAssistantSocket, Refused, Unreachable, answers
from ai_coding_assistant.answers import Answer
from server.ai.answers import Answers
from server.ai.conversation import AiMessagePayload, AiMessageResult
from server.api.services import Call
from tests.sdk.connecting import ADA, APP, PROJECT, Connect, Servers, heard
from tests.sdk.serving import PROPOSAL
from tests.socketio_min.chaos import Chaos, ChaosProxy, chaos_proxy
from tests.waiting import PATIENCE, eventually, patient


async def test_the_assistant(connect: Connect) -> None:
    ada = await connect()
    pieces: list[str] = []
    response = await ada.send_ai_message(
        "propose", PROJECT, context={"currentFile": APP}, on_chunk=pieces.append
    )
    assert response["content"] == PROPOSAL
    assert "".join(pieces) == PROPOSAL
    assert response["actions"] == [
        {
            "id": "action-1",
            "type": "create-file",
            "path": "proposed.js",
            "content": "const proposed = 1;\n",
        }
    ]
    [action] = response["actions"]
    done = await ada.accept_action(PROJECT, response, action)
    assert done["file"]["path"] == "proposed.js"
    with pytest.raises(Refused) as refused:
        await ada.reject_action(PROJECT, response, action)
    assert refused.value.code == "VERSION_CONFLICT"
    message = (await ada.join_project(PROJECT))["messages"][-1]
    assert message["response"]["actions"][0]["decision"]["outcome"] == "accepted"
    # It is there already.
    again = await ada.send_ai_message("propose", PROJECT)
    assert again["unfit"] == [{"path": "proposed.js", "message": "the file is like that already"}]
    stopped = await ada.send_ai_message("wait", PROJECT, on_chunk=lambda _text: False)
    assert (stopped["cancelled"], stopped["content"]) == (True, "Once upon a time")
    with pytest.raises(Refused, match="out of order") as refused:
        await ada.send_ai_message("fail", PROJECT)
    assert refused.value.code == "AI_SERVICE_ERROR"
    with pytest.raises(Unreachable, match=r"no response within 0\.01 seconds"):
        await ada.send_ai_message("wait", PROJECT, timeout=0.01)


async def test_what_comes_before_the_acknowledgement_counts() -> None:
    pieces: list[str] = []
    answer = Answer(pieces.append, pieces.append)
    answer.hear("code:chunk", {"requestId": "other", "content": "nothing for us"})
    answer.hear("code:chunk", {"requestId": "ours", "content": "all"})
    answer.hear("ai:response", {"requestId": "ours", "response": {"content": "all"}})
    async with asyncio.timeout(PATIENCE):
        assert (await answer.of("ours"))["content"] == "all"
    assert pieces == ["all"]


@asynccontextmanager
async def asking(
    servers: Servers, connect: Connect, project: str | None = PROJECT, **options: Any
) -> AsyncIterator[tuple[AsyncAICodingAssistantSocket, asyncio.Task[Any], ChaosProxy]]:
    """A client behind a proxy, and what waits for its answer."""
    async with chaos_proxy(servers[0].port, Chaos(), seed=1) as proxy:
        ada = await connect(url=proxy.url, **options)
        chunk = heard(ada, "code:chunk")
        waiting = asyncio.create_task(ada.send_ai_message("wait", project))
        await chunk()
        yield ada, waiting, proxy


async def test_an_answer_goes_on_while_the_connection_is_lost(
    servers: Servers, connect: Connect
) -> None:
    application = servers[0]
    async with asking(servers, connect) as (ada, waiting, proxy):
        assert application.presence.page(PROJECT)[0] == []
        back = heard(ada, "connect")
        proxy.cut()
        await back()
        # The asker has entered the project that it is about.
        assert len(application.presence.page(PROJECT)[0]) == 1
        [request_id] = [one.request_id for one in application.answers.answering(PROJECT)]
        assert not waiting.done()
        ada.emit("ai:cancel", {"requestId": request_id})
        response = await patient(waiting)
    assert (response["content"], response["cancelled"]) == ("Once upon a time", True)


@pytest.mark.parametrize("fails", [False, True])
async def test_an_answer_that_ended_while_the_connection_was_lost(
    servers: Servers, connect: Connect, fails: bool
) -> None:
    other = await connect("user-789")
    await other.join_project(PROJECT)
    ended = heard(other, "ai:response")
    async with asking(servers, connect) as (_, waiting, proxy):
        proxy.refusing = True
        proxy.cut()
        answers = servers[0].answers
        [request] = answers._requests.values()
        if fails:
            request.end("dropped")
        else:
            answers.cancel(request.id, request.call.user)
            assert (await ended())["requestId"] == request.id
        await eventually(lambda: not len(answers))
        assert not waiting.done()
        proxy.refusing = False
        if fails:
            with pytest.raises(Unreachable, match="the answer failed while the connection was"):
                await patient(waiting)
        else:
            assert (await patient(waiting))["content"] == "Once upon a time"


async def test_an_answer_ends_with_a_connection_that_does_not_come_back(
    servers: Servers, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "GRACE", 0.01)
    async with asking(servers, connect) as (_, waiting, proxy):
        proxy.refusing = True
        proxy.cut()
        with pytest.raises(Unreachable, match=r"it was not back within 0\.01 seconds"):
            await patient(waiting)


@pytest.mark.parametrize(
    ("project", "options", "said"),
    [
        (None, {}, "an answer for no project ends with its connection"),
        (PROJECT, {"reconnection": False}, "the connection was lost before the response: "),
    ],
)
async def test_an_answer_that_cannot_go_on_ends_at_once(
    servers: Servers, connect: Connect, project: str | None, options: Any, said: str
) -> None:
    async with asking(servers, connect, project, **options) as (_, waiting, proxy):
        proxy.refusing = True
        proxy.cut()
        with pytest.raises(Unreachable, match=said):
            await patient(waiting)


async def test_whoever_leaves_waits_for_no_answer(servers: Servers, connect: Connect) -> None:
    async with asking(servers, connect) as (ada, waiting, proxy):
        gone = heard(ada, "disconnect")
        proxy.refusing = True
        proxy.cut()
        await gone()
        assert not waiting.done()
        await ada.disconnect()
        with pytest.raises(Unreachable, match=r"disconnect\(\) was called"):
            await patient(waiting)


async def test_an_answer_of_a_project_that_is_gone(servers: Servers, connect: Connect) -> None:
    other = await connect("user-789")
    doomed = (await other.call("project:create", {"name": "Doomed"}))["project"]["id"]
    share = {"projectId": doomed, "userId": ADA["id"], "role": "editor"}
    await connect()
    await other.call("project:share", share)
    async with asking(servers, connect, doomed) as (_, waiting, proxy):
        proxy.refusing = True
        proxy.cut()
        await other.call("project:delete", {"projectId": doomed})
        proxy.refusing = False
        with pytest.raises(Refused, match="no such project"):
            await patient(waiting)


@pytest.mark.parametrize("is_over", [False, True])
async def test_a_message_whose_acknowledgement_is_lost_is_asked_once(
    servers: Servers, connect: Connect, monkeypatch: pytest.MonkeyPatch, is_over: bool
) -> None:
    keys: list[str | None] = []
    ask = Answers.ask
    async with chaos_proxy(servers[0].port, Chaos(), seed=1) as proxy:

        async def cut_off(answers: Answers, call: Call[AiMessagePayload]) -> AiMessageResult:
            result = await ask(answers, call)
            keys.append(call.payload.key)
            if len(keys) == 1:
                proxy.refusing = True
                proxy.cut()
                task = answers._requests[result.request_id].task
                if is_over and task is not None:
                    await task
                proxy.refusing = False
            return result

        monkeypatch.setattr(Answers, "ask", cut_off)
        ada = await connect(url=proxy.url)
        before = len((await ada.join_project(PROJECT))["messages"])
        response = await patient(asyncio.create_task(ada.send_ai_message("propose", PROJECT)))
        assert response["content"] == PROPOSAL
        assert keys[0] is not None
        assert keys == [keys[0]] * 2
        assert len((await ada.join_project(PROJECT))["messages"]) == before + 2
        # One's own key goes on with the same answer.
        again = await patient(
            asyncio.create_task(ada.send_ai_message("propose", PROJECT, key=keys[0]))
        )
        assert again["id"] == response["id"]


async def test_cancelling_whoever_waits_stops_the_answer(connect: Connect) -> None:
    ada = await connect()
    ended, chunk = heard(ada, "ai:response"), heard(ada, "code:chunk")
    waiting = asyncio.create_task(ada.send_ai_message("wait", PROJECT))
    await chunk()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await ended())["response"]["cancelled"]
