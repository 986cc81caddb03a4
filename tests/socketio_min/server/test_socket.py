"""socket.py: what a socket tells of its client, sends to it, and which rooms it may join."""

from __future__ import annotations

import asyncio
import json
import re
import time
from email.utils import parsedate_to_datetime
from typing import Any, cast

import pytest

from socketio_min import EncodeError, Limits, Server, Socket, UsageError
from tests.socketio_min.serving import TRANSPORTS, Transport, serving
from tests.socketio_min.wire import PollingClient, WebSocketClient
from tests.waiting import until

HOLE = '{"_placeholder":true,"num":0}'


async def test_attachments_and_acknowledgements_of_a_client_without_binary_frames() -> None:
    io = Server()
    io.on("echo", lambda socket, data: (socket.broadcast.emit("news", data), data)[1])
    async with serving(io) as net:
        client = await WebSocketClient.open(net.port, query="&b64=1")
        other = await WebSocketClient.open(net.port)
        await client.join()
        await other.join()
        await client.send(f'451-7["echo",{HOLE}]', "bAQID")
        await client.expect(f"461-7[{HOLE}]", "bAQID")
        await other.expect(f'451-["news",{HOLE}]', b"\x01\x02\x03")
        await other.send(f'451-["echo",{HOLE}]', b"abc")
        await client.expect(f'451-["news",{HOLE}]', "bYWJj")
        await client.leave()
        await other.leave()


async def test_a_socket_tells_what_its_client_presented() -> None:
    io = Server(cors="*")
    before = round(time.time() * 1000)
    async with serving(io) as net:
        client = await net.open(
            query="&user=a%20b", headers={"Origin": "http://a.example", "X-Kind": "test"}
        )
        socket = io.sockets[await client.join(auth='{"token":[1]}')]
        handshake = socket.handshake
        assert handshake.auth == {"token": [1]}
        assert handshake.query == {"EIO": "4", "transport": "websocket", "user": "a b"}
        assert handshake.url == "/socket.io/?EIO=4&transport=websocket&user=a%20b"
        assert handshake.headers["x-kind"] == "test"
        assert handshake.address == "127.0.0.1"
        assert handshake.xdomain
        assert not handshake.secure
        assert before <= handshake.issued <= round(time.time() * 1000)
        moment = parsedate_to_datetime(handshake.time).timestamp() * 1000
        assert handshake.issued - 1_000 <= moment <= handshake.issued
        assert socket.handshake == handshake


async def test_a_client_without_origin_and_auth() -> None:
    async with serving(Server()) as net:
        _, socket = await net.join()
        assert not socket.handshake.xdomain
        assert socket.handshake.auth == {}


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_socket_through_its_life(transport: Transport) -> None:
    io = Server()
    async with serving(io) as net:
        client, socket = await net.join(transport=transport)
        assert re.fullmatch(r"[\w-]{20}", socket.id)
        assert socket.id != client.handshake["sid"]
        assert repr(socket) == f"<Socket {socket.id} in / (connected)>"
        assert not socket.recovered
        assert socket.namespace is io
        assert socket.transport == transport
        assert socket.rooms == {socket.id}
        assert socket.data == {}
        socket.data["name"] = "x"
        assert io.sockets[socket.id].data == {"name": "x"}
        await client.send("41")
        await client.send("40/unknown,")
        await client.expect('44/unknown,{"message":"Invalid namespace"}')
        assert not socket.connected
        assert socket.rooms == frozenset()
        assert repr(socket) == f"<Socket {socket.id} in / (disconnected)>"
        # What is done to it now is lost, and harmless.
        socket.emit("x", b"y")
        socket.join("room")
        socket.leave("room")
        socket.disconnect()
        socket.volatile.emit("x")
        await client.join()
        await client.nothing_more()


@pytest.mark.parametrize("namespace", ["/", "/custom"])
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_emit(transport: Transport, namespace: str) -> None:
    io = Server()
    io.of("/custom")
    prefix = "" if namespace == "/" else "/custom,"
    async with serving(io) as net:
        client, socket = await net.join(namespace, transport)
        socket.emit("none")
        socket.emit("values", 1, "ü", None, True, {"a": [1.5]})
        socket.emit("binary", {"a": [b"\x00"]}, b"")
        socket.emit("last")
        await client.expect(
            f'42{prefix}["none"]',
            f'42{prefix}["values",1,"ü",null,true,{{"a":[1.5]}}]',
            f'452-{prefix}["binary",{{"a":[{HOLE}]}},{{"_placeholder":true,"num":1}}]',
            b"\x00",
            b"",
            f'42{prefix}["last"]',
        )


@pytest.mark.parametrize(
    "event", ["connect", "connect_error", "disconnect", "disconnecting", "newListener"]
)
async def test_reserved_events_cannot_be_sent(event: str) -> None:
    io = Server()
    async with serving(io) as net:
        client, socket = await net.join()
        # With nobody to receive it the mistake is the same.
        for emit in (socket.emit, io.emit, io.to("empty").emit, socket.broadcast.emit):
            with pytest.raises(UsageError, match="keeps for itself"):
                emit(event)
        with pytest.raises(UsageError, match="keeps for itself"):
            await socket.call(event)
        with pytest.raises(UsageError, match="keeps for itself"):
            await io.to("empty").timeout(1.0).call(event)
        assert socket.pending_acks == 0
        await client.nothing_more()


async def test_values_that_cannot_be_sent_change_nothing() -> None:
    io = Server()
    async with serving(io) as net:
        client, socket = await net.join()
        for emit in (socket.emit, io.emit):
            with pytest.raises(EncodeError):
                emit("x", b"good", object())
        with pytest.raises(EncodeError):
            await socket.call("x", {1, 2})
        with pytest.raises(EncodeError):
            await io.timeout(1.0).call("x", {1, 2})
        assert socket.pending_acks == 0
        await client.nothing_more()


# --- flags


async def test_volatile_events_wait_for_no_poll() -> None:
    io = Server()
    async with serving(io) as net:
        client, socket = await net.join(transport="polling")
        assert isinstance(client, PollingClient)
        assert not socket.writable
        socket.volatile.emit("dropped")
        io.volatile.emit("dropped")
        socket.emit("kept")
        await client.expect('42["kept"]')
        await client.park()
        await until(lambda: socket.writable)
        socket.volatile.emit("delivered", b"x")
        await client.expect(f'451-["delivered",{HOLE}]', b"x")


async def test_volatile_events_reach_a_websocket_that_takes_them() -> None:
    async with serving(Server()) as net:
        client, socket = await net.join()
        assert socket.writable
        for number in range(3):
            socket.volatile.emit("x", number)
        await client.expect('42["x",0]', '42["x",1]', '42["x",2]')


async def test_the_flags_of_a_socket_reach_it_in_every_state() -> None:
    io = Server()

    @io.use
    def middleware(socket: Socket) -> None:
        socket.compress(False).emit("early")

    async with serving(io) as net:
        client, socket = await net.join()
        await client.expect('42["early"]')
        socket.leave(socket.id)
        socket.compress(False).emit("no room of its own")
        socket.volatile.emit("volatile")
        await client.expect('42["no room of its own"]', '42["volatile"]')


async def test_flags_combine_with_rooms_of_others() -> None:
    """Invariant: `socket.to` leaves out the socket, whatever flags stand before or after it."""
    io = Server()
    async with serving(io) as net:
        one, socket = await net.join()
        two, other = await net.join()
        socket.join("room")
        other.join("room")
        socket.to("room").volatile.compress(False).emit("a")
        socket.volatile.to("room").emit("b")
        socket.compress(False).to("room").emit("c")
        socket.volatile.except_("none").emit("d")
        socket.volatile.compress(True).broadcast.emit("e")
        await two.expect('42["a"]', '42["b"]', '42["c"]', '42["d"]', '42["e"]')
        await one.nothing_more()


@pytest.mark.parametrize("compress", [True, False])
async def test_compress_false_keeps_a_poll_uncompressed(compress: bool) -> None:
    async with serving(Server(http_compression=10)) as net:
        client, socket = await net.join(transport="polling")
        assert isinstance(client, PollingClient)
        socket.compress(compress).emit("x", "y" * 100)
        reply = await client.get(headers={"Accept-Encoding": "gzip"})
        assert reply.headers.get("content-encoding") == ("gzip" if compress else None)
        socket.compress(compress).emit("x", b"y" * 100)
        reply = await client.get(headers={"Accept-Encoding": "gzip"})
        assert reply.headers.get("content-encoding") == ("gzip" if compress else None)


# --- rooms


# --- the end


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_disconnect_from_one_namespace(transport: Transport) -> None:
    io = Server()
    reasons: list[tuple[str, str]] = []
    for namespace in (io, io.of("/other")):
        namespace.on("disconnect", lambda s, reason: reasons.append((s.namespace.name, reason)))
    async with serving(io) as net:
        client, socket = await net.join(transport=transport)
        other = io.of("/other").sockets[await client.join("/other")]
        socket.emit("bye")
        socket.disconnect()
        socket.disconnect()
        assert not socket.connected
        # The event crosses the disconnection.
        await client.send('42["late"]')
        await client.expect('42["bye"]', "41")
        assert other.connected
        await client.nothing_more("/other")
        assert reasons == [("/", "server namespace disconnect")]
        other.disconnect()
        await client.expect("41/other,")
        await client.join()
        await client.nothing_more()


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_disconnect_with_close_ends_the_connection(transport: Transport) -> None:
    io = Server()
    reasons: list[tuple[str, str]] = []
    for namespace in (io, io.of("/other")):
        namespace.on("disconnect", lambda s, reason: reasons.append((s.namespace.name, reason)))
    async with serving(io) as net:
        client, socket = await net.join(transport=transport)
        await client.join("/other")
        socket.emit("bye")
        socket.disconnect(close=True)
        assert await client.rest() == ['42["bye"]', "41", "41/other,"]
    assert reasons == [
        ("/", "server namespace disconnect"),
        ("/other", "server namespace disconnect"),
    ]


async def test_what_a_client_says_after_it_was_told_to_go_is_dropped() -> None:
    io = Server()
    events: list[Any] = []
    io.on("x", lambda _socket, value: events.append(value))
    async with serving(io) as net:
        client, socket = await net.join(transport="polling")
        await client.send('42["x",1]')
        socket.disconnect(close=True)
        await client.send('42["x",2]')
        assert await client.rest() == ["41"]
    assert events == [1]


async def test_disconnecting_in_a_handler_and_while_disconnecting() -> None:
    io = Server()
    reasons: list[str] = []

    @io.on("kick")
    def kick(socket: Socket) -> str:
        socket.disconnect()
        return "nobody hears this"

    @io.on("disconnecting")
    def disconnecting(socket: Socket, reason: str) -> None:
        reasons.append(reason)
        socket.disconnect()
        socket.disconnect(close=True)

    io.on("disconnect", lambda _socket, reason: reasons.append(reason))
    async with serving(io) as net:
        client, _ = await net.join()
        await client.send('421["kick"]')
        assert await client.rest() == ["41"]
    assert reasons == ["server namespace disconnect"] * 2


async def test_disconnecting_may_still_tell_the_rooms() -> None:
    io = Server()

    @io.on("disconnecting")
    def disconnecting(socket: Socket, _reason: str) -> None:
        for room in sorted(socket.rooms - {socket.id}):
            socket.to(room).emit("left", room)

    async with serving(io) as net:
        one, socket = await net.join()
        two, other = await net.join()
        for member in (socket, other):
            member.join(["a", "b"])
        await one.leave()
        await two.expect('42["left","a"]', '42["left","b"]')


async def test_drained_waits_until_everything_is_handed_over() -> None:
    async with serving(Server()) as net:
        client, socket = await net.join()
        await socket.drained()
        socket.emit("x", "y" * 100_000)
        await socket.drained()
        assert socket.writable
        await client.expect(f'42["x","{"y" * 100_000}"]')


async def test_drained_waits_for_a_client_that_does_not_read() -> None:
    io = Server(max_buffered=100_000_000)
    async with serving(io) as net:
        client, socket = await net.join()
        assert isinstance(client, WebSocketClient)
        reading = cast(asyncio.Transport, client.wire.writer.transport)
        reading.pause_reading()
        while socket.writable:
            socket.emit("x", "y" * 1_000_000)
            await asyncio.sleep(0)
        socket.emit("last")
        draining = asyncio.ensure_future(socket.drained())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not draining.done()
        reading.resume_reading()
        packet = ""
        while packet != '42["last"]':
            packet = await client.receive_text()
        await draining


async def test_drained_ends_with_the_session() -> None:
    async with serving(Server()) as net:
        client, socket = await net.join(transport="polling")
        socket.emit("x")
        draining = asyncio.ensure_future(socket.drained())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not draining.done()
        await client.leave()
        await draining
        await socket.drained()


async def test_heavy_credentials_are_there_until_the_connect_reply() -> None:
    """Kept with the socket they would be 1.4 MB for 64 KB sent, without a login."""
    io = Server()
    seen = []

    @io.use
    def look(socket: Socket) -> None:
        seen.append(len(socket.handshake.auth["list"]))

    async with serving(io) as s:
        heavy = json.dumps({"list": [[]] * 4_000})
        _, socket = await s.join(auth=heavy)
        assert seen == [4_000]
        assert socket.handshake.auth == {}
        _, light = await s.join(auth='{"list":[1]}')
        assert light.handshake.auth == {"list": [1]}


async def test_a_namespace_asks_for_more_values() -> None:
    io = Server(limits=Limits(max_values=10))
    io.of("/data").max_values = 1_000
    children = io.of(re.compile("^/child"))
    children.max_values = 1_000
    for namespace in (io, io.of("/data"), children):
        namespace.on("count", lambda _socket, values: len(values))
    async with serving(io) as s:
        zeros = json.dumps(["count", [0] * 500])
        for name in ("/data", "/child"):
            client, _ = await s.join(name)
            await client.send(f"42{name},1{zeros}")
            assert await client.receive() == f"43{name},1[500]"
        client, _ = await s.join()
        await client.send('421["count",[0,0,0]]')
        assert await client.receive() == "431[3]"
        await client.send(f"421{zeros}")
        await until(lambda: not io.sockets)
