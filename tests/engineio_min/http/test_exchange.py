"""`exchange.py` over the wire: the opening handshake of a WebSocket (RFC 6455, section 4.2)."""

from __future__ import annotations

import asyncio

import pytest

from engineio_min import Connection
from engineio_min.http.connection import HttpConnection
from tests.engineio_min.harness import (
    POLLING,
    WEBSOCKET,
    Harness,
    assert_refused,
)
from tests.engineio_min.wire import HANDSHAKE, encode_request
from tests.frames import TEXT, encode_frame, packet_frame
from tests.hostile.memory import MemoryTransport

# --- the opening handshake


async def test_the_handshake(harness: Harness) -> None:
    wire = await harness.wire()
    response = await wire.request("GET", WEBSOCKET, HANDSHAKE)
    assert (response.status, response.reason) == (101, "Switching Protocols")
    assert response.headers == {
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    }
    assert await wire.packet() == (
        f'0{{"sid":"{harness.connection.sid}","upgrades":[],"pingInterval":25000,'
        '"pingTimeout":20000,"maxPayload":1000000}'
    )
    assert harness.connection.transport == "websocket"


class CountingTransport(MemoryTransport):
    """Keeps what each write had."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        self.writes: list[bytes] = []
        super().__init__(protocol)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))


async def test_the_first_packets_leave_with_the_answer(harness: Harness) -> None:
    """One write, and one packet of the network, instead of two for each connection."""
    harness.server.on_connection(lambda connection: connection.send("welcome"))
    transport = CountingTransport(HttpConnection(harness.server.http))
    transport.receive(encode_request("GET", WEBSOCKET, HANDSHAKE))
    [answer] = transport.writes
    assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert b"\r\n\r\n\x81" in answer
    assert answer.endswith(encode_frame(TEXT, b"4welcome", mask=False))
    transport.lose()


async def test_a_server_that_closes_while_a_session_begins(harness: Harness) -> None:
    def close(connection: Connection) -> None:
        harness.accept(connection)
        harness.server.close()

    harness.server.on_connection(close)
    wire = await harness.wire()
    response = await wire.request("GET", WEBSOCKET, HANDSHAKE)
    assert response.status == 101
    assert str(await wire.packet())[:2] == "0{"
    assert await wire.close_code() == 1005
    assert harness.closed == ["forced close"]


@pytest.mark.parametrize(
    "changes",
    [
        {"Connection": "keep-alive, Upgrade"},
        {"Upgrade": "WebSocket"},
        {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"},
        {"Sec-WebSocket-Extensions": "constructor, x; y=99"},
    ],
)
async def test_variations_without_an_effect(harness: Harness, changes: dict[str, str]) -> None:
    response = await harness.request("GET", WEBSOCKET, {**HANDSHAKE, **changes})
    assert response.status == 101
    assert "sec-websocket-extensions" not in response.headers


async def test_the_first_subprotocol_is_accepted(harness: Harness) -> None:
    headers = {**HANDSHAKE, "Sec-WebSocket-Protocol": "one, two"}
    response = await harness.request("GET", WEBSOCKET, headers)
    assert response.status == 101
    assert response.headers["sec-websocket-protocol"] == "one"


@pytest.mark.parametrize("version", ["12", "13, 13", "", None])
async def test_another_websocket_version(harness: Harness, version: str | None) -> None:
    headers = {name: value for name, value in HANDSHAKE.items() if "Version" not in name}
    if version is not None:
        headers["Sec-WebSocket-Version"] = version
    response = await harness.request("GET", WEBSOCKET, headers)
    assert_refused(response, 3, status=426)
    assert response.headers["sec-websocket-version"] == "13"
    assert harness.connections == []


@pytest.mark.parametrize(
    "key",
    ["", "short", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZTE=", "!" * 24, "\xe9" * 24],
)
async def test_a_bad_key(harness: Harness, key: str) -> None:
    response = await harness.request("GET", WEBSOCKET, {**HANDSHAKE, "Sec-WebSocket-Key": key})
    assert_refused(response, 3)
    assert harness.connections == []


async def test_no_key_and_two_keys(harness: Harness) -> None:
    headers = {name: value for name, value in HANDSHAKE.items() if "Key" not in name}
    assert_refused(await harness.request("GET", WEBSOCKET, headers), 3)
    headers = {**HANDSHAKE, "sec-websocket-key": HANDSHAKE["Sec-WebSocket-Key"]}
    assert_refused(await harness.request("GET", WEBSOCKET, headers), 3)


@pytest.mark.parametrize("missing", ["Upgrade", "Connection"])
async def test_a_websocket_without_an_upgrade(harness: Harness, missing: str) -> None:
    headers = {name: value for name, value in HANDSHAKE.items() if name != missing}
    assert_refused(await harness.request("GET", WEBSOCKET, headers), 3)


async def test_polling_with_an_upgrade(harness: Harness) -> None:
    assert_refused(await harness.request("GET", POLLING, HANDSHAKE), 3)
    poller = await harness.poller()
    assert_refused(await harness.request("GET", poller.target, HANDSHAKE), 3)


@pytest.mark.parametrize("method", ["POST", "HEAD", "PUT"])
async def test_only_get_opens_a_websocket(harness: Harness, method: str) -> None:
    response = await harness.request(method, WEBSOCKET, HANDSHAKE)
    assert response.status == 400
    assert harness.connections == []


async def test_frames_in_the_segment_of_the_request(harness: Harness) -> None:
    wire = await harness.wire()
    await wire.send(encode_request("GET", WEBSOCKET, HANDSHAKE) + packet_frame("4early"))
    assert (await wire.response()).status == 101
    assert str(await wire.packet())[:1] == "0"
    assert await wire.packet() == "4early"


async def test_an_upgrade_elsewhere(harness: Harness) -> None:
    response = await harness.request("GET", "/elsewhere", HANDSHAKE)
    assert response.status == 404
    assert response.headers["connection"] == "close"
