"""Who is typing.

Invariant: after each `isTyping: true` the others hear exactly one `isTyping: false`, whatever ends
it: the client, time, leaving, or the end of the connection; with several sockets, the last one.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from server.api.records import User
from server.live.typing_indicators import TypingIndicators
from server.tuning import Tuning
from tests.server.conftest import Connect
from tests.server.running import running
from tests.server.wire import connected
from tests.waiting import PATIENCE

PROJECT = {"projectId": "project-123"}
TYPING = {**PROJECT, "userId": "user-456", "isTyping": True}
STOPPED = {**TYPING, "isTyping": False}


def heard(is_typing: bool) -> tuple[str, dict[str, Any]]:
    user = {"id": "user-456", "name": "user-456"}
    return ("user:typing", {"user": user, **PROJECT, "isTyping": is_typing})


async def test_the_others_hear_it_and_its_end(connect: Connect) -> None:
    client, other, stranger = await connect(), await connect(), await connect()
    await other.ask("project:join", PROJECT)
    assert await client.ask("user:typing", TYPING) == {"ok": True}
    await client.ask("user:typing", TYPING)
    await client.ask("user:typing", STOPPED)
    await client.ask("user:typing", STOPPED)
    assert await other.news() == [heard(True), heard(True), heard(False)]
    assert await client.news() == []
    assert await stranger.news() == []


async def test_its_envelope(connect: Connect) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", PROJECT)
    metadata = {"correlationId": "c-1"}
    for payload in (TYPING, STOPPED):
        await client.ask("user:typing", {**payload, "metadata": metadata})
        _, envelope = await other.hear("user:typing")
        assert envelope.pop("timestamp").endswith("Z")
        assert envelope == {
            "event": "user:typing",
            "userId": "user-456",
            "projectId": "project-123",
            "metadata": {"source": "client", "priority": "low", "correlationId": "c-1"},
        }


async def test_without_a_project_it_is_told_to_all_joined_ones(connect: Connect) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", PROJECT)
    assert await client.ask("user:typing", {"isTyping": True, "userId": "user-456"}) == {"ok": True}
    assert await other.news() == []
    await client.ask("project:join", PROJECT)
    await other.news()
    await client.ask("user:typing", {"isTyping": True})
    await client.ask("user:typing", {"isTyping": False})
    assert await other.news() == [heard(True), heard(False)]


async def test_leaving_the_project_ends_it(connect: Connect) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", PROJECT)
    await client.ask("project:join", PROJECT)
    await client.ask("user:typing", TYPING)
    await other.news()
    await client.ask("project:leave", PROJECT)
    left = ("user:left", {"user": {"id": "user-456", "name": "user-456"}})
    assert await other.news() == [heard(False), left]


async def test_disconnecting_ends_it(connect: Connect) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", PROJECT)
    await client.ask("user:typing", TYPING)
    await client.close()
    await other.hear("user:typing")
    data, envelope = await other.hear("user:typing")
    assert ("user:typing", data) == heard(False)
    assert envelope["metadata"] == {"source": "server", "priority": "low"}


async def test_it_lasts_as_long_as_one_socket_types(connect: Connect) -> None:
    first, second, other = await connect(), await connect(), await connect()
    await other.ask("project:join", PROJECT)
    await first.ask("user:typing", TYPING)
    await second.ask("user:typing", TYPING)
    await first.ask("user:typing", STOPPED)
    assert await other.news() == [heard(True), heard(True)]
    await second.ask("user:typing", STOPPED)
    assert await other.news() == [heard(False)]


async def test_it_ends_by_itself(tmp_path: Path) -> None:
    async with running(tmp_path, tuning={"typing": 0.01}) as application:
        port = application.port
        async with connected(port) as client, connected(port) as other:
            await other.ask("project:join", PROJECT)
            for _ in range(2):
                await client.emit("user:typing", TYPING)
                for expected in (True, False):
                    data, envelope = await other.hear("user:typing")
                    assert ("user:typing", data) == heard(expected)
            assert envelope["metadata"] == {"source": "server", "priority": "low"}
            assert await other.news() == []


async def test_time_ends_it_once_for_a_users_sockets_and_for_each_project() -> None:
    first, second = "socket-1", "socket-2"
    user = User("user-456", "user-456")
    ended: asyncio.Queue[str] = asyncio.Queue()
    indicators = TypingIndicators(0.01, lambda _socket, _user, project: ended.put_nowait(project))
    # All within one turn of the loop: no timer can run in between.
    for socket in (first, second, first):
        for project_id in ("project-1", "project-2"):
            indicators.start(socket, user, project_id)
    assert indicators.projects(first) == ["project-1", "project-2"]
    async with asyncio.timeout(PATIENCE):
        assert {await ended.get(), await ended.get()} == {"project-1", "project-2"}
    assert indicators.projects(first) == indicators.projects(second) == []
    assert ended.empty()


@pytest.mark.parametrize("stops", [False, True])
async def test_typing_on_puts_the_end_off(stops: bool) -> None:
    loop = asyncio.get_running_loop()
    duration = 0.05
    times: list[float] = []
    ended = asyncio.Event()

    def expired(*_: object) -> None:
        times.append(loop.time())
        ended.set()

    indicators = TypingIndicators(duration, expired)

    def type_on() -> None:
        if stops:
            indicators.stop("socket-1", "project-123")
        times.append(loop.time())
        indicators.start("socket-1", User("user-456", "user-456"), "project-123")

    type_on()
    loop.call_later(duration / 2, type_on)
    async with asyncio.timeout(PATIENCE):
        await ended.wait()
    # A timer may be late and is never early, by more than the clock's step.
    resolution = time.get_clock_info("monotonic").resolution
    _, again, end = times
    assert end >= again + duration - resolution


def test_the_duration_of_the_document() -> None:
    assert Tuning().typing == 4.0


@pytest.mark.parametrize("value", [None, 1, "true", []])
async def test_is_typing_is_strict(connect: Connect, value: Any) -> None:
    client = await connect()
    error = (await client.ask("user:typing", {"isTyping": value}))["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert error["details"] == {"path": "$.isTyping"}
