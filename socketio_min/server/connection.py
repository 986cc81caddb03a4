"""A client's connection: packets in, handlers started, sockets let go.

A `ServerConnection` stands for each Engine.IO connection. It feeds the pure `Peer` and calls what
is registered for the packets that come out of it; what CONNECT causes is in `joining.py`. `Turns`
keeps the order of calls, and pauses a connection that brings more than asynchronous handlers can
take.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import engineio_min
from engineio_min.protocol.deadlines import NEVER
from engineio_min.protocol.packets import Packet as EnginePacket
from engineio_min.protocol.packets import message_packet
from engineio_min.protocol.session import (
    HANDLERS,
    LARGE_MESSAGE,
    RATE,
    SLOW_CONSUMER,
    TRANSPORT_CLOSE,
)
from socketio_min.errors import EncodeError, ProtocolError
from socketio_min.failures import FAILURES, is_own_cancellation, log_failure
from socketio_min.protocol.decoding import MAX_PLAIN, decode_plain_event
from socketio_min.protocol.json_parser import JSON_PARSER
from socketio_min.protocol.packets import ACK, CONNECT, EVENT, Packet
from socketio_min.protocol.parser import Parser
from socketio_min.protocol.peer import ConnectedTwice, Peer
from socketio_min.protocol.turns import Turns
from socketio_min.protocol.weights import WEIGHED, weigh
from socketio_min.server.byte_meter import ByteMeter
from socketio_min.server.connect_deadlines import ConnectDeadlines
from socketio_min.server.joining import Joining, drop_undecided
from socketio_min.server.large_messages import LARGE, LargeMessages
from socketio_min.server.limits import Limits
from socketio_min.server.recoverable_socket import RecoverableSocket
from socketio_min.server.socket import SERVER_DISCONNECT, Socket
from socketio_min.tasks import take_all

if TYPE_CHECKING:
    from socketio_min.server.rate_limits import Gate

logger = logging.getLogger("socketio_min")

# What a packet that waits costs besides its characters and values, in bytes.
PACKET_WEIGHT = 512

CLIENT_DISCONNECT = "client namespace disconnect"
RATE_LIMIT = "rate limit"

# The event that tells a client of the first one refused: {"retryAfter": milliseconds}.
RATE_LIMITED = "rate_limited"


class Host(Protocol):
    """What a connection may ask of its server."""

    engine: engineio_min.Server
    limits: Limits
    parser: Parser
    shutdown_reason: str | None
    connect_deadlines: ConnectDeadlines
    connections: set[ServerConnection]
    joining: Joining
    large_messages: LargeMessages

    def values_allowed(self, socket: Socket) -> int:
        """Return how many values a packet of `socket` may have."""

    def start_task(
        self,
        coroutine: Coroutine[Any, Any, None],
        ended: Callable[[asyncio.Task[None]], object] | None = None,
        context: Context | None = None,
    ) -> None:
        """Run a handler; `ended` calls `task_ended`."""

    def task_ended(self, task: asyncio.Task[None]) -> None:
        """Let go of the task of a handler."""


class ServerConnection:
    """One Engine.IO connection, with a socket in each namespace that it has joined."""

    __slots__ = (
        "_gate",
        "_half",
        "_later",
        "_looks_closer",
        "_meter",
        "_turns",
        "connection",
        "deadline",
        "deciding",
        "peer",
        "server",
    )

    def __init__(
        self, server: Host, connection: engineio_min.Connection, gate: Gate | None = None
    ) -> None:
        self.server = server
        self.connection = connection
        limits = server.limits
        now = server.engine.loop.time()
        self.peer: Peer[Socket] = Peer(
            server.parser,
            server.engine.options.max_http_buffer_size,
            limits.max_namespaces,
            limits.max_attachments,
            limits.max_values,
            server.values_allowed,
        )
        # Sockets whose CONNECT is being decided.
        self.deciding: set[Socket] | None = None
        self._turns: Turns | None = None
        self._gate = gate
        # Whether every packet needs more than a glance: for its parser, rate or values.
        self._looks_closer = (
            gate is not None or server.parser is not JSON_PARSER or limits.max_values < MAX_PLAIN
        )
        # The bytes of an incomplete packet.
        self._half = 0
        # A large message that waits for its turn, and what has come after it.
        self._later: list[str | bytes] | None = None
        self._meter: ByteMeter | None = None
        if limits.byte_rate is not None:
            self._meter = ByteMeter(limits.byte_rate, now, self._paid)
            connection.on_message = self._receive_metered
        else:
            connection.on_message = self._receive_any if self._looks_closer else self.receive
        connection.on_close = self.closed
        # Runs while attachments are due.
        self.deadline = NEVER
        server.connect_deadlines.add(self, now)

    @property
    def turns(self) -> Turns:
        """Return the order of its calls, made when the first asynchronous handler is called."""
        if self._turns is None:
            # In the connection's context; no method of this object, which the turns would keep.
            soon = partial(self.server.engine.loop.call_soon, context=self.connection.context)
            engine = self.server.engine
            self._turns = Turns(
                self.server.limits.max_handlers,
                soon,
                self,
                engine.options.max_held_per_connection,
            )
        return self._turns

    # -- in

    def receive(self, message: str | bytes) -> None:
        """Take a message of the connection."""
        peer = self.peer
        turns = self._turns
        if (
            type(message) is str
            and peer.reconstructor is None
            and (turns is None or not turns.behind)
        ):
            # Nearly every message is a plain event that nothing stands before: straight to its
            # handler. What follows below gives the same result.
            socket = peer.joined.get("/")
            if socket is not None and (event := decode_plain_event(message)) is not None:
                namespace = socket.namespace
                if not namespace.incoming and not namespace.event_middlewares:
                    data, ack_id = event
                    weight = 0 if len(message) < WEIGHED else weigh(message)
                    self._handle(socket, data, ack_id, weight)
                    return
        self._receive_any(message)

    def _receive_metered(self, message: str | bytes) -> None:
        meter = self._meter
        assert meter is not None
        now = self._now()
        if meter.spend(message, now):
            self.server.engine.timer.watch(meter)
            self.connection.pause(RATE)
        size = len(message)
        if size >= LARGE and not self.server.large_messages.begin(size, now):
            self._wait_with(message)
        else:
            self._receive_counted(message)

    def _receive_counted(self, message: str | bytes) -> None:
        if self._looks_closer:
            self._receive_any(message)
        else:
            self.receive(message)

    # -- large messages, where bytes are counted

    def _wait_with(self, message: str | bytes) -> None:
        """Keep a large message until its turn, and all that comes meanwhile of what was read."""
        large = self.server.large_messages
        large.wait(self._owner, self, len(message))
        self.server.engine.timer.watch(large)
        self._later = []
        self.connection.on_message = self._receive_later
        self.connection.pause(LARGE_MESSAGE)
        self._receive_later(message)

    def _receive_later(self, message: str | bytes) -> None:
        """Keep a message until the large one before it is taken."""
        assert self._later is not None
        self._later.append(message)
        self.connection.hold(len(message))

    def _receive_first(self, message: str | bytes) -> None:
        """Take the large message whose turn has come, which is metered already."""
        self.connection.on_message = self._receive_metered
        self._receive_counted(message)

    @property
    def _owner(self) -> str:
        """Return for whom its large messages count: an address, a user, or itself."""
        for kind, name in self.connection.owners():
            return f"{kind} {name}"
        return self.connection.sid

    def take_waiting(self) -> None:
        """Take the large message that waits, and what has come after it."""
        connection = self.connection
        # What follows is metered as usual; another large message waits with the rest.
        connection.on_message = self._receive_first
        connection.context.run(connection.receive_all, map(message_packet, self._unhold()))
        if self._later is None:
            connection.resume(LARGE_MESSAGE)
        connection.flush()

    def _unhold(self) -> list[str | bytes]:
        """Return what has waited with a large message, which is counted no more."""
        later, self._later = self._later, None
        assert later is not None
        self.connection.hold(-sum(map(len, later)))
        return later

    def _take_at_end(self) -> None:
        """Take what has waited: it was sent before the end, and nothing more comes."""
        large = self.server.large_messages
        large.forget(self)
        if large.deadline == NEVER:
            self.server.engine.timer.forget(large)
        for message in self._unhold():
            self._receive_counted(message)

    def _receive_any(self, message: str | bytes) -> None:
        peer = self.peer
        try:
            packet = peer.receive(message)
        except ProtocolError as error:
            self._break(error)
            return
        if packet is None:
            self._watch_attachments()
            return
        weight = 0
        if len(message) >= WEIGHED or self._half:
            # And what has come of the packet before.
            weight = self._half + self.server.parser.weigh(message)
        if self.deadline != NEVER:
            self._watch_attachments()
        if self._turns is None or not self._turns.behind:
            self._dispatch(packet, weight)
        else:
            weight += PACKET_WEIGHT
            self._carry(weight)
            self._turns.call(self._take_turn, packet, weight)

    def _take_turn(self, packet: Packet, weight: int) -> None:
        """Act on a packet that had to wait."""
        # Whoever works on it counts it again.
        self._carry(-weight)
        self._dispatch(packet, weight - PACKET_WEIGHT)

    def _carry(self, weight: int) -> None:
        """Count bytes more, or fewer if negative, of packets that wait or are worked on."""
        if weight:
            self.turns.load(weight)
            self.connection.hold(weight)

    def _watch_attachments(self) -> None:
        reconstructor = self.peer.reconstructor
        self._keep_half(0 if reconstructor is None else reconstructor.received_size)
        if not self.peer.incomplete:
            self.deadline = NEVER
        elif self.deadline == NEVER:
            self.deadline = self._now() + self.server.limits.attachment_timeout
            self.server.engine.timer.watch(self)

    def _keep_half(self, size: int) -> None:
        """Count what is kept of an incomplete packet, if that is much."""
        if size < WEIGHED:
            size = 0
        if size != self._half:
            before, self._half = self._half, size
            self.connection.hold(size - before)

    def _dispatch(self, packet: Packet, weight: int) -> None:
        """Act on a packet; one of `weight` bytes is counted for as long as handlers work on it."""
        if self.server.shutdown_reason is not None:
            # The packet waited behind a handler that the end of the server has cancelled.
            return
        type_, name, data, ack_id, _ = packet
        socket = self.peer.joined.get(name)
        if socket is None and type_ != CONNECT:
            # The socket left while the packet waited for its turn.
            return
        gate = self._gate
        if gate is not None and type_ in (CONNECT, EVENT) and not gate.admit(self._now()):
            self._drop(gate, name, socket)
        elif socket is None:
            if self in self.server.connections:
                self.server.joining.connect(self, name, data, weight)
        elif type_ == EVENT:
            turns = self._turns
            if turns is not None and turns.ending and turns.full:
                # The handler limit also holds for events read after the connection closed.
                return
            namespace = socket.namespace
            if namespace.incoming or namespace.event_middlewares:
                self._event(socket, data, ack_id, weight)
            else:
                self._handle(socket, data, ack_id, weight)
        elif type_ == ACK:
            socket.acknowledged(ack_id, data)
        else:
            self.leave(socket, CLIENT_DISCONNECT)

    def _break(self, error: ProtocolError) -> None:
        client = self.connection.request.client or "a client"
        kind, advice = "packet", ""
        if isinstance(error, ConnectedTwice):
            kind = "second connect"
            advice = (
                "; a connection joins each namespace once, and again only after it has left it "
                "(Socket.IO v5, Connection to a namespace)"
            )
        self.server.engine.complain(kind, f"closed the connection of {client}: {error}{advice}")
        logger.debug("closing a connection: %s", error)
        self.connection.close()

    def _drop(self, gate: Gate, name: str, socket: Socket | None) -> None:
        """Drop an event of a socket, or a CONNECT, that is one too many for the rate limits."""
        if gate.exhausted:
            self.connection.session.fail(RATE_LIMIT, "went on sending more than the limit allows")
        elif socket is None:
            self.server.joining.refuse_name(self, name, "Too many requests")
        elif gate.first_refusal:
            socket.emit(RATE_LIMITED, {"retryAfter": math.ceil(gate.wait * 1000)})

    def send(self, packets: Iterable[EnginePacket]) -> None:
        """Send a Socket.IO packet."""
        session = self.connection.session
        for packet in packets:
            session.send(packet)

    # -- EVENT

    def _event(self, socket: Socket, data: list[Any], ack_id: int | None, weight: int) -> None:
        namespace = socket.namespace
        for listener in namespace.incoming:
            try:
                listener(socket, *data)
            except FAILURES as error:
                log_failure(error, "a listener of on_any failed for %r", data[0])
        event = data[0]
        args = data[1:]
        if namespace.event_middlewares:
            steps = namespace.filtering(socket, event, args)
            try:
                awaitable = next(steps, None)
            except FAILURES as error:
                self._failed(socket, event, args, ack_id, error)
                return
            if awaitable is not None:
                self.start(
                    self._filter(socket, event, args, ack_id, weight, steps, awaitable), weight
                )
                return
        self._handle(socket, [event, *args], ack_id, weight)

    async def _filter(
        self,
        socket: Socket,
        event: str,
        args: list[Any],
        ack_id: int | None,
        weight: int,
        steps: Generator[Awaitable[Any], Any, None],
        awaitable: Awaitable[Any],
    ) -> None:
        self.turns.started()
        try:
            await take_all(awaitable, steps)
        except FAILURES as error:
            if is_own_cancellation(error):
                raise
            self._failed(socket, event, args, ack_id, error)
        else:
            self._handle(socket, [event, *args], ack_id, weight)

    def _handle(self, socket: Socket, data: list[Any], ack_id: int | None, weight: int) -> None:
        """Call the handler of an event; `data` is its name and arguments."""
        namespace = socket.namespace
        event = data[0]
        # The handler's arguments in place: a copy would cost more than all else here.
        data[0] = socket
        try:
            handler = namespace.handlers.get(event)
            if handler is not None:
                result = handler(*data)
            elif (other := namespace.registered.other) is not None:
                result = other(socket, event, data[1:], ack_id is not None)
            else:
                return
            # As `is_awaitable`, without the price of a call for each event.
            if result is not None and hasattr(result, "__await__"):
                self.start(self._finish(socket, event, data[1:], ack_id, result), weight)
            elif ack_id is not None:
                socket.acknowledge(ack_id, result)
        except FAILURES as error:
            self._failed(socket, event, data[1:], ack_id, error)

    async def _finish(
        self,
        socket: Socket,
        event: str,
        args: list[Any],
        ack_id: int | None,
        awaitable: Awaitable[Any],
    ) -> None:
        self.turns.started()
        try:
            result = await awaitable
            if ack_id is not None:
                socket.acknowledge(ack_id, result)
        except FAILURES as error:
            if is_own_cancellation(error):
                raise
            self._failed(socket, event, args, ack_id, error)

    def _failed(
        self, socket: Socket, event: str, args: list[Any], ack_id: int | None, error: BaseException
    ) -> None:
        answer = socket.namespace.failed(socket, event, args, error)
        if answer is None or ack_id is None:
            return
        try:
            socket.acknowledge(ack_id, answer)
        except EncodeError:
            logger.exception("the error handler's answer to %r cannot be sent", event)

    # -- asynchronous handlers

    def start(
        self, coroutine: Coroutine[Any, Any, None], weight: int, context: Context | None = None
    ) -> None:
        """Run a handler as a task; its first statement tells that it has started."""
        self.turns.begin()
        ended = self._ended if not weight else partial(self._ended, weight=weight)
        self.server.start_task(coroutine, ended, context)
        self._carry(weight)

    def _ended(self, task: asyncio.Task[None], weight: int = 0) -> None:
        self.server.task_ended(task)
        self._carry(-weight)
        self.turns.end()

    # -- reading: as long as the handlers keep up, and the client keeps to its limit

    def pause(self) -> None:
        """Read no more: the handlers do not keep up."""
        self.connection.pause(HANDLERS)

    def resume(self) -> None:
        """Read again: the handlers keep up."""
        self.connection.resume(HANDLERS)

    def _paid(self) -> None:
        """Read again: the client has waited for what it sent too fast."""
        self.connection.resume(RATE)

    # -- the end

    def leave(self, socket: Socket, reason: str, *, tell: bool = False) -> None:
        """Let a socket leave its namespace; the connection stays. `tell` sends DISCONNECT."""
        name = socket.namespace.name
        if self.peer.joined.get(name) is not socket:
            return
        self.peer.leave(name, by_peer=reason == CLIENT_DISCONNECT)
        if tell:
            self.send(socket.namespace.encoder.disconnect())
        self._detach(socket, reason)

    def disconnect(self) -> None:
        """Leave every namespace and close the connection."""
        for socket in list(self.peer.joined.values()):
            self.leave(socket, SERVER_DISCONNECT, tell=True)
        self.connection.close()

    def closed(self, reason: str) -> None:
        """End the connection, and its sockets when all that it brought has had its turn."""
        if self._later is not None:
            self._take_at_end()
        self.deadline = NEVER
        self.peer.reconstructor = None
        self._keep_half(0)
        self.server.engine.timer.forget(self)
        self.server.connect_deadlines.discard(self)
        if self._meter is not None:
            self.server.engine.timer.forget(self._meter)
        self.server.connections.discard(self)
        if not self.server.connections:
            self.server.connect_deadlines.stop()
        if self._turns is None or self.server.shutdown_reason is not None:
            self._end(self.server.shutdown_reason or reason)
        else:
            self._turns.read_from(None)
            self._turns.finish(self._end, reason)

    def _end(self, reason: str) -> None:
        joined = list(self.peer.joined.values())
        self.peer.joined.clear()
        deciding, self.deciding = self.deciding, None
        for socket in deciding or ():
            drop_undecided(socket, reason)
        for socket in joined:
            self._detach_within(socket, reason)

    def _detach(self, socket: Socket, reason: str) -> None:
        # A handler of another connection may disconnect this socket.
        self.connection.call(self._detach_within, socket, reason)

    def _detach_within(self, socket: Socket, reason: str) -> None:
        namespace = socket.namespace
        namespace.report_end(socket, "disconnecting", reason)
        if isinstance(socket, RecoverableSocket):
            socket.keep(reason)
        socket.detach()
        namespace.remove(socket)
        namespace.report_end(socket, "disconnect", reason)

    def supersede(self, socket: Socket) -> None:
        """End this connection, for the client of one of its sockets is back on another.

        What the client sent before and still waits for its turn is dropped, as all that a
        connection loses.
        """
        if self.server.joining.decided(self, socket):
            drop_undecided(socket, TRANSPORT_CLOSE)
        else:
            self.peer.leave(socket.namespace.name, by_peer=False)
            self._detach(socket, TRANSPORT_CLOSE)
        self.connection.session.fail(TRANSPORT_CLOSE, "the client is back on another connection")
        self.connection.settle()

    def overflow(self) -> None:
        """End the connection: a socket was sent too much before its CONNECT was answered."""
        self.connection.session.fail(SLOW_CONSUMER, "too many packets before the CONNECT reply")

    def _now(self) -> float:
        return self.server.engine.loop.time()

    def handle_timeout(self, _now: float) -> None:
        """Close the connection: a packet's attachments did not come in time."""
        self.deadline = NEVER
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()
