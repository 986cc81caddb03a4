"""recoveries.py: sessions that wait, expire, or are far away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from engineio_min.protocol.reasons import SLOW_CONSUMER
from socketio_min import (
    Recovery,
    Server,
    Session,
)
from socketio_min.cluster.recovery import Restored
from socketio_min.cluster.recovery_memory import MemoryRecovery, RecoveringMemoryAdapter
from tests.socketio_min.server.recovering import (
    coming_back,
    connect,
    gone,
    lose,
    offset_of,
    server,
    serving,
)
from tests.socketio_min.serving import (
    advance,
)
from tests.socketio_min.wire import Client, WebSocketClient
from tests.waiting import until


class DistantAdapter(RecoveringMemoryAdapter):
    """Sessions that have to be asked for, as those in a database."""

    gate: asyncio.Event

    async def restore_session(  # type: ignore[override]
        self, pid: str, offset: str | None
    ) -> Restored | None:
        await self.gate.wait()
        return super().restore_session(pid, offset)


def distant_server() -> Server:
    engine = Server().engine
    recovery = Recovery()
    memory = MemoryRecovery(recovery, engine, print)
    io = Server(
        connection_state_recovery=recovery, adapter=lambda space: DistantAdapter(space, memory)
    )
    memory._engine = io.engine
    io._memory = memory
    return io


async def test_a_session_may_be_far_away() -> None:
    io = distant_server()
    io.of("/other")
    gate = DistantAdapter.gate = asyncio.Event()
    async with serving(io) as clients:
        first = await gone(clients)
        again = await coming_back(clients, first)
        # Others are served meanwhile, and what follows on the same connection waits its turn.
        other = await clients.open()
        await connect(other)
        io.emit("missed")
        assert str(await other.receive()).startswith('42["missed","')
        gate.set()
        assert str(await again.receive()).startswith('42["missed","')
        assert await again.receive() == "40" + json.dumps(first, separators=(",", ":"))


async def test_who_goes_while_a_session_comes_may_come_back() -> None:
    io = distant_server()
    gate = DistantAdapter.gate = asyncio.Event()
    async with serving(io) as clients:
        first = await gone(clients)
        again = await coming_back(clients, first)
        await until(lambda: io.handler_tasks)
        await again.finish()
        await until(lambda: not io.connections)
        gate.set()
        await until(lambda: not io.handler_tasks)
        third = await clients.open()
        assert await connect(third, {"pid": first["pid"]}) == first
        await third.nothing_more()


@pytest.mark.parametrize(
    "leave",
    [
        lambda io, client, first: client.send("41"),
        lambda io, client, first: io.sockets[first["sid"]].disconnect(),
        lambda io, client, first: io.sockets[first["sid"]].disconnect(close=True),
    ],
)
async def test_who_parted_on_purpose_does_not_come_back(
    leave: Callable[[Server, Client, dict[str, str]], Any],
) -> None:
    ended: list[Session] = []
    io = server(Recovery(expired=ended.append))
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        left = leave(io, client, first)
        if left is not None:
            await left
        await until(lambda: not io.sockets)
        again = await clients.open()
        assert (await connect(again, {"pid": first["pid"]}))["sid"] != first["sid"]
    assert [session.id for session in ended if session.id == first["sid"]] == []


async def test_a_slow_client_may_come_back() -> None:
    io = server()
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        [connection] = io.engine.sessions.values()
        connection.session.fail(SLOW_CONSUMER, "it does not read")
        await until(lambda: not io.sockets)
        again = await clients.open()
        assert await connect(again, {"pid": first["pid"]}) == first


async def test_a_session_expires() -> None:
    ended: list[Session] = []
    io = server(Recovery(max_disconnection=10.0, expired=ended.append))
    async with serving(io) as clients:
        client, stays = await clients.open(), await clients.open()
        first = await connect(client)
        await connect(stays)
        io.sockets[first["sid"]].join("a")
        io.emit("x")
        offset = offset_of(await client.receive())
        await lose(clients, client)
        advance(9.0)
        io.emit("y")
        advance(1.1)
        await until(lambda: ended)
        [session] = ended
        assert session.namespace == "/"
        assert session.id == first["sid"]
        assert set(session.rooms) == {first["sid"], "a"}
        again = await clients.open()
        new = await connect(again, {"pid": first["pid"], "offset": offset})
        assert new["sid"] != first["sid"]


async def test_a_server_that_closes_ends_all_sessions() -> None:
    ended: list[Session] = []
    io = server(Recovery(expired=ended.append))
    await io.listen(port=0)
    client = await WebSocketClient.open(io.port)
    gone = await WebSocketClient.open(io.port)
    answers = [await connect(client), await connect(gone)]
    gone.abort()
    await until(lambda: len(io.sockets) == 1)
    await io.close()
    client.abort()
    assert {session.id for session in ended} == {answer["sid"] for answer in answers}


async def test_the_sessions_that_wait_are_bounded() -> None:
    ended: list[Session] = []
    io = server(Recovery(max_sessions=1, expired=ended.append))
    async with serving(io) as clients:
        answers = []
        for _ in range(2):
            client = await clients.open()
            answers.append(await connect(client))
            await lose(clients, client)
        assert [session.id for session in ended] == [answers[0]["sid"]]


async def test_a_failure_of_the_expiry_handler_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def later(session: Session) -> None:
        await asyncio.sleep(0)
        if session.data:
            raise RuntimeError("later")

    def handler(session: Session) -> Any:
        if not session.data:
            raise RuntimeError("at once")
        return later(session)

    io = server(Recovery(max_sessions=1, expired=handler))
    async with serving(io) as clients:
        for number in range(3):
            client = await clients.open()
            first = await connect(client)
            io.sockets[first["sid"]].data.update({"number": number} if number else {})
            await lose(clients, client)
        await until(lambda: not io.handler_tasks)
    logged = [
        str(record.exc_info[1])
        for record in caplog.records
        if record.exc_info and record.getMessage() == "the handler of expired sessions failed"
    ]
    assert logged == ["at once", "later"]
