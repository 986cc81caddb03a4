"""The protocol under real ASGI hosts.

Invariants:
- A client cannot tell an ASGI host from the server's own HTTP and WebSocket: same answers, codes,
  packets and order, on both transports and across an upgrade.
- Whatever ends a request (the peer, the host, a failure) ends its session with a reason and leaves
  no task.
"""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest

from engineio_min import CorsOptions, Forbidden
from engineio_min.protocol.packets import Message
from engineio_min.request import Request
from tests.engineio_min.asgi.real_host import (
    POLLING,
    WEBSOCKET,
    Engine,
    HttpKind,
    WebSocketKind,
    ask,
    closing,
    poll,
    refusal,
    send_request,
    uvicorn_host,
    websocket,
)
from tests.waiting import patient, until

# uvicorn's older WebSocket implementation stands on parts of websockets that will go.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:websockets.legacy")


async def test_polling_opens_with_the_five_keys(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        response = await ask(server.port, POLLING)
        handshake = json.loads(response.body[1:])
        assert response.status == 200
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        assert response.headers["cache-control"] == "no-store"
        assert response.body[:1] == b"0"
        assert list(handshake) == ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]
        assert handshake == {
            "sid": engine.connections[0].sid,
            "upgrades": ["websocket"],
            "pingInterval": 25000,
            "pingTimeout": 20000,
            "maxPayload": 1000000,
        }
        assert engine.connections[0].request.client == "127.0.0.1"
        assert engine.connections[0].request.target == POLLING


async def test_a_websocket_opens_with_the_five_keys(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with (
        uvicorn_host(engine.server.asgi_app(), host) as server,
        websocket(server.port) as client,
    ):
        packet = await patient(client.recv())
        assert packet[:1] == "0"
        assert json.loads(packet[1:]) == {
            "sid": engine.connections[0].sid,
            "upgrades": [],
            "pingInterval": 25000,
            "pingTimeout": 20000,
            "maxPayload": 1000000,
        }
        assert engine.connections[0].transport == "websocket"
        assert engine.connections[0].request.target == WEBSOCKET


async def test_polling_echoes_text_and_binary(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        await client.post("4hello\x1e4\x1ebAQIDBA==\x1e4€")
        assert await client.get() == ["4hello", "4", "bAQIDBA==", "4€"]
        assert engine.received == ["hello", "", b"\x01\x02\x03\x04", "€"]


async def test_a_websocket_echoes_text_and_binary(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with (
        uvicorn_host(engine.server.asgi_app(), host) as server,
        websocket(server.port) as client,
    ):
        await patient(client.recv())
        for packet in ("4hello", "4", b"\x01\x02\x03\x04", b"", "4€"):
            await client.send(packet)
            assert await patient(client.recv()) == packet


async def test_a_parked_poll_is_answered_by_a_message(
    host: tuple[HttpKind, WebSocketKind],
) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        parked = await client.park(engine)
        engine.connections[0].send("news")
        response = await parked.response()
        assert (response.status, response.body) == (200, b"4news")
        assert response.headers["content-length"] == "5"


async def test_an_upgrade_keeps_the_order_of_messages(
    host: tuple[HttpKind, WebSocketKind],
) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        await client.post("4first")
        assert await client.get() == ["4first"]
        parked = await client.park(engine)
        async with websocket(server.port, f"{WEBSOCKET}&sid={client.sid}") as candidate:
            await candidate.send("2probe")
            assert await patient(candidate.recv()) == "3probe"
            assert (await parked.response()).body == b"6"
            await client.post("4second")
            engine.connections[0].send("third")
            await candidate.send("5")
            await candidate.send("4fourth")
            await candidate.send(b"fifth")
            for packet in ("4second", "4third", "4fourth", b"fifth"):
                assert await patient(candidate.recv()) == packet
            assert engine.connections[0].transport == "websocket"
            assert engine.received == ["first", "second", "fourth", b"fifth"]
            late = await ask(server.port, client.target)
            assert (late.status, late.json) == (400, {"code": 3, "message": "Bad request"})


REFUSALS = [
    ("?EIO=4", 400, {"code": 0, "message": "Transport unknown"}),
    ("?EIO=4&transport={transport}&sid=x", 400, {"code": 1, "message": "Session ID unknown"}),
    ("?EIO=4&transport={transport}&sid=x&sid=y", 400, {"code": 3, "message": "Bad request"}),
    ("?EIO=4&transport={transport}&no", 403, {"code": 4, "message": "not you"}),
    ("?EIO=3&transport={transport}", 400, {"code": 5, "message": "Unsupported protocol version"}),
]


def refuse_some(request: Request) -> None:
    if "no" in request.query:
        raise Forbidden("not you")


async def test_refusals_have_the_engine_s_status_and_body(
    host: tuple[HttpKind, WebSocketKind],
) -> None:
    engine = Engine(allow_request=refuse_some)
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        for query, status, body in REFUSALS:
            response = await ask(server.port, f"/engine.io/{query.format(transport='polling')}")
            assert (response.status, response.json) == (status, body)
            assert response.headers["content-type"] == "application/json"
            target = f"/engine.io/{query.format(transport='websocket')}"
            answer = await refusal(server.port, target)
            assert (answer.status_code, json.loads(answer.body)) == (status, body)
            assert answer.headers["Content-Type"] == "application/json"
    assert engine.connections == []


async def test_a_server_that_stops_accepting_refuses_handshakes(
    host: tuple[HttpKind, WebSocketKind],
) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        opened = await ask(server.port, POLLING)
        engine.server.stop_accepting()
        refused = await ask(server.port, POLLING)
        assert (refused.status, refused.json["message"]) == (503, "Server is stopping")
        assert (await refusal(server.port, WEBSOCKET)).status_code == 503
        sid = json.loads(opened.body[1:])["sid"]
        assert (await ask(server.port, f"{POLLING}&sid={sid}", "POST", b"1")).body == b"ok"


async def test_requests_of_the_wrong_kind_are_refused(
    host: tuple[HttpKind, WebSocketKind],
) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        response = await ask(server.port, POLLING, "POST", b"4")
        assert (response.status, response.json["code"]) == (400, 2)
        response = await ask(server.port, WEBSOCKET)
        assert (response.status, response.json["code"]) == (400, 3)
        assert json.loads((await refusal(server.port, POLLING)).body)["code"] == 3


async def test_other_paths_are_not_found(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        for path in ("/", "/engine.io", "/engine.iox/", "/engine.io/x", "/x/engine.io/"):
            response = await ask(server.port, f"{path}?EIO=4&transport=polling")
            assert (response.status, response.body) == (404, b"Not found")
            answer = await refusal(server.port, f"{path}?EIO=4&transport=websocket")
            assert answer.status_code == 404
    assert engine.connections == []


async def test_origins_are_checked_on_both_transports(
    host: tuple[HttpKind, WebSocketKind],
) -> None:
    engine = Engine(cors=CorsOptions(origin="http://good.example", credentials=True))
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        for evil in ("http://evil.example", "null"):
            response = await ask(server.port, POLLING, headers=[f"Origin: {evil}"])
            assert response.status == 403
            assert response.json == {"code": 4, "message": "Origin not allowed"}
            assert "access-control-allow-origin" not in response.headers
            answer = await refusal(server.port, origin=evil)
            assert (answer.status_code, json.loads(answer.body)["code"]) == (403, 4)
        good = ["Origin: http://good.example"]
        response = await ask(server.port, POLLING, headers=good)
        assert response.status == 200
        assert response.headers["access-control-allow-origin"] == "http://good.example"
        assert response.headers["access-control-allow-credentials"] == "true"
        response = await ask(server.port, POLLING, "OPTIONS", headers=good)
        assert (response.status, response.body) == (204, b"")
        assert "content-length" not in response.headers
        assert response.headers["access-control-allow-methods"] == "get,head,put,patch,post,delete"
        async with websocket(server.port, origin="http://good.example") as client:
            assert (await patient(client.recv()))[:1] == "0"
            allowed = client.response.headers["Access-Control-Allow-Origin"]
            assert allowed == "http://good.example"


async def test_an_aborted_poll_ends_the_session(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        parked = await client.park(engine)
        await parked.leave()
        assert await engine.ended() == "transport error"
        response = await ask(server.port, client.target)
        assert (response.status, response.json["code"]) == (400, 1)


async def test_an_aborted_post_ends_the_session(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        half = await send_request(server.port, client.target, "POST", b"4ha", length=100)
        await half.writer.drain()
        await half.leave()
        assert await engine.ended() == "transport error"
        assert engine.received == []


async def test_a_body_above_the_limit_is_refused(host: tuple[HttpKind, WebSocketKind]) -> None:
    """By its announced length before it comes, or by what comes in chunks."""
    engine = Engine(max_http_buffer_size=100)
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        for body, headers in (
            (b"4" * 101, []),
            (b"65\r\n" + b"4" * 101 + b"\r\n0\r\n\r\n", ["Transfer-Encoding: chunked"]),
        ):
            engine.reasons.clear()
            client = await poll(server.port)
            response = await ask(server.port, client.target, "POST", body, headers)
            assert (response.status, response.body) == (413, b"")
            assert engine.reasons == ["transport error"]
        client = await poll(server.port)
        request = await send_request(server.port, client.target, "POST", length=10**9)
        assert (await request.response()).status == 413
        # Exactly at the limit is allowed.
        client = await poll(server.port)
        await client.post("4" * 100)
        assert engine.received == ["4" * 99]


async def test_a_body_in_pieces_is_put_together(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        request = await send_request(server.port, client.target, "POST", b"4h", length=6)
        await until(lambda: server_reads_a_post(engine))
        request.writer.write(b"el")
        await request.writer.drain()
        request.writer.write(b"lo")
        assert (await request.response()).body == b"ok"
        assert engine.received == ["hello"]


def server_reads_a_post(engine: Engine) -> bool:
    carrier: Any = engine.connections[-1].carrier
    return carrier._posting is not None


async def test_overlapping_polls_end_the_session(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        first = await client.park(engine)
        second = await ask(server.port, client.target)
        assert second.status == 400
        assert (await first.response()).body == b"1"
        assert engine.reasons == ["transport error"]


async def test_overlapping_posts_end_the_session(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        first = await send_request(server.port, client.target, "POST", b"4h", length=6)
        await until(lambda: server_reads_a_post(engine))
        second = await ask(server.port, client.target, "POST", b"4")
        assert second.status == 400
        assert engine.reasons == ["transport error"]
        await first.leave()


async def test_a_malformed_payload_is_refused(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        response = await ask(server.port, client.target, "POST", b"abc")
        assert (response.status, response.json["code"]) == (400, 3)
        assert engine.reasons == ["parse error"]


async def test_the_server_closes_a_poll(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        client = await poll(server.port)
        parked = await client.park(engine)
        engine.connections[0].send("last")
        engine.connections[0].close()
        assert (await parked.response()).packets == ["4last"]
        assert await client.get() == ["1"]
        assert engine.reasons == ["forced close"]


async def test_the_server_closes_a_websocket(host: tuple[HttpKind, WebSocketKind]) -> None:
    """What was sent before comes first; the code is 1000, as ASGI has no empty close frame."""
    engine = Engine()
    async with (
        uvicorn_host(engine.server.asgi_app(), host) as server,
        websocket(server.port) as client,
    ):
        await patient(client.recv())
        engine.connections[0].send("last")
        engine.connections[0].close()
        assert await patient(client.recv()) == "4last"
        assert await closing(client) == 1000
        assert engine.reasons == ["forced close"]


@pytest.mark.parametrize("by_packet", [True, False])
async def test_the_client_closes_a_websocket(
    host: tuple[HttpKind, WebSocketKind], by_packet: bool
) -> None:
    engine = Engine()
    async with (
        uvicorn_host(engine.server.asgi_app(), host) as server,
        websocket(server.port) as client,
    ):
        await patient(client.recv())
        if by_packet:
            await client.send("1")
            assert await closing(client) == 1000
        else:
            await patient(client.close())
        assert await engine.ended() == "transport close"


async def test_a_lost_connection_ends_the_session(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with (
        uvicorn_host(engine.server.asgi_app(), host) as server,
        websocket(server.port) as client,
    ):
        await patient(client.recv())
        client.transport.abort()
        assert await engine.ended() == "transport close"


@pytest.mark.parametrize("packet", ["4" * 101, "€" * 34, b"\x00" * 201])
async def test_a_message_above_the_limit_ends_the_session(
    host: tuple[HttpKind, WebSocketKind], packet: Message
) -> None:
    """The limit counts bytes, not characters, and text has its own."""
    engine = Engine(max_http_buffer_size=200, max_text_size=100)
    async with (
        uvicorn_host(engine.server.asgi_app(), host) as server,
        websocket(server.port) as client,
    ):
        await patient(client.recv())
        await client.send("4" * 100)
        assert await patient(client.recv()) == "4" * 100
        await client.send("4" + "€" * 33)
        assert await patient(client.recv()) == "4" + "€" * 33
        await client.send(b"\x00" * 200)
        assert await patient(client.recv()) == b"\x00" * 200
        await client.send(packet)
        assert await closing(client) == 1009
        assert engine.reasons == ["transport error"]
        assert len(engine.received) == 3


async def test_the_first_subprotocol_is_accepted(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with (
        uvicorn_host(engine.server.asgi_app(), host) as server,
        websocket(server.port, subprotocols=["one", "two"]) as client,
    ):
        assert client.subprotocol == "one"


async def test_a_peer_that_does_not_read_is_a_slow_consumer(
    host: tuple[HttpKind, WebSocketKind],
) -> None:
    """What waits for it stays bounded, and `drained` is released by the end."""
    engine = Engine(max_buffered=100_000)
    async with uvicorn_host(engine.server.asgi_app(), host) as server:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", server.port))
        reader, writer = await asyncio.open_connection(sock=sock, limit=1024)
        writer.write(
            f"GET {WEBSOCKET} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert (await patient(reader.readline())) == b"HTTP/1.1 101 Switching Protocols\r\n"
        await until(lambda: engine.connections)
        connection = engine.connections[0]
        drained = asyncio.create_task(connection.drained())
        for _ in range(10_000):
            connection.send(b"x" * 50_000)
            await asyncio.sleep(0)
            if engine.reasons:
                break
        assert engine.reasons == ["slow consumer"]
        await patient(drained)
        writer.transport.abort()
        await writer.wait_closed()


async def test_a_client_without_binary_frames(host: tuple[HttpKind, WebSocketKind]) -> None:
    engine = Engine()
    async with (
        uvicorn_host(engine.server.asgi_app(), host) as server,
        websocket(server.port, f"{WEBSOCKET}&b64=1") as client,
    ):
        assert (await client.recv())[:1] == "0"
        for packet in ("bAQID", b"\x01\x02\x03"):
            await client.send(packet)
            assert await client.recv() == "bAQID"
