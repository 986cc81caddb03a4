"""Servers that do not answer are named, and those that ask too much are refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from socketio_min import AcknowledgementTimeout, Limits, Server
from socketio_min.cluster.cluster_adapter import ClusterAdapter
from socketio_min.cluster.gathering import RollCall, name_silent
from socketio_min.cluster.messages import Response, ServerEvent
from socketio_min.cluster.redis import RedisAdapter, RedisStreamsAdapter, ShardedRedisAdapter
from tests.engineio_min.harness import Clock
from tests.socketio_min.cluster.redis_server import RedisServer
from tests.socketio_min.serving import serving
from tests.waiting import eventually as until


def adapter(io: Server) -> ClusterAdapter:
    found = io.adapter
    assert isinstance(found, ClusterAdapter)
    return found


MAKERS: dict[str, Callable[[str], Callable[..., ClusterAdapter]]] = {
    "classic": RedisAdapter.from_url,
    "sharded": ShardedRedisAdapter.from_url,
    "streams": RedisStreamsAdapter.from_url,
    "streams, sharded": lambda url: RedisStreamsAdapter.from_url(url, sharded=True),
}


@pytest.mark.parametrize("kind", MAKERS)
async def test_silent_servers_are_named(
    kind: str, redis: RedisServer, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    asking, silent, answering = (Server(adapter=MAKERS[kind](redis.url)) for _ in range(3))
    answering.on_server("hello", lambda: "hi")
    async with serving(asking), serving(silent) as net, serving(answering):
        _, socket = await net.join()
        socket.join("a room")
        name, other = adapter(silent).uid, adapter(answering).uid
        monkeypatch.setattr(ClusterAdapter, "_handle", deaf(adapter(silent)))
        steps = watched(adapter(asking), monkeypatch)

        async def late(question: Coroutine[Any, Any, Any]) -> Any:
            """Ask, and let the time be over once one server has answered and both are named."""
            steps.clear()
            task = asyncio.ensure_future(question)
            await until(lambda: "answered" in steps)
            # The names are asked for in the last quarter.
            await clock.advance(0.3)
            await until(lambda: "named" in steps)
            await clock.advance(0.1)
            return await task

        expected = () if kind == "classic" else (name,)
        names = f"among {', '.join(sorted((name, other)))}" if kind == "classic" else name
        with pytest.raises(AcknowledgementTimeout) as error:
            await late(asking.timeout(0.4).fetch_sockets())
        assert error.value.silent == expected
        assert f"1 of 2 other servers did not answer in time ({names})" in str(error.value)
        with pytest.raises(AcknowledgementTimeout) as error:
            await late(asking.server_side_call("hello", timeout=0.4))
        assert error.value.responses == ["hi"]
        assert error.value.silent == expected
        with pytest.raises(AcknowledgementTimeout) as error:
            await late(asking.timeout(0.4).call("ask"))
        assert error.value.silent == expected
        assert f"1 servers did not report theirs ({names})" in str(error.value)


def watched(one: ClusterAdapter, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list in which an adapter notes that it was answered, and that it knows names."""
    steps: list[str] = []
    kind = type(one)
    settle, server_names = kind.settle, kind.server_names

    def settled(self: ClusterAdapter, response: Response, uid: str = "") -> None:
        settle(self, response, uid)
        if self is one:
            steps.append("answered")

    async def named(self: ClusterAdapter) -> frozenset[str]:
        names = await server_names(self)
        steps.append("named")
        return names

    monkeypatch.setattr(kind, "settle", settled)
    monkeypatch.setattr(kind, "server_names", named)
    return steps


def deaf(one: ClusterAdapter) -> Callable[..., None]:
    """Return a handling of messages that one adapter has not."""
    handle = ClusterAdapter._handle

    def handled(self: ClusterAdapter, uid: str, message: object) -> None:
        if self is not one:
            handle(self, uid, message)  # type: ignore[arg-type]

    return handled


async def test_names_that_come_too_late_are_not_waited_for() -> None:
    async def never() -> frozenset[str]:
        await asyncio.Event().wait()
        raise AssertionError

    async def fail() -> frozenset[str]:
        raise OSError

    for names in (never, fail):
        roll_call = RollCall(names, 0.0)
        await asyncio.sleep(0.01)
        assert await roll_call.end() == frozenset()
    roll_call = RollCall(never, 60.0)
    assert await roll_call.end() == frozenset()


def test_who_is_meant() -> None:
    names = frozenset(("a", "b", "c"))
    assert name_silent(frozenset(), {"a"}, 1) == ((), "")
    assert name_silent(names, {"a", "b"}, 1) == (("c",), " (c)")
    assert name_silent(names, set(), 3) == (("a", "b", "c"), " (a, b, c)")
    assert name_silent(names, {""}, 2) == ((), " (among a, b, c)")


async def test_other_servers_cannot_start_handlers_without_end(redis: RedisServer) -> None:
    io = Server(adapter=RedisAdapter.from_url(redis.url), limits=Limits(max_server_handlers=2))
    release = asyncio.Event()
    done: list[int] = []

    async def slow(number: int) -> None:
        await release.wait()
        done.append(number)

    io.on_server("slow", slow)
    async with serving(io):
        for number in range(5):
            adapter(io).handle("another", ServerEvent(["slow", number]))
        assert io.cluster.rejected == 3
        release.set()
        await until(lambda: len(done) == 2)
        adapter(io).handle("another", ServerEvent(["slow", 9]))
        await until(lambda: done == [0, 1, 9])
        assert io.cluster.rejected == 3


async def test_metrics_tell_what_the_status_knows() -> None:
    io = Server()
    io.cluster.drop(2)
    io.cluster.measure(0.25)
    io.cluster.rejected += 1
    assert {name: value() for name, (_, value) in io.cluster.metrics().items()} == {
        "socket_io_cluster_connected": 1,
        "socket_io_cluster_dropped_total": 2,
        "socket_io_cluster_rejected_total": 1,
        "socket_io_cluster_lag_seconds": 0.25,
    }
