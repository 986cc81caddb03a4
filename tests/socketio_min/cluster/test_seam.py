"""adapter.py, gathering.py, remote_socket.py, status.py: what a server asks of its cluster.

Two servers in one process are joined by the smallest adapter that can do it, so that each test says
what an adapter's author has to provide.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from socketio_min import (
    AcknowledgementTimeout,
    BroadcastOptions,
    Disconnected,
    FetchedSocket,
    Limits,
    LocalNamespace,
    MemoryAdapter,
    RemoteSocket,
    Server,
    Socket,
    UsageError,
)
from socketio_min.cluster.adapter import AckCallback
from socketio_min.cluster.status import ClusterStatus
from tests.socketio_min.serving import Serving, serving
from tests.waiting import until


class Cluster:
    """The adapters of servers in one process; `silent` ones are counted and do nothing."""

    def __init__(self) -> None:
        self.adapters: list[PairedAdapter] = []
        self.silent: set[PairedAdapter] = set()
        self.log: list[tuple[str, str]] = []

    def adapter(self, namespace: LocalNamespace) -> PairedAdapter:
        return PairedAdapter(namespace, self)


class PairedAdapter(MemoryAdapter):
    """Calls the other adapters of its namespace."""

    __slots__ = ("cluster",)

    def __init__(self, namespace: LocalNamespace, cluster: Cluster) -> None:
        super().__init__(namespace)
        self.cluster = cluster

    async def start(self) -> None:
        self.cluster.adapters.append(self)
        self.cluster.log.append(("start", self._namespace.name))

    async def close(self) -> None:
        self.cluster.adapters.remove(self)
        self.cluster.log.append(("close", self._namespace.name))

    def _all(self) -> list[PairedAdapter]:
        return [one for one in self.cluster.adapters if one._namespace.name == self._namespace.name]

    def _others(self) -> list[PairedAdapter]:
        return [one for one in self._all() if one is not self and one not in self.cluster.silent]

    async def server_count(self) -> int:
        return len(self._all())

    def broadcast(self, args: Sequence[Any], options: BroadcastOptions) -> None:
        super().broadcast(args, options)
        if not options.local:
            for other in self._others():
                MemoryAdapter.broadcast(other, args, options)

    def broadcast_with_ack(
        self,
        args: Sequence[Any],
        options: BroadcastOptions,
        client_count: Callable[[int, str], None],
        acknowledged: AckCallback,
    ) -> Callable[[], None]:
        adapters = [self] if options.local else [self, *self._others()]
        cancels = [
            MemoryAdapter.broadcast_with_ack(one, args, options, client_count, acknowledged)
            for one in adapters
        ]

        def cancel() -> None:
            for one in cancels:
                one()

        return cancel

    async def fetch_sockets(self, options: BroadcastOptions) -> Sequence[FetchedSocket]:
        sockets = [*await super().fetch_sockets(options)]
        for other in [] if options.local else self._others():
            sockets += [
                RemoteSocket(self, one.id, one.handshake, one.rooms, dict(one.data))
                for one in other._matching(options)
            ]
        return sockets

    def add_sockets(self, options: BroadcastOptions, rooms: Sequence[str]) -> None:
        for one in [self, *self._others()]:
            MemoryAdapter.add_sockets(one, options, rooms)

    def delete_sockets(self, options: BroadcastOptions, rooms: Sequence[str]) -> None:
        for one in [self, *self._others()]:
            MemoryAdapter.delete_sockets(one, options, rooms)

    def disconnect_sockets(self, options: BroadcastOptions, *, close: bool) -> None:
        for one in [self, *self._others()]:
            MemoryAdapter.disconnect_sockets(one, options, close=close)

    def server_side_emit(self, args: Sequence[Any]) -> None:
        for other in self._others():
            other._namespace.server_event(args[0], args[1:], None)

    async def server_side_call(self, args: Sequence[Any], timeout: float) -> list[Any]:
        answers: list[Any] = []
        others = self._others()
        for other in others:
            other._namespace.server_event(args[0], args[1:], answers.append)
        try:
            async with asyncio.timeout(timeout):
                while len(answers) < len(others):  # noqa: ASYNC110 - the test's own
                    await asyncio.sleep(0)
        except TimeoutError:
            raise AcknowledgementTimeout("too late", answers) from None
        return answers


@asynccontextmanager
async def pair(**options: Any) -> AsyncIterator[tuple[Cluster, Serving, Serving]]:
    cluster = Cluster()
    first = Server(adapter=cluster.adapter, **options)
    second = Server(adapter=cluster.adapter, **options)
    async with serving(first) as a, serving(second) as b:
        yield cluster, a, b


# --- broadcasts with acknowledgements


async def test_a_call_waits_for_the_sockets_of_every_server() -> None:
    async with pair() as (_, a, b):
        here, _ = await a.join()
        there, _ = await b.join()
        call = asyncio.ensure_future(a.io.timeout(5.0).call("ask"))
        await there.expect('420["ask"]')
        await there.send('430["there"]')
        await here.expect('420["ask"]')
        await here.send('430["here",2]')
        assert sorted(await call) == ["here", "there"]


async def test_a_local_call_asks_this_server_only() -> None:
    async with pair() as (_, a, b):
        here, _ = await a.join()
        await b.join()
        call = asyncio.ensure_future(a.io.local.timeout(5.0).call("ask"))
        await here.expect('420["ask"]')
        await here.send("430[1]")
        assert await call == [1]


async def test_a_server_that_does_not_report_is_named_in_the_error() -> None:
    async with pair() as (cluster, a, _):
        here, _ = await a.join()
        cluster.silent.add(cluster.adapters[1])
        call = asyncio.ensure_future(a.io.timeout(0.05).call("ask"))
        await here.expect('420["ask"]')
        await here.send('430["here"]')
        with pytest.raises(AcknowledgementTimeout) as error:
            await call
        assert error.value.responses == ["here"]
        assert str(error.value) == (
            "got 1 of 1 acknowledgements of 'ask' within 0.05 seconds; "
            "1 servers did not report theirs"
        )


async def test_a_server_that_cannot_be_counted_is_not_waited_for_either() -> None:
    class Uncounted(MemoryAdapter):
        async def server_count(self) -> int:
            await asyncio.sleep(5.0)
            return 2

    io = Server(adapter=Uncounted)
    async with serving(io):
        with pytest.raises(AcknowledgementTimeout, match="got 0 of 0 acknowledgements of 'ask'"):
            await io.timeout(0.01).call("ask")


async def test_too_many_pending_acknowledgements_are_the_caller_s_error() -> None:
    io = Server(limits=Limits(max_pending_acks=1))
    async with serving(io) as net:
        client, socket = await net.join()
        first = asyncio.ensure_future(socket.call("one", timeout=5.0))
        await client.expect('420["one"]')
        with pytest.raises(UsageError, match="1 acknowledgements are pending"):
            await io.timeout(5.0).call("ask")
        await client.send("430[]")
        assert await first is None


# --- sockets of other servers


def test_a_room_of_a_remote_socket_is_named_by_a_text() -> None:
    """The call that names it fails, and no message about it reaches the socket's server."""
    handshake: Any = None
    remote = RemoteSocket(Server().adapter, "id", handshake, (), {})
    names: Any = ["red", 1]
    for change in (remote.join, remote.leave):
        with pytest.raises(UsageError, match="got 1 as the name of a room, expected a str"):
            change(names)


async def test_sockets_of_other_servers_are_fetched() -> None:
    async with pair() as (_, a, b):
        _, here = await a.join()
        there, socket = await b.join(auth='{"token":1}')
        socket.join("red")
        socket.data["name"] = "Ada"
        mine, remote = await a.io.fetch_sockets()
        assert mine is here
        assert isinstance(remote, RemoteSocket)
        assert (remote.id, remote.rooms) == (socket.id, frozenset((socket.id, "red")))
        assert remote.data == {"name": "Ada"}
        assert remote.handshake.auth == {"token": 1}
        assert repr(remote) == f"<RemoteSocket {socket.id}>"
        assert await a.io.local.fetch_sockets() == [here]

        remote.emit("hello", 1)
        await there.expect('42["hello",1]')
        call = asyncio.ensure_future(remote.call("ask", 2, timeout=5.0))
        await there.expect('420["ask",2]')
        await there.send("430[3,4]")
        assert await call == 3
        remote.join("blue")
        remote.join(["green"])
        assert socket.rooms == {socket.id, "red", "blue", "green"}
        remote.leave("red")
        remote.leave(("green",))
        assert socket.rooms == {socket.id, "blue"}
        remote.disconnect()
        await there.expect("41")
        with pytest.raises(Disconnected, match="disconnected before it acknowledged 'ask'"):
            await remote.call("ask")


async def test_names_of_rooms_are_checked_before_they_travel() -> None:
    async with pair() as (_, a, b):
        await b.join()
        [remote] = await a.io.fetch_sockets()
        with pytest.raises(UsageError, match="got 1 as the name of a room, expected a str"):
            remote.join([1])  # type: ignore[list-item]


async def test_a_socket_whose_limits_refuse_does_not_keep_the_others_out() -> None:
    io = Server(limits=Limits(max_rooms=2))
    async with serving(io) as net:
        _, full = await net.join()
        full.join("own")
        _, free = await net.join()
        with pytest.raises(UsageError, match="cannot join 1 more"):
            io.sockets_join("all")
        assert "all" in free.rooms
        assert "all" not in full.rooms


# --- events between servers


async def test_a_server_that_does_not_listen_yet_answers_others() -> None:
    io = Server()
    answers: list[Any] = []

    @io.on_server("ask")
    async def ask() -> str:
        await asyncio.sleep(0)
        return "here"

    await io.membership.join()
    io.server_event("ask", [], answers.append)
    await until(lambda: answers)
    await io.close()
    assert answers == ["here"]


async def test_servers_tell_and_ask_each_other() -> None:
    async with pair() as (_, a, b):
        heard: list[Any] = []

        @b.io.on_server("tell")
        def tell(*args: Any) -> str:
            heard.append(args)
            return "heard"

        async def later(value: int) -> int:
            await asyncio.sleep(0)
            heard.append(value)
            return value + 1

        assert b.io.on_server("later", later) is later
        a.io.server_side_emit("tell", 1, {"x": 2})
        assert heard == [(1, {"x": 2})]
        assert await a.io.server_side_call("tell") == ["heard"]
        a.io.server_side_emit("later", 3)
        assert await a.io.server_side_call("later", 4) == [5]
        assert heard[2:] == [3, 4]
        assert await a.io.server_side_call("nobody listens") == [None]


async def test_a_handler_of_servers_that_fails_is_logged_and_does_not_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with pair() as (_, a, b):

        @b.io.on_server("at once")
        def at_once() -> None:
            raise RuntimeError("no")

        @b.io.on_server("later")
        async def later() -> None:
            raise RuntimeError("no")

        for event in ("at once", "later"):
            with pytest.raises(AcknowledgementTimeout):
                await a.io.server_side_call(event, timeout=0.01)
    assert [record.getMessage() for record in caplog.records] == [
        "the handler of the servers' event 'at once' failed",
        "the handler of the servers' event 'later' failed",
    ]


async def test_one_server_has_nobody_to_tell() -> None:
    io = Server()
    io.on_server("tell", lambda: pytest.fail("it is the server's own event"))
    async with serving(io):
        io.server_side_emit("tell")
        assert await io.server_side_call("tell") == []


def test_names_of_events_between_servers_are_checked() -> None:
    io = Server()
    for event in ("connect", "connection", "new_namespace"):
        with pytest.raises(UsageError, match=f"'{event}', which the official server keeps"):
            io.server_side_emit(event)
    with pytest.raises(UsageError, match="got 1 as the name of an event"):
        io.on_server(1, print)  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="as the handler of 'tell', expected a function"):
        io.on_server("tell", 1)  # type: ignore[call-overload]
    io.on_server("tell", print)
    with pytest.raises(UsageError, match="'tell' has a handler already"):
        io.on_server("tell", print)


# --- when an adapter is in the cluster


async def test_adapters_join_with_the_server_and_with_their_namespace() -> None:
    cluster = Cluster()
    io = Server(adapter=cluster.adapter)
    io.of("/before")
    dynamic: Any = io.of(re.compile("^/room-"))
    dynamic.on_server("tell", print)
    with pytest.raises(UsageError, match="a dynamic namespace has no sockets"):
        dynamic.server_side_emit("tell")
    with pytest.raises(UsageError, match="a dynamic namespace has no sockets"):
        await dynamic.server_side_call("tell")
    async with serving(io) as net:
        assert cluster.log == [("start", "/"), ("start", "/before")]
        io.of("/later")
        await until(lambda: len(cluster.log) == 3)
        client, socket = await net.join("/room-1")
        assert socket.namespace.server_handlers == {"tell": print}
        await until(lambda: len(cluster.log) == 4)
        await client.send("41/room-1,")
        await until(lambda: len(cluster.log) == 5)
    assert cluster.log[2:] == [
        ("start", "/later"),
        ("start", "/room-1"),
        ("close", "/room-1"),
        ("close", "/"),
        ("close", "/before"),
        ("close", "/later"),
    ]
    assert cluster.adapters == []
    await io.listen(port=0)
    await io.close()
    assert cluster.log[-6:-3] == [("start", "/"), ("start", "/before"), ("start", "/later")]


async def test_a_namespace_that_ends_with_the_server_leaves_the_cluster() -> None:
    cluster = Cluster()
    io = Server(adapter=cluster.adapter)
    io.of(re.compile("^/room-"))
    await io.listen(port=0)
    io.of("/room-1")
    await io.close()
    assert sorted(cluster.log) == [
        ("close", "/"),
        ("close", "/room-1"),
        ("start", "/"),
        ("start", "/room-1"),
    ]


async def test_a_server_that_cannot_listen_leaves_the_cluster() -> None:
    cluster = Cluster()
    first = Server(adapter=cluster.adapter)
    second = Server(adapter=cluster.adapter)
    await first.listen(port=0)
    with pytest.raises(OSError, match="in use"):
        await second.listen(port=first.port)
    assert len(cluster.adapters) == 1
    with pytest.raises(OSError, match="in use"):
        await first.listen(port=first.port)
    assert len(cluster.adapters) == 1
    await first.close()
    assert cluster.adapters == []


async def test_a_host_that_does_not_tell_of_its_start_joins_with_the_first_client() -> None:
    cluster = Cluster()
    io = Server(adapter=cluster.adapter)
    await io.engine.listen(port=0)
    assert cluster.log == []
    net = Serving(io)
    await net.open()
    await until(lambda: cluster.log == [("start", "/")])
    await io.close()
    net.abort()
    assert cluster.adapters == []


async def test_the_lifespan_of_an_asgi_host_joins_and_leaves() -> None:
    cluster = Cluster()
    io = Server(adapter=cluster.adapter)
    sent: list[str] = []
    done: list[tuple[str, str]] = []
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def send(event: Any) -> None:
        sent.append(event["type"])
        done.append(cluster.log[-1])

    inbox.put_nowait({"type": "lifespan.startup"})
    inbox.put_nowait({"type": "lifespan.shutdown"})
    await io.asgi_app()({"type": "lifespan"}, inbox.get, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert done == [("start", "/"), ("close", "/")]


# --- the status


async def test_the_status_of_one_server_is_connected() -> None:
    assert Server().cluster.connected is True


def test_hooks_hear_of_changes(caplog: pytest.LogCaptureFixture) -> None:
    status = ClusterStatus(connected=False)
    heard: list[bool] = []

    @status.on_change
    def broken(connected: bool) -> None:
        raise RuntimeError("no")

    status.on_change(heard.append)
    status.change(False)
    status.change(True)
    status.change(True)
    status.change(False)
    assert heard == [True, False]
    assert [record.getMessage() for record in caplog.records] == [
        "a hook of the cluster's status failed",
        "a hook of the cluster's status failed",
    ]


async def test_a_socket_is_what_is_fetched_here() -> None:
    io = Server()
    async with serving(io) as net:
        _, socket = await net.join()
        [found] = await io.fetch_sockets()
        assert isinstance(found, Socket)
        assert found is socket
