"""emission.py and emitter.py: the bytes of the official emitter, from a loop and without one."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path

import pytest

from socketio_min import ConnectionFailed, EncodeError, Server, UsageError
from socketio_min.cluster.redis import BlockingEmitter, Emitter, RedisAdapter
from socketio_min.cluster.redis.address import parse_url
from socketio_min.cluster.redis.emission import Emission
from socketio_min.cluster.redis.link import Link
from tests.listening import free_port
from tests.socketio_min.cluster.clusters import MEMBER
from tests.socketio_min.cluster.redis_server import RedisServer, running_redis
from tests.socketio_min.cluster.test_link import CERTIFICATE, Inbox
from tests.socketio_min.serving import serving
from tests.waiting import eventually as until


def send_all(emitter: Emission) -> None:
    """Send what conformance/targets/node/emitter.mjs sends."""
    emitter.emit("hello", 1, {"a": [None]})
    emitter.to("red").except_("blue").volatile.compress(False).emit("x", b"\x00\xff")
    emitter.of("side").to(["a", "b"]).emit("y")
    emitter.in_("red").sockets_join(["a", "b"])
    emitter.except_("red").sockets_leave("a")
    emitter.disconnect_sockets(close=True)
    emitter.server_side_emit("tell", "ä")


async def test_the_bytes_are_the_official_emitter_s(redis: RedisServer) -> None:
    link = Link(parse_url(redis.url))
    inbox = Inbox()
    link.open()
    link.subscribe_prefix(b"socket.io", inbox)
    await link.settle()
    command = ["node", str(MEMBER.with_name("emitter.mjs")), redis.url]
    await asyncio.to_thread(subprocess.run, command, check=True)
    await until(lambda: len(inbox.messages) == 7)
    official, inbox.messages[:] = [*inbox.messages], []

    async with Emitter(redis.url) as emitter:
        assert emitter.cluster.connected
        send_all(emitter)
    await until(lambda: len(inbox.messages) == 7)
    assert inbox.messages == official

    inbox.messages.clear()
    await asyncio.to_thread(send_blocking, redis.url)
    await until(lambda: len(inbox.messages) == 7)
    assert inbox.messages == official
    await link.close()


def send_blocking(url: str) -> None:
    with BlockingEmitter(url) as emitter:
        send_all(emitter)


async def test_a_server_does_what_an_emitter_says(redis: RedisServer) -> None:
    io = Server(adapter=RedisAdapter.from_url(redis.url))
    heard: list[str] = []
    io.on_server("tell", heard.append)
    async with serving(io) as net, Emitter(redis.url) as emitter:
        client, socket = await net.join()
        emitter.sockets_join("red")
        emitter.to("red").emit("x", b"1")
        await client.expect('451-["x",{"_placeholder":true,"num":0}]', b"1")
        emitter.server_side_emit("tell", "hi")
        emitter.to([]).server_side_emit("tell", "whatever the selection")
        emitter.to([]).emit("nobody")
        emitter.to("red").to([]).emit("y")
        await client.expect('42["y"]')
        assert heard == ["hi", "whatever the selection"]
        assert "red" in socket.rooms
        emitter.to("red").disconnect_sockets()
        await client.expect("41")


def test_values_and_names_are_checked(redis: RedisServer) -> None:
    with BlockingEmitter(redis.url) as emitter:
        with pytest.raises(UsageError, match="keeps for itself"):
            emitter.emit("connect")
        with pytest.raises(EncodeError):
            emitter.emit("x", {1})
        with pytest.raises(UsageError, match="as the name of a room"):
            emitter.to([1])  # type: ignore[list-item]


# --- without a loop


def test_users_databases_and_unix_sockets(redis: RedisServer) -> None:
    redis.command("ACL", "SETUSER", "ann", "on", ">secret", "+@all", "allchannels")
    path = redis.command("CONFIG", "GET", "unixsocket")
    assert isinstance(path, list)
    send_blocking(f"redis://ann:secret@127.0.0.1:{redis.port}/2")
    send_blocking(f"unix://{path[1].decode()}")
    with (
        BlockingEmitter(f"redis://ann:wrong@127.0.0.1:{redis.port}") as emitter,
        pytest.raises(ConnectionFailed, match="WRONGPASS"),
    ):
        emitter.emit("x")


def test_tls() -> None:
    port = free_port()
    files = ("--tls-cert-file", CERTIFICATE, "--tls-key-file", CERTIFICATE)
    more = ("--tls-ca-cert-file", CERTIFICATE, "--tls-auth-clients", "no")
    trust = ssl.create_default_context(cafile=CERTIFICATE)
    with (
        running_redis("--tls-port", str(port), *files, *more),
        BlockingEmitter(f"rediss://localhost:{port}", tls=trust) as emitter,
    ):
        emitter.emit("x")


def test_it_connects_again() -> None:
    with running_redis() as server, BlockingEmitter(server.url) as emitter:
        emitter.emit("x")
        server.kill()
        for _ in range(2):
            with pytest.raises(
                ConnectionFailed, match=r"could not be sent to Redis at 127\.0\.0\.1"
            ):
                emitter.emit("x")
        server.start()
        emitter.emit("x")


def test_a_sentinel_is_for_the_other(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a blocking emitter does not ask Sentinels"):
        BlockingEmitter("redis+sentinel://a/main")
