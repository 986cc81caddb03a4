"""websocket.py over the wire: the opening handshake, frames, limits, the closing handshake."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
import zlib
from collections.abc import Callable
from contextlib import AsyncExitStack
from itertools import count, pairwise
from pathlib import Path

import pytest
import uvloop

from engineio_min import Connection, Server
from engineio_min.http.connection import HttpConnection
from engineio_min.protocol.session import Session
from engineio_min.transports.websocket import MAX_PENDING_PONGS, WebSocket
from tests.engineio_min.harness import (
    POLLING,
    WEBSOCKET,
    Clock,
    Harness,
    assert_refused,
    serving,
)
from tests.engineio_min.wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    HANDSHAKE,
    PING,
    PONG,
    TEXT,
    Wire,
    connect,
    encode_frame,
    encode_request,
    packet_frame,
)
from tests.hostile.memory import MemoryTransport
from tests.waiting import patient, until

CERTIFICATE = Path(__file__).parents[1] / "localhost.pem"


async def assert_closed_with(harness: Harness, wire: Wire, code: int, reason: str) -> None:
    """The close frame's code, the end of the connection, and the session's reason."""
    payload = await wire.closing()
    assert (int.from_bytes(payload[:2], "big") if payload else 1005) == code
    await wire.close()
    await until(lambda: harness.closed)
    assert harness.closed == [reason]


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


# --- messages


@pytest.mark.parametrize("size", [0, 1, 124, 125, 126, 65_534, 65_535, 65_536, 999_999])
async def test_text_of_every_length_form(harness: Harness, size: int) -> None:
    wire = await harness.opened_websocket()
    await wire.send_packet("4" + "x" * size)
    assert await wire.packet() == "4" + "x" * size


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 1_000_000])
async def test_binary_of_every_length_form(harness: Harness, size: int) -> None:
    wire = await harness.opened_websocket()
    await wire.send_packet(b"\xff" * size)
    assert await wire.packet() == b"\xff" * size


async def test_messages_of_one_segment_are_answered_in_order(harness: Harness) -> None:
    wire = await harness.opened_websocket()
    await wire.send_packet("4a", b"b", "4c", "3", "6", "4d")
    assert [await wire.packet() for _ in range(4)] == ["4a", b"b", "4c", "4d"]


async def test_one_byte_at_a_time(harness: Harness) -> None:
    wire = await harness.opened_websocket()
    for byte in packet_frame("4€") + packet_frame(b"\x00" * 200):
        await wire.send(bytes([byte]))
        await asyncio.sleep(0)
    assert await wire.packet() == "4€"
    assert await wire.packet() == b"\x00" * 200


async def test_fragments_with_a_ping_between(harness: Harness) -> None:
    wire = await harness.opened_websocket()
    await wire.send_frame(TEXT, b"4\xe2", fin=False)
    await wire.send_frame(PING, b"are you there")
    await wire.send_frame(CONTINUATION, b"\x82", fin=False)
    await wire.send_frame(CONTINUATION, b"")
    pong = await wire.frame()
    assert (pong.opcode, pong.payload) == (PONG, b"are you there")
    # The text was cut inside a character that never ends.
    await assert_closed_with(harness, wire, 1007, "transport error")


async def test_fragments_may_split_a_character(harness: Harness) -> None:
    wire = await harness.opened_websocket()
    await wire.send_frame(TEXT, b"4\xe2", fin=False)
    await wire.send_frame(CONTINUATION, b"\x82\xac", fin=True)
    assert await wire.packet() == "4€"
    await wire.send_frame(BINARY, b"\xe2", fin=False)
    await wire.send_frame(CONTINUATION, b"\x82", fin=True)
    assert await wire.packet() == b"\xe2\x82"


async def test_a_length_that_is_longer_than_it_need_be(harness: Harness) -> None:
    wire = await harness.opened_websocket()
    await wire.send_frame(TEXT, b"4hello", length=6)
    assert await wire.packet() == "4hello"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (encode_frame(TEXT, b"4a", mask=False), 1002),
        (encode_frame(BINARY, b"4a", mask=False), 1002),
        *[(encode_frame(TEXT, b"4a", rsv=rsv), 1002) for rsv in (1, 2, 4)],
        *[(encode_frame(opcode, b"4a"), 1002) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)],
        (encode_frame(PING, b"", fin=False), 1002),
        (encode_frame(PING, b"x" * 126), 1002),
        (encode_frame(CLOSE, b"\x03\xe8", fin=False), 1002),
        (encode_frame(CONTINUATION, b"4a"), 1002),
        (encode_frame(TEXT, b"4a", fin=False) + encode_frame(TEXT, b"4b"), 1002),
        (encode_frame(TEXT, b"4a", fin=False) + encode_frame(BINARY, b"4b"), 1002),
        (encode_frame(TEXT, b"4\xff"), 1007),
        (encode_frame(TEXT, b"4\xed\xa0\x80"), 1007),
        (encode_frame(TEXT, b"4\xc0\xaf"), 1007),
        (encode_frame(TEXT, b"4\xf4\x90\x80\x80"), 1007),
        (encode_frame(TEXT, b"4\xff", fin=False), 1007),
        (encode_frame(CLOSE, b"\x03"), 1002),
        (encode_frame(CLOSE, (999).to_bytes(2, "big")), 1002),
        (encode_frame(CLOSE, (1004).to_bytes(2, "big")), 1002),
        (encode_frame(CLOSE, (1005).to_bytes(2, "big")), 1002),
        (encode_frame(CLOSE, (1006).to_bytes(2, "big")), 1002),
        (encode_frame(CLOSE, (1000).to_bytes(2, "big") + b"\xff"), 1007),
        (encode_frame(TEXT, b"4", length=1_000_001), 1009),
        (encode_frame(BINARY, b"4", length=1_000_001), 1009),
        (encode_frame(TEXT, b"4", length=2**63 - 1), 1009),
        (encode_request("GET", POLLING), 1002),
    ],
    # Masks are random, and test processes must agree on names.
    ids=map(str, count()),
)
async def test_a_peer_that_breaks_the_protocol(harness: Harness, data: bytes, code: int) -> None:
    wire = await harness.opened_websocket()
    await wire.send(data)
    await assert_closed_with(harness, wire, code, "transport error")
    assert harness.received == []


async def test_a_length_with_its_highest_bit(harness: Harness) -> None:
    wire = await harness.opened_websocket()
    await wire.send_frame(TEXT, b"4", length=2**63)
    code = int.from_bytes((await wire.closing())[:2], "big")
    assert code in (1002, 1009)
    await until(lambda: harness.closed)


async def test_a_wrong_byte_is_refused_before_its_message_is_complete(harness: Harness) -> None:
    wire = await harness.opened_websocket()
    await wire.send_frame(TEXT, b"4abc", fin=False)
    await wire.send_frame(CONTINUATION, b"\xf8", fin=False)
    await assert_closed_with(harness, wire, 1007, "transport error")


async def test_fragments_above_the_limit(harness: Harness) -> None:
    wire = await harness.opened_websocket()
    await wire.send_frame(BINARY, b"x" * 600_000, fin=False)
    await wire.send_frame(CONTINUATION, b"", fin=False, length=400_001)
    await assert_closed_with(harness, wire, 1009, "transport error")


async def test_fragments_of_exactly_the_limit(harness: Harness) -> None:
    wire = await harness.opened_websocket()
    await wire.send_frame(BINARY, b"x" * 600_000, fin=False)
    await wire.send_frame(CONTINUATION, b"x" * 400_000)
    assert await wire.packet() == b"x" * 1_000_000


@pytest.mark.parametrize("payload", [b"", b"x"])
async def test_too_many_fragments(harness: Harness, payload: bytes) -> None:
    wire = await harness.opened_websocket()
    await wire.send(
        encode_frame(BINARY, payload, fin=False)
        + encode_frame(CONTINUATION, payload, fin=False) * 5_000
    )
    await assert_closed_with(harness, wire, 1008, "transport error")


async def test_1024_fragments_are_allowed(harness: Harness) -> None:
    wire = await harness.opened_websocket()
    await wire.send(
        encode_frame(BINARY, b"x", fin=False)
        + encode_frame(CONTINUATION, b"x", fin=False) * 1_022
        + encode_frame(CONTINUATION, b"x")
    )
    assert await wire.packet() == b"x" * 1_024


async def test_a_stall_does_not_end_the_time_for_a_message(clock: Clock) -> None:
    async with serving(ping_interval=1000) as harness:
        wire = await harness.opened_websocket()
        await wire.send_frame(TEXT, b"4a", fin=False)
        carrier = harness.connection.carrier
        assert isinstance(carrier, WebSocket)
        await until(lambda: carrier.deadline < 1e12)
        carrier.pause_writing()
        carrier.resume_writing()
        await clock.advance(31)
        await until(lambda: harness.closed)
        assert harness.closed == ["transport error"]


async def test_a_message_that_is_never_finished(harness: Harness, clock: Clock) -> None:
    async with serving(ping_interval=1000) as harness:
        wire = await harness.opened_websocket()
        await wire.send_frame(TEXT, b"4a", fin=False)
        await until(lambda: harness.connection.carrier.deadline < 1e12)  # type: ignore[attr-defined]
        await clock.advance(20)
        await wire.send_frame(CONTINUATION, b"b", fin=False)
        await wire.send_frame(PING, b"")
        assert (await wire.frame()).opcode == PONG
        assert harness.closed == []
        await clock.advance(11)
        await until(lambda: harness.closed)
        assert harness.closed == ["transport error"]


async def test_each_message_has_its_own_time(clock: Clock) -> None:
    async with serving(ping_interval=1000) as harness:
        wire = await harness.opened_websocket()
        for _ in range(3):
            await wire.send_frame(TEXT, b"4a", fin=False)
            await wire.send_frame(PING, b"")
            assert (await wire.frame()).opcode == PONG
            await clock.advance(20)
            await wire.send_frame(CONTINUATION, b"b")
            assert await wire.packet() == "4ab"
        await clock.advance(100)
        assert harness.closed == []


# --- packets


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        ("", "parse error"),
        ("7", "parse error"),
        ("abc", "parse error"),
        ("\x004a", "parse error"),
        ("2", "transport error"),
        ("2probe", "transport error"),
        ("1", "transport close"),
    ],
)
async def test_packets_that_end_the_session(harness: Harness, packet: str, reason: str) -> None:
    wire = await harness.opened_websocket()
    await wire.send_packet("4first", packet, "4never")
    assert await wire.packet() == "4first"
    await assert_closed_with(harness, wire, 1005, reason)
    assert harness.received == ["first"]


async def test_two_packets_in_one_frame_are_one_message(harness: Harness) -> None:
    """The separator belongs to payloads; here it is a character like any other."""
    wire = await harness.opened_websocket()
    await wire.send_packet("4a\x1e4b")
    assert await wire.packet() == "4a\x1e4b"
    assert harness.received == ["a\x1e4b"]


async def test_an_empty_binary_message(harness: Harness) -> None:
    wire = await harness.opened_websocket()
    await wire.send_packet(b"")
    assert await wire.packet() == b""


# --- the heartbeat


async def test_the_heartbeat(harness: Harness, clock: Clock) -> None:
    wire = await harness.opened_websocket()
    for _ in range(3):
        await clock.advance(26)
        assert await wire.packet() == "2"
        await wire.send_packet("3", "4x")
        assert await wire.packet() == "4x"
    await clock.advance(26)
    assert await wire.packet() == "2"
    await clock.advance(19)
    assert harness.closed == []
    await clock.advance(2)
    await assert_closed_with(harness, wire, 1005, "ping timeout")


async def test_a_flood_of_pongs_neither_costs_nor_helps(harness: Harness, clock: Clock) -> None:
    wire = await harness.opened_websocket()
    timers = len(harness.server.timer)
    await wire.send_packet(*["3"] * 10_000, "4x")
    assert await wire.packet() == "4x"
    # A frame that is cut by the end of a read has a deadline of its own.
    assert len(harness.server.timer) <= timers + 1
    await clock.advance(26)
    assert await wire.packet() == "2"
    await clock.advance(21)
    assert harness.closed == ["ping timeout"]


async def test_the_suites_intervals() -> None:
    async with serving(ping_interval=0.3, ping_timeout=0.2) as harness:
        wire = await harness.opened_websocket()
        for _ in range(3):
            assert await wire.packet() == "2"
            await wire.send_packet("3")
        assert await wire.packet() == "2"
        await assert_closed_with(harness, wire, 1005, "ping timeout")


# --- the closing handshake


@pytest.mark.parametrize("payload", [b"", b"\x03\xe8", b"\x03\xe9bye", (4999).to_bytes(2, "big")])
async def test_a_close_frame_is_answered_with_its_code(harness: Harness, payload: bytes) -> None:
    wire = await harness.opened_websocket()
    await wire.send(encode_frame(CLOSE, payload) + packet_frame("4never"))
    assert await wire.closing() == payload
    assert await wire.ended() == b""
    assert harness.closed == ["transport close"]
    assert harness.received == []


async def test_what_comes_before_a_close_frame_counts(harness: Harness) -> None:
    wire = await harness.opened_websocket()
    await wire.send(packet_frame("4last") + encode_frame(CLOSE, b""))
    assert await wire.closing() == b""
    assert harness.received == ["last"]


@pytest.mark.parametrize("half", [False, True])
async def test_a_peer_that_goes_without_a_close_frame(harness: Harness, half: bool) -> None:
    wire = await harness.opened_websocket()
    if half:
        wire.writer.write_eof()
    else:
        wire.abort()
    await until(lambda: harness.closed)
    assert harness.closed == ["transport close"]


async def test_a_peer_that_breaks_the_protocol_and_is_gone(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    """It answers the close frame with a reset; the log still tells what it has done."""
    loop = asyncio.get_running_loop()
    with socket.create_connection(("127.0.0.1", harness.server.port)) as peer:
        peer.setblocking(False)
        await loop.sock_sendall(peer, encode_request("GET", WEBSOCKET, HANDSHAKE))
        received = b""
        while b"maxPayload" not in received:
            received += await patient(loop.sock_recv(peer, 4_096))
        peer.send(encode_frame(0xF, b""))
    with caplog.at_level(logging.DEBUG, "engineio_min"):
        await until(lambda: harness.closed)
    assert harness.closed == ["transport error"]
    [message] = [text for text in caplog.messages if text.startswith("session closed")]
    assert "invalid opcode" in message


async def test_closing_sends_what_is_queued(harness: Harness) -> None:
    wire = await harness.opened_websocket()
    harness.connection.send("last")
    harness.connection.close()
    harness.connection.send("never")
    assert await wire.packet() == "4last"
    await assert_closed_with(harness, wire, 1005, "forced close")


async def test_closing_an_idle_websocket(harness: Harness) -> None:
    wire = await harness.opened_websocket()
    harness.connection.close()
    assert await wire.close_code() == 1005
    assert harness.closed == ["forced close"]


async def test_a_peer_that_does_not_answer_the_close_frame(harness: Harness, clock: Clock) -> None:
    wire = await harness.opened_websocket()
    harness.connection.close()
    assert await wire.closing() == b""
    await wire.send_packet("4ignored")
    await clock.advance(4)
    assert harness.server.http.connections
    await clock.advance(2)
    assert await wire.ended() == b""
    await until(lambda: not harness.server.http.connections)
    assert harness.received == []


async def test_data_after_our_close_frame_is_ignored(harness: Harness) -> None:
    wire = await harness.opened_websocket()
    harness.connection.close()
    await wire.send_packet("4ignored", b"ignored")
    assert await wire.close_code() == 1005
    assert harness.received == []


# --- clients without binary frames


@pytest.mark.parametrize("deflate", [True, False])
async def test_a_client_without_binary_frames(deflate: bool) -> None:
    """Binary messages are text both ways, in order with the others, and after an upgrade too."""
    async with serving(per_message_deflate=deflate) as harness:
        offer = {"Sec-WebSocket-Extensions": "permessage-deflate"}
        first = await harness.websocket(f"{WEBSOCKET}&b64=1", **offer)
        await first.packet()
        poller = await harness.poller()
        second = await harness.websocket(f"{poller.upgrade_target}&b64=1", **offer)
        await second.send_packet("2probe")
        assert await second.packet() == "3probe"
        await second.send_packet("5")
        for wire in (first, second):
            await wire.send_packet("bAQID", "4text", "b", b"binary")
            answers = [await wire.packet() for _ in range(4)]
            assert answers == ["bAQID", "4text", "b", "bYmluYXJ5"]
        assert harness.received == [b"\x01\x02\x03", "text", b"", b"binary"] * 2


@pytest.mark.parametrize("query", ["", "&b64=", "&ab64=1"])
async def test_others_get_binary_frames(harness: Harness, query: str) -> None:
    """Text is read as what it is, whoever sends it; answers are binary unless asked for."""
    wire = await harness.websocket(WEBSOCKET + query)
    await wire.packet()
    await wire.send_packet("bAQID")
    assert await wire.packet() == b"\x01\x02\x03"


async def test_a_binary_message_that_is_no_base64(harness: Harness) -> None:
    wire = await harness.opened_websocket()
    await wire.send_packet("bAQI")
    await assert_closed_with(harness, wire, 1005, "parse error")


# --- peers that do not read


async def stall(harness: Harness, wire: Wire) -> asyncio.Transport:
    """Send until the peer's buffers are full."""
    (transport,) = harness.server.http.connections
    harness.connection.send(b"x" * 8_000_000)
    await until(lambda: not harness.connection.session.waiting)
    return transport


async def stalled(harness: Harness) -> Wire:
    wire = await harness.wire(receive_buffer=4_096)
    await wire.send(encode_request("GET", WEBSOCKET, HANDSHAKE))
    assert (await wire.response()).status == 101
    assert str(await wire.packet())[:1] == "0"
    await stall(harness, wire)
    return wire


async def test_what_waits_for_a_peer_has_a_bound(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(max_buffered=1_000_000) as harness:
        wire = await stalled(harness)
        assert not harness.connection.session.writable
        # The peer's kernel takes some more, which is progress; then nothing is taken.
        for _ in range(3):
            await clock.advance(2.5)
        for _ in range(20):
            harness.connection.send(b"x" * 100_000)
        await until(lambda: harness.closed)
        assert harness.closed == ["slow consumer"]
        wire.abort()
    assert re.fullmatch(
        r"closed the session of 127\.0\.0\.1 over websocket, slow consumer: 1000640 bytes wait, "
        r"expected at most 1000000 \(max_buffered\); nothing was taken for \d\.\d seconds",
        warnings_of(caplog)[0],
    )


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged, but for the jumps of the test's own clock."""
    return [message for message in caplog.messages if "stood still" not in message]


async def test_a_peer_that_reads_nothing_is_dropped(
    harness: Harness, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await stalled(harness)
    harness.connection.send(b"x" * 1000)
    # The peer's kernel takes some more, which is progress.
    await clock.advance(2.5)
    await clock.advance(2.5)
    left = harness.connection.unsent
    await clock.advance(4.9)
    assert harness.closed == []
    for _ in range(3):
        await clock.advance(2.5)
    assert harness.closed == ["slow consumer"]
    assert re.fullmatch(
        rf"closed the session of 127\.0\.0\.1 over websocket, slow consumer: {left} bytes wait, "
        r"expected some to be taken within 10 seconds \(stall_timeout\); nothing was taken for "
        r"1[012]\.\d seconds",
        warnings_of(caplog)[0],
    )
    await until(lambda: not harness.server.http.connections)


async def test_a_peer_that_reads_as_fast_as_its_link_is_kept(clock: Clock) -> None:
    """500 kB a second and 60 events of 100 kB, which wait for it for 12 seconds."""
    async with serving() as harness:
        wire = await stalled(harness)
        for _ in range(60):
            harness.connection.send(b"y" * 100_000)
        assert harness.connection.unsent > 6_000_000
        received = 0
        while received < 14_000_000:
            size = min(100_000, 14_000_000 - received)
            received += len(await patient(wire.reader.readexactly(size)))
            await clock.advance(0.2)
        await patient(harness.connection.drained())
        assert harness.closed == []


async def test_a_peer_that_reads_slowly_over_tls_is_kept(clock: Clock) -> None:
    """What TLS has encrypted waits where the transport does not count it."""
    server = Server(ping_interval=1000)
    harness = Harness(server, AsyncExitStack())
    server.on_connection(harness.accept)
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(CERTIFICATE)
    trusted = ssl.create_default_context(cafile=str(CERTIFICATE))
    await server.listen(port=0, ssl=own)
    try:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=trusted, server_hostname="localhost", limit=4096
        )
        wire = Wire(reader, writer)
        await wire.send(encode_request("GET", WEBSOCKET, HANDSHAKE))
        await until(lambda: harness.connections)
        connection = harness.connection
        # The first leaves the transport's count at once, the second stays in it.
        for size in (12_000_000, 2_000_000):
            connection.send(b"x" * size)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await until(lambda: not connection.session.waiting)
        received = 0
        for _ in range(6):
            target = received + 500_000
            while received < target:
                received += len(await patient(reader.read(65_536)))
            await clock.advance(9)
        assert harness.closed == []
        assert not connection.session.waiting
        # Now it reads nothing.
        for _ in range(3):
            await clock.advance(9)
        assert harness.closed == ["slow consumer"]
        writer.transport.abort()
    finally:
        await server.stop()


async def test_a_peer_that_reads_slowly_is_kept(clock: Clock) -> None:
    async with serving(ping_interval=1000) as harness:
        wire = await stalled(harness)
        (transport,) = harness.server.http.connections
        harness.connection.send("after")
        waiting = asyncio.create_task(harness.connection.drained())
        received = 0
        for _ in range(5):
            before = transport.get_write_buffer_size()
            while transport.get_write_buffer_size() == before and received < 7_000_000:
                received += len(await wire.reader.read(65_536))
            await clock.advance(9)
        assert harness.closed == []
        await wire.reader.readexactly(8_000_010 - received)
        assert await wire.packet() == "4after"
        await waiting
        await clock.advance(100)
        assert harness.closed == []
        await wire.send_packet("4hello")
        assert await wire.packet() == "4hello"


async def test_a_peer_that_reads_everything_but_never_closes(
    harness: Harness, clock: Clock
) -> None:
    """The deadline of the closing handshake survives the end of the stall."""
    wire = await stalled(harness)
    harness.connection.session.fail("forced close", "test")
    harness.connection.flush()
    await wire.reader.readexactly(8_000_010)
    assert await wire.closing() == b""
    await clock.advance(21)
    await until(lambda: not harness.server.http.connections)


# Without a close frame it is the session's own time, and then its WebSocket's.
@pytest.mark.parametrize(("says_so", "patience"), [(True, 5), (False, 25 + 20 + 5)])
async def test_a_peer_that_leaves_without_reading_the_rest_is_dropped(
    harness: Harness, clock: Clock, says_so: bool, patience: int
) -> None:
    """What is not sent keeps a closing connection open, but not for ever."""
    wire = await harness.wire(receive_buffer=4_096)
    await wire.send(encode_request("GET", WEBSOCKET, HANDSHAKE))
    assert (await wire.response()).status == 101
    assert str(await wire.packet())[:1] == "0"
    (transport,) = harness.server.http.connections
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    # Little enough that asyncio does not call it a stall.
    harness.connection.send(b"x" * 40_000)
    await until(transport.get_write_buffer_size)
    assert harness.connection.session.waiting
    if says_so:
        await wire.send_frame(CLOSE, b"\x03\xe8")
    else:
        wire.writer.write_eof()
    await until(transport.is_closing)
    for _ in range(patience):
        assert harness.server.http.connections
        await clock.advance(0.99)
    # Each of these times begins with the step that found the one before it over.
    await clock.advance(patience * 0.01 + 3)
    await until(lambda: not harness.server.http.connections)
    assert len(harness.closed) == 1


async def test_pongs_for_a_peer_that_does_not_read(harness: Harness) -> None:
    wire = await stalled(harness)
    for _ in range(MAX_PENDING_PONGS + 1):
        await wire.send_frame(PING, b"x" * 125)
    await until(lambda: harness.closed)
    assert harness.closed == ["transport error"]
    await until(lambda: not harness.server.http.connections)


async def test_a_few_pongs_may_wait(harness: Harness) -> None:
    wire = await stalled(harness)
    await wire.send_frame(PING, b"x")
    for _ in range(20):
        await asyncio.sleep(0)
    assert harness.closed == []
    await wire.reader.readexactly(8_000_010)
    pong = await wire.frame()
    assert (pong.opcode, pong.payload) == (PONG, b"x")


async def test_every_ping_of_a_peer_that_reads_is_answered(harness: Harness) -> None:
    wire = await harness.opened_websocket()
    await wire.send(b"".join(encode_frame(PING, b"%d" % number) for number in range(1_000)))
    for number in range(1_000):
        pong = await wire.frame()
        assert (pong.opcode, pong.payload) == (PONG, b"%d" % number)


# --- back-pressure


async def test_a_paused_connection_is_not_read(harness: Harness) -> None:
    wire = await harness.opened_websocket()
    harness.connection.pause()
    await wire.send_packet("4a")
    for _ in range(20):
        await asyncio.sleep(0)
    assert harness.received == []
    harness.connection.resume()
    assert await wire.packet() == "4a"


# --- one share of each turn


def opened(harness: Harness) -> MemoryTransport:
    """A WebSocket without TCP: what the test sends is read at once."""
    harness.echo = False
    transport = MemoryTransport(HttpConnection(harness.server.http))
    transport.receive(encode_request("GET", WEBSOCKET, HANDSHAKE))
    return transport


async def test_a_flood_leaves_every_other_connection_its_turn(harness: Harness) -> None:
    """No turn takes more than 4 KiB of frames of a connection, whatever it has sent, and what is
    above waits in the kernel.
    """
    transport = opened(harness)
    transport.receive(packet_frame("4a") * 2_000)
    assert len(harness.received) == 512
    assert not transport.is_reading()
    transport.receive(packet_frame("4b"))
    while len(harness.received) < 2_001:
        before = len(harness.received)
        await asyncio.sleep(0)
        assert before < len(harness.received) <= before + 512
    assert harness.received == ["a"] * 2_000 + ["b"]
    assert transport.is_reading()
    transport.lose()


async def test_control_frames_and_pongs_have_the_same_share(harness: Harness) -> None:
    transport = opened(harness)
    for frame in (encode_frame(PING, b""), encode_frame(PONG, b""), packet_frame("3")):
        transport.receive(frame * 1_000)
        turns = 0
        while not transport.reading:
            await asyncio.sleep(0)
            turns += 1
        assert turns == len(frame) * 1_000 // 4_096
    assert harness.closed == []
    transport.lose()


async def test_a_rest_waits_while_the_handlers_do_not_keep_up(harness: Harness) -> None:
    transport = opened(harness)
    transport.receive(packet_frame("4a") * 1_200)
    harness.connection.pause()
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(harness.received) == 512
    harness.connection.resume()
    harness.connection.pause()
    harness.connection.resume()
    await asyncio.sleep(0)
    assert len(harness.received) == 1_024
    # Paused by what is in the last share.
    harness.connection.on_message = lambda _message: harness.connection.pause()
    await asyncio.sleep(0)
    assert not transport.is_reading()
    harness.connection.resume()
    assert transport.is_reading()
    transport.lose()


async def test_a_rest_is_dropped_with_its_connection(harness: Harness) -> None:
    transport = opened(harness)
    transport.receive(packet_frame("4a") * 1_200)
    transport.lose()
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(harness.received) == 512
    assert harness.closed == ["transport close"]
    assert harness.server.budget.held == 0


async def test_a_half_message_that_is_too_much_for_all() -> None:
    """Its own connection goes when nobody holds more."""
    async with serving(max_half_received=100_000) as harness:
        transport = opened(harness)
        transport.receive(encode_frame(TEXT, b"4" + b"a" * 200_000)[:100_001])
        assert transport.sent.endswith(
            encode_frame(CLOSE, b"\x03\xf5too much is held for all connections", mask=False)
        )
        assert harness.closed == ["transport error"]
        assert harness.server.budget.held == 0
        transport.lose()


async def test_a_flood_with_the_request_waits_as_well(harness: Harness) -> None:
    harness.echo = False
    transport = MemoryTransport(HttpConnection(harness.server.http))
    transport.receive(encode_request("GET", WEBSOCKET, HANDSHAKE) + packet_frame("4a") * 1_200)
    assert len(harness.received) == 512
    for _ in range(2):
        await asyncio.sleep(0)
    assert len(harness.received) == 1_200
    transport.lose()


async def test_a_session_that_ends_in_a_flood_reads_no_more(harness: Harness) -> None:
    transport = opened(harness)
    harness.server.on_connection(harness.accept)
    harness.connection.on_message = lambda _message: transport.close()
    transport.receive(packet_frame("4a") * 1_200)
    assert transport.is_reading()
    await asyncio.sleep(0)
    transport.lose()


# --- a backlog leaves in shares


async def test_a_backlog_leaves_a_share_a_turn(harness: Harness) -> None:
    """A quarter of a megabyte, and what its last packet has above; in order, and what is sent
    meanwhile is behind it.
    """
    transport = opened(harness)
    websocket = transport.get_protocol()
    assert isinstance(websocket, WebSocket)
    websocket.pause_writing()
    for number in range(100):
        harness.connection.send(f"{number:02}" * 25_000)
    transport.sent.clear()
    websocket.resume_writing()
    turns = 0
    while harness.connection.unsent:
        written = len(transport.sent)
        assert harness.connection.session.writable is False
        if turns == 3:
            harness.connection.send("last")
        await asyncio.sleep(0)
        assert len(transport.sent) - written <= 262_144 + 50_010
        turns += 1
    assert turns == 16
    expected = [f"4{f'{number:02}' * 25_000}" for number in range(100)]
    assert transport.sent == b"".join(
        encode_frame(TEXT, packet.encode(), mask=False) for packet in [*expected, "4last"]
    )
    assert harness.connection.session.writable
    transport.lose()


async def test_a_backlog_waits_for_a_transport_that_takes_no_more(harness: Harness) -> None:
    transport = opened(harness)
    websocket = transport.get_protocol()
    assert isinstance(websocket, WebSocket)
    websocket.pause_writing()
    for _ in range(40):
        harness.connection.send("x" * 50_000)
    websocket.resume_writing()
    assert harness.connection.unsent == 34 * 50_065
    websocket.pause_writing()
    await asyncio.sleep(0)
    assert harness.connection.unsent == 34 * 50_065
    websocket.resume_writing()
    assert harness.connection.unsent == 28 * 50_065
    # Before the loop has gone on.
    websocket.pause_writing()
    websocket.resume_writing()
    assert harness.connection.unsent == 28 * 50_065
    drained = asyncio.create_task(harness.connection.drained())
    await until(drained.done)
    assert harness.connection.unsent == 0
    transport.lose()


async def test_a_session_that_ends_takes_its_backlog_along(harness: Harness) -> None:
    transport = opened(harness)
    websocket = transport.get_protocol()
    assert isinstance(websocket, WebSocket)
    websocket.pause_writing()
    for _ in range(40):
        harness.connection.send("x" * 50_000)
    websocket.resume_writing()
    transport.receive(packet_frame("1"))
    sent = len(transport.sent)
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(transport.sent) == sent
    assert harness.closed == ["transport close"]
    transport.lose()


async def test_an_upgraded_session_brings_its_backlog_in_shares(harness: Harness) -> None:
    harness.echo = False
    poller = await harness.poller()
    for number in range(100):
        harness.connection.send(f"{number:02}" * 25_000)
    transport = MemoryTransport(HttpConnection(harness.server.http))
    transport.receive(encode_request("GET", poller.upgrade_target, HANDSHAKE))
    transport.receive(packet_frame("2probe"))
    transport.sent.clear()
    transport.receive(packet_frame("5"))
    while harness.connection.unsent:
        assert len(transport.sent) <= 262_144 + 50_010
        expected = transport.sent[3:7]
        transport.sent.clear()
        await asyncio.sleep(0)
    assert expected
    transport.lose()


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_peer_that_begins_to_read_costs_the_others_a_share_a_turn(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """Over TCP, on both event loops: a neighbour gets its answers while 20 MB leave."""

    async def watch(turns: list[int], session: Session) -> None:
        while True:
            turns.append(session.unsent)
            await asyncio.sleep(0)

    async def read_all(wire: Wire) -> None:
        frame = await wire.frame()
        while frame.payload != b"4last":
            frame = await wire.frame()

    async def main() -> None:
        async with serving() as harness:
            harness.echo = False
            wire = await harness.wire(receive_buffer=4_096)
            await wire.send(encode_request("GET", WEBSOCKET, HANDSHAKE))
            assert (await wire.response()).status == 101
            slow = harness.connection
            await stall(harness, wire)
            for _ in range(400):
                slow.send("x" * 50_000)
            slow.send("last")
            harness.echo = True
            neighbour = await harness.opened_websocket()
            turns: list[int] = []
            watcher = asyncio.create_task(watch(turns, slow.session))
            reader = asyncio.create_task(read_all(wire))
            answers = 0
            while not reader.done():
                await neighbour.send_packet("4are you there?")
                assert await neighbour.packet() == "4are you there?"
                answers += 1
            watcher.cancel()
            await reader
            steps = [before - after for before, after in pairwise(turns)]
            assert max(steps) <= 262_144 + 50_065
            assert sum(step > 0 for step in steps) >= 60
            assert answers > 10

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())


# --- compression

OFFER = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}


class Deflate:
    """The client's half of permessage-deflate (RFC 7692), with context takeover."""

    def __init__(self) -> None:
        self._compress = zlib.compressobj(wbits=-15)
        self._decompress = zlib.decompressobj(wbits=-15)

    def frame(self, opcode: int, data: bytes) -> bytes:
        compressed = self._compress.compress(data) + self._compress.flush(zlib.Z_SYNC_FLUSH)
        return encode_frame(opcode, compressed[:-4], rsv=4)

    async def message(self, wire: Wire) -> tuple[int, bytes]:
        frame = await wire.frame()
        assert frame.rsv == 4, "not compressed"
        return frame.opcode, self._decompress.decompress(frame.payload + b"\x00\x00\xff\xff")


async def test_compression_both_ways() -> None:
    async with serving(per_message_deflate=True) as harness:
        wire = await harness.websocket(WEBSOCKET, **OFFER)
        assert str(await wire.packet())[:1] == "0"
        deflate = Deflate()
        for _ in range(2):
            await wire.send(deflate.frame(TEXT, b"4" + b"text" * 1_000))
            assert await deflate.message(wire) == (TEXT, b"4" + b"text" * 1_000)
            await wire.send(deflate.frame(BINARY, b"\x00" * 2_000))
            assert await deflate.message(wire) == (BINARY, b"\x00" * 2_000)
        assert harness.received[:2] == ["text" * 1_000, b"\x00" * 2_000]
        # Small ones are not worth it, and those that must not are not; all may be mixed.
        await wire.send(deflate.frame(TEXT, b"4small") + packet_frame("4plain"))
        assert await wire.packet() == "4small"
        assert await wire.packet() == "4plain"
        harness.connection.send("x" * 5_000, compress=False)
        harness.connection.send("y" * 5_000)
        assert await wire.packet() == "4" + "x" * 5_000
        assert await deflate.message(wire) == (TEXT, b"4" + b"y" * 5_000)


async def test_the_threshold_of_compression() -> None:
    async with serving(per_message_deflate=10) as harness:
        wire = await harness.websocket(WEBSOCKET, **OFFER)
        deflate = Deflate()
        assert (await deflate.message(wire))[1][:1] == b"0"
        await wire.send_packet("4" + "x" * 8)
        assert await wire.packet() == "4" + "x" * 8
        await wire.send_packet("4" + "x" * 9)
        assert await deflate.message(wire) == (TEXT, b"4" + b"x" * 9)


@pytest.mark.parametrize(
    "offer",
    [
        None,
        "x-other",
        "permessage-deflate; server_max_window_bits=99",
        "permessage-deflate; x=1",
        'permessage-deflate; "',
        "permessage-deflate; client_max_window_bits=7, x",
    ],
)
async def test_an_offer_that_cannot_be_taken_is_declined(offer: str | None) -> None:
    async with serving(per_message_deflate=True) as harness:
        headers = {} if offer is None else {"Sec-WebSocket-Extensions": offer}
        response = await harness.request("GET", WEBSOCKET, {**HANDSHAKE, **headers})
        assert response.status == 101
        assert "sec-websocket-extensions" not in response.headers


async def test_the_first_offer_that_can_be_taken_is() -> None:
    offer = "x-other, permessage-deflate; x=1, permessage-deflate; server_no_context_takeover"
    async with serving(per_message_deflate=True) as harness:
        headers = {**HANDSHAKE, "Sec-WebSocket-Extensions": offer}
        response = await harness.request("GET", WEBSOCKET, headers)
        assert response.headers["sec-websocket-extensions"].startswith("permessage-deflate")
        assert "server_no_context_takeover" in response.headers["sec-websocket-extensions"]


async def test_a_deflate_bomb() -> None:
    async with serving(per_message_deflate=True) as harness:
        wire = await harness.websocket(WEBSOCKET, **OFFER)
        assert str(await wire.packet())[:1] == "0"
        await wire.send(Deflate().frame(BINARY, b"\x00" * 50_000_000))
        await assert_closed_with(harness, wire, 1009, "transport error")


async def test_nonsense_instead_of_deflate() -> None:
    async with serving(per_message_deflate=True) as harness:
        wire = await harness.websocket(WEBSOCKET, **OFFER)
        assert str(await wire.packet())[:1] == "0"
        await wire.send_frame(TEXT, b"\xff\xff\xff\xff", rsv=4)
        await assert_closed_with(harness, wire, 1002, "transport error")


async def test_compressed_fragments() -> None:
    async with serving(per_message_deflate=True) as harness:
        wire = await harness.websocket(WEBSOCKET, **OFFER)
        assert str(await wire.packet())[:1] == "0"
        compressor = zlib.compressobj(wbits=-15)
        data = (compressor.compress(b"4" + b"x" * 500) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
        await wire.send_frame(TEXT, data[:3], fin=False, rsv=4)
        await wire.send_frame(CONTINUATION, data[3:])
        assert await wire.packet() == "4" + "x" * 500


async def test_a_connection_refused_at_its_start(harness: Harness) -> None:
    """A handler that closes at once: the client gets the open packet, then the close frame."""
    harness.server.on_connection(lambda connection: connection.close())
    async with connect(harness.port) as wire:
        assert (await wire.request("GET", WEBSOCKET, HANDSHAKE)).status == 101
        assert str(await wire.packet())[:1] == "0"
        assert await wire.close_code() == 1005
    assert not harness.server.sessions
