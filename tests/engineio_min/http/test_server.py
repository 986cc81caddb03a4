"""`server.py` over the wire: plain routes, ports, the end."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

import engineio_min.http.server as http_module
from engineio_min import HttpServer, Request, Response, Server, UsageError
from tests.engineio_min.harness import (
    POLLING,
    Clock,
    Harness,
    serving,
)
from tests.engineio_min.http.requests import large, stalled
from tests.engineio_min.wire import Wire, connect, encode_request
from tests.waiting import until

GET = encode_request("GET", "/hello")


# A key and a certificate for "localhost", signed by itself and known to nobody else.
CERTIFICATE = Path(__file__).parents[1] / "localhost.pem"


# --- plain routes


async def test_a_route(http: HttpServer) -> None:
    async with serving(http=http) as harness:
        response = await harness.request("GET", "/hello?a=1")
        assert (response.status, response.reason, response.text) == (200, "OK", "hello")
        assert response.headers["content-type"] == "text/plain"
        date = response.headers["date"]
        assert re.fullmatch(r"[MTWFS][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", date)


async def test_a_head_request_gets_the_head_of_the_answer(http: HttpServer) -> None:
    async with serving(http=http) as harness:
        wire = await harness.wire()
        response = await wire.request("HEAD", "/hello")
        assert response.headers["content-length"] == "5"
        assert response.headers["x-method"] == "HEAD"
        assert (await wire.request("HEAD", "/none")).status == 404
        assert (await wire.request("HEAD", POLLING)).headers["content-length"] == "43"
        assert (await wire.request("GET", "/hello")).text == "hello"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"])
async def test_a_route_takes_no_other_method(http: HttpServer, method: str) -> None:
    async with serving(http=http) as harness:
        for path in ("/hello", "/none"):
            response = await harness.request(method, path)
            assert (response.status, response.body) == (405, b"")
            assert response.headers["allow"] == "GET, HEAD"


async def test_no_route_and_a_fallback(http: HttpServer) -> None:
    async with serving(http=http) as harness:
        response = await harness.request("GET", "/none")
        assert (response.status, response.text) == (404, "Not found")
        http.fallback(lambda request: Response(200, request.target.encode()))
        assert (await harness.request("GET", "/none?a")).text == "/none?a"


async def test_statuses_without_a_body(http: HttpServer) -> None:
    http.route("/304", lambda _: Response(304, headers=[("ETag", '"a"')]))
    async with serving(http=http) as harness:
        wire = await harness.wire()
        response = await wire.request("GET", "/304")
        assert response.status == 304
        assert "content-length" not in response.headers
        assert (await wire.request("GET", "/hello")).text == "hello"


async def test_an_asynchronous_route(http: HttpServer) -> None:
    event = asyncio.Event()

    async def later(_request: Request) -> Response:
        await event.wait()
        return Response(200, b"later")

    http.route("/later", later)
    async with serving(http=http) as harness:
        wire = await harness.wire()
        await wire.send(encode_request("GET", "/later") + GET)
        for _ in range(10):
            await asyncio.sleep(0)
        event.set()
        assert (await wire.response()).text == "later"
        assert (await wire.response()).text == "hello"


async def test_a_client_that_leaves_before_an_asynchronous_route_answers(
    http: HttpServer, caplog: pytest.LogCaptureFixture
) -> None:
    event = asyncio.Event()
    started = asyncio.Event()

    async def later(_request: Request) -> Response:
        started.set()
        await event.wait()
        return Response(200, b"later")

    http.route("/later", later)
    async with serving(http=http) as harness:
        wire = await harness.wire()
        await wire.send(encode_request("GET", "/later"))
        await started.wait()
        wire.abort()
        await until(lambda: not http.connections)
        event.set()
        await until(lambda: not http._tasks)
    assert caplog.records == []


async def test_the_server_may_close_while_a_route_is_busy(http: HttpServer) -> None:
    started = asyncio.Event()

    async def never(_request: Request) -> Response:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    http.route("/never", never)
    async with serving(http=http) as harness:
        wire = await harness.wire()
        await wire.send(encode_request("GET", "/never"))
        await started.wait()
        await harness.server.stop()
        assert (await wire.response()).status == 503
        assert await wire.ended() == b""


def failing(_request: Request) -> Response:
    raise RuntimeError("a mistake")


async def failing_later(_request: Request) -> Response:
    raise RuntimeError("a mistake")


def injected(_request: Request) -> Response:
    return Response(200, b"", [("X-A", "1\r\nSet-Cookie: a=b")])


async def unknown_status(_request: Request) -> Response:
    return Response(299)


async def nothing(_request: Request) -> Response:
    return cast(Response, None)


@pytest.mark.parametrize("handler", [failing, failing_later, injected, unknown_status, nothing])
async def test_a_route_that_fails_is_answered_and_logged(
    http: HttpServer, handler: http_module.Route, caplog: pytest.LogCaptureFixture
) -> None:
    http.route("/failing", handler)
    async with serving(http=http) as harness:
        wire = await harness.wire()
        response = await wire.request("GET", "/failing")
        assert (response.status, response.body) == (500, b"")
        assert "x-a" not in response.headers
        assert (await wire.request("GET", "/hello")).text == "hello"
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "/failing" in caplog.records[0].getMessage()


# --- listening


async def test_a_port_needs_a_listener() -> None:
    with pytest.raises(UsageError, match="no port before"):
        _ = HttpServer().port


async def test_a_port_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^port: got 70000, expected an integer from 0"):
        await Server().listen(port=70_000)


async def test_closing_a_server_that_never_listened() -> None:
    await HttpServer().close()
    await Server().stop()


async def test_two_servers_cannot_share_a_path() -> None:
    http = HttpServer()
    http.mount(Server())
    http.mount(Server(path="/other"))
    with pytest.raises(UsageError, match=r"second server on the path '/engine\.io/'"):
        http.mount(Server())


async def test_listening_on_a_socket_of_ones_own() -> None:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    server = Server()
    await server.listen(sock=sock)
    assert server.port == sock.getsockname()[1]
    async with connect(server.port) as wire:
        assert (await wire.request("GET", POLLING)).status == 200
    await server.stop()


async def test_no_packet_waits_for_the_one_before() -> None:
    """Nagle's algorithm is off on each connection, also on those of a socket of one's own."""
    server, http = Server(), HttpServer()
    await server.listen(sock=socket.create_server(("127.0.0.1", 0)), http=http)
    async with connect(server.port) as wire:
        assert (await wire.request("GET", POLLING)).status == 200
        (transport,) = http.connections
        accepted = transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
    await server.stop()


def test_the_read_buffer_is_reserved_once_for_the_process() -> None:
    http_module.reserve_read_buffer.cache_clear()
    for _ in range(2):
        http_module.reserve_read_buffer()
    assert http_module.reserve_read_buffer.cache_info().misses == 1


async def test_an_http_server_may_listen_twice_and_again_after_closing(http: HttpServer) -> None:
    for _ in range(2):
        await http.listen(port=0)
        await http.listen(port=0)
        for listener in http._listeners:
            port = listener.sockets[0].getsockname()[1]
            async with connect(port) as wire:
                assert (await wire.request("GET", "/hello")).text == "hello"
        await http.close()


async def test_a_unix_socket_has_no_client_address(
    http: HttpServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    clients: list[str] = []

    def record(request: Request) -> Response:
        clients.append(request.client)
        return Response()

    http.route("/record", record)
    path = str(tmp_path_factory.mktemp("unix") / "socket")
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    await http.listen(sock=sock)
    reader, writer = await asyncio.open_unix_connection(path)
    wire = Wire(reader, writer)
    assert (await wire.request("GET", "/record")).status == 200
    await wire.close()
    await http.close()
    assert clients == [""]


async def test_tls(http: HttpServer) -> None:
    """Without a half-close, which TLS does not have, the connection ends all the same."""
    secure: list[bool] = []

    def record(request: Request) -> Response:
        secure.append(request.secure)
        return Response(200, b"hello")

    http.route("/record", record)
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(CERTIFICATE)
    client_context = ssl.create_default_context(cafile=CERTIFICATE)
    await http.listen(port=0, ssl=server_context)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", http.port, ssl=client_context, server_hostname="localhost"
    )
    wire = Wire(reader, writer)
    assert (await wire.request("GET", "/record")).text == "hello"
    assert (await wire.request("GET", "/record", {"Connection": "close"})).text == "hello"
    assert secure == [True, True]
    await wire.close()
    await http.close()


async def test_an_answer_on_a_connection_that_is_being_closed(http: HttpServer) -> None:
    def close(_request: Request) -> Response:
        for transport in http.connections:
            transport.close()
        return Response()

    http.route("/close", close)
    async with serving(http=http) as harness:
        wire = await harness.wire()
        await wire.send(encode_request("GET", "/close", {"Connection": "close"}))
        assert (await wire.ended())[:12] in (b"", b"HTTP/1.1 200")
        await until(lambda: not http.connections)


async def test_a_peer_that_stays_when_the_server_closes(harness: Harness, clock: Clock) -> None:
    """A peer that takes nothing cannot hold the server up for longer than a second."""
    harness.server.http.route("/large", large)
    wire = await harness.wire(receive_buffer=4_096)
    await wire.send(encode_request("GET", "/large"))
    await stalled(harness.server.http)
    stopping = asyncio.create_task(harness.server.stop())
    for _ in range(60):
        await clock.advance(0.02)
    assert stopping.done()
    await until(lambda: not harness.server.http.connections)


def test_the_descriptor_limit_is_raised_to_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import resource

    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 20_000))
    http_module.raise_descriptor_limit()
    assert asked == [(20_000, 20_000)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: (20_000, 20_000))
    http_module.raise_descriptor_limit()
    monkeypatch.setattr(sys, "platform", "win32")
    http_module.raise_descriptor_limit()
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("host", "given"),
    [
        (None, None),
        ("localhost", "localhost"),
        ("", ""),
        ("127.0.0.1", [b"127.0.0.1"]),
        ("::1", [b"::1"]),
    ],
)
def test_uvloop_is_given_addresses_as_bytes(host: str | None, given: object) -> None:
    assert http_module._as_bytes(host) == given


def test_a_server_on_uvloop_imports_no_characters_of_all_languages() -> None:
    script = """
import asyncio, sys, uvloop
from engineio_min import HttpServer

async def main():
    http = HttpServer()
    await http.listen("127.0.0.1", 0)
    await http.listen("::1", 0)
    print([name for name in ("encodings.idna", "unicodedata", "hashlib") if name in sys.modules])
    await http.close()

uvloop.run(main())
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
