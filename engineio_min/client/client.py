"""A client's session: it opens, polls, upgrades, and closes.

A `Client` is one session, as a `Connection` is on the server; whoever wants to come back makes
another one. The rules are in `client_session.py`; here requests are sent and answered, a WebSocket
is opened beside them, and the application is told. Everything happens on one event loop, in no
thread; a session on WebSocket has no task of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from threading import get_ident
from typing import Any, Unpack
from urllib.parse import quote, urlencode

from engineio_min.client.address import parse_url
from engineio_min.client.http import HttpClient
from engineio_min.client.options import ClientOptions, ClientOptionValues
from engineio_min.client.websocket import ClientWebSocket, open_websocket
from engineio_min.errors import ConnectionFailed, PacketError, UsageError
from engineio_min.option_checks import check_names
from engineio_min.protocol.client_session import ClientSession, Opened, UpgradeAbandoned
from engineio_min.protocol.open_packet import OpenPacket
from engineio_min.protocol.packets import (
    PROBE_PING,
    PROTOCOL_VERSION,
    Message,
    Packet,
    decode_payload,
    encode_base64,
    encode_payload,
    message_packet,
)
from engineio_min.protocol.session import (
    CLOSED,
    FORCED_CLOSE,
    OPENED,
    POLLING,
    TRANSPORT_ERROR,
    WEBSOCKET,
    Closed,
    Upgraded,
)
from engineio_min.timer import Timer

logger = logging.getLogger("engineio_min")

Tap = Callable[[str, Packet], object]


class Client:
    """A client of an Engine.IO v4 server, for one session.

    Takes the options of `ClientOptions` as keyword arguments. `on_message(message)`,
    `on_close(reason, description)` and `on_upgrade()` are set by the application before `connect`;
    `tap(direction, packet)` sees every packet, direction "in" or "out". There is a `session`, and
    something to send to, from `connect` on.

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
        self._thread = 0
        self._warned_of_threads = False
        self._timer: Timer
        self._http: HttpClient
        self._opening: asyncio.Future[None] | None = None
        self._failure: ConnectionFailed | None = None
        self._over = False
        # `close` was called: no other transport is tried.
        self._left = False
        self._websocket: ClientWebSocket | None = None
        self._candidate: ClientWebSocket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._poll_task: asyncio.Task[None] | None = None
        self._upgrade_task: asyncio.Task[None] | None = None
        self._flush_queued = False
        self._running = asyncio.Event()
        self._running.set()
        self._waiters: list[asyncio.Future[None]] = []

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
        self._thread = get_ident()
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
        self.session = ClientSession(transport, options.timing, self._loop.time(), self._queue)
        self._timer.watch(self.session)
        if transport == POLLING:
            self._poll_on()
        else:
            self._start(self._open_websocket())
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
            await self._wait()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def drained(self) -> None:
        """Wait until everything queued has been handed to the transport, or the session is over.

        Raises:
            UsageError: `connect` was not called.
        """
        self._check_begun()
        while not self._is_drained():
            await self._wait()

    def _check_begun(self) -> None:
        if self._opening is None:
            raise UsageError("got no session yet, expected one: await connect() first")

    async def _wait(self) -> None:
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        await waiter

    def _is_drained(self) -> bool:
        session = self.session
        if session.phase == CLOSED:
            return True
        return session.idle and session.waiting

    def pause(self) -> None:
        """Take nothing more from the server until `resume`."""
        if self._running.is_set():
            self._running.clear()
            if self._websocket is not None:
                self._websocket.pause()

    def resume(self) -> None:
        """Take packets from the server again."""
        if not self._running.is_set():
            self._running.set()
            if self._websocket is not None:
                self._websocket.resume()

    @property
    def opened(self) -> bool:
        """Whether messages can be sent now, and the server is not overdue with a ping."""
        return (
            self._opening is not None
            and self.session.phase == OPENED
            and not self.session.expired(self._loop.time())
        )

    @property
    def transport(self) -> str:
        """What carries the session now: "polling" or "websocket".

        Raises:
            UsageError: `connect` was not called.
        """
        self._check_begun()
        return self.session.transport

    @property
    def handshake(self) -> OpenPacket:
        """What the server said when the session was opened.

        Raises:
            UsageError: it was not opened.
        """
        handshake = None if self._opening is None else self.session.handshake
        if handshake is None:
            raise UsageError("the session was never open: await connect() first")
        return handshake

    # -- polling

    def _poll_on(self) -> None:
        if self._poll_task is None or self._poll_task.done():
            self._poll_task = self._start(self._poll())

    async def _poll(self) -> None:
        session = self.session
        while session.begin_poll():
            body = await self._request("GET")
            if body is None:
                return
            self._receive(decode_payload(body, self.options.max_packets))
            session.polled()
            self._flush()
            await self._running.wait()

    async def _post(self, packets: list[Packet]) -> None:
        if await self._request("POST", encode_payload(packets)) is not None:
            self.session.posted()
            self._flush()

    async def _request(self, method: str, body: bytes | None = None) -> bytes | None:
        """Send one of polling's requests; None when it failed, and the session with it."""
        try:
            response = await self._http.request(method, self._target(POLLING), body)
            if response.status != 200:
                raise response.refusal()
        except ConnectionFailed as error:
            self._failed(error)
            return None
        return response.body

    def _failed(self, error: ConnectionFailed) -> None:
        # `connect` raises this very error, with what it knows besides its text.
        self._failure = error
        self.session.fail(TRANSPORT_ERROR, str(error))
        self._flush()

    def _target(self, transport: str) -> str:
        parameters = {**self.options.query, "EIO": PROTOCOL_VERSION, "transport": transport}
        handshake = self.session.handshake
        if handshake is not None:
            parameters["sid"] = handshake.sid
        if self.options.force_base64:
            parameters["b64"] = "1"
        query = urlencode(parameters, quote_via=quote, errors="replace")
        if self.address.query:
            # As it is in the URL, but for what would end a request line.
            query = quote(self.address.query, safe="%/:?#[]@!$&'()*+,;=~") + "&" + query
        return f"{quote(self.options.path, safe='/%')}?{query}"

    # -- WebSocket

    async def _open_websocket(self) -> None:
        try:
            websocket = await self._handshake()
        except ConnectionFailed as error:
            self._failed(error)
            return
        # The WebSocket tells what happens from here on; `Opened` may be in its first bytes.
        self._websocket = websocket
        websocket.start()

    async def _upgrade(self) -> None:
        try:
            candidate = await self._handshake()
        except ConnectionFailed as error:
            self.session.abandon_upgrade(str(error))
            return
        self._candidate = candidate
        self._write(candidate, [PROBE_PING])
        candidate.start()

    async def _handshake(self) -> ClientWebSocket:
        return await open_websocket(
            self._http,
            self._target(WEBSOCKET),
            self,
            deflate_threshold=self.options.deflate_threshold,
        )

    def receive_from(self, websocket: ClientWebSocket, packets: list[Packet]) -> None:
        """Take the packets of a WebSocket; see `PacketSink`."""
        if websocket is self._websocket:
            self._receive(packets)
        else:
            while packets and websocket is self._candidate:
                packet = packets.pop(0)
                if self.tap is not None:
                    self.tap("in", packet)
                self.session.receive_probe(packet)
                self._flush()
        if self.session.events or not self.session.idle:
            self._flush()

    def lost(self, websocket: ClientWebSocket, reason: str, description: str) -> None:
        """Act on the end of a WebSocket; see `PacketSink`."""
        if websocket is self._websocket:
            self.session.fail(reason, description)
        elif websocket is self._candidate:
            self.session.abandon_upgrade(description)
        self._flush()

    def writable_changed(self, websocket: ClientWebSocket) -> None:
        """Act on a WebSocket that takes data again, or no more; see `PacketSink`."""
        if websocket is self._websocket:
            if websocket.writable:
                self.session.unblock()
            else:
                self.session.block()
            self._queue()

    # -- in and out

    def _receive(self, packets: Iterable[Packet]) -> None:
        """Give packets to the session and their messages to the application."""
        session = self.session
        now = self._loop.time()
        tap = self.tap
        session.attended = True
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
        finally:
            session.attended = False

    def _queue(self) -> None:
        if not self._flush_queued:
            self._flush_queued = True
            if get_ident() == self._thread:
                self._loop.call_soon(self._flush)
            else:
                self._flush_from_another_thread()

    def _flush_from_another_thread(self) -> None:
        # `call_soon` would not wake the loop: what was sent would wait for the server's next ping.
        self._loop.call_soon_threadsafe(self._flush)
        if not self._warned_of_threads:
            self._warned_of_threads = True
            logger.warning(
                "a message was sent in another thread than the event loop's, which is not safe: "
                "use loop.call_soon_threadsafe(client.emit, ...), or socketio_min.BlockingClient"
            )

    def _flush(self) -> None:
        """Send what is queued, and act on what has happened."""
        self._flush_queued = False
        session = self.session
        websocket = self._websocket
        if session.events:
            self._handle_events()
        if session.transport == WEBSOCKET:
            if websocket is not None:
                packets = session.take()
                if packets:
                    self._write(websocket, packets)
        else:
            packets = session.take()
            if packets:
                self._tell_tap(packets)
                self._start(self._post(packets))
        if session.events:
            self._handle_events()
        if self._waiters and (self._over or self._is_drained()):
            self._release_waiters()

    def _write(self, websocket: ClientWebSocket, packets: list[Packet]) -> None:
        self._tell_tap(packets)
        if self.options.force_base64:
            packets = [encode_base64(p) if isinstance(p, bytes) else p for p in packets]
        websocket.write(packets)

    def _tell_tap(self, packets: list[Packet]) -> None:
        if self.tap is not None:
            for packet in packets:
                self.tap("out", packet)

    def _handle_events(self) -> None:
        session = self.session
        while session.events:
            event = session.events.pop(0)
            if isinstance(event, Opened):
                self._opened()
            elif isinstance(event, Upgraded):
                self._websocket, self._candidate = self._candidate, None
                # A candidate has sent no more than its probe: it takes data.
                if self._websocket is not None and not self._running.is_set():
                    self._websocket.pause()
                # Polling is over, and so are its connections.
                self._http.close()
                self.on_upgrade()
                self._queue()
            elif isinstance(event, UpgradeAbandoned):
                self._drop_candidate()
                if session.phase == OPENED:
                    self._poll_on()
            else:
                self._closed(event)

    def _opened(self) -> None:
        if self._opening is not None and not self._opening.done():
            self._opening.set_result(None)
        # The server's times may be shorter than the time that opening was given.
        self._timer.watch(self.session)
        wanted = self.options.upgrade and WEBSOCKET in self.options.transports
        if wanted and self.session.begin_upgrade(self._loop.time()):
            self._timer.watch(self.session)
            self._upgrade_task = self._start(self._upgrade())

    def _drop_candidate(self) -> None:
        if self._upgrade_task is not None:
            self._upgrade_task.cancel()
            self._upgrade_task = None
        candidate, self._candidate = self._candidate, None
        if candidate is not None:
            self._start(candidate.close(self.options.close_timeout))

    def _closed(self, event: Closed) -> None:
        self._over = True
        self._timer.cancel()
        self._running.set()
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        self._drop_candidate()
        websocket, self._websocket = self._websocket, None
        if websocket is not None:
            self._start(websocket.close(self.options.close_timeout))
        self._http.close()
        if self.session.handshake is not None:
            self.on_close(event.reason, event.description)
        elif self._opening is not None and not self._opening.done():
            self._opening.set_exception(self._failure or ConnectionFailed(event.description))

    # -- tasks

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.result()

    def _release_waiters(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


def _ignore(*_arguments: object) -> None:
    """Stand in for a callback that was not set."""
