"""What every adapter of several servers does: it acts on the sockets of its own server at once, and
sends a message to the other servers.

    broadcast ─► here: MemoryAdapter ─► there: `handle` ─► MemoryAdapter
    request   ─► `_pending` ◄─ `settle` ◄─ a response of each other server

A subclass writes messages in its own form and carries them: it has `publish`, `respond`,
`server_count`, `server_names` and `new_request_id`, and calls `handle` and `settle` with the
messages that arrive. Joins, leaves and disconnections take effect on this server at once, even
while the others cannot be reached; a server's own messages are ignored when they come back to it. A
message of another server can end neither the process nor the connection by which it came.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from socketio_min.cluster.adapter import (
    AckCallback,
    BroadcastOptions,
    FetchedSocket,
    LocalNamespace,
    Recipient,
)
from socketio_min.cluster.gathering import RollCall, name_silent
from socketio_min.cluster.memory import MemoryAdapter, send_to_all
from socketio_min.cluster.message_fields import (
    read_handshake,
    read_map,
    read_rooms,
    read_text,
    write_handshake,
)
from socketio_min.cluster.messages import (
    Acknowledgement,
    Broadcast,
    ClientCount,
    Disconnect,
    Fetch,
    Fetched,
    Join,
    Leave,
    ListRooms,
    ListSockets,
    Request,
    Response,
    RoomNames,
    ServerAnswer,
    ServerEvent,
    SocketIds,
)
from socketio_min.cluster.remote_socket import RemoteSocket
from socketio_min.cluster.values import portable
from socketio_min.errors import AcknowledgementTimeout, EncodeError, PacketError, UsageError
from socketio_min.protocol.outgoing import event_packets

logger = logging.getLogger("socketio_min")

# Seconds that a request waits for the other servers if it names no other time, as in Node.js.
REQUEST_TIMEOUT = 5.0


class _Answers:
    """The responses of the other servers to a request, one of each."""

    __slots__ = ("_enough", "complete", "expected", "names", "responses", "servers")

    def __init__(self) -> None:
        self.responses: list[Response] = []
        # The names of the servers that responded, and of all other servers, as far as known.
        self.names: set[str] = set()
        self.servers: frozenset[str] = frozenset()
        self.expected: int | None = None
        self.complete = True
        self._enough = asyncio.Event()

    def take(self, response: Response, name: str) -> None:
        self.responses.append(response)
        self.names.add(name)
        self._check()

    async def wait(self, expected: int) -> None:
        self.expected = expected
        self._check()
        await self._enough.wait()

    def _check(self) -> None:
        if self.expected is not None and len(self.responses) >= self.expected:
            self._enough.set()

    def silence(self, got: str, responses: Sequence[Any]) -> AcknowledgementTimeout:
        """Return the error that says how many servers did not respond."""
        if self.expected is None:
            return AcknowledgementTimeout(f"{got}: the cluster cannot be reached", responses)
        count = self.expected - len(self.responses)
        silent, named = name_silent(self.servers, self.names, count)
        return AcknowledgementTimeout(
            f"{got}: {count} of {self.expected} other servers did not answer in time{named}",
            responses,
            silent,
        )


class ClusterAdapter(MemoryAdapter, ABC):
    """The rooms of one of several servers; `uid` is its name among them."""

    __slots__ = ("_pending", "request_timeout", "uid")

    def __init__(self, namespace: LocalNamespace, uid: str) -> None:
        super().__init__(namespace)
        self.uid = uid
        self.request_timeout = REQUEST_TIMEOUT
        self._pending: dict[str, Callable[[Response, str], None]] = {}

    @abstractmethod
    def publish(self, message: Request) -> None:
        """Send a message to the other servers.

        Raises:
            EncodeError: a value cannot be encoded.
        """

    @abstractmethod
    def respond(self, uid: str, message: Response) -> None:
        """Send a response to the server `uid`.

        Raises:
            EncodeError: a value cannot be encoded.
        """

    @abstractmethod
    async def server_count(self) -> int:
        """Return how many servers have the namespace, this one included."""

    @abstractmethod
    async def server_names(self) -> frozenset[str]:
        """Return the names of the other servers that have the namespace."""

    @abstractmethod
    def new_request_id(self) -> str:
        """Return an id that no other request of the cluster has."""

    # -- what the namespace asks for

    def broadcast(self, args: Sequence[Any], options: BroadcastOptions) -> None:
        if options.local:
            super().broadcast(args, options)
            return
        packets = event_packets(self._namespace, args, compress=options.compress)
        body = self._namespace.encoder.json_of(packets)
        self.publish(Broadcast(args, options, None, body))
        sockets = self._receivers(options)
        if sockets:
            send_to_all(self._namespace, sockets, packets, args)

    def broadcast_with_ack(
        self,
        args: Sequence[Any],
        options: BroadcastOptions,
        client_count: Callable[[int, str], None],
        acknowledged: AckCallback,
    ) -> Callable[[], None]:
        if options.local:
            return super().broadcast_with_ack(args, options, client_count, acknowledged)
        request_id = self.new_request_id()

        def take(response: Response, name: str) -> None:
            if isinstance(response, ClientCount):
                client_count(response.clients, name)
            elif isinstance(response, Acknowledgement):
                acknowledged([response.value])

        cancel_here = super().broadcast_with_ack(args, options, client_count, acknowledged)
        self._pending[request_id] = take

        def cancel() -> None:
            self._pending.pop(request_id, None)
            cancel_here()

        try:
            self.publish(Broadcast(args, options, request_id))
        except BaseException:
            cancel()
            raise
        return cancel

    async def fetch_sockets(self, options: BroadcastOptions) -> Sequence[FetchedSocket]:
        sockets = [*await super().fetch_sockets(options)]
        if options.local:
            return sockets
        timeout = self.request_timeout if options.timeout is None else options.timeout
        request_id = self.new_request_id()
        answers = _Answers()
        try:
            await self._ask(Fetch(options, request_id), request_id, answers, timeout)
        except TimeoutError:
            answers.complete = False
        for answer in answers.responses:
            if isinstance(answer, Fetched):
                sockets += self._read_sockets(answer.sockets)
        if not answers.complete:
            raise answers.silence(f"fetch_sockets got {len(sockets)} sockets", sockets)
        return sockets

    def add_sockets(self, options: BroadcastOptions, rooms: Sequence[str]) -> None:
        if not options.local:
            self.publish(Join(options, rooms))
        super().add_sockets(options, rooms)

    def delete_sockets(self, options: BroadcastOptions, rooms: Sequence[str]) -> None:
        if not options.local:
            self.publish(Leave(options, rooms))
        super().delete_sockets(options, rooms)

    def disconnect_sockets(self, options: BroadcastOptions, *, close: bool) -> None:
        if not options.local:
            self.publish(Disconnect(options, close))
        super().disconnect_sockets(options, close=close)

    def server_side_emit(self, args: Sequence[Any]) -> None:
        self.publish(ServerEvent(args))

    async def server_side_call(self, args: Sequence[Any], timeout: float) -> list[Any]:
        request_id = self.new_request_id()
        answers = _Answers()
        try:
            await self._ask(ServerEvent(args, request_id), request_id, answers, timeout)
        except TimeoutError:
            answers.complete = False
        values = [one.value for one in answers.responses if isinstance(one, ServerAnswer)]
        if not answers.complete:
            raise answers.silence(f"got {len(values)} answers to {args[0]!r}", values)
        return values

    async def _ask(
        self, message: Request, request_id: str, answers: _Answers, timeout: float
    ) -> None:
        """Send a request and gather the responses of all other servers.

        Raises:
            TimeoutError: not all responded within `timeout` seconds.
        """
        self._pending[request_id] = answers.take
        roll_call = RollCall(self.server_names, timeout)
        try:
            async with asyncio.timeout(timeout):
                others = await self.server_count() - 1
                if others > 0:
                    self.publish(message)
                    await answers.wait(others)
        finally:
            del self._pending[request_id]
            answers.servers = await roll_call.end()

    def _read_sockets(self, sockets: Sequence[Any]) -> list[FetchedSocket]:
        found: list[FetchedSocket] = []
        for one in sockets:
            try:
                fields = read_map(one, "a socket")
                found.append(
                    RemoteSocket(
                        self,
                        read_text(fields.get("id"), "the id of a socket"),
                        read_handshake(fields.get("handshake")),
                        read_rooms(fields.get("rooms")),
                        read_map(fields.get("data") or {}, "the data of a socket"),
                    )
                )
            except PacketError as error:
                self.reject(error)
        return found

    # -- what the other servers ask for

    def handle(self, uid: str, message: Request) -> None:
        """Act on a request of the server `uid`. No error is raised, whatever the request is."""
        if uid == self.uid:
            return
        try:
            self._handle(uid, message)
        except UsageError as error:
            self.reject(error)
        except Exception:
            logger.exception("a message of another server could not be handled")

    def take(self, uid: str, message: Request | Response) -> None:
        """Take a message that may be a request or a response."""
        if isinstance(message, Request):
            self.handle(uid, message)
        else:
            self.settle(message, uid)

    def settle(self, response: Response, uid: str = "") -> None:
        """Take a response of the server `uid`; it is ignored if its request is over."""
        take = self._pending.get(response.request_id)
        if take is not None:
            take(response, uid)

    def reject(self, error: Exception) -> None:
        """Count a message that was malformed; only the first one is logged."""
        if not self.status.rejected:
            logger.warning(
                "a message of another server was refused (%s); further ones are only counted", error
            )
        self.status.rejected += 1

    def _handle(self, uid: str, message: Request) -> None:
        if isinstance(message, Broadcast):
            if message.request_id is None:
                super().broadcast(message.args, message.options)
            else:
                self._ask_here(uid, message, message.request_id)
        elif isinstance(message, Join):
            super().add_sockets(message.options, message.rooms)
        elif isinstance(message, Leave):
            super().delete_sockets(message.options, message.rooms)
        elif isinstance(message, Disconnect):
            super().disconnect_sockets(message.options, close=message.close)
        elif isinstance(message, Fetch):
            sockets = [self._describe(one) for one in self._matching(message.options)]
            self.respond(uid, Fetched(message.request_id, sockets))
        elif isinstance(message, ListSockets):
            ids = [one.id for one in self._matching(message.options)]
            self.respond(uid, SocketIds(message.request_id, ids))
        elif isinstance(message, ListRooms):
            self.respond(uid, RoomNames(message.request_id, self._rooms.names()))
        else:
            self._handle_server_event(uid, message)

    def _handle_server_event(self, uid: str, message: ServerEvent) -> None:
        event, *args = message.args
        request_id = message.request_id
        if request_id is None:
            self._namespace.server_event(event, args, None)
            return

        def answer(value: Any) -> None:
            try:
                self.respond(uid, ServerAnswer(request_id, value))
            except EncodeError:
                logger.exception("the answer to the servers' event %r cannot be sent", event)

        self._namespace.server_event(event, args, answer)

    def _ask_here(self, uid: str, message: Broadcast, request_id: str) -> None:
        """Ask the sockets of this server, and send their acknowledgements to the server `uid`."""
        options = message.options
        ack_id = self._namespace.next_ack_id()
        packets = event_packets(self._namespace, message.args, ack_id, compress=options.compress)
        asked: list[Recipient] = []

        def acknowledged(values: list[Any] | None) -> None:
            if values is not None:
                value = values[0] if values else None
                self.respond(uid, Acknowledgement(request_id, value))

        for socket in self._receivers(options):
            try:
                socket.expect(ack_id, acknowledged)
            except UsageError:
                # Too many acknowledgements are pending: only the other sockets are asked.
                continue
            asked.append(socket)
        self.respond(uid, ClientCount(request_id, len(asked)))
        if asked:
            send_to_all(self._namespace, asked, packets, message.args)
            timeout = self.request_timeout if options.timeout is None else options.timeout
            asyncio.get_running_loop().call_later(timeout, _expect_no_more, asked, ack_id)

    def _describe(self, socket: Recipient) -> dict[str, Any]:
        return {
            "id": socket.id,
            "handshake": write_handshake(socket.handshake),
            "rooms": [*socket.rooms],
            "data": self._portable_data(socket),
        }

    def _portable_data(self, socket: Recipient) -> Any:
        try:
            return portable([socket.data])[0]
        except EncodeError as error:
            logger.warning(
                "the data of a socket cannot travel to another server (%s): keep in it what JSON "
                "can hold",
                error,
            )
            return {}


def _expect_no_more(sockets: Sequence[Recipient], ack_id: int) -> None:
    for socket in sockets:
        socket.expect_no_more(ack_id)
