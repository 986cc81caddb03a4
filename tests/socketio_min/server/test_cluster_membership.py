"""cluster_membership.py: adapters join the cluster with their server, and leave it once."""

from __future__ import annotations

import asyncio

from socketio_min import MemoryAdapter, Server
from socketio_min.cluster.adapter import LocalNamespace
from socketio_min.server.cluster_membership import ClusterMembership, Member


class CountingAdapter(MemoryAdapter):
    """An adapter that counts how often it joins and leaves; each takes a turn of the loop."""

    def __init__(self, namespace: LocalNamespace) -> None:
        super().__init__(namespace)
        self.steps: list[str] = []

    async def start(self) -> None:
        self.steps.append("start")
        await asyncio.sleep(0)

    async def close(self) -> None:
        self.steps.append("close")
        await asyncio.sleep(0)


def steps(*members: Member) -> list[list[str]]:
    """Return what the adapters of namespaces have done."""
    made: list[list[str]] = []
    for member in members:
        assert isinstance(member.adapter, CountingAdapter)
        made.append(member.adapter.steps)
    return made


async def test_all_adapters_join_once_and_leave_once() -> None:
    io = Server(adapter=CountingAdapter)
    namespaces: list[Member] = [io.of("/a"), io.of("/b")]
    membership = ClusterMembership(lambda: namespaces)
    await membership.leave()
    assert steps(*namespaces) == [[], []]
    await membership.join()
    await membership.join()
    assert steps(*namespaces) == [["start"], ["start"]]
    assert membership.loop is asyncio.get_running_loop()
    await membership.leave()
    await membership.leave()
    assert steps(*namespaces) == [["start", "close"], ["start", "close"]]
    assert membership.loop is None


async def test_namespaces_that_come_and_go_follow_the_others() -> None:
    io = Server(adapter=CountingAdapter)
    present, late = io.of("/a"), io.of("/b")
    membership = ClusterMembership(lambda: [present])
    membership.enter(late)
    membership.exit(late)
    assert steps(late) == [[]]
    membership.join_soon(asyncio.get_running_loop())
    await asyncio.sleep(0)
    membership.enter(late)
    membership.exit(late)
    # The end waits for those that are on their way.
    await membership.leave()
    assert steps(present, late) == [["start", "close"], ["start", "close"]]
