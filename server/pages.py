"""The plain HTTP answers: for people what this is (`/`, `/docs`), and for programs whether it works
(`/healthz`), whether it takes clients (`/readyz`) and what it counts (`/metrics`).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable
from typing import Any

from engineio_min import Request, Response
from server.metrics import CONTENT_TYPE, Metrics
from server.reference import page as reference

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>AI Coding Assistant: WebSocket API</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem }
pre { background: #8882; padding: 1rem; overflow-x: auto }
</style>
<h1>AI Coding Assistant: WebSocket API</h1>
<p>This is a Socket.IO server for live projects, collaboration and notifications. It is not a
website: connect to it with a Socket.IO client of version 3 or 4.</p>
<pre>
import { io } from "socket.io-client";

const socket = io("ORIGIN");
socket.on("user:joined", (data, event) =&gt; console.log(data.user, event.timestamp));
socket.emit("project:join", { projectId: "project-123", userId: "user-456" }, console.log);
</pre>
<ul>
<li><a href="/docs">/docs</a>: every event</li>
<li><a href="/healthz">/healthz</a>: whether the server works, as JSON</li>
<li><a href="/readyz">/readyz</a>: whether it takes clients; <a href="/metrics">/metrics</a>: what
it counts, for Prometheus</li>
<li><code>/socket.io/</code>: where clients connect, with WebSocket or HTTP long-polling</li>
<li><code>python -m server --help</code>: the settings</li>
</ul>
</html>
"""


def page(request: Request) -> Response:
    """A short page that says what this is."""
    origin = f"{'https' if request.secure else 'http'}://{request.headers.get('host', '')}"
    # A Host header has passed the HTTP server's check and holds no character that HTML knows but &.
    return _html(_PAGE.replace("ORIGIN", origin.replace("&", "&amp;")))


def docs(_request: Request) -> Response:
    """The event reference."""
    return _html(_reference())


@functools.cache
def _reference() -> str:
    return reference.render()


def _html(body: str) -> Response:
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "no-store"),
    ]
    return Response(200, body.encode(), headers)


def health(connections: Callable[[], int], uptime: Callable[[], float]) -> Callable[..., Response]:
    """The handler of `/healthz`: `{status, connections, uptime}`, `uptime` in seconds."""

    def answer(_request: Request) -> Response:
        values = {"status": "ok", "connections": connections(), "uptime": round(uptime(), 3)}
        return _json(200, values)

    return answer


def readiness(check: Callable[[], Awaitable[str]]) -> Callable[..., Awaitable[Response]]:
    """The handler of `/readyz`: `{status: "ready"}`, or 503 and what `check` says is in the way."""

    async def answer(_request: Request) -> Response:
        obstacle = await check()
        return _json(503, {"status": obstacle}) if obstacle else _json(200, {"status": "ready"})

    return answer


def metrics(source: Metrics) -> Callable[..., Response]:
    """The handler of `/metrics`."""

    def answer(_request: Request) -> Response:
        headers = [("Content-Type", CONTENT_TYPE), ("Cache-Control", "no-store")]
        return Response(200, source.render().encode(), headers)

    return answer


def _json(status: int, values: dict[str, Any]) -> Response:
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    return Response(status, json.dumps(values).encode(), headers)
