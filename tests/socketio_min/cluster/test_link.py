"""link.py and connection.py: a real Redis, and the ways in which it goes away."""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from socketio_min.cluster.redis import link as link_module
from socketio_min.cluster.redis.address import parse_url
from socketio_min.cluster.redis.connection import (
    PATIENCE,
    PING_INTERVAL,
    Connection,
    Subscribing,
)
from socketio_min.cluster.redis.link import RETRY_MAX, Link, escape_glob
from socketio_min.cluster.redis.opening import RedisRefused
from socketio_min.cluster.redis.resp import encode_command
from tests.engineio_min.harness import Clock
from tests.listening import free_port
from tests.socketio_min.cluster.proxy import Proxy, proxied
from tests.socketio_min.cluster.redis_server import RedisServer, running_redis
from tests.waiting import eventually as until
from tests.waiting import patient
from tests.waiting import until as turned_until

CERTIFICATE = str(Path(__file__).parent.parent.parent / "engineio_min/localhost.pem")


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    path = tmp_path_factory.mktemp("redis") / "s"
    with running_redis("--unixsocket", str(path)) as server:
        yield server


class Inbox:
    """Takes the messages of a channel."""

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, bytes]] = []

    def __call__(self, channel: bytes, message: bytes) -> None:
        self.messages.append((channel, message))

    @property
    def texts(self) -> list[bytes]:
        return [message for _, message in self.messages]


@asynccontextmanager
async def linked(url: str, **options: Any) -> AsyncIterator[Link]:
    link = Link(parse_url(url), **options)
    link.open()
    try:
        yield link
    finally:
        await link.close()


async def test_messages_come_in_order_also_one_s_own(redis: RedisServer) -> None:
    async with linked(redis.url) as a, linked(redis.url) as b:
        inbox, own = Inbox(), Inbox()
        a.subscribe(b"c", own)
        b.subscribe(b"c", inbox)
        await a.settle()
        await b.settle()
        for number in range(500):
            a.publish(b"c", b"%d" % number)
        await until(lambda: len(inbox.messages) == len(own.messages) == 500)
        assert inbox.texts == own.texts == [b"%d" % number for number in range(500)]
        assert await a.subscribers(b"c") == 2


async def test_a_turn_of_the_loop_is_one_write(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with linked(redis.url) as link:
        await link.settle()
        connection = link._connection
        assert connection is not None
        assert connection._transport is not None
        written: list[bytes] = []
        monkeypatch.setattr(connection, "_transport", Recorder(connection._transport, written))
        for _ in range(100):
            link.publish(b"c", b"x")
        await asyncio.sleep(0)
        assert [data.count(b"PUBLISH") for data in written] == [100]


class Recorder:
    """A transport that notes what it writes."""

    def __init__(self, transport: asyncio.Transport, written: list[bytes]) -> None:
        self.close = transport.close
        self.abort = transport.abort
        self._transport = transport
        self._written = written

    def write(self, data: bytes) -> None:
        self._written.append(data)
        self._transport.write(data)


async def test_prefixes_are_literal(redis: RedisServer) -> None:
    async with linked(redis.url) as link:
        inbox = Inbox()
        prefix = rb"a*?[b]\#"
        link.subscribe_prefix(prefix, inbox)
        link.publish(prefix, b"1")
        link.publish(prefix + b"x#", b"2")
        link.publish(rb"axxb\#", b"3")
        await link.settle()
        link.publish(prefix + b"x#", b"4")
        await until(lambda: b"4" in inbox.texts)
        assert b"3" not in inbox.texts
        link.unsubscribe_prefix(prefix, inbox)
        await link.settle()
        link.publish(prefix, b"5")
        await link.settle()
        assert inbox.messages[-1] == (prefix + b"x#", b"4")
    assert escape_glob(b"*") == rb"\*"


async def test_two_may_have_the_same_channel(redis: RedisServer) -> None:
    async with linked(redis.url) as link:
        one, two = Inbox(), Inbox()
        await link.settle()
        link.subscribe(b"c", one)
        link.subscribe(b"c", two)
        link.unsubscribe(b"c", one)
        link.publish(b"c", b"1")
        await until(lambda: two.messages)
        link.unsubscribe(b"c", two)
        link.unsubscribe(b"c", two)
        await link.settle()
        assert one.messages == []
        assert await link.subscribers(b"c") == 0


async def test_a_receiver_that_fails_stops_nobody(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with linked(redis.url) as link:
        inbox = Inbox()

        def broken(channel: bytes, message: bytes) -> None:
            raise RuntimeError("no")

        link.subscribe(b"c", broken)
        link.subscribe(b"c", inbox)
        await link.settle()
        link.publish(b"c", b"1")
        await until(lambda: inbox.messages)
    assert "a message of another server could not be handled" in caplog.text


async def test_the_last_close_ends_it_and_it_opens_again(redis: RedisServer) -> None:
    link = Link(parse_url(redis.url))
    changes: list[bool] = []
    link.status.on_change(changes.append)
    link.open()
    link.open()
    await link.settle()
    await link.close()
    closing = asyncio.ensure_future(link.close())
    await asyncio.sleep(0)
    link.open()
    await closing
    assert changes == [True]
    await link.close()
    assert changes == [True, False]
    link.open()
    await link.settle()
    await link.close()
    assert changes == [True, False, True, False]


async def test_what_waits_is_sent_before_the_end(redis: RedisServer) -> None:
    async with linked(redis.url) as other:
        inbox = Inbox()
        other.subscribe(b"c", inbox)
        await other.settle()
        link = Link(parse_url(redis.url))
        link.open()
        link.publish(b"c", b"before it was there")
        await link.settle()
        link.publish(b"c", b"last")
        await link.close()
        await until(lambda: len(inbox.messages) == 2)
    assert inbox.texts == [b"before it was there", b"last"]


# --- where Redis is


async def test_unix_sockets_and_databases(redis: RedisServer) -> None:
    path = str(redis.command("CONFIG", "GET", "unixsocket")[1].decode())  # type: ignore[index]
    async with linked(f"unix://{path}?db=3") as link:
        await link.settle()
        assert "db=3" in (await link.call("CLIENT", "INFO")).decode()


async def test_passwords(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    redis.command("ACL", "SETUSER", "ann", "on", ">secret", "+@all", "allchannels")
    async with linked(f"redis://ann:secret@127.0.0.1:{redis.port}") as link:
        await link.settle()
        assert (await link.call("ACL", "WHOAMI")) == b"ann"
    async with (
        proxied(redis.port) as proxy,
        linked(f"redis://ann:wrong@127.0.0.1:{proxy.port}") as link,
    ):
        await until(lambda: proxy.accepted > 2)
        assert not link.status.connected
    assert "WRONGPASS" in caplog.text
    assert caplog.text.count("cannot connect") == 1


async def test_a_user_without_the_right_is_told(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    redis.command("ACL", "SETUSER", "bob", "on", ">x", "+@all", "resetchannels")
    async with linked(f"redis://bob:x@127.0.0.1:{redis.port}") as link:
        link.subscribe(b"c", Inbox())
        link.subscribe(b"d", Inbox())
        await link.settle()
        assert "Redis refused SUBSCRIBE b'c', and perhaps others: NOPERM" in caplog.text
        assert "b'd'" not in caplog.text
        with pytest.raises(RedisRefused, match="ERR unknown command"):
            await link.call("NONSENSE")


async def test_a_sentinel_is_asked(redis: RedisServer, tmp_path: Path) -> None:
    config = tmp_path / "sentinel.conf"
    config.write_text(f"sentinel monitor main 127.0.0.1 {redis.port} 1\n")
    with running_redis(config=str(config)) as sentinel:
        hosts = f"127.0.0.1:1,127.0.0.1:{sentinel.port}"
        async with linked(f"redis+sentinel://{hosts}/main") as link:
            await link.settle()
            assert f"laddr=127.0.0.1:{redis.port}" in (await link.call("CLIENT", "INFO")).decode()
        link = Link(parse_url(f"redis+sentinel://{hosts}/other"))
        with pytest.raises(RedisRefused, match="knows no server named 'other'"):
            await link._connect()


async def test_tls() -> None:
    port = free_port()
    files = ("--tls-cert-file", CERTIFICATE, "--tls-key-file", CERTIFICATE)
    more = ("--tls-ca-cert-file", CERTIFICATE, "--tls-auth-clients", "no")
    trust = ssl.create_default_context(cafile=CERTIFICATE)
    with running_redis("--tls-port", str(port), *files, *more):
        link = Link(parse_url(f"rediss://localhost:{port}", trust))
        link.open()
        await link.settle()
        assert link.status.connected
        await link.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            await Link(parse_url(f"rediss://localhost:{port}"))._connect()


# --- Redis goes away


FAST: dict[str, float] = {"ping_interval": 0.05, "patience": 0.05}


async def test_redis_that_dies_is_found_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with running_redis() as server:
        async with linked(server.url) as link:
            changes: list[bool] = []
            link.status.on_change(changes.append)
            inbox = Inbox()
            link.subscribe(b"c", inbox)
            await link.settle()
            server.kill()
            await until(lambda: not link.status.connected)
            link.publish(b"c", b"waits")
            server.start()
            await until(lambda: inbox.messages)
            link.publish(b"c", b"again")
            await until(lambda: len(inbox.messages) == 2)
            assert inbox.texts == [b"waits", b"again"]
            assert changes == [True, False, True]
            assert link.status.dropped == 0
    assert caplog.text.count(f"lost the connection to Redis at 127.0.0.1:{server.port}") == 1


async def test_a_server_without_redis_starts(caplog: pytest.LogCaptureFixture) -> None:
    link_module_timeout = link_module.CONNECT_TIMEOUT
    link_module.CONNECT_TIMEOUT = 0.05
    try:
        async with linked("redis://127.0.0.1:1") as link:
            await link.settle()
            assert not link.status.connected
    finally:
        link_module.CONNECT_TIMEOUT = link_module_timeout
    assert "does not answer: only clients of this server are reached" in caplog.text


async def test_a_black_hole_is_noticed_and_left(redis: RedisServer, clock: Clock) -> None:
    async with proxied(redis.port) as proxy, linked(proxy.url) as link:
        inbox = Inbox()
        link.subscribe(b"c", inbox)
        await link.settle()
        # Life signs keep it up. Each ping is answered before the next jump of the clock.
        for seconds in (PING_INTERVAL, PATIENCE) * 3:
            await clock.advance(seconds)
            assert await link.subscribers(b"c") == 1
        assert proxy.accepted == 1
        assert 0 < link.status.lag < PATIENCE
        proxy.swallowing = True
        asked = asyncio.ensure_future(link.subscribers(b"c"))
        await clock.advance(PING_INTERVAL)
        await clock.advance(PATIENCE)
        await turned_until(lambda: not link.status.connected)
        proxy.swallowing = False
        await clock.advance(RETRY_MAX)
        await turned_until(lambda: link.status.connected)
        assert await patient(asked) >= 1
        link.publish(b"c", b"1")
        await turned_until(lambda: inbox.messages)


async def test_a_stopped_redis_is_noticed() -> None:
    with running_redis() as server:
        async with linked(server.url, **FAST) as link:
            await link.settle()
            server.signal(signal.SIGSTOP)
            await until(lambda: not link.status.connected)
            server.signal(signal.SIGCONT)
            await until(lambda: link.status.connected)


async def test_what_has_no_place_is_dropped_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    size = len(encode_command(b"PUBLISH", b"c", b"0"))
    with running_redis() as server:
        async with linked(server.url, max_waiting=3 * size) as link:
            inbox = Inbox()
            link.subscribe(b"c", inbox)
            await link.settle()
            server.kill()
            await until(lambda: not link.status.connected)
            for number in range(5):
                link.publish(b"c", b"%d" % number)
            assert link.status.dropped == 2
            server.start()
            await until(lambda: len(inbox.messages) == 3)
            link.publish(b"c", b"5")
            await until(lambda: len(inbox.messages) == 4)
            assert inbox.texts == [b"0", b"1", b"2", b"5"]
    assert caplog.text.count("messages to other servers are dropped") == 1
    assert "is back; 2 messages to other servers were lost meanwhile" in caplog.text


async def test_a_slow_redis_does_not_pile_up(redis: RedisServer) -> None:
    """What it does not take waits in the bounded buffer, in order, and is not written."""
    async with proxied(redis.port) as proxy, linked(proxy.url, max_waiting=2_000_000) as link:
        inbox = Inbox()
        link.subscribe(b"c", inbox)
        await link.settle()
        proxy.delay = 0.05
        for number in range(100):
            link.publish(b"c", b"%d " % number + b"x" * 100_000)
            await asyncio.sleep(0)
        assert link.status.dropped > 0
        assert link._waiting_size <= 2_000_000
        proxy.delay = 0.0
        link.publish(b"c", b"dropped as well, or last")
        await until(lambda: not link._waiting)
        link.publish(b"c", b"last")
        await until(lambda: b"last" in inbox.texts)
        numbers = [int(text.split()[0]) for text in inbox.texts if b"xx" in text]
        assert numbers == sorted(set(numbers))


async def test_a_close_does_not_wait_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    with running_redis() as server:
        async with proxied(server.port) as proxy:
            link = Link(parse_url(proxy.url), patience=0.05)
            link.open()
            await link.settle()
            proxy.swallowing = True
            await link.close()
    assert "Redis did not take what was left when the server closed" in caplog.text


# --- one connection


class Ends:
    """What a connection tells."""

    def __init__(self) -> None:
        self.pushes: list[Any] = []
        self.reasons: list[str] = []

    def ignore(self, _: object) -> None:
        pass


async def converse(answer: bytes, *, more: bool = False) -> tuple[Ends, list[Any]]:
    """Connect to a server that says `answer` to the first command, and wait for the end."""
    ends = Ends()
    replies: list[Any] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: Connection(
            ends.pushes.append, ends.reasons.append, ends.ignore, ends.ignore, ends.ignore
        ),
        "127.0.0.1",
        port,
    )
    connection.send(encode_command("PING"), replies.append)
    if more:
        connection.send(encode_command("PING"))
        connection.send(encode_command("SUBSCRIBE", "c"), Subscribing(b"c", replies.append))
    await until(lambda: ends.reasons)
    # Nothing happens to what is over.
    connection.send(encode_command("PING"))
    connection.close()
    connection.abort("again")
    await asyncio.sleep(0)
    server.close()
    return ends, replies


async def test_what_is_not_redis_s_protocol_ends_the_connection() -> None:
    ends, replies = await converse(b"HTTP/1.1 400 Bad Request\r\n\r\n", more=True)
    assert "what came is not Redis' protocol" in ends.reasons[0]
    assert isinstance(replies[0], ConnectionResetError)


async def test_a_reply_to_nothing_ends_the_connection() -> None:
    ends, replies = await converse(b"+PONG\r\n+PONG\r\n")
    assert "a reply to nothing" in ends.reasons[0]
    assert replies == [b"PONG"]


async def test_pushes_come_between_replies() -> None:
    moved = b">3\r\n$12\r\nsunsubscribe\r\n$1\r\nc\r\n:0\r\n"
    ends, replies = await converse(moved + b"+PONG\r\n" + moved)
    assert ends.pushes == [[b"sunsubscribe", b"c", 0]] * 2
    assert replies == [b"PONG"]
    assert ends.reasons == ["Redis closed the connection"]


async def test_a_login_that_is_cut_off_is_tried_again(redis: RedisServer) -> None:
    async with proxied(redis.port) as proxy:
        proxy.swallowing = True
        link = Link(parse_url(proxy.url))
        connecting = asyncio.ensure_future(link._connect())
        await until(lambda: proxy.accepted)
        await until(lambda: link._connection is not None)
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        assert link._connection is None


async def test_a_cut_is_survived(redis: RedisServer) -> None:
    async with proxied(redis.port) as proxy, linked(proxy.url) as link:
        await survive(proxy, link)


async def survive(proxy: Proxy, link: Link) -> None:
    await link.settle()
    for _ in range(3):
        proxy.cut()
        await until(lambda: not link.status.connected)
        await until(lambda: link.status.connected)
        assert await link.call("PING") == b"PONG"
