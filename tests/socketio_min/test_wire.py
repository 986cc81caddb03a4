"""What comes back for every kind of packet, honest and hostile, over both transports.

One table. A row sends packets after its client has joined "/" (or nothing, or more) and states
what comes back: the exact packets, then either silence on a connection that goes on, or its end;
and which events reached the application. Invariants of every row: another client of the same
server gets its answer afterwards, and when both have gone nothing is left of them.

Where Socket.IO v5 leaves room, or the official server is lenient, the answers are those that
`packets.py` and `peer.py` document. Identifiers in brackets are those of the project's list of
hostile inputs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from socketio_min import ConnectionRefused, Limits, Server, Socket
from tests.frames import Packet
from tests.socketio_min.serving import TRANSPORTS, Transport, serving

HOLE = '{"_placeholder":true,"num":0}'


@dataclass(frozen=True, slots=True)
class Row:
    """`joined`: the namespaces that the client joins first. `ends`: whether the connection does."""

    name: str
    send: tuple[Packet, ...]
    replies: tuple[Packet, ...] = ()
    delivered: tuple[list[Any], ...] = ()
    ends: bool = False
    joined: tuple[str, ...] = ("/",)


def closing(name: str, *send: Packet, joined: tuple[str, ...] = ("/",)) -> Row:
    """A row whose packets end the connection without a reply and reach nobody."""
    return Row(name, send, ends=True, joined=joined)


def ignored(name: str, *send: Packet, joined: tuple[str, ...] = ("/",)) -> Row:
    return Row(name, send, joined=joined)


def delivered(name: str, send: str, *events: list[Any], replies: tuple[Packet, ...] = ()) -> Row:
    return Row(name, (send,), replies, events)


def connect_rows() -> Iterator[Row]:
    def row(name: str, packet: str, *replies: str, ends: bool = False) -> Row:
        return Row(name, (packet,), replies, ends=ends, joined=())

    invalid = '{"message":"Invalid namespace"}'
    yield row("S02 unknown namespace", "40/nope,", f"44/nope,{invalid}")
    yield row("unknown namespace without comma", "40/nope", f"44/nope,{invalid}")
    yield row("unknown namespace with auth", '40/nope,{"a":1}', f"44/nope,{invalid}")
    yield row("a query is part of the name", "40/custom?token=1,", f"44/custom?token=1,{invalid}")
    yield row("S03 two slashes", "40//,", f"44//,{invalid}")
    yield row("S03 an empty name and a query", "40/?a=1", f"44/?a=1,{invalid}")
    yield row("S03 __proto__", "40/__proto__,", f"44/__proto__,{invalid}")
    yield row("S03 control characters", "40/a\x01\x7f,", f"44/a\x01\x7f,{invalid}")
    yield row("S03 256 characters", f"40/{'n' * 255},", f"44/{'n' * 255},{invalid}")
    yield row("S03 257 characters", f"40/{'n' * 256},", ends=True)
    for payload in ("[]", "[1]", "null", '"s"', "1", "true", '{"a"', "{bad", '{"a":1}x', "{}{}"):
        yield row(f"S04 CONNECT with {payload}", f"40{payload}", ends=True)
        yield row(f"S04 CONNECT to /custom with {payload}", f"40/custom,{payload}", ends=True)
    yield closing("S05 CONNECT twice", "40")
    yield closing("S05 CONNECT twice with auth", '40{"a":1}')
    yield closing("S05 CONNECT twice to /custom", "40/custom,", joined=("/", "/custom"))


def namespace_rows() -> Iterator[Row]:
    for packet in ('42["echo"]', "430[]", "41", f'451-["echo",{HOLE}]', f"461-0[{HOLE}]"):
        yield closing(f"S01 {packet[:3]} before CONNECT", packet, joined=())
        other = packet[:2] + "/custom," + packet[2:]
        if "-" not in packet:
            yield closing(f"S08 {packet[:3]} for /custom, not joined", other)
    yield closing("S08 a binary event for /custom, not joined", f'451-/custom,["echo",{HOLE}]')
    yield Row(
        "S08 an event for a namespace that refused",
        ("40/closed,", '42/closed,["echo"]'),
        ('44/closed,{"message":"not authorized","data":{"code":"E1"}}',),
        ends=True,
        joined=(),
    )
    yield closing("S09 DISCONNECT twice", "41", "41")
    yield closing("S09 an event after leaving the last namespace", "41", '42["echo"]')
    yield ignored(
        "S09 an event after leaving one of two",
        "41/custom,",
        '42/custom,["echo"]',
        joined=("/", "/custom"),
    )
    yield ignored("leaving another namespace", "41/custom,", joined=("/", "/custom"))
    yield closing("S10 DISCONNECT with a payload", "41{}")
    yield closing("S10 DISCONNECT of a namespace never joined", "41/nope,")
    yield closing("S31 CONNECT_ERROR with an object", '44{"message":"x"}')
    yield closing("S31 CONNECT_ERROR with a string", '44"x"')


def event_rows() -> Iterator[Row]:
    yield closing("S11 an event without payload", "42")
    payloads = ("[]", "{}", "null", '"x"', "[null]", "[true]", "[{}]", "[[]]", "[1]", "[1,2]")
    for payload in payloads:
        yield closing(f"S12 an event of {payload}", "42" + payload)
    reserved = [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
    ]
    for name in reserved:
        yield closing(f"S14 the reserved event {name}", f'42["{name}"]')
        yield closing(f"S14 the reserved event {name}, binary", f'451-["{name}",{HOLE}]')
    yield delivered("S15 an event named error", '42["error","x"]', ["error", "x"])
    names = ("", "__proto__", "constructor", "toString", "__class__", "__init__", "on_connect")
    for name in names:
        yield delivered(f"S16 an event named {name!r}", f'427["{name}",1]', [name, 1])
    yield delivered("S16 a name of 128 characters", f'42["{"n" * 128}"]', ["n" * 128])
    yield closing("S16 a name of 129 characters", f'42["{"n" * 129}"]')
    for body in (
        '["echo",]',
        '["echo"]]',
        '["echo"]x',
        '["echo" "x"]',
        '["echo",NaN]',
        '["echo",Infinity]',
        '["echo",-Infinity]',
        '["echo",undefined]',
        '["echo","\n"]',
        '["echo","a',
        "[echo]",
        "['echo']",
        '["echo",01]',
        '["echo","\\x"]',
    ):
        yield closing(f"S17 {body!r}", "42" + body)
    yield closing("S17 a byte order mark", '42\ufeff["echo"]')
    yield closing("S17 a byte order mark first", '4\ufeff2["echo"]')
    yield Row(
        "S18 a lone surrogate",
        ('421["echo","\\ud800"]',),
        ('431["\\ud800"]',),
        (["echo", "\ud800"],),
    )
    yield Row(
        "S19 a number beyond a double",
        ('421["echo",1e999]',),
        ("431[null]",),
        (["echo", float("inf")],),
    )
    yield Row(
        "S20 an integer of 30 digits",
        (f'421["echo",{"1" * 30}]',),
        ("431[1.111111111111111e+29]",),
        (["echo", float("1" * 30)],),
    )
    deep: Any = "bottom"
    for _ in range(63):
        deep = [deep]
    yield delivered("S21 64 levels", f'42["x",{"[" * 63}"bottom"{"]" * 63}]', ["x", deep])
    for depth in (65, 100, 1_000, 10_000, 400_000):
        yield closing(f"S21 {depth} levels", f'42["echo",{"[" * (depth - 1)}{"]" * depth}')
    yield closing(
        "S21 1,000 levels of objects", '42["echo",' + '{"a":' * 999 + "1" + "}" * 999 + "]"
    )
    yield Row("S22 many empty arrays", (f'42["count",[{"[]," * 4_990}0]]',), ('42["counted"]',))
    yield closing("S22 a flood of empty arrays", f'42["count",[{"[]," * 200_000}0]]')
    yield delivered(
        "S23 duplicate and special keys",
        '42["x",{"a":1,"a":2,"__proto__":{"b":1},"toJSON":3}]',
        ["x", {"a": 2, "__proto__": {"b": 1}, "toJSON": 3}],
    )


def ack_id_rows() -> Iterator[Row]:
    for digits, number in (("0", 0), ("07", 7), ("007", 7), ("9007199254740991", 9007199254740991)):
        yield Row(
            f"S24 acknowledgement id {digits}",
            (f'42{digits}["echo",1]',),
            (f"43{number}[1]",),
            (["echo", 1],),
        )
    for digits in (
        " ",
        "-1",
        "+1",
        "1.5",
        "1e3",
        "abc",
        "1_0",
        "٣",
        "²",
        "１",
        "9007199254740992",
        "1" * 17,
        "1" * 30,
        "1" * 400,
        "1" * 5_000,
    ):
        yield closing(
            f"S25-S27 acknowledgement id {digits[:20]!r} of {len(digits)}", f'42{digits}["echo",1]'
        )
    for packet in ("43999[1]", "430[1]", '43["x"]', "43", "435", "43[]"):
        yield ignored(f"S28 S29 the acknowledgement {packet} of nothing", packet, packet)
    for packet in ("431{}", "431null", '431"x"', "431[", "43-1[]", "43x[]"):
        yield closing(f"S29 the malformed acknowledgement {packet}", packet)


def type_rows() -> Iterator[Row]:
    yield closing("S32 an empty message", "4")
    for type_ in "789aZ-２\x00":
        yield closing(f"S32 type {type_!r}", f'4{type_}["echo"]')


def attachment_rows() -> Iterator[Row]:
    for count in (
        "",
        "0",
        "00",
        "11",
        "1000000000",
        "1" * 100,
        "-1",
        "+1",
        "1.5",
        "1e0",
        "1e1",
        "0x1",
        " 1",
        "1 ",
        "x",
        "٣",
        "²",
    ):
        yield closing(f"S33-S36 {count[:12]!r} attachments", f'45{count}-["echo",{HOLE}]')
    yield closing("S34 no dash", f'451["echo",{HOLE}]')
    yield closing("S34 a binary acknowledgement without dash", f"461[{HOLE}]")
    header = f'451-["echo",{HOLE}]'
    yield Row("a binary event", (header, b"\x00\xff"), delivered=(["echo", b"\x00\xff"],))
    yield Row("an empty attachment", (header, b""), delivered=(["echo", b""],))
    yield Row(
        "a binary event that is acknowledged",
        (f'451-7["echo",{HOLE}]', b"x"),
        (f"461-7[{HOLE}]", b"x"),
        (["echo", b"x"],),
    )
    yield Row(
        "a binary event of /custom",
        (f'451-/custom,7["echo",{HOLE}]', b"x"),
        (f"461-/custom,7[{HOLE}]", b"x"),
        (["echo", b"x"],),
        joined=("/", "/custom"),
    )
    yield Row(
        "attachments are matched by num",
        (
            '452-1["echo",{"_placeholder":true,"num":1},{"a":{"_placeholder":true,"num":0}}]',
            b"zero",
            b"one",
        ),
        (
            '462-1[{"_placeholder":true,"num":0},{"a":{"_placeholder":true,"num":1}}]',
            b"one",
            b"zero",
        ),
        (["echo", b"one", {"a": b"zero"}],),
    )
    yield ignored("a binary acknowledgement of nothing", f"461-5[{HOLE}]", b"x")
    yield closing("S39 an event between", header, '42["echo"]')
    yield closing("S39 a second header", header, header)
    yield closing("S39 DISCONNECT between", header, "41")
    yield closing("S39 CONNECT between", header, "40/custom,")
    yield Row("S40 a pong between", (header, "3", b"x"), delivered=(["echo", b"x"],))
    yield closing("S41 a binary message alone", b"x")
    yield closing("S41 an empty binary message alone", b"")
    yield Row(
        "S41 one attachment too many", (header, b"x", b"y"), delivered=(["echo", b"x"],), ends=True
    )
    yield closing("S41 a binary message before CONNECT", b"x", joined=())
    for num in ("-1", "1", "0.5", '"0"', "true", "null", "1e400", "[]", "0.0", "1e99"):
        yield closing(f"S42 S43 num {num}", f'451-["echo",{{"_placeholder":true,"num":{num}}}]')
    yield closing("S42 no num", '451-["echo",{"_placeholder":true}]')
    yield Row(
        "S44 one attachment twice",
        (f'451-["echo",{HOLE},{HOLE}]', b"x"),
        delivered=(["echo", b"x", b"x"],),
    )
    yield Row(
        "S44 an attachment that nothing refers to",
        (f'452-["echo",{HOLE}]', b"x", b"y"),
        delivered=(["echo", b"x"],),
    )
    yield delivered(
        "S45 a placeholder in a plain event",
        f'42["x",{HOLE}]',
        ["x", {"_placeholder": True, "num": 0}],
    )
    yield Row(
        "S45 a placeholder that is not exactly true",
        (f'451-["x",{HOLE},{{"_placeholder":1,"num":0}}]', b"y"),
        delivered=(["x", b"y", {"_placeholder": 1, "num": 0}],),
    )
    yield closing("S46 a placeholder as event name", f"451-[{HOLE}]")
    yield closing("S47 three references to one attachment", f'451-["echo",{HOLE},{HOLE},{HOLE}]')
    yield closing("S47 100,000 references", f'451-["echo"{("," + HOLE) * 30_000}]')
    yield Row(
        "ten attachments",
        ('4510-["echo",{"_placeholder":true,"num":9}]', *[bytes([n]) for n in range(10)]),
        delivered=(["echo", b"\x09"],),
    )


ROWS = [
    *connect_rows(),
    *namespace_rows(),
    *event_rows(),
    *ack_id_rows(),
    *type_rows(),
    *attachment_rows(),
]


def application() -> tuple[Server, list[list[Any]]]:
    """A server with `/`, `/custom` and `/closed`, and the events that reached it."""
    io = Server()
    events: list[list[Any]] = []

    def record(_socket: Socket, *event: Any) -> None:
        if event[0] not in ("sync", "count"):
            events.append(list(event))

    for namespace in (io, io.of("/custom")):
        namespace.on_any(record)
        namespace.on("echo", lambda _socket, *args: args)

    @io.on("count")
    def count(socket: Socket, items: list[Any]) -> None:
        assert len(items) == 4_991
        socket.emit("counted")

    @io.of("/closed").use
    def refuse(_socket: Socket) -> None:
        raise ConnectionRefused("not authorized", {"code": "E1"})

    return io, events


# Counting makes it twice as slow, and both ways reach the same lines of Socket.IO.
COUNTED_ONCE = ("websocket", pytest.param("polling", marks=pytest.mark.no_cover))


@pytest.mark.parametrize("transport", COUNTED_ONCE)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_row(row: Row, transport: Transport) -> None:
    io, events = application()
    async with serving(io) as net:
        honest, _ = await net.join()
        client = await net.open(transport)
        for namespace in row.joined:
            await client.join(namespace)
        await client.send(*row.send)
        await client.expect(*row.replies)
        if row.ends:
            assert await client.rest() == []
        else:
            if not row.joined:
                await client.join()
            await client.nothing_more()
        assert events == list(row.delivered)
        await honest.send('428["echo","still here"]')
        await honest.expect('438["still here"]')


def test_rows_have_names_of_their_own() -> None:
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_connect_is_answered_with_a_new_id_each_time(transport: Transport) -> None:
    async with serving(Server()) as net:
        client = await net.open(transport)
        first = await client.join()
        assert re.fullmatch(r"[\w-]{20}", first)
        assert first != client.handshake["sid"]
        await client.send("41")
        second = await client.join()
        assert second not in (first, client.handshake["sid"])


@pytest.mark.parametrize("payload", ['{"token":1}', "{}", ""])
@pytest.mark.parametrize("namespace", ["/", "/custom"])
async def test_the_reply_to_connect_has_one_key(namespace: str, payload: str) -> None:
    io, _ = application()
    async with serving(io) as net:
        client, socket = await net.join(namespace, auth=payload)
        assert socket.handshake.auth == json.loads(payload or "{}")
        await client.nothing_more(namespace)


async def test_custom_may_be_named_without_a_comma() -> None:
    io, _ = application()
    async with serving(io) as net:
        client = await net.open()
        await client.send("40/custom")
        assert (await client.receive_text()).startswith('40/custom,{"sid":"')


async def test_s06_a_flood_of_connects_makes_one_socket() -> None:
    io, _ = application()
    connected: list[Socket] = []
    io.on("connect", connected.append)
    async with serving(io) as net:
        client = await net.open()
        await client.send(*["40"] * 5_000)
        assert len(await client.rest()) == 1
    assert len(connected) == 1


async def test_s07_namespaces_of_a_connection_are_bounded() -> None:
    io, _ = application()
    io.of(re.compile("^/many-"))
    async with serving(io) as net:
        client = await net.open()
        for number in range(32):
            await client.join(f"/many-{number}")
        assert len(io.connections) == 1
        await client.send("40/many-32,")
        assert await client.rest() == []


async def test_s07_refused_namespaces_do_not_add_up() -> None:
    io, _ = application()
    async with serving(io) as net:
        client = await net.open()
        await client.send(*[f"40/nope-{number}," for number in range(1_000)])
        for number in range(1_000):
            await client.expect(f'44/nope-{number},{{"message":"Invalid namespace"}}')
        await client.join()


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_s38_attachments_are_bounded_together(transport: Transport) -> None:
    io = Server(max_http_buffer_size=1_000)
    async with serving(io) as net:
        client = await net.open(transport)
        await client.join()
        await client.send(f'452-["x",{HOLE}]')
        await client.send(b"x" * 600)
        await client.send(b"x" * 401)
        assert await client.rest() == []


async def test_attachments_may_be_as_large_as_the_limit() -> None:
    io = Server(max_http_buffer_size=1_000, limits=Limits(max_attachments=2))
    received: list[bytes] = []
    io.on("x", lambda _socket, data: received.append(data))
    async with serving(io) as net:
        client, _ = await net.join()
        await client.send(f'452-["x",{HOLE}]', b"a" * 600, b"b" * 400)
        await client.nothing_more()
        await client.send(f'453-["x",{HOLE}]')
        assert await client.rest() == []
    assert received == [b"a" * 600]


@pytest.mark.parametrize(
    "payload", ['{"pid":5,"offset":[]}', '{"pid":"__proto__","offset":"x"}', '{"pid":"a"}']
)
async def test_s50_recovery_is_not_offered(payload: str) -> None:
    async with serving(Server()) as net:
        _, socket = await net.join(auth=payload)
        assert not socket.recovered
