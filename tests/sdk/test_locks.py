"""What ends a lock of the Python SDK, and what shows it: docs/sdk.md has the table."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ai_coding_assistant import AsyncAICodingAssistantSocket, FileLock, Refused, SessionEnded
from ai_coding_assistant.signatures import AnyEvent
from server.api.socket_announcements import ServerResync
from tests.sdk.connecting import ADA, PROJECT, Connect, Servers, heard
from tests.waiting import until

Socket = AsyncAICodingAssistantSocket
Deed = Callable[[Socket, Socket, FileLock], Awaitable[object]]

PATH = "src/own.txt"


def file_of(lock: FileLock) -> dict[str, Any]:
    return {"projectId": lock.project_id, "filePath": lock.file_path}


async def release(_owner: Socket, _ada: Socket, lock: FileLock) -> None:
    await lock.release()


async def lose_the_role(owner: Socket, _ada: Socket, lock: FileLock) -> None:
    share = {"projectId": lock.project_id, "userId": ADA["id"], "role": "viewer"}
    await owner.call("project:share", share)


async def be_taken_out(owner: Socket, _ada: Socket, lock: FileLock) -> None:
    unshare = {"projectId": lock.project_id, "userId": ADA["id"]}
    await owner.call("project:unshare", unshare)


async def delete_the_project(owner: Socket, _ada: Socket, lock: FileLock) -> None:
    await owner.call("project:delete", {"projectId": lock.project_id})


async def leave(_owner: Socket, ada: Socket, lock: FileLock) -> None:
    await ada.leave_project(lock.project_id)


async def hand_over(owner: Socket, ada: Socket, lock: FileLock) -> None:
    asked = heard(ada, "lock:asked")
    handed = asyncio.create_task(owner.ask_for_lock(lock.project_id, lock.file_path))
    answer = {"requestId": (await asked())["request"]["id"], "answer": "hand-over"}
    await ada.call("lock:answer", {"projectId": lock.project_id, **answer})
    assert await handed


async def move_onto_another_lock(_owner: Socket, ada: Socket, lock: FileLock) -> None:
    await ada.lock_file(lock.project_id, "lib/own.txt").acquire()
    await ada.move_file(lock.project_id, "src", "lib")


ENDS: list[tuple[Deed, str]] = [
    (release, "FILE_LOCKED"),
    (lose_the_role, "FORBIDDEN"),
    (be_taken_out, "NOT_FOUND"),
    (delete_the_project, "NOT_FOUND"),
    (leave, "FILE_LOCKED"),
    (hand_over, "FILE_LOCKED"),
    (move_onto_another_lock, "FILE_LOCKED"),
]


async def owned(connect: Connect) -> tuple[Socket, Socket, str]:
    """A project's owner, an editor, and the project, in which there is a file."""
    owner, ada = await connect("user-789"), await connect()
    project_id = (await owner.call("project:create", {"name": "Ours"}))["project"]["id"]
    share = {"projectId": project_id, "userId": ADA["id"], "role": "editor"}
    await owner.call("project:share", share)
    file = {"path": "src/other.txt", "action": "created", "content": ""}
    await owner.call("file:change", {"projectId": project_id, "file": file})
    return owner, ada, project_id


@pytest.mark.parametrize("joins", [True, False], ids=["joined", "not joined"])
@pytest.mark.parametrize(("end", "code"), ENDS, ids=[end.__name__ for end, _ in ENDS])
async def test_a_lock_that_has_ended_is_not_held(
    connect: Connect, end: Deed, code: str, joins: bool
) -> None:
    owner, ada, project_id = await owned(connect)
    if joins:
        await ada.join_project(project_id)
    lock = ada.lock_file(project_id, PATH)
    await lock.acquire()
    await end(owner, ada, lock)
    await until(lambda: not lock.held)
    assert lock not in ada.locks
    with pytest.raises(Refused) as refused:
        await lock.write("late")
    assert refused.value.code == code
    # There is nothing to be released.
    await lock.release()


@pytest.mark.parametrize("event", ["file:unlock", "project:leave"])
async def test_what_a_program_sends_by_itself_is_not_followed(connect: Connect, event: str) -> None:
    """As docs/sdk.md says."""
    _, ada, project_id = await owned(connect)
    await ada.join_project(project_id)
    lock = ada.lock_file(project_id, PATH)
    await lock.acquire()
    await ada.call(AnyEvent(event), {"projectId": project_id, "filePath": PATH})
    assert lock.held
    with pytest.raises(Refused) as refused:
        await lock.write("late")
    assert refused.value.code == "FILE_LOCKED"
    await lock.release()
    assert not lock.held


@pytest.mark.parametrize("where", ["here", "elsewhere"])
async def test_whoever_signs_out_holds_no_locks(
    servers: Servers, connect: Connect, where: str
) -> None:
    url = servers[1].url
    first = await connect(None, url=url)
    await first.login("ada", "open sesame")
    ada = await connect(None, url=url, session_id=first.session_id)
    project_id = (await ada.call("project:create", {"name": "Mine"}))["project"]["id"]
    await ada.join_project(project_id)
    lock = ada.lock_file(project_id, PATH)
    await lock.acquire()
    await (ada if where == "here" else first).logout()
    await until(lambda: not lock.held)
    assert ada.locks == set()
    with pytest.raises(SessionEnded if where == "here" else Refused):
        await lock.write("late")


async def test_a_lock_follows_its_file_and_outlives_it(connect: Connect) -> None:
    owner, ada, project_id = await owned(connect)
    await ada.join_project(project_id)
    async with ada.lock_file(project_id, PATH) as lock:
        await lock.write("one", action="created")
        moved = heard(ada, "file:moved")
        await ada.move_file(project_id, "src", "lib")
        await moved()
        assert (lock.held, lock.file_path) == (True, "lib/own.txt")
        await lock.write("two")
        await ada.delete_file(project_id, "lib/own.txt")
        assert lock.held
        await lock.write("three", action="created")
    async with owner.lock_file(project_id, "lib/own.txt"):
        assert not lock.held


async def test_a_lock_that_ends_before_it_is_known_is_refused(
    servers: Servers, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    application, _ = servers
    owner, ada, project_id = await owned(connect)
    kept = ada.lock_file(project_id, "kept.txt")
    await kept.acquire()
    acquire = application.locks.acquire

    async def withdrawn(*given: Any) -> Any:
        grant = await acquire(*given)
        await owner.call(
            "project:share", {"projectId": project_id, "userId": ADA["id"], "role": "viewer"}
        )
        return grant

    monkeypatch.setattr(application.locks, "acquire", withdrawn)
    lock = ada.lock_file(project_id, PATH)
    with pytest.raises(Refused, match="the lock has ended at once: lock it again") as refused:
        await lock.acquire()
    assert refused.value.code == "FILE_LOCKED"
    assert (lock.held, kept.held, ada.locks) == (False, False, set())


async def test_a_lock_of_a_project_that_is_left_meanwhile_is_refused(
    servers: Servers, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    application, _ = servers
    _, ada, project_id = await owned(connect)
    await ada.join_project(project_id)
    acquire = application.locks.acquire
    leaving: list[asyncio.Task[Any]] = []

    async def left(*given: Any) -> Any:
        grant = await acquire(*given)
        leaving.append(asyncio.create_task(ada.leave_project(project_id)))
        await asyncio.sleep(0)
        return grant

    monkeypatch.setattr(application.locks, "acquire", left)
    lock = ada.lock_file(project_id, PATH)
    with pytest.raises(Refused, match="the lock has ended at once"):
        await lock.acquire()
    assert (lock.held, ada.locks) == (False, set())
    await leaving[0]


@pytest.mark.parametrize("is_taken", [True, False], ids=["taken", "free"])
async def test_after_a_resync_a_lock_is_taken_again_or_not_held(
    servers: Servers, connect: Connect, is_taken: bool
) -> None:
    application, _ = servers
    owner, ada, project_id = await owned(connect)
    await ada.join_project(project_id)
    lock, kept = ada.lock_file(project_id, PATH), ada.lock_file(project_id, "kept.txt")
    await lock.acquire()
    await kept.acquire()
    token, kept_token = lock.token, kept.token
    # As if the event had been lost.
    await application.locks.release(project_id, PATH, str(ada.id))
    if is_taken:
        await owner.lock_file(project_id, PATH).acquire()
    application.io.emit(*ServerResync().arguments())
    if is_taken:
        await until(lambda: not lock.held)
        assert ada.locks == {kept}
    else:
        await until(lambda: lock.token > token)
        await lock.write("mine", action="created")
    assert (kept.held, kept.token) == (True, kept_token)


async def test_a_lock_of_a_client_that_waits(servers: Servers, connect: Connect) -> None:
    """The blocking client shows the same."""
    from ai_coding_assistant import AICodingAssistantSocket

    owner = await connect("user-789")

    def lose_it() -> bool:
        with AICodingAssistantSocket(servers[0].url, user_id=ADA["id"]) as socket:
            lock = socket.lock_file(PROJECT, PATH)
            lock.acquire()
            with pytest.raises(Refused):
                asyncio.run_coroutine_threadsafe(
                    owner.lock_file(PROJECT, PATH).acquire(), loop
                ).result()
            was_held = lock.held
            socket.leave_project(PROJECT)
            return was_held and not lock.held

    loop = asyncio.get_running_loop()
    assert await asyncio.to_thread(lose_it)
