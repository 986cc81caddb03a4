"""A server that is stopped by the system for two seconds, and clients that go on meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from websockets.asyncio.client import connect

from tests.listening import program_listening
from tests.waiting import patient

SERVER = """
import asyncio
from socketio_min import Limits, RateLimit, Server

io = Server(limits=Limits(rate=RateLimit(100, 20, tolerance=1)))

@io.on("count")
def count(socket, number):
    return number

async def main():
    await io.listen(port=0)
    print(io.port, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""

# What a client at 80 events a second sends in the time: a second more would be too many.
EVENTS = 160


async def test_events_of_the_time_in_which_the_server_was_stopped(tmp_path: Path) -> None:
    """None of them is refused: two refusals would end the connection."""
    async with program_listening(SERVER, tmp_path / "stderr") as (process, port):
        target = f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket"
        async with connect(target, proxy=None, ping_interval=None) as client:
            await client.send("40")
            while not str(await patient(client.recv())).startswith("40"):
                pass
            os.kill(process.pid, signal.SIGSTOP)
            for number in range(EVENTS):
                await client.send(f'42{number}["count",{number}]')
            await asyncio.sleep(2.3)
            os.kill(process.pid, signal.SIGCONT)
            answers = [await patient(client.recv()) for _ in range(EVENTS)]
        assert answers == [f"43{number}[{number}]" for number in range(EVENTS)]
