"""This project's server with all its defaults: `python -m benchmarks.servers.this LOOP PORT`."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, Unpack

from engineio_min.runner import run, stopped
from socketio_min import Server, Socket
from socketio_min.server.options import SocketIOOptionValues


def make_server(**options: Unpack[SocketIOOptionValues]) -> Server:
    """Return the server whose handlers the generator expects; every peer has the same ones."""
    return register(Server(**options))


def register(io: Server) -> Server:
    """Register those handlers, and return the server."""

    @io.on("message")
    def message(socket: Socket, *args: Any) -> None:
        socket.emit("message-back", *args)

    @io.on("amessage")
    async def amessage(socket: Socket, *args: Any) -> None:
        socket.emit("message-back", *args)

    @io.on("message-with-ack")
    def message_with_ack(_socket: Socket, *args: Any) -> tuple[Any, ...]:
        return args

    @io.on("join")
    def join(socket: Socket, room: str) -> None:
        socket.join(room)

    @io.on("fan")
    def fan(_socket: Socket, room: str, payload: Any) -> None:
        io.to(room).emit("fan", payload)

    return io


async def serve(port: int, io: Server | None = None) -> None:
    """Serve until a signal comes, with the server of all benchmarks or another one."""
    io = io or make_server()
    await io.listen("127.0.0.1", port)
    await stopped()
    await io.close()


def main(loop: str, port: str) -> None:
    if loop == "uvloop":
        import uvloop  # noqa: F401 - `run` would fall back without a word

        run(serve(int(port)))
    else:
        asyncio.run(serve(int(port)))


if __name__ == "__main__":
    main(*sys.argv[1:])
