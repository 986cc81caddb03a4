"""The worker's side: what it says to its supervisor, and when it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest

from engineio_min import Server
from engineio_min.workers.mailbox import Mailbox
from engineio_min.workers.place import Place
from engineio_min.workers.worker import Worker
from tests.waiting import until


class Supervised:
    """A worker in this process, and its supervisor's end of the pair."""

    def __init__(self, folder: Path) -> None:
        own, self.control = socket.socketpair()
        self.control.setblocking(False)
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self.server = Server(node="N1")
        self.got: list[bytes] = []
        place = Place("AA", folder, [listener], own)
        self.worker = Worker(place, self.server)
        self.worker.received = self.got.append
        self.stop = asyncio.Event()
        self.serving = asyncio.create_task(self.serve())

    async def serve(self) -> None:
        await self.worker.join()
        await self.worker.serve(self.server.listen, self.stop)

    async def begin(self) -> None:
        """The worker has said that it is here, was told of another, and serves."""
        assert await self.line() == b"here\n"
        await self.tell(b"workers AA AB\n")
        assert await self.line() == b"ready\n"

    async def line(self) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self.control, 100)

    async def tell(self, line: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.control, line)

    async def close(self) -> None:
        async with asyncio.timeout(60):
            await self.serving
        # Others take the new sessions, or nobody does.
        assert self.server._handshakes.accepting == bool(self.worker._handover._successors)
        await self.server.stop()
        self.worker.close()
        self.control.close()


async def test_what_a_worker_says_and_hears(tmp_path: Path) -> None:
    one = Supervised(tmp_path)
    assert one.server.sid_prefix == "N1AA"
    await one.begin()
    await one.tell(b"health\n")
    assert await one.line() == b"alive\n"
    assert list(one.worker.peers) == ["AA", "AB"]
    other = Mailbox(tmp_path, "AB", print)
    assert other.send("AA", b"bytes")
    await until(lambda: one.got)
    assert one.got == [b"bytes"]
    passed, peer = socket.socketpair()
    peer.setblocking(False)
    assert other.send("AA", b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", passed.fileno())
    passed.close()
    answer = await asyncio.get_running_loop().sock_recv(peer, 1000)
    assert answer.startswith(b"HTTP/1.1 404 ")
    peer.close()
    await one.tell(b"stop\n")
    await one.close()
    other.close()


@pytest.mark.parametrize(
    ("order", "successors"),
    [(b"stop\n", []), (b"retire AC AD\n", ["AC", "AD"]), (b"", [])],
)
async def test_the_order_to_end(tmp_path: Path, order: bytes, successors: list[str]) -> None:
    one = Supervised(tmp_path)
    await one.begin()
    told = asyncio.ensure_future(one.worker.told_to_end())
    await asyncio.sleep(0)
    assert not told.done()
    await one.tell(order)
    if not order:
        one.control.shutdown(socket.SHUT_WR)
    await told
    await one.close()
    assert list(one.worker._handover._successors) == successors


async def test_a_signal_to_one_worker_leaves_the_others(tmp_path: Path) -> None:
    one = Supervised(tmp_path)
    await one.begin()
    os.kill(os.getpid(), signal.SIGTERM)
    await one.close()
    assert list(one.worker._handover._successors) == ["AB"]


async def test_a_server_that_is_closed(tmp_path: Path) -> None:
    one = Supervised(tmp_path)
    await one.begin()
    one.stop.set()
    await one.close()


@pytest.mark.parametrize("order", [b"stop\n", b"workers AA AC\nretire AC\n"])
async def test_an_order_to_end_before_it_serves(tmp_path: Path, order: bytes) -> None:
    """It accepts nobody: whoever waits is the next worker's."""
    one = Supervised(tmp_path)
    assert await one.line() == b"here\n"
    await one.tell(order)
    assert await one.line() == b""
    assert one.server.http._listeners == []
    await one.close()
