"""`asgi/` under ASGI hosts that are widely used, and in the frameworks that mount it."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response as StarletteResponse
from starlette.routing import Mount

from engineio_min import Client, Server
from tests.engineio_min.asgi.real_host import uvicorn_host
from tests.engineio_min.harness import POLLING
from tests.engineio_min.wire import connect, encode_request
from tests.listening import free_port
from tests.waiting import patient, until

ROOT = Path(__file__).resolve().parents[3]

PROGRAM = """
from engineio_min import Server

server = Server()
app = server.asgi_app()


@server.on_connection
def accept(connection):
    connection.on_message = connection.send
"""
HOSTS = {
    "uvicorn": ["uvicorn", "app:app", "--port", "{port}", "--timeout-graceful-shutdown", "1"],
    "hypercorn": ["hypercorn", "app:app", "--bind", "127.0.0.1:{port}", "--graceful-timeout", "1"],
    "granian": ["granian", "app:app", "--interface", "asgi", "--port", "{port}"],
}


@asynccontextmanager
async def hosted(host: str, folder: Path) -> AsyncIterator[int]:
    """A program under a host; yields its port. The host may complain of nothing."""
    port = free_port()
    (folder / "app.py").write_text(PROGRAM)
    with (folder / "log").open("w") as log:
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *(part.format(port=port) for part in HOSTS[host])),
            cwd=folder,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{folder}"},
            stdout=log,
            stderr=log,
        )
    try:
        for _ in range(2_000):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert program.returncode is None, (folder / "log").read_text()
            await asyncio.sleep(0.01)
        yield port
    finally:
        if program.returncode is None:
            program.terminate()
        await patient(program.wait())
    assert "Traceback" not in (folder / "log").read_text()


@pytest.mark.parametrize("host", HOSTS)
async def test_a_client_polls_upgrades_and_leaves(host: str, tmp_path: Path) -> None:
    async with hosted(host, tmp_path) as port:
        client = Client(f"http://127.0.0.1:{port}")
        received: list[str | bytes] = []
        upgraded = asyncio.Event()
        client.on_message = received.append
        client.on_upgrade = upgraded.set
        await patient(client.connect())
        client.send("polled")
        await patient(upgraded.wait())
        client.send(b"bytes")
        await until(lambda: received == ["polled", b"bytes"])
        client.close()
        await patient(client.wait_closed())
        await abort_a_poll(port)


async def abort_a_poll(port: int, engine: Server | None = None) -> None:
    """Leave during a poll, and wait until the server has noticed.

    Without the `engine`, which is in another process, the poll may be aborted before it is parked:
    then less is tested, and nothing fails.
    """
    async with connect(port) as wire:
        await wire.send(encode_request("GET", POLLING))
        opened = await patient(wire.reader.readuntil(b"}"))
    match = re.search(rb'"sid":"([^"]+)"', opened)
    assert match is not None
    target = f"{POLLING}&sid={match[1].decode()}"
    async with connect(port) as wire:
        await wire.send(encode_request("GET", target))
        if engine is None:
            await asyncio.sleep(0.05)
        else:
            connection = engine.sessions[match[1].decode()]
            await until(lambda: connection.session.waiting)
        wire.abort()
    for _ in range(1_000):
        async with connect(port) as wire:
            await wire.send(encode_request("POST", target, body=b"6"))
            if b" 400 " in await patient(wire.reader.readline()):
                return
        await asyncio.sleep(0.01)
    raise AssertionError("the session is still there")


async def test_a_poll_that_is_aborted_under_a_middleware_of_starlette(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It calls what it wraps for an answer, and fails loudly when there is none."""

    async def dispatch(
        request: StarletteRequest, call_next: RequestResponseEndpoint
    ) -> StarletteResponse:
        return await call_next(request)

    engine = Server()
    application = Starlette(
        routes=[Mount("/", app=engine.asgi_app())],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=dispatch)],
    )
    async with uvicorn_host(application) as host:
        await abort_a_poll(host.port, engine)
    assert "Exception in ASGI application" not in caplog.text


@pytest.mark.parametrize(("path", "root"), [("/", ""), ("/", "/engine.io"), ("/engine.io/", "")])
async def test_a_mount_that_strips_its_prefix(path: str, root: str) -> None:
    """Some tell it in `root_path`; Litestar leaves it in `raw_path` alone."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(event: Any) -> None:
        sent.append(event)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": b"/engine.io/",
        "root_path": root,
        "query_string": b"EIO=4&transport=polling",
        "headers": [],
    }
    engine = Server()
    await engine.asgi_app()(scope, receive, send)
    assert sent[0]["status"] == 200
    engine.close()


async def test_another_path_is_not_served_because_of_its_end() -> None:
    sent: list[Any] = []

    async def send(event: Any) -> None:
        sent.append(event)

    async def receive() -> Any:
        return {"type": "http.request"}

    scope = {"type": "http", "path": "/other/", "raw_path": b"/engine.io/", "headers": []}
    await Server().asgi_app()(scope, receive, send)
    assert sent[0]["status"] == 404
