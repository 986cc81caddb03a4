"""A server that ends where there are others: its people go on there, and miss nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from server import draining
from server.ai.provider import Question
from server.api.records import Usage
from server.draining import Drain
from socketio_min import Server, Socket
from tests.server.nodes import PROJECT, Nodes
from tests.server.running import running
from tests.server.wire import Client, connected, http_get
from tests.waiting import PATIENCE, eventually

OPEN = "/socket.io/?EIO=4&transport="


class InTwoParts:
    """A provider that goes on when it is told to."""

    name = "two parts"
    model = "none"
    budget = 0

    def __init__(self) -> None:
        self.goes_on = asyncio.Event()

    async def stream(self, _question: Question) -> AsyncGenerator[str | Usage, None]:
        yield "One, "
        await self.goes_on.wait()
        yield "two."

    async def close(self) -> None:
        pass


async def test_nobody_notices_that_a_node_ends(nodes: Nodes, tmp_path: Path) -> None:
    provider = InTwoParts()
    async with AsyncExitStack() as stack:
        shared: dict[str, Any] = {
            "database_url": nodes.database_url,
            "redis_url": nodes.here.settings.redis_url,
        }
        ending = await stack.enter_async_context(
            running(tmp_path / "ending", tuning={"finish": PATIENCE}, **shared)
        )
        ending.answers.maker.provider = provider
        ada, bob = await nodes.client(ending, "ada"), await nodes.client(nodes.there, "bob")
        asked = await ada.ask("ai:message", {**PROJECT, "message": "Count"})
        await bob.hear("code:started")
        await nodes.settled()
        await bob.news()
        node = ending.cluster_presence._adapter
        assert node is not None
        ended = asyncio.create_task(stack.aclose())
        data, envelope = await ada.hear("server:draining")
        assert (data, envelope["metadata"]) == ({}, {"source": "server", "priority": "high"})
        # A proxy sends newcomers elsewhere, and everything else is served.
        status, _, body = await http_get(ending.port, "/readyz")
        assert (status, json.loads(body)) == (503, {"status": "stopping"})
        assert (await http_get(ending.port, f"{OPEN}polling"))[0] == 503
        said = await ada.ask("chat:message", {**PROJECT, "message": "Still here"})
        assert said["ok"]
        assert (await bob.hear("chat:message"))[0]["message"]["content"] == "Still here"
        await nodes.client(nodes.here, "ada")
        await ada.close()
        await eventually(lambda: not ending.io.connections)
        # The answer is made to its end, and those on other nodes hear of it.
        assert not ended.done()
        provider.goes_on.set()
        response = (await bob.hear("ai:response"))[0]
        assert (response["requestId"], response["response"]["content"]) == (
            asked["requestId"],
            "One, two.",
        )
        await ended
        nodes.there.cluster_presence.others.drop(node.uid)
        told = [name for name, _ in await bob.news()]
        assert not {"user:joined", "user:left"} & {*told}
        there = await bob.ask("user:list", PROJECT)
        assert sorted(one["user"]["id"] for one in there["presence"]) == ["ada", "bob"]


async def test_an_answer_that_takes_too_long_is_not_waited_for(nodes: Nodes) -> None:
    nodes.here.answers.maker.provider = InTwoParts()
    ada = await nodes.client(nodes.here, "ada")
    await ada.ask("ai:message", {**PROJECT, "message": "Count"})
    await nodes.here.answers.finish(0.0)
    assert len(nodes.here.answers) == 1


@pytest.fixture
async def io() -> AsyncIterator[Server]:
    io = Server()
    await io.listen(port=0)
    yield io
    await io.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The drain looks in each turn of the loop, and lets a client go as soon as it may."""
    monkeypatch.setattr(draining, "_TICK_SECONDS", 0.0)
    monkeypatch.setattr(draining, "LEAVE_SECONDS", 0.0)


async def looks() -> None:
    """Let the drain look several times."""
    for _ in range(10):
        await asyncio.sleep(0)


async def drained(io: Server, clients: list[Client]) -> None:
    """All clients hear of it once, and are disconnected."""
    run = asyncio.create_task(Drain(io).run(PATIENCE))
    for client in clients:
        await client.hear("server:draining")
        await client.ended()
        assert client.heard == []
    await run


async def test_a_client_that_does_not_listen_is_disconnected(
    io: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "LEAVE_SECONDS", 0.0)
    async with connected(io.port) as one, connected(io.port) as other:
        await drained(io, [one, other])


@pytest.mark.usefixtures("quick")
async def test_a_client_that_is_owed_something_is_not(io: Server) -> None:
    goes_on = asyncio.Event()

    @io.on("work")
    async def work(_socket: Socket) -> str:
        await goes_on.wait()
        return "done"

    async with connected(io.port) as client:
        answer = asyncio.create_task(client.ask("work"))
        [connection] = io.connections
        await eventually(lambda: not connection.is_idle)
        run = asyncio.create_task(Drain(io).run(PATIENCE))
        await eventually(lambda: client.heard)
        await looks()
        assert io.connections == {connection}
        goes_on.set()
        assert await answer == "done"
        await client.ended()
        await run


async def test_a_client_that_is_owed_something_for_ever_is_in_the_end(
    io: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "LONGEST_SECONDS", 0.0)

    @io.on("work")
    async def work(_socket: Socket) -> None:
        await asyncio.Event().wait()

    async with connected(io.port) as client:
        await client.emit("work")
        [connection] = io.connections
        await eventually(lambda: not connection.is_idle)
        await drained(io, [client])


@pytest.mark.usefixtures("quick")
async def test_a_client_that_has_just_come_is_told_when_it_has_joined(io: Server) -> None:
    url = f"ws://127.0.0.1:{io.port}{OPEN}websocket"
    async with connect(url, proxy=None, ping_interval=None) as websocket:
        await websocket.recv()
        run = asyncio.create_task(Drain(io).run(PATIENCE))
        await looks()
        assert len(io.connections) == 1
        await websocket.send("40")
        assert str(await websocket.recv()).startswith("40")
        assert str(await websocket.recv()).startswith('42["server:draining"')
        async with asyncio.timeout(PATIENCE):
            await websocket.wait_closed()
        await run


async def test_a_drain_takes_no_longer_than_it_may(io: Server) -> None:
    async with connected(io.port):
        await Drain(io).run(0.0)
        assert len(io.connections) == 1


async def test_many_are_told_one_after_the_other(io: Server) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(6):
            await stack.enter_async_context(connected(io.port))
        drain = Drain(io)
        told = []
        for now in (0.0, 0.1, 0.5, 0.6, 1.5, 2.0, 60.0):
            drain._tell_some(now, 0.5)
            told.append(len(drain._told))
    assert told == [1, 1, 2, 2, 4, 5, 6]
