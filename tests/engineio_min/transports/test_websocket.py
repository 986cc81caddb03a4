"""`websocket.py` over the wire: frames, the limits on them, the closing handshake."""

from __future__ import annotations

import asyncio
import logging
import socket
from itertools import count

import pytest

from engineio_min.transports.websocket import WebSocket
from tests.engineio_min.harness import (
    POLLING,
    WEBSOCKET,
    Clock,
    Harness,
    serving,
)
from tests.engineio_min.transports.sockets import assert_closed_with
from tests.engineio_min.wire import HANDSHAKE, encode_request
from tests.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, encode_frame, packet_frame
from tests.waiting import patient, until

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


async def test_a_client_that_is_not_read_is_not_late(clock: Clock) -> None:
    """What is missing of its message may have come."""
    async with serving(ping_interval=1000) as harness:
        wire = await harness.opened_websocket()
        await wire.send_frame(TEXT, b"4a", fin=False)
        carrier = harness.connection.carrier
        assert isinstance(carrier, WebSocket)
        await until(lambda: carrier.deadline < 1e12)
        harness.connection.pause()
        for _ in range(3):
            await clock.advance(31)
        assert harness.closed == []
        harness.connection.resume()
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
