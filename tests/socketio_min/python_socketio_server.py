"""python-socketio's server as a fixture: what the client's tests need of conformance/js's."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import socketio  # type: ignore[import-untyped]
import uvicorn

OPTIONS = json.loads(sys.argv[1])
SERVER = socketio.AsyncServer(
    async_mode="asgi",
    ping_interval=OPTIONS.get("pingInterval", 25_000) / 1000,
    ping_timeout=OPTIONS.get("pingTimeout", 20_000) / 1000,
)

RECORDS: dict[str, list[int]] = {}


def report(**fields: Any) -> None:
    print(json.dumps(fields), flush=True)


async def echo(namespace: str, sid: str, *args: Any) -> None:
    await SERVER.emit("echo", args, to=sid, namespace=namespace)


async def acknowledge(_namespace: str, _sid: str, *args: Any) -> Any:
    return args


async def handshake(namespace: str, sid: str) -> Any:
    return (await SERVER.get_session(sid, namespace))["handshake"]


async def ask(namespace: str, sid: str, event: str, args: list[Any], timeout: float) -> Any:
    try:
        answer = await SERVER.call(
            event, tuple(args), to=sid, namespace=namespace, timeout=timeout / 1000
        )
    except socketio.exceptions.TimeoutError:
        return {"timedOut": True}
    # It looks for binary values in lists only.
    return {"answer": list(answer) if isinstance(answer, tuple) else answer}


async def burst(namespace: str, sid: str, count: int) -> None:
    for number in range(count):
        data = (number, bytes((number % 256,))) if number % 10 == 9 else (number,)
        await SERVER.emit("number", data, to=sid, namespace=namespace)


async def disconnect_me(namespace: str, sid: str, _close: bool) -> None:
    await SERVER.disconnect(sid, namespace=namespace)


async def record(_namespace: str, _sid: str, name: str, number: int) -> Any:
    RECORDS.setdefault(name, []).append(number)
    return ()


async def recorded(_namespace: str, _sid: str, name: str) -> Any:
    return RECORDS[name]


HANDLERS = {
    "record": record,
    "recorded": recorded,
    "echo": echo,
    "acknowledge": acknowledge,
    "handshake": handshake,
    "call": ask,
    "burst": burst,
    "disconnect me": disconnect_me,
}


def behave(namespace: str) -> None:
    async def connect(sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        if namespace == "/refused" or (namespace == "/admin" and auth != {"token": "secret"}):
            raise socketio.exceptions.ConnectionRefusedError(
                "not authorized", {"code": "E1", "retry": [1, 2]}
            )
        headers = {
            name.removeprefix("HTTP_").lower().replace("_", "-"): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        await SERVER.save_session(
            sid, {"handshake": {"auth": auth or {}, "headers": headers}}, namespace
        )
        report(event="connect", namespace=namespace, id=sid)

    async def disconnect(sid: str, reason: str) -> None:
        report(event="disconnect", namespace=namespace, id=sid, reason=reason)

    SERVER.on("connect", connect, namespace=namespace)
    SERVER.on("disconnect", disconnect, namespace=namespace)
    for event, handler in HANDLERS.items():

        async def handle(sid: str, *args: Any, handler: Any = handler) -> Any:
            return await handler(namespace, sid, *args)

        SERVER.on(event, handle, namespace=namespace)


async def main() -> None:
    for namespace in ("/", "/chat", "/чат ✓", "/admin", "/refused"):
        behave(namespace)
    config = uvicorn.Config(
        socketio.ASGIApp(SERVER), host="127.0.0.1", port=OPTIONS["port"], log_level="error"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event to wait for
        await asyncio.sleep(0.005)
    print(f"ready http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.should_exit = True
    server.force_exit = True
    await serving


asyncio.run(main())
