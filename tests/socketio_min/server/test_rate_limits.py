"""rate_limits.py: which clients have a gate, and that the loop's pulse is taken for them alone."""

from __future__ import annotations

import pytest

from engineio_min.limits.rate_limit import RateLimit
from socketio_min import Limits, Server
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
