"""Opens sessions: who may open one, what the hooks decide, and how a session begins.

A session begins in the turn in which its request is decided on: at once, or when `allow_request`
and `generate_id` have come to their ends (Engine.IO v4, "Handshake").
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Protocol, TypeVar

from engineio_min.errors import Code, RequestRefused
from engineio_min.ids import random_id
from engineio_min.limits.admission import Headcount
from engineio_min.limits.quotas import Quotas
from engineio_min.protocol.packets import PROTOCOL_VERSION
from engineio_min.protocol.reasons import FORCED_CLOSE
from engineio_min.request import Headers, Request
from engineio_min.server.kept_request import keep
from engineio_min.server.origins import check_site
from engineio_min.transports.connection import Connection, Engine, Exchange, ignore
from engineio_min.transports.polling import Polling

logger = logging.getLogger("engineio_min")

Result = TypeVar("Result")


class SessionHost(Engine, Protocol):
    """What opening a session asks of its server, besides what the session will ask.

    sessions: the open sessions, by id. pollers: how many of them began with polling, by the address
    of the TCP connection. sid_prefix: what each id begins with.
    """

    sessions: dict[str, Connection]
    pollers: Headcount
    quotas: Quotas
    sid_prefix: str


class Handshakes:
    """The sessions that are about to open.

    `accepting` tells whether there may be new ones; `on_connection(connection)` is called for each
    that opens. `initial_headers(request)` returns headers to add to the answer to a WebSocket's
    handshake; it is None if there are none to add.
    """

    __slots__ = ("_initial_headers", "_server", "_tasks", "_upgrades", "accepting", "on_connection")

    def __init__(
        self, server: SessionHost, initial_headers: Callable[[Request], Headers] | None
    ) -> None:
        self.accepting = True
        self.on_connection: Callable[[Connection], object] = ignore
        self._server = server
        self._initial_headers = initial_headers
        self._upgrades = server.options.upgrades
        # The handshakes that wait for a hook.
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """Return how many handshakes wait for `allow_request` or `generate_id`."""
        return len(self._tasks)

    def cancel(self) -> None:
        """Refuse the handshakes that wait for a hook."""
        for task in self._tasks:
            # Not at once: a task that has not begun would answer nobody.
            self._server.loop.call_soon(task.cancel)

    def forget(self) -> None:
        """Drop the handshakes of an event loop that is closed."""
        self._tasks.clear()

    def begin(self, exchange: Exchange, query: Mapping[str, str]) -> None:
        """Check a request without a `sid`, and open a session for it: now, or when the hooks have
        come to their ends.

        Raises:
            RequestRefused: the request comes from a page that may not use the server or is no GET,
            the server takes no more sessions, a hook refuses this one, or the client speaks another
            version of the protocol.
        """
        request = exchange.request
        if "sec-fetch-site" in request.headers:
            check_site(request)
        if request.method != "GET":
            raise RequestRefused(Code.BAD_HANDSHAKE_METHOD, f"got a handshake by {request.method}")
        self._check_capacity()
        options = self._server.options
        if options.allow_request is not None:
            verdict = self._call_hook("allow_request", options.allow_request, request)
            if inspect.isawaitable(verdict):
                self._spawn(self._open_later(exchange, query, verdict, None))
                return
        if query.get("EIO") != PROTOCOL_VERSION:
            raise _wrong_version(query)
        sid = None
        if options.generate_id is not None:
            sid = self._call_hook("generate_id", options.generate_id, request)
        if sid is None or isinstance(sid, str):
            self._open(exchange, query, sid)
        else:
            self._spawn(self._open_later(exchange, query, None, sid))

    def _check_capacity(self) -> None:
        """Refuse a handshake if the server stops, or has as many sessions as it may."""
        if not self.accepting:
            raise RequestRefused(
                Code.FORBIDDEN,
                "the server takes no new sessions: it stops",
                status=503,
                message="Server is stopping",
            )
        limit = self._server.options.max_connections
        if limit is not None and len(self._server.sessions) >= limit:
            raise RequestRefused(
                Code.FORBIDDEN,
                f"{limit} sessions are open (max_connections)",
                status=503,
                message="Too many connections",
            )

    async def _open_later(
        self,
        exchange: Exchange,
        query: Mapping[str, str],
        verdict: Awaitable[None] | None,
        sid: Awaitable[str] | None,
    ) -> None:
        """Open a session when the hooks have come to their ends.

        `verdict` is what `allow_request` has returned; `generate_id` is called after it. If
        `verdict` is None, `generate_id` was called already and has returned `sid`.
        """
        gone = False
        hook = "generate_id" if verdict is None else "allow_request"

        def abort() -> None:
            nonlocal gone
            gone = True

        exchange.on_abort = abort
        try:
            made: Awaitable[str] | str | None = sid
            if verdict is not None:
                await verdict
                if gone:
                    return
                if query.get("EIO") != PROTOCOL_VERSION:
                    raise _wrong_version(query)
                hook = "generate_id"
                generate = self._server.options.generate_id
                if generate is not None:
                    made = self._call_hook(hook, generate, exchange.request)
            if made is not None and not isinstance(made, str):
                made = await made
            if gone:
                return
            self._check_capacity()
            self._open(exchange, query, made)
        except RequestRefused as error:
            if not gone:
                self._server.refuse(exchange, error)
        except asyncio.CancelledError:
            # A request that nobody answers would hold its connection.
            if not gone:
                context = "the server closes"
                self._server.refuse(exchange, RequestRefused(Code.FORBIDDEN, context, status=503))
            raise
        except Exception:
            logger.exception("%s failed", hook)
            if not gone:
                self._server.refuse(exchange, RequestRefused(Code.BAD_REQUEST, f"{hook} failed"))

    def _open(self, exchange: Exchange, query: Mapping[str, str], sid: str | None) -> None:
        """Open the session `sid`, or one with an id that nobody can guess, and answer."""
        server = self._server
        request = exchange.request
        if sid is None:
            sid = random_id(server.sid_prefix)
        elif sid in server.sessions or sid in server.departing:
            logger.error("generate_id gave the id of a session that is open; make each id once")
            raise RequestRefused(Code.BAD_REQUEST, "generate_id gave an id that is in use")
        connection = Connection(server, request, sid, query["transport"])
        session = connection.session
        # The open packet goes through the buffer like any other. The limit in it is for polling; a
        # client is not told the limits of a WebSocket.
        session.open(() if request.websocket else self._upgrades, server.text_limit)
        if server.quotas.limited:
            connection.seats = self._call_hook("address or user", server.quotas.take, request)
        begin: Callable[[], None]
        if request.websocket:
            headers = () if self._initial_headers is None else self._initial_headers(request)
            try:
                websocket = connection.carrier = exchange.accept(
                    connection, headers, candidate=False, base64=bool(query.get("b64"))
                )
            except RequestRefused:
                server.quotas.release(connection.seats)
                raise
            begin = websocket.start
        else:
            server.pollers.add(request.peer)
            polling = connection.carrier = Polling(connection)
            begin = partial(polling.get, exchange)
        keep(request)
        server.sessions[sid] = connection
        server.timer.watch(session)
        try:
            # In the client's own context, in which no function runs yet; see `Connection.call`.
            connection.context.run(self.on_connection, connection)
        except Exception:
            logger.exception("the connection handler failed; closing the session")
            session.fail(FORCED_CLOSE, "the connection handler failed")
        begin()
        if session.events:
            connection.settle()

    def _call_hook(self, name: str, hook: Callable[[Request], Result], request: Request) -> Result:
        """Call a hook; its failure is logged and refuses the request."""
        try:
            return hook(request)
        except RequestRefused:
            raise
        except Exception:
            logger.exception("%s failed", name)
            raise RequestRefused(Code.BAD_REQUEST, f"{name} failed") from None

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self._server.loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _wrong_version(query: Mapping[str, str]) -> RequestRefused:
    return RequestRefused(Code.UNSUPPORTED_PROTOCOL_VERSION, f"got EIO={query.get('EIO')!r}")
