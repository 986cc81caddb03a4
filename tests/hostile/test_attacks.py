"""Attacks that take more than one input: floods, piles of sessions, costs that must stay linear.

Each is the story of a weakness that servers of this kind have had. No clock decides: costs are
counted in memory, in objects, or in steps.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import tracemalloc

import pytest

from tests.engineio_min.harness import Clock
from tests.engineio_min.wire import HANDSHAKE, connect, encode_request
from tests.frames import encode_frame
from tests.hostile.stage import PATH, POLLING, WEBSOCKET, Stage, staged
from tests.waiting import until

MEGABYTE = 1_000_000


async def post(stage: Stage, sid: str, body: bytes) -> int:
    async with connect(stage.port) as wire:
        return (await wire.request("POST", f"{POLLING}&sid={sid}", None, body)).status


async def test_ids_are_not_guessable() -> None:
    """120 random bits each; the session's id is not the socket's, and neither is a login."""
    async with staged() as stage:
        sids = {await stage.polling() for _ in range(50)}
        assert len(sids) == 50
        assert {len(sid) for sid in sids} == {len(secrets.token_urlsafe(15))}
        wire = await stage.joined()
        assert stage.sockets[-1].id not in stage.io.engine.sessions
        await wire.send_packet(f'421["echo","{stage.sockets[-1].id}"]')
        assert str(await wire.packet()).startswith("431")
        async with connect(stage.port) as stranger:
            target = f"{POLLING}&sid={stage.sockets[-1].id}"
            assert (await stranger.request("GET", target)).json["code"] == 1
        assert await asyncio.gather(*[post(stage, sid, b"1") for sid in sids]) == [200] * 50


@pytest.mark.parametrize(
    "body",
    [
        b"\x1e".join([b"6"] * 10_000),
        b"\x1e" * 999_999,
        b"4" * MEGABYTE,
        b"b" + b"A" * 999_996,
        b"b" * MEGABYTE,
        b"42" + b"[" * 999_998,
        b"45" + b"1" * 999_998,
        b"42" + b"1" * 999_998,
        b"42/" + b"a" * 999_997,
        b"451-" + b'["echo",' + b'{"_placeholder":true,"num":0},' * 33_000 + b"1]",
    ],
    ids=lambda body: repr(body[:10]),
)
async def test_the_worst_megabytes_cost_memory_in_proportion(body: bytes) -> None:
    async with staged() as stage:
        sid = await stage.polling()
        assert await post(stage, sid, b"40") == 200
        tracemalloc.start()
        try:
            assert await post(stage, sid, body) in (200, 400)
            # Objects of a megabyte of JSON included.
            assert tracemalloc.get_traced_memory()[1] < 60 * MEGABYTE
        finally:
            tracemalloc.stop()
        await stage.honest_client_works()
        async with connect(stage.port) as wire:
            # The answer to CONNECT, if it still waits; then the end, whoever's it is.
            target = f"{POLLING}&sid={sid}"
            await wire.request("GET", target)
            await asyncio.gather(wire.request("GET", target), post(stage, sid, b"1"))


@pytest.mark.parametrize(
    "header",
    [
        ("Sec-WebSocket-Protocol", " " * 15_000),
        ("Sec-WebSocket-Protocol", "a," * 7_500),
        ("Sec-WebSocket-Extensions", "a;" * 7_500),
        ("Accept-Encoding", "gzip;" * 3_000),
        ("Cookie", "=;" * 7_500),
        ("X-Forwarded-For", "\x20\t" * 7_500 + "a"),
        ("Origin", "http://" + "a." * 7_000),
    ],
    ids=lambda header: header[0],
)
async def test_long_headers_are_only_long(header: tuple[str, str]) -> None:
    async with staged() as stage:
        wire = await stage.wire()
        answer = await wire.request("GET", WEBSOCKET, {**HANDSHAKE, header[0]: header[1]})
        assert answer.status in (101, 403)


async def test_answered_on_every_path() -> None:
    """However a POST goes wrong, it is answered: an unanswered one holds a connection."""
    async with staged() as stage:
        bodies: list[tuple[dict[str, str], bytes]] = [
            ({"Content-Type": "application/octet-stream"}, b"4a"),
            ({"Content-Type": "application/octet-stream; charset=x"}, b"4a"),
            ({}, b""),
            ({}, b"\xff"),
            ({}, b"4" * (MEGABYTE + 1)),
            ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x--"),
            ({"Content-Encoding": "br"}, b"x"),
            ({"Transfer-Encoding": "chunked, chunked"}, b"x"),
        ]
        for headers, body in bodies:
            sid = await stage.polling()
            async with connect(stage.port) as wire:
                answer = await wire.request("POST", f"{POLLING}&sid={sid}", headers, body)
                assert answer.status >= 400
            if sid in stage.io.engine.sessions:
                assert await post(stage, sid, b"1") == 200


async def test_a_thousand_abandoned_sessions(clock: Clock) -> None:
    """They are gone after a ping's interval and timeout, all of them."""
    async with staged(connect_timeout=1000) as stage:
        async with connect(stage.port) as wire:
            for _ in range(1_000):
                assert (await wire.request("GET", POLLING)).status == 200
        assert len(stage.io.engine.sessions) == 1_001
        for seconds in (25, 20):
            await clock.advance(seconds)
            await stage.honest_client_works()
        await until(lambda: len(stage.io.engine.sessions) == 1)
        assert stage.records.reasons == ["ping timeout"] * 1_000


async def test_a_flood_of_binary_headers_and_attachments_keeps_nothing() -> None:
    async with staged() as stage:
        wire = await stage.joined()
        piece = b"".join(
            encode_frame(1, b'451-["shh",{"_placeholder":true,"num":0}]')
            + encode_frame(2, b"a" * 500)
            for _ in range(50)
        )
        for _ in range(20):
            await wire.send(piece)
        await wire.send_packet('421["echo"]')
        assert await wire.packet() == "431[]"
        tracemalloc.start()
        try:
            for _ in range(100):
                await wire.send(piece)
            await wire.send_packet('421["echo"]')
            assert await wire.packet() == "431[]"
            stage.events.clear()
            assert tracemalloc.get_traced_memory()[0] < MEGABYTE
        finally:
            tracemalloc.stop()


async def test_the_pieces_of_a_message_are_not_kept_apart() -> None:
    """A megabyte a byte a read costs what a megabyte costs."""
    async with staged() as stage:
        wire = await stage.opened()
        wire.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = encode_frame(1, b"4" + b"x" * 60_000)
        tracemalloc.start()
        try:
            for place in range(0, 30_000, 3):
                wire.writer.write(data[place : place + 3])
                await asyncio.sleep(0)
            await stage.honest_client_works()
            assert tracemalloc.get_traced_memory()[1] < MEGABYTE
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    "answer",
    ["Origin: http://a\r\nSet-Cookie: a=b", "Sec-WebSocket-Protocol: a\r\n Set-Cookie: a=b"],
)
async def test_no_header_of_ours_is_split_by_one_of_theirs(answer: str) -> None:
    async with staged(cors="*") as stage:
        wire = await stage.wire()
        head = encode_request("GET", WEBSOCKET, HANDSHAKE)
        await wire.send(head.replace(b"\r\n\r\n", b"\r\n" + answer.encode() + b"\r\n\r\n"))
        reply = await wire.response()
        assert "set-cookie" not in reply.headers


async def test_what_is_logged_has_no_control_characters() -> None:
    async with staged() as stage:
        wire = await stage.opened()
        await wire.send_packet("\x1b[31mred\x1b[0m\n")
        assert await wire.close_code() == 1005
        async with connect(stage.port) as other:
            await other.request("GET", f"{PATH}?EIO=4&transport=%1b[31m%0a")
            await other.request("GET", POLLING, {"Origin": "http://\xff\x85"})
        wire = await stage.joined()
        await wire.send_packet("42\x1b[31m")
        assert await wire.close_code() == 1005
        for record in stage.records.records:
            text = record.getMessage()
            assert text.isprintable() or record.name == "asyncio", text


async def test_no_traceback_reaches_a_peer() -> None:
    async with staged() as stage:
        stage.failures = 2

        def broken(_request: object) -> None:
            raise ValueError("a secret of the server")

        wire = await stage.joined()
        await wire.send_packet('421["fail"]', '422["echo"]')
        assert await wire.packet() == "432[]"
        object.__setattr__(stage.io.engine.options, "allow_request", broken)
        async with connect(stage.port) as other:
            answer = await other.request("GET", POLLING)
        assert answer.text == '{"code":3,"message":"Bad request"}'


async def test_names_that_python_or_javascript_would_act_on() -> None:
    """Handlers and namespaces are looked up in dictionaries, and values are only values."""
    async with staged() as stage:
        wire = await stage.joined()
        names = ["__class__", "__proto__", "emit", "namespace", "_client", "__dict__"]
        await wire.send_packet(*[f"42{json.dumps([name, {name: 1}])}" for name in names])
        await wire.send_packet(f"421{json.dumps(['echo', dict.fromkeys(names, 1)])}")
        assert json.loads(str(await wire.packet())[3:]) == [dict.fromkeys(names, 1)]


async def test_too_many_connections_are_refused_before_they_cost_anything() -> None:
    async with staged(max_connections=3) as stage:
        opened = [await stage.opened() for _ in range(2)]
        async with connect(stage.port) as wire:
            assert (await wire.request("GET", POLLING)).status == 503
        opened[0].abort()
        await until(lambda: len(stage.io.engine.sessions) == 2)
        await stage.opened()
