"""The client packet by packet: a scripted server on a WebSocket, literals of the protocol, and
everything that a hostile server may try.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Unpack

import pytest

from socketio_min import (
    AcknowledgementTimeout,
    Client,
    ClientLimits,
    ConnectionFailed,
    ConnectionRefused,
    Disconnected,
    EncodeError,
    Limits,
    UsageError,
)
from socketio_min.client.options import SocketIOClientOptionValues
from tests.engineio_min.scripted import (
    HANDSHAKE,
    Peer,
    Script,
    Scripted,
    scripted,
    server_frame,
)
from tests.socketio_min.serving import advance
from tests.waiting import patient, until

Talk = Callable[[Peer], Awaitable[None]]


def socketio(talk: Talk) -> Script:
    """A server that opens a session on WebSocket and then talks; it ends with a goodbye."""

    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        await talk(peer)
        await peer.answer_close()

    return script


def joined(talk: Talk | None = None, reply: str = '40{"sid":"s1"}') -> Script:
    """A server that lets the client into the main namespace and then talks."""

    async def join(peer: Peer) -> None:
        assert await peer.packet() == "40"
        peer.frame(reply)
        if talk is not None:
            await talk(peer)

    return socketio(join)


@asynccontextmanager
async def meeting(
    *scripts: Script, **options: Unpack[SocketIOClientOptionValues]
) -> AsyncIterator[tuple[Client, Scripted]]:
    """A client that has not connected yet, and its scripted server."""
    options.setdefault("reconnection_delay", 0.001)
    options["transports"] = ["websocket"]
    async with scripted(*scripts) as server:
        client = Client(server.url, **options)
        try:
            yield client, server
        finally:
            await patient(client.close())
        connection = client._manager
        assert connection._tasks == connection._ending == set()
        assert connection.engine is None
        assert connection._task is None
        turns = connection.turns
        assert turns.acks_due == turns.in_flight == turns.behind == turns.ending == 0


def log_of(client: Client, *events: str) -> list[Any]:
    """What the handlers of these events are called with, in order."""
    seen: list[Any] = []
    for event in events:

        def handler(*args: Any, event: str = event) -> None:
            seen.append((event, *args))

        client.on(event, handler)
    return seen


# -- packets


async def test_connect_events_and_acknowledgements_on_the_wire() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == '42["hello",1,"two"]'
        assert await peer.packet() == '451-["bin",{"_placeholder":true,"num":0}]'
        assert await peer.packet() == b"\x01"
        assert await peer.packet() == '420["ask"]'
        peer.frame('430["answer"]')
        assert await peer.packet() == '421["ask"]'
        peer.frame('461-1[{"_placeholder":true,"num":0},2]')
        peer.frame(b"\x02")
        assert await peer.packet() == '422["ask"]'
        peer.frame("432[]")
        peer.frame('4217["question",3]')
        assert await peer.packet() == "4317[6]"
        peer.frame('4218["question",b'.replace("b", "4]"))
        assert await peer.packet() == "4318[8]"
        peer.frame('4219["many"]')
        assert await peer.packet() == '4319[1,"2"]'
        peer.frame('4220["nothing"]')
        assert await peer.packet() == "4320[]"
        peer.frame('4221["binary"]')
        assert await peer.packet() == '461-21[{"_placeholder":true,"num":0}]'
        assert await peer.packet() == b"\x03"
        peer.frame('42["end"]')
        assert await peer.packet() == "41"

    async with meeting(joined(talk)) as (client, server):
        client.on("question", lambda number: number * 2)
        client.on("many", lambda: (1, "2"))
        client.on("nothing", lambda: None)
        client.on("binary", lambda: b"\x03")
        ended = log_of(client, "end")
        await client.connect()
        assert (client.id, client.connected, client.recovered) == ("s1", True, False)
        assert repr(client) == "<Client / (connected)>"
        client.emit("hello", 1, "two")
        client.emit("bin", b"\x01")
        assert await client.call("ask") == "answer"
        assert await client.call("ask") == (b"\x02", 2)
        assert await client.emit_with_ack("ask") is None
        await client.drained()
        await until(lambda: ended)
        await client.disconnect()
        assert repr(client) == "<Client / (not connected)>"
        await client.disconnect()
        await server.gone()


async def test_auth_and_namespaces_on_the_wire() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == '40/chat,{"token":"a"}'
        peer.frame('40/chat,{"sid":"c1"}')
        assert await peer.packet() == '42/chat,["hello"]'
        assert await peer.packet() == "40/admin,"
        peer.frame('44/admin,{"message":"not authorized","data":{"code":3}}')
        assert await peer.packet() == "40/old,"
        peer.frame('44/old,"refused as in version 4"')
        assert await peer.packet() == "41/chat,"

    async with meeting(socketio(talk)) as (main, _):
        client = main.of("chat", auth={"token": "a"})
        await client.connect()
        client.emit("hello")
        with pytest.raises(ConnectionRefused) as caught:
            await main.of("/admin").connect()
        assert (caught.value.message, caught.value.data) == ("not authorized", {"code": 3})
        with pytest.raises(ConnectionRefused, match="refused as in version 4"):
            await main.of("/old").connect()
        assert not main.active


async def test_the_order_of_a_connection() -> None:
    """The official one: what came early, what was emitted early, then "connect"."""

    async def talk(peer: Peer) -> None:
        assert await peer.packet() == "40"
        peer.frame('42["early",1]')
        peer.frame('425["early",2]')
        peer.frame('40{"sid":"s1"}')
        assert await peer.packet() == "435[]"
        assert await peer.packet() == '42["emitted early"]'
        assert await peer.packet() == '42["connected"]'

    async with meeting(socketio(talk)) as (client, _):
        seen = log_of(client, "early")

        @client.on("connect")
        def connect() -> None:
            seen.append("connect")
            client.emit("connected")

        client.emit("emitted early")
        client.volatile.emit("dropped")
        await client.connect()
        assert seen == [("early", 1), ("early", 2), "connect"]


async def test_asynchronous_handlers_start_in_order() -> None:
    async def talk(peer: Peer) -> None:
        for number in range(3):
            peer.frame(f'42["slow",{number}]')
            peer.frame(f'42["quick",{number}]')
        peer.frame('4290["slow",3]')
        assert await peer.packet() == "4390[3]"
        peer.frame('42["unknown"]')
        peer.frame('42["end"]')

    async with meeting(joined(talk)) as (client, _):
        started: list[Any] = []

        @client.on("slow")
        async def slow(number: int) -> int:
            started.append(("slow", number))
            await asyncio.sleep(0.001)
            return number

        client.on("quick", lambda number: started.append(("quick", number)))
        ended = log_of(client, "end")
        await client.connect()
        await until(lambda: ended)
        numbers = [(name, number) for number in range(3) for name in ("slow", "quick")]
        assert started == [*numbers, ("slow", 3)]


async def test_reading_pauses_when_handlers_do_not_keep_up() -> None:
    async def talk(peer: Peer) -> None:
        for number in range(20):
            peer.frame(f'42["slow",{number}]')
            await asyncio.sleep(0)
        peer.frame('42["asks"]')
        assert await peer.packet() == '420["ask"]'
        peer.frame("430[]")

    async with meeting(joined(talk), limits=ClientLimits(max_handlers=2)) as (client, _):
        running = most = 0
        release = asyncio.Event()

        @client.on("slow")
        async def slow(number: int) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await release.wait()
            running -= 1

        asked = client.on("asks", lambda: client.call("ask"))
        assert asked is not None
        await client.connect()
        await until(lambda: running == 2)
        for _ in range(20):
            await asyncio.sleep(0)
        # What one read brought is handled; the next one waits.
        assert most < 20
        release.set()
        await until(lambda: client._acks._last_id == 0 and not client.pending_acks)


async def test_handlers_that_wait_for_an_answer_do_not_keep_it_away() -> None:
    async def talk(peer: Peer) -> None:
        peer.frame('42["asks"]')
        peer.frame('42["asks"]')
        assert await peer.packet() == '420["ask"]'
        assert await peer.packet() == '421["ask"]'
        await asyncio.sleep(0.001)
        peer.frame("431[]")
        peer.frame("430[]")

    async with meeting(joined(talk), limits=ClientLimits(max_handlers=1)) as (client, _):
        answered: list[int] = []

        @client.on("asks")
        async def asks() -> None:
            # What comes meanwhile is not read, until this handler waits for it.
            for _ in range(10):
                await asyncio.sleep(0)
            await client.call("ask")
            answered.append(1)

        await client.connect()
        await until(lambda: len(answered) == 2)


# -- listeners and failing handlers


async def test_listeners_see_everything_until_they_are_taken_off() -> None:
    async def talk(peer: Peer) -> None:
        peer.frame('42["a",1]')
        assert await peer.packet() == '42["out",1]'
        peer.frame('421["b"]')
        assert await peer.packet() == "431[true]"
        assert await peer.packet() == '42["out",2]'
        peer.frame('42["c"]')

    async with meeting(joined(talk)) as (client, _):
        incoming: list[Any] = []
        outgoing: list[Any] = []
        others: list[Any] = []

        @client.on_any
        def on_any(*args: Any) -> None:
            incoming.append(args)

        @client.on_any_outgoing
        def on_any_outgoing(*args: Any) -> None:
            outgoing.append(args)

        @client.on_other
        def on_other(event: str, args: list[Any], acknowledged: bool) -> bool:
            others.append((event, args, acknowledged))
            return True

        client.emit("out", 1)
        await client.connect()
        await until(lambda: len(incoming) == 2)
        client.off_any(on_any)
        client.off_any(on_any_outgoing)
        client.off_any(on_any)
        client.emit("out", 2)
        await until(lambda: len(others) == 3)
        assert incoming == [("a", 1), ("b",)]
        assert outgoing == [("out", 1)]
        assert others == [("a", [1], False), ("b", [], True), ("c", [], False)]


async def test_a_failing_handler_costs_nothing_but_its_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def talk(peer: Peer) -> None:
        peer.frame('421["sync"]')
        peer.frame('422["async"]')
        peer.frame('423["cannot be encoded"]')
        peer.frame('42["sync"]')
        peer.frame('424["fine"]')
        packets = [await peer.packet() for _ in range(4)]
        assert packets[0] == '431["failed"]'
        assert sorted(packets[1:]) == ['432["failed"]', '433["failed"]', "434[]"]
        peer.frame('42["end"]')

    async with meeting(joined(talk)) as (client, _):

        @client.on("sync")
        def sync() -> None:
            raise ValueError("sync")

        @client.on("async")
        async def asynchronous() -> None:
            raise ValueError("async")

        client.on("cannot be encoded", lambda: {1, 2})
        done = log_of(client, "fine", "end")
        client.on_any(lambda *_: 1 // 0)
        client.on_any_outgoing(lambda *_: 1 // 0)
        told: list[str] = []

        @client.on_error
        def on_error(event: str, args: list[Any], error: Exception) -> str:
            told.append(event)
            return "failed"

        await client.connect()
        await until(lambda: len(done) == 2)
        assert sorted(told) == ["async", "cannot be encoded", "sync", "sync"]
        assert "a listener of on_any failed" in caplog.text


async def test_an_error_handler_that_fails_or_has_no_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def talk(peer: Peer) -> None:
        peer.frame('421["fails"]')
        peer.frame('422["fails"]')
        peer.frame('423["fine"]')
        assert await peer.packet() == "433[]"
        peer.frame('42["end"]')

    async with meeting(joined(talk)) as (client, _):
        results = iter((None, 1))

        @client.on("fails")
        def fails() -> None:
            raise ValueError("handler")

        @client.on_error
        def on_error(event: str, args: list[Any], error: Exception) -> Any:
            answer = next(results)
            return None if answer is None else 1 // 0

        done = log_of(client, "fine", "end")
        await client.connect()
        await until(lambda: len(done) == 2)
        assert "the handler of on_error failed" in caplog.text


async def test_a_listener_of_the_connection_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    async with meeting(joined()) as (client, _):
        client.on_connection("open", lambda: 1 // 0)
        opened: list[int] = []

        @client.on_connection("open")
        def opened_now() -> None:
            opened.append(1)

        await client.connect()
        assert opened == [1]
        assert "a listener of the connection's 'open' failed" in caplog.text


async def test_a_listener_of_what_is_sent_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == '42["x"]'
        peer.frame('42["seen"]')

    async with meeting(joined(talk)) as (client, _):
        seen = log_of(client, "seen")
        client.on_any_outgoing(lambda *_: 1 // 0)
        await client.connect()
        client.emit("x")
        await until(lambda: seen)
        assert "a listener of on_any_outgoing failed for 'x'" in caplog.text


async def test_handlers_can_be_exchanged() -> None:
    async def talk(peer: Peer) -> None:
        peer.frame('42["a"]')
        assert await peer.packet() == '42["next"]'
        peer.frame('42["a"]')

    async with meeting(joined(talk)) as (client, _):
        seen: list[int] = []
        client.on("a", lambda: seen.append(1))
        with pytest.raises(UsageError, match="has a handler already"):
            client.on("a", lambda: None)
        await client.connect()
        await until(lambda: seen)
        client.off("a")
        client.off("a")
        client.on("a", lambda: seen.append(2))
        client.emit("next")
        await until(lambda: len(seen) == 2)
        assert seen == [1, 2]


# -- acknowledgements


async def test_an_acknowledgement_that_does_not_come() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == '420["ask"]'
        assert await peer.packet() == '421["ask"]'
        # Too late, never asked, twice, without an id.
        peer.frame('430["late"]')
        peer.frame("4399[]")
        peer.frame("43[]")
        peer.frame('431["in time"]')
        peer.frame('431["again"]')
        peer.frame('42["end"]')

    async with meeting(joined(talk), ack_timeout=0.01) as (client, _):
        seen = log_of(client, "end")
        await client.connect()
        with pytest.raises(AcknowledgementTimeout, match="of 'ask' within"):
            await client.emit_with_ack("ask")
        assert await client.call("ask", timeout=10) == "in time"
        await until(lambda: seen)
        assert client.pending_acks == 0


async def test_a_timeout_of_nothing_is_no_missing_timeout() -> None:
    async with meeting(joined(), ack_timeout=60.0) as (client, _):
        await client.connect()
        with pytest.raises(AcknowledgementTimeout, match="within 0 seconds"):
            await client.call("ask", timeout=0)


async def test_a_connection_that_ends_takes_its_acknowledgements_with_it() -> None:
    async def ends(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        assert await peer.packet() == "40"
        peer.frame('40{"sid":"s1"}')
        assert await peer.packet() == '420["ask"]'
        assert await peer.packet() == '42["volatile"]'

    async with meeting(ends, joined()) as (client, _):
        await client.connect()
        answer = client.emit_with_ack("ask")
        client.volatile.emit("volatile")
        with pytest.raises(Disconnected, match="before an acknowledgement: transport close"):
            await answer


async def test_a_call_that_is_cancelled_is_forgotten() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == '420["sent"]'
        peer.frame('430["too late"]')
        peer.frame('42["end"]')

    async with meeting(joined(talk)) as (client, _):
        seen = log_of(client, "end")
        unsent = asyncio.create_task(client.call("unsent"))
        await asyncio.sleep(0)
        unsent.cancel()
        await asyncio.gather(unsent, return_exceptions=True)
        await asyncio.sleep(0)
        assert client.pending_acks == 0
        client._acks._last_id = -1
        await client.connect()
        sent = client.emit_with_ack("sent")
        sent.cancel()
        await until(lambda: seen)
        assert client.pending_acks == 0


async def test_an_answer_is_not_sent_on_a_later_connection() -> None:
    async def first(peer: Peer) -> None:
        peer.frame('425["slow"]')
        await asked.wait()

    async def second(peer: Peer) -> None:
        assert await peer.packet() == '42["connected"]'
        release.set()
        assert await peer.packet() == '42["next"]'
        peer.frame('42["end"]')
        assert await peer.packet() == "41"

    async def ends(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        assert await peer.packet() == "40"
        peer.frame('40{"sid":"s1"}')
        await first(peer)

    asked, release = asyncio.Event(), asyncio.Event()
    async with meeting(ends, joined(second, '40{"sid":"s2"}')) as (client, _):

        @client.on("slow")
        async def slow() -> int:
            asked.set()
            await release.wait()
            client.emit("next")
            return 1

        ended = log_of(client, "end")
        await client.connect()
        await until(lambda: client.connected and asked.is_set() and client.id == "s2")
        client.emit("connected")
        await until(lambda: ended)


# -- connection state recovery


async def test_recovery_on_the_wire() -> None:
    async def first(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        assert await peer.packet() == "40"
        peer.frame('40{"sid":"s1","pid":"p1"}')
        peer.frame('42["one",1,"offset 1"]')
        peer.frame('42["any",1,"offset 2"]')
        peer.frame('42["one",1]')
        peer.frame('427["asked","text"]')
        assert await peer.packet() == '437["text"]'

    async def second(peer: Peer) -> None:
        assert await peer.packet() == '40{"pid":"p1","offset":"offset 2"}'
        peer.frame('42["any",2,"offset 3"]')
        peer.frame('40{"sid":"s1","pid":"p1"}')
        assert await peer.packet() == '42["recovered",true]'
        peer.frame("41")

    async def third(peer: Peer) -> None:
        assert await peer.packet() == '40{"pid":"p1","offset":"offset 3"}'
        peer.frame('40{"sid":"s2","pid":"p2"}')
        assert await peer.packet() == '42["recovered",false]'
        assert await peer.packet() == "41"

    async def fourth(peer: Peer) -> None:
        assert await peer.packet() == "40"
        peer.frame('40{"sid":"s3"}')

    scripts = (first, socketio(second), socketio(third), socketio(fourth))
    async with meeting(*scripts) as (client, _):
        seen: list[Any] = []
        client.on("one", lambda number: seen.append(("one", number)))
        client.on("any", lambda *args: seen.append(("any", *args)))
        client.on("asked", lambda text: text)
        client.on("connect", lambda: seen.append("connect"))
        await client.connect()
        await until(lambda: client.recovered)
        client.emit("recovered", client.recovered)
        assert seen == [
            "connect",
            ("one", 1),
            ("any", 1, "offset 2"),
            ("one", 1),
            ("any", 2, "offset 3"),
            "connect",
        ]
        await until(lambda: not client.active)
        await client.connect()
        assert not client.recovered
        client.emit("recovered", client.recovered)
        await client.drained()
        await client.disconnect()
        await client.connect()
        assert client.id == "s3"


async def test_a_pid_without_an_offset_is_presented_with_auth() -> None:
    async def first(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        assert await peer.packet() == '40{"a":1}'
        peer.frame('40{"sid":"s1","pid":"p1"}')

    async def second(peer: Peer) -> None:
        assert await peer.packet() == '40{"pid":"p1","a":1}'
        peer.frame('40{"sid":"s1","pid":"p1"}')

    async with meeting(first, socketio(second), auth={"a": 1}) as (client, _):
        await client.connect()
        await until(lambda: client.recovered)


# -- auth


async def test_auth_is_asked_again_each_time() -> None:
    async def first(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        assert await peer.packet() == '40{"call":1}'
        peer.frame('40{"sid":"s1"}')

    async def second(peer: Peer) -> None:
        assert await peer.packet() == '40{"call":2}'
        peer.frame('40{"sid":"s2"}')

    calls: list[int] = []

    async def auth() -> dict[str, int]:
        calls.append(1)
        await asyncio.sleep(0)
        return {"call": len(calls)}

    async with meeting(first, socketio(second), auth=auth) as (client, _):
        await client.connect()
        await until(lambda: client.id == "s2")


@pytest.mark.parametrize("auth", [lambda: 1 // 0, {"a": {1}}, lambda: 5])
async def test_auth_that_fails(auth: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def nothing(peer: Peer) -> None:
        pass

    async with meeting(socketio(nothing), auth=auth) as (client, _):
        errors = log_of(client, "connect_error")
        with pytest.raises(ConnectionFailed, match="the application's auth failed: ") as caught:
            await client.connect()
        assert caught.value.__cause__ is not None
        assert errors == [("connect_error", caught.value)]
        assert "the auth of namespace / failed" in caplog.text


@pytest.mark.parametrize("fails", [True, False])
async def test_auth_that_comes_after_the_connection_was_lost(fails: bool) -> None:
    async def lost(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)

    async def second(peer: Peer) -> None:
        assert await peer.packet() == '40{"call":2}'
        late.set()
        await asyncio.sleep(0.001)
        peer.frame('40{"sid":"s1"}')

    calls = 0
    late = asyncio.Event()

    async def auth() -> dict[str, int]:
        nonlocal calls
        calls += 1
        call = calls
        if call == 1:
            await late.wait()
            if fails:
                raise ValueError("too late to matter")
        return {"call": call}

    async with meeting(lost, socketio(second), auth=auth) as (client, _):
        await client.connect()
        assert client.id == "s1"


async def test_leaving_while_auth_is_asked() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == "40/other,"
        peer.frame('40/other,{"sid":"o1"}')
        assert await peer.packet() == '42/other,["end"]'

    async with meeting(socketio(talk)) as (client, _):
        other = client.of("/other")
        await other.connect()
        asked, answer = asyncio.Event(), asyncio.Event()

        async def auth() -> None:
            asked.set()
            await answer.wait()

        client.auth = auth
        client.open()
        await patient(asked.wait())
        client.disconnect()
        answer.set()
        await until(lambda: not client.asked)
        other.emit("end")
        await other.drained()


# -- connecting and leaving


async def test_leaving_before_the_answer() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == "40"
        peer.frame('40{"sid":"s1"}')
        assert await peer.packet() == "40/chat,"
        left.set()
        await asyncio.sleep(0.001)
        peer.frame('42/chat,["dropped"]')
        peer.frame('40/chat,{"sid":"c1"}')
        assert await peer.packet() == "41/chat,"
        assert await peer.packet() == "40/chat,"
        left_again.set()
        await asyncio.sleep(0.001)
        peer.frame('44/chat,{"message":"no"}')
        assert await peer.packet() == "40/chat,"
        peer.frame('40/chat,{"sid":"c2"}')

    left, left_again = asyncio.Event(), asyncio.Event()
    async with meeting(socketio(talk)) as (client, _):
        await client.connect()
        chat = client.of("/chat")
        waiting = asyncio.create_task(chat.connect())
        await patient(left.wait())
        chat.disconnect()
        with pytest.raises(Disconnected, match="was called"):
            await waiting
        await until(lambda: not chat.asked)
        assert not chat.connected
        chat.open()
        await patient(left_again.wait())
        chat.disconnect()
        await until(lambda: not chat.asked)
        await chat.connect()
        assert chat.id == "c2"


async def test_coming_back_before_the_answer_asks_only_once() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == "40"
        peer.frame('40{"sid":"s1"}')
        assert await peer.packet() == "40/chat,"
        back.set()
        await asyncio.sleep(0.001)
        peer.frame('40/chat,{"sid":"c1"}')
        assert await peer.packet() == '42/chat,["once"]'

    back = asyncio.Event()
    async with meeting(socketio(talk)) as (client, _):
        await client.connect()
        chat = client.of("/chat")
        chat.open()
        await patient(back.wait())
        chat.disconnect()
        await chat.connect()
        await chat.connect()
        chat.emit("once")
        await chat.drained()


async def test_connecting_can_be_cancelled() -> None:
    async def silent(peer: Peer) -> None:
        assert await peer.packet() == "40"

    async with meeting(socketio(silent)) as (client, server):
        task = asyncio.create_task(client.connect())
        await until(lambda: client.asked)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not client.active
        await server.gone()


async def test_leaving_while_it_waits_for_the_next_attempt() -> None:
    async def refuses(peer: Peer) -> None:
        await peer.request()
        peer.answer("no", status="503 Busy")

    async with meeting(refuses, reconnection_delay=60.0, reconnection_delay_max=60.0) as (
        client,
        server,
    ):
        errors = log_of(client, "connect_error")
        client.open()
        await until(lambda: errors)
        assert errors[0][1].status == 503
        await client.drained()
        client.disconnect()
        await client.close()
        assert len(server.peers) == 1


async def test_two_who_wait_for_one_connection() -> None:
    async with meeting(joined()) as (client, _):
        await asyncio.gather(client.connect(), client.connect())
        assert client.connected


async def test_namespaces_that_wait_for_one_connection() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == "40"
        assert await peer.packet() == "40/chat,"
        peer.frame('40/chat,{"sid":"c1"}')
        peer.frame('40{"sid":"s1"}')

    async with meeting(socketio(talk)) as (client, _):
        chat = client.of("/chat")
        await asyncio.gather(client.connect(), chat.connect())
        assert (client.id, chat.id) == ("s1", "c1")


async def test_one_of_two_who_wait_is_cancelled() -> None:
    async def late(peer: Peer) -> None:
        await cancelled.wait()
        await joined()(peer)

    cancelled = asyncio.Event()
    async with meeting(late) as (client, _):
        waiting = asyncio.create_task(client.connect())
        impatient = asyncio.create_task(client.connect())
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.sleep(0)
        cancelled.set()
        await patient(waiting)
        assert impatient.cancelled()


async def test_a_wait_that_is_cancelled_as_it_ends() -> None:
    async with meeting(joined()) as (client, _):
        waiting = asyncio.create_task(client.connect())
        client.on("connect", waiting.cancel)
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not client.active


async def test_the_context_manager_connects_and_closes() -> None:
    async with scripted(joined()) as server:
        async with Client(server.url, transports=["websocket"]) as client:
            assert client.connected
        assert not client.connected


async def test_a_handler_may_close_the_client() -> None:
    async def talk(peer: Peer) -> None:
        peer.frame('42["end"]')
        assert await peer.packet() == "41"

    async with meeting(joined(talk)) as (client, _):
        closed = asyncio.Event()

        @client.on("end")
        async def end() -> None:
            await client.close()
            closed.set()

        await client.connect()
        await patient(closed.wait())


async def test_closing_stops_the_handlers() -> None:
    async def talk(peer: Peer) -> None:
        peer.frame('42["long"]')

    async with meeting(joined(talk)) as (client, _):
        began = asyncio.Event()
        cancelled = asyncio.Event()

        @client.on("long")
        async def long() -> None:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        await client.connect()
        await patient(began.wait())
        await client.close()
        assert cancelled.is_set()


# -- a server that breaks the protocol


@pytest.mark.parametrize(
    "frames",
    [
        ["4"],
        ["47"],
        ["4x"],
        ["42"],
        ["42{}"],
        ["42[]"],
        ["42[1]"],
        ["42[null]"],
        ['42["connect"]'],
        ['42["disconnect","io client disconnect"]'],
        ['42["connect_error"]'],
        ['42["' + "a" * 129 + '"]'],
        ['42["a",' + "[" * 100 + "]" * 100 + "]"],
        ['42["a",' + "[" * 100_000],
        ['42abc["a"]'],
        ['4299999999999999999999["a"]'],
        ['42²["a"]'],
        ["43{}"],
        ["40[]"],
        ["40"],
        ["40{}"],
        ['40{"sid":1}'],
        ['40{"sid":""}'],
        ['40{"sid":"' + "a" * 257 + '"}'],
        ['40{"sid":"s1","pid":1}'],
        ['40{"sid":"s2"}'],
        ['44{"message":"late"}'],
        ["44"],
        ["44[]"],
        ["45"],
        ["450-[]"],
        ['450-["a"]'],
        ['4511-["a"]'],
        ['451000000000-["a"]'],
        ['451-["a",{"_placeholder":true,"num":1}]'],
        ['451-["a",{"_placeholder":true,"num":-1}]'],
        ['451-["a",{"_placeholder":true,"num":"0"}]'],
        ['451-["a",{"_placeholder":true,"num":0.5}]'],
        ['451-["a",' + ",".join(['{"_placeholder":true,"num":0}'] * 3) + "]"],
        ['451-[{"_placeholder":true,"num":0}]'],
        ['451-["a",{"_placeholder":true,"num":0}]', '42["text instead"]'],
        ['451-["a",{"_placeholder":true,"num":0}]', b"a" * 20_001],
        [b"nobody asked"],
        ["41{}"],
        ["42/" + "n" * 300 + ',["a"]'],
    ],
)
async def test_a_broken_packet_ends_the_connection_and_the_client_comes_back(
    frames: list[str | bytes],
) -> None:
    async def breaks(peer: Peer) -> None:
        for frame in frames:
            peer.frame(frame)

    async with meeting(joined(breaks), joined(), max_receive_size=200_000) as (client, _):
        client._manager._max_message = 20_000
        seen = log_of(client, "disconnect", "a")
        await client.connect()
        await until(lambda: seen)
        assert seen == [("disconnect", "parse error")]
        await until(lambda: client.connected)


@pytest.mark.parametrize("reply", ["40", "40{}", '40{"sid":5}', '42["connect"]', '451-["a"]', "x"])
async def test_a_broken_answer_to_connect_is_no_connection(reply: str) -> None:
    async def breaks(peer: Peer) -> None:
        assert await peer.packet() == "40"
        peer.frame(reply)
        peer.frame(reply)

    async with meeting(socketio(breaks), joined()) as (client, server):
        seen = log_of(client, "disconnect")
        await client.connect()
        assert len(server.peers) == 2
        assert seen == []


async def test_what_is_for_nobody_is_dropped() -> None:
    async def talk(peer: Peer) -> None:
        peer.frame('42/nowhere,["a"]')
        peer.frame("41/nowhere,")
        peer.frame('40/nowhere,{"sid":"x"}')
        peer.frame('42/inactive,["a"]')
        peer.frame('40/inactive,{"sid":"x"}')
        peer.frame('42["end"]')

    async with meeting(joined(talk)) as (client, _):
        client.of("/inactive")
        seen = log_of(client, "a", "end")
        await client.connect()
        await until(lambda: seen)
        assert seen == [("end",)]


async def test_the_server_puts_a_client_out_before_it_is_in() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == "40"
        peer.frame("41")

    async with meeting(socketio(talk)) as (client, _):
        seen = log_of(client, "disconnect")
        with pytest.raises(Disconnected, match="put this client out"):
            await client.connect()
        assert seen == []


async def test_attachments_that_do_not_come_end_the_connection() -> None:
    async def talk(peer: Peer) -> None:
        peer.frame('452-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
        peer.frame(b"1")
        peer.frame(b"2")
        peer.frame('451-["a",{"_placeholder":true,"num":0}]')

    limits = ClientLimits(attachment_timeout=0.02)
    async with meeting(joined(talk), joined(), limits=limits) as (client, _):
        seen = log_of(client, "disconnect", "a")
        closes: list[Any] = []
        client.on_connection("close", lambda *args: closes.append(args))
        await client.connect()
        await until(lambda: closes)
        assert seen == [("a", b"1", b"2"), ("disconnect", "parse error")]
        assert closes == [
            ("parse error", "a packet's attachments did not come within 0.02 seconds")
        ]


async def test_the_connection_ends_while_attachments_are_due() -> None:
    async def talk(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        assert await peer.packet() == "40"
        peer.frame('40{"sid":"s1"}')
        peer.frame('451-["a",{"_placeholder":true,"num":0}]')

    async with meeting(talk, joined()) as (client, _):
        seen = log_of(client, "disconnect")
        await client.connect()
        await until(lambda: seen and client.connected)
        assert seen == [("disconnect", "transport close")]


async def test_too_many_events_before_the_answer_to_connect() -> None:
    async def floods(peer: Peer) -> None:
        assert await peer.packet() == "40"
        for _ in range(4):
            peer.frame('42["early"]')

    limits = ClientLimits(max_held_packets=3)
    async with meeting(socketio(floods), joined(), limits=limits) as (client, _):
        closes: list[Any] = []
        client.on_connection("close", lambda *args: closes.append(args))
        await client.connect()
        assert closes == [("parse error", "got too many events before the answer to CONNECT")]


async def test_a_packet_after_the_end_of_its_connection_is_dropped() -> None:
    async def talk(peer: Peer) -> None:
        peer.frame('42["slow"]')
        peer.frame("41")
        peer.frame('42["late"]')

    async with meeting(joined(talk)) as (client, _):
        seen = log_of(client, "late", "disconnect")

        @client.on("slow")
        async def slow() -> None:
            seen.append("slow")

        await client.connect()
        await until(lambda: len(seen) == 2)
        assert seen == ["slow", ("disconnect", "io server disconnect")]


async def test_emitting_while_the_server_is_overdue_keeps_the_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def sleeps(peer: Peer) -> None:
        pass

    async def awake(peer: Peer) -> None:
        assert await peer.packet() == '42["kept"]'

    async with meeting(joined(sleeps), joined(awake), close_timeout=0.01) as (client, _):
        await client.connect()
        engine = client._manager.engine
        assert engine is not None
        # The machine has slept: no timer has run yet, but the time has passed.
        engine.session._heartbeat = engine.session.deadline = 0.0
        client.emit("kept")
        client.volatile.emit("dropped")
        assert client._unsent
        engine.session.handle_timeout(1.0)
        await until(lambda: not client._unsent)
        await client.drained()


# -- what is too large for the server


SMALL = HANDSHAKE.replace("}", ',"maxPayload":100}')


def small(talk: Talk) -> Script:
    """A server that takes messages of 100 bytes."""

    async def script(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(SMALL)
        assert await peer.packet() == "40"
        peer.frame('40{"sid":"s1"}')
        await talk(peer)
        await peer.answer_close()

    return script


async def test_what_is_too_large_for_the_server_is_not_sent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == '42["kept"]'
        assert await peer.packet() == '42["' + "x" * 94 + '"]'
        assert await peer.packet() == '451-["bin",{"_placeholder":true,"num":0}]'
        assert await peer.packet() == bytes(100)
        peer.frame('427["asks"]')
        peer.frame('428["ends"]')
        assert await peer.packet() == "438[]"

    refusal = "got a message of 101 bytes, and the server takes at most 100: send less"
    async with meeting(small(talk)) as (client, _):
        asked = client.emit_with_ack("y" * 94)
        client.emit("y" * 95)
        client.emit("kept")
        client.on("asks", lambda: "y" * 100)
        ended = log_of(client, "ends")
        await client.connect()
        with pytest.raises(UsageError, match=refusal):
            await asked
        assert f"'{'y' * 95}' was not sent: {refusal}" in caplog.text
        client.emit("x" * 94)
        client.emit("bin", bytes(100))
        for event, args in (("ü" + "x" * 93, ()), ("bin", (bytes(101),))):
            with pytest.raises(UsageError, match=refusal):
                client.emit(event, *args)
            with pytest.raises(UsageError, match=refusal):
                client.volatile.emit(event, *args)
        with pytest.raises(UsageError, match="got a message of 102 bytes"):
            await client.call("y" * 95)
        await until(lambda: ended)
        assert "the handler of 'asks' failed" in caplog.text
        assert client.pending_acks == 0


async def test_an_event_with_retries_that_is_too_large_holds_up_no_other() -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.packet() == '421["kept"]'
        peer.frame("431[]")

    async with meeting(small(talk), retries=3, ack_timeout=60) as (client, _):
        large = client.emit_with_ack("y" * 100)
        kept = client.emit_with_ack("kept")
        await client.connect()
        with pytest.raises(UsageError, match="the server takes at most 100"):
            await large
        assert await kept is None


async def test_the_close_code_of_the_server_is_told() -> None:
    async def closes(peer: Peer) -> None:
        peer.frame((1009).to_bytes(2, "big") + b"too\x1b", 0x88)
        await peer.ended()

    async with meeting(joined(closes), joined()) as (client, _):
        closed: list[Any] = []
        client.on_connection("close", lambda *args: closed.append(args))
        await client.connect()
        await until(lambda: closed)
        assert closed == [
            ("transport close", "got a close frame: 1009 (the message is too big), 'too\\x1b'")
        ]


# -- retries


async def test_an_event_that_is_given_up_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def talk(peer: Peer) -> None:
        for number in range(3):
            assert await peer.packet() == f'42{number}["unheard"]'
            advance(11)
        assert await peer.packet() == '423["heard"]'
        peer.frame("433[]")
        assert await peer.packet() == '424["forgotten"]'
        peer.frame("434[]")

    async with meeting(joined(talk), retries=2, ack_timeout=10) as (client, _):
        await client.connect()
        client.emit("unheard")
        client.emit("heard")
        with pytest.raises(EncodeError):
            client.emit("never", {1})
        forgotten = client.emit_with_ack("forgotten")
        forgotten.cancel()
        await until(lambda: not client.pending_acks and client._acks._last_id == 4)
        assert "an event was given up after its last retry" in caplog.text


# -- threads


async def test_an_event_from_another_thread_leaves_at_once_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def talk(peer: Peer) -> None:
        for number in range(2):
            assert await peer.packet() == f'42["from a thread",{number}]'
            peer.frame('42["seen"]')

    async with meeting(joined(talk)) as (client, _):
        seen = log_of(client, "seen")
        await client.connect()
        # Then the loop refuses every call that would not wake it.
        asyncio.get_running_loop().set_debug(True)
        for number in range(2):
            thread = threading.Thread(target=client.emit, args=("from a thread", number))
            thread.start()
            thread.join()
            await until(lambda number=number: len(seen) == number + 1)  # type: ignore[misc]
        assert caplog.text.count("in another thread than the event loop's") == 1


# -- usage


def test_the_namespace_and_path_of_the_url() -> None:
    assert Client("http://a").name == "/"
    assert Client("http://a/").name == "/"
    client = Client("http://a/chat%20room/?x=y")
    assert client.name == "/chat room"
    assert client.of("other") is client.of("/other")
    assert set(client.namespaces) == {"/chat room", "/other"}
    assert client.transport is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "x"}, "path: "),
        ({"retries": 3}, "retries need an ack_timeout"),
        ({"retries": -1}, "retries: got -1"),
        ({"ack_timeout": 0}, "ack_timeout: got 0"),
        ({"reconnection_delay": 0}, "reconnection_delay: got 0"),
        ({"reconnection_delay_max": -1}, "reconnection_delay_max: got -1"),
        ({"reconnection_attempts": 0}, "reconnection_attempts: got 0"),
        ({"randomization_factor": 1.1}, "randomization_factor: got 1.1"),
        ({"randomization_factor": "0"}, "randomization_factor: got '0'"),
        ({"retries": "3"}, "retries: got '3'"),
        ({"reconnection": None}, "reconnection: got None, expected True or False"),
        ({"limits": Limits()}, "limits: got a value of type Limits, expected ClientLimits"),
        ({"auth": "token"}, "auth: got a value of type str, expected a dict"),
        ({"reconnectionDelay": 1}, "'reconnectionDelay', .* expected reconnection_delay$"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Client("http://localhost", **options)


def test_the_auth_of_a_namespace_is_checked_as_well() -> None:
    auth: Any = "token"
    with pytest.raises(UsageError, match="auth: got a value of type str, expected a dict"):
        Client("http://localhost").of("/admin", auth=auth)


@pytest.mark.parametrize("url", ["localhost:3000", None, 3000])
def test_a_url_that_is_none_is_refused(url: Any) -> None:
    with pytest.raises(UsageError, match=f"got the URL {url!r}, "):
        Client(url)


def test_limits_are_above_0() -> None:
    with pytest.raises(UsageError, match="max_handlers: got 0"):
        ClientLimits(max_handlers=0)


def test_what_handlers_cannot_be() -> None:
    client = Client("http://localhost")

    async def listener(*_: Any) -> None: ...

    with pytest.raises(UsageError, match="must be a plain function"):
        client.on_any(listener)
    with pytest.raises(UsageError, match="must be a plain function"):
        client.on_any_outgoing(listener)
    with pytest.raises(UsageError, match="must be a plain function"):
        client.on_error(listener)
    with pytest.raises(UsageError, match="no server can send 'disconnecting'"):
        client.on("disconnecting")
    with pytest.raises(UsageError, match="expected one of open, close"):
        client.on_connection("nothing")
    with pytest.raises(UsageError, match="keeps for itself"):
        client.emit("connect")
    with pytest.raises(EncodeError):
        client.emit("a", {1})


async def test_functions_that_do_not_tell_their_arguments() -> None:
    async def talk(peer: Peer) -> None:
        peer.frame('42["c","offset"]')

    async with meeting(joined(talk, '40{"sid":"s1","pid":"p1"}')) as (client, _):
        seen: list[str] = []
        client.on_any(lambda event, *_: seen.append(event))
        # Written in C, without a signature: it gets everything.
        client.on("c", max)
        await client.connect()
        await until(lambda: seen)


async def test_a_connection_that_is_closed_as_soon_as_it_is_open() -> None:
    async def at_once(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.write(server_frame(HANDSHAKE) + server_frame("1"))
        await peer.answer_close()

    async with meeting(at_once, joined()) as (client, _):
        errors = log_of(client, "connect_error")
        await client.connect()
        assert [str(error) for _, error in errors] == [
            "the connection was closed as soon as it was open"
        ]


async def test_reconnection_can_be_off() -> None:
    async def closes(peer: Peer) -> None:
        await peer.accept_websocket()
        peer.frame(HANDSHAKE)
        assert await peer.packet() == "40"
        peer.frame('40{"sid":"s1"}')

    async with meeting(closes, reconnection=False) as (client, server):
        seen = log_of(client, "disconnect", "connect_error")
        failed: list[int] = []
        client.on_connection("reconnect_failed", lambda: failed.append(1))
        await client.connect()
        await until(lambda: not client.active)
        assert seen == [("disconnect", "transport close")]
        assert failed == []
        assert len(server.peers) == 1


async def test_an_acknowledgement_of_what_was_never_sent_says_so() -> None:
    client = Client("http://localhost")
    with pytest.raises(
        AcknowledgementTimeout, match="nor a connection to send it on: connect first"
    ):
        await client.call("ask", timeout=0.001)


@pytest.mark.parametrize("heard", [False, True])
async def test_who_waits_for_a_server_that_is_not_there_learns_it(
    heard: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, and from the log only if nobody listens for it."""

    async def refuses(peer: Peer) -> None:
        await peer.request()

    async with meeting(refuses, refuses, joined()) as (client, _):
        errors = log_of(client, "connect_error") if heard else []
        await client.connect()
        assert len(errors) == (2 if heard else 0)
        assert caplog.text.count("; trying again (see reconnection_attempts)") == (not heard)


async def test_the_attempts_come_to_an_end() -> None:
    async def refuses(peer: Peer) -> None:
        await peer.request()

    async with meeting(refuses, reconnection_attempts=3) as (client, server):
        attempts: list[int] = []
        failed: list[int] = []
        client.on_connection("reconnect_attempt", attempts.append)
        client.on_connection("reconnect_failed", lambda: failed.append(1))
        with pytest.raises(ConnectionFailed, match="the connection was lost"):
            await client.connect()
        assert (attempts, failed) == ([1, 2, 3], [1])
        assert len(server.peers) == 4


async def test_the_tap_sees_both_directions() -> None:
    seen: list[Any] = []
    async with meeting(joined()) as (client, _):
        client.tap(lambda *args: seen.append(args))
        await client.connect()
    assert seen == [("in", HANDSHAKE), ("out", "40"), ("in", '40{"sid":"s1"}'), ("out", "41")]
