"""python-socketio on one of its hosts: `python python_socketio.py uvicorn|aiohttp|granian PORT`.

It runs in the environment of the peers, which has nothing of this project.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

HOST = sys.argv[1] if len(sys.argv) > 1 else ""

# Not imported as usual: the type checker runs where these are not installed.
socketio: Any = import_module("socketio")
sio = socketio.AsyncServer(async_mode="aiohttp" if HOST == "aiohttp" else "asgi")


async def message(sid: str, *args: Any) -> None:
    await sio.emit("message-back", args, to=sid)


async def message_with_ack(_sid: str, *args: Any) -> tuple[Any, ...]:
    return args


async def join(sid: str, room: str) -> tuple[()]:
    await sio.enter_room(sid, room)
    return ()


async def fan(_sid: str, room: str, payload: Any) -> None:
    await sio.emit("fan", payload, room=room)


sio.on("message", message)
sio.on("amessage", message)
sio.on("message-with-ack", message_with_ack)
sio.on("join", join)
sio.on("fan", fan)


def make_app() -> Any:
    """Return what granian's worker serves."""
    return socketio.ASGIApp(sio)


def main(port: int) -> None:
    if HOST == "uvicorn":
        import_module("uvicorn").run(
            make_app(),
            host="127.0.0.1",
            port=port,
            loop="uvloop",
            http="httptools",
            ws="websockets-sansio",
            log_level="warning",
            access_log=False,
        )
    elif HOST == "aiohttp":
        web: Any = import_module("aiohttp.web")
        import_module("uvloop").install()
        app = web.Application()
        sio.attach(app)
        web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)
    else:
        granian: Any = import_module("granian")
        granian.Granian(
            "python_socketio:make_app",
            address="127.0.0.1",
            port=port,
            interface="asgi",
            loop="uvloop",
            factory=True,
            log_enabled=False,
        ).serve()


if __name__ == "__main__":
    main(int(sys.argv[2]))
