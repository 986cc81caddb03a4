"""Translates what an ASGI host says of a request for the engine, and the engine's headers for the
host.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote, unquote

from engineio_min.request import Headers, Request, add_header, check_headers

Scope = MutableMapping[str, Any]
AsgiEvent = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[AsgiEvent]]
Send = Callable[[AsgiEvent], Awaitable[None]]

EVENT_COST = 64
"""What each event that a host has received costs besides its bytes, as bytes."""


def read_request(scope: Scope) -> Request:
    """Return the request that an HTTP or WebSocket scope describes."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        add_header(headers, raw_name.decode("latin-1").lower(), raw_value.decode("latin-1"))
    raw_path: bytes | None = scope.get("raw_path")
    path = quote(scope["path"]) if raw_path is None else raw_path.decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    client = scope.get("client")
    return Request(
        scope.get("method", "GET"),
        f"{path}?{query}" if query else path,
        headers,
        client[0] if client else "",
        secure=scope.get("scheme") in ("https", "wss"),
        websocket=scope["type"] == "websocket",
    )


def possible_paths(scope: Scope) -> tuple[str, ...]:
    """Return the request's path in full, and below the prefix where the application is mounted.

    In current ASGI `path` includes `root_path`; some frameworks still take the prefix away, or do
    not even tell it (Litestar): then `raw_path` alone has it.
    """
    path: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    raw_path = unquote((scope.get("raw_path") or b"").decode("latin-1"))
    full = raw_path if raw_path.endswith(path) else path
    return (path, path.removeprefix(root), root + path, full)


def encode_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer as ASGI wants them.

    Raises:
        UsageError: a name or value has a control character that ends a line.
    """
    check_headers(headers)
    return [
        (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in headers
    ]


async def first_of(*futures: asyncio.Future[None], finally_: Callable[[], None]) -> None:
    """Wait until one of `futures` is done or the host cancels, call `finally_`, and cancel the
    others.

    Raises:
        Exception: what one of them raised: the host logs it.
    """
    try:
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
    finally:
        finally_()
        for future in futures:
            future.cancel()
        await asyncio.wait(futures)
    for future in futures:
        if not future.cancelled():
            future.result()
