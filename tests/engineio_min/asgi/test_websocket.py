"""WebSockets of hosts made by hand.

Invariant: whatever ends a WebSocket (the peer, the host, a failure) ends its session with a reason
and leaves no task.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import engineio_min
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
from tests.waiting import until

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
