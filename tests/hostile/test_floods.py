"""Floods: more than a client may have in flight, and more than it may send."""

from __future__ import annotations

import asyncio
import math
import os
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engineio_min import RateLimit, Request, RequestRefused, Server, UsageError
from engineio_min.limits.rate_limit import TokenBucket
from socketio_min import Limits
from socketio_min.server.gate import AddressBuckets
from tests.engineio_min.harness import Clock
from tests.engineio_min.wire import HANDSHAKE, connect, encode_request
from tests.frames import encode_frame, packet_frame
from tests.hostile.stage import POLLING, WEBSOCKET, Stage, staged
from tests.waiting import until


async def test_a_flood_of_handlers_pauses_reading() -> None:
    """On by default: 128 handlers of one connection at once; the others are not held up."""
    async with staged() as stage:
        gate = asyncio.Event()
        running = 0

        @stage.io.on("wait")
        async def wait(_socket: object) -> None:
            nonlocal running
            running += 1
            await gate.wait()

        wire = await stage.joined()
        for _ in range(20):
            wire.writer.write(encode_frame(1, b'42["wait"]') * 1_000)
        wire.writer.write(encode_frame(1, b'421["echo"]'))
        await until(lambda: running == 128)
        for _ in range(20):
            await stage.honest_client_works()
        assert running == 128
        gate.set()
        await wire.writer.drain()
        assert await wire.packet() == "431[]"
        assert running == 20_000


async def test_an_address_has_one_bucket_for_all_its_connections(clock: Clock) -> None:
    """And keeps it while nobody is there: to come back gains nothing."""

    def address(request: Request) -> str:
        return request.headers.get("x-forwarded-for", "honest")

    limits = Limits(address_rate=RateLimit(rate=1, burst=4))
    async with staged(limits=limits, address=address, ping_interval=1000) as stage:
        stage.patience = clock
        await clock.advance(60)
        for number in range(2):
            wire = await stage.websocket(**{"X-Forwarded-For": "attacker"})
            assert str(await wire.packet()).startswith("0{")
            await wire.send_packet("40", '421["echo"]')
            assert str(await wire.packet()).startswith("40{")
            assert await wire.packet() == "431[]"
            await wire.send_packet("1")
            assert await wire.close_code() == 1005, number
        wire = await stage.websocket(**{"X-Forwarded-For": "attacker"})
        assert str(await wire.packet()).startswith("0{")
        await wire.send_packet("40")
        assert await wire.packet() == '44{"message":"Too many requests"}'


async def test_whoever_has_no_address_has_no_limit_of_one() -> None:
    """Such as the connections of a proxy."""
    limits = Limits(address_rate=RateLimit(rate=1, burst=1))
    options: dict[str, Any] = {"address": lambda _request: None, "max_connections_per_address": 1}
    async with staged(limits=limits, **options) as stage:
        for _ in range(2):
            wire = await stage.joined()
            for number in range(5):
                await wire.send_packet(f'42{number}["echo"]')
                assert await wire.packet() == f"43{number}[]"


def test_addresses_that_are_full_again_are_forgotten() -> None:
    buckets = AddressBuckets(RateLimit(rate=1, burst=2))
    busy = buckets.of("busy", 0.0)
    for _ in range(100):
        busy.take(99.0)
    for number in range(999):
        buckets.of(f"idle {number}", 0.0).take(0.0)
    assert len(buckets) == 1_000
    buckets.of("new", 100.0)
    assert len(buckets) == 2
    assert buckets.of("busy", 100.0) is busy


def test_an_address_with_a_client_has_one_bucket() -> None:
    """Whoever waits until many others have come gets no second limit by it."""
    buckets = AddressBuckets(RateLimit(rate=1, burst=2))
    patient = buckets.of("patient", 0.0)
    for number in range(999):
        buckets.of(f"idle {number}", 0.0)
    buckets.of("new", 100.0)
    assert len(buckets) == 2
    assert buckets.of("patient", 100.0) is patient


@given(
    steps=st.lists(st.floats(0, 5), min_size=1, max_size=200),
    rate=st.floats(0.1, 10),
    burst=st.integers(1, 20),
)
def test_no_more_than_the_limit_ever_passes(steps: list[float], rate: float, burst: int) -> None:
    """In every stretch of time at most `burst + rate * seconds` pass, and at rest one does."""
    bucket = TokenBucket(RateLimit(rate=rate, burst=burst), 0.0)
    now = 0.0
    passed: list[float] = []
    for step in steps:
        now += step
        if bucket.take(now):
            passed.append(now)
        else:
            assert bucket.wait > 0
    for first, start in enumerate(passed):
        for last in range(first, len(passed)):
            assert last - first + 1 <= burst + rate * (passed[last] - start) + 1e-6
    assert bucket.take(now + 1 / rate + 1e-6)


@pytest.mark.parametrize(
    "bad", [{"rate": 0}, {"burst": -1}, {"tolerance": True}, {"rate": "x"}, {"rate": math.nan}]
)
def test_a_limit_that_is_none(bad: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="expected a number above 0"):
        RateLimit(**{"rate": 1, "burst": 1, **bad})


# --- bytes


@given(
    steps=st.lists(st.tuples(st.floats(0, 5), st.floats(1, 50)), min_size=1, max_size=100),
    rate=st.floats(0.1, 10),
    burst=st.integers(1, 20),
)
def test_no_more_bytes_than_the_limit_and_one_message(
    steps: list[tuple[float, float]], rate: float, burst: int
) -> None:
    """Who waits as told sends at most `burst + rate * seconds`, and his last message."""
    bucket = TokenBucket(RateLimit(rate=rate, burst=burst), 0.0)
    now = wait = 0.0
    spent: list[tuple[float, float]] = []
    for step, amount in steps:
        now += max(step, wait)
        wait = bucket.spend(amount, now)
        spent.append((now, amount))
    for first, (start, _) in enumerate(spent):
        total = 0.0
        for end, amount in spent[first:]:
            assert total <= burst + rate * (end - start) + 1e-6
            total += amount


# --- connections


async def test_sessions_of_one_address() -> None:
    def address(request: Request) -> str:
        return request.headers.get("x-forwarded-for", request.client)

    async with staged(max_connections_per_address=2, address=address) as stage:
        first = await stage.opened()
        await refused(stage, POLLING, {})
        await refused(stage, WEBSOCKET, HANDSHAKE)
        other = await stage.websocket(**{"X-Forwarded-For": "10.0.0.1"})
        assert str(await other.packet()).startswith("0{")
        # A handshake that fails later gives its place back.
        async with connect(stage.port) as wire:
            bad = {**HANDSHAKE, "Sec-WebSocket-Key": "YQ==", "X-Forwarded-For": "10.0.0.1"}
            assert (await wire.request("GET", WEBSOCKET, bad)).status == 400
        again = await stage.websocket(**{"X-Forwarded-For": "10.0.0.1"})
        assert str(await again.packet()).startswith("0{")
        first.abort()
        await until(lambda: len(stage.io.engine.sessions) == 3)
        await stage.opened()
    assert len(stage.io.engine.quotas) == 0


def test_an_ipv6_host_does_not_escape_by_changing_its_address() -> None:
    """It has 2**64 of them. IPv4, also on a socket for both versions, and names stay apart."""
    server = Server(max_connections_per_address=1)
    for first, second, escapes in (
        ("2001:db8::1", "2001:db8::ffff:0:0:2", False),
        ("2001:db8:1::1", "2001:db8:2::1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", True),
        ("192.0.2.3", "192.0.2.4", True),
        ("testclient:1", "testclient:2", True),
    ):
        server.quotas.take(Request("GET", POLLING, {}, first))
        if escapes:
            server.quotas.take(Request("GET", POLLING, {}, second))
        else:
            with pytest.raises(RequestRefused, match=r"'2001:db8::/64' has 1 sessions"):
                server.quotas.take(Request("GET", POLLING, {}, second))


async def refused(stage: Stage, target: str, headers: dict[str, str]) -> None:
    async with connect(stage.port) as wire:
        answer = await wire.request("GET", target, headers)
    assert answer.status == 429
    assert answer.text == '{"code":4,"message":"Too many connections"}'


async def test_sessions_of_one_user() -> None:
    def user(request: Request) -> str | None:
        return request.headers.get("x-user")

    async with staged(
        user=user, max_connections_per_user=1, max_connections_per_address=3
    ) as stage:
        alice = await stage.websocket(**{"X-User": "alice"})
        assert str(await alice.packet()).startswith("0{")
        await refused(stage, POLLING, {"X-User": "alice"})
        # Nobody in particular is not counted.
        await stage.opened()
        # By default an address is the peer's.
        await refused(stage, POLLING, {})


async def test_a_hook_that_fails_refuses() -> None:
    broken = False

    def address(request: Request) -> str:
        if broken:
            raise ValueError("no")
        return request.client

    async with staged(max_connections_per_address=9, address=address) as stage:
        stage.failures = 1
        broken = True
        async with connect(stage.port) as wire:
            assert (await wire.request("GET", POLLING)).json["code"] == 3
        broken = False


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("max_connections_per_address", 0, "expected at least 1, or None"),
        ("max_connections_per_user", 1, "got no `user`"),
        ("max_held", 0, "expected a number above 0"),
        ("max_held_per_address", -1, "expected a number above 0"),
        ("max_held_per_user", 0, "expected a number above 0"),
        ("max_held_per_connection", True, "expected a number above 0"),
    ],
)
def test_options_that_cannot_be(name: str, value: int, complaint: str) -> None:
    options: Any = {name: value}
    with pytest.raises(UsageError, match=complaint):
        Server(**options)


# --- what all connections together hold


async def test_half_messages_of_all_connections_together() -> None:
    """Each is within its own limit; above the common one the largest goes."""
    async with staged(max_held=1_000_000) as stage:
        account = stage.io.engine.account
        holders = [await stage.opened() for _ in range(3)]
        pieces = [
            encode_frame(2, b"a" * 500_000, fin=False),
            encode_frame(2, b"a" * 400_000 + b"b", fin=True)[:400_000],
            encode_frame(1, b"4" * 400_000, fin=False),
        ]
        for number, (wire, piece) in enumerate(zip(holders, pieces, strict=True)):
            await wire.send(piece)
            if number < 2:
                expected = 390_000 * (number + 1)
                while account.held < expected:
                    await stage.honest_client_works()
        assert await holders[0].close_code() == 1013
        await stage.honest_client_works()
        # The others still hold what they hold, and may finish it.
        await holders[2].send(encode_frame(0, b""))
        assert await holders[2].close_code() == 1005
        holders[1].abort()
        await until(lambda: account.held == 0)


@pytest.mark.parametrize("coding", ["Content-Length: 600000", "Transfer-Encoding: chunked"])
async def test_half_bodies_of_all_connections_together(coding: str) -> None:
    async with staged(max_held=1_000_000) as stage:
        account = stage.io.engine.account
        name, _, value = coding.partition(": ")
        data = b"x" * 500_000
        if value == "chunked":
            data = b"7a121\r\n" + data
        wires = []
        for number in range(3):
            sid = await stage.polling()
            wire = await stage.wire()
            wires.append(wire)
            await wire.send(encode_request("POST", f"{POLLING}&sid={sid}", {name: value}) + data)
            if number == 0:
                await until(lambda: account.held >= 490_000)
        answer = await wires[0].response()
        assert answer.status == 413
        assert await wires[0].ended() == b""
        for wire in wires[1:]:
            wire.abort()
        await until(lambda: account.held == 0)


async def test_half_packets_of_all_connections_together() -> None:
    header = '455-1["echo",{"_placeholder":true,"num":0}]'
    size = len(header) - 1
    async with staged(max_held=500_000 + 2 * size) as stage:
        account = stage.io.engine.account
        first, second = await stage.joined(), await stage.joined()
        await first.send_packet(header, *[b"a" * 100_000] * 4)
        await until(lambda: account.held == 400_000 + size)
        await second.send_packet(header, b"a" * 100_000)
        await until(lambda: account.held == 500_000 + 2 * size)
        await second.send_packet(b"a")
        assert await first.close_code() == 1013
        assert account.held == 100_001 + size
        await second.send_packet(*[b"b"] * 3)
        assert await second.packet() == '461-1[{"_placeholder":true,"num":0}]'
        assert await second.packet() == b"a" * 100_000
        assert account.held == 0
        await second.send_packet(header, b"a" * 1_000)
        await until(lambda: account.held == 1_000 + size)
        second.abort()
        await until(lambda: account.held == 0)


async def test_small_messages_in_two_reads_are_free() -> None:
    """Whoever holds all there is gains nothing by it: 64 KB are everybody's."""
    async with staged(max_held=1_000_000) as stage:
        account = stage.io.engine.account
        holder, small = await stage.opened(), await stage.joined()
        await holder.send(encode_frame(2, b"a" * 999_999, fin=False))
        await until(lambda: account.held >= 999_000)
        message = encode_frame(1, b'421["echo","' + b"x" * 60_000 + b'"]')
        await small.send(message[:50_000])
        await until(lambda: account.held >= 1_040_000)
        await small.send(message[50_000:])
        assert str(await small.packet()).startswith('431["xxx')
        assert account.held >= 999_000
        holder.abort()
        await until(lambda: account.held == 0)


async def test_the_text_of_a_half_packet_counts() -> None:
    """It is a megabyte like any other while its attachments are waited for."""
    async with staged(max_held=1_500_000) as stage:
        account = stage.io.engine.account
        header = '451-1["echo","' + "x" * 900_000 + '",{"_placeholder":true,"num":0}]'
        first, second = await stage.joined(), await stage.joined()
        await first.send_packet(header)
        # Its JSON, with the list, the object and the three commas; while it is taken, no more.
        json_size = len(header) - len("451-1")
        await until(lambda: account.held == json_size + 64 + 240 + 3 * 56)
        await second.send_packet(header)
        assert await first.close_code() == 1013
        await stage.honest_client_works()
        await second.send_packet(b"a")
        assert str(await second.packet()).startswith('461-1["xxx')
        assert await second.packet() == b"a"
        assert account.held == 0


# --- time that was not the client's


async def test_a_pong_behind_what_is_not_read_is_not_missed(clock: Clock) -> None:
    """While reading pauses, silence proves nothing; afterwards the heartbeat goes on as before."""
    async with staged(limits=Limits(max_handlers=1)) as stage:
        gate = asyncio.Event()
        running = []

        @stage.io.on("wait")
        async def wait(_socket: object) -> None:
            running.append(1)
            await gate.wait()

        wire = await stage.joined()
        await wire.send_packet('42["wait"]')
        await until(lambda: running)
        await clock.advance(25)
        await stage.honest_client_works()
        assert await wire.packet() == "2"
        await wire.send_packet("3")
        for _ in range(4):
            await clock.advance(20)
            await stage.honest_client_works()
        assert stage.records.reasons == []
        gate.set()
        await wire.send_packet('421["echo"]')
        assert await wire.packet() == "431[]"
        # Listened to again, it must answer as everybody.
        await clock.advance(25)
        await stage.honest_client_works()
        assert await wire.packet() == "2"
        await clock.advance(20)
        assert await wire.close_code() == 1005
        assert stage.records.reasons == ["ping timeout"]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("late", [0.05, 5])
async def test_a_loop_that_is_late_reads_before_it_judges(
    transport: str, late: float, clock: Clock
) -> None:
    """The pong came in time, the loop did not."""
    async with staged(connect_timeout=1000) as stage:
        sid = await stage.polling() if transport == "polling" else ""
        opened = None if sid else await stage.opened()
        target = f"{POLLING}&sid={sid}"
        await clock.advance(25)
        await stage.honest_client_works()
        # Written while nothing of the server runs, then the clock jumps.
        if opened is None:
            async with connect(stage.port) as wire:
                assert (await wire.request("GET", target)).text == "2"
            sock = socket.create_connection(("127.0.0.1", stage.port))
            sock.sendall(encode_request("POST", target, None, b"3"))
        else:
            assert await opened.packet() == "2"
            sock = socket.socket(fileno=os.dup(opened.writer.get_extra_info("socket").fileno()))
            sock.sendall(packet_frame("3"))
        session = list(stage.io.engine.sessions.values())[-1].session
        await clock.advance(session.deadline - clock.time() + late)
        await stage.honest_client_works()
        assert stage.records.reasons == []
        assert any("stood still" in r.getMessage() for r in stage.records.records)
        sock.close()
        if opened is None:
            async with connect(stage.port) as wire:
                assert (await wire.request("POST", target, None, b"1")).text == "ok"
