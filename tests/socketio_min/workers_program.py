"""A server for the tests of workers: `python workers_program.py PORT WORKERS [asyncio]`."""

from __future__ import annotations

import os
import sys
from typing import Any

from socketio_min import Server, Socket

if "asyncio" in sys.argv:
    sys.modules["uvloop"] = None  # type: ignore[assignment]

io = Server(ping_interval=2.0)


@io.on("echo")
def echo(_socket: Socket, value: Any) -> Any:
    return value


@io.on("pid")
def pid(_socket: Socket) -> int:
    return os.getpid()


@io.on("join")
def join(socket: Socket, room: str) -> None:
    socket.join(room)


@io.on("say")
def say(socket: Socket, room: str, words: Any) -> None:
    io.to(room).emit("said", words)


@io.on("count")
async def count(_socket: Socket, room: str) -> int:
    return len(await io.to(room).fetch_sockets())


if __name__ == "__main__":
    io.run(port=int(sys.argv[1]), workers=int(sys.argv[2]), drain=30.0)
