"""dynamic.py: namespaces by pattern and predicate."""

from __future__ import annotations

import re
from typing import Any

from socketio_min import Server, Socket
from tests.socketio_min.server.admitting import Gate, refuse
from tests.socketio_min.serving import serving
from tests.waiting import until


async def test_a_pattern_makes_a_namespace_for_each_name() -> None:
    io = Server()
    parent = io.of(re.compile(r"^/room-\d+$"))
    events: list[tuple[str, Any]] = []

    @parent.use
    def check(socket: Socket) -> None:
        if socket.namespace.name == "/room-13":
            refuse()

    @parent.use_event
    def note(_socket: Socket, event: str, _args: list[Any]) -> None:
        events.append(("use_event", event))

    parent.on_any(lambda _socket, event, *_args: events.append(("on_any", event)))
    parent.on_any_outgoing(lambda _socket, event, *_args: events.append(("outgoing", event)))
    parent.on("connect", lambda socket: socket.emit("hello", socket.namespace.name))
    parent.on("all", lambda socket: socket.namespace.emit("told"))
    parent.on("fail", refuse)
    parent.on_error(lambda _socket, event, _args, _error: f"{event} failed")
    async with serving(io) as net:
        client = await net.open()
        await client.join("/room-1")
        await client.expect('42/room-1,["hello","/room-1"]')
        other = await net.open()
        await other.join("/room-2")
        await other.expect('42/room-2,["hello","/room-2"]')
        await client.send("40/room-13,", "40/room-x,")
        await client.expect(
            '44/room-13,{"message":"not authorized","data":{"code":"E1"}}',
            '44/room-x,{"message":"Invalid namespace"}',
        )
        events.clear()
        await client.send('42/room-1,["all"]', '42/room-1,5["fail"]')
        await client.expect('42/room-1,["told"]', '43/room-1,5["fail failed"]')
        assert events == [
            ("on_any", "all"),
            ("use_event", "all"),
            ("outgoing", "told"),
            ("on_any", "fail"),
            ("use_event", "fail"),
        ]
        await other.send('42/room-2,7["unknown"]', "40/x,")
        await other.expect('44/x,{"message":"Invalid namespace"}')


async def test_a_predicate_sees_the_name_and_the_auth_payload() -> None:
    io = Server()
    seen: list[tuple[str, Any]] = []

    def wanted(name: str, auth: Any) -> bool:
        seen.append((name, auth))
        return bool(auth == {"token": 1})

    io.of(wanted)
    async with serving(io) as net:
        client = await net.open()
        await client.send("40/a,", '40/b,{"token":2}')
        await client.expect(
            '44/a,{"message":"Invalid namespace"}', '44/b,{"message":"Invalid namespace"}'
        )
        await client.join("/c", '{"token":1}')
    assert seen == [("/a", {}), ("/b", {"token": 2}), ("/c", {"token": 1})]


async def test_the_first_rule_that_matches_counts_and_static_names_go_first() -> None:
    io = Server()
    io.of("/a-static").on("connect", lambda socket: socket.emit("static"))
    io.of(re.compile("^/a")).on("connect", lambda socket: socket.emit("first"))
    io.of(re.compile("^/")).on("connect", lambda socket: socket.emit("second"))
    async with serving(io) as net:
        for name, event in (("/a-static", "static"), ("/ab", "first"), ("/b", "second")):
            client = await net.open()
            await client.join(name)
            await client.expect(f'42{name},["{event}"]')


async def test_a_dynamic_namespace_goes_with_its_last_client() -> None:
    io = Server()
    gate = Gate()
    parent = io.of(re.compile("^/d-"))

    @parent.use
    async def wait(socket: Socket) -> None:
        if socket.handshake.auth.get("wait"):
            await gate.wait()

    async with serving(io) as net:
        first, _ = await net.join("/d-1")
        second, socket = await net.join("/d-1")
        child = socket.namespace
        await first.send("41/d-1,")
        third = await net.open()
        await third.send('40/d-1,{"wait":true}')
        await until(lambda: gate.waiting)
        socket.disconnect()
        await second.expect("41/d-1,")
        # Somebody is being admitted, so it is kept.
        assert child.sockets == {}
        assert io.find_dynamic("/d-1", None) is child
        gate.open()
        assert (await third.receive_text()).startswith("40/d-1,")
        await third.send("41/d-1,")
        await until(lambda: not child.sockets)
        assert io._dynamic[0].children == {}


async def test_a_name_is_found_among_the_dynamic_namespaces() -> None:
    """Invariant: `of` never makes a second namespace beside the one that clients are in."""
    io = Server()
    parent = io.of(re.compile("^/d-"))
    parent.use(lambda socket: None if socket.handshake.auth.get("good") else refuse())
    async with serving(io) as net:
        client, socket = await net.join("/d-1", auth='{"good":true}')
        assert io.of("/d-1") is socket.namespace
        io.of("d-1").emit("told")
        await client.expect('42/d-1,["told"]')
        static: object = io.of("/static")
        assert static is not parent
        # Nor one without the middlewares that a client would have met.
        io.of("/d-2").emit("nobody")
        await client.send("40/d-2,")
        await client.expect('44/d-2,{"message":"not authorized","data":{"code":"E1"}}')
