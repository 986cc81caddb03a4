"""The connection under a client's namespaces: one Engine.IO session after the other.

One task opens a session, waits for its end, and tries again as long as a namespace wants to be
connected. If a namespace connects right after the last one has left, it gets a new connection while
the old one closes.

    admit ──► attempt ──open──► connected ──lost──► delay ──► attempt
                 └──failed──► delay, or given up          leave (the last one) ──► ending

Handlers may call any method at any moment. So whatever happens first changes the state of the
connection and of all namespaces; handlers and listeners are called afterwards. After each call the
task checks whether it is still the present one.

The handlers of all namespaces share one `Turns`, which outlives each session.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any

import engineio_min
from engineio_min.client.client import Tap
from engineio_min.client.options import ClientOptionValues
from engineio_min.protocol.packets import Packet as EnginePacket
from engineio_min.protocol.reasons import PARSE_ERROR
from socketio_min.client.half_packets import HalfPacketTimer
from socketio_min.client.membership import Membership
from socketio_min.client.options import ClientLimits, ReconnectionOptions
from socketio_min.errors import ConnectionFailed, ProtocolError
from socketio_min.failures import FAILURES, is_own_cancellation, log_failure
from socketio_min.first_steps import FirstSteps
from socketio_min.protocol.backoff import Backoff
from socketio_min.protocol.client_peer import ClientPeer
from socketio_min.protocol.packets import Packet
from socketio_min.protocol.parser import Parser
from socketio_min.protocol.turns import Turns
from socketio_min.tasks import soon

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
    """The connection of a client, for all its namespaces; the official client calls it a manager.

    `engine` is the present Engine.IO session, or None. `max_message` is in bytes.
    """

    def __init__(
        self,
        url: str,
        engine_options: ClientOptionValues,
        reconnection: ReconnectionOptions,
        limits: ClientLimits,
        max_message: int,
        parser: Parser,
    ) -> None:
        self.memberships: dict[str, Membership] = {}
        self.listeners: dict[str, list[Callable[..., object]]] = {}
        self.limits = limits
        self.parser = parser
        self.tap: Tap | None = None
        self.engine: engineio_min.Client | None = None
        self.turns = Turns(limits.max_handlers, soon)
        self._url = url
        self._engine_options = engine_options
        self._reconnection = reconnection
        self._max_message = max_message
        self._peer = ClientPeer(parser, max_message, limits.max_attachments)
        self._half_packet = HalfPacketTimer(limits.attachment_timeout)
        self._task: asyncio.Task[None] | None = None
        # The tasks of sessions that no namespace wants any more.
        self._ending: set[asyncio.Task[None]] = set()
        # By namespace, the task that gets its auth and sends CONNECT on the present session.
        self._presenting: dict[Membership, asyncio.Task[None]] = {}
        self._first_steps = FirstSteps()
        # The tasks of all handlers in flight, and those of `_presenting`.
        self._tasks: set[asyncio.Task[None]] = set()
        # Set when the next attempt is to be made without a delay.
        self._at_once = asyncio.Event()

    # -- what namespaces ask for

    def admit(self, membership: Membership) -> None:
        """Connect a namespace, on the present connection or on a new one."""
        if self.engine is not None:
            self._enter(self.engine, membership)
        elif self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._keep_connected())

    def leave(self, membership: Membership) -> None:
        """Stop sending CONNECT for a namespace that is not active any more. With the last active
        namespace the connection ends.
        """
        self._stop_presenting(membership)
        if self._active():
            return
        task = self._retire()
        engine = self.engine
        if engine is not None:
            self._use(None)
            engine.close()
        else:
            # The task is making an attempt, or waits for the next one.
            task.cancel()

    def _retire(self) -> asyncio.Task[None]:
        """Let the present task end; a namespace that is admitted from now on gets another one."""
        task, self._task = self._task, None
        # As long as a namespace is active there is a task.
        assert task is not None
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task

    def ended(self) -> Awaitable[None]:
        """Wait until the connections that were left have ended."""
        return asyncio.ensure_future(self._wait_ended())

    async def _wait_ended(self) -> None:
        # The caller does not wait for connections that are left from now on.
        ending = set(self._ending)
        if ending:
            await asyncio.wait(ending)

    def reconnect(self) -> None:
        """Close the connection when all that was sent has left, and make another one at once. If it
        is lost already, make the next attempt at once.
        """
        if self._task is not None:
            self._at_once.set()
        if self.engine is not None:
            self.engine.close()

    @property
    def opened(self) -> bool:
        """Return whether the connection is open, as far as the client knows."""
        return self.engine is not None and self.engine.opened

    @property
    def writable(self) -> bool:
        """Return whether a packet would leave at once. If not, volatile packets are dropped."""
        return self.engine is not None and self.engine.opened and self.engine.session.writable

    def send(self, packets: Sequence[EnginePacket]) -> None:
        """Send a packet, and the attachments that come after it, on the present connection.

        Raises:
            UsageError: a packet is larger than the server takes.
        """
        assert self.engine is not None
        session = self.engine.session
        for packet in packets:
            session.check_size(packet)
        for packet in packets:
            session.send(packet)

    async def drain(self) -> None:
        """Wait until everything sent has been handed to the transport."""
        if self.engine is not None:
            await self.engine.drained()

    # -- the connection

    async def _keep_connected(self) -> None:
        """Connect, and connect again, as long as a namespace is active."""
        backoff = self._reconnection.backoff()
        task = asyncio.current_task()
        self._at_once.clear()
        while True:
            if backoff.attempts:
                self._announce("reconnect_attempt", backoff.attempts)
            if self._task is task:
                await self._connect_once(backoff)
            if self._task is not task:
                # No namespace is active any more, or connecting was given up.
                return
            await self._pause(backoff.next_delay())

    async def _pause(self, delay: float) -> None:
        """Wait `delay` seconds before the next attempt, or less if that is to be made at once."""
        timer = asyncio.get_running_loop().call_later(delay, self._at_once.set)
        try:
            await self._at_once.wait()
        finally:
            timer.cancel()
        self._at_once.clear()

    async def _connect_once(self, backoff: Backoff) -> None:
        """Make one attempt; if it is successful, wait for the connection's end."""
        engine = engineio_min.Client(self._url, **self._engine_options)
        ended = asyncio.Event()
        engine.tap = self.tap
        engine.on_message = partial(self._receive, engine)
        engine.on_close = partial(self.turns.finish, self._closed, engine, ended)
        engine.on_upgrade = partial(self._announce, "upgrade")
        try:
            await engine.connect()
        except ConnectionFailed as failure:
            self._attempt_failed(failure, backoff)
            return
        if ended.is_set():
            self._watch_end(engine)
            error = ConnectionFailed("the connection was closed as soon as it was open")
            self._attempt_failed(error, backoff)
        else:
            self._opened(engine, backoff)
            await ended.wait()

    def _watch_end(self, engine: engineio_min.Client) -> None:
        """Let `ended` wait until a session has closed, which delays no other session."""
        task = asyncio.get_running_loop().create_task(engine.wait_closed())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _active(self) -> list[Membership]:
        return [membership for membership in self.memberships.values() if membership.active]

    def _attempt_failed(self, error: ConnectionFailed, backoff: Backoff) -> None:
        attempts = backoff.attempts
        last = self._reconnection.is_last(backoff)
        memberships = self._active()
        if last:
            self._give_up(error)
        elif not attempts and not any(
            membership.handles("connect_error") for membership in memberships
        ):
            # Without this line a caller of `connect` would wait and not know why.
            logger.warning("%s; trying again (see reconnection_attempts)", error)
        for membership in memberships:
            # A namespace that a handler has left meanwhile is not told.
            if last or membership.active:
                membership.failed(error)
        if attempts:
            self._announce("reconnect_error", error)
        if last and self._reconnection.reconnection:
            self._announce("reconnect_failed")

    def _give_up(self, error: Exception) -> None:
        """Give up connecting. Handlers are called after this, so that they may connect again."""
        self._retire()
        for membership in self._active():
            membership.deactivate(error)

    def _use(self, engine: engineio_min.Client | None) -> None:
        """Make another session the present one; nothing of the session before is kept."""
        if self.engine is not None:
            self._watch_end(self.engine)
        self.engine = engine
        self.turns.read_from(engine)
        self._peer = ClientPeer(self.parser, self._max_message, self.limits.max_attachments)
        self._half_packet.stop()
        for membership in tuple(self._presenting):
            self._stop_presenting(membership)

    def _opened(self, engine: engineio_min.Client, backoff: Backoff) -> None:
        self._use(engine)
        attempts = backoff.attempts
        backoff.reset()
        for membership in self._active():
            self._enter(engine, membership)
        self._announce("open")
        if attempts:
            self._announce("reconnect", attempts)

    def _enter(self, engine: engineio_min.Client, membership: Membership) -> None:
        """Begin to send CONNECT for a namespace, unless that has begun on this session."""
        # The server closes the connection for a second CONNECT.
        if membership.asked is engine or membership in self._presenting:
            return
        task = asyncio.get_running_loop().create_task(self._present(engine, membership))
        self._presenting[membership] = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _stop_presenting(self, membership: Membership) -> None:
        task = self._presenting.pop(membership, None)
        if task is not None:
            task.cancel()

    async def _present(self, engine: engineio_min.Client, membership: Membership) -> None:
        """Send CONNECT with the application's auth; if its function fails, call it again later."""
        backoff = self._reconnection.backoff()
        task = asyncio.current_task()
        while True:
            failure: BaseException | None = None
            try:
                packets = membership.encoder.connect(await membership.credentials())
            except FAILURES as error:
                if is_own_cancellation(error):
                    raise
                log_failure(error, "the auth of namespace %s failed", membership.name)
                failure = error
            if self._presenting.get(membership) is not task:
                # The auth function has left the namespace, or was cancelled and went on.
                return
            if failure is None:
                del self._presenting[membership]
                membership.asked = engine
                self.send(packets)
                return
            self._auth_failed(membership, failure, backoff)
            await asyncio.sleep(backoff.next_delay())

    def _auth_failed(
        self, membership: Membership, failure: BaseException, backoff: Backoff
    ) -> None:
        """Report a failed auth function like any failed attempt: the next call may succeed."""
        error = ConnectionFailed(f"the application's auth failed: {failure!r}")
        error.__cause__ = failure
        if self._reconnection.is_last(backoff) or not membership.wanted_without(error):
            membership.give_up(error)
        else:
            membership.failed(error)

    def _closed(
        self,
        engine: engineio_min.Client,
        ended: asyncio.Event,
        reason: str,
        description: str,
    ) -> None:
        ended.set()
        told: list[Callable[[], None]] = []
        if engine is self.engine:
            self._use(None)
            told = [membership.lost(reason, description) for membership in self._active()]
            if not self._reconnection.reconnection:
                self._give_up(ConnectionFailed("the connection was lost, and reconnection is off"))
        self._announce("close", reason, description)
        for tell in told:
            tell()

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
        if self._peer.incomplete:
            self._half_packet.start(partial(self._break, engine))
        elif isinstance(message, bytes):
            self._half_packet.stop()
        if packet is not None:
            self.turns.call(self._dispatch, engine, packet)

    def _dispatch(self, engine: engineio_min.Client, packet: Packet) -> None:
        membership = self.memberships.get(packet[1])
        if membership is None or engine is not self.engine:
            return
        try:
            membership.receive(packet)
        except ProtocolError as error:
            self._break(engine, error)

    def _break(self, engine: engineio_min.Client, error: ProtocolError) -> None:
        engine.session.fail(PARSE_ERROR, str(error))

    # -- asynchronous handlers

    def in_flight(self) -> list[asyncio.Task[None]]:
        """Return the handlers in flight, without the one that calls this."""
        return [task for task in self._tasks if task is not asyncio.current_task()]

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Take an asynchronous handler's first step, and count it for as long as it goes on."""
        task = self._first_steps.start(coroutine, asyncio.get_running_loop())
        if task is not None:
            self.turns.begin()
            self._tasks.add(task)
            task.add_done_callback(self._handler_ended)

    def _handler_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.turns.end()
