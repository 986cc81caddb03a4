"""What the SDKs show of a lock whose server loses its lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from ai_coding_assistant import AsyncAICodingAssistantSocket, Refused
from server.application import Application
from tests.programs import output
from tests.sdk.connecting import heard
from tests.server.cluster.servers import Cluster, answered
from tests.socketio_min.chaos import Chaos, ChaosProxy, chaos_proxy
from tests.waiting import PATIENCE, eventually

PROJECT = "project-123"
STORY = Path(__file__).parents[2] / "sdk" / "leases.test.mjs"


def end_lease(cluster: Cluster, node: Application) -> None:
    """End a lease before its time; the node is told so when it renews it."""
    with psycopg.connect(cluster.url, autocommit=True) as connection:
        connection.execute(
            "UPDATE nodes SET ended_at = clock_timestamp() WHERE id = %s",
            (node.database.engine.node,),
        )


def let_die(cluster: Cluster, node: Application, since: str) -> None:
    """Make a node's lease one that has been over since a while ago."""
    with psycopg.connect(cluster.url, autocommit=True) as connection:
        connection.execute(
            "UPDATE nodes SET alive_until = clock_timestamp() - %s::interval WHERE id = %s",
            (since, node.database.engine.node),
        )


@asynccontextmanager
async def proxied(cluster: Cluster) -> AsyncIterator[tuple[ChaosProxy, Application]]:
    """The way to a node that soon learns of the end of its lease; it may lead to another one."""
    node = await cluster.add(renewal=0.05)
    async with chaos_proxy(node.port, Chaos(), seed=1) as proxy:
        yield proxy, node


async def test_the_python_sdk_shows_that_a_lease_was_lost(cluster: Cluster) -> None:
    async with (
        proxied(cluster) as (proxy, node),
        AsyncAICodingAssistantSocket(proxy.url, user_id="ada", reconnection_delay=0.01) as ada,
    ):
        async with ada.lock_file(PROJECT, "lost.txt") as lock:
            end_lease(cluster, node)
            await eventually(lambda: not lock.held)
            with pytest.raises(Refused) as refused:
                await lock.write("late")
            assert refused.value.code == "FILE_LOCKED"
        assert ada.locks == set()


@pytest.mark.parametrize("is_taken", [True, False], ids=["taken", "free"])
async def test_the_python_sdk_comes_back_to_another_node(cluster: Cluster, is_taken: bool) -> None:
    bob = await cluster.client(1, "bob")
    async with (
        chaos_proxy(cluster.nodes[0].port, Chaos(), seed=1) as proxy,
        AsyncAICodingAssistantSocket(proxy.url, user_id="ada", reconnection_delay=0.01) as ada,
    ):
        lock = ada.lock_file(PROJECT, "kept.txt")
        await lock.acquire()
        token = lock.token
        back = heard(ada, "connect")
        proxy.target, proxy.refusing = cluster.nodes[1].port, True
        proxy.cut()
        let_die(cluster, cluster.nodes[0], "2 hours" if is_taken else "1 second")
        if is_taken:
            await answered(bob, "file:lock", {"projectId": PROJECT, "filePath": "kept.txt"})
        proxy.refusing = False
        await back()
        assert lock.held is not is_taken
        if is_taken:
            with pytest.raises(Refused) as refused:
                await lock.write("late")
            assert refused.value.code == "FILE_LOCKED"
        else:
            assert lock.token > token
            await lock.write("still mine", action="created")


async def test_the_javascript_sdk_shows_the_same(cluster: Cluster) -> None:
    async with proxied(cluster) as (proxy, node):
        bob = await cluster.client(2, "bob")
        story = output(
            *("node", "--test-reporter=spec", str(STORY)),
            seconds=PATIENCE,
            environment={"URL": proxy.url},
        )
        running = asyncio.create_task(story)
        await bob.hear("chat:message")
        end_lease(cluster, node)
        await bob.hear("chat:message")
        let_die(cluster, node, "1 second")
        proxy.target = cluster.nodes[0].port
        proxy.cut()
        await running
