"""One client: its session, and what carries it at the moment.

The application above sees this object; the carriers below give it packets and are told to flush.
What both may ask of the server (`Engine`), and what the server asks of a request (`Exchange`), is
in this file too, because each names the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Protocol

from engineio_min.errors import RequestRefused
from engineio_min.limits.account import Account, Group, Owner
from engineio_min.limits.quotas import Seat
from engineio_min.limits.turn_share import TurnShare
from engineio_min.options import ServerOptions
from engineio_min.protocol.frame_encoding import Encoder
from engineio_min.protocol.packets import Message, Packet, message_packet
from engineio_min.protocol.phases import BacklogChanged, Closed, Upgraded
from engineio_min.protocol.reasons import APPLICATION, FORCED_CLOSE, TRANSPORT_ERROR, UNSENT
from engineio_min.protocol.session import Session, Timing
from engineio_min.request import Headers, Request
from engineio_min.timer import Timer
from engineio_min.transports.carrier import GONE, Carrier, WebSocketCarrier
from engineio_min.transports.content_coding import Compressor
from engineio_min.transports.endings import log_end
from engineio_min.waiters import Waiters

if TYPE_CHECKING:
    from websockets.extensions import Extension
    from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

logger = logging.getLogger("engineio_min")


class Exchange(Protocol):
    """One request and its answer.

    Exactly one of `respond` and `accept` is called, once. `on_abort` is called if the peer goes
    away first; neither may be called then.
    """

    request: Request
    on_abort: Callable[[], None] | None

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer. If the request's body was not read, the connection is closed after it."""

    def read_body(
        self, limit: int, done: Callable[[bytes | None], None], hold: Callable[[int], None]
    ) -> None:
        """Read the body and call `done` with it, or with None once it is larger than `limit` bytes.

        Meanwhile `hold(size)` is called whenever `size` bytes more are kept, or fewer if negative.
        Once the exchange is answered, `done` is not called any more.
        """

    def untaken(self) -> tuple[int, int]:
        """Return the bytes of the answer that wait for the peer, and the bytes that the peer has
        confirmed on this connection; see `unsent_and_confirmed`.
        """

    def accept(
        self, connection: Connection, headers: Headers, *, candidate: bool, base64: bool
    ) -> WebSocketCarrier:
        """Become the WebSocket of `connection`; nothing is read from it before `start`.

        candidate: it comes after the handshake, and has to probe before it carries the session
        (Engine.IO v4, "Upgrade").
        base64: binary messages leave as text, because the client's query has `b64`.

        Raises:
            RequestRefused: the WebSocket handshake is invalid; nothing was sent.
        """


class Departing(Protocol):
    """What is left of a polling session that its client has just closed."""

    def get(self, exchange: Exchange) -> None:
        """Answer the GET that was sent together with the close packet."""

    def answer_close(self) -> None:
        """Answer the POST of the close packet."""


class Engine(Protocol):
    """What a connection and its carriers may ask of their server, and nothing else.

    `encoder` makes each frame of a turn of the loop once, for all connections without an agreement.
    `text_limit` is the most bytes of a text message and of the body of a POST; `long_texts` tells
    whether the application decodes long ones itself, as `LongText`; `compressor` compresses the
    large answers of polls; `wake` has a connection flushed at the end of this turn of the event
    loop, or of one of the next.
    """

    options: ServerOptions
    timing: Timing
    loop: asyncio.AbstractEventLoop
    timer: Timer
    account: Account
    encoder: Encoder
    compressor: Compressor
    deflate: ServerPerMessageDeflateFactory | None
    text_limit: int
    long_texts: bool
    turn_share: TurnShare
    departing: dict[str, Departing]
    wake: Callable[[Connection], None]

    def owners_of(self, request: Request, user: str | None) -> Iterable[Owner]:
        """Return the address and the user whose limits count what is held for a client."""

    def agreed_encoder(self, extensions: Sequence[Extension], *, base64: bool) -> Encoder:
        """Return the encoder of all connections that have agreed on `extensions`. With `base64`
        binary messages leave as text.
        """

    def forget(self, connection: Connection) -> None:
        """Stop counting `connection`: its session is over."""

    def refuse(self, exchange: Exchange, error: RequestRefused) -> None:
        """Answer a request with an error and report it."""

    def complain(self, kind: str, message: str) -> None:
        """Log `message` as a warning, but of each kind only a bounded number."""

    def response_headers(
        self, request: Request, headers: Headers, connection: Connection | None
    ) -> Headers:
        """Return `headers` with those of every answer."""


class Listener(Protocol):
    """What hears of the end of a connection."""

    def closed(self, reason: str) -> None:
        """Note that the connection is over."""


class Connection:
    """One client, as the application above sees it.

    `on_message(message)` and `on_close(reason)` are set by the application, or a `listener` instead
    of `on_close`: an object that is there anyway takes less memory than its method. `request` is
    the handshake's, `data` is the application's own, `paused` tells whether nothing is taken from
    the client.
    """

    __slots__ = (
        "_pauses",
        "_unsent_held",
        "candidate",
        "carrier",
        "context",
        "data",
        "groups",
        "held",
        "listener",
        "on_close",
        "on_message",
        "paused",
        "request",
        "seats",
        "server",
        "session",
        "user",
        "waiters",
    )

    def __init__(self, server: Engine, request: Request, sid: str, transport: str) -> None:
        self.server = server
        self.request = request
        now = server.loop.time()
        self.session = Session(sid, transport, server.timing, now, server.wake, self)
        self.carrier: Carrier
        self.candidate: WebSocketCarrier | None = None
        self.on_message: Callable[[Message], object] = ignore
        self.on_close: Callable[[str], object] = ignore
        self.listener: Listener | None = None
        self.data: Any = None
        # Whether nothing is taken from the client, and the reasons for it.
        self.paused = False
        self._pauses = 0
        # `held` and `groups` are the account's; `_unsent_held` is the part that the client has not
        # taken.
        self.held = 0
        self.groups: tuple[Group, ...] = ()
        self._unsent_held = 0
        # The user that the application has named; see `count_for`.
        self.user: str | None = None
        # What this session is counted for; see `Quotas`.
        self.seats: tuple[Seat, ...] = ()
        self.waiters: Waiters | None = None
        # The context that the application's functions for this client run in.
        self.context = copy_context()

    # -- the application's side

    @property
    def sid(self) -> str:
        """Return the session's id: a secret of the client, not to be shown to others."""
        return self.session.sid

    @property
    def transport(self) -> str:
        """Return the name of the present transport: "polling" or "websocket"."""
        return self.session.transport

    def send(self, message: Message, *, compress: bool = True) -> None:
        """Queue a message; it leaves in order, at the end of this turn of the event loop. Never
        blocks.
        """
        self.session.send(message_packet(message, compress=compress))

    def close(self) -> None:
        """Close after everything queued has been sent."""
        self.session.close(self.server.loop.time())
        self.server.timer.watch(self.session)

    async def drained(self) -> None:
        """Wait until everything queued has been handed to the transport, or the session is over."""
        if not self.session.drained:
            if self.waiters is None:
                self.waiters = Waiters()
            await self.waiters.wait()

    @property
    def unsent(self) -> int:
        """Count the bytes that wait for the client in this process."""
        return self.session.unsent + self.carrier.unsent

    def pause(self, reason: int = APPLICATION) -> None:
        """Take nothing more from the client until `resume` with the same reason, a bit; see
        `protocol/reasons.py`.
        """
        if not self._pauses:
            self.paused = True
            self.session.pause()
            self.carrier.pause()
        self._pauses |= reason

    def resume(self, reason: int = APPLICATION) -> None:
        """Take packets from the client again, unless there is another reason not to."""
        if self._pauses & reason:
            self._pauses &= ~reason
            if not self._pauses:
                self.paused = False
                self.session.resume(self.server.loop.time())
                self.carrier.resume()

    def count_for(self, user: str | None) -> None:
        """Count what is held for this client for `user` as well (`max_held_per_user`); None is
        nobody.

        This is for an application that learns after the handshake who the client is; the option
        `user` names the user of a handshake.
        """
        self.user = user
        self.server.account.move(self)

    # -- what is held

    def hold(self, size: int) -> None:
        """Count `size` bytes more that are kept for the client, or fewer if negative."""
        self.server.account.add(self, size)

    def owners(self) -> Iterable[Owner]:
        """Return the address and the user that the held bytes count for as well."""
        return self.server.owners_of(self.request, self.user)

    def let_go(self) -> None:
        """End the session: too much is held for all clients, and most of it for this one."""
        self.carrier.let_go()
        if self.candidate is not None:
            self.candidate.let_go()
        self.session.fail(TRANSPORT_ERROR, "too much is held for all connections")
        self._hold_unsent(0)

    def _hold_unsent(self, size: int) -> None:
        """Count what waits for the client."""
        before, self._unsent_held = self._unsent_held, size
        self.hold(size - before)

    def _count_unsent(self) -> None:
        """Count what waits for the client. While that is much, read no packet that causes an
        answer.
        """
        size = self.session.held
        limit = self.server.options.max_held_per_connection
        self._hold_unsent(size)
        if size > limit:
            self.pause(UNSENT)
        elif size <= limit // 2:
            self.resume(UNSENT)

    # -- the carriers' side

    def call(self, function: Callable[..., object], *args: Any) -> None:
        """Call a function of the application's in the client's context, or in a copy of it if a
        caller is in that context already: one of the client's own handlers may end its connection.
        """
        try:
            self.context.run(function, *args)
        except RuntimeError as error:
            traceback = error.__traceback__
            if traceback is None or traceback.tb_next is not None:
                # The error is the function's own.
                raise
            self.context.copy().run(function, *args)

    def receive_all(self, packets: Iterable[Packet]) -> None:
        """Receive the packets of one read, and give their messages to the application.

        The caller runs this in `context`: a ContextVar that a function of the application sets is
        there for the client's later ones and for no other client's, on every event loop. The caller
        flushes afterwards, so what the application sends meanwhile leaves in one write. A failure
        of the application costs this connection, nothing else.

        Raises:
            PacketError: as `packets` does when it is iterated.
        """
        session = self.session
        receive = session.receive
        now = self.server.loop.time()
        for packet in packets:
            message = receive(packet, now)
            if message is not None:
                try:
                    self.on_message(message)
                except Exception:
                    logger.exception("the message handler failed; closing the session")
                    session.fail(FORCED_CLOSE, "the message handler failed")

    def flush(self) -> None:
        """Hand what is queued to the carrier, and act on what that causes."""
        self.carrier.flush()
        if self.session.events or self.waiters:
            self.settle()

    def settle(self) -> None:
        """Act on the session's events, and tell those who wait for an empty queue."""
        session = self.session
        while session.events:
            event = session.events.pop(0)
            if isinstance(event, Upgraded):
                self._take_over()
            elif isinstance(event, BacklogChanged):
                self._count_unsent()
            elif isinstance(event, Closed):
                self._closed(event)
            elif self.candidate is not None:
                candidate, self.candidate = self.candidate, None
                candidate.close()
        if self.waiters is not None and session.drained:
            self.waiters.release()
            self.waiters = None

    def outlive_loop(self) -> None:
        """End the session of an event loop that is closed."""
        self.carrier = GONE
        self.candidate = self.waiters = None
        self.session.fail(FORCED_CLOSE, "its event loop was closed without the server")
        self.settle()

    def _take_over(self) -> None:
        polling, candidate = self.carrier, self.candidate
        assert candidate is not None
        self.carrier, self.candidate = candidate, None
        polling.close()
        if self.paused:
            candidate.pause()
        candidate.take_over()

    def _closed(self, event: Closed) -> None:
        self.server.forget(self)
        self._hold_unsent(0)
        log_end(self.server, self.session, self.request, event, self.server.loop.time())
        candidate, self.candidate = self.candidate, None
        if candidate is not None:
            candidate.close()
        self.carrier.flush()
        self.carrier.close()
        listener, self.listener = self.listener, None
        try:
            self.call(self.on_close if listener is None else listener.closed, event.reason)
        except Exception:
            logger.exception("the close handler failed")
        self.on_message = self.on_close = ignore
        # The carrier refers to this connection: together they would be a circle.
        self.carrier = GONE


def ignore(_value: object) -> None:
    """Do nothing."""
