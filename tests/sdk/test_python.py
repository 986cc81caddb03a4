"""The Python SDK against a running server, and the document's snippet."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path
from typing import Any

import pytest

from ai_coding_assistant import (
    AICodingAssistantSocket,
    AsyncAICodingAssistantSocket,
    Refused,
    SDKError,
    Unreachable,
    events,
)
from ai_coding_assistant.typing_notice import TypingNotice
from socketio_min import UsageError
from tests.sdk.connecting import ADA, APP, PROJECT, Connect, Servers, heard
from tests.server.running import running
from tests.waiting import PATIENCE

SNIPPETS = Path(__file__).with_name("snippets")


@pytest.mark.parametrize("kind", [AICodingAssistantSocket, AsyncAICodingAssistantSocket])
def test_what_is_no_handler_is_refused(kind: Any) -> None:
    async def later(_data: Any) -> None: ...

    socket = kind()
    try:
        with pytest.raises(UsageError, match="got 3 as the handler of 'user:joined', expected a f"):
            socket.on("user:joined", 3)
        with pytest.raises(UsageError, match=r"got <function .* as the name of an event, expected"):
            socket.on(later)
        if kind is AICodingAssistantSocket:
            with pytest.raises(UsageError, match="'user:joined' must be a plain function"):
                socket.on("user:joined", later)
        else:
            assert socket.on("user:joined", later) is later
    finally:
        if kind is AICodingAssistantSocket:
            socket.disconnect()


async def test_connects_as_somebody_joins_and_leaves(connect: Connect) -> None:
    ada, other = await connect(), await connect("user-789")
    assert ada.user == ADA
    joined, left = heard(ada, "user:joined"), heard(ada, "user:left")
    state = await ada.join_project(PROJECT)
    assert [file["path"] for file in state["files"]] == [APP, "src/components/TodoList.jsx"]
    await other.join_project(PROJECT)
    assert (await joined())["user"]["id"] == "user-789"
    await other.leave_project(PROJECT)
    assert (await left())["user"]["id"] == "user-789"


async def test_a_refusal_has_a_code_and_an_unreachable_server_an_address(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await connect()
    with pytest.raises(Refused, match="nowhere") as refused:
        await ada.join_project("nowhere")
    assert refused.value.code == "NOT_FOUND"
    assert isinstance(refused.value, SDKError)
    lost = AsyncAICodingAssistantSocket("http://127.0.0.1:1", reconnection=False)
    with pytest.raises(
        Unreachable, match=r"cannot reach http://127\.0\.0\.1:1: .* is the server run"
    ):
        await lost.connect()
    monkeypatch.setattr("ai_coding_assistant.sending.ANSWER_TIMEOUT", 0.0)
    with pytest.raises(Unreachable, match="test:ping was not acknowledged"):
        await ada.call("test:ping")
    await ada.disconnect()
    monkeypatch.setattr("ai_coding_assistant.arrivals.WAIT_SECONDS", 0.0)
    with pytest.raises(Unreachable, match="test:ping was not sent: there is no connection"):
        await ada.call("test:ping")


@pytest.mark.parametrize("how", ["disconnect", "timeout", "cut", "disconnect while it comes back"])
async def test_connecting_ends_connected_or_told(how: str, servers: Servers) -> None:
    """At whatever moment something comes between, and afterwards it connects again."""
    url = servers[0].url
    for milliseconds in (0, 1, 3, 6, 10, 20):
        socket = AsyncAICodingAssistantSocket(url, user_id="user-456", reconnection_delay=0.001)
        if how.endswith("back"):
            await socket.connect()
            _cut(socket)
        first = asyncio.create_task(_connect_within(socket, PATIENCE))
        second = asyncio.create_task(
            _connect_within(socket, milliseconds / 1000 if how == "timeout" else PATIENCE)
        )
        await asyncio.sleep(milliseconds / 1000)
        if how.startswith("disconnect"):
            await socket.disconnect()
        elif how == "cut":
            _cut(socket)
        for result in await asyncio.gather(first, second, return_exceptions=True):
            assert result == ADA or isinstance(result, Unreachable | TimeoutError), result
        assert await _connect_within(socket, PATIENCE) == ADA
        assert socket.connected
        await socket.disconnect()


async def _connect_within(socket: AsyncAICodingAssistantSocket, seconds: float) -> Any:
    async with asyncio.timeout(seconds):
        return await socket.connect()


def _cut(socket: AsyncAICodingAssistantSocket) -> None:
    engine = socket._client._manager.engine
    if engine is not None:
        engine.session.fail("transport error", "cut")


async def test_a_failed_arrival_leaves_nobody_half_connected(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai_coding_assistant.sending.ANSWER_TIMEOUT", 0.0)
    socket = AsyncAICodingAssistantSocket(servers[0].url, user_id="user-456")
    with pytest.raises(Unreachable, match="user:join was not acknowledged"):
        await socket.__aenter__()
    assert not socket.connected
    monkeypatch.undo()
    assert await socket.connect() == ADA
    await socket.disconnect()


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), StopIteration()], ids=repr)
async def test_whatever_a_handler_raises_costs_its_own_event_only(
    error: BaseException, servers: Servers
) -> None:
    def script() -> None:
        heard = threading.Event()

        def fail(*_: Any) -> None:
            raise error

        with AICodingAssistantSocket(servers[0].url, user_id="user-456") as socket:
            socket.on("user:typing", lambda _: heard.set())
            with AICodingAssistantSocket(servers[0].url, user_id="user-789") as other:
                socket.on("user:joined", fail)
                socket.join_project(PROJECT)
                other.join_project(PROJECT)
                other.typing(PROJECT)
                assert heard.wait(PATIENCE)

    await asyncio.to_thread(script)


async def test_a_session_is_opened_presented_and_over(servers: Servers, connect: Connect) -> None:
    url = servers[1].url
    first = await connect(None, url=url)
    with pytest.raises(Refused) as refused:
        await first.login("ada", "wrong")
    assert refused.value.code == "UNAUTHORIZED"
    await first.login("ada", "open sesame")
    assert first.user == {"id": "ada", "name": "Ada"}
    second = await connect(None, url=url, session_id=first.session_id)
    assert second.user == first.user
    refreshed = heard(second, "auth:session")
    await first.call("auth:refresh")
    await refreshed()
    assert first.session_id == second.session_id
    await first.logout()
    with pytest.raises(Refused):
        await second.call("project:list")
    late = AsyncAICodingAssistantSocket(url, session_id=second.session_id)
    with pytest.raises(Refused) as refused:
        await late.connect()
    assert refused.value.code == "UNAUTHORIZED"
    await late.disconnect()


async def test_what_is_asked_before_the_client_is_in_is_asked_as_its_user(
    servers: Servers, connect: Connect
) -> None:
    ada = AsyncAICodingAssistantSocket(servers[0].url, user_id="user-456")
    sent: list[str] = []
    ada._client.on_any_outgoing(lambda event, *_args: sent.append(event))
    for name in ("before connect", "after disconnect"):
        made = asyncio.create_task(ada.call("project:create", {"name": name}))
        await asyncio.sleep(0)
        ada.emit("test:event", {"a": 1})
        await ada.connect()
        members = (await made)["project"]["members"]
        assert [member["user"] for member in members] == [ADA]
        assert sorted(sent[1:]) == ["project:create", "test:event"]
        assert sent[0] == "user:join"
        sent.clear()
        await ada.disconnect()


async def test_a_session_that_is_over_makes_a_guest_in_open_mode(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "ai_coding_assistant"):
        socket = await connect(None, session_id="your-session-id")
    before = socket.user
    assert before is None
    assert "going on as a guest" in caplog.text
    state = await socket.join_project(PROJECT)
    assert socket.user == state["user"]
    assert state["user"]["id"].startswith("guest-")


async def test_a_lock_writes_and_ends_with_its_block(connect: Connect) -> None:
    ada, other = await connect(), await connect("user-789")
    async with ada.lock_file(PROJECT, APP) as lock:
        assert (await lock.write("// one\n"))["file"]["size"] == 7
        with pytest.raises(Refused) as refused:
            await other.lock_file(PROJECT, APP).acquire()
        assert refused.value.code == "FILE_LOCKED"
    assert not lock.held
    await lock.release()
    with pytest.raises(Refused):
        await lock.write("// two\n")
    async with (
        other.lock_file(PROJECT, APP, "shared"),
        ada.lock_file(PROJECT, APP, "shared") as shared,
    ):
        assert shared.held


async def test_typing_is_told_rarely_and_ends(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, other = await connect(), await connect("user-789")
    await other.join_project(PROJECT)
    told: list[bool] = []
    ended = asyncio.Event()

    def typing(data: events.UserTyping) -> None:
        told.append(data["isTyping"])
        if not data["isTyping"]:
            ended.set()

    other.on("user:typing", typing)
    for _ in range(10):
        ada.typing(PROJECT)
    monkeypatch.setattr("ai_coding_assistant.typing_notice.REPEAT", 0.0)
    monkeypatch.setattr("ai_coding_assistant.typing_notice.STILL", 0.01)
    ada.typing(PROJECT)
    async with asyncio.timeout(PATIENCE):
        await ended.wait()
    ada.stop_typing(PROJECT)
    ada.typing(PROJECT)
    ada.stop_typing(PROJECT)
    await ada.call("project:list")
    await other.call("project:list")
    assert told == [True, True, False, True, False]


async def test_who_goes_on_typing_is_told_of_again(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[float, bool]] = []
    clock = [0.0]
    notice = TypingNotice(lambda _event, data: told.append((clock[0], data["isTyping"])))
    with monkeypatch.context() as patch:
        patch.setattr(asyncio.get_running_loop(), "time", lambda: clock[0])
        for seconds in (0.0, 1.5, 3.0, 4.5, 5.0):
            clock[0] = seconds
            notice.key(PROJECT)
        notice.close()
    assert told == [(0.0, True), (3.0, True), (5.0, True)]


async def test_what_is_queued_goes_in_one_batch(connect: Connect) -> None:
    ada = await connect()
    sent: list[str] = []
    ada._client.on_any_outgoing(lambda event, *_args: sent.append(event))
    listed = ada.queue("project:list")
    refused = ada.queue("project:join", {"projectId": "nowhere"})
    await ada.flush()
    assert (await listed)["projects"][0]["id"] == PROJECT
    with pytest.raises(Refused, match="nowhere"):
        await refused
    assert sent == ["batch:update"]
    await ada.flush()
    await asyncio.gather(*(ada.queue("test:ping") for _ in range(100)))
    assert sent == ["batch:update", "batch:update"]
    dropped = ada.queue("test:ping")
    await ada.disconnect()
    with pytest.raises(Unreachable, match=r"test:ping was not sent: disconnect\(\) was called"):
        await dropped


async def test_handlers_take_as_much_as_they_want(connect: Connect) -> None:
    ada = await connect()
    heard_by: list[tuple[object, ...]] = []
    done = asyncio.Event()

    @ada.on("test:response")
    def data_only(data: object) -> None:
        heard_by.append((data,))

    @ada.on("test:response")
    def nothing() -> None:
        heard_by.append(())

    @ada.on("test:response")
    async def both(data: object, event: events.Envelope) -> None:
        heard_by.append((data, event["event"]))
        done.set()

    ada.emit("test:event", {"a": 1})
    async with asyncio.timeout(PATIENCE):
        await done.wait()
    assert heard_by == [({"a": 1},), (), ({"a": 1}, "test:response")]


async def test_without_asyncio(servers: Servers) -> None:
    """The whole of a script, in a thread: handlers may call methods that wait."""
    application, guarded = servers

    def script() -> None:
        with AICodingAssistantSocket(application.url, user_id="user-456") as socket:
            assert socket.connected
            assert socket.user == ADA
            assert repr(socket) == f"<AICodingAssistantSocket {application.url} (connected)>"
            answered = threading.Event()

            @socket.on("test:response")
            def answer(data: object) -> None:
                assert data == {"a": 1}
                assert socket.call("project:list")["projects"][0]["id"] == PROJECT
                answered.set()

            socket.emit("test:event", {"a": 1})
            assert answered.wait(PATIENCE)
            assert socket.join_project(PROJECT)["role"] == "owner"
            with socket.lock_file(PROJECT, APP) as lock:
                assert lock.token > 0
                lock.write("// one\n")
            assert not lock.held
            pieces: list[str] = []
            response = socket.send_ai_message("propose", PROJECT, on_chunk=pieces.append)
            assert response["content"] == "".join(pieces)
            listed = socket.queue("project:list")
            socket.typing(PROJECT)
            socket.stop_typing(PROJECT)
            socket.flush()
            assert listed.result(PATIENCE)["projects"]
            socket.leave_project(PROJECT)
        with pytest.raises(Unreachable, match="closed"):
            socket.call("project:list")

        other = AICodingAssistantSocket(guarded.url)
        other.connect()
        other.login("ada", "open sesame")
        assert other.session_id is not None
        other.logout()
        left = threading.Event()

        @other.on("test:pong")
        def leave() -> None:
            other.disconnect()
            left.set()

        other.emit("test:ping")
        assert left.wait(PATIENCE)

    await asyncio.to_thread(script)


async def test_the_documents_snippet_works(tmp_path: Path) -> None:
    """Unchanged but for the port; where a session's name stands in it, open mode makes a guest."""
    snippet = (SNIPPETS / "python.txt").read_text(encoding="utf-8")
    async with running(tmp_path) as application:
        code = snippet.replace("http://localhost:3001", application.url)
        assert code != snippet
        code += (
            "print(response['content'].split(':')[0])\n"
            "update = {'type': 'name', 'value': 'Renamed'}\n"
            "socket.call('project:update', {'projectId': 'project-123', 'update': update})\n"
        )
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-X", "dev", "-c", code), stdout=PIPE, stderr=STDOUT
        )
        async with asyncio.timeout(PATIENCE):
            output, _ = await process.communicate()
    printed = output.decode()
    assert process.returncode == 0, printed
    assert "Here is a React component" in printed
    # The script ends at once, and says goodbye first: what was due is still handled.
    assert "Project updated: {'project': {" in printed
    assert "'name': 'Renamed'" in printed


async def test_leaving_for_good_ends_the_membership(connect: Connect) -> None:
    ada, other = await connect(), await connect("user-789")
    made = (await other.call("project:create", {"name": "Ours"}))["project"]["id"]
    await other.call("project:share", {"projectId": made, "userId": ADA["id"], "role": "editor"})
    await ada.join_project(made)
    await ada.leave_project(made)
    await ada.join_project(made)
    await ada.leave_project(made, for_good=True)
    with pytest.raises(Refused) as refused:
        await ada.join_project(made)
    assert refused.value.code == "NOT_FOUND"
