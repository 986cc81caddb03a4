"""The Python SDK against a running server, and the document's snippet."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import urllib.request
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ai_coding_assistant import (
    AICodingAssistantSocket,
    AsyncAICodingAssistantSocket,
    Refused,
    SDKError,
    Unreachable,
    answers,
)
from ai_coding_assistant.answers import Answer
from ai_coding_assistant.transfers import download
from ai_coding_assistant.typing_notice import TypingNotice
from server.application import Application
from server.projects import projects
from socketio_min import UsageError
from tests.sdk.serving import PROPOSAL, serving
from tests.server.running import running
from tests.socketio_min.chaos import Chaos, ChaosProxy, chaos_proxy
from tests.waiting import PATIENCE, eventually, patient

PROJECT = "project-123"
APP = "src/components/App.jsx"
ADA = {"id": "user-456", "name": "user-456"}
SNIPPETS = Path(__file__).with_name("snippets")

Servers = tuple[Application, Application]
Connect = Callable[..., Awaitable[AsyncAICodingAssistantSocket]]


@pytest.fixture
async def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Servers]:
    async with serving(tmp_path, monkeypatch) as both:
        yield both


@pytest.fixture
async def connect(servers: Servers) -> AsyncIterator[Connect]:
    async with AsyncExitStack() as sockets:

        async def connect_one(
            user_id: str | None = "user-456", **options: Any
        ) -> AsyncAICodingAssistantSocket:
            url = options.pop("url", servers[0].url)
            options.setdefault("reconnection_delay", 0.01)
            socket = AsyncAICodingAssistantSocket(url, user_id=user_id, **options)
            return await sockets.enter_async_context(socket)

        yield connect_one


def heard(socket: AsyncAICodingAssistantSocket, event: str) -> Callable[[], Awaitable[Any]]:
    """Listen for an event; what is returned waits for its data."""
    data: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def keep(*args: Any) -> None:
        if not data.done():
            data.set_result(args[0] if args else None)

    socket.on(event, keep)

    async def wait() -> Any:
        async with asyncio.timeout(PATIENCE):
            return await data

    return wait


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
    await ada.disconnect()
    monkeypatch.setattr("ai_coding_assistant.async_socket.ANSWER_TIMEOUT", 0.01)
    with pytest.raises(Unreachable, match="test:ping was not acknowledged"):
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
    monkeypatch.setattr("ai_coding_assistant.async_socket.ANSWER_TIMEOUT", 0.0)
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
            socket.on("project:state", fail)
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


async def test_a_session_that_is_over_makes_a_guest_in_open_mode(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "ai_coding_assistant"):
        socket = await connect(None, session_id="your-session-id")
    assert socket.user is None
    assert "going on as a guest" in caplog.text
    state = await socket.join_project(PROJECT)
    assert socket.user == state["user"]
    assert state["user"]["id"].startswith("guest-")


async def test_after_a_lost_connection_it_is_where_it_was(
    servers: Servers, connect: Connect
) -> None:
    async with chaos_proxy(servers[0].port, Chaos(), seed=1) as proxy:
        ada, other = await connect(url=proxy.url), await connect("user-789")
        await ada.join_project(PROJECT)
        await other.join_project(PROJECT)
        numbers: list[int] = []
        ada.on("reconnect", numbers.append)
        async with ada.lock_file(PROJECT, APP) as lock:
            token = lock.token
            back = heard(ada, "connect")
            answer = asyncio.create_task(ada.send_ai_message("wait", PROJECT))
            await other.call("project:list")
            proxy.cut()
            with pytest.raises(Unreachable, match=r"the connection was lost|not acknowledged"):
                await answer
            await back()
            assert numbers == [1]
            assert lock.held
            assert lock.token > token
            with pytest.raises(Refused) as refused:
                await other.lock_file(PROJECT, APP).acquire()
            assert refused.value.code == "FILE_LOCKED"
            created = heard(ada, "file:created")
            file = {"path": "new.txt", "action": "created", "content": "new"}
            await other.call("file:change", {"projectId": PROJECT, "file": file})
            assert (await created())["content"] == "new"
            await ada.leave_project(PROJECT)
            assert not lock.held


async def test_a_project_that_is_gone_meanwhile_takes_nothing_else_along(
    servers: Servers, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    async with chaos_proxy(servers[0].port, Chaos(), seed=1) as proxy:
        ada, other = await connect(url=proxy.url), await connect("user-789")
        doomed = (await other.call("project:create", {"name": "Doomed"}))["project"]["id"]
        share = {"projectId": doomed, "userId": ADA["id"], "role": "editor"}
        await other.call("project:share", share)
        await ada.join_project(doomed)
        await ada.join_project(PROJECT)
        lost = ada.lock_file(doomed, "a.txt")
        await lost.acquire()
        async with ada.lock_file(PROJECT, APP) as kept:
            back, gone = heard(ada, "connect"), heard(ada, "disconnect")
            proxy.refusing = True
            proxy.cut()
            await gone()
            await other.call("project:delete", {"projectId": doomed})
            proxy.refusing = False
            await back()
            assert ada.connected
            assert (lost.held, kept.held) == (False, True)
            assert "no such project" in caplog.text
            await kept.write("// still here\n")


async def test_a_lock_that_somebody_took_meanwhile_is_lost(
    servers: Servers, connect: Connect
) -> None:
    async with chaos_proxy(servers[0].port, Chaos(), seed=1) as proxy:
        ada, other = await connect(url=proxy.url), await connect("user-789")
        lock = ada.lock_file(PROJECT, APP)
        await lock.acquire()
        back, gone = heard(ada, "connect"), heard(ada, "disconnect")
        proxy.refusing = True
        proxy.cut()
        await gone()
        # Its lease ends.
        for socket_id in list(servers[0]._grace):
            servers[0]._grace[socket_id].cancel()
            servers[0]._grace_over(socket_id)
        await other.lock_file(PROJECT, APP).acquire()
        proxy.refusing = False
        await back()
        assert not lock.held
        with pytest.raises(Refused):
            await lock.write("// mine\n")


async def test_a_lock_that_somebody_else_has_by_now_is_released_in_silence(
    connect: Connect,
) -> None:
    ada, other = await connect(), await connect("user-789")
    payload = {"projectId": PROJECT, "filePath": APP}
    async with ada.lock_file(PROJECT, APP):
        await ada.call("file:unlock", payload)
        theirs = other.lock_file(PROJECT, APP)
        await theirs.acquire()
    with pytest.raises(Refused) as refused:
        await ada.call("file:unlock", payload)
    assert refused.value.details is not None
    assert refused.value.details["holder"]["id"] == "user-789"
    lost = ada.lock_file("no-such-project", APP)
    lost.held = True
    with pytest.raises(Refused) as refused:
        await lost.release()
    assert refused.value.code == "NOT_FOUND"
    await theirs.release()


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
        assert await answer.of("ours") == {"content": "all"}
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
        [request_id] = [one.request_id for one in application.chat.answering(PROJECT)]
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
        chat = servers[0].chat
        [request] = chat._requests.values()
        if fails:
            request.end("dropped")
        else:
            chat.cancel(request.id, request.call.user)
            assert (await ended())["requestId"] == request.id
        await eventually(lambda: not len(chat))
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


async def test_cancelling_whoever_waits_stops_the_answer(connect: Connect) -> None:
    ada = await connect()
    ended, chunk = heard(ada, "ai:response"), heard(ada, "code:chunk")
    waiting = asyncio.create_task(ada.send_ai_message("wait", PROJECT))
    await chunk()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await ended())["response"]["cancelled"]


async def test_typing_is_told_rarely_and_ends(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, other = await connect(), await connect("user-789")
    await other.join_project(PROJECT)
    told: list[bool] = []
    ended = asyncio.Event()

    def typing(data: dict[str, Any]) -> None:
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
    assert dropped.cancelled()


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
    async def both(data: object, event: dict[str, Any]) -> None:
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


async def test_a_file_of_any_size_and_lists_of_any_length(
    servers: Servers, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await connect()
    text = "aé€😀" * 250_000
    file = {"path": "large.txt", "action": "created", "content": text}
    await ada.call("file:change", {"projectId": PROJECT, "file": file})
    version = (await ada.call("version:create", {"projectId": PROJECT}))["version"]["id"]
    for one in (None, version):
        read = await ada.read_file(PROJECT, "large.txt", one)
        assert (read["content"], read["size"], "next" in read) == (text, 2_500_000, False)
    blocking = AICodingAssistantSocket(servers[0].url, user_id="user-789")
    with await asyncio.to_thread(blocking.__enter__):
        found = await asyncio.to_thread(blocking.read_file, PROJECT, "large.txt")
        assert found["content"] == text
        payload = {"projectId": PROJECT, "limit": 1}
        listed = await asyncio.to_thread(blocking.list_all, "file:list", payload)
        hits = await asyncio.to_thread(blocking.search, PROJECT, "TodoList", limit=1)
        await asyncio.to_thread(blocking.disconnect)
    paths = ["large.txt", APP, "src/components/TodoList.jsx"]
    assert [one["path"] for one in listed] == paths
    assert [one["filePath"] for one in hits] == paths[1:]
    assert [len(one["hits"]) for one in hits] == [3, 1]
    monkeypatch.setattr(projects, "FILES", 2)
    joined = await ada.join_project(PROJECT)
    assert [one["path"] for one in joined["files"]] == paths
    assert "nextFile" not in joined


async def test_files_as_bytes(servers: Servers, connect: Connect) -> None:
    ada = await connect()
    data = bytes(range(256)) * 2_100
    file = await ada.upload_file(PROJECT, "a/data.bin", data)
    assert (file["size"], file["mediaType"]) == (len(data), "application/octet-stream")
    with pytest.raises(Refused) as refused:
        await ada.upload_file(PROJECT, "a/data.bin", b"\0")
    assert refused.value.code == "VERSION_CONFLICT"
    found = await ada.download_file(PROJECT, "a/data.bin")
    assert (found["data"], found["file"], "next" in found) == (data, file, False)
    blocking = AICodingAssistantSocket(servers[0].url, user_id="user-789")

    def work() -> None:
        with blocking:
            made = blocking.upload_file(PROJECT, "a/b.txt", "twö", overwrite=True)
            assert "mediaType" not in made
            assert blocking.download_file(PROJECT, "a/b.txt")["data"] == "twö".encode()
            assert blocking.move_file(PROJECT, "a", "b")["count"] == 2
            assert blocking.copy_file(PROJECT, "b/b.txt", "b/c.txt")["file"]["size"] == 4
            with urllib.request.urlopen(blocking.create_download(PROJECT, "b/c.txt")) as response:
                assert response.read() == "twö".encode()
            deletion = blocking.delete_file(PROJECT, "b")
            listed = blocking.list_all("bin:list", {"projectId": PROJECT})
            assert listed[0]["id"] == deletion["deletionId"]
            back = blocking.restore_file(PROJECT, deletion["deletionId"], "c")
            assert (back["filePath"], back["count"]) == ("c", 3)

    await asyncio.to_thread(work)
    assert (await ada.download_file(PROJECT, "c/data.bin"))["data"] == data


async def test_bytes_that_change_while_they_are_read_are_read_again() -> None:
    def part(data: bytes, hash_: str, **fields: int) -> dict[str, Any]:
        return {"data": data, "hash": hash_, **fields}

    answers = [part(b"on", "1", next=2), part(b"xx", "2")]
    answers += [part(b"tw", "2", next=2), part(b"o!", "2")]

    async def call(_event: str, _payload: dict[str, Any]) -> dict[str, Any]:
        return answers.pop(0)

    assert (await download(call, {"filePath": APP}))["data"] == b"two!"
    answers += [part(b"on", "1", next=2), part(b"xx", "2", next=3)] * 5
    with pytest.raises(Refused, match="changes faster than it can be read"):
        await download(call, {"filePath": APP})
    assert answers == []


async def test_a_file_that_changes_while_it_is_read_is_read_again(connect: Connect) -> None:
    ada = await connect()
    answers: list[dict[str, Any]] = []

    async def call(_event: str, _payload: dict[str, Any]) -> dict[str, Any]:
        return answers.pop(0)

    ada.call = call  # type: ignore[method-assign, assignment]

    def part(content: str, hash_: str, **fields: int) -> dict[str, Any]:
        return {"content": content, "hash": hash_, **fields}

    answers += [part("on", "1", next=2), part("xx", "2")]
    answers += [part("tw", "2", next=2), part("o!", "2")]
    assert (await ada.read_file(PROJECT, APP))["content"] == "two!"
    answers += [part("on", "1", next=2), part("xx", "2", next=3)] * 5
    with pytest.raises(Refused) as refused:
        await ada.read_file(PROJECT, APP)
    assert refused.value.code == "VERSION_CONFLICT"
    assert answers == []


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
