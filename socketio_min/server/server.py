"""The Socket.IO server: namespaces on top of an Engine.IO server.

`Server` is its own main namespace "/". What happens on a client's connection is in `connection.py`.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket as sockets
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Unpack, cast, overload

import engineio_min
from engineio_min import HttpServer
from engineio_min.option_checks import check_names, take_options
from engineio_min.options import ServerOptionValues
from engineio_min.runner import run, stopped
from engineio_min.workers.number import check_workers
from engineio_min.workers.place import Place, take_place
from socketio_min.cluster.adapter import Adapter, recovering
from socketio_min.cluster.memory import MemoryAdapter
from socketio_min.cluster.recovery import Recovery
from socketio_min.cluster.status import ClusterStatus
from socketio_min.errors import UsageError
from socketio_min.first_steps import FirstSteps
from socketio_min.protocol.json_parser import JSON_PARSER
from socketio_min.protocol.peer import PeerRules
from socketio_min.server.cluster_membership import ClusterMembership
from socketio_min.server.connect_deadlines import ConnectDeadlines
from socketio_min.server.connection import ServerConnection
from socketio_min.server.dynamic import DynamicNamespace, Matcher
from socketio_min.server.handler_tasks import HandlerTasks
from socketio_min.server.joining import Joining
from socketio_min.server.large_message_queue import LargeMessageQueue
from socketio_min.server.limits import peer_rules
from socketio_min.server.namespace import Namespace
from socketio_min.server.options import SocketIOOptions, SocketIOOptionValues
from socketio_min.server.rate_limits import RateLimits
from socketio_min.server.recoveries import SERVER_SHUTDOWN, Recoveries

if TYPE_CHECKING:
    import ssl

    from engineio_min.asgi import AsgiApplication
    from engineio_min.workers.worker import Worker
    from socketio_min.cluster.recovery_memory import MemoryRecovery
    from socketio_min.server.socket import Socket

logger = logging.getLogger("socketio_min")


class Server(Namespace):
    """A Socket.IO v5 server; the object itself is the main namespace "/".

    Takes the options of `engineio_min.ServerOptions` (with the path "/socket.io/") and of
    `SocketIOOptions` as keyword arguments.

    Raises:
        UsageError: there is no such option, or it cannot have this value.
    """

    def __init__(self, **options: Unpack[SocketIOOptionValues]) -> None:
        check_names(options, SocketIOOptionValues.__optional_keys__)
        own = take_options(SocketIOOptions, options)
        self.parser = own.parser
        self.limits = own.limits
        options.setdefault("path", "/socket.io/")
        self.engine = engineio_min.Server(**cast(ServerOptionValues, options))
        # Only the parser of JSON decodes long texts itself, in steps.
        self.engine.long_texts = self.parser is JSON_PARSER
        self.recoveries: Recoveries | None = None
        self._memory: MemoryRecovery | None = None
        self.make_adapter: Callable[[Namespace], Adapter] = own.adapter or MemoryAdapter
        if own.connection_state_recovery is not None:
            self._recover(own.connection_state_recovery, own.adapter)
        self.engine.on_connection(self._connected)
        self.connect_deadlines = ConnectDeadlines(self.engine, own.connect_timeout)
        self.connections: set[ServerConnection] = set()
        most = self.engine.options.max_http_buffer_size
        rules = peer_rules(self.limits, self.parser, most, self.values_allowed)
        self.peer_rules: PeerRules[Socket] = rules
        self.joining = Joining(self)
        self.large_message_queue = LargeMessageQueue()
        self._rate_limits: RateLimits | None = None
        if self.limits.rate is not None or self.limits.address_rate is not None:
            self._rate_limits = RateLimits(self.engine, self.limits, self.connections)
        self.namespaces: dict[str, Namespace] = {"/": self}
        self.shutdown_reason: str | None = None
        self._dynamic: list[DynamicNamespace] = []
        self.first_steps = FirstSteps()
        self.handler_tasks = HandlerTasks()
        self.membership = ClusterMembership(self._all_namespaces)
        # Set when the server has closed: `run` waits for it.
        self._ended: asyncio.Event | None = None
        super().__init__(self, "/")

    def _recover(
        self, recovery: Recovery, make_adapter: Callable[[Namespace], Adapter] | None
    ) -> None:
        """Make adapters that remember what clients miss while they are away."""
        from socketio_min.cluster.recovery_memory import MemoryRecovery, RecoveringMemoryAdapter

        max_missed = self.engine.options.max_buffered
        self.recoveries = Recoveries(recovery, max_missed, self.start_task)
        if make_adapter is None:
            memory = MemoryRecovery(recovery, self.engine, self.recoveries.expired)
            self._memory = memory
            self.make_adapter = lambda namespace: RecoveringMemoryAdapter(namespace, memory)
        else:
            self.make_adapter = recovering(make_adapter)

    # -- namespaces

    @overload
    def of(self, name: str) -> Namespace: ...
    @overload
    def of(self, name: re.Pattern[str] | Matcher) -> DynamicNamespace: ...
    def of(self, name: str | re.Pattern[str] | Matcher) -> Namespace | DynamicNamespace:
        """Return the namespace of that name, made if need be; a missing leading "/" is added.

        A compiled pattern (searched for in the name) or a predicate `(name, auth) -> bool` makes a
        dynamic namespace: each matching name becomes a namespace of its own with the handlers that
        are registered on the result, before or after. Such a namespace is dropped with its last
        client: call `of` with its name each time. A predicate that raises refuses the CONNECT.
        """
        if not isinstance(name, str):
            dynamic = DynamicNamespace(self, name)
            self._dynamic.append(dynamic)
            return dynamic
        if not name.startswith("/"):
            name = "/" + name
        if name not in self.namespaces:
            for dynamic in self._dynamic:
                if dynamic.owns(name):
                    # A second namespace of that name would shadow the child and its middlewares.
                    return dynamic.child_to_send_to(name)
            self.namespaces[name] = Namespace(self, name)
            self.membership.enter(self.namespaces[name])
        return self.namespaces[name]

    def values_allowed(self, socket: Socket) -> int:
        """Return how many values a packet of `socket` may have."""
        limit = socket.namespace.max_values
        return self.limits.max_values if limit is None else limit

    def find_dynamic(self, name: str, auth: Any) -> Namespace | None:
        """Return the child of a dynamic namespace that a client may connect to under a name, if
        any.

        Raises:
            Exception: whatever a predicate of the application raises.
        """
        for dynamic in self._dynamic:
            if dynamic.matches(name, {} if auth is None else auth):
                return dynamic.child(name)
        return None

    # -- the cluster

    @property
    def cluster(self) -> ClusterStatus:
        """Return whether the other servers can be reached, with a hook for when that changes."""
        return self.adapter.status

    def _all_namespaces(self) -> list[Namespace]:
        children = [child for dynamic in self._dynamic for child in dynamic.children.values()]
        return [*self.namespaces.values(), *children]

    # -- sockets that leave

    def namespace_left(self, namespace: Namespace) -> None:
        """Note that a socket has left; a dynamic namespace's child is dropped with its last one."""
        for dynamic in self._dynamic:
            dynamic.release(namespace)

    # -- running

    async def listen(
        self,
        host: str | None = "127.0.0.1",
        port: int = 3000,
        *,
        ssl: ssl.SSLContext | None = None,
        sock: sockets.socket | None = None,
        http: HttpServer | None = None,
    ) -> None:
        """Serve on `host` and `port` (0 picks a free one), alone or beside the routes of `http`.

        ssl: for HTTPS. sock: a bound socket, instead of `host` and `port`.

        Raises:
            OSError: the address cannot be bound.
            UsageError: another server is on the same path of `http`.
        """
        was_running = self.membership.loop is not None
        # Before a client can come: clients must get all events of other servers from the beginning.
        await self.membership.join()
        try:
            await self.engine.listen(host, port, ssl=ssl, sock=sock, http=http)
        except BaseException:
            if not was_running:
                await self.membership.leave()
            raise

    def run(
        self,
        host: str | None = "127.0.0.1",
        port: int = 3000,
        *,
        workers: int = 1,
        drain: float = 5.0,
        ready: Callable[[int], object] | None = None,
    ) -> None:
        """Serve until SIGINT or SIGTERM or until `close`: the whole program of a simple server.

        workers: how many processes serve; each starts this program anew, and SIGHUP replaces them.
        drain: seconds that handlers in flight may take to end.
        ready: called with the port when clients are served; of several workers, when all serve.

        Only the main thread gets signals. In another thread, `close` ends `run`; it must be called
        in the server's event loop: `asyncio.run_coroutine_threadsafe(io.close(), io.engine.loop)`.

        Raises:
            OSError: the address cannot be bound.
            UsageError: there cannot be so many workers.
            WorkersFailed: the workers die as soon as they have begun.
        """
        check_workers(workers, self.engine.options)
        if workers > 1 and self._memory is not None:
            raise UsageError(
                f"workers: got {workers} and connection_state_recovery in memory, but a client may "
                "come back to another worker: add an adapter that keeps sessions for all"
            )
        place = take_place()
        if place is not None:
            run(self._work(place, drain))
        elif workers > 1:
            from engineio_min.workers.supervisor import Supervisor

            command = [sys.executable, *sys.orig_argv[1:]]
            supervisor = Supervisor(
                command, workers, host=host, port=port, drain=drain, ready=ready
            )
            asyncio.run(supervisor.run())
        else:
            run(self._serve(host, port, drain, ready))

    async def _serve(
        self,
        host: str | None,
        port: int,
        drain: float,
        ready: Callable[[int], object] | None,
    ) -> None:
        self._ended = asyncio.Event()
        # Before the port is bound: a signal that comes right after that must have its handler.
        stopping = asyncio.create_task(stopped(self._ended))
        await self.listen(host, port)
        if ready is not None:
            ready(self.port)
        await stopping
        await self.close(drain)

    async def _work(self, place: Place, drain: float) -> None:
        """Serve as one of several workers."""
        self._ended = asyncio.Event()
        worker = self.as_worker(place)
        try:
            await worker.join()
            replaced = await worker.serve(self.listen, self._ended)
            deadline = asyncio.get_running_loop().time() + drain
            if replaced:
                await self.newcomers_join(deadline)
            # The supervisor kills the worker soon after the deadline.
            await self.close(max(deadline - asyncio.get_running_loop().time(), 0.0))
        finally:
            worker.close()

    def as_worker(self, place: Place) -> Worker:
        """Make this server the worker at `place`; `run` calls this by itself.

        The worker shares its rooms with the other workers, unless the server has an adapter, which
        then has to.
        """
        from engineio_min.workers.worker import Worker
        from socketio_min.cluster.worker_rooms import WorkerRooms

        worker = Worker(place, self.engine)
        if self.make_adapter is MemoryAdapter:
            shared = WorkerRooms(worker)
            worker.received, worker.peers_changed = shared.received, shared.peers_changed
            self.make_adapter = shared.adapter
            # No namespace has a socket yet.
            for namespace in self._all_namespaces():
                namespace.adapter = shared.adapter(namespace)
        return worker

    async def newcomers_join(self, deadline: float) -> None:
        """Wait until all clients that have begun to connect have joined a namespace, or until the
        time of the loop is `deadline`.
        """
        await self.connect_deadlines.newcomers_join(deadline)

    @property
    def port(self) -> int:
        """Return the port that `listen` bound.

        Raises:
            UsageError: the server is not listening, or on a Unix socket, which has no port.
        """
        return self.engine.port

    def asgi_app(self) -> AsgiApplication:
        """Return this server as an ASGI 3 application."""
        from engineio_min.asgi import AsgiApplication

        return AsgiApplication(self.engine, self.close, self.membership.join)

    def stop_accepting(self) -> None:
        """Take no new clients: close the listening sockets, and refuse handshakes with HTTP 503.

        Connected clients stay, and are served until `close`.
        """
        self.engine.stop_accepting()

    def refuse_newcomers(self) -> None:
        """Refuse handshakes with HTTP 503 until `close`, so that a proxy sends new clients to other
        servers. Requests of connected clients are served.
        """
        self.engine.refuse_newcomers()

    async def close(self, drain: float = 0.0) -> None:
        """Disconnect everybody (reason "server shutting down"), cancel the handlers in flight, and
        stop the server.

        drain: seconds that the handlers in flight may take to end by themselves. Meanwhile no new
        clients are taken, and the handlers' acknowledgements are still sent. The rest of this time
        is for asynchronous `disconnect` handlers.
        """
        # A handler that closes the server must not wait for itself.
        own = {asyncio.current_task()}
        deadline = asyncio.get_running_loop().time() + drain
        if drain > 0:
            self.stop_accepting()
            await self.handler_tasks.wait(own, deadline)
        self.shutdown_reason = SERVER_SHUTDOWN
        await self.engine.stop()
        if self._memory is not None:
            self._memory.close()
        await self.handler_tasks.wait(own, deadline)
        await self.handler_tasks.cancel(own)
        await self.membership.leave()
        self.shutdown_reason = None
        if self._ended is not None:
            self._ended.set()

    def start_task(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Take a handler's first step, and keep its task if it goes on."""
        # An event of another server may come before the engine listens and has a loop.
        loop = self.membership.loop or self.engine.loop
        task = self.first_steps.start(coroutine, loop)
        if task is not None:
            self.handler_tasks.keep(task, self.handler_tasks.forget)

    @property
    def stood_still(self) -> float:
        """Return for how many seconds the event loop has stood still in all, while clients with a
        rate limit were connected. Their packets of such a time are all read right after it.
        """
        return 0.0 if self._rate_limits is None else self._rate_limits.stood_still

    def _connected(self, connection: engineio_min.Connection) -> None:
        if self.membership.loop is None:
            # The ASGI host has sent no lifespan event.
            self.membership.join_soon(self.engine.loop)
        gate = None if self._rate_limits is None else self._rate_limits.gate(connection)
        self.connections.add(ServerConnection(self, connection, gate))
