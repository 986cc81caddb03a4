"""One Redis for the modules of tests that do nothing to it, each of which finds it empty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.socketio_min.cluster.redis_server import RedisServer, running_redis


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Run a Redis for all modules of this process, also on a Unix socket."""
    path = tmp_path_factory.mktemp("redis") / "s"
    with running_redis("--unixsocket", str(path)) as server:
        yield server


@pytest.fixture(scope="module")
def redis(shared_redis: RedisServer) -> RedisServer:
    """Return a Redis that is empty when the module begins."""
    shared_redis.command("FLUSHALL")
    return shared_redis
