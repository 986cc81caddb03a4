"""The Python SDK lets nothing go on for a user that the program logs out, or another one in for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

import pytest

from ai_coding_assistant import AsyncAICodingAssistantSocket, Refused, SessionEnded, Unreachable
from ai_coding_assistant.events import Action, AiResponse
from ai_coding_assistant.transfers import PART
from server.projects import projects
from tests.sdk.connecting import APP, PROJECT, Connect, Servers, heard
from tests.waiting import patient, until

Socket = AsyncAICodingAssistantSocket
Deed = Callable[[Socket, str], Awaitable[object]]
Change = Callable[[Socket], Coroutine[Any, Any, object]]

LARGE = "large.txt"
PASSWORD = "open sesame"
ACTION = {"id": "a", "type": "update-file", "path": LARGE, "content": "", "baseRevision": 1}
RESPONSE = cast("AiResponse", {"requestId": "r", "actions": [ACTION]})


@pytest.fixture
async def ada(servers: Servers, connect: Connect) -> Socket:
    """Ada, logged in."""
    socket = await connect(None, url=servers[1].url)
    await socket.login("ada", PASSWORD)
    return socket


@pytest.fixture
async def project(ada: Socket, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project of Ada's, of whose lists and files each needs several events."""
    monkeypatch.setattr(projects, "FILES", 1)
    project_id = (await ada.call("project:create", {"name": "Ada's"}))["project"]["id"]
    for path in (LARGE, "small.txt"):
        await ada.upload_file(project_id, path, "a" * PART + "b")
    return project_id


async def log_out_and_in(ada: Socket) -> None:
    await ada.logout()
    await ada.login("bob", PASSWORD)


async def log_in(ada: Socket) -> None:
    await ada.login("bob", PASSWORD)


async def replace(ada: Socket, project: str) -> None:
    await ada.replace(project, "b", "c", limit=1)


async def lock(ada: Socket, project: str) -> None:
    async with ada.lock_file(project, LARGE) as held:
        await held.write("late")


DEEDS: dict[str, Deed] = {
    "file:upload": lambda ada, project: ada.upload_file(project, "new.txt", b"a" * 3 * PART),
    "file:download": lambda ada, project: ada.download_file(project, LARGE),
    "file:read": lambda ada, project: ada.read_file(project, LARGE),
    "file:list": lambda ada, project: ada.list_all("file:list", {"projectId": project, "limit": 1}),
    "project:search": replace,
    "file:change": lambda ada, project: ada.accept_action(
        project, RESPONSE, cast("Action", ACTION)
    ),
    "project:join": lambda ada, project: ada.open_document(project, LARGE),
    "ai:message": lambda ada, project: ada.send_ai_message("wait", project, key="one"),
    "file:lock": lock,
}


@pytest.mark.parametrize("change", [log_out_and_in, log_in])
@pytest.mark.parametrize("first", DEEDS)
async def test_what_follows_from_an_answer_is_not_sent_as_the_next_user(
    ada: Socket, project: str, first: str, change: Change
) -> None:
    sent: list[str] = []
    changed: list[asyncio.Task[object]] = []

    def watch(event: str, *_args: Any) -> None:
        sent.append(event)
        if event == first and not changed:
            # The answer to the first event comes before Bob is in.
            changed.append(asyncio.create_task(change(ada)))

    ada._client.on_any_outgoing(watch)
    with pytest.raises(SessionEnded):
        await DEEDS[first](ada, project)
    await changed[0]
    assert [event for event in sent if not event.startswith("auth:")] == [first]
    assert ada.user == {"id": "bob", "name": "Bob"}
    assert not ada._participation.projects | ada.locks | ada.documents


@pytest.mark.parametrize("change", [log_out_and_in, log_in])
async def test_what_is_queued_is_sent_before(ada: Socket, project: str, change: Change) -> None:
    ada.typing(project)
    queued = ada.queue("test:event", {"a": 1})
    sent: list[str] = []
    ada._client.on_any_outgoing(lambda event, *_args: sent.append(event))
    changed = asyncio.create_task(change(ada))
    await asyncio.sleep(0)
    late = ada.queue("test:event", {"a": 2})
    await changed
    assert (await queued)["data"] == {"a": 1}
    with pytest.raises(SessionEnded, match="test:event was not sent: "):
        await late
    ada.stop_typing(project)
    await ada.flush()
    assert {*sent} - {"auth:logout"} == {"batch:update", "auth:login"}


@pytest.mark.parametrize("change", [log_out_and_in, log_in])
async def test_whoever_waits_hears_that_the_session_has_ended(
    ada: Socket, project: str, change: Change
) -> None:
    document = await ada.open_document(project, "small.txt")
    lock = ada.lock_file(project, "small.txt")
    await lock.acquire()
    answering = heard(ada, "code:chunk")
    answer = asyncio.create_task(ada.send_ai_message("wait", project))
    await answering()
    await change(ada)
    for waiting in (answer, document.wait()):
        with pytest.raises(SessionEnded):
            await waiting
    with pytest.raises(SessionEnded):
        document.append("late")
    with pytest.raises(SessionEnded, match="file:change was not sent: "):
        await lock.write("late")
    await lock.release()


async def test_what_was_begun_goes_on_where_the_user_stays_the_same(
    ada: Socket, project: str
) -> None:
    """Also after a wrong password, and after a login as oneself."""
    document = await ada.open_document(project, "small.txt")
    upload = asyncio.create_task(ada.upload_file(project, "new.txt", b"a" * 3 * PART))
    await asyncio.sleep(0)
    with pytest.raises(Refused):
        await ada.login("bob", "wrong")
    await ada.login("ada", PASSWORD)
    document.append("!")
    assert (await upload)["size"] == 3 * PART
    await document.close()


async def test_what_a_guest_has_begun_is_the_users_who_logs_in(connect: Connect) -> None:
    guest = await connect(None)
    document = await guest.open_document(PROJECT, APP)
    document.append("// a guest's\n")
    upload = asyncio.create_task(guest.upload_file(PROJECT, "new.txt", b"a" * 3 * PART))
    await asyncio.sleep(0)
    await guest.login("grace", PASSWORD)
    assert (await upload)["size"] == 3 * PART
    document.append("// Grace's\n")
    await patient(document.close())
    content = (await guest.read_file(PROJECT, APP))["content"]
    assert content.endswith("// a guest's\n// Grace's\n")


async def test_nothing_goes_on_after_disconnect(ada: Socket, project: str) -> None:
    sent: list[str] = []
    ada._client.on_any_outgoing(lambda event, *_args: sent.append(event))
    read = asyncio.create_task(ada.read_file(project, LARGE))
    await until(lambda: sent)
    session_id = ada.session_id
    await ada.call("test:ping")
    del sent[:]
    await ada.disconnect()
    ada.session_id = session_id
    await ada.connect()
    with pytest.raises(Unreachable):
        await read
    assert "file:read" not in sent
