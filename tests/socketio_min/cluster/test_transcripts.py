"""An official client cannot tell which kind of member it is on.

It goes through one script on a Node.js member and on one of ours, alone and with the other kind in
one cluster. What it sees must be the same: packets in their order and with their content, answers,
timeouts, reasons, whether it was recovered, and the values of the handshake.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from conformance.targets.cluster_member import AdapterFactory, make_member
from socketio_min.cluster.redis import RedisStreamsAdapter
from tests.socketio_min.cluster.clusters import node_member
from tests.socketio_min.cluster.redis_server import RedisServer
from tests.waiting import PATIENCE

LAST = '["main","disconnect","io client disconnect"]'
CLIENT = Path(__file__).with_name("transcript_client.mjs")


@asynccontextmanager
async def our_member(adapter: AdapterFactory | None) -> AsyncIterator[str]:
    """Run a member of ours; yield its URL."""
    io = make_member(adapter, 60.0)
    await io.listen(port=0)
    try:
        yield f"http://127.0.0.1:{io.port}"
    finally:
        await io.close()


async def transcript(url: str, other: str, transports: str) -> list[str]:
    """Return what a client on `url` sees while another one is on `other`."""
    pipe = asyncio.subprocess.PIPE
    command = ("node", str(CLIENT), url, other, transports)
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    try:
        output, errors = await asyncio.wait_for(process.communicate(), PATIENCE)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode().splitlines()


@pytest.mark.parametrize("transports", ["polling", "websocket"])
async def test_alone(transports: str) -> None:
    with node_member("--recovery", "60") as node:
        async with our_member(None) as ours:
            expected, got = await asyncio.gather(
                *(transcript(url, url, transports) for url in (node, ours))
            )
    assert got == expected
    assert LAST in expected


async def test_in_one_cluster(redis: RedisServer) -> None:
    options = ("--adapter", "streams", "--redis", redis.url, "--recovery", "60")
    with node_member(*options) as node:
        async with our_member(RedisStreamsAdapter.from_url(redis.url)) as ours:
            seen = {
                (url, other): await transcript(url, other, "websocket")
                for url, other in itertools.product((node, ours), repeat=2)
            }
    expected = seen.pop((node, node))
    assert LAST in expected
    for lines in seen.values():
        assert lines == expected
