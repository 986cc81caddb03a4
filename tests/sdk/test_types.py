"""The types of the Python SDK: what a server really says is what they say.

`told` in conftest.py looks at all that the other tests' clients are told, too. What the types allow
and refuse is in typed_results.py.
"""

from __future__ import annotations

import asyncio
import inspect
import re
import typing
from typing import Any

import pytest

from ai_coding_assistant import AsyncAICodingAssistantSocket, Refused, events, signatures
from ai_coding_assistant.reading import LISTS
from ai_coding_assistant.searching import SearchOptions
from ai_coding_assistant.signatures import AnyEvent
from server.api.all_announcements import ANNOUNCEMENTS
from server.events import EVENTS
from tests.sdk.connecting import APP, PROJECT, Connect, Servers, heard
from tests.sdk.matching import Told, mismatches
from tests.waiting import eventually


def named(protocol: type) -> set[str]:
    """Return the names of events that a protocol's signatures have."""
    return set(re.findall(r'event: Literal\["(.+?)"\]', inspect.getsource(protocol)))


def test_every_event_has_its_signature() -> None:
    assert named(signatures.AsyncCall) == named(signatures.BlockingCall) == set(EVENTS)
    assert named(signatures.On) >= set(ANNOUNCEMENTS)
    assert named(signatures.AsyncListAll) == named(signatures.BlockingListAll) == set(LISTS)


def test_a_search_has_the_options_of_its_event() -> None:
    known = typing.get_type_hints(events.SearchPayload)
    others = {"userId", "metadata", "projectId", "after", "query", "replacement"}
    assert SearchOptions.__annotations__.keys() == known.keys() - others


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"id": "a", "name": "b"}, None),
        ({"id": "a"}, "$.name is missing"),
        ({"id": "a", "name": "b", "nick": "c"}, "$.nick is not known"),
        ({"id": "a", "name": 1}, f"$.name is 1, expected {str}"),
        (None, "$ is None, expected a User"),
    ],
)
def test_a_value_that_is_another_is_found(value: object, fault: str | None) -> None:
    assert mismatches(value, events.User) == ([] if fault is None else [fault])


async def test_every_answer_and_every_event_is_what_its_type_says(
    servers: Servers, connect: Connect, told: Told
) -> None:
    ada, bob = await connect(reconnection=False), await connect("user-789", reconnection=False)
    # What one does is told to one's other connections.
    await asyncio.gather(connect(), connect("user-789"))
    await _sessions(servers[1].url)
    own = (await ada.call("project:create", {"name": "Own"}))["project"]["id"]
    await _people(ada, bob, own)
    for one in (ada, bob):
        await one.join_project(PROJECT)
    await _files(ada, bob)
    await _versions(ada)
    await _assistant(ada)
    await _rooms(ada, bob, own)
    assert told.answered == set(EVENTS)
    await eventually(lambda: told.heard >= set(ANNOUNCEMENTS) - UNHEARD)


UNHEARD = {"code:error", "server:draining", "server:resync"}
"""What happens only when a model fails half-way, or between servers."""


async def _sessions(url: str) -> None:
    async with AsyncAICodingAssistantSocket(url) as guest:
        session = (await guest.login("ada", "open sesame"))["session"]
        await guest.call("auth:session", {"sessionId": session["id"]})
        await guest.call("auth:check")
        await guest.call("auth:refresh")
        await guest.logout()
        guest.emit("auth:check")
        await heard(guest, "auth:error")()


async def _people(ada: AsyncAICodingAssistantSocket, bob: Any, own: str) -> None:
    project = {"projectId": own}
    update = {"type": "description", "value": "New"}
    await ada.call("project:update", {**project, "update": update})
    made = await ada.invite(own)
    await ada.call("invitation:list", project)
    await bob.accept_invitation(made["token"])
    await ada.call("invitation:revoke", {**project, "invitationId": made["invitation"]["id"]})
    await ada.call("user:search", {**project, "prefix": "user"})
    await ada.call("project:share", {**project, "userId": "user-789", "role": "viewer"})
    await ada.join_project(own)
    said = await ada.send_message("@user-789 look", own, place={"filePath": "a", "line": 1})
    await ada.call("chat:history", project)
    await ada.call("chat:read", {**project, "messageId": said["id"]})
    notes = (await bob.call("notification:list"))["notifications"]
    await bob.call("notification:read", {"ids": [notes[0]["id"]]})
    await ada.call("project:unshare", {**project, "userId": "user-789"})


async def _files(ada: AsyncAICodingAssistantSocket, bob: AsyncAICodingAssistantSocket) -> None:
    project = {"projectId": PROJECT}
    await ada.call("project:list")
    for event in ("file:list", "file:locks", "user:list"):
        await ada.call(AnyEvent(event), project)
    await ada.upload_file(PROJECT, "a.bin", b"\0")
    await ada.download_file(PROJECT, "a.bin")
    await ada.create_download(PROJECT, "a.bin")
    await ada.read_file(PROJECT, APP)
    await ada.search(PROJECT, "TodoList")
    async with await ada.open_document(PROJECT, APP) as document:
        document.append("// typed\n")
        await document.wait()
    async with ada.lock_file(PROJECT, APP) as lock:
        await lock.write("new\n")
        for answer in ("keep", "withdraw"):
            asked = heard(ada, "lock:asked")
            request = (await bob.call("lock:ask", {**project, "filePath": APP}))["request"]
            named = {**project, "requestId": request["id"]}
            await asked()
            if answer == "keep":
                await ada.call("lock:answer", {**named, "answer": answer})
            else:
                await bob.call("lock:withdraw", named)
    saves = await ada.list_all("history:list", {**project, "filePath": APP})
    await ada.restore_save(PROJECT, APP, saves[-1]["id"])
    await ada.call("file:read", {**project, "filePath": APP, "saveId": saves[0]["id"]})
    await ada.copy_file(PROJECT, "a.bin", "b.bin")
    await ada.move_file(PROJECT, "b.bin", "c.bin")
    deletion = await ada.delete_file(PROJECT, "c.bin")
    await ada.list_all("bin:list", project)
    await ada.restore_file(PROJECT, deletion["deletionId"])


async def _versions(ada: AsyncAICodingAssistantSocket) -> None:
    project = {"projectId": PROJECT}
    version = (await ada.call("version:create", {**project, "name": "one"}))["version"]
    named = {**project, "versionId": version["id"]}
    await ada.upload_file(PROJECT, "later.txt", "later\n")
    await ada.call("version:list", project)
    await ada.call("version:compare", named)
    await ada.call("version:restore", named)
    await ada.call("version:delete", named)


async def _assistant(ada: AsyncAICodingAssistantSocket) -> None:
    project = {"projectId": PROJECT}
    response = await ada.send_ai_message("propose", PROJECT)
    [action] = response["actions"]
    await ada.accept_action(PROJECT, response, action)
    with pytest.raises(Refused):
        await ada.send_ai_message("fail", PROJECT)
    asked = await ada.call("ai:message", {**project, "message": "wait"})
    await ada.call("ai:cancel", {"requestId": asked["requestId"]})
    await ada.call("ai:history", project)
    await ada.call("ai:status", {**project, "status": "progress", "progress": 50})
    # As somebody who comes later sees it.
    await ada.join_project(PROJECT)


async def _rooms(ada: AsyncAICodingAssistantSocket, bob: Any, own: str) -> None:
    project = {"projectId": PROJECT}
    place = {"filePath": APP, "position": {"line": 0, "column": 0}}
    await ada.call("cursor:update", {**project, **place})
    await ada.call("user:presence", {"status": "busy", "activity": "testing"})
    await ada.call("user:typing", {**project, "isTyping": True})
    await ada.call("user:join", {"userId": "user-456"})
    await ada.call("user:leave", {"userId": "user-456"})
    await ada.call("room:join", {"room": "team:red"})
    await ada.call("room:leave", {"room": "team:red"})
    ada.emit("room:join", {"room": ""})
    await heard(ada, "room:error")()
    await ada.call("batch:update", {"updates": [{"event": "test:ping"}]})
    await ada.call("test:event", {"any": "value"})
    ada.emit("project:join", {"projectId": "nowhere"})
    await heard(ada, "error")()
    await bob.leave_project(PROJECT)
    await ada.call("room:leaveAll")
    await ada.call("project:delete", {"projectId": own})
    await ada.call("test:ping")
