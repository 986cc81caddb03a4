"""server.py: options, hosts, and `run`."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket as socket_module
import threading
from typing import Any

import pytest

import engineio_min
from socketio_min import CookieOptions, Forbidden, Limits, Server, Socket
from socketio_min import UsageError as SocketUsageError
from tests.socketio_min.serving import serving
from tests.socketio_min.wire import Ended, PollingClient, WebSocketClient, request
from tests.waiting import PATIENCE


async def test_the_options_of_engine_io_pass_through() -> None:
    def allow(asked: engineio_min.Request) -> None:
        if "x-bad" in asked.headers:
            raise Forbidden("not you")

    io = Server(
        path="/chat",
        ping_interval=5.0,
        ping_timeout=4.0,
        max_http_buffer_size=5_000,
        transports=("polling",),
        cors=["http://a.example"],
        cookie=CookieOptions(name="chat", max_age=60),
        allow_request=allow,
        generate_id=lambda _request: "the-session-id",
        max_connections=1,
    )
    async with serving(io) as net:
        target = "/chat/?EIO=4&transport=polling"
        refused = await request(net.port, "GET", target, headers={"X-Bad": "1"})
        assert (refused.status, refused.text) == (403, '{"code":4,"message":"not you"}')
        opened = await request(net.port, "GET", target, headers={"Origin": "http://a.example"})
        assert opened.text == (
            '0{"sid":"the-session-id","upgrades":[],"pingInterval":5000,"pingTimeout":4000,'
            '"maxPayload":5000}'
        )
        assert opened.headers["access-control-allow-origin"] == "http://a.example"
        assert opened.headers["set-cookie"] == (
            "chat=the-session-id; Max-Age=60; Path=/; HttpOnly; SameSite=Lax"
        )
        assert (await request(net.port, "GET", target)).status == 503
        closing = await request(net.port, "POST", target + "&sid=the-session-id", b"1")
        assert closing.status == 200
        with pytest.raises(Ended, match="400"):
            await WebSocketClient.upgrade(net.port, "/chat/?EIO=4&transport=websocket")


@pytest.mark.parametrize(
    "options",
    [
        {"path": "chat"},
        {"ping_interval": 0},
        {"transports": ()},
        {"max_connections": 0},
        {"connect_timeout": 0},
        {"connect_timeout": -1.0},
        {"limits": {"max_rooms": 3}},
        {"adapter": "redis"},
        {"connect_timeout": "45"},
        {"connect_timeout": True},
    ],
)
def test_options_that_cannot_be_are_refused(options: Any) -> None:
    (name,) = options
    with pytest.raises(SocketUsageError, match=name):
        Server(**options)


@pytest.mark.parametrize("name", Limits.__slots__)
@pytest.mark.parametrize("value", [0, -1, "1", None, True])
def test_limits_that_cannot_be_are_refused(name: str, value: Any) -> None:
    options: Any = {name: value}
    if value is None and name.endswith("rate"):
        assert getattr(Limits(**options), name) is None
        return
    with pytest.raises(SocketUsageError, match=name):
        Limits(**options)


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(SocketUsageError, match=r"'pingInterval', .* expected ping_interval"):
        Server(pingInterval=5)  # type: ignore[call-arg]


async def test_what_engineio_calls_a_wrong_use_is_this_packages_error() -> None:
    first, second, http = Server(), Server(), engineio_min.HttpServer()
    with pytest.raises(SocketUsageError, match="no port before `await listen"):
        _ = first.port
    await first.listen(port=0, http=http)
    try:
        with pytest.raises(SocketUsageError, match=r"second server on the path '/socket\.io/'"):
            await second.listen(port=0, http=http)
    finally:
        await first.close()


def test_an_asgi_application_is_made() -> None:
    assert callable(Server().asgi_app())


async def bound(io: Server) -> int:
    """Wait for a server in another thread; return its port."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return io.port
            except SocketUsageError:
                await asyncio.sleep(0.001)


def test_run_serves_until_it_is_told_to_stop() -> None:
    io = Server()
    ends: list[str] = []
    io.on("disconnect", lambda _socket, reason: ends.append(reason))
    opened: list[Any] = []

    async def use_and_stop() -> None:
        client = await WebSocketClient.open(await bound(io))
        opened.append(await client.join())
        os.kill(os.getpid(), signal.SIGTERM)
        opened.append(await client.rest())

    thread = threading.Thread(target=lambda: asyncio.run(use_and_stop()))
    thread.start()
    ports: list[tuple[int, int]] = []
    io.run(port=0, ready=lambda port: ports.append((port, io.port)))
    thread.join(PATIENCE)
    assert [told == bound for told, bound in ports] == [True]
    assert len(opened) == 2
    assert opened[1] == []
    assert ends == ["server shutting down"]


def test_run_in_a_thread_serves_until_it_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    """Signals are the main thread's; another one has `close`."""
    caplog.set_level(logging.INFO, "engineio_min.http")
    io = Server()
    io.on("echo", lambda _socket, *args: args)
    thread = threading.Thread(target=io.run, kwargs={"port": 0})
    thread.start()

    async def use() -> None:
        client = await WebSocketClient.open(await bound(io))
        await client.join()
        await client.send('421["echo",1]')
        await client.expect("431[1]")
        assert caplog.messages == [f"listening on http://127.0.0.1:{io.port}"]
        asyncio.run_coroutine_threadsafe(io.close(), io.engine.loop)
        await client.rest()

    asyncio.run(use())
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_run_ends_when_a_handler_closes_the_server() -> None:
    io = Server()

    @io.on("stop")
    async def stop(_socket: Socket) -> None:
        await io.close()

    async def use() -> None:
        client = await WebSocketClient.open(await bound(io))
        await client.join()
        await client.send('42["stop"]')
        await client.rest()

    thread = threading.Thread(target=lambda: asyncio.run(use()))
    thread.start()
    io.run(port=0)
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_run_raises_when_the_address_cannot_be_bound() -> None:
    with (
        socket_module.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match="address already in use"),
    ):
        Server().run(port=taken.getsockname()[1])


async def test_the_path_is_that_of_the_official_server_by_default() -> None:
    async with serving(Server()) as net:
        assert (await request(net.port, "GET", "/")).status == 404
        reply = await request(net.port, "GET", "/socket.io/?EIO=4&transport=polling&sid=none")
        assert reply.text == '{"code":1,"message":"Session ID unknown"}'


async def test_a_session_keeps_its_sockets_when_it_upgrades() -> None:
    io = Server()
    io.on("echo", lambda _socket, *args: args)
    async with serving(io) as net:
        polling, socket = await net.join(transport="polling")
        assert isinstance(polling, PollingClient)
        assert socket.transport == "polling"
        websocket = await WebSocketClient.upgrade(
            net.port,
            f"/socket.io/?EIO=4&transport=websocket&sid={polling.handshake['sid']}",
        )
        await websocket.send("2probe")
        await websocket.expect("3probe")
        await polling.expect("6")
        socket.emit("queued")
        await websocket.send("5", '421["echo",1]')
        await websocket.expect('42["queued"]', "431[1]")
        assert socket.transport == "websocket"
        assert socket.connected
        await websocket.leave()
        polling.ended = True
