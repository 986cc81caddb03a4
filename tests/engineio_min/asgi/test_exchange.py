"""HTTP requests of hosts made by hand.

Invariant: whatever ends a request (the peer, the host, a failure) ends its session with a reason
and leaves no task.
"""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from engineio_min import RequestRefused, UsageError
from engineio_min.asgi.exchange import AsgiExchange
from engineio_min.asgi.websocket import AsgiWebSocket
from engineio_min.request import Request
from tests.engineio_min.asgi.made_host import (
    Host,
    closed_at_the_end,
    http_scope,
    parked,
    websocket_scope,
)
from tests.engineio_min.asgi.real_host import (
    Engine,
)
from tests.waiting import until

# uvicorn's older WebSocket implementation stands on parts of websockets that will go.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:websockets.legacy")


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb", "a\rb", "a\0b"])
async def test_a_line_break_in_a_header_never_reaches_the_host(value: str) -> None:
    def add(headers: list[tuple[str, str]], _request: Request) -> None:
        headers.append(("X-Name", value))

    engine = Engine(headers=add)
    with closed_at_the_end(engine):
        host = Host(engine.server.asgi_app(), http_scope())
        await host.run()
        start, body = host.sent
        assert start["status"] == 200
        assert b"x-name" not in dict(start["headers"])
        assert body["body"].startswith(b'0{"sid":')


async def test_headers_that_would_start_a_line_are_refused() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        await Host(engine.server.asgi_app(), http_scope()).run()
        host = Host(engine.server.asgi_app(), websocket_scope())
        websocket = AsgiWebSocket(host.scope, host.receive, host.send)
        headers = [("X-Name", "a\r\nb")]
        with pytest.raises(UsageError, match="got the response header 'X-Name'"):
            websocket.accept(engine.connections[0], headers, candidate=False, base64=False)
        assert host.sent == []


async def test_a_post_is_answered_when_its_session_ends_before_its_body() -> None:
    """The host may have no deadline for bodies, and the client would hold the request for ever."""
    engine = Engine()
    with closed_at_the_end(engine):
        await Host(engine.server.asgi_app(), http_scope()).run()
        (connection,) = engine.connections
        query = f"EIO=4&transport=polling&sid={connection.sid}"
        host = Host(engine.server.asgi_app(), http_scope(query, method="POST"))
        answered = host.start()
        host.inbox.put_nowait({"type": "http.request", "body": b"4he", "more_body": True})
        await until(host.inbox.empty)
        engine.server.close()
        await answered
        assert host.sent[0]["status"] == 400
        assert engine.received == []


async def test_of_bodies_that_never_end_the_largest_goes() -> None:
    engine = Engine(max_held=100_000)
    account = engine.server.account
    with closed_at_the_end(engine):
        hosts = []
        for number, size in enumerate((80_000, 70_000)):
            await Host(engine.server.asgi_app(), http_scope()).run()
            query = f"EIO=4&transport=polling&sid={engine.connections[number].sid}"
            host = Host(engine.server.asgi_app(), http_scope(query, method="POST"))
            hosts.append((host, host.start()))
            body = {"type": "http.request", "body": b"4" * size, "more_body": True}
            host.inbox.put_nowait(body)
            await until(host.inbox.empty)
        largest, ended = hosts[0]
        await ended
        assert largest.sent[0]["status"] == 413
        assert account.held == 70_000
        other, left = hosts[1]
        other.inbox.put_nowait({"type": "http.disconnect"})
        await left
        assert account.held == 0


@pytest.mark.parametrize("end", ["cancelled", "failed", "left"])
async def test_a_body_that_never_ends_is_not_held_for_ever(end: str) -> None:
    """However the host ends the request: what it held counts against all others."""
    engine = Engine()
    account = engine.server.account
    with closed_at_the_end(engine):
        await Host(engine.server.asgi_app(), http_scope()).run()
        query = f"EIO=4&transport=polling&sid={engine.connections[0].sid}"
        host = Host(engine.server.asgi_app(), http_scope(query, method="POST"))
        task = host.start()
        host.inbox.put_nowait({"type": "http.request", "body": b"4half", "more_body": True})
        await until(lambda: account.held == 5)
        if end == "cancelled":
            task.cancel()
        else:
            kind = "fault" if end == "failed" else "http.disconnect"
            host.inbox.put_nowait({"type": kind})
        with contextlib.suppress(asyncio.CancelledError, RuntimeError):
            await task
        assert account.held == 0
        assert engine.reasons == ["transport error"]


async def test_an_http_request_cannot_become_a_websocket() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        await Host(engine.server.asgi_app(), http_scope()).run()
        host = Host(engine.server.asgi_app(), http_scope())
        exchange = AsgiExchange(host.scope, host.receive, host.send)
        with pytest.raises(RequestRefused, match="no WebSocket handshake"):
            exchange.accept(engine.connections[0], (), candidate=False, base64=False)


async def test_a_websocket_handshake_has_no_body() -> None:
    host = Host(Engine().server.asgi_app(), websocket_scope())
    bodies: list[bytes | None] = []
    AsgiWebSocket(host.scope, host.receive, host.send).read_body(10, bodies.append, print)
    assert bodies == [b""]


async def test_a_body_is_refused_by_its_length_before_it_is_read() -> None:
    """Nothing is received, so the host asks for no body with "100 Continue"."""
    engine = Engine(max_http_buffer_size=10)
    with closed_at_the_end(engine):
        await Host(engine.server.asgi_app(), http_scope()).run()
        scope = http_scope(
            f"EIO=4&transport=polling&sid={engine.connections[0].sid}",
            method="POST",
            headers=[(b"content-length", b"11")],
        )
        host = Host(engine.server.asgi_app(), scope)
        host.inbox.put_nowait({"type": "http.request", "body": b"4"})
        await host.run()
        assert host.sent[0]["status"] == 413
        assert host.inbox.qsize() == 1


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ([b"4hello"], 200),
        ([b"", b"4", b"", b"hello", b""], 200),
        ([b"4" * 10], 200),
        ([b"4" * 11], 413),
        ([b"4" * 6, b"4" * 5], 413),
    ],
)
@pytest.mark.parametrize("headers", [[], [(b"content-length", b"?")], [(b"content-length", b"0")]])
async def test_a_body_is_counted_whatever_its_length_says(
    pieces: list[bytes], status: int, headers: list[tuple[bytes, bytes]]
) -> None:
    engine = Engine(max_http_buffer_size=10)
    with closed_at_the_end(engine):
        await Host(engine.server.asgi_app(), http_scope()).run()
        query = f"EIO=4&transport=polling&sid={engine.connections[0].sid}"
        host = Host(engine.server.asgi_app(), http_scope(query, method="POST", headers=headers))
        for number, piece in enumerate(pieces, start=1):
            event = {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
            host.inbox.put_nowait(event)
        await host.run()
        assert host.sent[0]["status"] == status
        assert engine.received == (
            ["".join(map(bytes.decode, pieces))[1:]] if status == 200 else []
        )


async def test_the_body_of_a_get_is_not_kept() -> None:
    engine = Engine(max_http_buffer_size=10)
    with closed_at_the_end(engine):
        await Host(engine.server.asgi_app(), http_scope()).run()
        query = f"EIO=4&transport=polling&sid={engine.connections[0].sid}"
        host = Host(engine.server.asgi_app(), http_scope(query))
        task = host.start()
        for more_body in (True, True, False):
            host.inbox.put_nowait(
                {"type": "http.request", "body": b"x" * 100, "more_body": more_body}
            )
        await until(host.inbox.empty)
        engine.connections[0].send("hello")
        await task
        assert host.sent[1]["body"] == b"4hello"


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize(("size", "most"), [(1, 64), (1_000, 4), (10_000, 1)])
async def test_a_host_that_has_much_of_a_body_lets_the_others_come(
    method: str, size: int, most: int
) -> None:
    """It never makes a read wait, so what a peer has sent at once is cut into turns here."""
    engine = Engine(max_http_buffer_size=10_000_000)
    engine.echo = False
    with closed_at_the_end(engine):
        await Host(engine.server.asgi_app(), http_scope()).run()
        query = f"EIO=4&transport=polling&sid={engine.connections[0].sid}"
        host = Host(engine.server.asgi_app(), http_scope(query, method=method))
        for number in range(200):
            event = {"type": "http.request", "body": b"4" * size, "more_body": number < 199}
            host.inbox.put_nowait(event)
        task = host.start()
        largest = 0
        while not host.inbox.empty():
            before = host.inbox.qsize()
            await asyncio.sleep(0)
            largest = max(largest, before - host.inbox.qsize())
        assert largest == most
        # The answer to the GET.
        engine.connections[0].send("hello")
        await task
        assert host.sent[0]["status"] == 200
        assert len("".join(map(str, engine.received))) == (200 * size - 1) * (method == "POST")


async def test_a_parked_poll_ends_its_session_when_the_host_cancels_it() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await parked(engine)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert engine.reasons == ["transport error"]
        assert host.sent == []


async def test_a_parked_poll_ends_its_session_when_the_host_fails() -> None:
    engine = Engine()
    with closed_at_the_end(engine):
        host, task = await parked(engine)
        host.inbox.put_nowait({"type": "fault"})
        with pytest.raises(RuntimeError, match="cannot receive"):
            await task
        assert engine.reasons == ["transport error"]


async def test_an_answer_that_nobody_gets_is_no_error() -> None:
    """ASGI: `send` raises an OSError once the peer is gone."""
    engine = Engine()
    with closed_at_the_end(engine):
        host = Host(engine.server.asgi_app(), http_scope(), fault=OSError("gone"))
        await host.run()
        assert host.attempts == 1
        assert engine.reasons == []


async def test_a_request_without_a_session_may_go_away() -> None:
    """A request that waits for nothing of the engine's: no verdict is asked any more."""
    forever = asyncio.Event()

    async def decide(_request: Request) -> None:
        await forever.wait()

    engine = Engine(allow_request=decide)
    for scope in (http_scope(), websocket_scope()):
        host = Host(engine.server.asgi_app(), scope)
        host.inbox.put_nowait({"type": f"{scope['type']}.disconnect"})
        await host.run()
        # A request is answered for whoever stands between; a WebSocket is just over.
        answered = [400] if scope["type"] == "http" else []
        assert [event["status"] for event in host.sent if "status" in event] == answered
    forever.set()
    await until(lambda: not engine.server.deciding)
    assert engine.connections == []


async def test_an_exchange_that_nobody_decides_just_ends() -> None:
    """A request that an engine neither answers nor watches may go away as well."""
    host = Host(Engine().server.asgi_app(), http_scope())
    host.inbox.put_nowait({"type": "http.disconnect"})
    await AsgiExchange(host.scope, host.receive, host.send).run()
    host = Host(Engine().server.asgi_app(), websocket_scope())
    host.inbox.put_nowait({"type": "websocket.disconnect"})
    socket_exchange = AsgiWebSocket(host.scope, host.receive, host.send)
    await host.receive()
    await socket_exchange.run()
    assert host.sent == []
