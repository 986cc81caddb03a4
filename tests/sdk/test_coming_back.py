"""The Python SDK after a lost connection: it is where it was, and says what is not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ai_coding_assistant import Refused, Unreachable, arrivals, locks
from ai_coding_assistant.signatures import AnyEvent
from server.api.socket_announcements import ServerDraining, ServerResync
from socketio_min import Socket
from tests.sdk.connecting import ADA, APP, PROJECT, Connect, Servers, heard
from tests.socketio_min.chaos import Chaos, chaos_proxy
from tests.waiting import eventually, until


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
            begun = heard(ada, "ai:processing")
            answer = asyncio.create_task(ada.send_ai_message("wait", PROJECT))
            request_id = (await begun())["requestId"]
            proxy.cut()
            await back()
            # The answer has gone on meanwhile.
            await ada.call("ai:cancel", {"requestId": request_id})
            assert (await answer)["cancelled"]
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


async def test_after_a_resync_it_looks_again(servers: Servers, connect: Connect) -> None:
    application, _ = servers
    ada = await connect()
    await ada.join_project(PROJECT)
    async with await ada.open_document(PROJECT, APP) as document:
        [socket] = application.io.sockets.values()
        text = document.text
        # As if it had missed that it is out of everything.
        application.documents.leave(socket)
        socket.leave(f"project:{PROJECT}")
        application.io.emit(*ServerResync().arguments())
        await eventually(lambda: f"project:{PROJECT}" in socket.rooms)
        await eventually(lambda: application.documents.has((PROJECT, APP), socket.id))
        assert document.text == text
    assert ada.connected


async def test_a_server_that_is_about_to_end_is_left_without_a_loss(
    servers: Servers, connect: Connect
) -> None:
    application, _ = servers
    # Whoever is told so does not wait before it comes back.
    ada, other = await connect(reconnection_delay=3_600.0), await connect("user-789")
    await ada.join_project(PROJECT)
    await other.join_project(PROJECT)
    typed, shared = await ada.open_document(PROJECT, APP), await other.open_document(PROJECT, APP)
    async with ada.lock_file(PROJECT, "own.txt") as lock:
        first, token = ada.id, lock.token
        typing = heard(other, "user:typing")

        def say(text: str) -> asyncio.Task[Any]:
            payload = {"projectId": PROJECT, "message": text, "key": text}
            return asyncio.create_task(ada.call("chat:message", payload))

        said = [say("before")]
        await asyncio.sleep(0)
        application.io.sockets[str(first)].emit(*ServerDraining().arguments())
        await until(lambda: not ada._arrivals._is_in.is_set())
        # Nothing is sent from now on.
        said.append(say("meanwhile"))
        ada.emit("user:typing", {"projectId": PROJECT, "isTyping": True})
        typed.append("typed meanwhile\n")
        opened = asyncio.create_task(ada.open_document(PROJECT, "src/components/TodoList.jsx"))
        messages = [(await answer)["message"]["content"] for answer in said]
        assert messages == ["before", "meanwhile"]
        assert ada.id not in (first, None)
        assert (await typing())["isTyping"]
        await typed.wait()
        await until(lambda: shared.text.endswith("typed meanwhile\n"))
        await (await opened).close()
        assert lock.held
        assert lock.token > token


async def test_a_server_that_is_faster_is_left_at_once(
    servers: Servers, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    application, _ = servers
    ada = await connect(reconnection_delay=3_600.0)
    first = ada.id
    # An acknowledgement is on its way.
    settled = asyncio.Event()
    monkeypatch.setattr(ada._sending, "settled", settled.wait)
    application.io.sockets[str(first)].emit(*ServerDraining().arguments())
    await until(lambda: not ada._arrivals._is_in.is_set())
    [connection] = application.io.connections
    connection.close()
    assert await ada.call("test:ping") == {}
    second = ada.id
    assert second not in (first, None)
    # It is there already.
    settled.set()
    await until(lambda: not ada._arrivals._moves)
    assert await ada.call("test:ping") == {}
    assert ada.id == second


async def test_a_lock_that_is_released_on_the_way_is_free_at_once(
    servers: Servers, connect: Connect
) -> None:
    application, _ = servers
    ada, other = await connect(), await connect("user-789")
    async with ada.lock_file(PROJECT, APP):
        first = ada.id
        application.io.sockets[str(first)].emit(*ServerDraining().arguments())
        await until(lambda: not ada._arrivals._is_in.is_set())
    assert ada.id != first
    async with other.lock_file(PROJECT, APP) as lock:
        assert lock.held


async def test_a_server_that_ends_while_one_comes_back_to_it_is_left_at_once(
    servers: Servers, connect: Connect
) -> None:
    application, _ = servers
    ada = await connect(reconnection_delay=3_600.0)
    first = ada.id
    # As while it introduces itself again.
    ada._arrivals._is_in.clear()
    application.io.sockets[str(first)].emit(*ServerDraining().arguments())
    assert await ada.call("test:ping") == {}
    assert ada.id not in (first, None)


@pytest.mark.parametrize("comes_back", [True, False])
async def test_a_server_that_ends_while_one_comes_for_the_first_time_is_left_at_once(
    servers: Servers, connect: Connect, monkeypatch: pytest.MonkeyPatch, comes_back: bool
) -> None:
    application, _ = servers
    welcome = application.auth.welcome
    first: list[str] = []

    def tell_the_first(socket: Socket) -> None:
        welcome(socket)
        if not first:
            first.append(socket.id)
            socket.emit(*ServerDraining().arguments())

    monkeypatch.setattr(application.auth, "welcome", tell_the_first)
    ada = await connect(reconnection_delay=3_600.0, reconnection=comes_back)
    assert ada.user == ADA
    assert (ada.id == first[0]) is not comes_back
    assert await ada.call("test:ping") == {}


async def test_what_waits_for_a_client_that_does_not_come_back_is_told(
    servers: Servers, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with chaos_proxy(servers[0].port, Chaos(), seed=1) as proxy:
        ada = await connect(url=proxy.url)
        gone = heard(ada, "disconnect")
        proxy.refusing = True
        proxy.cut()
        await gone()
        monkeypatch.setattr(arrivals, "WAIT_SECONDS", 0.01)
        with pytest.raises(Unreachable, match="test:ping was not sent: there is no connection"):
            await ada.call("test:ping")
        monkeypatch.undo()
        waiting = asyncio.create_task(ada.call("test:ping"))
        ada.emit("test:ping")
        await asyncio.sleep(0)
        await ada.disconnect()
        with pytest.raises(Unreachable, match="test:ping was not sent: there is no connection"):
            await waiting


async def test_a_server_that_still_believes_in_the_former_connection_is_asked_again(
    servers: Servers, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    application, _ = servers
    monkeypatch.setattr(locks, "RETAKE_SECONDS", 0.01)
    async with chaos_proxy(servers[0].port, Chaos(), seed=1) as proxy:
        ada, former = await connect(url=proxy.url), await connect()
        async with ada.lock_file(PROJECT, APP) as lock:
            gone, back = heard(ada, "disconnect"), heard(ada, "connect")
            proxy.refusing = True
            proxy.cut()
            await gone()
            for socket_id in list(application.departures.graces):
                application.departures.graces[socket_id].cancel()
                application.departures.grace_over(socket_id)
            elsewhere = former.lock_file(PROJECT, APP)
            await elsewhere.acquire()
            refused = []
            is_own = lock._is_own

            def counted(error: Refused) -> bool:
                refused.append(error)
                return is_own(error)

            monkeypatch.setattr(lock, "_is_own", counted)
            proxy.refusing = False
            await until(lambda: refused)
            await elsewhere.release()
            await back()
            assert lock.held
            # For ever it is not.
            await former.lock_file(PROJECT, "other.txt").acquire()
            lost = ada.lock_file(PROJECT, "other.txt")
            lost.held = True
            ada.locks.add(lost)
            await lost.take_again()
            assert not lost.held


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
        for socket_id in list(servers[0].departures.graces):
            servers[0].departures.graces[socket_id].cancel()
            servers[0].departures.grace_over(socket_id)
        await other.lock_file(PROJECT, APP).acquire()
        proxy.refusing = False
        await back()
        assert not lock.held
        with pytest.raises(Refused):
            await lock.write("// mine\n")


async def test_a_lock_that_is_released_while_it_is_taken_again_is_not_held(
    servers: Servers, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with chaos_proxy(servers[0].port, Chaos(), seed=1) as proxy:
        ada, other = await connect(url=proxy.url), await connect("user-789")
        lock, kept = ada.lock_file(PROJECT, APP), ada.lock_file(PROJECT, "kept.txt")
        await lock.acquire()
        await kept.acquire()
        ask, token = ada.ask, kept.token
        releases: list[asyncio.Task[None]] = []

        async def release_meanwhile(event: str, payload: dict[str, Any]) -> Any:
            answer = await ask(AnyEvent(event), payload)
            if event == "file:lock" and payload["filePath"] == APP:
                releases.append(asyncio.create_task(lock.release()))
                await asyncio.sleep(0)
            return answer

        monkeypatch.setattr(ada, "ask", release_meanwhile)
        back = heard(ada, "connect")
        proxy.cut()
        await back()
        await eventually(lambda: kept.token > token)
        await releases[0]
        assert (lock.held, kept.held, ada.locks) == (False, True, {kept})
        await other.lock_file(PROJECT, APP).acquire()


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
