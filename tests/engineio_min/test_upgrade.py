"""The upgrade from polling to WebSocket, over the wire (Engine.IO v4, "Upgrade")."""

from __future__ import annotations

import asyncio

import pytest

from engineio_min.protocol.phases import UpgradeExpired
from engineio_min.transports.websocket import WebSocket
from tests.engineio_min.harness import WEBSOCKET, Clock, Harness, Poller, assert_refused, serving
from tests.engineio_min.wire import HANDSHAKE, Wire, decode_payload, encode_request
from tests.frames import PING, TEXT, Packet, encode_frame, packet_frame
from tests.waiting import until


async def probed(harness: Harness, poller: Poller) -> Wire:
    candidate = await harness.websocket(poller.upgrade_target)
    await candidate.send_packet("2probe")
    assert await candidate.packet() == "3probe"
    return candidate


async def upgraded(harness: Harness) -> tuple[Poller, Wire]:
    poller = await harness.poller()
    candidate = await probed(harness, poller)
    await candidate.send_packet("5")
    await until(lambda: harness.connection.transport == "websocket")
    return poller, candidate


async def assert_alive(poller: Poller) -> None:
    """The polling session still works, and may still upgrade."""
    await poller.post("4alive")
    assert (await poller.get()).text == "4alive"
    candidate = await probed(poller.harness, poller)
    await candidate.send_packet("5", "4upgraded")
    assert await candidate.packet() == "4upgraded"


async def test_the_upgrade(harness: Harness) -> None:
    poller = await harness.poller()
    candidate = await probed(harness, poller)
    assert (await poller.get()).text == "6"
    await candidate.send_packet("5", "4hello")
    assert await candidate.packet() == "4hello"
    assert harness.connection.transport == "websocket"
    assert len(harness.connections) == 1
    assert harness.closed == []


async def test_a_parked_poll_is_released_at_the_probe(harness: Harness) -> None:
    poller = await harness.poller()
    await poller.park()
    await probed(harness, poller)
    assert (await poller.getter.response()).text == "6"


async def test_every_poll_while_probing_is_answered_at_once(harness: Harness) -> None:
    poller = await harness.poller()
    candidate = await probed(harness, poller)
    for _ in range(3):
        assert (await poller.get()).text == "6"
    await poller.post("4posted")
    assert (await poller.get()).text == "4posted"
    await candidate.send_packet("5")
    await until(lambda: harness.connection.transport == "websocket")


async def test_what_waits_goes_over_the_websocket(harness: Harness) -> None:
    poller = await harness.poller()
    candidate = await probed(harness, poller)
    harness.connection.send("text")
    harness.connection.send(b"\x00binary")
    await candidate.send_packet("5")
    assert await candidate.packet() == "4text"
    assert await candidate.packet() == b"\x00binary"


async def test_probe_and_upgrade_in_one_segment_leave_no_poll_unanswered(
    harness: Harness,
) -> None:
    poller = await harness.poller()
    await poller.park()
    candidate = await harness.websocket(poller.upgrade_target)
    await candidate.send_packet("2probe", "5", "4hello")
    assert await candidate.packet() == "3probe"
    assert await candidate.packet() == "4hello"
    assert (await poller.getter.response()).text == "6"


async def test_everything_in_the_segment_of_the_request(harness: Harness) -> None:
    poller = await harness.poller()
    wire = await harness.wire()
    await wire.send(
        encode_request("GET", poller.upgrade_target, HANDSHAKE)
        + packet_frame("2probe")
        + packet_frame("5")
        + packet_frame("4hello")
    )
    assert (await wire.response()).status == 101
    assert await wire.packet() == "3probe"
    assert await wire.packet() == "4hello"


async def test_polling_is_refused_after_the_upgrade(harness: Harness) -> None:
    poller, websocket = await upgraded(harness)
    assert_refused(await harness.request("GET", poller.target), 3)
    assert_refused(await harness.request("POST", poller.target, None, b"4x"), 3)
    await websocket.send_packet("4hello")
    assert await websocket.packet() == "4hello"
    assert harness.received == ["hello"]


async def test_a_second_websocket_is_closed_after_the_upgrade(harness: Harness) -> None:
    poller, websocket = await upgraded(harness)
    second = await harness.websocket(poller.upgrade_target)
    await second.send_packet("2probe")
    assert await second.close_code() == 1005
    await websocket.send_packet("4hello")
    assert await websocket.packet() == "4hello"


async def test_a_websocket_session_takes_no_second_websocket(harness: Harness) -> None:
    websocket = await harness.opened_websocket()
    sid = harness.connection.sid
    second = await harness.websocket(f"{WEBSOCKET}&sid={sid}")
    assert await second.close_code() == 1005
    await websocket.send_packet("4hello")
    assert await websocket.packet() == "4hello"


async def test_a_second_candidate_is_closed_and_the_first_completes(harness: Harness) -> None:
    poller = await harness.poller()
    first = await harness.websocket(poller.upgrade_target)
    second = await harness.websocket(poller.upgrade_target)
    assert await second.close_code() == 1005
    await first.send_packet("2probe")
    assert await first.packet() == "3probe"
    third = await harness.websocket(poller.upgrade_target)
    assert await third.close_code() == 1005
    await first.send_packet("5", "4hello")
    assert await first.packet() == "4hello"


@pytest.mark.parametrize(
    "packets",
    [
        ["5"],
        ["4early"],
        ["2"],
        ["2wrong"],
        ["40"],
        [""],
        [b"2probe"],
        ["2probe", "2probe"],
        ["2probe", "4between"],
        ["2probe", "5x"],
        ["2probe", b"5"],
    ],
)
async def test_a_wrong_packet_closes_the_candidate_only(
    harness: Harness, packets: list[Packet]
) -> None:
    poller = await harness.poller()
    candidate = await harness.websocket(poller.upgrade_target)
    await candidate.send_packet(*packets)
    if len(packets) == 2:
        assert await candidate.packet() == "3probe"
    assert await candidate.close_code() == 1005
    assert harness.received == []
    await assert_alive(poller)


@pytest.mark.parametrize("wrong", ["4early", "2wrong", "5"])
async def test_a_refused_candidate_cannot_go_on_in_the_same_segment(
    harness: Harness, wrong: str
) -> None:
    poller = await harness.poller()
    candidate = await harness.websocket(poller.upgrade_target)
    await candidate.send_packet(wrong, "2probe", "5", "4hello")
    assert await candidate.close_code() == 1005
    assert harness.connection.transport == "polling"
    assert harness.received == []
    await assert_alive(poller)


async def test_a_candidate_that_breaks_the_websocket_protocol_costs_nothing_else(
    harness: Harness,
) -> None:
    poller = await harness.poller()
    candidate = await probed(harness, poller)
    await candidate.send(encode_frame(TEXT, b"5", mask=False))
    payload = await candidate.closing()
    assert int.from_bytes(payload[:2], "big") == 1002
    await assert_alive(poller)


@pytest.mark.parametrize("probe", [False, True])
async def test_a_candidate_that_vanishes_leaves_the_session_on_polling(
    harness: Harness, probe: bool
) -> None:
    poller = await harness.poller()
    candidate = await harness.websocket(poller.upgrade_target)
    if probe:
        await candidate.send_packet("2probe")
        assert await candidate.packet() == "3probe"
    candidate.abort()
    await until(lambda: harness.connection.candidate is None)
    await assert_alive(poller)


async def test_a_candidate_that_closes_leaves_the_session_on_polling(harness: Harness) -> None:
    poller = await harness.poller()
    candidate = await probed(harness, poller)
    await candidate.send_frame(8, b"\x03\xe8")
    assert await candidate.close_code() == 1000
    await assert_alive(poller)


async def test_an_upgrade_that_takes_too_long(harness: Harness, clock: Clock) -> None:
    poller = await harness.poller()
    candidate = await probed(harness, poller)
    await clock.advance(9)
    assert harness.connection.candidate is not None
    await clock.advance(2)
    assert await candidate.close_code() == 1005
    await assert_alive(poller)


async def test_an_upgrade_after_the_expired_one_has_its_own_time(
    harness: Harness, clock: Clock
) -> None:
    poller = await harness.poller()
    await harness.websocket(poller.upgrade_target)
    await clock.advance(11)
    assert harness.connection.candidate is None
    candidate = await probed(harness, poller)
    await clock.advance(9)
    await candidate.send_packet("5", "4hello")
    assert await candidate.packet() == "4hello"


async def test_closing_during_the_upgrade_closes_both(harness: Harness) -> None:
    poller = await harness.poller()
    candidate = await probed(harness, poller)
    harness.connection.close()
    assert (await poller.get()).text == "1"
    assert await candidate.close_code() == 1005
    assert harness.closed == ["forced close"]


async def test_a_session_that_ends_during_the_upgrade_closes_the_candidate(
    harness: Harness,
) -> None:
    poller = await harness.poller()
    candidate = await probed(harness, poller)
    await poller.post("1")
    assert await candidate.close_code() == 1005
    assert harness.closed == ["transport close"]


async def test_a_post_in_flight_during_the_upgrade_still_counts(harness: Harness) -> None:
    harness.echo = False
    poller = await harness.poller()
    await poller.poster.send(encode_request("POST", poller.target, {"Content-Length": "7"}))
    await poller.poster.send(b"4pos")
    carrier = harness.connection.carrier
    await until(lambda: carrier._posting is not None)  # type: ignore[attr-defined]
    candidate = await probed(harness, poller)
    await candidate.send_packet("5")
    await until(lambda: harness.connection.transport == "websocket")
    await poller.poster.send(b"ted")
    assert (await poller.poster.response()).text == "ok"
    assert harness.received == ["posted"]
    await candidate.send_packet("4after")
    await until(lambda: len(harness.received) == 2)


@pytest.mark.parametrize("body", ["4last", "4last\x1e1"])
async def test_a_post_in_flight_during_the_upgrade_is_answered_at_once(
    harness: Harness, body: str
) -> None:
    """Neither a busy handler nor the session's end holds it back: it is no longer the carrier's."""
    poller = await harness.poller()
    headers = {"Content-Length": str(len(body))}
    await poller.poster.send(encode_request("POST", poller.target, headers) + body[:2].encode())
    carrier = harness.connection.carrier
    await until(lambda: carrier._posting is not None)  # type: ignore[attr-defined]
    candidate = await probed(harness, poller)
    await candidate.send_packet("5")
    await until(lambda: harness.connection.transport == "websocket")
    harness.connection.pause()
    await poller.poster.send(body[2:].encode())
    assert (await poller.poster.response()).text == "ok"
    assert harness.received == ["last"]
    assert not harness.server.departing
    assert await candidate.packet() == "4last"
    if body[-1] == "1":
        assert harness.closed == ["transport close"]
        assert await candidate.closing() == b""
        await poller.gone()


async def test_a_post_held_back_during_the_upgrade_is_answered(harness: Harness) -> None:
    poller = await harness.poller()
    candidate = await probed(harness, poller)
    harness.connection.pause()
    await poller.poster.send(encode_request("POST", poller.target, None, b"4held"))
    await until(lambda: harness.received)
    await candidate.send_packet("5")
    assert (await poller.poster.response()).text == "ok"
    assert await candidate.packet() == "4held"
    # The WebSocket is not read until the handlers keep up again.
    await candidate.send_packet("4later")
    for _ in range(20):
        await asyncio.sleep(0)
    assert harness.received == ["held"]
    harness.connection.resume()
    assert await candidate.packet() == "4later"


async def test_an_upgrade_of_an_unknown_session(harness: Harness) -> None:
    response = await harness.request("GET", f"{WEBSOCKET}&sid=unknown", HANDSHAKE)
    assert_refused(response, 1)


async def test_an_upgrade_with_another_version(harness: Harness) -> None:
    poller = await harness.poller()
    target = poller.upgrade_target.replace("EIO=4", "EIO=3")
    assert_refused(await harness.request("GET", target, HANDSHAKE), 3)
    await assert_alive(poller)


async def test_an_invalid_websocket_handshake_leaves_the_session_alone(harness: Harness) -> None:
    poller = await harness.poller()
    headers = {**HANDSHAKE, "Sec-WebSocket-Key": "short"}
    assert_refused(await harness.request("GET", poller.upgrade_target, headers), 3)
    await assert_alive(poller)


async def test_only_get_upgrades(harness: Harness) -> None:
    poller = await harness.poller()
    assert_refused(await harness.request("POST", poller.upgrade_target, HANDSHAKE), 3)
    await assert_alive(poller)


async def test_a_candidate_that_only_pings_costs_nothing_else(harness: Harness) -> None:
    """It never reads the pongs: it is dropped, and the session stays where it is."""
    poller = await harness.poller()
    wire = await harness.wire(receive_buffer=4_096)
    await wire.send(encode_request("GET", poller.upgrade_target, HANDSHAKE))
    assert (await wire.response()).status == 101
    connections = harness.server.http.connections
    others = len(connections) - 1
    wire.writer.write(encode_frame(PING, b"x" * 125) * 100_000)
    await until(lambda: len(connections) == others)
    assert harness.connection.candidate is None
    wire.abort()
    await assert_alive(poller)


async def test_no_upgrade_is_offered_or_made_when_it_is_switched_off() -> None:
    async with serving(allow_upgrades=False) as harness:
        poller = await harness.poller()
        assert poller.open["upgrades"] == []
        candidate = await harness.websocket(poller.upgrade_target)
        assert await candidate.close_code() == 1005
        await poller.post("4alive")
        assert (await poller.get()).text == "4alive"


async def test_the_heartbeat_goes_on_over_the_websocket(harness: Harness, clock: Clock) -> None:
    poller = await harness.poller()
    await clock.advance(26)
    assert (await poller.get()).text == "2"
    candidate = await probed(harness, poller)
    await candidate.send_packet("5", "3")
    await until(lambda: harness.connection.transport == "websocket")
    await clock.advance(26)
    assert await candidate.packet() == "2"
    await clock.advance(21)
    assert await candidate.close_code() == 1005
    assert harness.closed == ["ping timeout"]


async def test_nothing_is_lost_doubled_or_reordered_by_the_upgrade(harness: Harness) -> None:
    """Invariant: of 1,000 messages each way, sent while the client moves from polling to WebSocket,
    each arrives once and in order, text and binary.
    """
    harness.echo = False
    poller = await harness.poller()
    connection = harness.connection
    messages: list[str | bytes] = [
        f"{number}".encode() if number % 3 == 0 else f"{number}" for number in range(1_000)
    ]
    delivered: list[str | bytes] = []

    async def application() -> None:
        for message in messages:
            connection.send(message)
            await asyncio.sleep(0)

    def take(packets: list[str]) -> None:
        from base64 import b64decode

        for packet in packets:
            if packet[0] == "b":
                delivered.append(b64decode(packet[1:]))
            elif packet[0] == "4":
                delivered.append(packet[1:])
            else:
                assert packet == "6"

    def payload(part: list[str | bytes]) -> str:
        from base64 import b64encode

        return "\x1e".join(
            "4" + message if isinstance(message, str) else "b" + b64encode(message).decode()
            for message in part
        )

    sending = asyncio.create_task(application())
    posted = 0
    while len(delivered) < 200:
        take(decode_payload((await poller.get()).body))
        await poller.post(payload(messages[posted : posted + 10]))
        posted += 10
    candidate = await harness.websocket(poller.upgrade_target)
    await poller.getter.send(encode_request("GET", poller.target))
    await candidate.send_packet("2probe")
    await poller.post(payload(messages[posted : posted + 10]))
    posted += 10
    assert await candidate.packet() == "3probe"
    take(decode_payload((await poller.getter.response()).body))
    await candidate.send_packet("5")
    for message in messages[posted:]:
        await candidate.send_packet("4" + message if isinstance(message, str) else message)
    while len(delivered) < len(messages):
        packet = await candidate.packet()
        delivered.append(packet[1:] if isinstance(packet, str) else packet)
    await sending
    assert delivered == messages
    await until(lambda: len(harness.received) == len(messages))
    assert harness.received == messages


async def test_a_candidate_that_stalls_leaves_polling_as_it_is(harness: Harness) -> None:
    """Whether a candidate can be written to says nothing of the poll."""
    poller = await harness.poller()
    await probed(harness, poller)
    candidate = harness.connection.candidate
    assert isinstance(candidate, WebSocket)
    session = harness.connection.session
    for waiting in (True, False):
        if waiting:
            session.unblock()
        else:
            session.block(0.0)
        candidate.pause_writing()
        candidate.resume_writing()
        assert session.waiting is waiting


async def test_an_upgrade_that_expires_as_its_candidate_leaves(harness: Harness) -> None:
    poller = await harness.poller()
    harness.connection.session.events.append(UpgradeExpired())
    harness.connection.settle()
    await assert_alive(poller)
