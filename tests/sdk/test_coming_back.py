"""The Python SDK after a lost connection: it is where it was, and says what is not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ai_coding_assistant import Refused
from tests.sdk.connecting import ADA, APP, PROJECT, Connect, Servers, heard
from tests.socketio_min.chaos import Chaos, chaos_proxy
from tests.waiting import eventually


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
        application.io.emit("server:resync", {}, {})
        await eventually(lambda: f"project:{PROJECT}" in socket.rooms)
        await eventually(lambda: application.documents.has((PROJECT, APP), socket.id))
        assert document.text == text
    assert ada.connected


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
        call, token = ada.call, kept.token

        async def release_meanwhile(event: str, payload: dict[str, Any]) -> dict[str, Any]:
            answer = await call(event, payload)
            if event == "file:lock" and payload["filePath"] == APP:
                await lock.release()
            return answer

        monkeypatch.setattr(ada, "call", release_meanwhile)
        back = heard(ada, "connect")
        proxy.cut()
        await back()
        await eventually(lambda: kept.token > token)
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
