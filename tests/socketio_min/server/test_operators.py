"""operators.py and adapter.py: who gets a broadcast, once each and in order."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from socketio_min import (
    Adapter,
    BroadcastOperator,
    BroadcastOptions,
    FetchedSocket,
    LocalNamespace,
    MemoryAdapter,
    Namespace,
    Server,
    Socket,
    UsageError,
)
from socketio_min.cluster.adapter import AckCallback
from tests.socketio_min.serving import Serving, Transport, serving
from tests.socketio_min.wire import Client, PollingClient

HOLE = '{"_placeholder":true,"num":0}'


class Crowd:
    """Clients by letter, in rooms; `got` tells who received an event."""

    def __init__(self, io: Server, clients: dict[str, Client], sockets: dict[str, Socket]) -> None:
        self.io = io
        self.clients = clients
        self.sockets = sockets

    async def got(self, *packets: str | bytes) -> str:
        """The letters of those who received exactly `packets`; the others received nothing."""
        letters = []
        for letter, client in self.clients.items():
            await client.send('42987654321["sync"]')
            received = []
            while (packet := await client.receive()) != "43987654321[]":
                received.append(packet)
            if received:
                assert received == list(packets), letter
                letters.append(letter)
        return "".join(letters)


@asynccontextmanager
async def crowd(net: Serving) -> AsyncIterator[Crowd]:
    """a, b, c and d; a and b are in `red`, b and c in `blue`; b polls."""
    clients, sockets = {}, {}
    for letter in "abcd":
        transport: Transport = "polling" if letter == "b" else "websocket"
        clients[letter], sockets[letter] = await net.join(transport=transport)
    sockets["a"].join("red")
    sockets["b"].join(["red", "blue"])
    sockets["c"].join("blue")
    yield Crowd(net.io, clients, sockets)


async def test_another_thread_is_heard_at_once_and_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A loop that sleeps does not notice it, and would send what waits with the next heartbeat."""
    io = Server(ping_interval=3600)
    async with serving(io) as net:
        client, _ = await net.join()
        for number in range(3):
            thread = threading.Timer(0.02, io.emit, ("news", number))
            thread.start()
            await client.expect(f'42["news",{number}]')
            thread.join()
    assert caplog.text.count("in another thread than the event loop's, which is not safe") == 1


@pytest.mark.parametrize(
    ("select", "letters"),
    [
        (lambda c: c.io, "abcd"),
        (lambda c: c.io.to("red"), "ab"),
        (lambda c: c.io.in_("red"), "ab"),
        (lambda c: c.io.to("red").to("blue"), "abc"),
        (lambda c: c.io.to(["red", "blue", "red"]), "abc"),
        (lambda c: c.io.in_("red").in_("blue").in_("red"), "abc"),
        (lambda c: c.io.except_("red"), "cd"),
        (lambda c: c.io.except_(["red", "blue"]), "d"),
        (lambda c: c.io.to("red").except_("blue"), "a"),
        (lambda c: c.io.except_("blue").to("red"), "a"),
        (lambda c: c.io.to(["red", "blue"]).except_(c.sockets["b"].id), "ac"),
        (lambda c: c.io.to("red").except_("red"), ""),
        (lambda c: c.io.to("empty"), ""),
        (lambda c: c.io.to("empty").to("red"), "ab"),
        (lambda c: c.io.except_("empty"), "abcd"),
        (lambda c: c.io.to(c.sockets["d"].id), "d"),
        (lambda c: c.io.to(c.sockets["a"].id).to("red"), "ab"),
        (lambda c: c.io.local, "abcd"),
        (lambda c: c.io.to("red").local, "ab"),
        (lambda c: c.io.compress(False), "abcd"),
        (lambda c: c.io.timeout(1.0), "abcd"),
        (lambda c: c.io.volatile, "acd"),
        (lambda c: c.io.to("red").volatile, "a"),
        (lambda c: c.sockets["a"], "a"),
        (lambda c: c.sockets["a"].broadcast, "bcd"),
        (lambda c: c.sockets["a"].to("red"), "b"),
        (lambda c: c.sockets["a"].in_("red"), "b"),
        (lambda c: c.sockets["a"].to(["red", "blue"]), "bc"),
        (lambda c: c.sockets["a"].to("red").to("blue"), "bc"),
        (lambda c: c.sockets["d"].to("red"), "ab"),
        (lambda c: c.sockets["a"].except_("blue"), "d"),
        (lambda c: c.sockets["a"].broadcast.except_("blue"), "d"),
        (lambda c: c.sockets["a"].broadcast.volatile, "cd"),
        (lambda c: c.sockets["a"].compress(False), "a"),
        (lambda c: c.sockets["b"].compress(False), "b"),
        (lambda c: c.sockets["a"].volatile, "a"),
        (lambda c: c.sockets["b"].volatile, ""),
    ],
)
async def test_who_gets_a_broadcast(select: Callable[[Crowd], Any], letters: str) -> None:
    """Invariant: each socket of one of the rooms and of no excepted one gets it, once."""
    async with serving(Server()) as net, crowd(net) as people:
        select(people).emit("x", 1)
        assert await people.got('42["x",1]') == letters
        select(people).emit("x", b"y")
        assert await people.got(f'451-["x",{HOLE}]', b"y") == letters


@pytest.mark.parametrize(
    ("select", "letters"),
    [
        (lambda c: c.io.to([]), ""),
        (lambda c: c.io.in_(()), ""),
        (lambda c: c.io.to(iter(())), ""),
        (lambda c: c.io.to([]).local.volatile.compress(False).except_("red"), ""),
        (lambda c: c.io.except_("red").to([]), ""),
        (lambda c: c.io.to([]).to("red"), "ab"),
        (lambda c: c.io.to("red").to([]), "ab"),
        (lambda c: c.io.except_([]), "abcd"),
        (lambda c: c.io.to("red").except_([]), "ab"),
        (lambda c: c.sockets["a"].to([]), ""),
        (lambda c: c.sockets["a"].in_({}), ""),
        (lambda c: c.sockets["a"].broadcast.to([]), ""),
        (lambda c: c.sockets["a"].volatile.to([]), ""),
        (lambda c: c.sockets["a"].except_([]), "bcd"),
    ],
)
async def test_an_empty_collection_of_rooms_is_nobody(
    select: Callable[[Crowd], Any], letters: str
) -> None:
    """Invariant: what reaches everybody was not given any rooms at all."""
    async with serving(Server()) as net, crowd(net) as people:
        chosen = select(people)
        chosen.emit("x", 1)
        assert await people.got('42["x",1]') == letters
        found = await chosen.fetch_sockets()
        assert found == [people.sockets[letter] for letter in letters]
        chosen.sockets_join("green")
        assert await net.io.in_("green").fetch_sockets() == found
        net.io.sockets_join("green")
        chosen.sockets_leave("green")
        others = [socket for socket in people.sockets.values() if socket not in found]
        assert await net.io.in_("green").fetch_sockets() == others
        chosen.disconnect_sockets()
        assert await net.io.fetch_sockets() == others


async def test_nobody_is_asked_and_what_is_said_is_still_checked() -> None:
    nobody = Server().to([])
    assert await nobody.timeout(5.0).call("x") == []
    with pytest.raises(UsageError, match="keeps for itself"):
        nobody.emit("connect")
    with pytest.raises(UsageError, match="keeps for itself"):
        await nobody.timeout(5.0).call("connect")
    with pytest.raises(UsageError, match=r"needs \.timeout"):
        await nobody.call("x")
    for function in (nobody.sockets_join, nobody.sockets_leave):
        with pytest.raises(UsageError, match="as the name of a room, expected a str"):
            function(1)  # type: ignore[arg-type]


async def test_operators_are_immutable() -> None:
    async with serving(Server()) as net, crowd(net) as people:
        red = people.io.to("red")
        red.to("blue").except_("red").volatile.local.compress(False).timeout(1.0)
        red.emit("x")
        assert await people.got('42["x"]') == "ab"
        assert isinstance(red, BroadcastOperator)


async def test_broadcasts_of_a_namespace_stay_in_it() -> None:
    io = Server()
    other = io.of("/other")
    async with serving(io) as net:
        client, _ = await net.join()
        socket = other.sockets[await client.join("/other")]
        socket.join("room")
        io.emit("main")
        other.emit("other")
        io.to("room").emit("nobody")
        other.to("room").emit("room", b"x")
        await client.expect('42["main"]', '42/other,["other"]', f'451-/other,["room",{HOLE}]', b"x")


async def test_a_broadcast_is_encoded_once() -> None:
    async with serving(Server()) as net, crowd(net) as people:
        sent: list[Any] = []
        for socket in people.sockets.values():
            original = socket.out

            class Spy:
                writable = True

                def __init__(self, out: Any) -> None:
                    self.out = out

                def send(self, packet: Any) -> None:
                    sent.append(packet)
                    self.out.send(packet)

            socket.out = Spy(original)
        people.io.emit("x", [1, 2])
        assert len(sent) == 4
        assert all(packet is sent[0] for packet in sent)
        assert await people.got('42["x",[1,2]]') == "abcd"


async def test_a_room_that_is_left_is_not_reached() -> None:
    async with serving(Server()) as net, crowd(net) as people:
        people.sockets["a"].leave("red")
        people.io.to("red").emit("x")
        assert await people.got('42["x"]') == "b"


async def test_broadcasts_keep_their_order() -> None:
    async with serving(Server()) as net, crowd(net) as people:
        people.io.emit("x", 0)
        people.sockets["a"].to("red").emit("x", 1)
        people.sockets["b"].emit("x", 2)
        people.io.to("blue").emit("x", 3)
        await people.clients["b"].expect('42["x",0]', '42["x",1]', '42["x",2]', '42["x",3]')


@pytest.mark.parametrize("compress", [True, False])
async def test_compress_false_holds_for_every_receiver(compress: bool) -> None:
    async with serving(Server(http_compression=10)) as net:
        client, _ = await net.join(transport="polling")
        assert isinstance(client, PollingClient)
        net.io.compress(compress).emit("x", "y" * 100)
        reply = await client.get(headers={"Accept-Encoding": "gzip"})
        assert reply.headers.get("content-encoding") == ("gzip" if compress else None)


# --- sockets in bulk


async def test_fetch_sockets() -> None:
    async with serving(Server()) as net, crowd(net) as people:

        async def letters(sockets: Any) -> str:
            found = await sockets.fetch_sockets()
            return "".join(x for x, socket in people.sockets.items() if socket in found)

        assert await letters(people.io) == "abcd"
        assert await letters(people.io.to("red")) == "ab"
        assert await letters(people.io.to("red").except_("blue")) == "a"
        assert await letters(people.io.to("empty")) == ""
        assert await letters(people.sockets["a"].broadcast) == "bcd"


async def test_sockets_join_and_leave() -> None:
    async with serving(Server()) as net, crowd(net) as people:
        people.io.to("red").sockets_join("green")
        people.io.to("blue").except_("red").sockets_join(["green", "grey"])
        people.io.to("green").emit("x")
        assert await people.got('42["x"]') == "abc"
        people.io.to("blue").sockets_leave(["green", "blue", "never"])
        people.io.to(["green", "blue"]).emit("y")
        assert await people.got('42["y"]') == "a"
        people.io.sockets_join("all")
        people.io.to("all").emit("z")
        assert await people.got('42["z"]') == "abcd"
        people.io.sockets_leave("all")
        people.io.to("all").emit("nobody")
        assert await people.got() == ""


@pytest.mark.parametrize("close", [False, True])
async def test_disconnect_sockets(close: bool) -> None:
    io = Server()
    reasons: list[str] = []
    io.on("disconnect", lambda _socket, reason: reasons.append(reason))
    async with serving(io) as net, crowd(net) as people:
        people.io.to("red").disconnect_sockets(close=close)
        for letter in "ab":
            client = people.clients.pop(letter)
            await client.expect("41")
            if close:
                assert await client.rest() == []
            else:
                await client.join()
        people.io.emit("x")
        assert reasons == ["server namespace disconnect"] * 2
        assert await people.got('42["x"]') == "cd"
        people.io.disconnect_sockets(close=close)
        for letter in "cd":
            await people.clients[letter].expect("41")
        assert io.sockets == {}


async def test_disconnecting_everybody_closes_each_connection_once() -> None:
    io = Server()
    io.of("/other")
    async with serving(io) as net:
        client, _ = await net.join()
        await client.join("/other")
        io.disconnect_sockets(close=True)
        assert await client.rest() == ["41", "41/other,"]


# --- another adapter


class RecordingAdapter(MemoryAdapter):
    """Notes what the namespace asks for, and does it in memory."""

    __slots__ = ("calls",)

    def __init__(self, namespace: LocalNamespace) -> None:
        super().__init__(namespace)
        self.calls: list[tuple[Any, ...]] = []

    async def start(self) -> None:
        self.calls.append(("start",))

    async def close(self) -> None:
        self.calls.append(("close",))

    async def server_count(self) -> int:
        self.calls.append(("server_count",))
        return await super().server_count()

    def add_all(self, socket_id: str, rooms: Iterable[str]) -> None:
        rooms = tuple(rooms)
        self.calls.append(("add_all", socket_id, rooms))
        super().add_all(socket_id, rooms)

    def delete(self, socket_id: str, room: str) -> None:
        self.calls.append(("delete", socket_id, room))
        super().delete(socket_id, room)

    def delete_all(self, socket_id: str) -> None:
        self.calls.append(("delete_all", socket_id))
        super().delete_all(socket_id)

    def broadcast(self, args: Sequence[Any], options: BroadcastOptions) -> None:
        self.calls.append(("broadcast", tuple(args), options))
        super().broadcast(args, options)

    def broadcast_with_ack(
        self,
        args: Sequence[Any],
        options: BroadcastOptions,
        client_count: Callable[[int, str], None],
        acknowledged: AckCallback,
    ) -> Callable[[], None]:
        self.calls.append(("broadcast_with_ack", tuple(args), options))
        return super().broadcast_with_ack(args, options, client_count, acknowledged)

    async def fetch_sockets(self, options: BroadcastOptions) -> Sequence[FetchedSocket]:
        self.calls.append(("fetch_sockets", options))
        return await super().fetch_sockets(options)

    def add_sockets(self, options: BroadcastOptions, rooms: Sequence[str]) -> None:
        self.calls.append(("add_sockets", options, tuple(rooms)))
        super().add_sockets(options, rooms)

    def delete_sockets(self, options: BroadcastOptions, rooms: Sequence[str]) -> None:
        self.calls.append(("delete_sockets", options, tuple(rooms)))
        super().delete_sockets(options, rooms)

    def disconnect_sockets(self, options: BroadcastOptions, *, close: bool) -> None:
        self.calls.append(("disconnect_sockets", options, close))
        super().disconnect_sockets(options, close=close)

    def server_side_emit(self, args: Sequence[Any]) -> None:
        self.calls.append(("server_side_emit", tuple(args)))

    async def server_side_call(self, args: Sequence[Any], timeout: float) -> list[Any]:
        self.calls.append(("server_side_call", tuple(args), timeout))
        return ["answer"]


async def test_everything_about_rooms_goes_through_the_adapter() -> None:
    made: dict[str, RecordingAdapter] = {}

    def make(namespace: Namespace) -> Adapter:
        made[namespace.name] = RecordingAdapter(namespace)
        return made[namespace.name]

    io = Server(adapter=make)
    io.of("/other")
    async with serving(io) as net:
        client, socket = await net.join()
        socket.join(["a", "b"])
        socket.leave("b")
        io.to("a").except_("b").volatile.local.compress(False).emit("x", 1)
        io.emit("y")
        assert await io.to("nobody").timeout(5.0).call("z") == []
        assert await io.to("a").fetch_sockets() == [socket]
        io.to("a").sockets_join(["c"])
        io.to("a").sockets_leave("c")
        io.to("a").disconnect_sockets()
        io.server_side_emit("s", 2)
        assert await io.server_side_call("s", 3, timeout=4.0) == ["answer"]
        await client.expect('42["x",1]', '42["y"]', "41")
    assert list(made) == ["/", "/other"]
    assert made["/other"].calls == [("start",), ("close",)]
    a = BroadcastOptions(rooms=("a",))
    assert made["/"].calls == [
        ("start",),
        ("add_all", socket.id, (socket.id,)),
        ("add_all", socket.id, ("a", "b")),
        ("delete", socket.id, "b"),
        (
            "broadcast",
            ("x", 1),
            BroadcastOptions(("a",), ("b",), volatile=True, compress=False, local=True),
        ),
        ("broadcast", ("y",), BroadcastOptions()),
        ("broadcast_with_ack", ("z",), BroadcastOptions(("nobody",), timeout=5.0)),
        ("server_count",),
        ("fetch_sockets", a),
        ("add_sockets", a, ("c",)),
        ("add_all", socket.id, ("c",)),
        ("delete_sockets", a, ("c",)),
        ("delete", socket.id, "c"),
        ("disconnect_sockets", a, False),
        ("delete_all", socket.id),
        ("server_side_emit", ("s", 2)),
        ("server_side_call", ("s", 3), 4.0),
        ("close",),
    ]


async def test_the_memory_adapter_shows_its_rooms() -> None:
    io = Server()
    async with serving(io) as net:
        _, socket = await net.join()
        socket.join("a")
        assert isinstance(io.adapter, MemoryAdapter)
        assert set(io.adapter.rooms.members("a")) == {socket.id}
        socket.leave("a")
        assert set(io.adapter.rooms.members("a")) == set()
