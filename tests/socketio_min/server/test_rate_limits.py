"""rate_limits.py over the wire: which clients have a gate, and what is told who sends too much."""

from __future__ import annotations

import re

import pytest

from engineio_min.limits.rate_limit import RateLimit
from socketio_min import Limits, Server
from tests.engineio_min.harness import Clock
from tests.hostile.stage import staged
from tests.socketio_min.serving import serving

RATE = RateLimit(rate=1, burst=2)


@pytest.mark.parametrize(
    ("limits", "beats"),
    [(Limits(), False), (Limits(rate=RATE), True), (Limits(address_rate=RATE), True)],
)
async def test_only_a_rate_limit_takes_the_pulse(limits: Limits, beats: bool) -> None:
    io = Server(limits=limits)
    async with serving(io) as net:
        await net.open()
        gates = io._rate_limits
        assert (gates is not None and gates._pulse.deadline < float("inf")) == beats
        assert io.stood_still == 0.0


async def test_an_address_that_the_application_does_not_name_has_no_gate() -> None:
    io = Server(limits=Limits(address_rate=RATE), address=lambda _request: None)
    async with serving(io) as net:
        client = await net.open()
        await client.join()
        for _ in range(5):
            await client.send("40/nope,")
            await client.expect('44/nope,{"message":"Invalid namespace"}')


async def test_the_first_refusal_tells_and_persistence_closes(clock: Clock) -> None:
    """The bucket of one connection: 6 at once, 2 a second, and 5 refusals are forgiven."""
    limits = Limits(rate=RateLimit(rate=2, burst=6, tolerance=5))
    async with staged(limits=limits, ping_interval=1000) as stage:
        stage.patience = clock
        wire = await stage.joined()
        await wire.send_packet(*[f'42{number}["echo"]' for number in range(8)])
        assert [await wire.packet() for _ in range(5)] == [f"43{number}[]" for number in range(5)]
        # Half a second, less the real time that has passed.
        told = re.fullmatch(
            r'42\["rate_limited",\{"retryAfter":(\d+)\}\]', str(await wire.packet())
        )
        assert told is not None
        assert 0 <= int(told[1]) <= 500
        await clock.advance(0.5)
        await wire.send_packet('428["echo"]', '429["echo"]')
        assert await wire.packet() == "438[]"
        # Full again, so forgiven: told once more.
        await clock.advance(3)
        await wire.send_packet(*['42["echo"]'] * 7)
        # Half a second, less the real time that has passed.
        told = re.fullmatch(
            r'42\["rate_limited",\{"retryAfter":(\d+)\}\]', str(await wire.packet())
        )
        assert told is not None
        assert 0 <= int(told[1]) <= 500
        await wire.send_packet(*['42["echo"]'] * 5)
        assert await wire.close_code() == 1005
        assert stage.records.reasons == ["rate limit"]


async def test_a_flood_of_connects_is_refused(clock: Clock) -> None:
    limits = Limits(rate=RateLimit(rate=1, burst=2))
    async with staged(limits=limits, ping_interval=1000) as stage:
        stage.patience = clock
        wire = await stage.joined()
        await wire.send_packet("40/nope,", "40/nope,")
        assert await wire.packet() == '44/nope,{"message":"Invalid namespace"}'
        assert await wire.packet() == '44/nope,{"message":"Too many requests"}'
        await clock.advance(1)
        await wire.send_packet("40/nope,")
        assert await wire.packet() == '44/nope,{"message":"Invalid namespace"}'


async def test_an_event_of_a_namespace_that_was_just_left_is_not_told_of(clock: Clock) -> None:
    limits = Limits(rate=RateLimit(rate=1, burst=2))
    async with staged(limits=limits, ping_interval=1000) as stage:
        stage.patience = clock
        wire = await stage.joined()
        stage.io.on("bye", lambda socket: socket.disconnect())
        await wire.send_packet('42["bye"]', '42["echo"]')
        assert await wire.packet() == "41"
        await clock.advance(1)
        await wire.send_packet("40")
        assert str(await wire.packet()).startswith("40{")
