"""Hostile polling: each row is a request for a session that polls, the answer, and what becomes of
the session.

"{sid}" in a target is the attacker's session. After the request the session is "open" (a GET and a
POST of it work), "closed" (the next GET is refused with code 1), or there never was one ("none").
The ids are those of the project's catalogue of hostile input (P: polling).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

import pytest

from tests.engineio_min.harness import ERROR, Clock
from tests.engineio_min.wire import HANDSHAKE, Response, connect, encode_request
from tests.hostile.stage import PATH, POLLING, WEBSOCKET, Stage, staged
from tests.waiting import until

SESSION = f"{POLLING}&sid={{sid}}"


@dataclass(frozen=True)
class Row:
    """One case: a request, its answer's status and error code, and the session afterwards."""

    id: str
    request: str
    status: int
    code: int | None
    session: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


def refused(name: str, request: str, code: int, session: str = "none", status: int = 400) -> Row:
    return Row(name, request, status, code, session)


def posted(name: str, body: bytes, session: str = "closed", **headers: str) -> Row:
    """A POST; one that ends the session because it cannot be read is answered with code 3."""
    fields = {field_name.replace("_", "-"): value for field_name, value in headers.items()}
    refusal = session == "closed"
    return Row(
        name,
        f"POST {SESSION}",
        400 if refusal else 200,
        3 if refusal else None,
        session,
        body,
        fields,
    )


BINARY = base64.b64encode(b"\0\1\2\3").decode()

ROWS = [
    *[
        refused(f"P01-transport-{name}", f"GET {PATH}?EIO=4&transport={name}", 0)
        for name in ("", "foo", "__proto__", "constructor", "POLLING", "webtransport")
    ],
    refused("P01-no-transport", f"GET {PATH}?EIO=4", 0),
    *[
        refused(f"P02-version-{version}", f"GET {PATH}?transport=polling{version}", 5)
        for version in ("", "&EIO=", "&EIO=3", "&EIO=5", "&EIO[]=4", "&EIO=04", "&EIO=4.0")
    ],
    *[
        refused(f"P03-handshake-by-{method}", f"{method} {POLLING}", 2)
        for method in ("POST", "PUT", "OPTIONS", "DELETE", "PATCH")
    ],
    *[
        refused(f"P04-{method}-of-{sid or 'nothing'}", f"{method} {POLLING}&sid={sid}", 1)
        for method in ("GET", "POST")
        for sid in ("unknown", "__proto__", "constructor", "", "x" * 1000, "%00", "..%2f")
    ],
    *[
        refused(f"P06-two-{name}", f"GET {SESSION}&{name}={value}", 3, "open")
        for name, value in (("sid", "x"), ("transport", "polling"), ("EIO", "4"), ("s%69d", "x"))
    ],
    refused("P08-a-sid-of-ones-own", f"GET {POLLING}&sid=AAAAAAAAAAAAAAAAAAAA", 1),
    refused("P09-websocket-by-get", f"GET {WEBSOCKET}", 3),
    refused("P09-websocket-by-get-with-sid", f"GET {WEBSOCKET}&sid={{sid}}", 3, "open"),
    *[posted(f"P12-body-{body!a}", body) for body in (b"", b"\x1e", b"\x1e\x1e", b"4a\x1e")],
    *[posted(f"P12-packet-{body!a}", body) for body in (b"9", b"a", b"\0", b" 4a", b"\n")],
    posted("P14-upgrade-and-noop", b"5\x1e6\x1e0{}", "open"),
    *[
        Row(f"P15-{body.decode()}", f"POST {SESSION}", 200, None, "closed", body)
        for body in (b"2", b"2probe")
    ],
    Row("P16-close", f"POST {SESSION}", 200, None, "closed", b"1"),
    *[
        posted(f"P17-base64-{data!a}", b"b" + data)
        for data in (b"!!!!", b"AQI", b"AQI==", b"AQ==AQ==", b"_-__", b"AQ\nID", b"=", b"AR==")
    ],
    posted("P18-not-utf-8", b"4\xff\xfe"),
    posted("P18-surrogate", b"4\xed\xa0\x80"),
    posted("P19-too-many-packets", b"\x1e".join([b"6"] * 10_001)),
    posted("P19-100000-packets", b"\x1e".join([b"6"] * 100_000)),
    posted("P19-many-packets", b"\x1e".join([b"6"] * 10_000), "open"),
    Row("P20-too-large", f"POST {SESSION}", 413, None, "closed", b"4" * 1_000_001),
    Row(
        "P20-too-large-by-declaration",
        f"POST {SESSION}",
        413,
        None,
        "closed",
        None,
        {"Content-Length": "1000001"},
    ),
    Row(
        "P21-octets",
        f"POST {SESSION}",
        400,
        None,
        "closed",
        b"4a",
        {"Content-Type": "application/octet-stream"},
    ),
    posted("P22-no-content-type", b"6", "open"),
    posted("P22-odd-content-type", b"6", "open", Content_Type="image/png;\x22"),
    refused("P28-jsonp", f"GET {POLLING}&j=1;alert(1)", 3),
    refused("P28-jsonp-of-a-session", f"GET {SESSION}&j=0", 3, "open"),
    *[
        Row(f"session-by-{method}", f"{method} {SESSION}", 400, 3, "open", b"6")
        for method in ("PUT", "DELETE", "OPTIONS", "TRACE")
    ],
    refused(
        "E17-session-of-another-version",
        f"GET {PATH}?EIO=3&transport=polling&sid={{sid}}",
        3,
        "open",
    ),
    Row(
        "foreign-origin",
        f"GET {POLLING}",
        403,
        None,
        "none",
        None,
        {"Origin": "http://evil.example"},
    ),
    Row("null-origin", f"GET {POLLING}", 403, None, "none", None, {"Origin": "null"}),
    Row(
        "foreign-origin-of-a-session",
        f"GET {SESSION}",
        403,
        None,
        "open",
        None,
        {"Origin": "http://localhost.evil.example"},
    ),
]


async def send(
    stage: Stage, request: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> Response:
    method, target = request.split(" ")
    async with connect(stage.port) as wire:
        return await wire.request(method, target, headers, body)


async def assert_works(stage: Stage, sid: str) -> None:
    """The session can join the namespace, and leaves."""
    target = f"{POLLING}&sid={sid}"
    assert (await send(stage, f"POST {target}", b"40")).text == "ok"
    assert (await send(stage, f"GET {target}")).text == f'40{{"sid":"{stage.sockets[-1].id}"}}'
    assert (await send(stage, f"POST {target}", b"1")).text == "ok"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
async def test_hostile_polling(row: Row) -> None:
    async with staged() as stage:
        sid = "" if row.session == "none" else await stage.polling()
        before = len(stage.io.engine.sessions)
        answer = await send(stage, row.request.replace("{sid}", sid), row.body, row.headers)
        assert answer.status == row.status
        if row.code is not None:
            assert answer.text == f'{{"code":{row.code},"message":"{ERROR[row.code]}"}}'
        if row.session == "open":
            await assert_works(stage, sid)
        elif row.session == "closed":
            refusal = await send(stage, f"GET {POLLING}&sid={sid}")
            assert refusal.text == '{"code":1,"message":"Session ID unknown"}'
        else:
            assert len(stage.io.engine.sessions) == before


async def test_good_packets_before_a_bad_one_count() -> None:
    """P13."""
    async with staged() as stage:
        sid = await stage.polling()
        body = b'40\x1e42["echo",1]\x1e9\x1e42["echo",2]'
        answer = await send(stage, f"POST {POLLING}&sid={sid}", body)
        assert (answer.status, answer.json["code"]) == (400, 3)
        assert stage.events[1:] == [["echo", 1]]
        assert stage.records.reasons == ["parse error"]


async def test_two_gets_at_once() -> None:
    """P10: the second is refused, the first learns that the session is over."""
    async with staged() as stage:
        sid = await stage.polling()
        parked = await stage.wire()
        await parked.send(encode_request("GET", f"{POLLING}&sid={sid}"))
        await until(lambda: stage.io.engine.sessions[sid].session.waiting)
        assert (await send(stage, f"GET {POLLING}&sid={sid}")).status == 400
        assert (await parked.response()).text == "1"
        assert stage.records.reasons == ["transport error"]


async def test_two_posts_at_once() -> None:
    """P11."""
    async with staged() as stage:
        sid = await stage.polling()
        target = f"{POLLING}&sid={sid}"
        first = await stage.wire()
        await first.send(encode_request("POST", target, {"Content-Length": "100"}) + b"4")
        await until(lambda: len(stage.io.engine.http.connections) == 2)
        await stage.honest_client_works()
        assert (await send(stage, f"POST {target}", b"6")).status == 400
        assert (await first.response()).status == 400
        assert stage.records.reasons == ["transport error"]


async def test_a_peer_that_vanishes_while_its_poll_is_parked() -> None:
    """P23."""
    async with staged() as stage:
        sid = await stage.polling()
        parked = await stage.wire()
        await parked.send(encode_request("GET", f"{POLLING}&sid={sid}"))
        await until(lambda: stage.io.engine.sessions[sid].session.waiting)
        parked.abort()
        await until(lambda: stage.records.reasons == ["transport error"])


async def test_a_session_that_never_polls(clock: Clock) -> None:
    """P24: it is gone after a ping's interval and timeout, and what waits for it is bounded."""
    async with staged(max_buffered=10_000, connect_timeout=1000) as stage:
        silent, flooded = await stage.polling(), await stage.polling()
        assert (await send(stage, f"POST {POLLING}&sid={flooded}", b"40")).text == "ok"
        for _ in range(20):
            stage.sockets[-1].emit("news", "x" * 1000)
        await until(lambda: stage.records.reasons == ["slow consumer"])
        await clock.advance(25)
        await stage.honest_client_works()
        assert silent in stage.io.engine.sessions
        await clock.advance(20)
        await until(lambda: stage.records.reasons == ["slow consumer", "ping timeout"])


async def test_a_session_that_never_joins(clock: Clock) -> None:
    """P25."""
    async with staged(ping_interval=1000) as stage:
        wire = await stage.opened()
        await clock.advance(45)
        assert await wire.close_code() == 1005
        assert stage.records.reasons == ["forced close"]


async def test_polling_for_an_upgraded_session() -> None:
    """P27 and E16: refused, and the WebSocket goes on."""
    async with staged() as stage:
        sid = await stage.polling()
        wire = await stage.websocket(f"{WEBSOCKET}&sid={sid}")
        await wire.send_packet("2probe")
        assert await wire.packet() == "3probe"
        await wire.send_packet("5", "40")
        assert await wire.packet() == f'40{{"sid":"{stage.sockets[-1].id}"}}'
        for method, body in (("GET", None), ("POST", b'42["echo"]')):
            answer = await send(stage, f"{method} {POLLING}&sid={sid}", body)
            assert (answer.status, answer.json["code"]) == (400, 3)
        second = await stage.websocket(f"{WEBSOCKET}&sid={sid}")
        assert await second.close_code() == 1005
        assert (
            await send(
                stage, f"GET {WEBSOCKET}&sid={sid}", None, HANDSHAKE | {"Sec-WebSocket-Key": "YQ=="}
            )
        ).status == 400
        await wire.send_packet('421["echo",1]')
        assert await wire.packet() == "431[1]"


async def test_parameters_that_mean_nothing() -> None:
    """P29."""
    async with staged() as stage:
        before = set(stage.io.engine.sessions)
        answer = await send(stage, f"GET {POLLING}&b64=1&t={'x' * 7000}&__proto__=1&sid[]=a")
        assert answer.status == 200
        (sid,) = stage.io.engine.sessions.keys() - before
        await assert_works(stage, sid)
