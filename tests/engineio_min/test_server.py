"""server.py: who may open a session, the refusals, the hooks, the handlers, the end of it all."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import resource
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import uvloop

from engineio_min import (
    Connection,
    CookieOptions,
    Forbidden,
    HttpServer,
    Request,
    RequestRefused,
    Response,
    Server,
    UsageError,
)
from engineio_min.http.exchange import HttpExchange
from tests.engineio_min.harness import (
    PATH,
    POLLING,
    WEBSOCKET,
    Harness,
    assert_refused,
    serving,
)
from tests.engineio_min.wire import (
    HANDSHAKE,
    Wire,
    connect,
    encode_request,
    packet_frame,
)
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).resolve().parents[2]

# --- refusals, in the official order of the checks


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", 0),
        ("EIO=4", 0),
        ("EIO=4&transport=", 0),
        ("EIO=4&transport=abc", 0),
        ("EIO=4&transport=__proto__", 0),
        ("EIO=4&transport=constructor", 0),
        ("EIO=4&transport=webtransport", 0),
        ("EIO=4&transport=Polling", 0),
        ("EIO=3&transport=abc&sid=x", 0),
        ("EIO=4&transport=polling&sid=x", 1),
        ("EIO=3&transport=polling&sid=x", 1),
        ("EIO=4&transport=polling&sid=__proto__", 1),
        ("EIO=4&transport=polling&sid=", 1),
        ("EIO=4&transport=websocket", 3),
        ("EIO=4&transport=websocket&sid=x", 3),
        ("EIO=4&transport=polling&j=0", 3),
        ("EIO=4&transport=polling&transport=polling", 3),
        ("EIO=4&EIO=4&transport=polling", 3),
        ("EIO=4&transport=polling&sid=a&sid=b", 3),
        ("transport=polling", 5),
        ("EIO=&transport=polling", 5),
        ("EIO=3&transport=polling", 5),
        ("EIO=5&transport=polling", 5),
        ("EIO=abc&transport=polling", 5),
        ("EIO=04&transport=polling", 5),
        ("EIO[]=4&transport=polling", 5),
    ],
)
async def test_refused_requests(harness: Harness, query: str, code: int) -> None:
    assert_refused(await harness.request("GET", f"{PATH}?{query}"), code)
    assert harness.connections == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
async def test_a_handshake_by_another_method(harness: Harness, method: str) -> None:
    assert_refused(await harness.request(method, POLLING), 2)
    assert harness.connections == []


async def test_a_handshake_by_head(harness: Harness) -> None:
    wire = await harness.wire()
    response = await wire.request("HEAD", POLLING)
    assert response.status == 400
    assert (await wire.request("GET", POLLING)).status == 200
    assert len(harness.connections) == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_a_session_survives_other_methods(harness: Harness, method: str) -> None:
    poller = await harness.poller()
    assert_refused(await harness.request(method, poller.target), 3)
    await poller.post("4alive")
    assert (await poller.get()).text == "4alive"


async def test_another_version_for_a_session(harness: Harness) -> None:
    poller = await harness.poller()
    target = poller.target.replace("EIO=4", "EIO=3")
    assert_refused(await harness.request("GET", target), 3)
    assert (await harness.request("POST", poller.target.replace("EIO=4&", ""), None, b"4a")).text
    assert harness.received == ["a"]


@pytest.mark.parametrize("query", ["EIO=3&transport=websocket", "transport=websocket"])
async def test_a_websocket_is_refused_before_it_opens(harness: Harness, query: str) -> None:
    assert_refused(await harness.request("GET", f"{PATH}?{query}", HANDSHAKE), 5)


@pytest.mark.parametrize("extra", ["t=" + "x" * 7_000, "b64=1", "a=1&a=2", "%ff=%zz"])
async def test_other_parameters_are_ignored(harness: Harness, extra: str) -> None:
    assert (await harness.request("GET", f"{POLLING}&{extra}")).status == 200


@pytest.mark.parametrize(
    ("transports", "allowed", "refused"),
    [(("polling",), POLLING, WEBSOCKET), (("websocket",), WEBSOCKET, POLLING)],
)
async def test_transports_can_be_switched_off(
    transports: tuple[str, ...], allowed: str, refused: str
) -> None:
    def headers(target: str) -> dict[str, str]:
        return HANDSHAKE if target == WEBSOCKET else {}

    async with serving(transports=transports) as harness:
        assert (await harness.request("GET", allowed, headers(allowed))).status in (200, 101)
        assert_refused(await harness.request("GET", refused, headers(refused)), 0)


async def test_another_path() -> None:
    async with serving(path="/socket.io") as harness:
        response = await harness.request("GET", "/socket.io/?EIO=4&transport=polling")
        assert response.status == 200
        assert (await harness.request("GET", POLLING)).status == 404


async def test_refusals_are_reported() -> None:
    reported: list[tuple[int, str, str]] = []

    def report(error: RequestRefused, request: Request) -> None:
        reported.append((error.code, error.context, request.method))

    async with serving(connection_error=report) as harness:
        await harness.request("GET", f"{POLLING}&sid=x")
        await harness.request("POST", POLLING)
    assert reported == [
        (1, "got the id of no open session", "GET"),
        (2, "got a handshake by POST", "POST"),
    ]


@pytest.mark.parametrize("kind", ["at once", "later", "in a body"])
async def test_a_report_that_fails_changes_no_refusal(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    def report(_error: RequestRefused, _request: Request) -> None:
        raise RuntimeError("a mistake")

    async def allow(_request: Request) -> None:
        if kind == "later":
            await asyncio.sleep(0)
            raise Forbidden("no entry")

    async with serving(connection_error=report, allow_request=allow) as harness:
        if kind == "at once":
            assert_refused(await harness.request("GET", f"{POLLING}&sid=x"), 1)
        elif kind == "later":
            response = await harness.request("GET", POLLING)
            assert (response.status, response.json["message"]) == (403, "no entry")
        else:
            poller = await harness.poller()
            assert_refused(await poller.post("x"), 3)
            assert harness.closed == ["parse error"]
    assert "connection_error failed" in caplog.text
    assert "a mistake" in caplog.text


async def test_a_failure_of_the_server_is_not_the_clients(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(HttpServer):
        def handle(self, exchange: HttpExchange) -> None:
            raise RuntimeError("a mistake")

    async with serving(http=Broken()) as harness:
        response = await harness.request("GET", POLLING)
        assert (response.status, response.text) == (500, "the server failed")
        assert "a mistake" in caplog.text


# --- allow_request

# --- allow_request


def asynchronous(check: Callable[[Request], None]) -> Callable[[Request], object]:
    async def later(request: Request) -> None:
        await asyncio.sleep(0)
        check(request)

    return later


def refuse(_request: Request) -> None:
    raise Forbidden("no entry")


def refuse_silently(_request: Request) -> None:
    raise Forbidden


def fail(_request: Request) -> None:
    raise RuntimeError("a mistake")


BOTH_KINDS = pytest.mark.parametrize("kind", [lambda check: check, asynchronous])
BOTH_TRANSPORTS = pytest.mark.parametrize(
    ("target", "headers"), [(POLLING, {}), (WEBSOCKET, HANDSHAKE)]
)


@BOTH_KINDS
@BOTH_TRANSPORTS
async def test_allow_request_sees_every_handshake_and_only_those(
    kind: Callable[..., Callable[[Request], None]], target: str, headers: dict[str, str]
) -> None:
    seen: list[str] = []

    def check(request: Request) -> None:
        seen.append(request.query["token"] + request.headers["x-a"])

    async with serving(allow_request=kind(check)) as harness:
        response = await harness.request("GET", f"{target}&token=a", {**headers, "X-A": "b"})
        assert response.status in (200, 101)
        assert_refused(await harness.request("GET", f"{target}&sid=x", headers), 1)
    assert seen == ["ab"]


@BOTH_KINDS
@BOTH_TRANSPORTS
@pytest.mark.parametrize(
    ("check", "message"), [(refuse, "no entry"), (refuse_silently, "Forbidden")]
)
async def test_allow_request_may_refuse(
    kind: Callable[..., Callable[[Request], None]],
    target: str,
    headers: dict[str, str],
    check: Callable[[Request], None],
    message: str,
) -> None:
    async with serving(allow_request=kind(check)) as harness:
        response = await harness.request("GET", target, headers)
        assert response.status == 403
        assert response.headers["content-type"] == "application/json"
        assert response.json == {"code": 4, "message": message}
        assert harness.connections == []


@BOTH_KINDS
@BOTH_TRANSPORTS
async def test_an_allow_request_that_fails_is_a_bad_request(
    kind: Callable[..., Callable[[Request], None]],
    target: str,
    headers: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving(allow_request=kind(fail)) as harness:
        assert_refused(await harness.request("GET", target, headers), 3)
        assert harness.connections == []
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@BOTH_KINDS
async def test_the_version_is_checked_last(
    kind: Callable[..., Callable[[Request], None]],
) -> None:
    async with serving(allow_request=kind(lambda _: None)) as harness:
        assert_refused(await harness.request("GET", f"{PATH}?EIO=3&transport=polling"), 5)


class Deciding:
    """An `allow_request` that decides when `verdict` is there, if ever."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.verdict: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def __call__(self, _request: Request) -> None:
        self.asked.set()
        await self.verdict


@pytest.mark.parametrize("outcome", [None, Forbidden("no"), RuntimeError("a mistake")])
@BOTH_TRANSPORTS
async def test_a_client_that_leaves_during_allow_request(
    target: str, headers: dict[str, str], outcome: Exception | None
) -> None:
    allow = Deciding()
    async with serving(allow_request=allow) as harness:
        wire = await harness.wire()
        await wire.send(encode_request("GET", target, headers))
        await allow.asked.wait()
        wire.abort()
        await until(lambda: not harness.server.http.connections)
        if outcome is None:
            allow.verdict.set_result(None)
        else:
            allow.verdict.set_exception(outcome)
        await until(lambda: not harness.server._tasks)
        assert harness.connections == []
        assert not harness.server.sessions


async def test_frames_that_come_during_allow_request_are_kept() -> None:
    allow = Deciding()
    async with serving(allow_request=allow) as harness:
        wire = await harness.wire()
        await wire.send(encode_request("GET", WEBSOCKET, HANDSHAKE) + packet_frame("4a"))
        await allow.asked.wait()
        await wire.send_packet("4b")
        for _ in range(10):
            await asyncio.sleep(0)
        await wire.send_packet("4c")
        allow.verdict.set_result(None)
        assert (await wire.response()).status == 101
        assert str(await wire.packet())[:1] == "0"
        assert [await wire.packet() for _ in range(3)] == ["4a", "4b", "4c"]


async def test_the_server_may_stop_during_allow_request() -> None:
    allow = Deciding()
    async with serving(allow_request=allow) as harness:
        wire = await harness.wire()
        await wire.send(encode_request("GET", POLLING))
        await allow.asked.wait()
        await harness.server.stop()
        assert (await wire.response()).status == 503
        assert await wire.ended() == b""


async def test_the_server_may_stop_after_the_client_left_during_allow_request() -> None:
    allow = Deciding()
    async with serving(allow_request=allow) as harness:
        wire = await harness.wire()
        await wire.send(encode_request("GET", POLLING))
        await allow.asked.wait()
        wire.abort()
        await until(lambda: not harness.server.http.connections)
        await harness.server.stop()
        await until(lambda: not harness.server._tasks)


# --- stop_accepting


async def stopping(wire: Wire, target: str, headers: dict[str, str] | None = None) -> None:
    """The handshake is refused, and its connection ends."""
    response = await wire.request("GET", target, headers)
    assert response.status == 503
    assert response.headers["connection"] == "close"
    assert response.json == {"code": 4, "message": "Server is stopping"}
    assert await wire.ended() == b""


async def test_a_server_that_stops_accepting_serves_those_who_are_there() -> None:
    async with serving() as harness:
        poller, mover = await harness.poller(), await harness.poller()
        wire = await harness.opened_websocket()
        idle = [await harness.wire() for _ in range(4)]
        await until(lambda: len(harness.server.http.connections) == 9)
        port = harness.port
        harness.server.stop_accepting()
        harness.server.stop_accepting()
        assert harness.port == port
        with pytest.raises(ConnectionRefusedError):
            await harness.wire()
        await stopping(idle[0], POLLING)
        await stopping(idle[1], WEBSOCKET, HANDSHAKE)
        # A connection that has carried a session before is no different.
        await stopping(mover.getter, POLLING)
        # Sessions go on, and a POST, a poll and an upgrade have the connections that there are.
        await wire.send_packet("4a")
        assert await wire.packet() == "4a"
        assert (await poller.poster.request("POST", poller.target, None, b"4b")).text == "ok"
        response = await poller.get()
        assert response.text == "4b"
        assert "connection" not in response.headers
        assert (
            await idle[2].request("GET", f"{WEBSOCKET}&sid={mover.sid}", HANDSHAKE)
        ).status == 101
        await idle[2].send_packet("2probe")
        assert await idle[2].packet() == "3probe"
        await idle[2].send_packet("5", "4c")
        assert await idle[2].packet() == "4c"
        # A route is not a handshake.
        assert (await idle[3].request("GET", "/nothing")).status == 404


async def test_a_server_that_has_stopped_may_listen_again() -> None:
    server = Server()
    for _ in range(2):
        await server.listen(port=0)
        async with connect(server.port) as wire:
            assert (await wire.request("GET", POLLING)).status == 200
            server.stop_accepting()
            await stopping(wire, POLLING)
        await server.stop()
    with pytest.raises(UsageError, match="no port before"):
        _ = server.port


async def test_a_server_that_is_closed_opens_no_session(harness: Harness) -> None:
    """A connection that is still there, or was accepted as the server closed, is no way in."""
    wires = [await harness.wire() for _ in range(2)]
    harness.server.close()
    await stopping(wires[0], POLLING)
    await stopping(wires[1], WEBSOCKET, HANDSHAKE)
    assert harness.connections == []


async def test_a_handshake_that_is_being_decided_on_is_too_late() -> None:
    allow = Deciding()
    async with serving(allow_request=allow) as harness:
        wire = await harness.wire()
        await wire.send(encode_request("GET", POLLING))
        await allow.asked.wait()
        harness.server.stop_accepting()
        allow.verdict.set_result(None)
        response = await wire.response()
        assert (response.status, response.headers["connection"]) == (503, "close")
        assert harness.connections == []


# --- max_connections, generate_id, cookie, header hooks


async def test_max_connections() -> None:
    async with serving(max_connections=2) as harness:
        poller = await harness.poller()
        await harness.poller()
        for target, headers in ((POLLING, {}), (WEBSOCKET, HANDSHAKE)):
            response = await harness.request("GET", target, headers)
            assert response.status == 503
            assert response.json == {"code": 4, "message": "Too many connections"}
            assert response.headers["connection"] == "close"
        await poller.post("1")
        assert (await harness.request("GET", POLLING)).status == 200


async def test_max_connections_after_a_slow_allow_request() -> None:
    verdict: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asked: list[Request] = []

    async def allow(request: Request) -> None:
        asked.append(request)
        await verdict

    async with serving(max_connections=1, allow_request=allow) as harness:
        wires = [await harness.wire() for _ in range(2)]
        for wire in wires:
            await wire.send(encode_request("GET", POLLING))
        await until(lambda: len(asked) == 2)
        verdict.set_result(None)
        statuses = [(await wire.response()).status for wire in wires]
        assert sorted(statuses) == [200, 503]


async def test_generate_id() -> None:
    def generate(request: Request) -> str:
        return "id-" + request.query["name"]

    async with serving(generate_id=generate) as harness:
        response = await harness.request("GET", f"{POLLING}&name=a")
        assert response.text[:14] == '0{"sid":"id-a"'
        response = await harness.request("POST", f"{POLLING}&sid=id-a", None, b"4a")
        assert response.text == "ok"
        assert list(harness.server.sessions) == ["id-a"]


async def test_an_id_that_is_in_use_opens_no_second_session(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody gets the session of somebody else, who would lose it."""
    async with serving(generate_id=lambda _request: "same") as harness:
        poller = await harness.poller()
        assert_refused(await harness.request("GET", POLLING), 3)
        assert_refused(await harness.request("GET", WEBSOCKET, HANDSHAKE), 3)
        assert "generate_id gave the id of a session that is open" in caplog.text
        await poller.post("4still mine")
        assert (await poller.get()).text == "4still mine"
        assert (await poller.post("1")).status == 200
        await harness.poller()


async def test_a_generate_id_that_fails_is_a_bad_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def generate(_request: Request) -> str:
        raise RuntimeError("a mistake")

    async with serving(generate_id=generate) as harness:
        for target, headers in ((POLLING, {}), (WEBSOCKET, HANDSHAKE)):
            assert_refused(await harness.request("GET", target, headers), 3)
        assert harness.connections == []
    assert "a mistake" in str(caplog.records[0].exc_text)


@pytest.mark.parametrize("asynchronous", [True, False])
async def test_generate_id_may_be_asynchronous(asynchronous: bool) -> None:
    """Also behind an asynchronous `allow_request`."""

    async def generate(request: Request) -> str:
        await asyncio.sleep(0)
        return "id-" + request.query["name"]

    async def allow(_request: Request) -> None:
        await asyncio.sleep(0)

    async with serving(
        generate_id=generate, allow_request=allow if asynchronous else None
    ) as harness:
        response = await harness.request("GET", f"{POLLING}&name=a")
        assert response.text[:14] == '0{"sid":"id-a"'
        wire = await harness.websocket(f"{WEBSOCKET}&name=b")
        packet = await wire.packet()
        assert isinstance(packet, str)
        assert packet[:14] == '0{"sid":"id-b"'
        assert_refused(await harness.request("GET", f"{POLLING}&name=a"), 3)
        assert_refused(await harness.request("GET", f"{POLLING}&name=c&EIO=3"), 3)
        assert_refused(await harness.request("GET", f"{PATH}?EIO=3&transport=polling&name=c"), 5)


@pytest.mark.parametrize("asynchronous", [True, False])
async def test_an_asynchronous_generate_id_that_fails_is_a_bad_request(
    asynchronous: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def generate(_request: Request) -> str:
        raise RuntimeError("a mistake")

    async def allow(_request: Request) -> None:
        await asyncio.sleep(0)

    async with serving(
        generate_id=generate, allow_request=allow if asynchronous else None
    ) as harness:
        for target, headers in ((POLLING, {}), (WEBSOCKET, HANDSHAKE)):
            assert_refused(await harness.request("GET", target, headers), 3)
        assert harness.connections == []
    assert caplog.messages == ["generate_id failed", "generate_id failed"]


async def test_a_client_that_leaves_during_generate_id() -> None:
    decision = asyncio.get_running_loop().create_future()
    asked = asyncio.Event()

    async def generate(_request: Request) -> str:
        asked.set()
        return str(await decision)

    async with serving(generate_id=generate) as harness:
        wire = await harness.wire()
        await wire.send(encode_request("GET", POLLING))
        await asked.wait()
        wire.abort()
        await until(lambda: not harness.server.http.connections)
        decision.set_result("id")
        await until(lambda: not harness.server._tasks)
        assert harness.connections == []


async def test_session_ids_are_long_and_differ(harness: Harness) -> None:
    wire = await harness.wire()
    for _ in range(50):
        await wire.request("GET", POLLING)
    ids = {connection.sid for connection in harness.connections}
    assert len(ids) == 50
    assert {len(sid) for sid in ids} == {20}


@pytest.mark.parametrize(
    ("cookie", "expected"),
    [
        (True, "io={sid}; Path=/; HttpOnly; SameSite=Lax"),
        (CookieOptions(name="x", max_age=1), "x={sid}; Max-Age=1; Path=/; HttpOnly; SameSite=Lax"),
    ],
)
async def test_the_cookie_comes_with_the_polling_handshake_only(
    cookie: CookieOptions | bool, expected: str
) -> None:
    async with serving(cookie=cookie) as harness:
        poller = await harness.poller()
        assert poller.handshake.headers["set-cookie"] == expected.format(sid=poller.sid)
        await poller.post("4a")
        others = [
            await poller.get(),
            await poller.post("4b"),
            await harness.request("GET", WEBSOCKET, HANDSHAKE),
            await harness.request("GET", f"{POLLING}&sid=x"),
        ]
        assert all("set-cookie" not in response.headers for response in others)


async def test_header_hooks() -> None:
    def initial(headers: list[tuple[str, str]], request: Request) -> None:
        headers.append(("X-Initial", request.query["transport"]))

    def every(headers: list[tuple[str, str]], request: Request) -> None:
        headers.append(("X-Every", request.method))

    async with serving(initial_headers=initial, headers=every) as harness:
        poller = await harness.poller()
        assert poller.handshake.headers["x-initial"] == "polling"
        assert poller.handshake.headers["x-every"] == "GET"
        websocket = await harness.request("GET", WEBSOCKET, HANDSHAKE)
        assert websocket.headers["x-initial"] == "websocket"
        assert websocket.headers["x-every"] == "GET"
        post = await poller.post("4a")
        assert post.headers["x-every"] == "POST"
        error = await harness.request("GET", f"{POLLING}&sid=x")
        upgrade = await harness.request("GET", poller.upgrade_target, HANDSHAKE)
        for response in (post, error, upgrade):
            assert "x-initial" not in response.headers
            assert "x-every" in response.headers


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b=c", "a\nb", "a\rb", "a\0b"])
async def test_a_hook_cannot_split_a_response(value: str, caplog: pytest.LogCaptureFixture) -> None:
    def split(headers: list[tuple[str, str]], _request: Request) -> None:
        headers.append(("X-A", value))

    async with serving(headers=split) as harness:
        wire = await harness.wire()
        response = await wire.request("GET", POLLING)
        assert response.status == 200
        assert "x-a" not in response.headers
        assert "set-cookie" not in response.headers
        response = await harness.request("GET", WEBSOCKET, HANDSHAKE)
        assert response.status == 101
        assert "set-cookie" not in response.headers
    assert "control character" in caplog.text


# --- the application's handlers


async def test_the_connection(harness: Harness) -> None:
    poller = await harness.poller()
    connection = harness.connection
    assert connection.sid == poller.sid
    assert connection.transport == "polling"
    assert connection.request.headers["host"] == "localhost"
    assert connection.request.client == "127.0.0.1"
    assert not connection.request.secure
    assert connection.data is None
    connection.data = {"any": "thing"}
    assert connection.data == {"any": "thing"}


async def test_what_a_handler_sends_at_once_comes_with_the_open_packet(harness: Harness) -> None:
    @harness.server.on_connection
    def greet(connection: Connection) -> None:
        connection.send("welcome")

    response = await harness.request("GET", POLLING)
    assert response.text.endswith("}\x1e4welcome")
    wire = await harness.opened_websocket()
    assert await wire.packet() == "4welcome"


async def test_a_handler_that_closes_at_once(harness: Harness) -> None:
    harness.server.on_connection(lambda connection: connection.close())
    wire = await harness.wire()
    response = await wire.request("GET", POLLING)
    assert response.status == 200
    assert response.text[:1] == "0"
    sid = json.loads(response.text.split("\x1e")[0][1:])["sid"]
    second = await wire.request("GET", f"{POLLING}&sid={sid}")
    assert second.text in ("1", '{"code":1,"message":"Session ID unknown"}')
    assert not harness.server.sessions


@BOTH_TRANSPORTS
async def test_a_connection_handler_that_fails_closes_its_session(
    harness: Harness, target: str, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    def failing(_connection: Connection) -> None:
        raise RuntimeError("a mistake")

    harness.server.on_connection(failing)
    assert (await harness.request("GET", target, headers)).status in (200, 101)
    assert not harness.server.sessions
    assert "the connection handler failed" in caplog.text


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_a_message_handler_that_fails_closes_its_session_only(
    harness: Harness, transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    other = await harness.opened_websocket()

    def failing(_message: str | bytes) -> None:
        raise RuntimeError("a mistake")

    if transport == "polling":
        poller = await harness.poller()
        harness.connection.on_message = failing
        assert (await poller.post("4a\x1e4b")).text == "ok"
        await poller.gone()
    else:
        wire = await harness.opened_websocket()
        harness.connection.on_message = failing
        await wire.send_packet("4a", "4b")
        assert await wire.close_code() == 1005
    assert harness.closed == ["forced close"]
    assert caplog.text.count("the message handler failed") == 1
    await other.send_packet("4alive")
    assert await other.packet() == "4alive"


async def test_a_close_handler_that_fails_harms_nobody(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    poller = await harness.poller()

    def failing(_reason: str) -> None:
        raise RuntimeError("a mistake")

    harness.connection.on_close = failing
    assert (await poller.post("1")).text == "ok"
    await poller.gone()
    assert "the close handler failed" in caplog.text


async def test_a_header_hook_that_fails_takes_no_other_connection_with_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Packets of several connections leave in one turn; one that cannot must not stop the rest."""
    failing: list[str] = []

    def hook(_headers: list[tuple[str, str]], request: Request) -> None:
        if request.query.get("sid") in failing:
            raise RuntimeError("a mistake")

    async with serving(headers=hook) as harness:
        first = await harness.poller()
        second = await harness.poller()
        await first.park()
        await second.park()
        failing.append(first.sid)
        for connection in harness.connections:
            connection.send("a")
        assert (await second.getter.response()).text == "4a"
        await second.park()
        harness.connections[1].send("b")
        assert (await second.getter.response()).text == "4b"
    assert "a mistake" in caplog.text


async def test_a_write_that_fails_takes_no_other_connection_with_it(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = await harness.opened_websocket(), await harness.opened_websocket()
    failing, sound = harness.connections
    # What no caller of the public API can queue: neither text nor binary.
    failing.session.send(cast(str, [None]))
    sound.send("a")
    assert await second.packet() == "4a"
    assert await first.close_code() == 1005
    assert harness.closed == ["transport error"]
    assert "could not be written to" in caplog.text


async def test_a_connection_may_begin_paused(harness: Harness) -> None:
    received: list[str | bytes] = []

    @harness.server.on_connection
    def pause(connection: Connection) -> None:
        harness.connections.append(connection)
        connection.on_message = received.append
        connection.pause()

    wire = await harness.wire()
    await wire.send(encode_request("GET", WEBSOCKET, HANDSHAKE) + packet_frame("4a"))
    assert (await wire.response()).status == 101
    assert str(await wire.packet())[:1] == "0"
    for _ in range(10):
        await asyncio.sleep(0)
    assert received == []
    harness.connection.resume()
    assert received == ["a"]


# --- the end


async def test_stopping_tells_every_client(harness: Harness) -> None:
    parked = await harness.poller()
    await parked.park()
    idle = await harness.poller()
    websocket = await harness.opened_websocket()
    upgrading = await harness.poller()
    candidate = await harness.websocket(upgrading.upgrade_target)
    port = harness.port
    await harness.server.stop()
    assert (await parked.getter.response()).text == "1"
    assert await websocket.closing() == b""
    assert await candidate.closing() == b""
    assert await idle.getter.ended() == b""
    assert harness.closed == ["forced close"] * 4
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_server_may_listen_again() -> None:
    server = Server()
    for _ in range(2):
        await server.listen(port=0)
        async with connect(server.port) as wire:
            assert (await wire.request("GET", POLLING)).status == 200
        await server.stop()


async def test_routes_beside_the_server() -> None:
    server = Server()
    server.http.route("/hello", lambda _: Response(200, b"hello"))
    await server.listen(port=0)
    async with connect(server.port) as wire:
        assert (await wire.request("GET", "/hello")).text == "hello"
        assert (await wire.request("GET", POLLING)).status == 200
    await server.stop()


async def test_two_servers_on_one_port() -> None:
    http = HttpServer()
    other = Server(path="/other")
    http.mount(other)
    async with serving(http=http) as harness:
        response = await harness.request("GET", "/other/?EIO=4&transport=polling")
        assert response.status == 200
        assert (await harness.request("GET", POLLING)).status == 200
        sid = next(iter(other.sessions))
        assert_refused(await harness.request("GET", f"{POLLING}&sid={sid}"), 1)


async def test_a_server_may_join_one_that_listens(harness: Harness) -> None:
    other = Server(path="/other")
    await other.listen(port=0, http=harness.server.http)
    response = await harness.request("GET", "/other/?EIO=4&transport=polling")
    assert response.status == 200
    assert len(other.sessions) == 1


async def test_a_port_before_listening() -> None:
    with pytest.raises(UsageError, match="no port before"):
        _ = Server().port


async def test_a_unix_socket_has_no_port(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "engineio_min.http")
    path = str(tmp_path / "socket")
    server = Server()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        await server.listen(sock=sock)
        try:
            with pytest.raises(UsageError) as error:
                _ = server.port
            assert str(error.value) == (
                f"the server has no port: it listens on the Unix socket {path}"
            )
            assert caplog.messages == [f"listening on the Unix socket {path!r}"]
        finally:
            await server.stop()


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
async def test_the_log_says_where_it_listens(
    host: str, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "engineio_min.http")
    server = Server()
    await server.listen(host, 0)
    try:
        assert caplog.messages == [f"listening on http://{shown}:{server.port}"]
    finally:
        await server.stop()


@pytest.mark.filterwarnings("ignore:unclosed")
@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_second_event_loop_after_a_missing_close(
    factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """The sessions of the first one end, and the second one serves on the same port."""
    ends: list[str] = []
    clients: list[socket.socket] = []
    port = 0
    server = Server()

    @server.on_connection
    def accept(connection: Connection) -> None:
        connection.on_close = ends.append
        connection.send("hello")

    def visit() -> None:
        for target, headers in ((POLLING, {}), (WEBSOCKET, HANDSHAKE)):
            client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
            clients.append(client)
            client.sendall(encode_request("GET", target, headers))
            received = b""
            while b"4hello" not in received:
                received += client.recv(65536)

    async def serve(*, close: bool) -> None:
        nonlocal port
        await server.listen(port=port)
        port = server.port
        await asyncio.to_thread(visit)
        if close:
            await server.stop()

    for close in (False, True):
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(serve(close=close))
    assert ends == ["forced close"] * 4
    assert not server.sessions
    assert not server.http.connections
    assert len(server.http.admission) == 0
    for client in clients:
        client.close()
    gc.collect()


async def test_a_second_event_loop_beside_the_first(harness: Harness) -> None:
    """Two loops cannot share a server, and the second one is told."""

    def listen() -> None:
        asyncio.run(harness.server.listen(port=0))

    def start() -> None:
        async def main() -> None:
            harness.server.start()

        asyncio.run(main())

    for function in (listen, start):
        with pytest.raises(UsageError, match="got a second event loop, expected the one that"):
            await asyncio.to_thread(function)
    assert (await harness.request("GET", POLLING)).status == 200


async def test_nothing_is_left_of_a_session(harness: Harness) -> None:
    wire = await harness.opened_websocket()
    poller = await harness.poller()
    await poller.post("1")
    await wire.close()
    await until(lambda: len(harness.closed) == 2)
    harness.connections.clear()
    for _ in range(5):
        await asyncio.sleep(0)
    gc.collect()
    left = [one for one in gc.get_objects() if isinstance(one, Connection)]
    assert [one for one in left if one.server is harness.server] == []
    assert not harness.server.sessions
    assert len(harness.server.timer) == 0


# --- ten thousand idle clients

IDLE_SERVER = """
import asyncio, gc, json
from engineio_min import HttpServer, Response, Server
from engineio_min.transports.connection import Connection

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

async def main():
    server = Server(ping_interval=300, ping_timeout=300)
    http = HttpServer()
    stop = asyncio.Event()

    def state(request):
        gc.collect()
        objects = sum(isinstance(one, Connection) for one in gc.get_objects())
        counts = {
            "sessions": len(server.sessions), "connections": len(http.connections),
            "timers": len(server.timer) + len(http.timer), "objects": objects,
            "resident": resident(),
        }
        return Response(200, json.dumps(counts).encode())

    def end(request):
        stop.set()
        return Response()

    http.route("/state", state)
    http.route("/end", end)
    await server.listen(port=0, http=http)
    print(server.port, flush=True)
    await stop.wait()
    await server.stop()

asyncio.run(main())
"""

CLIENTS = 10_000


def control(port: int, path: str) -> dict[str, int]:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(encode_request("GET", path, {"Connection": "close"}))
        answer = b""
        while part := sock.recv(65_536):
            answer += part
    body = answer.partition(b"\r\n\r\n")[2]
    return dict(json.loads(body)) if body else {}


def open_clients(port: int, count: int) -> list[socket.socket]:
    """Idle WebSocket clients that have their open packet, connected some hundred at a time."""
    handshake = encode_request("GET", WEBSOCKET, HANDSHAKE)
    opened: list[socket.socket] = []
    while len(opened) < count:
        selector = selectors.DefaultSelector()
        answers: dict[socket.socket, bytes] = {}
        for _ in range(min(500, count - len(opened))):
            sock = socket.create_connection(("127.0.0.1", port))
            sock.sendall(handshake)
            sock.setblocking(False)
            selector.register(sock, selectors.EVENT_READ)
            answers[sock] = b""
        while selector.get_map():
            for key, _ in selector.select():
                client = key.fileobj
                assert isinstance(client, socket.socket)
                answers[client] += client.recv(4_096)
                if b'"maxPayload":1000000}' in answers[client]:
                    assert answers[client].startswith(b"HTTP/1.1 101 ")
                    selector.unregister(client)
        selector.close()
        opened += answers
    return opened


def test_ten_thousand_idle_clients_are_held_and_released_without_a_leak() -> None:
    """Invariant: the process holds them at once, and afterwards nothing of them is left; a second
    round needs no more memory than the first.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    process = subprocess.Popen(
        [sys.executable, "-c", IDLE_SERVER],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        resident = []
        for _ in range(2):
            clients = open_clients(port, CLIENTS)
            state = control(port, "/state")
            # The control request's own connection comes on top.
            assert state["sessions"] == state["objects"] == CLIENTS
            assert state["connections"] == CLIENTS + 1
            resident.append(state["resident"])
            for client in clients:
                client.close()
            started = time.monotonic()
            while (state := control(port, "/state"))["connections"] > 1:
                assert time.monotonic() - started < 30, f"not released: {state}"
            assert state["sessions"] == state["objects"] == 0
            assert state["timers"] == 1
        # Everything that the first round had is free for the second.
        assert resident[1] < resident[0] + CLIENTS * 500
        control(port, "/end")
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
