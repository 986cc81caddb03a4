"""A client's connection: packets come in, and handlers are called.

There is a `ServerConnection` for each Engine.IO connection. It gives each message to the pure
`Peer`, which makes packets of them, and acts on the packets. What CONNECT causes is in
`joining.py`, what DISCONNECT and the end of the connection cause in `leaving.py`. `Turns` keeps the
order of calls, and pauses reading while the handlers do not keep up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from contextvars import Context, copy_context
from functools import partial
from typing import Any

import engineio_min
from engineio_min.protocol.deadlines import NEVER
from engineio_min.protocol.packets import LongText
from engineio_min.protocol.packets import Packet as EnginePacket
from engineio_min.protocol.reasons import HANDLERS, SLOW_CONSUMER
from socketio_min.errors import ProtocolError
from socketio_min.failures import FAILURES
from socketio_min.first_steps import Begun, OwnCancellation
from socketio_min.protocol.decoding import MAX_PLAIN, decode_plain_event
from socketio_min.protocol.json_parser import JSON_PARSER
from socketio_min.protocol.packets import ACK, CONNECT, EVENT, Packet
from socketio_min.protocol.peer import MAIN, Peer
from socketio_min.protocol.turns import Turns
from socketio_min.protocol.weights import WEIGHED, weigh
from socketio_min.server.answering import event_failed, finish_event
from socketio_min.server.breaches import close_for
from socketio_min.server.connection_host import ConnectionHost
from socketio_min.server.filtering import filter_event
from socketio_min.server.gate import Gate
from socketio_min.server.half_packets import HalfPacket
from socketio_min.server.large_message import LargeMessage
from socketio_min.server.leaving import end_sockets, let_go
from socketio_min.server.metered_intake import MeteredIntake
from socketio_min.server.rate_limits import drop_packet
from socketio_min.server.socket import SERVER_DISCONNECT, Socket

# The bytes that a waiting packet costs besides its characters and values.
PACKET_WEIGHT = 512

CLIENT_DISCONNECT = "client namespace disconnect"


class ServerConnection:
    """One Engine.IO connection, with a socket in each namespace that it has joined."""

    __slots__ = (
        "_gate",
        "_half",
        "_large",
        "_metered",
        "_turns",
        "connection",
        "deciding",
        "peer",
        "server",
    )

    def __init__(
        self,
        server: ConnectionHost[ServerConnection],
        connection: engineio_min.Connection,
        gate: Gate | None = None,
    ) -> None:
        self.server = server
        self.connection = connection
        limits = server.limits
        self.peer: Peer[Socket] = Peer(server.peer_rules)
        # Sockets whose CONNECT is being decided.
        self.deciding: set[Socket] | None = None
        self._turns: Turns | None = None
        self._gate = gate
        # Whether the short way of `receive` is closed to all packets: because of another parser, a
        # rate limit, or a low limit of values.
        looks_closer = (
            gate is not None or server.parser is not JSON_PARSER or limits.max_values < MAX_PLAIN
        )
        # Made for the first packet with attachments.
        self._half: HalfPacket | None = None
        self._large: LargeMessage | None = None
        self._metered: MeteredIntake | None = None
        take = self.receive_any if looks_closer else self.receive
        if limits.byte_rate is None:
            connection.on_message = take
        else:
            self._metered = MeteredIntake(
                server.engine, connection, limits.byte_rate, take, self.receive_large
            )
            connection.on_message = self._metered.receive
        connection.listener = self
        server.connect_deadlines.add(self, server.engine.loop.time())

    @property
    def turns(self) -> Turns:
        """Return the order of the calls, which is made for the first asynchronous handler."""
        if self._turns is None:
            # Calls run in the connection's context. `soon` is no method of this object: the two
            # would refer to each other.
            engine = self.server.engine
            soon = partial(engine.loop.call_soon, context=self.connection.context)
            most = engine.options.max_held_per_connection
            self._turns = Turns(self.server.limits.max_handlers, soon, self, most)
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
            # The short way: nearly every message is a plain event that need not wait, and goes
            # straight to its handler. `receive_any` would have the same result.
            socket = peer.main
            if socket is not None and (event := decode_plain_event(message)) is not None:
                namespace = socket.namespace
                if not namespace.incoming and not namespace.event_middlewares:
                    data, ack_id = event
                    weight = 0 if len(message) < WEIGHED else weigh(message)
                    self.handle(socket, data, ack_id, weight)
                    return
        self.receive_any(message)

    def receive_large(self, message: str | bytes) -> None:
        """Take a message that may take many steps to decode."""
        line = None if self._metered is None else self.server.large_message_queue
        self._large = LargeMessage(self, line, self._metered)
        self._large.start(message)

    def take_completed(self, packet: Packet | None, weight: int) -> None:
        """Act on the packet of `weight` bytes that a long text has completed, if there is one."""
        half = self._half
        if packet is None:
            self._wait_for_attachments()
            return
        if half is not None and half.deadline != NEVER:
            weight += half.size
            half.end()
        if self._turns is None or not self._turns.behind:
            self._dispatch(packet, weight)
        else:
            self._wait_turn(packet, weight)

    def forget_large(self) -> None:
        """Note that the large message and all that came after it are taken."""
        self._large = None

    def receive_any(self, message: str | bytes) -> None:
        """Take a message of any kind."""
        if type(message) is LongText:
            self.receive_large(message)
            return
        try:
            packet = self.peer.receive(message)
        except ProtocolError as error:
            close_for(self.server.engine, self.connection, error)
            return
        half = self._half
        if packet is None:
            self._wait_for_attachments()
            return
        weight = 0
        if half is not None and half.deadline != NEVER:
            if half.size or len(message) >= WEIGHED:
                # The bytes of the packet that came in earlier messages count too.
                weight = half.size + self.server.parser.weigh(message)
            half.end()
        elif len(message) >= WEIGHED:
            weight = self.server.parser.weigh(message)
        if self._turns is None or not self._turns.behind:
            self._dispatch(packet, weight)
        else:
            self._wait_turn(packet, weight)

    def _wait_turn(self, packet: Packet, weight: int) -> None:
        """Act on a packet when the handlers of all earlier packets have started."""
        weight += PACKET_WEIGHT
        self._carry(weight)
        self.turns.call(self._take_turn, packet, weight)

    def _wait_for_attachments(self) -> None:
        """Count the bytes of an incomplete packet, and limit the time for the rest of it."""
        collector, half, server = self.peer.reconstructor, self._half, self.server
        if collector is not None:
            if half is None:
                half = self._half = HalfPacket(
                    self.connection, server.engine.timer, server.limits.attachment_timeout
                )
            half.grow(collector.received_size, server.engine.loop.time)
        elif half is not None:
            half.end()

    def _take_turn(self, packet: Packet, weight: int) -> None:
        """Act on a packet that had to wait."""
        # Its handler counts it again.
        self._carry(-weight)
        self._dispatch(packet, weight - PACKET_WEIGHT)

    def _carry(self, weight: int) -> None:
        """Count `weight` more bytes of packets that wait or are worked on; fewer if negative."""
        if weight:
            self.turns.load(weight)
            self.connection.hold(weight)

    def _dispatch(self, packet: Packet, weight: int) -> None:
        """Act on a packet. Its `weight` in bytes is counted for as long as handlers work on it."""
        if self.server.shutdown_reason is not None:
            # The packet waited behind a handler that the end of the server has cancelled.
            return
        type_, name, data, ack_id, _ = packet
        # The same as `find(name)`, without a call for the namespace of nearly all packets.
        socket = self.peer.main if name == MAIN else self.peer.find(name)
        if socket is None and type_ != CONNECT:
            # The socket left while the packet waited for its turn.
            return
        gate = self._gate if type_ in (CONNECT, EVENT) else None
        if gate is not None and not gate.admit(self.server.engine.loop.time()):
            drop_packet(gate, self.server.joining, self, name, socket)
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
                filter_event(self, socket, data, ack_id, weight)
            else:
                self.handle(socket, data, ack_id, weight)
        elif type_ == ACK:
            socket.acknowledged(ack_id, data)
        else:
            self.leave(socket, CLIENT_DISCONNECT)

    def send(self, packets: Iterable[EnginePacket]) -> None:
        """Send a Socket.IO packet."""
        session = self.connection.session
        for packet in packets:
            session.send(packet)

    # -- EVENT

    def handle(self, socket: Socket, data: list[Any], ack_id: int | None, weight: int) -> None:
        """Call the handler of an event, and acknowledge the event with what it returns.

        `data` is the event's name and arguments. Without an `ack_id` nothing is acknowledged
        (Socket.IO v5, "Acknowledgement").
        """
        namespace = socket.namespace
        event = data[0]
        # The handler's arguments, in the same list: a copy would cost more than all else here.
        data[0] = socket
        context = None
        try:
            handler = namespace.handlers.get(event)
            if handler is not None:
                result = handler(*data)
            elif (other := namespace.registered.other) is not None:
                result = other(socket, event, data[1:], ack_id is not None)
            else:
                return
            # The same as `is_awaitable(result)`, without a call for each event.
            if result is not None and hasattr(result, "__await__"):
                server, context = self.server, copy_context()
                result = context.run(server.first_steps.take, result, server.engine.loop, context)
                if type(result) is Begun:
                    task = result.go_on(finish_event(socket, event, data, ack_id, result))
                    self._keep(task, weight)
                    return
            if ack_id is not None:
                socket.acknowledge(ack_id, result)
        except OwnCancellation:
            # The handler's own task was cancelled: an order, and no failure.
            return
        except FAILURES as error:
            if context is None:
                event_failed(socket, event, data[1:], ack_id, error)
            else:
                # In the context in which the handler ran.
                context.run(event_failed, socket, event, data[1:], ack_id, error)

    # -- asynchronous handlers

    def start(
        self, coroutine: Coroutine[Any, Any, None], weight: int, context: Context | None = None
    ) -> None:
        """Take a handler's first step; count the handler for as long as it goes on after that."""
        server = self.server
        task = server.first_steps.start(coroutine, server.engine.loop, context)
        if task is not None:
            self._keep(task, weight)

    def _keep(self, task: asyncio.Task[None], weight: int) -> None:
        """Count a handler of `weight` bytes that goes on after its first step."""
        ended = self._ended if not weight else partial(self._ended, weight=weight)
        self.server.handler_tasks.keep(task, ended)
        self.turns.begin()
        self._carry(weight)

    def _ended(self, task: asyncio.Task[None], weight: int = 0) -> None:
        self.server.handler_tasks.forget(task)
        self._carry(-weight)
        self.turns.end()

    # -- reading, as long as the handlers keep up

    def pause(self) -> None:
        """Read no more: the handlers do not keep up."""
        self.connection.pause(HANDLERS)

    def resume(self) -> None:
        """Read again: the handlers keep up."""
        self.connection.resume(HANDLERS)

    # -- the end

    def leave(self, socket: Socket, reason: str, *, tell: bool = False) -> None:
        """Let a socket leave its namespace; the connection stays. With `tell`, send DISCONNECT."""
        name = socket.namespace.name
        if self.peer.find(name) is not socket:
            return
        self.peer.leave(name, by_peer=reason == CLIENT_DISCONNECT)
        if tell:
            self.send(socket.namespace.encoder.disconnect())
        # In this client's context: a handler of another connection may disconnect this socket.
        self.connection.call(let_go, socket, reason)

    def disconnect(self) -> None:
        """Leave every namespace and close the connection."""
        for socket in self.peer.joined.values():
            self.leave(socket, SERVER_DISCONNECT, tell=True)
        self.connection.close()

    def closed(self, reason: str) -> None:
        """End the connection; its sockets end when all packets that it brought had their turns."""
        metered, self._metered = self._metered, None
        if metered is not None:
            metered.close()
        self.server.connect_deadlines.discard(self)
        self.server.connections.discard(self)
        if not self.server.connections:
            self.server.connect_deadlines.stop()
        large, self._large = self._large, None
        if large is None:
            self._finish_turns(reason)
        elif self.server.shutdown_reason is None and not self.server.engine.loop.is_closed():
            large.end(partial(self._finish_turns, reason))
        else:
            large.drop()
            self._finish_turns(reason)

    def _finish_turns(self, reason: str) -> None:
        """End the sockets when all packets that the connection brought had their turns."""
        self.peer.reconstructor = None
        half, self._half = self._half, None
        if half is not None:
            half.close()
        if self._turns is None or self.server.shutdown_reason is not None:
            end_sockets(self, self.server.shutdown_reason or reason)
        else:
            self._turns.read_from(None)
            self._turns.finish(end_sockets, self, reason)

    @property
    def is_idle(self) -> bool:
        """Return whether nothing is under way: all packets that came are handled, and all packets
        that were sent have left. A client that is disconnected now misses no acknowledgement.
        """
        turns = self._turns
        return (
            self._large is None
            and self.peer.reconstructor is None
            and (turns is None or not (turns.in_flight or turns.behind))
            and self.connection.session.drained
        )

    def supersede(self, socket: Socket) -> None:
        """End this connection; see `Joining.supersede`."""
        self.server.joining.supersede(self, socket)

    def overflow(self) -> None:
        """End the connection: a socket was sent too much before its CONNECT was answered."""
        self.connection.session.fail(SLOW_CONSUMER, "too many packets before the CONNECT reply")

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()
