"""Floods: more than a client may have in flight, and more than it may send."""

from __future__ import annotations

import asyncio

from tests.engineio_min.wire import encode_frame, until
from tests.hostile.stage import staged


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
