"""A namespace: its sockets, sending to them, and calling what is registered for them.

A registered function may be `def`, which is called in place, or `async def`. Functions start in the
order in which their events arrived, of both kinds together.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from typing import TYPE_CHECKING, Any, Never, NoReturn, Protocol

from socketio_min.cluster.adapter import PLAIN, Adapter
from socketio_min.cluster.recovery import Recovery
from socketio_min.cluster.remote_socket import RemoteSocket
from socketio_min.errors import LimitReached, UsageError
from socketio_min.failures import FAILURES, as_exception, is_own_cancellation, log_failure
from socketio_min.foreign_names import tells_names
from socketio_min.protocol.parser import Parser
from socketio_min.protocol.rooms import RoomNames
from socketio_min.server.foreign_names import SERVER, refuse_arguments
from socketio_min.server.limits import Limits
from socketio_min.server.operators import BroadcastOperator
from socketio_min.server.recoveries import Recoveries
from socketio_min.server.registration import (
    RULES,
    Registration,
    ServerHandlers,
    check_server_event,
)
from socketio_min.server.socket import DISCONNECTED
from socketio_min.tasks import is_awaitable

if TYPE_CHECKING:
    from socketio_min.server.socket import Socket

logger = logging.getLogger("socketio_min")

# The number of events of which the log tells that a client has met a limit.
MOST_TOLD = 100


class NamespaceHost(Protocol):
    """What a namespace may ask of its server."""

    limits: Limits
    parser: Parser
    recoveries: Recoveries | None
    make_adapter: Callable[[Namespace], Adapter]

    def start_task(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Take the first step of a handler, and keep its task if it goes on."""

    def namespace_left(self, namespace: Namespace) -> None:
        """Note that a socket has left a namespace."""


@tells_names(SERVER)
class Namespace(Registration):
    """A part of the server with its own sockets, rooms and handlers; made by `Server.of`.

    `name` begins with "/". `sockets` are the namespace's sockets on this server, by id.
    `max_values` is how many values a packet may have in this namespace, None for
    `Limits.max_values`.
    """

    def __init__(
        self, server: NamespaceHost, name: str, registered: ServerHandlers | None = None
    ) -> None:
        self.server = server
        self.name = name
        self.max_values: int | None = None
        self.encoder = server.parser.encoder(name)
        self.sockets: dict[str, Socket] = {}
        self.registered = registered = registered or ServerHandlers(RULES)
        # The same objects as in `registered`: this saves each packet a look-up.
        self.handlers = registered.by_event
        self.server_handlers = registered.by_server_event
        self.middlewares = registered.middlewares
        self.event_middlewares = registered.event_middlewares
        self.incoming = registered.incoming
        self.outgoing = registered.outgoing
        self.adapter: Adapter = server.make_adapter(self)
        self.deciding = 0
        self._last_ack_id = -1
        # Asynchronous handlers of other servers' events in flight.
        self._server_events = 0
        # The names of events that the log has told of: the handler did not take the arguments, or
        # met a limit of one client.
        self._misfits: set[str] = set()
        self._limited: set[str] = set()

    def __init_subclass__(cls) -> None:
        if Namespace in cls.__bases__ and not cls.__module__.startswith("socketio_min."):
            raise UsageError(
                f"got {cls.__name__} as a subclass of Namespace, which io.of(name) makes: "
                'write @io.of("/name").on("event") above each function; for python-socketio\'s '
                "on_connect(self, sid, environ) that is connect(socket)"
            )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} with {len(self.sockets)} sockets>"

    # -- sending

    def _everybody(self) -> BroadcastOperator:
        return BroadcastOperator(self, PLAIN)

    def emit(self, event: str, *args: Any, **elsewhere: Never) -> None:
        """Send an event to everybody in the namespace. Never blocks.

        Raises:
            UsageError: the event's name is reserved, a value cannot be encoded, or there is a named
            argument, which only python-socketio has.
        """
        if elsewhere:
            refuse_arguments("emit", elsewhere)
        self.adapter.broadcast((event, *args), PLAIN)

    def to(self, rooms: RoomNames) -> BroadcastOperator:
        """Select the sockets in `rooms`."""
        return self._everybody().to(rooms)

    in_ = to

    def except_(self, rooms: RoomNames) -> BroadcastOperator:
        """Select everybody but the sockets in `rooms`."""
        return self._everybody().except_(rooms)

    def timeout(self, seconds: float) -> BroadcastOperator:
        """Select everybody; `call` waits at most `seconds`."""
        return self._everybody().timeout(seconds)

    def compress(self, compress: bool) -> BroadcastOperator:
        """Select everybody, and set whether the transport may compress."""
        return self._everybody().compress(compress)

    @property
    def volatile(self) -> BroadcastOperator:
        """Select everybody who can take the event at once."""
        return self._everybody().volatile

    @property
    def local(self) -> BroadcastOperator:
        """Select everybody on this server of a cluster."""
        return self._everybody().local

    async def fetch_sockets(self) -> list[Socket | RemoteSocket]:
        """Return all sockets of all servers; `Socket`s are this server's own.

        Raises:
            AcknowledgementTimeout: a server did not answer within 5 seconds; `responses` has the
            sockets of the others.
        """
        return await self._everybody().fetch_sockets()

    def sockets_join(self, rooms: RoomNames) -> None:
        """Make all sockets join `rooms`."""
        self._everybody().sockets_join(rooms)

    def sockets_leave(self, rooms: RoomNames) -> None:
        """Make all sockets leave `rooms`."""
        self._everybody().sockets_leave(rooms)

    def disconnect_sockets(self, *, close: bool = False) -> None:
        """Disconnect all sockets; with `close` their whole connections."""
        self._everybody().disconnect_sockets(close=close)

    # -- the other servers

    def server_side_emit(self, event: str, *args: Any) -> None:
        """Send an event to the other servers, for their `on_server` handlers. Never blocks.

        Raises:
            UsageError: the event's name is reserved, or a value cannot be encoded.
        """
        check_server_event(event)
        self.adapter.server_side_emit((event, *args))

    async def server_side_call(self, event: str, *args: Any, timeout: float = 5.0) -> list[Any]:
        """Send an event to the other servers and return their answers, in order of arrival.

        Raises:
            AcknowledgementTimeout: not all answered within `timeout` seconds; `responses` has the
            answers that came.
            UsageError: as `server_side_emit`.
        """
        check_server_event(event)
        return await self.adapter.server_side_call((event, *args), timeout)

    def server_event(
        self, event: str, args: Sequence[Any], answer: Callable[[Any], None] | None
    ) -> None:
        """Handle an event that another server sent; `answer` is called with the handler's result.

        Without a handler the answer is None. If the handler fails there is no answer.

        Raises:
            UsageError: as many handlers run as `Limits.max_server_handlers` allows.
        """
        if self._server_events >= self.server.limits.max_server_handlers:
            raise UsageError(
                f"got {event!r} of another server while {self._server_events} handlers of such "
                "events run: expected fewer, raise Limits.max_server_handlers or await less"
            )
        handler = self.server_handlers.get(event)
        try:
            result = None if handler is None else handler(*args)
        except FAILURES as error:
            log_failure(error, "the handler of the servers' event %r failed", event)
            return
        if is_awaitable(result):
            self._server_events += 1
            self.server.start_task(self._answer_later(event, result, answer))
        elif answer is not None:
            answer(result)

    async def _answer_later(
        self, event: str, awaitable: Awaitable[Any], answer: Callable[[Any], None] | None
    ) -> None:
        try:
            result = await awaitable
        except FAILURES as error:
            if is_own_cancellation(error):
                raise
            log_failure(error, "the handler of the servers' event %r failed", event)
        else:
            if answer is not None:
                answer(result)
        finally:
            self._server_events -= 1

    # -- what sockets and adapters ask for

    @property
    def recovery(self) -> Recovery | None:
        """Return the options of connection state recovery, None without it."""
        recoveries = self.server.recoveries
        return None if recoveries is None else recoveries.options

    def next_ack_id(self) -> int:
        """Return a new acknowledgement id (Socket.IO v5, "Acknowledgement").

        A broadcast uses one id for all its sockets, so ids belong to the namespace.
        """
        self._last_ack_id += 1
        return self._last_ack_id

    def announce_outgoing(self, socket: Socket, args: Sequence[Any]) -> None:
        """Call the listeners of `on_any_outgoing`."""
        for listener in self.outgoing:
            try:
                listener(socket, *args)
            except FAILURES as error:
                log_failure(error, "a listener of on_any_outgoing failed for %r", args[0])

    def admission(self, socket: Socket) -> Generator[Awaitable[Any], Any, None]:
        """Run the middlewares and the `connect` handler; an error of one of them refuses the
        socket.

        Yield each awaitable of an asynchronous function, and get its result by `send`: so no task
        is made if there are no asynchronous functions.

        Raises:
            UsageError: one of them returned False.
        """
        self.deciding += 1
        try:
            middlewares = self.middlewares
            for middleware in () if middlewares and self._waves_through(socket) else middlewares:
                result = middleware(socket)
                if result is not None and is_awaitable(result):
                    result = yield result
                    if socket.state == DISCONNECTED:
                        # The client has gone meanwhile: the handler of "connect" is not called.
                        return
                if result is False:
                    _refuse_false("a middleware")
            self.sockets[socket.id] = socket
            self.adapter.add_all(socket.id, (socket.id,))
            handler = self.handlers.get("connect")
            if handler is not None:
                result = handler(socket)
                if result is not None and is_awaitable(result):
                    result = yield result
                if result is False:
                    _refuse_false("the connect handler")
        finally:
            self.deciding -= 1

    def _waves_through(self, socket: Socket) -> bool:
        """Return whether a socket skips the middlewares: it is recovered, and passed them once."""
        recovery = self.recovery
        return recovery is not None and recovery.skip_middlewares and socket.recovered

    def filtering(
        self, socket: Socket, event: str, args: list[Any]
    ) -> Generator[Awaitable[Any], Any, None]:
        """Run the event middlewares; an error of one drops the event. Yield as `admission` does."""
        for middleware in self.event_middlewares:
            result = middleware(socket, event, args)
            if is_awaitable(result):
                yield result

    def report_end(self, socket: Socket, event: str, reason: str) -> None:
        """Call the handler of `disconnecting` or `disconnect`."""
        handler = self.handlers.get(event)
        if handler is None:
            return
        try:
            result = handler(socket, reason)
        except FAILURES as error:
            self.failed(socket, event, [reason], error)
            return
        if is_awaitable(result):
            self.server.start_task(self._report_end_later(socket, event, reason, result))

    async def _report_end_later(
        self, socket: Socket, event: str, reason: str, awaitable: Awaitable[Any]
    ) -> None:
        try:
            await awaitable
        except FAILURES as error:
            if is_own_cancellation(error):
                raise
            self.failed(socket, event, [reason], error)

    def remove(self, socket: Socket) -> None:
        """Forget a socket whose client has gone or was refused."""
        if self.sockets.get(socket.id, socket) is socket:
            # Another socket with the same id would be that of the same client, which is back.
            self.sockets.pop(socket.id, None)
            try:
                # A middleware may have put it into rooms before it was among the sockets.
                self.adapter.delete_all(socket.id)
            except FAILURES as error:
                # The socket is forgotten even if the cluster could not be told.
                message = "the adapter of namespace %s failed to forget a socket"
                log_failure(error, message, self.name)
        self.server.namespace_left(self)

    def failed(self, socket: Socket, event: str, args: list[Any], error: BaseException) -> Any:
        """Log the error of a handler, and call the error handler. Return what that returns: if it
        is not None, it acknowledges the event.
        """
        if isinstance(error, LimitReached):
            # A client can cause this ten thousand times in a read, with as many names.
            if event not in self._limited and len(self._limited) < MOST_TOLD:
                self._limited.add(event)
                logger.warning(
                    "the handler of %r in namespace %s asked for more than a client may have (%s); "
                    "this is told once for each event",
                    event,
                    self.name,
                    error,
                )
        elif event in RULES.lifecycle or not _is_misfit(error):
            log_failure(error, "the handler of %r in namespace %s failed", event, self.name)
        elif event not in self._misfits:
            # The mistake may be the client's or the handler's. A client can repeat it ten thousand
            # times in a read, so it is told once.
            self._misfits.add(event)
            logger.warning(
                "the handler of %r in namespace %s does not take the arguments that a client sent "
                "(%s); this is told once for each event",
                event,
                self.name,
                error,
            )
        handler = self.registered.error
        if handler is None:
            return None
        try:
            return handler(socket, event, args, as_exception(error))
        except FAILURES as failure:
            log_failure(failure, "the error handler failed for %r", event)
            return None


def _refuse_false(what: str) -> NoReturn:
    # In python-socketio False refuses the client: a program that was written for python-socketio
    # must not let everybody in here.
    raise UsageError(
        f"{what} returned False: raise ConnectionRefused to refuse a client, return None to let it "
        "in"
    )


def _is_misfit(error: BaseException) -> bool:
    """Return whether a call failed because of its arguments, before the function ran."""
    traceback = error.__traceback__
    return isinstance(error, TypeError) and traceback is not None and traceback.tb_next is None
