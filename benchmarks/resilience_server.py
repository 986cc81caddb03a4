"""The server under the faults of `benchmarks.resilience`, with a route that tells how it fares.

`python -m benchmarks.resilience_server LOOP PING_INTERVAL PING_TIMEOUT PORT`
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import orjson

from engineio_min import HttpServer, Request, Response
from engineio_min.runner import loop_factory, stopped
from socketio_min import Server

# Seconds between two looks at how late the loop is, and between two broadcasts.
LOOK = 0.01
BROADCAST = 0.1
PAYLOAD = "x" * 1_000


class Health:
    """What `/health` tells, since it was last asked."""

    def __init__(self, io: Server) -> None:
        self._io = io
        self._lags: list[float] = []

    async def look(self) -> None:
        """Measure for ever how late the loop is."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LOOK
            await asyncio.sleep(LOOK)
            self._lags.append(loop.time() - due)

    def route(self, _request: Request) -> Response:
        """Return what was counted, and begin anew."""
        lags, self._lags = sorted(self._lags), []
        io = self._io
        told: dict[str, Any] = {
            "lag_p99": lags[len(lags) * 99 // 100] if lags else 0.0,
            "lag_max": lags[-1] if lags else 0.0,
            "sessions": len(io.engine.sessions),
            "sockets": len(io.sockets),
            # Not this task, that which looks, and that which broadcasts.
            "tasks": len(asyncio.all_tasks()) - 3,
        }
        return Response(200, orjson.dumps(told), [("Content-Type", "application/json")])


async def broadcast(io: Server) -> None:
    """Send to the room that those are in who do not read."""
    while True:
        await asyncio.sleep(BROADCAST)
        io.to("flooded").emit("news", PAYLOAD)


async def serve(port: int, ping_interval: float, ping_timeout: float) -> None:
    """Serve until SIGTERM."""
    io = Server(ping_interval=ping_interval, ping_timeout=ping_timeout)
    health = Health(io)
    io.on("echo", lambda _socket, *args: args)
    io.on("flood me", lambda socket: socket.join("flooded"))
    io.on("stall", lambda _socket, seconds: time.sleep(seconds))
    http = HttpServer()
    http.route("/health", health.route)
    tasks = [asyncio.create_task(health.look()), asyncio.create_task(broadcast(io))]
    await io.listen(port=port, http=http)
    await stopped()
    for task in tasks:
        task.cancel()
    await io.close()


if __name__ == "__main__":
    name, interval, timeout, number = sys.argv[1:]
    factory = asyncio.new_event_loop if name == "asyncio" else loop_factory()
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(int(number), float(interval), float(timeout)))
