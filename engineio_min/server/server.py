"""The Engine.IO server: what an application asks of it, and to which session a request goes.

It knows requests only as `Exchange`s, so the same server runs on our own HTTP/1.1 (`http/`) and
under any ASGI host (`asgi/`). Writes are collected. Whatever a turn of the event loop sends to a
connection leaves in one write at its end (`flushes`); what a read causes for its own connection
leaves at the end of the read.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping
from contextvars import Context, copy_context
from functools import partial
from typing import TYPE_CHECKING, Unpack

import orjson

from engineio_min.cors import CorsOptions
from engineio_min.errors import Code, RequestRefused, UsageError
from engineio_min.forwarding import TrustedProxies
from engineio_min.http.server import NO_PORT, HttpServer, check_closed
from engineio_min.limits.account import Account
from engineio_min.limits.admission import Headcount
from engineio_min.limits.complaints import Complaints
from engineio_min.limits.owners import Owners
from engineio_min.limits.quotas import Quotas
from engineio_min.limits.turn_share import TurnShare
from engineio_min.option_checks import check_names
from engineio_min.options import ServerOptions, ServerOptionValues
from engineio_min.protocol.encoders import Encoders
from engineio_min.protocol.packets import PROTOCOL_VERSION
from engineio_min.protocol.reasons import FORCED_CLOSE
from engineio_min.protocol.transports import TRANSPORTS
from engineio_min.request import Headers, Request
from engineio_min.server.answer_headers import AnswerHeaders
from engineio_min.server.flushes import Flushes
from engineio_min.server.handshakes import Handshakes
from engineio_min.server.origins import Origins
from engineio_min.timer import Timer
from engineio_min.transports.connection import Connection, Departing, Exchange
from engineio_min.transports.content_coding import Compressor
from engineio_min.transports.polling import Polling

if TYPE_CHECKING:
    import ssl

    from engineio_min.asgi import AsgiApplication

logger = logging.getLogger("engineio_min")

ADVICE = "use loop.call_soon_threadsafe(emit, ...)"


class Server:
    """An Engine.IO v4 server.

    Takes the options of `ServerOptions` as keyword arguments.

    Raises:
        UsageError: there is no such option, or it cannot have this value.
    """

    loop: asyncio.AbstractEventLoop
    timer: Timer

    def __init__(self, **options: Unpack[ServerOptionValues]) -> None:
        check_names(options, ServerOptionValues.__optional_keys__)
        self.options = ServerOptions(**options)
        self.timing = self.options.timing
        self.path = self.options.path
        self.sessions: dict[str, Connection] = {}
        self._origins = Origins(self.options, self.sessions)
        self.response_headers = AnswerHeaders(self.options, self._origins).add
        # What each session id begins with: the machine, and the process where there are several.
        self.sid_prefix = self.options.node
        # What is left of sessions that their clients have just closed; see `Polling`.
        self.departing: dict[str, Departing] = {}
        # Sessions that began with polling, by the TCP connection's address; see `Admission`.
        self.pollers = Headcount()
        encoders = Encoders(self.options.per_message_deflate)
        self.encoder = encoders.plain
        self.agreed_encoder = encoders.agreed
        self.deflate = encoders.deflate
        self.compressor = Compressor()
        self.account = self._new_account()
        self.owners_of = Owners(
            self.options.address,
            self.options.user,
            lambda client: self.http.admission.exempts(client),
        ).of
        self.quotas = Quotas(
            self.options.address,
            self.options.max_connections_per_address,
            self.options.user,
            self.options.max_connections_per_user,
        )
        self.text_limit = self.options.text_limit
        # Whether `on_message` takes a `LongText`.
        self.long_texts = False
        self._upgrades = self.options.upgrades
        adds_headers = any((self.options.cors, self.options.headers, self.options.initial_headers))
        self._handshakes = Handshakes(self, self._initial_headers if adds_headers else None)
        self.flushes = Flushes(encoders.all)
        self.wake: Callable[[Connection], None] = self.flushes.queue
        self.turn_share = TurnShare()
        self._http: HttpServer | None = None
        self._started = False
        self._proxies: TrustedProxies | None = None
        if self.options.trusted_proxies:
            self._proxies = TrustedProxies(self.options.trusted_proxies)
        self._context = Context()
        self._complaints = Complaints()

    # -- the application's side

    def on_connection(
        self, handler: Callable[[Connection], object]
    ) -> Callable[[Connection], object]:
        """Call `handler(connection)` for each new session; it sets `on_message` and `on_close`.

        A handler that fails is logged, and its session is closed.
        """
        self._handshakes.on_connection = handler
        return handler

    async def listen(
        self,
        host: str | None = "127.0.0.1",
        port: int = 3000,
        *,
        ssl: ssl.SSLContext | None = None,
        sock: socket.socket | None = None,
        http: HttpServer | None = None,
    ) -> None:
        """Serve on `host` and `port` (0 picks a free one), alone or beside the routes of `http`.

        Raises:
            OSError: the address cannot be bound.
            UsageError: another server is on the same path of `http`.
        """
        if http is not None:
            self._http = http
        self.http.mount(self)
        await self.http.listen(host, port, ssl=ssl, sock=sock)

    @property
    def port(self) -> int:
        """Return the port that `listen` bound. Other threads may ask for it, until it is there.

        Raises:
            UsageError: the server is not listening, or on a Unix socket, which has no port.
        """
        if self._http is None:
            # Making an HTTP server here would race with `listen` in the server's thread.
            raise UsageError(NO_PORT)
        return self._http.port

    @property
    def http(self) -> HttpServer:
        """Return the HTTP server under this one: that of `listen`, or its own."""
        if self._http is None:
            self._http = HttpServer()
        return self._http

    def asgi_app(self) -> AsgiApplication:
        """Return this server as an ASGI 3 application."""
        from engineio_min.asgi import AsgiApplication

        return AsgiApplication(self)

    async def stop(self) -> None:
        """Close every session, and the HTTP server with whatever else it serves."""
        self.close()
        if self._http is not None:
            await self._http.close()

    def stop_accepting(self) -> None:
        """Take no new clients: close the listening sockets, and refuse handshakes with HTTP 503.

        Open sessions go on, over the connections that they have: call this some time before `stop`
        to let clients finish something. An ASGI host closes its own sockets.
        """
        self.refuse_newcomers()
        if self._http is not None:
            self._http.stop_accepting()

    def refuse_newcomers(self) -> None:
        """Refuse handshakes with HTTP 503, and go on to listen: open sessions may still need
        another connection, for example through a proxy.
        """
        self._handshakes.accepting = False

    @property
    def deciding(self) -> int:
        """Return how many handshakes wait for `allow_request` or `generate_id`."""
        return len(self._handshakes)

    def start(self) -> None:
        """Bind to the running event loop; hosts call this before the first exchange.

        Raises:
            UsageError: the server belongs to another event loop that is not closed.
        """
        if self._started and self.loop is asyncio.get_running_loop():
            return
        outlived = self._started
        if outlived:
            check_closed(self.loop)
        self._started = self._handshakes.accepting = True
        self.loop = asyncio.get_running_loop()
        # In a context of its own, not in that of the client whose handler is the first to send.
        self.flushes.begin(self.loop, ADVICE, self._context)
        self.turn_share.begin(self.loop.call_soon, self.loop.time)
        self.timer = Timer(self.loop)
        if outlived:
            self._outlive_loop()

    def _outlive_loop(self) -> None:
        """End the sessions of an event loop that was closed without `close`: nothing of them can
        come or leave any more.
        """
        self.flushes.forget()
        self.turn_share.forget()
        self._handshakes.forget()
        self.departing.clear()
        for connection in list(self.sessions.values()):
            connection.outlive_loop()
        # Handlers that were at work will never end.
        self.account = self._new_account()

    def close(self) -> None:
        """Close every session at once; a waiting poll and every WebSocket are told.

        No new session opens from then on until `start`, not even over a connection that is left.
        """
        self._handshakes.accepting = False
        for connection in list(self.sessions.values()):
            connection.session.fail(FORCED_CLOSE, "the server closes")
            connection.settle()
        for polling in list(self.departing.values()):
            polling.answer_close()
        self._handshakes.cancel()
        if self._started:
            self.timer.cancel()
            self._started = False

    # -- requests

    def handle(self, exchange: Exchange) -> None:
        """Answer a request for this server's path."""
        request = exchange.request
        if self._proxies is not None and not self._proxies.apply(request):
            self.complain(
                "forwarded",
                "X-Forwarded-For and Forwarded name different clients, so neither is believed: let "
                "the proxy remove the one that it does not set",
            )
        try:
            self._route(exchange, request)
        except RequestRefused as error:
            self.refuse(exchange, error)

    def _route(self, exchange: Exchange, request: Request) -> None:
        """Check a request, and hand it to the session of its `sid`, or to the handshakes."""
        # Engine.IO v4, "Query parameters". The order of the checks is the official server's: a
        # request that is wrong twice gets the same answer.
        if request.method == "OPTIONS" and isinstance(self.options.cors, CorsOptions):
            if "origin" in request.headers:
                self._origins.check(request, request.headers["origin"])
            exchange.respond(204, self.options.cors.preflight_headers(request), b"")
            return
        query = request.query
        transport = query.get("transport", "")
        if transport not in self.options.transports:
            raise RequestRefused(Code.TRANSPORT_UNKNOWN, f"got the transport {transport!r}")
        if "origin" in request.headers:
            self._origins.check(request, request.headers["origin"])
        if "j" in query:
            raise RequestRefused(Code.BAD_REQUEST, "JSONP is not supported")
        if TRANSPORTS[transport].is_stream != request.websocket:
            raise RequestRefused(
                Code.BAD_REQUEST, f"got the transport {transport} on the wrong kind of request"
            )
        if "sid" in query:
            self._continue(exchange, request, query)
            return
        # What the hooks set in their context is for this session alone: uvloop reads all
        # connections of a server in one context.
        copy_context().run(self._handshakes.begin, exchange, query)

    def _continue(self, exchange: Exchange, request: Request, query: Mapping[str, str]) -> None:
        """Hand a request to the session of its `sid`."""
        sid = query["sid"]
        connection = self.sessions.get(sid)
        if connection is not None:
            if self.timer.check(connection.session):
                connection.flush()
            connection = self.sessions.get(sid)
        if connection is None:
            departing = self.departing.get(sid)
            if departing is None or request.websocket or request.method != "GET":
                # Engine.IO v4, "Sending data" and "Receiving data".
                raise RequestRefused(Code.SESSION_ID_UNKNOWN, "got the id of no open session")
            departing.get(exchange)
            return
        if query.get("EIO", PROTOCOL_VERSION) != PROTOCOL_VERSION:
            raise RequestRefused(Code.BAD_REQUEST, "got another EIO than the session's")
        if request.websocket:
            self._upgrade(exchange, connection, base64=bool(query.get("b64")))
            return
        if not isinstance(connection.carrier, Polling):
            raise RequestRefused(Code.BAD_REQUEST, "the session is carried by a WebSocket")
        if request.method == "GET":
            connection.carrier.get(exchange)
        elif request.method == "POST":
            connection.carrier.post(exchange)
        else:
            raise RequestRefused(Code.BAD_REQUEST, f"got {request.method} for a session")

    def _upgrade(self, exchange: Exchange, connection: Connection, *, base64: bool) -> None:
        headers = self.response_headers(exchange.request, (), connection)
        websocket = exchange.accept(connection, headers, candidate=True, base64=base64)
        begun = connection.session.begin_upgrade(self.loop.time(), self._upgrades)
        if begun:
            connection.candidate = websocket
            self.timer.watch(connection.session)
        websocket.start()
        if not begun:
            # A session has one WebSocket (Engine.IO v4, "WebSocket"). As with the official server,
            # another one opens and closes: its client sees no HTTP error.
            websocket.close()

    def _initial_headers(self, request: Request) -> Headers:
        return self.response_headers(request, (), None, initial=True)

    def refuse(self, exchange: Exchange, error: RequestRefused) -> None:
        """Answer a request with an error and report it."""
        request = exchange.request
        logger.debug("refused a request of %s: %s", request.client, error)
        if self.options.connection_error is not None:
            try:
                self.options.connection_error(error, request)
            except Exception:
                logger.exception("connection_error failed")
        body = orjson.dumps({"code": error.code.value, "message": error.message})
        headers: list[tuple[str, str]] = [("Content-Type", "application/json")]
        if error.status == 426:
            headers.append(("Sec-WebSocket-Version", "13"))
        exchange.respond(error.status, self.response_headers(request, headers, None), body)

    def complain(self, kind: str, message: str) -> None:
        """Log what a peer did as a warning, but of each kind only a bounded number."""
        left_out = self._complaints.admit(kind, self.loop.time())
        if left_out is not None:
            more = f" ({left_out} more were not logged)" if left_out else ""
            logger.warning("%s%s", message, more)

    def _new_account(self) -> Account:
        options = self.options
        # Every owner may send a message of the largest size that is allowed.
        least = 2 * options.max_http_buffer_size
        per_owner = {
            "address": max(least, options.max_held_per_address),
            "user": max(least, options.max_held_per_user),
        }
        return Account(options.max_held, per_owner, partial(self.complain, "held"))

    # -- what the connections ask for

    def forget(self, connection: Connection) -> None:
        """Stop counting a session: it is over."""
        self.timer.forget(connection.session)
        if not connection.request.websocket:
            self.pollers.remove(connection.request.peer)
        self.quotas.release(connection.seats)
        self.sessions.pop(connection.sid, None)
