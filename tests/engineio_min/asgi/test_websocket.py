"""WebSockets of hosts made by hand.

Invariants:
- Whatever ends a WebSocket (the peer, the host, a failure) ends its session with a reason and
  leaves no task.
- However long a host takes to send, packets leave once and in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

import engineio_min
from engineio_min.asgi import websocket as websocket_module
from engineio_min.asgi.scope import AsgiEvent
from engineio_min.asgi.websocket import AsgiWebSocket
from engineio_min.protocol.packets import LONG, LongText, Message
from tests.engineio_min.asgi.made_host import (
    Host,
    closed_at_the_end,
    http_scope,
    opened,
    parked,
    websocket_scope,
)
from tests.engineio_min.asgi.real_host import (
    Engine,
)
from tests.waiting import patient, until

# uvicorn's older WebSocket implementation stands on parts of websockets that will go.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:websockets.legacy")


@pytest.mark.parametrize("path", ["/engine.io/", "/nothing/"])
async def test_a_host_without_http_answers_closes_a_refused_websocket(path: str) -> None:
    """ASGI: a close before the accept is answered with 403."""
    answers: list[dict[str, Any]] = [{}, {"extensions": None}, {"extensions": {}}]
    for extensions in answers:
        host = Host(Engine().server.asgi_app(), websocket_scope("EIO=3", path=path, **extensions))
        await host.run()
        assert host.sent == [{"type": "websocket.close"}]


async def test_a_host_with_http_answers_gets_the_whole_answer() -> None:
    scope = websocket_scope("EIO=4&transport=x", extensions={"websocket.http.response": {}})
    host = Host(Engine().server.asgi_app(), scope)
    await host.run()
    body = b'{"code":0,"message":"Transport unknown"}'
    assert host.sent == [
        {
            "type": "websocket.http.response.start",
            "status": 400,
            "headers": [(b"content-type", b"application/json"), (b"content-length", b"40")],
        },
        {"type": "websocket.http.response.body", "body": body},
    ]


async def test_a_websocket_ends_its_session_when_the_host_cancels_it() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert engine.reasons == ["transport error"]
        assert len(host.sent) == 2


async def test_a_websocket_ends_its_session_when_the_host_fails() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        host.inbox.put_nowait({"type": "fault"})
        with pytest.raises(RuntimeError, match="cannot receive"):
            await task
        assert engine.reasons == ["transport error"]


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


@pytest.mark.parametrize("query", ["", "&b64=1"])
async def test_a_long_text_leaves_as_text(query: str) -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine, websocket_scope(f"EIO=4&transport=websocket{query}"))
        engine.connections[0].send(LongText("4é".encode()))
        await until(lambda: host.packets)
        assert host.packets == ["4é"]
        host.disconnect()
        await task


async def test_large_messages_of_many_websockets_share_a_turn() -> None:
    """Messages of 60 KB over six WebSockets are taken three at a time; who sends little waits for
    none of them.
    """
    engine = Engine()
    engine.echo = False
    with closed_at_the_end(engine):
        hosts = [await opened(engine) for _ in range(7)]
        # Time stands still: how much fits into a turn does not depend on this machine.
        engine.server.turn_share.begin(asyncio.get_running_loop().call_soon, lambda: 0.0)

        for number, (host, _) in enumerate(hosts[:6]):
            host.text(f"4{number}".ljust(60_000, "a"))
        hosts[6][0].text("4little")
        await until(lambda: engine.received)
        heads = [str(message)[:6] for message in engine.received]
        assert heads == ["0aaaaa", "1aaaaa", "2aaaaa", "little"]
        assert engine.server.account.held == 3 * 60_000
        # It gets its turn, and then the handlers do not keep up.
        engine.connections[5].pause()
        await until(lambda: len(engine.received) == 6)
        for _ in range(5):
            await asyncio.sleep(0)
        assert [str(message)[:1] for message in engine.received[4:]] == ["3", "4"]
        assert engine.server.account.held == 60_000
        engine.connections[5].resume()
        await until(lambda: len(engine.received) == 7)
        assert engine.server.account.held == 0
        for host, task in hosts:
            host.disconnect()
            await task


async def test_long_texts_come_as_they_are_for_those_who_decode_them() -> None:
    engine = Engine()
    engine.server.long_texts = True
    engine.echo = False
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        host.text("4" + "é" * LONG, "4short")
        await until(lambda: len(engine.received) == 2)
        assert engine.received == [b"4" + "é".encode() * LONG, "short"]
        assert type(engine.received[0]) is LongText
        # Its bytes count, not its characters.
        host.text("4" + "é" * 499_999 + "aa")
        await until(lambda: engine.reasons)
        assert engine.reasons == ["transport error"]
        await task


async def test_a_peer_that_goes_away_releases_a_send_that_waits() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        host.gate.clear()
        engine.connections[0].send("one")
        await until(lambda: host.attempts == 3)
        host.disconnect(1006)
        await task
        assert engine.reasons == ["transport close"]


async def test_paused_messages_wait_with_the_host() -> None:
    """At most one message is taken out of the host's hands, and none is delivered."""
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        connection = engine.connections[0]
        connection.pause()
        host.text("4one", "4two", "4three")
        await until(lambda: host.inbox.qsize() == 2)
        for _ in range(10):
            await asyncio.sleep(0)
        assert host.inbox.qsize() == 2
        assert engine.received == []
        connection.resume()
        await until(lambda: len(host.packets) == 3)
        assert engine.received == ["one", "two", "three"]
        host.disconnect()
        await task


async def test_what_waits_with_the_host_is_held() -> None:
    engine = Engine()
    account = engine.server.account
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        engine.connections[0].pause()
        host.text("4" + "x" * 999)
        await until(lambda: account.held == 1_000)
        engine.connections[0].resume()
        await until(lambda: engine.received)
        assert account.held == 0
        engine.connections[0].pause()
        host.text("4" + "x" * 99)
        await until(lambda: account.held == 100)
        engine.connections[0].session.fail("transport error", "enough")
        engine.connections[0].settle()
        await task
        assert account.held == 0


async def test_who_holds_most_is_told_to_try_again_later() -> None:
    engine = Engine(max_held=100_000)
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        engine.connections[0].pause()
        host.text("4" + "x" * 100_000)
        await task
        assert host.sent[-1] == {"type": "websocket.close", "code": 1013}
        assert engine.reasons == ["transport error"]


async def test_a_connection_may_be_paused_from_its_start() -> None:
    engine = Engine()

    def connected(connection: engineio_min.Connection) -> None:
        engine._connected(connection)
        connection.pause()

    engine.server.on_connection(connected)
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        host.text("4one")
        await until(host.inbox.empty)
        for _ in range(10):
            await asyncio.sleep(0)
        assert engine.received == []
        engine.connections[0].resume()
        await until(lambda: engine.received == ["one"])
        host.disconnect()
        await task


async def test_a_paused_session_may_upgrade_and_stays_paused() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        poller, polling = await parked(engine)
        connection = engine.connections[0]
        connection.pause()
        scope = websocket_scope(f"EIO=4&transport=websocket&sid={connection.sid}")
        host = Host(engine.server.asgi_app(), scope)
        task = host.start()
        host.text("2probe", "5", "4one")
        await until(lambda: connection.transport == "websocket")
        await polling
        await until(host.inbox.empty)
        for _ in range(10):
            await asyncio.sleep(0)
        assert [event["type"] for event in host.sent] == ["websocket.accept", "websocket.send"]
        assert poller.sent[1]["body"] == b"6"
        assert engine.received == []
        connection.resume()
        await until(lambda: engine.received == ["one"])
        host.disconnect()
        await task


async def test_a_refused_candidate_cannot_probe_for_the_first() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        await Host(engine.server.asgi_app(), http_scope()).run()
        connection = engine.connections[0]
        scope = websocket_scope(f"EIO=4&transport=websocket&sid={connection.sid}")
        first = Host(engine.server.asgi_app(), scope)
        task = first.start()
        await until(lambda: first.sent)
        second = Host(engine.server.asgi_app(), scope)
        second.text("2probe", "5", "4early")
        await second.run()
        assert second.sent == [
            {"type": "websocket.accept", "headers": []},
            {"type": "websocket.close", "code": 1000},
        ]
        assert connection.transport == "polling"
        first.text("2probe", "5", "4hello")
        await until(lambda: len(first.sent) == 3)
        assert [event.get("text") for event in first.sent] == [None, "3probe", "4hello"]
        assert engine.received == ["hello"]
        first.disconnect()
        await task


async def test_a_lone_surrogate_is_replaced() -> None:
    """As on the server's own WebSocket: hosts cannot encode it."""
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        engine.connections[0].send("a\ud800b€")
        await until(lambda: host.packets)
        assert host.packets == ["4a?b€"]
        host.disconnect()
        await task


async def test_messages_with_both_keys_are_read() -> None:
    """A host may give the other key as None; bytes-like data becomes bytes."""
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        for text, data in (("4text", None), (None, bytearray(b"data")), (None, b"")):
            host.inbox.put_nowait({"type": "websocket.receive", "text": text, "bytes": data})
        await until(lambda: len(host.packets) == 3)
        assert engine.received == ["text", b"data", b""]
        assert [type(message) for message in engine.received] == [str, bytes, bytes]
        host.disconnect()
        await task


async def test_an_empty_text_breaks_the_protocol() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        host.text("")
        await task
        assert engine.reasons == ["parse error"]
        assert host.sent[-1] == {"type": "websocket.close", "code": 1000}


async def test_a_failing_handler_costs_its_connection_only() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await opened(engine)
        other, other_task = await opened(engine)

        def fail(_message: Message) -> None:
            raise ValueError("a bug")

        engine.connections[0].on_message = fail
        host.text("4one")
        await task
        assert engine.reasons == ["forced close"]
        assert host.sent[-1] == {"type": "websocket.close", "code": 1000}
        other.text("4one")
        await until(lambda: other.packets == ["4one"])
        other.disconnect()
        await other_task


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
