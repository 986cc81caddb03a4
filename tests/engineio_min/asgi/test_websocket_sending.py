"""WebSockets of hosts made by hand: what is sent, however long a host takes, and whatever fails.

Invariant: packets leave once and in order, the close frame last; a host that never waits still lets
the others come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

import engineio_min
from engineio_min.asgi import websocket as websocket_module
from engineio_min.asgi.scope import AsgiEvent
from engineio_min.asgi.websocket import AsgiWebSocket
from tests.engineio_min.asgi.made_host import (
    Host,
    closed_at_the_end,
    http_scope,
    opened,
    websocket_scope,
)
from tests.engineio_min.asgi.real_host import (
    Engine,
)
from tests.waiting import patient, until

# uvicorn's older WebSocket implementation stands on parts of websockets that will go.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:websockets.legacy")


@pytest.mark.parametrize("fault", [OSError("gone"), TimeoutError()])
async def test_a_send_to_a_peer_that_is_gone_ends_the_session(
    fault: OSError, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "engineio_min")
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        host.fault = fault
        engine.connections[0].send("one")
        engine.connections[0].send("two")
        await task
        assert engine.reasons == ["transport error"]
        assert f"a message could not be sent: {fault!r}" in caplog.text
        # Nothing is sent to a peer that is gone, not even the end.
        assert host.attempts == 3


async def test_a_failing_send_is_the_host_s_to_report() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        host.fault = RuntimeError("a fault of the host")
        engine.connections[0].send("one")
        with pytest.raises(RuntimeError, match="a fault of the host"):
            await task
        assert engine.reasons == ["transport error"]


async def test_a_client_that_fetches_nothing_is_dropped() -> None:
    engine = Engine(stall_timeout=0.05)
    with closed_at_the_end(engine):
        host = Host(engine.server.asgi_app(), http_scope())
        await host.start()
        engine.connections[0].send("x" * 70_000)
        await until(lambda: engine.reasons)
        assert engine.reasons == ["slow consumer"]


async def test_a_send_that_never_ends_ends_the_session(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        monkeypatch.setattr(websocket_module, "SEND_TIMEOUT", 0.0)
        host.gate.clear()
        connection = engine.connections[0]
        connection.send("one")
        connection.send("two")
        await until(lambda: connection.unsent)
        assert connection.unsent == 8
        # A host does not tell what its peer has taken.
        assert cast(AsgiWebSocket, connection.carrier).untaken() == (0, 0)
        await task
        assert engine.reasons == ["slow consumer"]
        assert host.packets == []
        assert caplog.messages[0].endswith(
            "over websocket, slow consumer: 8 bytes wait, expected one message to be taken within "
            "0 seconds; nothing was taken for 0.0 seconds"
        )


async def test_nothing_is_sent_after_the_peer_has_gone() -> None:
    """Not even a close frame: some hosts raise an error then."""
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        host.disconnect(1001)
        await task
        assert engine.reasons == ["transport close"]
        assert len(host.sent) == 2


def writable(connection: engineio_min.Connection) -> bool:
    return connection.session.writable


async def test_a_slow_send_counts_what_waits_and_keeps_the_order() -> None:
    """While the host sends nothing leaves at once, and `drained` waits."""
    engine = Engine(max_buffered=1000)
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        connection = engine.connections[0]
        assert writable(connection)
        host.gate.clear()
        connection.send("one")
        await until(lambda: host.attempts == 3)
        assert not writable(connection)
        drained = asyncio.create_task(connection.drained())
        for number in range(10):
            connection.send(str(number))
        await asyncio.sleep(0)
        assert not drained.done()
        host.gate.set()
        await patient(drained)
        assert writable(connection)
        assert host.packets == ["4one", *(f"4{number}" for number in range(10))]
        host.gate.clear()
        connection.send("stuck")
        await until(lambda: not writable(connection))
        for _ in range(20):
            connection.send("x" * 100)
        await until(lambda: engine.reasons)
        assert engine.reasons == ["slow consumer"]
        host.gate.set()
        await task
        # What the host had in hand leaves, then the close frame; the rest was dropped.
        assert host.packets[11:] == ["4stuck"]
        assert host.sent[-1] == {"type": "websocket.close", "code": 1000}


async def test_a_host_with_room_for_all_still_lets_the_others_come() -> None:
    """It never makes a send wait, so a backlog is cut into turns here: 63 sends of nothing each."""
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        for number in range(1_000):
            engine.connections[0].send(str(number))
        while len(host.packets) < 1_000:
            before = len(host.packets)
            await asyncio.sleep(0)
            assert len(host.packets) - before <= 64
        assert host.packets == [f"4{number}" for number in range(1_000)]
        host.disconnect()
        await task


@pytest.mark.parametrize(("size", "most"), [(1, 64), (1_000, 4), (10_000, 1)])
async def test_a_host_that_has_much_lets_the_others_come(size: int, most: int) -> None:
    """It never makes a read wait, so what a peer has sent at once is cut into turns here."""
    engine = Engine()
    engine.echo = False
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        host.text(*["4" + "a" * (size - 1)] * 200)
        largest = 0
        while len(engine.received) < 200:
            before = len(engine.received)
            await asyncio.sleep(0)
            largest = max(largest, len(engine.received) - before)
        assert largest == most
        host.disconnect()
        await task


class SlowHost(Host):
    """Takes the given numbers of turns of the event loop to send, one after the other."""

    turns: Iterator[int] = iter(())

    async def send(self, event: AsgiEvent) -> None:
        for _ in range(next(self.turns, 0)):
            await asyncio.sleep(0)
        await super().send(event)


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(1, 3)),
        st.tuples(st.just("receive"), st.integers(1, 3)),
        st.tuples(st.just("wait"), st.integers(1, 5)),
        st.tuples(st.sampled_from(["pause", "resume"]), st.just(1)),
    ),
    max_size=30,
)


@given(actions=ACTIONS, turns=st.lists(st.integers(0, 4), max_size=40))
async def test_packets_leave_once_and_in_order(
    actions: list[tuple[str, int]], turns: list[int]
) -> None:
    """However long each send takes: what was sent arrives in order, none lost, none twice, and
    the close frame is last.
    """
    engine = Engine()
    engine.echo = False
    with closed_at_the_end(engine):
        host = SlowHost(engine.server.asgi_app(), websocket_scope())
        host.turns = iter(turns)
        task = host.start()
        await until(lambda: engine.connections)
        connection = engine.connections[0]
        expected: list[str] = []
        arrived: list[str] = []
        for action, count in actions:
            for _ in range(count):
                if action == "send":
                    expected.append(f"4{len(expected)}")
                    connection.send(expected[-1][1:])
                elif action == "receive":
                    arrived.append(str(len(arrived)))
                    host.text(f"4{arrived[-1]}")
                elif action == "pause":
                    connection.pause()
                elif action == "resume":
                    connection.resume()
                else:
                    await asyncio.sleep(0)
        connection.resume()
        await until(lambda: engine.received == arrived)
        connection.close()
        await task
        assert host.packets == expected
        assert host.sent[-1] == {"type": "websocket.close", "code": 1000}
        assert engine.reasons == ["forced close"]
