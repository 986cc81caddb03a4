"""What the Python SDK does with people: messages, invitations, locks that are asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ai_coding_assistant import (
    AICodingAssistantSocket,
    AsyncAICodingAssistantSocket,
    Refused,
    Unreachable,
    events,
)
from tests.server.running import running

PROJECT = "project-123"
APP = "src/components/App.jsx"


async def test_messages_and_invitations(tmp_path: Path) -> None:
    async with (
        running(tmp_path) as application,
        AsyncAICodingAssistantSocket(application.url, user_id="ada") as ada,
        AsyncAICodingAssistantSocket(application.url, user_id="bob") as bob,
    ):
        project_id = (await ada.call("project:create", {"name": "P"}))["project"]["id"]
        made = await ada.invite(project_id, "viewer", days=1, uses=1)
        assert made["invitation"]["usesLeft"] == 1
        accepted = await bob.accept_invitation(made["token"])
        assert (accepted["project"]["id"], accepted["role"]) == (project_id, "viewer")
        with pytest.raises(Refused, match="unknown or over"):
            await bob.accept_invitation("none")
        place: events.FilePlace = {"filePath": "a", "line": 2}
        said = await ada.send_message("@bob look", project_id, place=place, key="k")
        assert await ada.send_message("@bob look", project_id, place=place, key="k") == said
        assert (said["mentions"], said["place"]) == ([{"id": "bob", "name": "bob"}], place)


async def test_a_lock_is_asked_for(tmp_path: Path) -> None:
    async with (
        running(tmp_path) as application,
        AsyncAICodingAssistantSocket(application.url, user_id="user-456") as ada,
        AsyncAICodingAssistantSocket(
            application.url, user_id="user-789", reconnection=False
        ) as bob,
    ):
        answers = iter(["keep", "hand-over"])
        asked = asyncio.Event()

        @ada.on("lock:asked")
        async def answer(data: events.LockAsked) -> None:
            asked.set()
            reply = next(answers, None)
            if reply is not None:
                payload = {"projectId": PROJECT, "requestId": data["request"]["id"]}
                await ada.call("lock:answer", {**payload, "answer": reply})

        with pytest.raises(Refused, match="nobody holds it alone"):
            await bob.ask_for_lock(PROJECT, APP)
        await ada.lock_file(PROJECT, APP).acquire()
        assert not await bob.ask_for_lock(PROJECT, APP)
        assert await bob.ask_for_lock(PROJECT, APP)
        async with bob.lock_file(PROJECT, APP) as lock:
            await lock.write("by bob\n")
        await ada.lock_file(PROJECT, APP).acquire()
        asked.clear()
        waiting = asyncio.ensure_future(bob.ask_for_lock(PROJECT, APP))
        await asked.wait()
        await bob.disconnect()
        with pytest.raises(Unreachable):
            await waiting


async def test_without_asyncio(tmp_path: Path) -> None:
    def script(url: str) -> None:
        with (
            AICodingAssistantSocket(url, user_id="user-456") as ada,
            AICodingAssistantSocket(url, user_id="user-789") as bob,
        ):
            assert ada.send_message("hello", PROJECT)["content"] == "hello"
            project_id = ada.call("project:create", {"name": "P"})["project"]["id"]
            token = ada.invite(project_id)["token"]
            assert bob.accept_invitation(token)["role"] == "editor"

            @ada.on("lock:asked")
            def answer(data: events.LockAsked) -> None:
                payload = {"projectId": project_id, "requestId": data["request"]["id"]}
                ada.call("lock:answer", {**payload, "answer": "hand-over"})

            ada.lock_file(project_id, "a").acquire()
            assert bob.ask_for_lock(project_id, "a")

    async with running(tmp_path) as application:
        await asyncio.to_thread(script, application.url)
