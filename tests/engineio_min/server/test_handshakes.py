"""The hooks of a handshake: `allow_request`, `generate_id`, headers; and capacity."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from engineio_min import (
    CookieOptions,
    Forbidden,
    Request,
    Server,
    UsageError,
)
from tests.engineio_min.harness import (
    BOTH_TRANSPORTS,
    PATH,
    POLLING,
    WEBSOCKET,
    Harness,
    assert_refused,
    serving,
)
from tests.engineio_min.wire import HANDSHAKE, Wire, connect, encode_request
from tests.frames import packet_frame
from tests.waiting import until

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
        await until(lambda: not harness.server.deciding)
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
        await until(lambda: not harness.server.deciding)


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


async def test_a_server_that_refuses_newcomers_is_still_reached_by_those_who_are_there() -> None:
    async with serving() as harness:
        poller = await harness.poller()
        harness.server.refuse_newcomers()
        await stopping(await harness.wire(), POLLING)
        await stopping(await harness.wire(), WEBSOCKET, HANDSHAKE)
        # As a proxy does, which has no connection to spare.
        another = await harness.wire()
        assert (await another.request("POST", poller.target, None, b"4a")).text == "ok"
        assert (await poller.get()).text == "4a"


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
        await until(lambda: not harness.server.deciding)
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
