"""Rooms that workers share: two servers and their mailboxes in one process, clients on the wire."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import orjson
import pytest
import pytest_asyncio

from engineio_min.workers.mailbox import Mailbox
from socketio_min import AcknowledgementTimeout, EncodeError, Server
from socketio_min.cluster.worker_rooms import WorkerAdapter, WorkerRooms
from tests.socketio_min.wire import WebSocketClient
from tests.waiting import until


class OneWorker:
    """A worker's server, and its mailbox instead of a process."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.vanished = False
        self.peers: Sequence[str] = (name,)
        self.io = Server()
        self.shared = WorkerRooms(self)
        self.mailbox = Mailbox(folder, name, lambda message: self.shared.received(message.content))
        self.io.make_adapter = self.shared.adapter
        self.io.adapter = self.shared.adapter(self.io)
        self.io.of(re.compile("^/room-"))
        self.io.on("sync", lambda _socket: None)

    def send(self, name: str, content: bytes) -> bool:
        return self.mailbox.send(name, content)

    def meet(self, *names: str) -> None:
        self.peers = names
        self.shared.peers_changed()

    def vanish(self) -> None:
        """Be reached by nobody any more."""
        if not self.vanished:
            self.vanished = True
            self.mailbox.close()

    async def close(self) -> None:
        await self.io.close()
        self.vanish()


@pytest_asyncio.fixture
async def two(tmp_path: Path) -> AsyncIterator[tuple[OneWorker, OneWorker]]:
    """Two workers that know each other."""
    workers = OneWorker(tmp_path, "AA"), OneWorker(tmp_path, "AB")
    for worker in workers:
        worker.meet("AA", "AB")
        await worker.io.listen(port=0)
    await until(lambda: all(worker.shared.count("/") == 2 for worker in workers))
    yield workers
    for worker in workers:
        await worker.close()


async def client_of(worker: OneWorker, namespace: str = "/") -> tuple[WebSocketClient, str]:
    client = await WebSocketClient.open(worker.io.port)
    return client, await client.join(namespace)


async def test_a_broadcast_reaches_the_clients_of_all_workers(
    two: tuple[OneWorker, OneWorker],
) -> None:
    one, other = two
    here, _ = await client_of(one)
    there, sid = await client_of(other)
    other.io.sockets[sid].join("a")
    one.io.emit("all", {"x": [1, b"\x01"]})
    one.io.to("a").emit("some")
    one.io.local.emit("here")
    await here.expect('451-["all",{"x":[1,{"_placeholder":true,"num":0}]}]', b"\x01", '42["here"]')
    await there.expect('451-["all",{"x":[1,{"_placeholder":true,"num":0}]}]', b"\x01", '42["some"]')
    await there.nothing_more()
    here.abort()
    there.abort()


async def test_a_broadcast_that_concerns_nobody_is_not_read(
    two: tuple[OneWorker, OneWorker],
) -> None:
    _, other = two

    def refused(rooms: list[str]) -> int:
        """Return how many messages were refused when one came whose second line is no JSON."""
        other.shared.received(orjson.dumps(["AA", "/", rooms]) + b"\nno JSON\n")
        return other.io.cluster.rejected

    assert refused([]) == 0
    there, sid = await client_of(other)
    assert refused(["nobody"]) == 0
    assert refused([]) == 1
    assert refused(["nobody", sid]) == 2
    there.abort()


HOSTILE = (
    b"",
    b"\n",
    b"cos\nsystem\n(S'true'\ntR.",
    b"\x80\x05\x95",
    b'["AA","/",null]',
    b'["AA","/",null]\n',
    b'["AA","/",null]\n["Broadcast"]\n',
    b'["AA","/",null]\n["Broadcast",[],["connect"],{},null]\n',
    b'["AA","/",null]\n["Broadcast",[],["x"],{},null]\nmore',
    b'["AA","/",null]\n["Broadcast",[4294967295],["x"],{},null]\n',
    b'["AA","/",null]\n["__class__",[]]\n',
    b'["AA","/",null]\n[1,[]]\n',
    b'["AA","/",7]\n["ClientCount",[],"id",1]\n',
    b'["AAA","/",null]\n["ClientCount",[],"id",1]\n',
    b'["AA",null,null]\n',
)


async def test_hostile_bytes_on_a_worker_s_socket(
    two: tuple[OneWorker, OneWorker], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """They are counted, end the stream that they came by, and nothing else."""
    one, other = two
    there, _ = await client_of(other)
    with socket.socket(socket.AF_UNIX) as intruder:
        intruder.connect(str(tmp_path / "AB"))
        for content in HOSTILE:
            intruder.sendall(len(content).to_bytes(4, "big") + b"b" + content)
        await until(lambda: other.io.cluster.rejected == len(HOSTILE))
        intruder.sendall(b"\xff\xff\xff\xffb")
        assert await asyncio.get_running_loop().run_in_executor(None, intruder.recv, 1) == b""
    assert other.shared.count("/") == 2
    # A worker that has not begun has nobody to tell.
    WorkerRooms(other).received(b"garbage")
    one.io.emit("still", b"here")
    await there.expect('451-["still",{"_placeholder":true,"num":0}]', b"here")
    assert caplog.text.count("a message of another server was refused") == 1
    assert "Traceback" not in caplog.text
    there.abort()


async def test_questions_to_all_workers(two: tuple[OneWorker, OneWorker]) -> None:
    one, other = two
    here, first = await client_of(one)
    there, second = await client_of(other)
    assert {socket.id for socket in await one.io.fetch_sockets()} == {first, second}
    one.io.sockets_join("both")
    await until(lambda: "both" in other.io.sockets[second].rooms)
    assert {socket.id for socket in await other.io.to("both").fetch_sockets()} == {first, second}
    other.io.on_server("name", lambda suffix: "AB" + suffix)
    assert await one.io.server_side_call("name", "!") == ["AB!"]
    one.io.in_(second).disconnect_sockets()
    assert await there.receive() == "41"
    here.abort()
    there.abort()


async def test_a_namespace_that_only_one_worker_has(two: tuple[OneWorker, OneWorker]) -> None:
    one, other = two
    here, first = await client_of(one, "/room-1")
    await until(lambda: other.shared.count("/room-1") == 2)
    room = one.io.of("/room-1")
    assert [socket.id for socket in await room.fetch_sockets()] == [first]
    room.emit("x")
    assert await here.receive() == '42/room-1,["x"]'
    here.abort()
    await until(lambda: other.shared.count("/room-1") == 1)


@pytest.mark.parametrize("first", ["AA", "AB"])
async def test_a_worker_may_tell_before_the_supervisor_does(tmp_path: Path, first: str) -> None:
    """Both know each other at the end, whoever learns first that there is the other."""
    workers = {name: OneWorker(tmp_path, name) for name in ("AA", "AB")}
    for worker in workers.values():
        await worker.io.listen(port=0)
    early = workers.pop(first)
    [late] = workers.values()
    early.meet("AA", "AB")
    await until(lambda: late.shared.count("/") == 2)
    late.meet("AA", "AB")
    await until(lambda: early.shared.count("/") == 2)
    assert late.shared.count("/") == 2
    await early.close()
    await late.close()


async def test_a_worker_that_does_not_answer(two: tuple[OneWorker, OneWorker]) -> None:
    one, other = two
    here, first = await client_of(one)
    other.shared._adapters.clear()
    with pytest.raises(AcknowledgementTimeout, match="1 of 1 other servers") as caught:
        await one.io.timeout(0.05).fetch_sockets()
    assert [socket.id for socket in caught.value.responses] == [first]
    assert caught.value.silent == ("AB",)
    here.abort()


async def test_a_worker_that_is_gone(two: tuple[OneWorker, OneWorker]) -> None:
    one, other = two
    here, first = await client_of(one)
    other.vanish()
    one.io.emit("lost")
    assert await here.receive() == '42["lost"]'
    adapter = one.io.adapter
    assert isinstance(adapter, WorkerAdapter)
    assert adapter.status.dropped == 1
    # The supervisor tells; until then nobody is waited for longer than a while.
    one.meet("AA")
    assert [socket.id for socket in await one.io.fetch_sockets()] == [first]
    one.io.emit("alone")
    assert await here.receive() == '42["alone"]'
    assert adapter.status.dropped == 1
    here.abort()


async def test_a_value_that_cannot_travel(two: tuple[OneWorker, OneWorker]) -> None:
    one, _ = two
    with pytest.raises(EncodeError, match="JSON"):
        one.io.server_side_emit("x", lambda: None)
