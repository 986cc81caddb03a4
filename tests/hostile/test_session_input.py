"""Hostile Engine.IO packets on a WebSocket, in an upgrade, and around the heartbeat.

A row is the packets sent right after the open packet and why the session is closed, or None if it
goes on. The ids are those of the project's catalogue of hostile input (E: Engine.IO).
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.engineio_min.harness import Clock
from tests.engineio_min.wire import Wire, connect, encode_request
from tests.frames import PING, PONG, Frame
from tests.hostile.stage import PATH, POLLING, WEBSOCKET, Stage, staged
from tests.waiting import until


@dataclass(frozen=True)
class Row:
    """One case: packets, and the reason of the session's end, or None."""

    id: str
    packets: tuple[str | bytes, ...]
    reason: str | None


ROWS = [
    *[
        Row(f"E01-type-{kind!a}", (kind,), "parse error")
        for kind in ("7", "8", "9", "a", "\0", " 4", "\uff14", "-1", "[", "{}", "null")
    ],
    Row("W25-empty", ("",), "parse error"),
    Row("E02-ping", ("2",), "transport error"),
    Row("E02-probe", ("2probe",), "transport error"),
    Row("E03-open", ("0",), None),
    Row("E03-open-with-payload", ('0{"sid":"x"}',), None),
    Row("E03-upgrade", ("5",), None),
    Row("E03-noop", ("6", "6junk"), None),
    Row("E04-pongs", ("3",) * 500, None),
    Row("E05-junk-pong", ("3zzz", "3probe"), None),
    Row("E08-two-packets-in-a-frame", ("40\x1e40",), "forced close"),
    Row("E09-base64", ("bAQI",), "parse error"),
    Row("E09-binary-as-text", ("bAQID",), "forced close"),
    Row("close-packet", ("1",), "transport close"),
    Row("close-packet-with-payload", ("1junk", "40"), "transport close"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
async def test_hostile_packets(row: Row) -> None:
    async with staged() as stage:
        deadlines = len(stage.io.engine.timer)
        wire = await stage.opened()
        await wire.send_packet(*row.packets)
        if row.reason is None:
            await wire.send_packet("40")
            assert await wire.packet() == f'40{{"sid":"{stage.sockets[-1].id}"}}'
            # The session's own and the one for joining, whatever was sent.
            assert len(stage.io.engine.timer) <= deadlines + 2
        else:
            assert await wire.close_code() == 1005
            assert stage.records.reasons == [row.reason]


# --- the heartbeat


async def test_pongs_do_not_put_the_heartbeat_off(clock: Clock) -> None:
    """E04 and E06: after 10,000 pongs the normal deadline, and one deadline all the time."""
    async with staged(connect_timeout=1000) as stage:
        wire = await stage.opened()
        deadlines = len(stage.io.engine.timer)
        await wire.send_packet(*["3"] * 10_000)
        # Read in shares: a pong that is read after the ping below would be its answer.
        await wire.send_frame(PING, b"all read")
        assert await wire.frame() == Frame(PONG, b"all read")
        await stage.honest_client_works()
        # One more at most, while the rest of a frame is due.
        assert len(stage.io.engine.timer) <= deadlines + 1
        await clock.advance(25)
        await stage.honest_client_works()
        assert await wire.packet() == "2"
        await clock.advance(20)
        assert await wire.close_code() == 1005
        assert stage.records.reasons == ["ping timeout"]


async def test_traffic_is_no_pong(clock: Clock) -> None:
    """E07: other packets put the end off once."""
    async with staged(connect_timeout=1000) as stage:
        wire = await stage.opened()
        await clock.advance(25)
        await stage.honest_client_works()
        assert await wire.packet() == "2"
        for _ in range(3):
            await clock.advance(10)
            await wire.send_packet("6")
            await stage.honest_client_works()
            if stage.records.reasons:
                break
        assert await wire.close_code() == 1005
        assert stage.records.reasons == ["ping timeout"]


# --- the upgrade

CANDIDATES = [
    Row("E10-wrong-probe", ("2wrong",), None),
    Row("E10-no-probe", ("2",), None),
    Row("E11-upgrade-without-probe", ("5",), None),
    Row("E12-message-first", ("40",), None),
    Row("E12-binary-first", (b"\0",), None),
    Row("E12-message-after-probe", ("2probe", "40"), None),
    Row("E12-second-probe", ("2probe", "2probe"), None),
    Row("E13-close-packet", ("2probe", "1"), None),
    Row("empty", ("",), None),
    Row("junk", ("\uffff",), None),
]


@pytest.mark.parametrize("row", CANDIDATES, ids=lambda row: row.id)
async def test_a_hostile_candidate_costs_only_itself(row: Row) -> None:
    async with staged() as stage:
        sid = await stage.polling()
        wire = await stage.websocket(f"{WEBSOCKET}&sid={sid}")
        await wire.send_packet(*row.packets)
        if row.packets[0] == "2probe":
            assert await wire.packet() == "3probe"
        assert await wire.close_code() == 1005
        await assert_upgrades(stage, sid)


async def assert_upgrades(stage: Stage, sid: str) -> None:
    """The session lives on polling, and another candidate may carry it."""
    async with connect(stage.port) as poller:
        target = f"{POLLING}&sid={sid}"
        assert (await poller.request("POST", target, None, b"40")).text == "ok"
        assert (await poller.request("GET", target)).text.startswith('40{"sid":"')
    wire = await stage.websocket(f"{WEBSOCKET}&sid={sid}")
    await wire.send_packet("2probe")
    assert await wire.packet() == "3probe"
    await wire.send_packet("5", '421["echo"]')
    assert await wire.packet() == "431[]"


@pytest.mark.parametrize("probed", [False, True])
async def test_a_candidate_that_vanishes(probed: bool) -> None:
    """E13."""
    async with staged() as stage:
        sid = await stage.polling()
        wire = await stage.websocket(f"{WEBSOCKET}&sid={sid}")
        if probed:
            await wire.send_packet("2probe")
            assert await wire.packet() == "3probe"
        wire.abort()
        await until(lambda: stage.io.engine.sessions[sid].candidate is None)
        await assert_upgrades(stage, sid)


@pytest.mark.parametrize("probed", [False, True])
async def test_a_candidate_that_goes_no_further(probed: bool, clock: Clock) -> None:
    """E14: 10 seconds."""
    async with staged() as stage:
        sid = await stage.polling()
        wire = await stage.websocket(f"{WEBSOCKET}&sid={sid}")
        if probed:
            await wire.send_packet("2probe")
            assert await wire.packet() == "3probe"
        await clock.advance(10)
        assert await wire.close_code() == 1005
        await assert_upgrades(stage, sid)


async def test_a_second_candidate() -> None:
    """E15: it is closed, the first goes on."""
    async with staged() as stage:
        sid = await stage.polling()
        first = await stage.websocket(f"{WEBSOCKET}&sid={sid}")
        await first.send_packet("2probe")
        assert await first.packet() == "3probe"
        second = await stage.websocket(f"{WEBSOCKET}&sid={sid}")
        await second.send_packet("2probe", "5")
        assert await second.close_code() == 1005
        await first.send_packet("5", "40")
        assert str(await first.packet()).startswith("40{")


async def refused_upgrade(stage: Stage, target: str) -> Wire:
    wire = await stage.wire()
    await wire.send(
        encode_request(
            "GET",
            target,
            {
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            },
        )
    )
    return wire


async def test_an_upgrade_of_another_version() -> None:
    """E17: refused, and the session lives."""
    async with staged() as stage:
        sid = await stage.polling()
        wire = await refused_upgrade(stage, f"{PATH}?EIO=3&transport=websocket&sid={sid}")
        answer = await wire.response()
        assert (answer.status, answer.json["code"]) == (400, 3)
        assert await wire.ended() == b""
        await assert_upgrades(stage, sid)


async def test_an_upgrade_from_a_foreign_origin() -> None:
    """E20: the origin is checked on every request, not on the handshake alone."""
    async with staged() as stage:
        sid = await stage.polling()
        async with connect(stage.port) as wire:
            headers = {
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
                "Origin": "http://evil.example",
            }
            assert (await wire.request("GET", f"{WEBSOCKET}&sid={sid}", headers)).status == 403
            assert (await wire.ended()) == b""
        await assert_upgrades(stage, sid)


async def test_a_probe_releases_the_parked_poll() -> None:
    """E18."""
    async with staged() as stage:
        sid = await stage.polling()
        poll = await stage.wire()
        await poll.send(encode_request("GET", f"{POLLING}&sid={sid}"))
        await until(lambda: stage.io.engine.sessions[sid].session.waiting)
        wire = await stage.websocket(f"{WEBSOCKET}&sid={sid}")
        await wire.send_packet("2probe")
        assert (await poll.response()).text == "6"
        assert await wire.packet() == "3probe"
        await wire.send_packet("5", "1")
        assert await wire.close_code() == 1005


async def test_a_post_that_is_read_while_the_session_upgrades() -> None:
    """E19: nothing lost, nothing twice, in order, on both ways."""
    async with staged() as stage:
        sid = await stage.polling()
        target = f"{POLLING}&sid={sid}"
        async with connect(stage.port) as poller:
            assert (await poller.request("POST", target, None, b"40")).text == "ok"
        socket = stage.sockets[-1]
        body = "\x1e".join(f'42["echo",{number}]' for number in range(500)).encode()
        post = await stage.wire()
        head = encode_request("POST", target, {"Content-Length": str(len(body))})
        await post.send(head + body[:1000])
        wire = await stage.websocket(f"{WEBSOCKET}&sid={sid}")
        for number in range(500):
            socket.emit("news", number)
        await wire.send_packet("2probe")
        assert await wire.packet() == "3probe"
        await wire.send_packet("5")
        await until(lambda: stage.io.engine.sessions[sid].transport == "websocket")
        for number in range(500, 1000):
            socket.emit("news", number)
        await post.send(body[1000:])
        assert (await post.response()).text == "ok"
        await wire.send_packet('421["echo"]')
        assert str(await wire.packet()).startswith("40{")
        for number in range(1000):
            assert await wire.packet() == f'42["news",{number}]'
        assert await wire.packet() == "431[]"
        assert [event[1] for event in stage.events if len(event) > 1][1:] == list(range(500))
