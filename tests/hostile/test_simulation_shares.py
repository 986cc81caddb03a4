"""No connection gets more than its share of a turn, whatever it sends and whatever it is sent.

The floods that the walks are too short for, each in virtual time; and the faults that must be seen.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from engineio_min.http.connection import HttpConnection
from engineio_min.protocol import large_frame, server_frames
from engineio_min.protocol.frame_encoding import FrameEncoder
from engineio_min.server import flushes
from engineio_min.transports import polling
from socketio_min.protocol import gradual_decoding
from tests.engineio_min.wire import HANDSHAKE, encode_request
from tests.frames import encode_frame
from tests.hostile.simulation.network import Link
from tests.hostile.simulation.running import simulate
from tests.hostile.simulation.shares import counting
from tests.hostile.simulation.world import World
from tests.hostile.stage import POLLING, WEBSOCKET, Records
from tests.hostile.virtual_time import VirtualLoop

Flood = Callable[[World, Link], Awaitable[None]]


async def frames(world: World, link: Link) -> None:
    """Noops, which cost their sender 7 bytes each."""
    link.send(encode_frame(1, b"6") * 5_000)


async def pings(world: World, link: Link) -> None:
    """WebSocket pings, which are answered."""
    link.send(encode_frame(9, b"") * 5_000)


async def requests(world: World, link: Link) -> None:
    """Pipelined requests."""
    other = world.connect(lambda _link: None)
    other.send(encode_request("GET", "/nowhere") * 500)


async def post(world: World, packets: list[bytes]) -> None:
    connection = world.connect(lambda _link: None)
    connection.send(encode_request("GET", POLLING))
    await world.settle()
    sid = [*world.io.engine.sessions][-1]
    body = b"\x1e".join(packets)
    connection.send(encode_request("POST", f"{POLLING}&sid={sid}", None, body))


async def posted(world: World, link: Link) -> None:
    """A POST of many packets."""
    await post(world, [b"6"] * 1_000)


async def posted_large(world: World, link: Link) -> None:
    """A POST of large packets."""
    await post(world, [b"6" * 10_000] * 60)


async def burst(world: World, link: Link) -> None:
    """What the application sends at once."""
    for connection in world.io.engine.sessions.values():
        for _ in range(3_000):
            connection.send("x" * 1_000)


async def crowd(world: World, link: Link) -> None:
    """A message for 300 receivers."""
    for _ in range(300):
        world.connect(lambda _link: None).send(encode_request("GET", WEBSOCKET, HANDSHAKE))
        await world.settle()
    for connection in world.io.engine.sessions.values():
        connection.send("x" * 30)


async def large(world: World, link: Link) -> None:
    """An event of a megabyte, which is one string."""
    link.send(encode_frame(1, b"40"))
    await world.advance(6)
    link.send(encode_frame(1, b'42["large","' + b"a" * 900_000 + b'"]'))


def run(flood: Flood) -> dict[str, int]:
    """Let a client do its worst; return the largest counts of one turn."""
    largest: dict[str, int] = {}

    async def main(loop: VirtualLoop, records: Records) -> None:
        world = World(loop, asynchronous=False, max_message=1_000_000)
        with counting(world.shares):
            link = world.connect(lambda _link: None)
            link.send(encode_request("GET", WEBSOCKET, HANDSHAKE))
            await world.settle()
            await flood(world, link)
            await world.settle()
            world.check()
            link.reset()
            await world.advance(400)
            await world.close(records)
        largest.update(world.shares.largest)

    simulate("of a flood", main)
    return largest


@pytest.mark.parametrize(
    ("flood", "what", "least"),
    [
        (frames, "packets", 586),
        (requests, "requests", 1),
        (posted, "packets", 64),
        (posted_large, "posted bytes", 10_000),
        (burst, "bytes", 240_000),
        (crowd, "receivers", 128),
        (large, "unmasked bytes", 65_536),
        (large, "decoded bytes", 65_536),
    ],
)
def test_a_flood_has_its_share(flood: Flood, what: str, least: int) -> None:
    """And all of it: the simulation does come to the bound."""
    assert run(flood)[what] >= least


def test_pings_have_their_share() -> None:
    assert run(pings)["bytes"] < 2_000


def frames_without_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(server_frames, "READ_SHARE", 10**9)


def posts_in_one_turn(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(polling, "MOST_PACKETS", 10**9)


def large_packets_in_one_turn(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(polling, "READ_SHARE", 10**9)


def requests_in_one_turn(patch: pytest.MonkeyPatch) -> None:
    begin_next: Any = HttpConnection._begin_next

    def at_once(self: HttpConnection) -> None:
        for _ in range(10):
            begin_next(self)

    patch.setattr(HttpConnection, "_begin_next", at_once)


def large_frames_in_one_turn(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(large_frame, "LARGE_SHARE", 10**9)


def large_texts_in_one_turn(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(gradual_decoding, "SLICE", 10**9)


def bursts_in_one_turn(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FrameEncoder, "share", 10**9)


def crowds_in_one_turn(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(flushes, "WRITES", 10**9)


@pytest.mark.parametrize(
    ("fault", "flood"),
    [
        (frames_without_end, frames),
        (posts_in_one_turn, posted),
        (large_packets_in_one_turn, posted_large),
        (requests_in_one_turn, requests),
        (bursts_in_one_turn, burst),
        (crowds_in_one_turn, crowd),
        (large_frames_in_one_turn, large),
        (large_texts_in_one_turn, large),
    ],
)
def test_a_planted_fault_is_found(
    fault: Callable[[pytest.MonkeyPatch], None], flood: Flood, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    with pytest.raises(AssertionError, match="in one turn, expected at most"):
        run(flood)
