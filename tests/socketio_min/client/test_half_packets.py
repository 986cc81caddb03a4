"""half_packets.py in virtual time: the time for a packet's attachments."""

from __future__ import annotations

import asyncio

from socketio_min.client.half_packets import HalfPacketTimer
from tests.hostile.simulation.running import simulate
from tests.hostile.stage import Records
from tests.hostile.virtual_time import VirtualLoop


def test_the_time_runs_once_and_until_it_is_stopped() -> None:
    async def main(loop: VirtualLoop, _records: Records) -> None:
        late: list[str] = []
        timer = HalfPacketTimer(5.0)
        timer.start(lambda error: late.append(str(error)))
        await asyncio.sleep(3)
        timer.start(lambda error: late.append("the second"))
        await asyncio.sleep(1.5)
        assert late == []
        await asyncio.sleep(1)
        assert late == ["a packet's attachments did not come within 5 seconds"]
        timer.stop()
        timer.start(lambda error: late.append("stopped"))
        timer.stop()
        timer.stop()
        await asyncio.sleep(6)
        assert len(late) == 1

    simulate("of a packet's attachments", main)
