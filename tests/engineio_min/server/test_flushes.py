"""`flushes.py`: a message to many leaves in shares, and nothing overtakes anything."""

from __future__ import annotations

import asyncio

import pytest

from engineio_min.end_of_turn import EndOfTurn
from engineio_min.http.connection import HttpConnection
from engineio_min.server import flushes
from engineio_min.timer import Timer
from socketio_min import Server, Socket
from tests.engineio_min.wire import HANDSHAKE, encode_request
from tests.frames import packet_frame
from tests.hostile.simulation.network import Link
from tests.hostile.simulation.running import simulate
from tests.hostile.stage import WEBSOCKET, Records
from tests.hostile.virtual_time import VirtualLoop

MEMBERS = 6


class Crowd:
    """A server in virtual time, and clients who have joined a room."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.io = Server()
        http = self.io.engine.http
        http.loop = loop
        http.timer = Timer(loop)
        http.mount(self.io.engine)
        self.io.engine.start()
        self.io.on("connect", lambda socket: socket.join("room"))
        self.links: list[Link] = []
        self._loop = loop

    async def gather(self) -> None:
        """Let the clients come; what they have got so far is forgotten."""
        for _ in range(MEMBERS):
            link = Link(
                self._loop,
                HttpConnection(self.io.engine.http),
                lambda _link: None,
                half_closes=True,
            )
            link.send(encode_request("GET", WEBSOCKET, HANDSHAKE))
            await self.settle()
            link.send(packet_frame("40"))
            await self.settle()
            link.inbox.clear()
            self.links.append(link)

    @property
    def last(self) -> Socket:
        """Return the socket of the last link."""
        return [*self.io.of("/").sockets.values()][-1]

    async def settle(self) -> None:
        """Wait until nothing is left to do at this moment."""
        for _ in range(100):
            await asyncio.sleep(0)
        assert self._loop.idle


def texts(link: Link) -> list[str]:
    """Return the events that have come, of which each is short."""
    found, data = [], bytes(link.inbox)
    while data:
        found.append(data[2 : 2 + data[1]].decode())
        data = data[2 + data[1] :]
    return found


@pytest.fixture(autouse=True)
def two_in_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flushes, "WRITES", 2)


def test_a_message_to_many_leaves_in_shares_and_one_to_another_does_not_wait() -> None:
    async def main(loop: VirtualLoop, records: Records) -> None:
        crowd = Crowd(loop)
        await crowd.gather()
        other, socket = crowd.links.pop(), crowd.last
        socket.leave("room")
        crowd.io.to("room").emit("all")
        counts = []
        for _ in range(4):
            await asyncio.sleep(0)
            counts.append(sum(bool(link.inbox) for link in crowd.links))
            if len(counts) == 1:
                socket.emit("one")
                await asyncio.sleep(0)
                assert texts(other) == ['42["one"]']
                counts.append(sum(bool(link.inbox) for link in crowd.links))
        assert counts == [2, 4, 5, 5, 5]
        assert [texts(link) for link in crowd.links] == [['42["all"]']] * (MEMBERS - 1)
        await crowd.io.close()

    simulate("of a message to many", main)


def test_bytes_have_a_share_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(loop: VirtualLoop, records: Records) -> None:
        crowd = Crowd(loop)
        await crowd.gather()
        monkeypatch.setattr(flushes, "WRITES", 128)
        monkeypatch.setattr(flushes, "MOST_BYTES", 25)
        crowd.io.to("room").emit("all")
        counts = []
        for _ in range(4):
            await asyncio.sleep(0)
            counts.append(sum(bool(link.inbox) for link in crowd.links))
        # A frame has 11 bytes, so the third one passes the share.
        assert counts == [3, 6, 6, 6]
        await crowd.io.close()

    simulate("of the bytes of a message to many", main)


def test_who_left_hears_nothing_after_what_says_so() -> None:
    async def main(loop: VirtualLoop, records: Records) -> None:
        crowd = Crowd(loop)
        await crowd.gather()
        crowd.io.to("room").emit("first")
        await asyncio.sleep(0)
        last, socket = crowd.links[-1], crowd.last
        socket.leave("room")
        socket.emit("left")
        crowd.io.to("room").emit("second")
        await crowd.settle()
        assert texts(last) == ['42["first"]', '42["left"]']
        others = [texts(link) for link in crowd.links[:-1]]
        assert others == [['42["first"]', '42["second"]']] * (MEMBERS - 1)
        await crowd.io.close()

    simulate("of one who leaves", main)


def test_who_waits_is_written_to_once_for_all_that_came() -> None:
    async def main(loop: VirtualLoop, records: Records) -> None:
        crowd = Crowd(loop)
        await crowd.gather()
        for number in range(3):
            crowd.io.to("room").emit("event", number)
            await asyncio.sleep(0)
        assert len(crowd.io.engine.flushes) <= MEMBERS
        await crowd.settle()
        for link in crowd.links:
            assert texts(link) == [f'42["event",{number}]' for number in range(3)]
        await crowd.io.close()

    simulate("of several messages to many", main)


def test_who_goes_while_waiting_costs_nothing() -> None:
    async def main(loop: VirtualLoop, records: Records) -> None:
        crowd = Crowd(loop)
        await crowd.gather()
        crowd.io.to("room").emit("all")
        await asyncio.sleep(0)
        crowd.links[-1].reset()
        await crowd.settle()
        assert [texts(link) for link in crowd.links[:-1]] == [['42["all"]']] * (MEMBERS - 1)
        assert len(crowd.io.engine.flushes) == 0
        await crowd.io.close()

    simulate("of one who goes", main)


def test_what_is_queued_is_there_when_the_loop_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that another thread asks may flush before `queue` returns."""
    there: list[int] = []

    async def main(loop: VirtualLoop, records: Records) -> None:
        crowd = Crowd(loop)
        await crowd.gather()
        queue = crowd.io.engine.flushes
        with monkeypatch.context() as patch:
            patch.setattr(EndOfTurn, "ask", lambda _self: there.append(len(queue)))
            crowd.io.to("room").emit("event")
        queue.forget()
        await crowd.io.close()

    simulate("of what is queued", main)
    assert there == [1]
