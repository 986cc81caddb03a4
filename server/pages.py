"""The two plain HTTP answers: what this is, for people (`/`), and whether it works (`/healthz`)."""

from __future__ import annotations

import json
from collections.abc import Callable

from engineio_min import Request, Response

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
<li><a href="/healthz">/healthz</a>: whether the server works, as JSON</li>
<li><code>/socket.io/</code>: where clients connect, with WebSocket or HTTP long-polling</li>
<li><code>python -m server --help</code>: the settings</li>
</ul>
</html>
"""


def page(request: Request) -> Response:
    """A short page that says what this is."""
    origin = f"{'https' if request.secure else 'http'}://{request.headers.get('host', '')}"
    # A Host header has passed the HTTP server's check and holds no character that HTML knows but &.
    body = _PAGE.replace("ORIGIN", origin.replace("&", "&amp;"))
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
        headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
        return Response(200, json.dumps(values).encode(), headers)

    return answer
