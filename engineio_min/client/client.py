"""A client's session: it opens, polls, upgrades, and closes.

A `Client` is one session, as a `Connection` is on the server; an application that wants to come
back makes another one. The rules are in `client_session.py`; here requests are sent and answered, a
WebSocket is opened beside them, and the application is told. Everything happens on one event loop,
in no thread; a session on WebSocket has no task of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple, Unpack

from engineio_min.client.address import parse_url, request_target
from engineio_min.client.http import HttpClient
from engineio_min.client.options import ClientOptions, ClientOptionValues
from engineio_min.client.polling import ClientPolling
from engineio_min.client.stream import Stream
from engineio_min.client.tasks import Tasks
from engineio_min.client.websocket import ClientWebSocket, PacketSink, open_websocket
from engineio_min.end_of_turn import EndOfTurn
from engineio_min.errors import ConnectionFailed, PacketError, UsageError
from engineio_min.option_checks import check_names
from engineio_min.protocol.client_session import ClientSession
from engineio_min.protocol.open_packet import OpenPacket
from engineio_min.protocol.packets import (
    PROTOCOL_VERSION,
    Message,
    Packet,
    message_packet,
)
from engineio_min.protocol.phases import OPENED, Closed, Opened, UpgradeAbandoned, Upgraded
from engineio_min.protocol.reasons import FORCED_CLOSE, TRANSPORT_ERROR
from engineio_min.protocol.transports import POLLING, WEBSOCKET
from engineio_min.timer import Timer

logger = logging.getLogger("engineio_min")

ADVICE = "use loop.call_soon_threadsafe(client.emit, ...), or socketio_min.BlockingClient"

Tap = Callable[[str, Packet], object]


class Carried(NamedTuple):
    """What a transport does for a session: `begin` carrying it, and `send` what is queued."""

    begin: Callable[[], None]
    send: Callable[[], None]


class Client:
    """A client of an Engine.IO v4 server, for one session.

    Takes the options of `ClientOptions` as keyword arguments. `on_message(message)`,
    `on_close(reason, description)` and `on_upgrade()` are set by the application before `connect`;
    `tap(direction, packet)` sees every packet, direction "in" or "out". There is a `session`, which
    takes messages, from `connect` on.

    Raises:
        UsageError: there is no such option, or it or the URL cannot have this value.
    """

    def __init__(self, url: str, **options: Unpack[ClientOptionValues]) -> None:
        check_names(options, ClientOptionValues.__optional_keys__)
        self.options = ClientOptions(**options)
        self.address = parse_url(url)
        self.on_message: Callable[[Message], object] = _ignore
        self.on_close: Callable[[str, str], object] = _ignore
        self.on_upgrade: Callable[[], object] = _ignore
        self.tap: Tap | None = None
        self.session: ClientSession
        self._loop: asyncio.AbstractEventLoop
        self._end_of_turn: EndOfTurn
        self._timer: Timer
        self._http: HttpClient
        self._polling: ClientPolling
        self._stream: Stream
        # How each transport begins, and sends what is queued.
        self._carried: dict[str, Carried]
        self._opening: asyncio.Future[None] | None = None
        self._failure: ConnectionFailed | None = None
        self._over = False
        # `close` was called: no other transport is tried.
        self._left = False
        self._tasks = Tasks()
        self._poll_task: asyncio.Task[None] | None = None
        self._running = asyncio.Event()
        self._running.set()

    # -- the application's side

    async def connect(self) -> None:
        """Open the session. A client is used once: call this once.

        Raises:
            ConnectionFailed: it could not be opened; nothing of it is left.
            UsageError: the client was used already.
        """
        if self._opening is not None:
            raise UsageError("this client was used already: make another one for another session")
        self._loop = asyncio.get_running_loop()
        self._end_of_turn = EndOfTurn(self._loop, self._flush, ADVICE)
        self._timer = Timer(self._loop)
        transports = list(self.options.transports)
        while True:
            try:
                await self._open(transports.pop(0))
            except ConnectionFailed:
                if not transports or not self.options.try_all_transports or self._left:
                    raise
            else:
                return

    async def _open(self, transport: str) -> None:
        options = self.options
        self._opening = self._loop.create_future()
        self._failure = None
        self._over = False
        self._http = HttpClient(
            self.address,
            ssl=options.ssl,
            headers=options.extra_headers,
            max_body=options.max_receive_size,
        )
        self.session = ClientSession(
            transport, options.timing, self._loop.time(), self._end_of_turn.ask
        )
        self._polling = ClientPolling(
            self.session,
            self._http,
            partial(self._target, POLLING),
            self._running,
            max_packets=options.max_packets,
            receive=self._receive,
            flush=self._flush,
            failed=self._failed,
        )
        self._stream = Stream(
            self.session,
            self._open_websocket,
            self._tasks.start,
            receive=self._receive,
            tell=self._tell_tap,
            flush=self._flush,
            soon=self._end_of_turn.ask,
            failed=self._failed,
            force_base64=options.force_base64,
        )
        self._carried = {
            POLLING: Carried(self._poll_on, self._post_queued),
            WEBSOCKET: Carried(self._stream.begin, self._stream.send),
        }
        self._timer.watch(self.session)
        self._carried[transport].begin()
        try:
            await self._opening
        except BaseException:
            # A cancelled attempt leaves as little behind as a failed one.
            self.session.fail(TRANSPORT_ERROR, "the attempt was cancelled")
            self._flush()
            await self.wait_closed()
            raise

    def send(self, message: Message) -> None:
        """Queue a message; it leaves in order, at the end of this turn of the event loop.

        Raises:
            UsageError: `connect` was not called, or the message is larger than the server takes.
        """
        self._check_begun()
        packet = message_packet(message)
        self.session.check_size(packet)
        self.session.send(packet)

    def close(self) -> None:
        """Close after everything queued has been sent; `wait_closed` waits for it.

        Raises:
            UsageError: `connect` was not called.
        """
        self._check_begun()
        self._left = True
        self.session.close(self._loop.time())
        self._timer.watch(self.session)

    async def wait_closed(self) -> None:
        """Wait until the session is over and nothing of it is left.

        The wait for the server is bounded: by `close_timeout` for the last packets, and once more
        for the end of a WebSocket.

        Raises:
            UsageError: `connect` was not called.
        """
        self._check_begun()
        while not self._over:
            await self._tasks.change()
        await self._tasks.finished()

    async def drained(self) -> None:
        """Wait until everything queued has been handed to the transport, or the session is over.

        Raises:
            UsageError: `connect` was not called.
        """
        self._check_begun()
        while not self.session.drained:
            await self._tasks.change()

    def _check_begun(self) -> None:
        if self._opening is None:
            raise UsageError("got no session yet, expected one: await connect() first")

    def pause(self) -> None:
        """Take nothing more from the server until `resume`."""
        if self._running.is_set():
            self._running.clear()
            if self._opening is not None:
                self._stream.pause()

    def resume(self) -> None:
        """Take packets from the server again."""
        if not self._running.is_set():
            self._running.set()
            if self._opening is not None:
                self._stream.resume()

    @property
    def opened(self) -> bool:
        """Return whether messages can be sent now, and the server is not overdue with a ping."""
        return (
            self._opening is not None
            and self.session.phase == OPENED
            and not self.session.expired(self._loop.time())
        )

    @property
    def transport(self) -> str:
        """Return the name of the present transport: "polling" or "websocket".

        Raises:
            UsageError: `connect` was not called.
        """
        self._check_begun()
        return self.session.transport

    @property
    def handshake(self) -> OpenPacket:
        """Return what the server said in its open packet (Engine.IO v4, "Handshake").

        Raises:
            UsageError: the session was never open.
        """
        handshake = None if self._opening is None else self.session.handshake
        if handshake is None:
            raise UsageError("the session was never open: await connect() first")
        return handshake

    # -- what carries the session

    def _poll_on(self) -> None:
        if self._poll_task is None or self._poll_task.done():
            self._poll_task = self._tasks.start(self._polling.poll())

    async def _open_websocket(self, sink: PacketSink) -> ClientWebSocket:
        return await open_websocket(
            self._http,
            self._target(WEBSOCKET),
            sink,
            deflate_threshold=self.options.deflate_threshold,
        )

    def _target(self, transport: str) -> str:
        parameters = {**self.options.query, "EIO": PROTOCOL_VERSION, "transport": transport}
        handshake = self.session.handshake
        if handshake is not None:
            parameters["sid"] = handshake.sid
        if self.options.force_base64:
            parameters["b64"] = "1"
        return request_target(self.options.path, self.address.query, parameters)

    def _failed(self, error: ConnectionFailed) -> None:
        # `connect` raises this very error, which knows more than its text.
        self._failure = error
        self.session.fail(TRANSPORT_ERROR, str(error))
        self._flush()

    # -- in and out

    def _receive(self, packets: Iterable[Packet]) -> None:
        """Give packets to the session and their messages to the application."""
        session = self.session
        now = self._loop.time()
        tap = self.tap
        try:
            for packet in packets:
                if tap is not None:
                    tap("in", packet)
                message = session.receive(packet, now)
                if message is not None:
                    self.on_message(message)
                elif session.events:
                    self._handle_events()
        except PacketError as error:
            session.fail(TRANSPORT_ERROR, str(error))
        except Exception:
            logger.exception("the message handler failed; closing the session")
            session.fail(FORCED_CLOSE, "the message handler failed")

    def _flush(self) -> None:
        """Send what is queued, and act on what has happened."""
        session = self.session
        if session.events:
            self._handle_events()
        self._carried[session.transport].send()
        if session.events:
            self._handle_events()
        if self._tasks.awaited and (self._over or self.session.drained):
            self._tasks.announce()

    def _post_queued(self) -> None:
        packets = self.session.take()
        if packets:
            self._tell_tap("out", packets)
            self._tasks.start(self._polling.post(packets))

    def _tell_tap(self, direction: str, packets: Sequence[Packet]) -> None:
        if self.tap is not None:
            for packet in packets:
                self.tap(direction, packet)

    def _handle_events(self) -> None:
        session = self.session
        while session.events:
            event = session.events.pop(0)
            if isinstance(event, Opened):
                self._opened()
            elif isinstance(event, Upgraded):
                self._stream.take_over()
                # A candidate has sent no more than its probe: it takes data.
                if not self._running.is_set():
                    self._stream.pause()
                # Polling is over, and so are its connections.
                self._http.close()
                self.on_upgrade()
                self._end_of_turn.ask()
            elif isinstance(event, UpgradeAbandoned):
                self._stream.upgrade.drop(self.options.close_timeout)
                if session.phase == OPENED:
                    self._poll_on()
            else:
                self._closed(event)

    def _opened(self) -> None:
        if self._opening is not None and not self._opening.done():
            self._opening.set_result(None)
        # The server's times may be shorter than the time that opening was given.
        self._timer.watch(self.session)
        if self.session.begin_upgrade(self._loop.time(), self.options.upgrades):
            self._timer.watch(self.session)
            self._stream.upgrade.begin()

    def _closed(self, event: Closed) -> None:
        self._over = True
        self._timer.cancel()
        self._running.set()
        self._tasks.cancel()
        self._stream.close(self.options.close_timeout)
        self._http.close()
        if self.session.handshake is not None:
            self.on_close(event.reason, event.description)
        elif self._opening is not None and not self._opening.done():
            self._opening.set_exception(self._failure or ConnectionFailed(event.description))


def _ignore(*_arguments: object) -> None:
    """Stand in for a callback that was not set."""
