"""Connection state recovery, on the wire: what a client that comes back is sent."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from engineio_min.protocol.session import SLOW_CONSUMER
from socketio_min import (
    ConnectionRefused,
    MemoryAdapter,
    Recovery,
    Server,
    Session,
    Socket,
    UsageError,
)
from socketio_min.cluster.recovery import Restored
from socketio_min.cluster.recovery_memory import MemoryRecovery, RecoveringMemoryAdapter
from tests.socketio_min.serving import (
    TRANSPORTS,
    Serving,
    Transport,
    advance,
    answer_sync,
    assert_nothing_left,
)
from tests.socketio_min.wire import Client, WebSocketClient
from tests.waiting import until


@asynccontextmanager
async def serving(io: Server) -> AsyncIterator[Serving]:
    """Run `io` on a free port; at the end it keeps nothing."""
    for namespace in io.namespaces.values():
        answer_sync(namespace)
    await io.listen(port=0)
    clients = Serving(io)
    try:
        yield clients
        await clients.finish()
        await until(lambda: not io.connections)
    finally:
        await io.close()
        clients.abort()
    assert_nothing_left(io)
    memory = io._memory
    assert memory is not None
    assert len(memory) == 0
    assert memory._ids == set()
    assert io.recoveries is not None
    assert io.recoveries._present == {}


def server(recovery: Recovery | None = None, **options: Any) -> Server:
    return Server(connection_state_recovery=recovery or Recovery(), **options)


async def connect(client: Client, auth: object = None, namespace: str = "/") -> dict[str, str]:
    """Send CONNECT and return the payload of its answer, which must be the next packet."""
    head = "40" if namespace == "/" else f"40{namespace},"
    await client.send(head + ("" if auth is None else json.dumps(auth)))
    reply = await client.receive_text()
    assert reply.startswith(head + "{"), reply
    payload: dict[str, str] = json.loads(reply[len(head) :])
    assert list(payload) == ["sid", "pid"]
    return payload


def offset_of(packet: object) -> str:
    """The offset at the end of an event."""
    found = re.fullmatch(r'4[25].*"([\w-]{8}\.\d+)"\]', str(packet))
    assert found is not None, packet
    return found[1]


async def lose(clients: Serving, client: Client) -> None:
    """Break the client's connection, and wait until the server has noticed."""
    sockets = len(clients.io.sockets)
    await client.finish()
    await until(lambda: len(clients.io.sockets) < sockets)


async def test_the_whole_way_over_each_transport() -> None:
    for transport in TRANSPORTS:
        await the_whole_way(transport)


async def the_whole_way(transport: Transport) -> None:
    io = server()
    seen: list[Any] = []

    @io.on("connect")
    def connected(socket: Socket) -> None:
        seen.append(("connect", socket.recovered, sorted(socket.rooms - {socket.id})))
        socket.emit("welcome")

    @io.on("disconnect")
    def disconnected(socket: Socket, reason: str) -> None:
        seen.append(("disconnect", reason))

    async with serving(io) as clients:
        client = await clients.open(transport)
        first = await connect(client)
        socket = io.sockets[first["sid"]]
        socket.join(["a", "b"])
        socket.data["name"] = "Ada"
        welcome = await client.receive()
        assert welcome == f'42["welcome","{offset_of(welcome)}"]'
        await lose(clients, client)
        io.emit("all", 1)
        io.to("a").emit("bytes", b"\x01\x02")
        io.to("c").emit("others")
        io.except_("b").emit("others")
        io.volatile.emit("gone")
        io.to(first["sid"]).emit("own")
        socket.emit("late", {"of": "a handler"})
        socket.leave("a")

        again = await clients.open(transport)
        await again.send("40" + json.dumps({"pid": first["pid"], "offset": offset_of(welcome)}))
        missed = [await again.receive() for _ in range(5)]
        assert [re.sub(r',"[\w-]{8}\.\d+"', "", str(packet)) for packet in missed] == [
            '42["all",1]',
            '451-["bytes",{"_placeholder":true,"num":0}]',
            str(b"\x01\x02"),
            '42["own"]',
            '42["late",{"of":"a handler"}]',
        ]
        assert await again.receive() == "40" + json.dumps(first, separators=(",", ":"))
        assert await again.receive() == f'42["welcome","{io._memory.log.offset}"]'  # type: ignore[union-attr]
        back = io.sockets[first["sid"]]
        assert back is not socket
        assert isinstance(back, type(socket))
        assert back.recovered
        assert back.rooms == {first["sid"], "a", "b"}
        assert back.data == {"name": "Ada"}
        assert [event[0] for event in seen] == ["connect", "disconnect", "connect"]
        assert seen[0] == ("connect", False, [])
        assert seen[2] == ("connect", True, ["a", "b"])
        # Who held the old socket reaches the new one.
        socket.emit("still")
        assert str(await again.receive()).startswith('42["still","')
        io.to("a").emit("here")
        assert str(await again.receive()).startswith('42["here","')
        await again.nothing_more()


async def test_a_client_that_had_no_event_comes_back() -> None:
    io = server()
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        await lose(clients, client)
        io.emit("missed")
        again = await clients.open()
        await again.send("40" + json.dumps({"pid": first["pid"]}))
        assert str(await again.receive()).startswith('42["missed","')
        assert await again.receive() == "40" + json.dumps(first, separators=(",", ":"))


async def test_an_offset_from_before_the_session_is_as_none() -> None:
    """The official client goes on to present the last offset it has had, of whichever session."""
    io = server()
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client, {"pid": "unknown", "offset": "earlier.7"})
        await lose(clients, client)
        again = await clients.open()
        assert await connect(again, {"pid": first["pid"], "offset": "earlier.7"}) == first
        await lose(clients, again)
        third = await clients.open()
        assert await connect(third, {"pid": first["pid"], "offset": "earlier.7"}) == first


@pytest.mark.parametrize("offset", ["earlier.7", "", 7, {}, "text of an event"])
async def test_an_unknown_offset_gives_a_new_socket(offset: object) -> None:
    ended: list[Session] = []
    io = server(Recovery(expired=ended.append))
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        io.sockets[first["sid"]].data["name"] = "Ada"
        await lose(clients, client)
        again = await clients.open()
        new = await connect(again, {"pid": first["pid"], "offset": offset})
        assert new["sid"] != first["sid"]
        assert new["pid"] != first["pid"]
        assert not io.sockets[new["sid"]].recovered
        assert [(session.id, session.data) for session in ended] == [
            (first["sid"], {"name": "Ada"})
        ]


async def test_an_offset_that_is_too_old_gives_a_new_socket() -> None:
    io = server(Recovery(max_packets=2))
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        io.emit("kept")
        offset = offset_of(await client.receive())
        await lose(clients, client)
        for number in range(3):
            io.emit("missed", number)
        again = await clients.open()
        new = await connect(again, {"pid": first["pid"], "offset": offset})
        assert new["sid"] != first["sid"]
        await again.nothing_more()


@pytest.mark.parametrize("auth", [None, {}, {"pid": None}, {"pid": 7}, {"pid": "unknown"}])
async def test_without_a_private_id_that_is_known_there_is_a_new_socket(auth: object) -> None:
    io = server()
    async with serving(io) as clients:
        client = await clients.open()
        answer = await connect(client, auth)
        assert not io.sockets[answer["sid"]].recovered


async def test_a_private_id_is_good_for_one_return() -> None:
    io = server()
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        await lose(clients, client)
        again, thief = await clients.open(), await clients.open()
        assert await connect(again, {"pid": first["pid"]}) == first
        await lose(clients, again)
        assert await connect(thief, {"pid": first["pid"]}) == first
        assert len(io.sockets) == 1


async def test_a_private_id_is_of_its_namespace() -> None:
    io = server()
    io.of("/other")
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        other = await clients.open()
        assert (await connect(other, {"pid": first["pid"]}, "/other"))["sid"] != first["sid"]
        assert first["sid"] in io.sockets, "it was not taken over"
        await lose(clients, client)
        third = await clients.open()
        assert (await connect(third, {"pid": first["pid"]}, "/other"))["sid"] != first["sid"]
        assert await connect(third, {"pid": first["pid"]}) == first


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_client_takes_its_socket_over(transport: Transport) -> None:
    """It is back before the server noticed its loss: the old connection ends, nothing is missed."""
    io = server()
    io.of("/other")
    reasons: list[str] = []
    io.on("disconnect", lambda socket, reason: reasons.append(reason))
    async with serving(io) as clients:
        old = await clients.open(transport)
        first = await connect(old)
        other = await connect(old, namespace="/other")
        io.sockets[first["sid"]].join("a")
        io.emit("unread", 1)
        new = await clients.open(transport)
        await new.send("40" + json.dumps({"pid": first["pid"]}))
        assert str(await new.receive()).startswith('42["unread",1,"')
        assert await new.receive() == "40" + json.dumps(first, separators=(",", ":"))
        assert reasons == ["transport close"]
        assert io.sockets[first["sid"]].rooms == {first["sid"], "a"}
        await until(lambda: len(io.connections) == 1)
        await old.rest()
        assert await connect(new, {"pid": other["pid"]}, "/other") == other
        await new.nothing_more()


async def test_a_client_takes_its_socket_over_while_that_is_decided() -> None:
    """It came back, and went again unnoticed before its `connect` handler had ended."""
    io = server()
    gate = asyncio.Event()
    calls: list[bool] = []

    @io.on("connect")
    async def connected(socket: Socket) -> None:
        calls.append(socket.recovered)
        if len(calls) == 2:
            await gate.wait()

    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        await lose(clients, client)
        slow = await clients.open()
        await slow.send("40" + json.dumps({"pid": first["pid"]}))
        await until(lambda: len(calls) == 2)
        io.emit("meanwhile")
        fast = await clients.open()
        await fast.send("40" + json.dumps({"pid": first["pid"]}))
        assert str(await fast.receive()).startswith('42["meanwhile","')
        assert await fast.receive() == "40" + json.dumps(first, separators=(",", ":"))
        gate.set()
        await until(lambda: len(io.connections) == 1)
        assert io.sockets[first["sid"]].connected
        io.emit("after")
        assert str(await fast.receive()).startswith('42["after","')
        assert calls == [False, True, True]


@pytest.mark.parametrize("skip", [True, False])
async def test_middlewares_are_skipped_unless_told_otherwise(skip: bool) -> None:
    io = server(Recovery(skip_middlewares=skip))
    calls: list[bool] = []
    io.use(lambda socket: calls.append(socket.recovered))
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        await lose(clients, client)
        again = await clients.open()
        assert await connect(again, {"pid": first["pid"]}) == first
        assert calls == ([False] if skip else [False, True])


async def test_who_comes_back_may_be_refused() -> None:
    ended: list[Session] = []
    io = server(Recovery(expired=ended.append))

    @io.on("connect")
    def connected(socket: Socket) -> None:
        if socket.recovered:
            raise ConnectionRefused("not any more")

    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        await lose(clients, client)
        again = await clients.open()
        await again.send("40" + json.dumps({"pid": first["pid"]}))
        assert await again.receive() == '44{"message":"not any more"}'
        assert [session.id for session in ended] == [first["sid"]]
        assert io.sockets == {}


async def test_who_is_refused_at_first_has_nothing_to_end() -> None:
    ended: list[Session] = []
    io = server(Recovery(expired=ended.append))

    @io.use
    def refuse(socket: Socket) -> None:
        raise ConnectionRefused("no")

    async with serving(io) as clients:
        client = await clients.open()
        await client.send("40")
        assert await client.receive() == '44{"message":"no"}'
    assert ended == []


async def test_who_goes_while_coming_back_may_come_back() -> None:
    io = server()
    gate = asyncio.Event()
    waiting: list[bool] = []

    @io.on("connect")
    async def connected(socket: Socket) -> None:
        if socket.recovered and not gate.is_set():
            waiting.append(True)
            await gate.wait()

    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        await lose(clients, client)
        again = await clients.open()
        await again.send("40" + json.dumps({"pid": first["pid"]}))
        await until(lambda: waiting)
        io.emit("missed")
        await again.finish()
        # The end of a connection waits for its handlers.
        gate.set()
        await until(lambda: not io.connections and not io._tasks)
        assert io.sockets == {}
        third = await clients.open()
        await third.send("40" + json.dumps({"pid": first["pid"]}))
        assert str(await third.receive()).startswith('42["missed","')
        assert await third.receive() == "40" + json.dumps(first, separators=(",", ":"))


class DistantAdapter(RecoveringMemoryAdapter):
    """Sessions that have to be asked for, as those in a database."""

    gate: asyncio.Event

    async def restore_session(  # type: ignore[override]
        self, pid: str, offset: str | None
    ) -> Restored | None:
        await self.gate.wait()
        return super().restore_session(pid, offset)


def distant_server() -> Server:
    engine = Server().engine
    recovery = Recovery()
    memory = MemoryRecovery(recovery, engine, print)
    io = Server(
        connection_state_recovery=recovery, adapter=lambda space: DistantAdapter(space, memory)
    )
    memory._engine = io.engine
    io._memory = memory
    return io


async def test_a_session_may_be_far_away() -> None:
    io = distant_server()
    io.of("/other")
    gate = DistantAdapter.gate = asyncio.Event()
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        await lose(clients, client)
        again = await clients.open()
        await again.send("40" + json.dumps({"pid": first["pid"]}))
        # Others are served meanwhile, and what follows on the same connection waits its turn.
        other = await clients.open()
        await connect(other)
        io.emit("missed")
        assert str(await other.receive()).startswith('42["missed","')
        gate.set()
        assert str(await again.receive()).startswith('42["missed","')
        assert await again.receive() == "40" + json.dumps(first, separators=(",", ":"))


async def test_who_goes_while_a_session_comes_may_come_back() -> None:
    io = distant_server()
    gate = DistantAdapter.gate = asyncio.Event()
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        await lose(clients, client)
        again = await clients.open()
        await again.send("40" + json.dumps({"pid": first["pid"]}))
        await until(lambda: io._tasks)
        await again.finish()
        await until(lambda: not io.connections)
        gate.set()
        await until(lambda: not io._tasks)
        third = await clients.open()
        assert await connect(third, {"pid": first["pid"]}) == first
        await third.nothing_more()


@pytest.mark.parametrize(
    "leave",
    [
        lambda io, client, first: client.send("41"),
        lambda io, client, first: io.sockets[first["sid"]].disconnect(),
        lambda io, client, first: io.sockets[first["sid"]].disconnect(close=True),
    ],
)
async def test_who_parted_on_purpose_does_not_come_back(
    leave: Callable[[Server, Client, dict[str, str]], Any],
) -> None:
    ended: list[Session] = []
    io = server(Recovery(expired=ended.append))
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        left = leave(io, client, first)
        if left is not None:
            await left
        await until(lambda: not io.sockets)
        again = await clients.open()
        assert (await connect(again, {"pid": first["pid"]}))["sid"] != first["sid"]
    assert [session.id for session in ended if session.id == first["sid"]] == []


async def test_a_slow_client_may_come_back() -> None:
    io = server()
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        [connection] = io.engine.sessions.values()
        connection.session.fail(SLOW_CONSUMER, "it does not read")
        await until(lambda: not io.sockets)
        again = await clients.open()
        assert await connect(again, {"pid": first["pid"]}) == first


async def test_a_session_expires() -> None:
    ended: list[Session] = []
    io = server(Recovery(max_disconnection=10.0, expired=ended.append))
    async with serving(io) as clients:
        client, stays = await clients.open(), await clients.open()
        first = await connect(client)
        await connect(stays)
        io.sockets[first["sid"]].join("a")
        io.emit("x")
        offset = offset_of(await client.receive())
        await lose(clients, client)
        advance(9.0)
        io.emit("y")
        advance(1.1)
        await until(lambda: ended)
        [session] = ended
        assert session.namespace == "/"
        assert session.id == first["sid"]
        assert set(session.rooms) == {first["sid"], "a"}
        again = await clients.open()
        new = await connect(again, {"pid": first["pid"], "offset": offset})
        assert new["sid"] != first["sid"]


async def test_a_server_that_closes_ends_all_sessions() -> None:
    ended: list[Session] = []
    io = server(Recovery(expired=ended.append))
    await io.listen(port=0)
    client = await WebSocketClient.open(io.port)
    gone = await WebSocketClient.open(io.port)
    answers = [await connect(client), await connect(gone)]
    gone.abort()
    await until(lambda: len(io.sockets) == 1)
    await io.close()
    client.abort()
    assert {session.id for session in ended} == {answer["sid"] for answer in answers}


async def test_the_sessions_that_wait_are_bounded() -> None:
    ended: list[Session] = []
    io = server(Recovery(max_sessions=1, expired=ended.append))
    async with serving(io) as clients:
        answers = []
        for _ in range(2):
            client = await clients.open()
            answers.append(await connect(client))
            await lose(clients, client)
        assert [session.id for session in ended] == [answers[0]["sid"]]


async def test_a_failure_of_the_expiry_handler_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def later(session: Session) -> None:
        await asyncio.sleep(0)
        if session.data:
            raise RuntimeError("later")

    def handler(session: Session) -> Any:
        if not session.data:
            raise RuntimeError("at once")
        return later(session)

    io = server(Recovery(max_sessions=1, expired=handler))
    async with serving(io) as clients:
        for number in range(3):
            client = await clients.open()
            first = await connect(client)
            io.sockets[first["sid"]].data.update({"number": number} if number else {})
            await lose(clients, client)
        await until(lambda: not io._tasks)
    logged = [
        str(record.exc_info[1])
        for record in caplog.records
        if record.exc_info and record.getMessage() == "the handler of expired sessions failed"
    ]
    assert logged == ["at once", "later"]


async def test_who_missed_more_than_may_wait_for_a_client_begins_anew() -> None:
    ended: list[Session] = []
    io = server(Recovery(expired=ended.append), max_buffered=1000)
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        await lose(clients, client)
        io.emit("large", "x" * 1000)
        again = await clients.open()
        assert (await connect(again, {"pid": first["pid"]}))["sid"] != first["sid"]
        assert [session.id for session in ended] == [first["sid"]]


async def test_a_volatile_event_has_an_offset_only_behind_a_text() -> None:
    io = server()
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        socket = io.sockets[first["sid"]]
        io.emit("kept")
        offset = offset_of(await client.receive())
        for target in (io, socket):
            target.volatile.emit("v", 1)
            assert await client.receive() == '42["v",1]'
            target.volatile.emit("v", "text")
            assert await client.receive() == f'42["v","text","{offset}"]'
            target.volatile.emit("v")
            assert await client.receive() == '42["v"]'
        await lose(clients, client)
        again = await clients.open()
        assert await connect(again, {"pid": first["pid"], "offset": offset}) == first


async def test_a_volatile_event_is_not_kept() -> None:
    io = server()
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        socket = io.sockets[first["sid"]]
        await lose(clients, client)
        io.volatile.emit("v")
        socket.volatile.emit("v")
        again = await clients.open()
        assert await connect(again, {"pid": first["pid"]}) == first


async def test_events_that_ask_for_acknowledgement_have_no_offset() -> None:
    io = server()
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        call = asyncio.create_task(io.sockets[first["sid"]].call("ask", "a"))
        assert await client.receive() == '420["ask","a"]'
        await client.send('430["b"]')
        assert await call == "b"


async def test_flags_of_one_socket() -> None:
    io = server()
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        io.sockets[first["sid"]].compress(False).emit("plain", 1)
        assert str(await client.receive()).startswith('42["plain",1,"')


async def test_what_nobody_gets_is_not_kept() -> None:
    io = server()
    async with serving(io):
        io.emit("nobody")
        with pytest.raises(UsageError, match="'connect'"):
            io.emit("connect")
        assert io._memory is not None
        assert len(io._memory.log) == 0


async def test_a_middleware_may_send_and_join() -> None:
    """What a socket is sent before it is in its namespace comes after the answer, and is kept."""
    io = server()

    @io.use
    def middleware(socket: Socket) -> None:
        socket.join("early")
        socket.leave("never")
        io.to("early").emit("not yet")
        socket.emit("hello")

    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client)
        assert str(await client.receive()).startswith('42["hello","')
        await lose(clients, client)
        again = await clients.open()
        await again.send("40" + json.dumps({"pid": first["pid"]}))
        assert str(await again.receive()).startswith('42["hello","')
        assert await again.receive() == "40" + json.dumps(first, separators=(",", ":"))


async def test_nobody_reads_along_with_who_is_away() -> None:
    io = server()
    async with serving(io) as clients:
        client, other = await clients.open(), await clients.open()
        first, second = await connect(client), await connect(other)
        await lose(clients, client)
        with pytest.raises(UsageError, match="may come back"):
            io.sockets[second["sid"]].join(["a", first["sid"]])
        assert io.sockets[second["sid"]].rooms == {second["sid"]}


async def test_a_dynamic_namespace_remembers_without_sockets() -> None:
    io = server()
    io.of(re.compile("^/room-"))
    async with serving(io) as clients:
        client = await clients.open()
        first = await connect(client, namespace="/room-1")
        await client.finish()
        await until(lambda: not io.connections)
        again = await clients.open()
        assert await connect(again, {"pid": first["pid"]}, "/room-1") == first


async def test_without_recovery_a_private_id_means_nothing() -> None:
    io = Server()
    await io.listen(port=0)
    client = await WebSocketClient.open(io.port)
    sid = await client.join("/", '{"pid":"x","offset":"y"}')
    assert not io.sockets[sid].recovered
    client.abort()
    await io.close()


async def test_an_adapter_that_cannot_recover_is_refused() -> None:
    with pytest.raises(UsageError, match="MemoryAdapter, that cannot recover"):
        Server(connection_state_recovery=Recovery(), adapter=MemoryAdapter)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_disconnection": 0}, "max_disconnection: got 0"),
        ({"max_packets": -1}, "max_packets: got -1"),
        ({"max_bytes": "1"}, "max_bytes: got '1'"),
        ({"max_sessions": 0}, "max_sessions: got 0"),
        ({"skip_middlewares": 1}, "skip_middlewares: got 1"),
        ({"expired": 1}, "expired: got 1"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Recovery(**options)


def test_the_option_is_a_recovery() -> None:
    with pytest.raises(UsageError, match="connection_state_recovery: got a value of type dict"):
        Server(connection_state_recovery={"max_disconnection": 1})  # type: ignore[arg-type]


def test_each_log_has_its_own_name() -> None:
    names = {MemoryRecovery(Recovery(), Server().engine, print).log.offset for _ in range(20)}
    assert len(names) == 20
