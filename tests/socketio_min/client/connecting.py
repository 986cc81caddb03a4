"""A client and its server in one process and in virtual time, and who asks for a connection.

The invariant of everything here: once the server is up and time has passed, a client whose last
call asked for a connection is connected, or its caller was told that it is not; nobody waits.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from engineio_min.http.connection import HttpConnection
from engineio_min.timer import Timer
from socketio_min import Client, ClientNamespace, ConnectionRefused, Server, Socket, SocketIOError
from tests.hostile.simulation.network import Link
from tests.hostile.virtual_time import VirtualLoop

# Longer than every deadline of both ends together: whoever waits still, waits for ever.
LONG = 500.0
# More turns than anything here takes without a timer.
MOST_TURNS = 20_000

NAMESPACES = ("/", "/chat")
# What the application may do inside a handler.
REACTIONS = ("open", "connect", "disconnect", "return", "close")
Reaction = tuple[str, str, str]


class Network:
    """Connections in memory, from the client to a server that may be down."""

    def __init__(self, loop: NetworkLoop, accept: Callable[[], asyncio.Protocol]) -> None:
        self.up = True
        # Seconds that making a connection takes.
        self.latency = 0.01
        self.links: list[tuple[Link, Link]] = []
        self._loop = loop
        self._accept = accept
        loop.network = self

    async def connect(self, factory: Callable[[], asyncio.Protocol]) -> Any:
        await asyncio.sleep(self.latency)
        if not self.up:
            raise ConnectionRefusedError(111, "Connection refused")
        ends: list[Link] = []

        def carry(here: int, there: int, link: Link) -> None:
            data = bytes(link.inbox)
            link.inbox.clear()
            if data:
                ends[there].send(data)
            if ends[here].ended:
                ends[there].half_close()

        protocol = factory()
        ends.append(Link(self._loop, protocol, partial(carry, 0, 1), half_closes=True))
        ends.append(Link(self._loop, self._accept(), partial(carry, 1, 0), half_closes=True))
        self.links.append((ends[0], ends[1]))
        return ends[0], protocol

    def cut(self) -> None:
        """Reset every connection, as a router does that was restarted."""
        links, self.links = self.links, []
        for pair in links:
            for link in pair:
                link.reset()

    def vanish(self) -> None:
        """Carry nothing more on the connections there are, without a word."""
        links, self.links = self.links, []
        for pair in links:
            for link in pair:
                link.vanish()


class NetworkLoop(VirtualLoop):
    """A loop in virtual time whose connections lead to the simulated server."""

    network: Network

    # Whatever it is asked for, there is only one place to connect to.
    async def create_connection(  # type: ignore[override]
        self, factory: Callable[[], asyncio.Protocol], *_: Any, **__: Any
    ) -> Any:
        return await self.network.connect(factory)


class Meeting:
    """A server, a client, and the log of who asked for what and was told what."""

    def __init__(self, loop: NetworkLoop, **options: Any) -> None:
        self.loop = loop
        self.failures: list[str] = []
        loop.set_exception_handler(self._failed)
        self.io = Server(max_connections_per_address=100_000, connect_timeout=60.0)
        http = self.http = self.io.engine.http
        http.loop = loop
        http.timer = Timer(loop)
        http.mount(self.io.engine)
        self.io.engine.start()
        self.network = Network(loop, lambda: HttpConnection(http))
        # Seconds until CONNECT is answered; whether the next CONNECT is refused.
        self.answer_delay = 0.0
        self.refuses = 0
        # Seconds until auth is there; how often it fails before.
        self.auth_delay = 0.0
        self.auth_failures = 0
        self.client = Client("http://server/", **options)
        self.log: dict[str, list[str]] = {name: [] for name in NAMESPACES}
        self.asking: list[tuple[str, asyncio.Task[None]]] = []
        self.closing: list[asyncio.Task[None]] = []
        # What the handlers do next, for each event.
        self.reactions: list[Reaction] = []
        for name in NAMESPACES:
            self._listen(name)
            self._serve(name)
        for event in ("open", "close", "reconnect_attempt", "reconnect_error", "reconnect_failed"):
            self.client.on_connection(event, partial(self._react, event))

    def _failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        where = "".join(traceback.format_exception(error)) if error is not None else ""
        self.failures.append(f"{context.get('message')}\n{where}")

    # -- the server's and the application's side

    def _serve(self, name: str) -> None:
        namespace = self.io.of(name)

        @namespace.use
        async def answer(_socket: Socket) -> None:
            await asyncio.sleep(self.answer_delay)
            if self.refuses:
                self.refuses -= 1
                raise ConnectionRefused("not now")

    def _listen(self, name: str) -> None:
        namespace = self.namespace(name)
        namespace.auth = self._auth
        for event in ("connect", "connect_error", "disconnect"):
            namespace.on(event, partial(self._told, name, event))

    async def _auth(self) -> dict[str, Any]:
        await asyncio.sleep(self.auth_delay)
        if self.auth_failures:
            self.auth_failures -= 1
            raise LookupError("no token yet")
        return {"token": "t"}

    def _told(self, name: str, event: str, *_args: Any) -> None:
        self.log[name].append(event)
        self._react(event)

    def _react(self, event: str, *_args: Any) -> None:
        for reaction in self.reactions:
            if reaction[0] == event:
                self.reactions.remove(reaction)
                self.do(reaction[2], reaction[1])
                return

    # -- what the application does

    def namespace(self, name: str) -> ClientNamespace:
        return self.client.of(name)

    def do(self, action: str, name: str, timeout: float | None = None) -> None:
        """Do one of the things that a program does, without waiting for it."""
        namespace = self.namespace(name)
        if action in ("disconnect", "return"):
            self.log[name].append("unask")
            namespace.disconnect()
        if action == "close":
            for log in self.log.values():
                log.append("unask")
            self.closing.append(self.loop.create_task(self.client.close()))
        if action in ("open", "return"):
            self.log[name].append("ask")
            namespace.open()
        if action == "connect":
            self.log[name].append("ask")
            waiting = self._connect(namespace, timeout)
            self.asking.append((name, self.loop.create_task(waiting)))

    async def _connect(self, namespace: ClientNamespace, timeout: float | None) -> None:
        try:
            async with asyncio.timeout(timeout):
                await namespace.connect()
        except (SocketIOError, TimeoutError, asyncio.CancelledError) as error:
            self.log[namespace.name].append(type(error).__name__)
            raise

    def cancel(self, number: int) -> None:
        """Cancel one of the calls of `connect` that wait."""
        waiting = [(name, task) for name, task in self.asking if not task.done()]
        if waiting:
            name, task = waiting[number % len(waiting)]
            if task.cancel() and self.log[name][-1] == "ask":
                # It may not have begun, and then tells nothing.
                self.log[name].append("cancelled")

    # -- time

    async def settle(self) -> None:
        """Wait until nothing is left to do at this moment."""
        for _ in range(MOST_TURNS):
            await asyncio.sleep(0)
            if self.loop.idle:
                return
        raise AssertionError("the client does not come to rest")

    async def advance(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.settle()

    # -- what must hold

    async def check(self) -> None:
        """Everything works again, time passes: everybody is connected, or was told."""
        self.network.up = True
        self.refuses = self.auth_failures = 0
        self.answer_delay = self.auth_delay = 0.0
        self.reactions.clear()
        await self.advance(LONG)
        waiting = [name for name, task in self.asking if not task.done()]
        assert not waiting, f"connect() waits for ever in {waiting}"
        assert all(task.done() for task in self.closing), "close() waits for ever"
        for task in [task for _, task in self.asking] + self.closing:
            if not task.cancelled():
                assert isinstance(task.exception(), SocketIOError | TimeoutError | None)
        self.asking.clear()
        self.closing.clear()
        for name, log in self.log.items():
            self._check_namespace(self.namespace(name), log)
        self._check_connection()
        assert not self.failures, "\n".join(self.failures)

    def _check_namespace(self, namespace: ClientNamespace, log: list[str]) -> None:
        sockets = self.io.of(namespace.name).sockets
        assert namespace.connected == namespace.active, f"tries for ever, after {log[-8:]}"
        assert list(sockets) == ([namespace.id] if namespace.connected else []), log[-8:]
        if not namespace.connected and log:
            # Whatever came after the last call that asked: a call to leave, or the news.
            last = max((index for index, entry in enumerate(log) if entry == "ask"), default=-1)
            after = set(log[last + 1 :]) - {"connect"}
            assert after, f"not connected, and nobody was told: {log[-8:]}"
        membership = namespace._membership
        assert not membership.intents._waiters
        assert not membership.asked or not membership._is_asked

    def _check_connection(self) -> None:
        connection = self.client._manager
        assert not connection._ending
        assert not connection._presenting
        assert not connection._tasks
        wanted = any(namespace.active for namespace in self.client.namespaces.values())
        assert (connection.engine is not None) == wanted
        assert (connection._task is not None) == wanted
        assert len(self.io.engine.sessions) == wanted
        turns = connection.turns
        assert turns.behind == turns.in_flight == turns.ending == 0

    async def finish(self) -> None:
        self.network.up = True
        await self.client.close()
        await self.advance(LONG)
        assert not self.io.connections
        await self.io.close()
        await self.settle()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert not self.failures, "\n".join(self.failures)


def simulate(story: Callable[[Meeting], Awaitable[None]], **options: Any) -> None:
    """Run a story to its end, and check what must hold then."""
    loop = NetworkLoop()

    async def run() -> None:
        meeting = Meeting(loop, **options)
        await story(meeting)
        await meeting.check()
        await meeting.finish()

    try:
        loop.run_until_complete(run())
    finally:
        loop.close()
