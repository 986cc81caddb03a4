"""The 25 cases of the official Engine.IO v4 suite, in its order, one function each."""

from __future__ import annotations

from typing import Any

from tests.conformance.suites import (
    ENGINE,
    INVALID_EIO,
    INVALID_TRANSPORT,
    close_polling,
    close_websocket,
    gone,
    handshake_polling,
    handshake_polling_invalid_eio,
    handshake_polling_invalid_method,
    handshake_polling_invalid_transport,
    handshake_websocket,
    handshake_websocket_refused,
    heartbeat,
    heartbeat_polling,
    heartbeat_polling_timeout,
    heartbeat_timeout,
    open_polling,
    open_websocket,
    upgrade,
    upgrade_then_http,
    upgrade_then_second_websocket,
)
from tests.socketio_min.wire import (
    PollingClient,
    answer,
)

# --- handshake (7)


async def test_engine_polling_opens_a_session(hasty: int) -> None:
    await handshake_polling(hasty, ENGINE)


async def test_engine_polling_refuses_an_invalid_eio(port: int) -> None:
    await handshake_polling_invalid_eio(port, ENGINE)


async def test_engine_polling_refuses_an_invalid_transport(port: int) -> None:
    await handshake_polling_invalid_transport(port, ENGINE)


async def test_engine_polling_refuses_an_invalid_method(port: int) -> None:
    await handshake_polling_invalid_method(port, ENGINE)


async def test_engine_websocket_opens_a_session(hasty: int) -> None:
    await handshake_websocket(hasty, ENGINE)


async def test_engine_websocket_refuses_an_invalid_eio(port: int) -> None:
    for query in INVALID_EIO:
        await handshake_websocket_refused(port, f"{ENGINE}?transport=websocket{query}")


async def test_engine_websocket_refuses_an_invalid_transport(port: int) -> None:
    for query in INVALID_TRANSPORT:
        await handshake_websocket_refused(port, f"{ENGINE}?EIO=4{query}")


# --- messages (9)


async def test_engine_polling_echoes_text(port: int) -> None:
    client = await open_polling(port, ENGINE)
    reply = await client.post(b"4hello")
    assert (reply.status, reply.text) == (200, "ok")
    reply = await client.get()
    assert (reply.status, reply.text) == (200, "4hello")
    await client.finish()


async def test_engine_polling_echoes_several_packets_in_one_answer(port: int) -> None:
    client = await open_polling(port, ENGINE)
    await client.post(b"4test1\x1e4test2\x1e4test3")
    assert (await client.get()).text == "4test1\x1e4test2\x1e4test3"
    await client.finish()


async def test_engine_polling_echoes_text_and_binary(port: int) -> None:
    client = await open_polling(port, ENGINE)
    await client.post(b"4hello\x1ebAQIDBA==")
    assert (await client.get()).text == "4hello\x1ebAQIDBA=="
    await client.finish()


async def test_engine_polling_closes_on_an_invalid_packet(port: int) -> None:
    client = await open_polling(port, ENGINE)
    assert (await client.post(b"abc")).status == 400
    await gone(port, client)


async def test_engine_polling_closes_on_two_polls_at_once(port: int) -> None:
    client = await open_polling(port, ENGINE)
    first, second = [await parked(client) for _ in range(2)]
    replies = sorted([await answer(first), await answer(second)], key=lambda reply: reply.status)
    assert [(reply.status, reply.text) for reply in replies] == [(200, "1"), (400, "")]
    await gone(port, client)


async def parked(client: PollingClient) -> Any:
    await client.park()
    return client.parked


async def test_engine_polling_closes_when_the_poll_is_cancelled(port: int) -> None:
    client = await open_polling(port, ENGINE)
    await client.park()
    assert client.parked is not None
    client.parked.abort()
    client.parked = None
    # The server may hear of the next poll before it hears of the cancelled one.
    reply = await client.get()
    while reply.status == 200:
        assert reply.text in ("1", "2")
        reply = await client.get()
    assert reply.status == 400


async def test_engine_websocket_echoes_text(port: int) -> None:
    client = await open_websocket(port, ENGINE)
    await client.send("4hello")
    await client.expect("4hello")
    await client.leave()


async def test_engine_websocket_echoes_binary(port: int) -> None:
    client = await open_websocket(port, ENGINE)
    await client.send(b"\x01\x02\x03\x04")
    await client.expect(b"\x01\x02\x03\x04")
    await client.leave()


async def test_engine_websocket_closes_on_an_invalid_packet(port: int) -> None:
    client = await open_websocket(port, ENGINE)
    await client.send("abc")
    assert await client.rest() == []


# --- heartbeat (4)


async def test_engine_polling_sends_pings(pinging: int) -> None:
    await heartbeat_polling(pinging, ENGINE)


async def test_engine_polling_closes_without_pong(leaving: int) -> None:
    await heartbeat_polling_timeout(leaving, ENGINE)


async def test_engine_websocket_sends_pings(pinging: int) -> None:
    await heartbeat(await open_websocket(pinging, ENGINE))


async def test_engine_websocket_closes_without_pong(hasty: int) -> None:
    await heartbeat_timeout(await open_websocket(hasty, ENGINE))


# --- close and upgrade (5)


async def test_engine_polling_is_closed_by_the_client(port: int) -> None:
    await close_polling(port, ENGINE)


async def test_engine_websocket_is_closed_by_the_client(port: int) -> None:
    await close_websocket(port, ENGINE)


async def test_engine_upgrades_from_polling_to_websocket(port: int) -> None:
    _, websocket = await upgrade(port, ENGINE)
    await websocket.send("4hello")
    await websocket.expect("4hello")
    await websocket.leave()


async def test_engine_ignores_http_after_the_upgrade(port: int) -> None:
    await upgrade_then_http(port, ENGINE)


async def test_engine_ignores_a_second_websocket_after_the_upgrade(port: int) -> None:
    websocket = await upgrade_then_second_websocket(port, ENGINE)
    await websocket.send("4hello")
    await websocket.expect("4hello")
    await websocket.leave()


def test_the_suite_has_25_cases() -> None:
    assert sum(name.startswith("test_engine_") for name in globals()) == 25
