"""The connection under a client's namespaces, and coming back.

Each connection is an Engine.IO session of its own. One task opens it, waits for its end, and tries
again as long as a namespace wants it; a namespace that comes back in the same breath in which the
last one left finds no connection and gets a new one, while the old one says goodbye.

The handlers of all its namespaces share one `Turns`, which outlives each connection as they do.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import engineio_min
from engineio_min.client.client import Tap
from engineio_min.client.options import ClientOptionValues
from engineio_min.protocol.session import PARSE_ERROR
from socketio_min.client.options import ClientLimits, ReconnectionOptions
from socketio_min.errors import ConnectionFailed, ConnectionRefused, ProtocolError
from socketio_min.failures import FAILURES, log_failure
from socketio_min.protocol.backoff import Backoff
from socketio_min.protocol.client_peer import ClientPeer
from socketio_min.protocol.packets import Packet, encode_connect
from socketio_min.protocol.turns import Turns
from socketio_min.tasks import handler_task, soon

if TYPE_CHECKING:
    from socketio_min.client.namespace import ClientNamespace

logger = logging.getLogger("socketio_min")

CONNECTION_EVENTS = (
    "open",
    "close",
    "upgrade",
    "reconnect_attempt",
    "reconnect",
    "reconnect_error",
    "reconnect_failed",
)


class ClientConnection:
    """What the official client calls a manager: one connection after the other, for all namespaces.

    `engine` is the present session, or None.
    """

    def __init__(
        self,
        url: str,
        engine_options: ClientOptionValues,
        reconnection: ReconnectionOptions,
        limits: ClientLimits,
        max_message: int,
    ) -> None:
        self.namespaces: dict[str, ClientNamespace] = {}
        self.listeners: dict[str, list[Callable[..., object]]] = {}
        self.limits = limits
        self.tap: Tap | None = None
        self.engine: engineio_min.Client | None = None
        self.turns = Turns(limits.max_handlers, soon)
        self._url = url
        self._engine_options = engine_options
        self._reconnection = reconnection
        self._max_message = max_message
        self._peer = ClientPeer(max_message, limits.max_attachments)
        self._attachment_timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        # The tasks of connections that nobody wants any more.
        self._ending: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    # -- what namespaces ask for

    def admit(self, namespace: ClientNamespace) -> None:
        """A namespace wants to be connected."""
        if self.engine is not None:
            self._enter(self.engine, namespace)
        elif self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._keep_connected())

    def release(self) -> None:
        """A namespace was left: without any, the connection ends."""
        if self._wanted or self._task is None:
            return
        # A namespace that comes back in the same breath finds no connection, and makes another.
        task, self._task = self._task, None
        engine = self.engine
        self._use(None)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        if engine is not None:
            engine.close()
        else:
            task.cancel()

    def ended(self) -> Awaitable[None]:
        """Wait until the connections that were left have ended."""
        return asyncio.ensure_future(self._wait_ended())

    async def _wait_ended(self) -> None:
        while self._ending:
            await asyncio.wait(self._ending)

    @property
    def _wanted(self) -> bool:
        return any(namespace.active for namespace in self.namespaces.values())

    @property
    def opened(self) -> bool:
        """Whether the connection is there, as far as one can know."""
        return self.engine is not None and self.engine.opened

    @property
    def writable(self) -> bool:
        """Whether a packet sent now would leave at once; volatile ones are dropped otherwise."""
        return self.engine is not None and self.engine.opened and self.engine.session.writable

    def send(self, text: str, attachments: Sequence[bytes]) -> None:
        """Send a packet on the present connection."""
        assert self.engine is not None
        send = self.engine.session.send
        send("4" + text)
        for attachment in attachments:
            send(attachment)

    async def drain(self) -> None:
        """Wait until everything sent has been handed to the transport."""
        if self.engine is not None:
            await self.engine.drained()

    # -- the connection

    async def _keep_connected(self) -> None:
        """Connect, and connect again, as long as a namespace wants it."""
        options = self._reconnection
        backoff = Backoff(
            options.reconnection_delay,
            options.reconnection_delay_max,
            options.randomization_factor,
            random.random,
        )
        error = ConnectionFailed("the connection was lost, and reconnection is off")
        while True:
            if backoff.attempts:
                self._announce("reconnect_attempt", backoff.attempts)
            engine = engineio_min.Client(self._url, **self._engine_options)
            ended = asyncio.Event()
            engine.tap = self.tap
            engine.on_message = partial(self._receive, engine)
            engine.on_close = partial(self.turns.finish, self._closed, engine, ended)
            engine.on_upgrade = partial(self._announce, "upgrade")
            try:
                await engine.connect()
            except engineio_min.ConnectionFailed as failure:
                error = ConnectionFailed(str(failure), status=failure.status)
                self._attempt_failed(error, backoff)
            else:
                if ended.is_set():
                    error = ConnectionFailed("the connection was closed as soon as it was open")
                    self._attempt_failed(error, backoff)
                else:
                    self._opened(engine, backoff)
                    await ended.wait()
                await engine.wait_closed()
            if self._task is not asyncio.current_task():
                # Nobody wants it any more.
                return
            if not options.reconnection or backoff.attempts == options.reconnection_attempts:
                break
            await asyncio.sleep(backoff.next_delay())
        self._task = None
        if options.reconnection:
            self._announce("reconnect_failed")
        for namespace in self._active():
            namespace.deactivate(error)

    def _active(self) -> list[ClientNamespace]:
        return [namespace for namespace in self.namespaces.values() if namespace.active]

    def _attempt_failed(self, error: ConnectionFailed, backoff: Backoff) -> None:
        for namespace in self._active():
            namespace.failed(error)
        if backoff.attempts:
            self._announce("reconnect_error", error)
        elif self._reconnection.reconnection and not any(
            namespace.handles("connect_error") for namespace in self._active()
        ):
            # Who waits for `connect` would not know what for.
            logger.warning("%s; trying again (see reconnection_attempts)", error)

    def _use(self, engine: engineio_min.Client | None) -> None:
        self.engine = engine
        self.turns.read_from(engine)

    def _opened(self, engine: engineio_min.Client, backoff: Backoff) -> None:
        self._use(engine)
        self._peer = ClientPeer(self._max_message, self.limits.max_attachments)
        attempts = backoff.attempts
        backoff.reset()
        self._announce("open")
        if attempts:
            self._announce("reconnect", attempts)
        for namespace in self._active():
            self._enter(engine, namespace)

    def _enter(self, engine: engineio_min.Client, namespace: ClientNamespace) -> None:
        # A CONNECT that is not answered yet must not be followed by another.
        if not namespace.asked:
            namespace.asked = True
            self._track(self._present(engine, namespace), self._tasks.discard)

    async def _present(self, engine: engineio_min.Client, namespace: ClientNamespace) -> None:
        """Send CONNECT with what the application's auth gives."""
        try:
            packet = encode_connect(namespace.name, await namespace.credentials())
        except Exception:
            logger.exception("the auth of namespace %s failed", namespace.name)
            if engine is self.engine:
                namespace.asked = False
                namespace.give_up(ConnectionRefused("the application's auth failed"))
                self.release()
            return
        if engine is self.engine:
            if namespace.active:
                self.send(packet, ())
            else:
                namespace.asked = False

    def _closed(
        self,
        engine: engineio_min.Client,
        ended: asyncio.Event,
        reason: str,
        description: str,
    ) -> None:
        ended.set()
        if self._attachment_timer is not None:
            self._attachment_timer.cancel()
            self._attachment_timer = None
        self._announce("close", reason, description)
        if engine is self.engine:
            self._use(None)
            for namespace in self.namespaces.values():
                namespace.closed(reason)

    def _announce(self, event: str, *args: object) -> None:
        for listener in self.listeners.get(event, ()):
            try:
                listener(*args)
            except FAILURES as error:
                log_failure(error, "a listener of the connection's %r failed", event)

    # -- what comes in

    def _receive(self, engine: engineio_min.Client, message: str | bytes) -> None:
        """Take a message of the connection."""
        try:
            packet = self._peer.receive(message)
        except ProtocolError as error:
            self._break(engine, error)
            return
        if packet is None or isinstance(message, bytes):
            self._watch_attachments(engine)
        if packet is not None:
            self.turns.call(self._dispatch, engine, packet)

    def _dispatch(self, engine: engineio_min.Client, packet: Packet) -> None:
        namespace = self.namespaces.get(packet[1])
        if namespace is None or engine is not self.engine:
            return
        try:
            namespace.receive(packet)
        except ProtocolError as error:
            self._break(engine, error)

    def _break(self, engine: engineio_min.Client, error: ProtocolError) -> None:
        engine.session.fail(PARSE_ERROR, str(error))

    def _watch_attachments(self, engine: engineio_min.Client) -> None:
        if self._attachment_timer is None:
            seconds = self.limits.attachment_timeout
            late = ProtocolError(f"a packet's attachments did not come within {seconds:g} seconds")
            loop = asyncio.get_running_loop()
            self._attachment_timer = loop.call_later(seconds, self._break, engine, late)
        elif not self._peer.incomplete:
            self._attachment_timer.cancel()
            self._attachment_timer = None

    # -- asynchronous handlers

    async def stop_handlers(self) -> None:
        """Cancel the handlers in flight, but the one that asks for it."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run an asynchronous handler, whose first statement calls `turns.started`."""
        self.turns.begin()
        self._track(coroutine, self._handler_ended)

    def _handler_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.turns.end()

    def _track(
        self, coroutine: Coroutine[Any, Any, None], ended: Callable[[asyncio.Task[None]], object]
    ) -> None:
        task = handler_task(coroutine, asyncio.get_running_loop())
        self._tasks.add(task)
        task.add_done_callback(ended)
