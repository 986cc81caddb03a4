"""server.py: connections from CONNECT to their end, the order of handlers, limits, closing."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import socket as socket_module
import threading
from typing import Any

import pytest

import engineio_min
from socketio_min import Client, ConnectionRefused, CookieOptions, Forbidden, Limits, Server, Socket
from socketio_min import UsageError as SocketUsageError
from tests.socketio_min.serving import TRANSPORTS, Transport, advance, serving
from tests.socketio_min.wire import Ended, PollingClient, WebSocketClient, request
from tests.waiting import PATIENCE, until

HOLE = '{"_placeholder":true,"num":0}'
REFUSED = '44{"message":"not authorized","data":{"code":"E1"}}'


def refuse(*_anything: Any) -> None:
    raise ConnectionRefused("not authorized", {"code": "E1"})


async def refuse_later(*_anything: Any) -> None:
    await asyncio.sleep(0)
    refuse()


class Gate:
    """Where handlers wait until the test lets them go on."""

    def __init__(self) -> None:
        self.waiting = 0
        self._open = asyncio.Event()

    async def wait(self) -> None:
        self.waiting += 1
        await self._open.wait()

    def open(self) -> None:
        self._open.set()


# --- CONNECT


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("where", ["middleware", "handler"])
@pytest.mark.parametrize("function", [refuse, refuse_later])
async def test_a_refused_client_is_told_why_and_may_try_again(
    function: Any, where: str, transport: Transport
) -> None:
    io = Server()
    ended: list[str] = []
    if where == "middleware":
        io.use(function)
    else:
        io.on("connect", function)
    io.on("disconnect", lambda _socket, reason: ended.append(reason))
    async with serving(io) as net:
        client = await net.open(transport)
        for _ in range(2):
            await client.send("40")
            await client.expect(REFUSED)
        assert io.sockets == {}
    assert ended == []


@pytest.mark.parametrize(
    ("error", "reply"),
    [
        (ConnectionRefused(), '44{"message":"not authorized"}'),
        (ConnectionRefused("full"), '44{"message":"full"}'),
        (ConnectionRefused("full", 0), '44{"message":"full","data":0}'),
        (ConnectionRefused("full", [1, None]), '44{"message":"full","data":[1,null]}'),
        (ValueError("a secret"), '44{"message":"Internal server error"}'),
    ],
)
async def test_what_a_refused_client_is_told(error: Exception, reply: str) -> None:
    io = Server()

    @io.use
    def fail(_socket: Socket) -> None:
        raise error

    async with serving(io) as net:
        client = await net.open()
        await client.send("40")
        await client.expect(reply)


@pytest.mark.parametrize("later", [False, True])
async def test_refusing_with_data_that_cannot_be_sent_still_answers(
    later: bool, caplog: pytest.LogCaptureFixture
) -> None:
    io = Server()

    @io.use
    async def wait(_socket: Socket) -> None:
        await asyncio.sleep(0)

    if not later:
        io.middlewares.clear()

    @io.use
    def fail(_socket: Socket) -> None:
        raise ConnectionRefused("no", {"bytes": b"x"})

    async with serving(io) as net:
        client = await net.open()
        for _ in range(2):
            await client.send("40")
            await client.expect('44{"message":"no"}')
    assert "EncodeError" in caplog.text


async def test_middlewares_run_in_order_and_the_first_refusal_ends_it() -> None:
    io = Server()
    calls: list[str] = []

    @io.use
    def first(_socket: Socket) -> None:
        calls.append("first")

    @io.use
    async def second(_socket: Socket) -> None:
        await asyncio.sleep(0)
        calls.append("second")

    @io.use
    def third(socket: Socket) -> None:
        calls.append("third")
        assert not socket.connected
        if socket.handshake.auth.get("bad"):
            refuse()

    @io.use
    async def fourth(_socket: Socket) -> None:
        calls.append("fourth")

    @io.on("connect")
    async def connect(_socket: Socket) -> None:
        calls.append("connect")

    async with serving(io) as net:
        client = await net.open()
        await client.send('40{"bad":true}')
        await client.expect(REFUSED)
        assert calls == ["first", "second", "third"]
        calls.clear()
        await client.join()
        assert calls == ["first", "second", "third", "fourth", "connect"]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_what_is_emitted_before_the_reply_arrives_after_it(transport: Transport) -> None:
    io = Server()

    @io.use
    def middleware(socket: Socket) -> None:
        socket.emit("middleware")
        socket.join("early")

    @io.on("connect")
    async def connect(socket: Socket) -> None:
        socket.emit("before", b"x")
        await asyncio.sleep(0)
        io.to("early").emit("room")
        io.emit("everybody")
        socket.volatile.emit("dropped, for it cannot leave at once")

    async with serving(io) as net:
        client, socket = await net.join(transport=transport)
        await client.expect(
            '42["middleware"]', f'451-["before",{HOLE}]', b"x", '42["room"]', '42["everybody"]'
        )
        assert socket.rooms == {socket.id, "early"}
        await client.nothing_more()


@pytest.mark.parametrize("where", ["middleware", "handler"])
@pytest.mark.parametrize("later", [False, True])
async def test_disconnecting_a_socket_that_is_being_admitted(where: str, later: bool) -> None:
    io = Server()
    reasons: list[str] = []

    def dismiss(socket: Socket) -> None:
        socket.emit("bye")
        socket.disconnect()

    async def dismiss_later(socket: Socket) -> None:
        await asyncio.sleep(0)
        dismiss(socket)

    function = dismiss_later if later else dismiss
    if where == "middleware":
        io.use(function)
    else:
        io.on("connect", function)
    io.on("disconnect", lambda _socket, reason: reasons.append(reason))
    async with serving(io) as net:
        client = await net.open()
        await client.join()
        await client.expect('42["bye"]', "41")
        assert reasons == ["server namespace disconnect"]
        assert io.sockets == {}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("where", ["middleware", "handler"])
@pytest.mark.parametrize("later", [False, True])
async def test_closing_the_connection_of_a_socket_that_is_being_admitted(
    later: bool, where: str, transport: Transport
) -> None:
    """CONNECT is answered and taken back, so that the client stays away."""
    io = Server()
    io.of("/other")
    reasons: list[tuple[str, str]] = []

    def dismiss(socket: Socket) -> None:
        socket.emit("bye")
        socket.disconnect(close=True)
        socket.disconnect()

    async def dismiss_later(socket: Socket) -> None:
        await asyncio.sleep(0)
        dismiss(socket)

    function = dismiss_later if later else dismiss
    if where == "middleware":
        io.use(function)
    else:
        io.on("connect", function)
    for namespace in (io, io.of("/other")):
        namespace.on("disconnect", lambda s, reason: reasons.append((s.namespace.name, reason)))
    async with serving(io) as net:
        client = await net.open(transport)
        await client.join("/other")
        await client.join()
        assert await client.rest() == ['42["bye"]', "41/other,", "41"]
    assert reasons == [
        ("/other", "server namespace disconnect"),
        ("/", "server namespace disconnect"),
    ]


async def test_closing_the_connection_of_a_client_that_is_refused() -> None:
    io = Server()

    @io.on("connect")
    def refuse(socket: Socket) -> None:
        socket.disconnect(close=True)
        raise ConnectionRefused("go away")

    async with serving(io) as net:
        client = await net.open()
        await client.send("40")
        assert await client.rest() == ['44{"message":"go away"}']


async def test_a_client_that_is_closed_when_it_connects_stays_away() -> None:
    io = Server()
    io.on("connect", lambda socket: socket.disconnect(close=True))
    await io.listen(port=0)
    client = Client(f"http://127.0.0.1:{io.port}", reconnection_delay=0.001)
    told: asyncio.Queue[str] = asyncio.Queue()
    client.on("disconnect", told.put_nowait)
    try:
        async with asyncio.timeout(PATIENCE):
            await client.connect()
            assert await told.get() == "io server disconnect"
            assert not client.active
    finally:
        await client.close()
        await io.close()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("where", ["middleware", "handler"])
async def test_a_client_that_leaves_while_it_is_being_admitted_leaves_nothing(
    where: str, transport: Transport
) -> None:
    io = Server()
    gate = Gate()
    events: list[str] = []

    async def admit(socket: Socket) -> None:
        socket.join("before")
        await gate.wait()
        assert not socket.connected
        socket.join("after")
        socket.emit("nobody hears this")
        events.append("admitted")

    if where == "middleware":
        io.use(admit)
        io.use(lambda _socket: events.append("second middleware"))
        io.on("connect", lambda _socket: events.append("connect"))
    else:
        io.on("connect", admit)
    io.on("disconnecting", lambda _socket, reason: events.append(reason))
    io.on("disconnect", lambda _socket, reason: events.append(reason))
    async with serving(io) as net:
        client = await net.open(transport)
        await client.send("40")
        await until(lambda: gate.waiting)
        await client.leave()
        await until(lambda: not io.connections)
        assert io.sockets == {}
        assert await io.in_("before").fetch_sockets() == []
        gate.open()
        await until(lambda: not io._tasks)
        assert events == ["admitted"]


async def test_a_refusal_after_the_client_has_left_is_told_to_nobody() -> None:
    io = Server()
    gate = Gate()

    @io.use
    async def wait(_socket: Socket) -> None:
        await gate.wait()
        refuse()

    async with serving(io) as net:
        client = await net.open()
        await client.send("40")
        await until(lambda: gate.waiting)
        await client.leave()
        await until(lambda: not io.connections)
        gate.open()


async def test_connect_twice_while_pending_ends_the_connection() -> None:
    io = Server()
    gate = Gate()

    @io.use
    async def wait(_socket: Socket) -> None:
        await gate.wait()

    async with serving(io) as net:
        client = await net.open()
        await client.send("40")
        await until(lambda: gate.waiting)
        await client.send("40")
        assert await client.rest() == []
        gate.open()
        await until(lambda: not io._tasks)
        assert io.sockets == {}


@pytest.mark.parametrize("namespace", ["/", "/other"])
async def test_a_second_connect_is_told_ten_times(
    namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    io = Server()
    io.of("/other")
    head = "40" if namespace == "/" else "40/other,"
    async with serving(io) as net:
        for _ in range(12):
            client, _ = await net.join(namespace)
            await client.send(head)
            assert await client.rest() == []
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    told = (
        f"closed the connection of 127.0.0.1: got CONNECT for the namespace '{namespace}' twice; a "
        "connection joins each namespace once, and again only after it has left it "
        "(Socket.IO v5, Connection to a namespace)"
    )
    assert lines == [told] * 10


async def test_namespaces_are_admitted_independently() -> None:
    io = Server()
    gate = Gate()

    @io.of("/slow").use
    async def wait(_socket: Socket) -> None:
        await gate.wait()

    async with serving(io) as net:
        client = await net.open()
        await client.send("40/slow,")
        await client.join()
        await client.nothing_more()
        gate.open()
        assert (await client.receive_text()).startswith('40/slow,{"sid":')


async def test_a_middleware_that_is_cancelled_costs_only_its_client() -> None:
    io = Server()

    @io.use
    async def wait(socket: Socket) -> None:
        if socket.handshake.auth.get("bad"):
            socket.join("room")
            raise asyncio.CancelledError

    async with serving(io) as net:
        client = await net.open()
        await client.send('40{"bad":true}')
        honest, _ = await net.join()
        await honest.nothing_more()


async def test_connect_that_waits_behind_a_handler_is_dropped_when_the_client_goes() -> None:
    io = Server()
    io.of("/other")
    started: list[Socket] = []

    @io.on("work")
    async def work(socket: Socket) -> None:
        started.append(socket)

    async with serving(io) as net:
        client = await net.polling()
        await client.join()
        # One payload: the handler's task has not begun when the session is over.
        await client.send('42["work"]', "40/other,", "1")
        await until(lambda: started)
        assert io.of("/other").sockets == {}


# --- the order of handlers


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("event_middleware", [False, True])
async def test_handlers_start_in_the_order_of_arrival(
    transport: Transport, event_middleware: bool
) -> None:
    """Invariant: whatever mixture of handlers, each begins after those that arrived before it."""
    io = Server()
    begun: list[int] = []
    gate = Gate()

    @io.on("later")
    async def later(_socket: Socket, number: int) -> None:
        begun.append(number)
        await gate.wait()

    @io.on("now")
    def now(_socket: Socket, number: int) -> None:
        begun.append(number)

    if event_middleware:
        io.use_event(lambda _socket, _event, _args: None)
    async with serving(io) as net:
        client, _ = await net.join(transport=transport)
        kinds = [
            "later",
            "now",
            "later",
            "later",
            "now",
            "now",
            "later",
            "now",
            "later",
            "later",
            "later",
            "now",
        ]
        await client.send(*[f'42["{kind}",{number}]' for number, kind in enumerate(kinds)])
        await until(lambda: len(begun) == len(kinds))
        assert begun == list(range(len(kinds)))
        gate.open()


async def test_packets_behind_a_handler_that_has_not_begun_keep_their_order() -> None:
    """Invariant: CONNECT, acknowledgements and DISCONNECT do not overtake events either."""
    io = Server()
    seen: list[str] = []

    @io.on("connect")
    def connect(socket: Socket) -> None:
        seen.append("connect")

    @io.on("later")
    async def later(_socket: Socket) -> None:
        seen.append("later")

    @io.on("disconnect")
    def disconnect(_socket: Socket, _reason: str) -> None:
        seen.append("disconnect")

    @io.of("/other").on("connect")
    def other(_socket: Socket) -> None:
        seen.append("/other")

    async with serving(io) as net:
        client, socket = await net.join()
        call = asyncio.ensure_future(socket.call("question"))
        call.add_done_callback(lambda _call: seen.append("answer"))
        await client.expect('420["question"]')
        await client.send(
            '42["later"]', "430[1]", "40/other,", '42["later"]', "41", '42["too late"]'
        )
        assert (await client.receive_text()).startswith("40/other,")
        assert await call == 1
        await until(lambda: "disconnect" in seen)
        assert [item for item in seen if item != "answer"] == [
            "connect",
            "later",
            "/other",
            "later",
            "disconnect",
        ]


async def test_a_synchronous_handler_answers_before_the_read_ends() -> None:
    io = Server()
    io.on("now", lambda _socket, value: value)
    async with serving(io) as net:
        client, _ = await net.join()
        await client.send('421["now",1]', '422["now",2]')
        await client.expect("431[1]", "432[2]")
        assert not io._tasks


# --- handlers that fail


@pytest.mark.parametrize("later", [False, True])
async def test_a_handler_that_fails_is_logged_and_costs_nothing_else(
    later: bool, caplog: pytest.LogCaptureFixture
) -> None:
    io = Server()

    def fail(*_anything: Any) -> None:
        raise ValueError("the handler's own")

    async def fail_later(*_anything: Any) -> None:
        await asyncio.sleep(0)
        fail()

    io.on("fail", fail_later if later else fail)
    io.on("disconnect", fail_later if later else fail)
    io.on("disconnecting", fail)
    async with serving(io) as net:
        client, socket = await net.join()
        await client.send('421["fail"]')
        await client.nothing_more()
        assert socket.connected
        await client.leave()
        await until(lambda: not io.connections)
    assert caplog.text.count("ValueError: the handler's own") == 3
    for event in ("fail", "disconnecting", "disconnect"):
        assert f"the handler of '{event}' in namespace / failed" in caplog.text


async def test_a_call_with_the_wrong_arguments_is_a_failure_of_the_handler(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whose mistake it is nobody knows, but a client can make it often: it is logged once."""
    io = Server()
    errors: list[tuple[str, list[Any], str]] = []
    io.on("two", lambda _socket, _one, _two: None)

    @io.on("later")
    async def later(_socket: Socket, number: Any) -> None:
        number + 1

    @io.on_error
    def on_error(_socket: Socket, event: str, args: list[Any], error: Exception) -> None:
        errors.append((event, args, type(error).__name__))

    async with serving(io) as net:
        client, _ = await net.join()
        await client.send('421["two",1]')
        await client.nothing_more()
        assert errors == [("two", [1], "TypeError")]
        await client.send('42["two"]', '42["later"]', '42["later",1,2]')
        await client.nothing_more()
        assert [args for _, args, _ in errors] == [[1], [], [], [1, 2]]
        told = [record for record in caplog.records if record.name == "socketio_min"]
        assert [record.getMessage().split(" in ")[0] for record in told] == [
            "the handler of 'two'",
            "the handler of 'later'",
        ]
        assert not any(record.exc_info for record in told)
        assert "missing 1 required positional argument: '_two'" in caplog.text
        # The handler's own TypeError is another matter.
        await client.send('42["later","x"]')
        await client.nothing_more()
    assert "the handler of 'later' in namespace / failed" in caplog.text
    assert "Traceback" in caplog.text


# --- limits and deadlines


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_connection_that_joins_nothing_is_closed(transport: Transport) -> None:
    io = Server(connect_timeout=0.01)
    async with serving(io) as net:
        client = await net.open(transport)
        assert await client.rest() == []


async def test_refused_connects_do_not_prolong_the_deadline() -> None:
    io = Server(connect_timeout=20.0)
    io.use(refuse)
    async with serving(io) as net:
        client = await net.open()
        deadline = io.connect_deadlines.deadline
        await client.send("40", "40/nope,")
        await client.expect(REFUSED, '44/nope,{"message":"Invalid namespace"}')
        assert io.connect_deadlines.deadline == deadline
        advance(21)
        assert await client.rest() == []


async def test_joining_one_namespace_ends_the_deadline() -> None:
    io = Server(connect_timeout=60.0)
    async with serving(io) as net:
        client = await net.open()
        assert io.connect_deadlines.deadline < float("inf")
        await client.join()
        assert io.connect_deadlines.deadline == float("inf")
        # Nor does it run again when every namespace has been left.
        await client.send("41", "40/nope,")
        await client.expect('44/nope,{"message":"Invalid namespace"}')
        assert io.connect_deadlines.deadline == float("inf")


async def test_each_connection_has_a_deadline_of_its_own() -> None:
    io = Server(connect_timeout=60.0)
    async with serving(io) as net:
        loop = io.engine.loop
        joining = await net.open()
        silent = [await net.open(), await net.open()]
        due = loop.time() + 60.0
        await until(lambda: loop.time() + 60.0 > due)
        late = await net.open()
        # Whoever has joined is not waited for any more, and the others keep their time.
        await joining.join()
        io.connect_deadlines.handle_timeout(due)
        for client in silent:
            assert await client.rest() == []
        assert due < io.connect_deadlines.deadline <= loop.time() + 60.0
        await late.join()
        await joining.nothing_more()
        assert io.connect_deadlines.deadline == float("inf")


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_attachments_that_do_not_come_end_the_connection(transport: Transport) -> None:
    io = Server(limits=Limits(attachment_timeout=0.01))
    reasons: list[str] = []
    io.on("disconnect", lambda _socket, reason: reasons.append(reason))
    async with serving(io) as net:
        client, _ = await net.join(transport=transport)
        await client.send(f'452-["x",{HOLE}]', b"one of two")
        assert await client.rest() == []
    assert reasons == ["forced close"]


async def test_the_deadline_of_attachments_ends_with_the_last_one() -> None:
    io = Server(limits=Limits(attachment_timeout=60.0))
    async with serving(io) as net:
        client, _ = await net.join()
        (watched,) = io.connections
        await client.send(f'452-["x",{HOLE}]')
        await until(lambda: watched.peer.incomplete)
        deadline = watched.deadline
        assert io.engine.loop.time() < deadline < io.engine.loop.time() + 61.0
        await client.send(b"one", "3", b"two")
        await client.nothing_more()
        assert watched.deadline == float("inf")


async def test_each_attachment_does_not_prolong_the_deadline() -> None:
    io = Server(limits=Limits(attachment_timeout=60.0))
    async with serving(io) as net:
        client, _ = await net.join()
        (watched,) = io.connections
        await client.send(f'453-["x",{HOLE}]')
        await until(lambda: watched.peer.incomplete)
        # As if it had been set a while ago.
        watched.deadline -= 30.0
        deadline = watched.deadline
        await client.send(b"one", b"two")
        await client.send("3")
        await until(lambda: len(watched.peer.reconstructor._attachments) == 2)  # type: ignore[union-attr]
        assert watched.deadline == deadline


async def test_the_deadline_of_attachments_ends_when_their_namespace_is_left() -> None:
    io = Server(limits=Limits(attachment_timeout=60.0))
    io.of("/other")
    async with serving(io) as net:
        client, _ = await net.join()
        other = io.of("/other").sockets[await client.join("/other")]
        (watched,) = io.connections
        await client.send(f'451-/other,["x",{HOLE}]')
        await until(lambda: watched.peer.incomplete)
        other.disconnect()
        await client.expect("41/other,")
        await client.send(b"late")
        await until(lambda: not watched.peer.incomplete)
        assert watched.deadline == float("inf")
        await client.nothing_more()


async def test_the_deadline_of_attachments_outlives_what_was_received_before_them() -> None:
    """Invariant: while attachments are due, a deadline runs."""
    io = Server(limits=Limits(attachment_timeout=60.0))
    gate = Gate()

    @io.of("/slow").use
    async def wait(_socket: Socket) -> None:
        await gate.wait()

    @io.on("later")
    async def later(_socket: Socket) -> None:
        pass

    async with serving(io) as net:
        client, _ = await net.join()
        (watched,) = io.connections
        # The event `x` waits for its turn until after the header has been read.
        await client.send("40/slow,", '42["later"]', '42["x"]', f'451-["x",{HOLE}]')
        await until(lambda: gate.waiting and watched.peer.incomplete)
        gate.open()
        assert (await client.receive_text()).startswith("40/slow,")
        assert watched.deadline != float("inf")
        await client.send(b"x")
        await client.nothing_more()


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_reading_pauses_while_too_many_handlers_are_in_flight(transport: Transport) -> None:
    io = Server(limits=Limits(max_handlers=2))
    gate = Gate()
    seen: list[int] = []

    @io.on("work")
    async def work(_socket: Socket, number: int) -> None:
        seen.append(number)
        await gate.wait()

    async with serving(io) as net:
        client, _ = await net.join(transport=transport)
        (watched,) = io.connections
        connection = watched.connection
        await client.send('42["work",1]')
        await until(lambda: gate.waiting == 1)
        paused = [connection.paused]
        sending = asyncio.ensure_future(client.send('42["work",2]'))
        await until(lambda: gate.waiting == 2)
        paused.append(connection.paused)
        # WebSocket: it stays in the kernel. Polling: the client may not post before its answer.
        assert sending.done() == (transport == "websocket")
        if transport == "websocket":
            await client.send('42["work",3]')
            for _ in range(20):
                await asyncio.sleep(0)
            assert seen == [1, 2]
        gate.open()
        await sending
        await client.nothing_more()
        assert [*paused, connection.paused] == [False, True, False]
        assert seen == ([1, 2, 3] if transport == "websocket" else [1, 2])


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("broadcast", [False, True])
async def test_handlers_that_wait_for_the_client_do_not_stop_it(
    broadcast: bool, transport: Transport
) -> None:
    io = Server(limits=Limits(max_handlers=1))

    @io.on("ask")
    async def ask(socket: Socket) -> Any:
        if broadcast:
            return await io.to(socket.id).timeout(20.0).call("question")
        return await socket.call("question", timeout=20.0)

    async with serving(io) as net:
        client, _ = await net.join(transport=transport)
        await client.send('421["ask"]')
        await client.expect('420["question"]')
        await client.send('430["answer"]')
        await client.expect('431[["answer"]]' if broadcast else '431["answer"]')


async def test_a_paused_connection_can_be_closed() -> None:
    io = Server(limits=Limits(max_handlers=1))
    gate = Gate()

    @io.on("work")
    async def work(_socket: Socket) -> None:
        await gate.wait()

    async with serving(io) as net:
        client, socket = await net.join()
        await client.send('42["work"]')
        await until(lambda: gate.waiting)
        socket.disconnect(close=True)
        await client.expect("41")
        assert await client.rest() == []
        gate.open()


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_packets_before_the_reply_to_connect_are_bounded(transport: Transport) -> None:
    io = Server(limits=Limits(max_held_packets=3))
    reasons: list[str] = []

    @io.use
    def flood(socket: Socket) -> None:
        for _ in range(int(socket.handshake.auth["count"])):
            socket.emit("x")

    io.on("disconnect", lambda _socket, reason: reasons.append(reason))
    async with serving(io) as net:
        client = await net.open(transport)
        await client.join(auth='{"count":3}')
        await client.expect(*['42["x"]'] * 3)
        greedy = await net.open(transport)
        await greedy.send('40{"count":4}')
        assert await greedy.rest() == []


# --- the reasons of the end


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("packets", "reason"),
    [
        (("41",), "client namespace disconnect"),
        (("1",), "transport close"),
        (("42{}",), "forced close"),
        (("9",), "parse error"),
        (("2",), "transport error"),
    ],
)
async def test_the_reason_when_the_client_ends_it(
    packets: tuple[str, ...], reason: str, transport: Transport
) -> None:
    io = Server()
    ends: list[tuple[str, str, bool]] = []
    rooms: list[frozenset[str]] = []

    @io.on("connect")
    def connect(socket: Socket) -> None:
        socket.join("room")

    @io.on("disconnecting")
    def disconnecting(socket: Socket, reason: str) -> None:
        ends.append(("disconnecting", reason, socket.connected))
        rooms.append(socket.rooms)

    @io.on("disconnect")
    async def disconnect(socket: Socket, reason: str) -> None:
        ends.append(("disconnect", reason, socket.connected))
        await asyncio.sleep(0)
        rooms.append(socket.rooms)

    async with serving(io) as net:
        client, socket = await net.join(transport=transport)
        if isinstance(client, PollingClient):
            await client.post(packets[0].encode())
            if packets != ("41",):
                # What the server still had to say.
                await client.rest()
        else:
            await client.send(*packets)
        await until(lambda: len(rooms) == 2)
        assert ends == [("disconnecting", reason, True), ("disconnect", reason, False)]
        assert rooms == [frozenset({socket.id, "room"}), frozenset()]


async def test_the_reason_when_the_connection_breaks() -> None:
    io = Server()
    reasons: list[str] = []
    io.on("disconnect", lambda _socket, reason: reasons.append(reason))
    async with serving(io) as net:
        client, _ = await net.join()
        client.abort()
        await until(lambda: reasons)
        polling = await net.polling()
        await polling.join()
        await polling.park()
        await until(lambda: any(c.session.waiting for c in io.engine.sessions.values()))
        polling.abort()
        await until(lambda: len(reasons) == 2)
        polling.ended = True
    assert reasons == ["transport close", "transport error"]


async def test_the_reason_when_the_pings_are_not_answered() -> None:
    io = Server(ping_interval=25.0, ping_timeout=20.0)
    reasons: list[str] = []
    io.on("disconnect", lambda _socket, reason: reasons.append(reason))
    async with serving(io) as net:
        client, _ = await net.join()
        advance(25.0)
        await client.expect("2")
        advance(20.0)
        assert await client.rest() == []
    assert reasons == ["ping timeout"]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_closing_the_server_tells_the_reason_and_sends_no_packet(
    transport: Transport,
) -> None:
    io = Server()
    reasons: list[tuple[str, str]] = []
    gate = Gate()

    @io.on("work")
    async def work(_socket: Socket) -> None:
        await gate.wait()

    for namespace in (io, io.of("/other")):

        @namespace.on("disconnect")
        def disconnect(socket: Socket, reason: str) -> None:
            reasons.append((socket.namespace.name, reason))

    async with serving(io) as net:
        client, _ = await net.join(transport=transport)
        await client.join("/other")
        await client.send('42["work"]')
        await until(lambda: gate.waiting)
        if isinstance(client, PollingClient):
            await client.park()
            await until(lambda: next(iter(io.engine.sessions.values())).session.waiting)
        await io.close()
        assert await client.rest() == []
        if isinstance(client, PollingClient):
            client.ended = True
    assert reasons == [("/", "server shutting down"), ("/other", "server shutting down")]
    assert io.shutdown_reason is None


async def test_a_server_drains_before_it_closes() -> None:
    """Handlers in flight end and are acknowledged, those too that begin meanwhile."""
    io = Server()
    gate, second = Gate(), Gate()

    @io.on("work")
    async def work(_socket: Socket) -> str:
        await gate.wait()
        return "done"

    @io.on("more")
    async def more(_socket: Socket) -> str:
        await second.wait()
        return "done too"

    async with serving(io) as net:
        client, _ = await net.join()
        poller, _ = await net.join(transport="polling")
        assert isinstance(poller, PollingClient)
        for one in (client, poller):
            await one.send('421["work"]')
        await until(lambda: len(io._tasks) == 2)
        await poller.park()
        closing = asyncio.create_task(io.close(drain=60))
        await asyncio.sleep(0)
        with pytest.raises(ConnectionRefusedError):
            await net.open()
        await client.send('422["more"]')
        await until(lambda: second.waiting)
        gate.open()
        for one in (client, poller):
            await one.expect('431["done"]')
        assert not closing.done()
        second.open()
        await client.expect('432["done too"]')
        assert await client.rest() == []
        poller.ended = True
        await closing


async def test_what_is_left_of_the_time_is_for_the_handlers_of_disconnect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They begin with the end of the sessions, and may have something to store."""
    io = Server()
    gate = Gate()
    stored: list[str] = []
    stop = io.engine.stop

    async def stop_and_open() -> None:
        await stop()
        assert gate.waiting
        asyncio.get_running_loop().call_soon(gate.open)

    @io.on("disconnect")
    async def disconnect(_socket: Socket, reason: str) -> None:
        await gate.wait()
        stored.append(reason)

    async with serving(io) as net:
        client, _ = await net.join()
        monkeypatch.setattr(io.engine, "stop", stop_and_open)
        await io.close(drain=60)
        assert stored == ["server shutting down"]
        assert await client.rest() == []


async def test_a_server_does_not_drain_for_ever() -> None:
    io = Server()
    gate = Gate()
    cancelled: list[bool] = []

    @io.on("work")
    async def work(_socket: Socket) -> None:
        try:
            await gate.wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async with serving(io) as net:
        client, _ = await net.join()
        await client.send('42["work"]')
        await until(lambda: gate.waiting)
        await io.close(drain=0.01)
        assert cancelled == [True]
        assert await client.rest() == []


async def test_a_handler_may_close_the_server() -> None:
    """It is not cancelled, and not waited for."""
    io = Server()
    ended: list[bool] = []

    @io.on("end")
    async def end(_socket: Socket) -> None:
        await io.close(drain=60)
        ended.append(True)

    async with serving(io) as net:
        client, _ = await net.join()
        await client.send('42["end"]')
        assert await client.rest() == []
        await until(lambda: ended)
        assert io.shutdown_reason is None


@pytest.mark.parametrize("where", ["middleware", "handler"])
async def test_closing_the_server_while_a_client_is_being_admitted_leaves_nothing(
    where: str,
) -> None:
    io = Server()
    gate = Gate()
    dynamic = io.of(re.compile("^/dynamic"))

    async def wait(socket: Socket) -> None:
        socket.join("room")
        await gate.wait()

    for namespace in (io, dynamic):
        if where == "middleware":
            namespace.use(wait)
        else:
            namespace.on("connect", wait)
    async with serving(io) as net:
        client = await net.open()
        await client.send("40", "40/dynamic,")
        await until(lambda: gate.waiting == 2)
        await io.close()
        assert await client.rest() == []


async def test_a_server_can_listen_again() -> None:
    io = Server()
    async with serving(io) as net:
        await net.join()
        await io.close()
        await io.listen(port=0)
        client, _ = await net.join()
        await client.nothing_more()


async def test_closing_a_server_that_never_listened() -> None:
    await Server().close()


# --- dynamic namespaces


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


# --- options and hosts


async def test_the_options_of_engine_io_pass_through() -> None:
    def allow(asked: engineio_min.Request) -> None:
        if "x-bad" in asked.headers:
            raise Forbidden("not you")

    io = Server(
        path="/chat",
        ping_interval=5.0,
        ping_timeout=4.0,
        max_http_buffer_size=5_000,
        transports=("polling",),
        cors=["http://a.example"],
        cookie=CookieOptions(name="chat", max_age=60),
        allow_request=allow,
        generate_id=lambda _request: "the-session-id",
        max_connections=1,
    )
    async with serving(io) as net:
        target = "/chat/?EIO=4&transport=polling"
        refused = await request(net.port, "GET", target, headers={"X-Bad": "1"})
        assert (refused.status, refused.text) == (403, '{"code":4,"message":"not you"}')
        opened = await request(net.port, "GET", target, headers={"Origin": "http://a.example"})
        assert opened.text == (
            '0{"sid":"the-session-id","upgrades":[],"pingInterval":5000,"pingTimeout":4000,'
            '"maxPayload":5000}'
        )
        assert opened.headers["access-control-allow-origin"] == "http://a.example"
        assert opened.headers["set-cookie"] == (
            "chat=the-session-id; Max-Age=60; Path=/; HttpOnly; SameSite=Lax"
        )
        assert (await request(net.port, "GET", target)).status == 503
        closing = await request(net.port, "POST", target + "&sid=the-session-id", b"1")
        assert closing.status == 200
        with pytest.raises(Ended, match="400"):
            await WebSocketClient.upgrade(net.port, "/chat/?EIO=4&transport=websocket")


@pytest.mark.parametrize(
    "options",
    [
        {"path": "chat"},
        {"ping_interval": 0},
        {"transports": ()},
        {"max_connections": 0},
        {"connect_timeout": 0},
        {"connect_timeout": -1.0},
        {"limits": {"max_rooms": 3}},
        {"adapter": "redis"},
        {"connect_timeout": "45"},
        {"connect_timeout": True},
    ],
)
def test_options_that_cannot_be_are_refused(options: Any) -> None:
    (name,) = options
    with pytest.raises(SocketUsageError, match=name):
        Server(**options)


@pytest.mark.parametrize("name", Limits.__slots__)
@pytest.mark.parametrize("value", [0, -1, "1", None, True])
def test_limits_that_cannot_be_are_refused(name: str, value: Any) -> None:
    options: Any = {name: value}
    if value is None and name.endswith("rate"):
        assert getattr(Limits(**options), name) is None
        return
    with pytest.raises(SocketUsageError, match=name):
        Limits(**options)


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(SocketUsageError, match=r"'pingInterval', .* expected ping_interval"):
        Server(pingInterval=5)  # type: ignore[call-arg]


async def test_what_engineio_calls_a_wrong_use_is_this_packages_error() -> None:
    first, second, http = Server(), Server(), engineio_min.HttpServer()
    with pytest.raises(SocketUsageError, match="no port before `await listen"):
        _ = first.port
    await first.listen(port=0, http=http)
    try:
        with pytest.raises(SocketUsageError, match=r"second server on the path '/socket\.io/'"):
            await second.listen(port=0, http=http)
    finally:
        await first.close()


def test_an_asgi_application_is_made() -> None:
    assert callable(Server().asgi_app())


async def test_a_malformed_packet_is_told_a_bounded_number_of_times(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its POST is answered with 200, and the next GET with the end: nothing else would tell why."""
    async with serving(Server()) as net:
        for number in range(12):
            client = await net.open("polling")
            assert isinstance(client, PollingClient)
            reply = await client.post(b"49")
            assert (reply.status, reply.text) == (200, "ok")
            assert (await client.get()).text == "1"
            client.ended = True
            if number == 0:
                assert caplog.messages == [
                    "closed the connection of 127.0.0.1: got the packet '9': expected a packet "
                    "type from 0 to 6; close the connection"
                ]
        assert len(caplog.messages) == 10


async def bound(io: Server) -> int:
    """Wait for a server in another thread; return its port."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return io.port
            except SocketUsageError:
                await asyncio.sleep(0.001)


def test_run_serves_until_it_is_told_to_stop() -> None:
    io = Server()
    ends: list[str] = []
    io.on("disconnect", lambda _socket, reason: ends.append(reason))
    opened: list[Any] = []

    async def use_and_stop() -> None:
        client = await WebSocketClient.open(await bound(io))
        opened.append(await client.join())
        os.kill(os.getpid(), signal.SIGTERM)
        opened.append(await client.rest())

    thread = threading.Thread(target=lambda: asyncio.run(use_and_stop()))
    thread.start()
    ports: list[tuple[int, int]] = []
    io.run(port=0, ready=lambda port: ports.append((port, io.port)))
    thread.join(PATIENCE)
    assert [told == bound for told, bound in ports] == [True]
    assert len(opened) == 2
    assert opened[1] == []
    assert ends == ["server shutting down"]


def test_run_in_a_thread_serves_until_it_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    """Signals are the main thread's; another one has `close`."""
    caplog.set_level(logging.INFO, "engineio_min.http")
    io = Server()
    io.on("echo", lambda _socket, *args: args)
    thread = threading.Thread(target=io.run, kwargs={"port": 0})
    thread.start()

    async def use() -> None:
        client = await WebSocketClient.open(await bound(io))
        await client.join()
        await client.send('421["echo",1]')
        await client.expect("431[1]")
        assert caplog.messages == [f"listening on http://127.0.0.1:{io.port}"]
        asyncio.run_coroutine_threadsafe(io.close(), io.engine.loop)
        await client.rest()

    asyncio.run(use())
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_run_ends_when_a_handler_closes_the_server() -> None:
    io = Server()

    @io.on("stop")
    async def stop(_socket: Socket) -> None:
        await io.close()

    async def use() -> None:
        client = await WebSocketClient.open(await bound(io))
        await client.join()
        await client.send('42["stop"]')
        await client.rest()

    thread = threading.Thread(target=lambda: asyncio.run(use()))
    thread.start()
    io.run(port=0)
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_run_raises_when_the_address_cannot_be_bound() -> None:
    with (
        socket_module.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match="address already in use"),
    ):
        Server().run(port=taken.getsockname()[1])


async def test_the_path_is_that_of_the_official_server_by_default() -> None:
    async with serving(Server()) as net:
        assert (await request(net.port, "GET", "/")).status == 404
        reply = await request(net.port, "GET", "/socket.io/?EIO=4&transport=polling&sid=none")
        assert reply.text == '{"code":1,"message":"Session ID unknown"}'


async def test_a_session_keeps_its_sockets_when_it_upgrades() -> None:
    io = Server()
    io.on("echo", lambda _socket, *args: args)
    async with serving(io) as net:
        polling, socket = await net.join(transport="polling")
        assert isinstance(polling, PollingClient)
        assert socket.transport == "polling"
        websocket = await WebSocketClient.upgrade(
            net.port,
            f"/socket.io/?EIO=4&transport=websocket&sid={polling.handshake['sid']}",
        )
        await websocket.send("2probe")
        await websocket.expect("3probe")
        await polling.expect("6")
        socket.emit("queued")
        await websocket.send("5", '421["echo",1]')
        await websocket.expect('42["queued"]', "431[1]")
        assert socket.transport == "websocket"
        assert socket.connected
        await websocket.leave()
        polling.ended = True
