"""metered_intake.py over the wire: the debt of a connection that sends more than it may."""

from __future__ import annotations

import asyncio
from typing import cast

from engineio_min import RateLimit
from socketio_min import Limits
from socketio_min.server.connection import ServerConnection
from tests.engineio_min.harness import Clock
from tests.engineio_min.wire import encode_request
from tests.hostile.stage import POLLING, staged
from tests.waiting import until

# 4,000 bytes at once; those above are paid back at 10 a second.
SLOW = RateLimit(rate=10, burst=4_000)


async def test_too_many_bytes_pause_reading(clock: Clock) -> None:
    """S22: nothing is dropped; what follows waits in the kernel until the debt is paid."""
    async with staged(limits=Limits(byte_rate=SLOW), ping_interval=10_000) as stage:
        wire = await stage.joined()
        large = "a" * 2_989
        # Of 3,000 bytes each: "2", the number, '["echo","' and '"]'.
        for number in (1, 2):
            await wire.send_packet(f'42{number}["echo","{large}"]')
            assert await wire.packet() == f'43{number}["{large}"]'
        await wire.send_packet('423["echo","late"]')
        for _ in range(20):
            await stage.honest_client_works()
        # In debt for a little more than 2,000 bytes, which are 200 seconds.
        await clock.advance(199)
        for _ in range(20):
            await stage.honest_client_works()
        assert ["echo", "late"] not in stage.events
        await clock.advance(4)
        assert await wire.packet() == '433["late"]'
        assert stage.records.reasons == []


async def test_bytes_are_counted_and_not_characters(clock: Clock) -> None:
    async with staged(limits=Limits(byte_rate=SLOW), ping_interval=10_000) as stage:
        wire = await stage.joined()
        large = "\N{SNOWMAN}" * 1_330
        await wire.send_packet(f'421["echo","{large}"]', '422["echo"]')
        assert await wire.packet() == f'431["{large}"]'
        assert await wire.packet() == "432[]"
        await wire.send_packet('423["echo"]')
        for _ in range(20):
            await stage.honest_client_works()
        assert stage.sockets[-1]._link.connection.paused
        await clock.advance(60)
        assert await wire.packet() == "433[]"


async def test_a_post_of_too_many_bytes_is_answered_late(clock: Clock) -> None:
    async with staged(limits=Limits(byte_rate=SLOW), ping_interval=10_000) as stage:
        target = f"{POLLING}&sid={await stage.polling()}"
        wire = await stage.wire()
        body = b'40\x1e42["echo","' + b"a" * 4_100 + b'"]'
        answer = asyncio.create_task(wire.request("POST", target, None, body))
        await until(lambda: len(stage.events) == 2)
        for _ in range(20):
            await stage.honest_client_works()
        assert not answer.done()
        await clock.advance(16)
        assert (await answer).text == "ok"
        await wire.send(encode_request("POST", target, None, b"1"))
        assert (await wire.response()).text == "ok"


async def test_a_debt_ends_with_its_connection(clock: Clock) -> None:
    """Its deadline too, which the stage counts."""
    async with staged(limits=Limits(byte_rate=SLOW), ping_interval=10_000) as stage:
        wire = await stage.joined()
        await wire.send_packet(f'421["echo","{"a" * 5_000}"]')
        assert str(await wire.packet()).startswith("431")
        stage.sockets[-1].disconnect(close=True)
        assert await wire.packet() == "41"
        await wire.closing()
        # Nothing is read, not the answer to the close frame either.
        await clock.advance(6)


async def test_a_paid_debt_does_not_hurry_the_handlers(clock: Clock) -> None:
    """Reading goes on when both are over: the debt, and too many handlers in flight."""
    limits = Limits(byte_rate=SLOW, rate=RateLimit(100, 100), max_handlers=1)
    async with staged(limits=limits, ping_interval=10_000) as stage:
        gate = asyncio.Event()

        @stage.io.on("wait")
        async def wait(_socket: object, _text: str) -> None:
            await gate.wait()

        wire = await stage.joined()
        await wire.send_packet(f'421["wait","{"a" * 4_100}"]')
        client = cast(ServerConnection, stage.sockets[-1]._link)
        await until(lambda: client.connection.paused)
        await clock.advance(60)
        assert client.connection.paused
        await wire.send_packet(f'422["echo","{"a" * 4_100}"]')
        gate.set()
        assert await wire.packet() == "431[]"
        assert str(await wire.packet()).startswith("432")
        # A handler that ends does not end the debt.
        client.resume()
        assert client.connection.paused
        await wire.send_packet('423["echo"]')
        await clock.advance(500)
        assert await wire.packet() == "433[]"
