"""What the application sees: connections, handlers that fail, ports, the end."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import uvloop

from engineio_min import (
    Connection,
    HttpServer,
    Request,
    Response,
    Server,
    UsageError,
)
from tests.engineio_min.harness import (
    BOTH_TRANSPORTS,
    POLLING,
    WEBSOCKET,
    Harness,
    assert_refused,
    serving,
)
from tests.engineio_min.wire import HANDSHAKE, connect, encode_request
from tests.frames import packet_frame
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).resolve().parents[2]


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
    server = Server()
    with pytest.raises(UsageError, match="no port before"):
        _ = server.port
    # Or two threads might make one each.
    assert server._http is None
    server.http.route("/", lambda _: Response(200, b""))
    with pytest.raises(UsageError, match="no port before"):
        _ = server.port


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
