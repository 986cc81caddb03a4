"""The answers over plain HTTP besides the page: the event reference for people (`/docs`); and for
programs whether the server works (`/healthz`), whether it takes clients (`/readyz`) and what it
counts (`/metrics`).
"""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from engineio_min import Request, Response
from server.http.metrics import CONTENT_TYPE, Family, render
from server.reference import page as reference

_ALWAYS: Final = (("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"))
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def docs() -> Callable[[Request], Awaitable[Response]]:
    """Return the handler of `/docs`, the event reference. That is made when it is first asked for,
    once and in a thread, because it takes 90 ms.
    """
    made: asyncio.Future[str] | None = None

    async def answer(_request: Request) -> Response:
        nonlocal made
        if made is None:
            made = asyncio.ensure_future(asyncio.to_thread(_reference))
        # Others may wait for it too.
        return _html(await asyncio.shield(made))

    return answer


@functools.cache
def _reference() -> str:
    return reference.render()


def _html(body: str) -> Response:
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", _POLICY),
        ("Referrer-Policy", "no-referrer"),
        *_ALWAYS,
    ]
    return Response(200, body.encode(), headers)


def health(connections: Callable[[], int], uptime: Callable[[], float]) -> Callable[..., Response]:
    """Return the handler of `/healthz`: `{status, connections, uptime}`, `uptime` in seconds."""

    def answer(_request: Request) -> Response:
        values = {"status": "ok", "connections": connections(), "uptime": round(uptime(), 3)}
        return _json(200, values)

    return answer


def readiness(
    check: Callable[[], Awaitable[str]], missing: Callable[[], str]
) -> Callable[..., Awaitable[Response]]:
    """Return the handler of `/readyz`: `{status: "ready"}`, or 503 and the reason from `check`.
    While something is `missing` the server still takes clients, and says what it is.
    """

    async def answer(_request: Request) -> Response:
        if obstacle := await check():
            return _json(503, {"status": obstacle})
        lack = missing()
        return _json(200, {"status": "ready", **({"missing": lack} if lack else {})})

    return answer


def metrics(
    processes: Callable[[], Awaitable[Iterable[Iterable[Family]]]],
) -> Callable[..., Awaitable[Response]]:
    """Return the handler of `/metrics`. `processes` returns the metrics of each process.

    Requests that come in one turn of the event loop, or while other workers are asked, share an
    answer: fifty clients that ask over and over cost no more than one.
    """
    made: asyncio.Future[bytes] | None = None

    async def make() -> bytes:
        nonlocal made
        await asyncio.sleep(0)
        try:
            return render(await processes()).encode()
        finally:
            made = None

    async def answer(_request: Request) -> Response:
        nonlocal made
        if made is None:
            made = asyncio.ensure_future(make())
        headers = [("Content-Type", CONTENT_TYPE), *_ALWAYS]
        # Who waits no more ends nobody else's wait.
        return Response(200, await asyncio.shield(made), headers)

    return answer


def _json(status: int, values: dict[str, Any]) -> Response:
    headers = [("Content-Type", "application/json"), *_ALWAYS]
    return Response(status, json.dumps(values).encode(), headers)
