"""What is done to a cluster. Each deed returns the moment at which its fault was over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from tests.server.cluster_proof.stage import Stage

Deed = Callable[[Stage, float], Awaitable[float]]
"""Takes the stage, and how long what is away stays away, in seconds."""


async def a_node_is_killed(stage: Stage, seconds: float) -> float:
    """Kill a node at once. Its clients come back on the other one; it begins again later."""
    node = stage.nodes[0]
    killed = time.monotonic()
    await node.kill()
    stage.absent = node
    return killed


async def a_worker_is_killed(stage: Stage, seconds: float) -> float:
    """Kill one worker, which is replaced by its supervisor."""
    node = stage.nodes[1]
    await node.has_replaced(await node.kill_worker())
    return time.monotonic()


async def a_node_is_unreachable(stage: Stage, seconds: float) -> float:
    """Swallow all between a node's machine and the others: nginx, Redis and PostgreSQL."""
    node = stage.nodes[0]
    async with stage.network.swallowing([node.from_nginx, node.to_postgres, node.to_redis]):
        await asyncio.sleep(seconds)
    return time.monotonic()


async def redis_is_killed(stage: Stage, seconds: float) -> float:
    """Kill Redis, and start an empty one later."""
    await asyncio.to_thread(stage.redis.kill)
    await asyncio.sleep(seconds / 4)
    await asyncio.to_thread(stage.redis.start)
    return time.monotonic()


async def redis_is_unreachable(stage: Stage, seconds: float) -> float:
    """Swallow all between the nodes and Redis."""
    async with stage.network.swallowing([node.to_redis for node in stage.nodes]):
        await asyncio.sleep(seconds)
    return time.monotonic()


async def postgres_is_killed(stage: Stage, seconds: float) -> float:
    """Stop PostgreSQL at once, and start it later."""
    await asyncio.to_thread(stage.postgres.stop)
    await asyncio.sleep(seconds / 4)
    await asyncio.to_thread(stage.postgres.start)
    return time.monotonic()


async def postgres_is_unreachable(stage: Stage, seconds: float) -> float:
    """Swallow all between the nodes and PostgreSQL."""
    async with stage.network.swallowing([node.to_postgres for node in stage.nodes]):
        await asyncio.sleep(seconds)
    return time.monotonic()


async def a_worker_is_killed_without_postgres(stage: Stage, seconds: float) -> float:
    """Kill a worker while PostgreSQL is unreachable: its clients come back to one without it."""
    node = stage.nodes[1]
    async with stage.network.swallowing([one.to_postgres for one in stage.nodes]):
        await asyncio.sleep(seconds / 4)
        former = await node.kill_worker()
        await asyncio.sleep(seconds / 4)
    await node.has_replaced(former)
    return time.monotonic()


async def everything_is_restarted(stage: Stage, seconds: float) -> float:
    """Replace the workers of one node after the other, then stop and start each node."""
    for node in stage.nodes:
        await node.replace_workers()
    for node in stage.nodes:
        await node.stop()
        await node.start()
    return time.monotonic()


DEEDS: dict[str, Deed] = {
    deed.__name__: deed
    for deed in (
        a_worker_is_killed,
        a_node_is_killed,
        a_node_is_unreachable,
        redis_is_killed,
        redis_is_unreachable,
        postgres_is_killed,
        postgres_is_unreachable,
        a_worker_is_killed_without_postgres,
        everything_is_restarted,
    )
}
