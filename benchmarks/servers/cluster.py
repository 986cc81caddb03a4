"""A member of a cluster that publishes when it is told to and says what that cost it.

`python -m benchmarks.servers.cluster ADAPTER REDIS [recovery]` prints `ready PORT`, then answers
each line of its input with a line: `publish COUNT` sends so many events of 100 bytes to the room
`room`, 100 in a turn of the loop, and one to the room `end`; `cpu` tells the seconds of CPU that it
has used. `../js/cluster.mjs` does the same on the official server.
"""

from __future__ import annotations

import asyncio
import sys
import time

from benchmarks.servers.this import register
from engineio_min.runner import run
from socketio_min import Recovery, Server
from socketio_min.cluster.redis import RedisAdapter, RedisStreamsAdapter
from socketio_min.server.options import SocketIOOptionValues

BURST = 100
PAYLOAD = "x" * 100


def make_server(adapter: str, redis: str, *, recovery: bool) -> Server:
    """Return a server with an adapter."""
    # The clients answer no pings.
    options: SocketIOOptionValues = {"ping_interval": 600.0}
    if adapter == "classic":
        options["adapter"] = RedisAdapter.from_url(redis)
    elif adapter == "streams":
        options["adapter"] = RedisStreamsAdapter.from_url(redis)
    if recovery:
        options["connection_state_recovery"] = Recovery()
    return register(Server(**options))


async def publish(io: Server, count: int) -> None:
    for number in range(count):
        io.to("room").emit("fan", PAYLOAD)
        if number % BURST == BURST - 1:
            # As on Node.js: the others, and what is to be written, have their turns.
            await asyncio.sleep(0.001)
    io.to("end").emit("fan", PAYLOAD)


async def serve(adapter: str, redis: str, *, recovery: bool) -> None:
    io = make_server(adapter, redis, recovery=recovery)
    await io.listen(port=0)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(f"ready {io.port}", flush=True)
    while line := (await reader.readline()).split():
        if line[0] == b"publish":
            await publish(io, int(line[1]))
        print(time.process_time(), flush=True)
    await io.close()


if __name__ == "__main__":
    run(serve(sys.argv[1], sys.argv[2], recovery="recovery" in sys.argv[3:]))
