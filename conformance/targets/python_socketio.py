"""The handlers of the official protocol suites on python-socketio; `reference.py` is the same on
this project's server. Usage: `python python_socketio.py [PORT]`, 0 for any free one.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

import engineio  # type: ignore[import-untyped]
import socketio  # type: ignore[import-untyped]
import uvicorn

# Whole seconds: the handshake tells no others, but 0 for 0.3.
SETTINGS: dict[str, Any] = {
    "async_mode": "asgi",
    "ping_interval": 1,
    "ping_timeout": 1,
    "max_http_buffer_size": 1_000_000,
    "cors_allowed_origins": "*",
}

engine = engineio.AsyncServer(**SETTINGS)
# A refused CONNECT is answered before the handler runs only with `always_connect`: without it the
# handler's first events would come before the CONNECT that they belong to.
io = socketio.AsyncServer(**SETTINGS, always_connect=True, namespaces=["/", "/custom"])


@engine.on("message")  # type: ignore[untyped-decorator]
async def echo(sid: str, data: str | bytes) -> None:
    await engine.send(sid, data)


@io.on("connect")  # type: ignore[untyped-decorator]
async def connect(sid: str, _environ: object, auth: object = None) -> None:
    await io.emit("auth", auth or {}, to=sid)


@io.on("connect", namespace="/custom")  # type: ignore[untyped-decorator]
async def connect_custom(sid: str, _environ: object, auth: object = None) -> None:
    await io.emit("auth", auth or {}, to=sid, namespace="/custom")


@io.on("message")  # type: ignore[untyped-decorator]
async def message(sid: str, *args: Any) -> None:
    await io.emit("message-back", args, to=sid)


@io.on("message-with-ack")  # type: ignore[untyped-decorator]
async def message_with_ack(_sid: str, *args: Any) -> tuple[Any, ...]:
    return args


async def missing(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


application = engineio.ASGIApp(
    engine,
    socketio.ASGIApp(io, missing, socketio_path="/socket.io/"),
    engineio_path="/engine.io/",
)


async def main(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)) as listening:
        config = uvicorn.Config(
            application, log_level="critical", lifespan="off", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        # The socket listens already: who connects now waits for the server to start.
        print(f"ready http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        await serving


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000))
