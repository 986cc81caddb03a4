"""Large messages of many connections at once: one is taken at a time, and nobody else waits.

The clock stands still: what waits for it waits until a case moves it.
"""

from __future__ import annotations

from functools import partial

import pytest

from engineio_min import RateLimit, Request
from socketio_min import Limits, Socket
from socketio_min.server import large_message_queue
from socketio_min.server.large_message_queue import LARGE
from tests.engineio_min.harness import Clock
from tests.engineio_min.wire import encode_request
from tests.hostile.stage import POLLING, Stage, staged
from tests.waiting import until

LIMITS = Limits(byte_rate=RateLimit(rate=100_000_000, burst=100_000_000))
TEXT = "a" * LARGE
# Seconds for which a message of that text makes the next one wait, and a little more.
TURN = 61


@pytest.fixture(autouse=True)
def slow_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_message_queue, "PACE", LARGE / 60)


def large(stage: Stage) -> int:
    """Count the large events that were handled."""
    return stage.events.count(["echo", TEXT])


def paused(stage: Stage) -> int:
    """Count the clients that are not read."""
    return sum(client.connection.paused for client in stage.io.connections)


def came(stage: Stage, expected: list[list[object]]) -> bool:
    """Return whether all these events have come, and no other."""
    return stage.events == expected


def handled(stage: Stage, count: int) -> bool:
    return large(stage) == count


def reached(order: list[str], count: int) -> bool:
    return len(order) == count


def waiting(stage: Stage, count: int) -> bool:
    return len(stage.io.connections) == count + 2 and paused(stage) == count


async def test_one_large_message_is_taken_at_a_time(clock: Clock) -> None:
    async with staged(limits=LIMITS, ping_interval=10_000) as stage:
        wires = [await stage.joined() for _ in range(4)]
        for wire in wires:
            await wire.send_packet(f'421["echo","{TEXT}"]')
        await until(lambda: paused(stage) == 3 and large(stage) == 1)
        await stage.honest_client_works()
        assert large(stage) == 1
        # What waits is counted.
        assert stage.io.engine.account.held > 3 * (LARGE - 65_536)
        for count in (2, 3, 4):
            await clock.advance(TURN)
            await until(partial(handled, stage, count))
            await stage.honest_client_works()
        for wire in wires:
            assert await wire.packet() == f'431["{TEXT}"]'
        assert paused(stage) == 0


async def test_what_follows_a_large_message_comes_after_it(clock: Clock) -> None:
    """Small events of the same read, another large message among them."""
    async with staged(limits=LIMITS, ping_interval=10_000) as stage:
        wire = await stage.joined()
        event = f'42["echo","{TEXT}"]'
        await wire.send_packet(event, '42["echo",1]', event, '42["echo",2]', event, '42["echo",3]')
        expected = stage.events.copy()
        for number in (1, 2):
            expected += [["echo", TEXT], ["echo", number]]
            await until(partial(came, stage, expected))
            await until(lambda: paused(stage) == 1)
            await clock.advance(TURN)
        expected += [["echo", TEXT], ["echo", 3]]
        await until(lambda: len(stage.events) >= len(expected))
        assert stage.events == expected
        assert paused(stage) == 0


async def test_large_messages_of_one_post_wait_for_each_other(clock: Clock) -> None:
    async with staged(limits=LIMITS, ping_interval=10_000) as stage:
        target = f"{POLLING}&sid={await stage.polling()}"
        wire = await stage.wire()
        event = f'42["echo","{TEXT}"]'
        body = "\x1e".join(["40", event, event, '42["echo",1]', event, '42["echo",2]']).encode()
        await wire.send(encode_request("POST", target, None, body))
        # Nothing between the first two, which have a turn each.
        first = [*stage.events, ["echo", TEXT]]
        for expected in (first, [*first, ["echo", TEXT], ["echo", 1]]):
            await until(partial(came, stage, expected))
            await until(lambda: paused(stage) == 1)
            await clock.advance(TURN)
        await until(partial(came, stage, [*expected, ["echo", TEXT], ["echo", 2]]))
        assert (await wire.response()).text == "ok"
        await wire.send(encode_request("POST", target, None, b"1"))
        assert (await wire.response()).text == "ok"


async def test_a_large_message_before_the_end_is_taken(clock: Clock) -> None:
    """A client that sends it and closes has sent it."""
    async with staged(limits=LIMITS, ping_interval=10_000) as stage:
        first, *others = [await stage.joined() for _ in range(3)]
        await first.send_packet(f'421["echo","{TEXT}"]')
        await until(lambda: large(stage) == 1)
        for wire in others:
            await wire.send_packet(f'421["echo","{TEXT}"]')
        await until(lambda: paused(stage) == 2)
        for count, socket in enumerate(stage.sockets[-2:], start=2):
            assert large(stage) == count - 1
            socket._link.connection.close()
            await until(partial(handled, stage, count))
        await clock.advance(TURN)
        assert large(stage) == 3


async def test_addresses_take_turns(clock: Clock) -> None:
    """Who has many connections delays the one of another address by one message."""

    def address(request: Request) -> str:
        return request.headers.get("x-forwarded-for", "honest")

    async with staged(limits=LIMITS, address=address, ping_interval=10_000) as stage:
        order: list[str] = []

        @stage.io.on("large")
        def handle(socket: Socket, _text: str) -> None:
            order.append(socket.handshake.headers["x-forwarded-for"])

        for number, name in enumerate(("greedy", "greedy", "greedy", "modest")):
            wire = await stage.websocket(**{"X-Forwarded-For": name})
            assert str(await wire.packet()).startswith("0{")
            await wire.send_packet("40", f'42["large","{TEXT}"]')
            await until(lambda: order)
            await until(partial(waiting, stage, number))
        for count in (2, 3, 4):
            await clock.advance(TURN)
            await until(partial(reached, order, count))
        assert order == ["greedy", "greedy", "modest", "greedy"]
