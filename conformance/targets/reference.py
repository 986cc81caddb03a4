"""The reference target: a server with the handlers that the official protocol suites expect.

Under `/engine.io/` it echoes every message. Under `/socket.io/` it sends each client its auth
payload, sends `message` back as `message-back`, and acknowledges `message-with-ack` with the
event's arguments; in `/custom` it only sends the auth payload.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import engineio_min
import socketio_min
from engineio_min.runner import stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOptions:
    """Where the target listens and its settings; times in seconds, the payload in bytes."""

    host: str = "127.0.0.1"
    port: int = 3000
    ping_interval: float = 0.3
    ping_timeout: float = 0.2
    max_payload: int = 1_000_000
    connect_timeout: float = 1.0
    upgrade_timeout: float = 10.0


def make_engine(options: TargetOptions) -> engineio_min.Server:
    """Return the Engine.IO echo server under `/engine.io/`."""
    engine = engineio_min.Server(
        path="/engine.io/",
        ping_interval=options.ping_interval,
        ping_timeout=options.ping_timeout,
        upgrade_timeout=options.upgrade_timeout,
        max_http_buffer_size=options.max_payload,
        cors="*",
    )

    @engine.on_connection
    def connected(connection: engineio_min.Connection) -> None:
        connection.on_message = connection.send

    return engine


def make_socketio(options: TargetOptions) -> socketio_min.Server:
    """Return the Socket.IO server under `/socket.io/`."""
    io = socketio_min.Server(
        ping_interval=options.ping_interval,
        ping_timeout=options.ping_timeout,
        connect_timeout=options.connect_timeout,
        upgrade_timeout=options.upgrade_timeout,
        max_http_buffer_size=options.max_payload,
        cors="*",
    )

    def connect(socket: socketio_min.Socket) -> None:
        socket.emit("auth", socket.handshake.auth)

    io.on("connect", connect)
    io.of("/custom").on("connect", connect)

    @io.on("message")
    def message(socket: socketio_min.Socket, *args: Any) -> None:
        socket.emit("message-back", *args)

    @io.on("message-with-ack")
    def message_with_ack(_socket: socketio_min.Socket, *args: Any) -> tuple[Any, ...]:
        return args

    return io


async def serve(options: TargetOptions) -> None:
    """Run the target until SIGINT or SIGTERM; prints `ready http://HOST:PORT` once it accepts."""
    http = engineio_min.HttpServer()
    http.mount(make_engine(options))
    io = make_socketio(options)
    await io.listen(options.host, options.port, http=http)
    print(f"ready http://{options.host}:{io.port}", flush=True)
    await stopped()
    await io.close()
