"""The client against real servers that go, come back, forget, and lose packets.

They are the cases that conformance/js checks of the official client.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest

from socketio_min import (
    AcknowledgementTimeout,
    Client,
    ConnectionFailed,
    Disconnected,
)
from tests.socketio_min.chaos import Chaos, chaos_proxy
from tests.socketio_min.client_servers import (
    COMPLETE,
    TRANSPORTS,
    collect,
    connected,
)
from tests.socketio_min.server_processes import KINDS, Kind, ServerProcess
from tests.socketio_min.serving import advance
from tests.waiting import eventually

# What these cover is up to other servers and the moments of their ends.
pytestmark = pytest.mark.no_cover


@pytest.fixture
async def own() -> AsyncIterator[Callable[..., ServerProcess]]:
    """Servers for one test, which may stop them."""
    started: list[ServerProcess] = []

    def start(kind: Kind, **options: Any) -> ServerProcess:
        process = ServerProcess(kind, **options)
        process.start()
        started.append(process)
        return process

    yield start
    for process in started:
        process.stop()


async def test_the_server_puts_a_client_out(server: ServerProcess) -> None:
    for transports in TRANSPORTS:
        async with connected(server.url, transports=transports) as client:
            reasons = collect(client, "disconnect")
            client.emit("disconnect me", False)
            await eventually(partial(list.__len__, reasons))
            assert reasons == [("io server disconnect",)]
            assert not client.active
            await client.connect()
            assert await client.call("acknowledge", 1) == 1


async def test_the_client_leaves(server: ServerProcess) -> None:
    async with connected(server.url) as client:
        reasons = collect(client, "disconnect")
        sid = client.id
        await client.disconnect()
        assert reasons == [("io client disconnect",)]
        assert client.transport is None
        report = await server.report(event="disconnect", id=sid)
        assert report["reason"] in ("client namespace disconnect", "client disconnect")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("transports", "reason"),
    [(["polling"], "transport error"), (["websocket"], "transport close")],
)
async def test_the_server_dies_and_comes_back(
    kind: Kind, transports: list[str], reason: str, own: Callable[..., ServerProcess]
) -> None:
    server = own(kind)
    asked = 0

    async def auth() -> dict[str, int]:
        nonlocal asked
        asked += 1
        return {"call": asked}

    async with connected(server.url, transports=transports, auth=auth) as client:
        chat = client.of("/chat")
        await chat.connect()
        happened: list[Any] = []
        client.on("disconnect", lambda *args: happened.append(("disconnect", *args)))
        client.on("connect", lambda: happened.append(("connect",)))
        for event in ("reconnect_attempt", "reconnect"):
            client.on_connection(event, lambda *args, event=event: happened.append((event, *args)))
        lost = asyncio.ensure_future(client.call("nobody listens"))
        await client.call("acknowledge")
        server.kill()
        with pytest.raises(Disconnected, match="lost before an acknowledgement"):
            await lost
        echoes = collect(client, "echo")
        late = client.emit_with_ack("acknowledge", "late", timeout=30)
        withdrawn = client.emit_with_ack("echo", "withdrawn", timeout=0.01)
        client.volatile.emit("echo", "dropped")
        for number in range(20):
            client.emit("echo", number, b"b")
        with pytest.raises(AcknowledgementTimeout):
            await withdrawn
        server.start()
        assert await late == "late"
        await eventually(lambda: len(echoes) >= 20)
        assert [args[:2] for args in echoes] == [(number, b"b") for number in range(20)]
        assert happened[0] == ("disconnect", reason)
        assert ("reconnect_attempt", 1) in happened
        assert happened[-1] == ("connect",)
        assert happened[-2][0] == "reconnect"
        await eventually(lambda: chat.connected)
        assert await chat.call("acknowledge", 1) == 1
        assert (await client.call("handshake"))["auth"]["call"] == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_a_silent_server_is_left_after_its_heartbeat(
    kind: Kind, own: Callable[..., ServerProcess]
) -> None:
    server = own(kind, pingInterval=30_000, pingTimeout=30_000)
    async with connected(server.url, transports=["websocket"], close_timeout=0.05) as client:
        reasons = collect(client, "disconnect")
        await client.call("acknowledge")
        server.suspend()
        advance(61)
        await eventually(lambda: reasons)
        assert reasons == [("ping timeout",)]
        server.resume()
        await eventually(lambda: client.connected)
        assert await client.call("acknowledge", 1) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_without_reconnection_the_end_is_the_end(
    kind: Kind, own: Callable[..., ServerProcess]
) -> None:
    server = own(kind)
    async with connected(server.url, reconnection=False) as client:
        reasons = collect(client, "disconnect")
        server.kill()
        await eventually(lambda: reasons)
        await eventually(lambda: not client.active)
        errors = collect(client, "connect_error")
        with pytest.raises(ConnectionFailed, match="could not connect"):
            await client.connect()
        assert len(errors) == 1
        server.start()
        await client.connect()


async def test_attempts_are_counted_and_come_to_an_end() -> None:
    server = ServerProcess("this")
    server.start()
    server.kill()
    client = Client(
        server.url, reconnection_attempts=2, reconnection_delay=0.01, randomization_factor=0.0
    )
    happened: list[Any] = []
    for event in ("reconnect_attempt", "reconnect_error", "reconnect_failed", "reconnect", "open"):
        client.on_connection(
            event, lambda *args, event=event: happened.append((event, *map(type, args)))
        )
    with pytest.raises(ConnectionFailed):
        await client.connect()
    attempt = [("reconnect_attempt", int), ("reconnect_error", ConnectionFailed)]
    assert happened == [*attempt, *attempt, ("reconnect_failed",)]


@pytest.mark.parametrize("kind", ["this with recovery", "node with recovery"])
@pytest.mark.parametrize("transports", [["polling"], ["websocket"]])
async def test_the_server_restores_what_was_missed(
    own: Callable[..., ServerProcess], kind: Kind, transports: list[str]
) -> None:
    # A polling client may be lost between two GETs: then only the heartbeat tells. It must not end
    # a session before it is cut.
    server = own(kind, pingInterval=300, pingTimeout=5000)
    async with (
        chaos_proxy(server.port, Chaos(), seed=1) as proxy,
        connected(proxy.url, transports=transports) as client,
    ):
        news: list[Any] = []
        # The offset that the server adds is kept from handlers that do not expect it.
        client.on("news", lambda number, data: news.append((number, data)))
        for round_ in range(3):
            before = client.id
            await server.command("emit", event="news", args=[10 * round_], base64="AQI=")
            await eventually(lambda count=10 * round_ + 1: len(news) == count)  # type: ignore[misc]
            gone = asyncio.Event()
            client.on("disconnect", lambda _, gone=gone: gone.set())
            proxy.refusing = True
            proxy.cut()
            await gone.wait()
            client.off("disconnect")
            await server.report(event="disconnect", id=before)
            server.reports.clear()
            for number in range(1, 10):
                await server.command(
                    "emit", event="news", args=[10 * round_ + number], base64="AQI="
                )
            client.emit("echo", "sent meanwhile")
            proxy.refusing = False
            await eventually(lambda: client.connected)
            assert client.recovered
            assert client.id == before
            await client.call("acknowledge")
            assert news == [(number, b"\x01\x02") for number in range(10 * round_ + 10)]


@pytest.mark.parametrize("kind", ["this with recovery", "node with recovery"])
async def test_a_server_that_has_forgotten_makes_a_new_session(
    own: Callable[..., ServerProcess], kind: Kind
) -> None:
    server = own(kind)
    async with connected(server.url, transports=["websocket"]) as client:
        before = client.id
        client.emit("echo", "for an offset")
        await client.call("acknowledge")
        server.kill()
        server.start()
        await eventually(lambda: client.connected and client.id != before)
        assert not client.recovered
        assert await client.call("acknowledge", 1) == 1


async def test_nothing_passes_before_a_slow_middleware_has_decided(
    own: Callable[..., ServerProcess],
) -> None:
    for kind in COMPLETE:
        server = own(kind)
        async with connected(server.url) as client:
            gate = client.of("/gate")
            echoes = collect(gate, "echo")
            for number in range(5):
                gate.emit("echo", number)
            gate.open()
            await server.report(event="waiting")
            await client.call("acknowledge")
            assert not gate.connected
            await server.command("open gate")
            await eventually(lambda echoes=echoes: len(echoes) == 5)  # type: ignore[misc]
            assert [args[0] for args in echoes] == list(range(5))


async def test_what_a_server_emits_at_once_arrives(complete: ServerProcess) -> None:
    async with connected(complete.url) as client:
        first = client.of("/first")
        steps: list[Any] = []
        first.on("steps", lambda names: steps.append(names))
        await first.connect()
        await eventually(lambda: steps)
        assert steps == [["first", "second"]]


async def test_an_event_that_the_server_drops_is_not_answered(complete: ServerProcess) -> None:
    async with connected(complete.url + "/guarded") as client:
        echoes = collect(client, "echo")
        with pytest.raises(AcknowledgementTimeout):
            await client.call("acknowledge", timeout=0.05)
        client.emit("echo", 1)
        await eventually(lambda: echoes)


async def test_volatile_events_arrive_while_there_is_a_connection(server: ServerProcess) -> None:
    async with connected(server.url, transports=["websocket"]) as client:
        echoes = collect(client, "echo")
        client.volatile.emit("echo", 1)
        await eventually(lambda: echoes)
        assert echoes[0][0] == 1


async def test_an_event_is_sent_until_it_is_acknowledged(complete: ServerProcess) -> None:
    # The server acknowledges the third delivery of each; on a busy machine there may be more.
    async with connected(complete.url, retries=100, ack_timeout=0.05) as client:
        sent = [client.emit_with_ack("flaky", f"{complete.kind} {name}") for name in "ab"]
        counts = await asyncio.gather(*sent)
        assert min(counts) >= 3

        def deliveries() -> list[str]:
            return [
                report["id"].removeprefix(complete.kind)
                for report in complete.reports
                if report.get("event") == "flaky"
            ]

        # What a server reports may come after what it answers.
        await eventually(lambda: min(deliveries().count(name) for name in (" a", " b")) >= 3)
        assert deliveries() == sorted(deliveries())


async def test_retries_come_to_an_end(server: ServerProcess) -> None:
    async with connected(server.url, retries=2, ack_timeout=0.02) as client:
        given_up = client.emit_with_ack("nobody listens")
        client.emit("nobody listens either")
        after = client.emit_with_ack("acknowledge", "after it", timeout=10)
        with pytest.raises(AcknowledgementTimeout):
            await given_up
        assert await after == "after it"


@pytest.mark.parametrize(
    ("kind", "events"), [("this", 100), ("node with recovery", 50), ("python-socketio", 50)]
)
async def test_retries_lose_nothing_through_chaos(
    kind: Kind, events: int, own: Callable[..., ServerProcess]
) -> None:
    """Invariant: with retries on, the server gets every event, and none before an earlier one has
    come, whatever happens to the connections.

    What comes twice may come late: something of a connection that was given up is on its way.

    Ten clients send `events` each: 1,000 to this server.
    """
    interval = 1000 if kind == "python-socketio" else 400
    server = own(kind, pingInterval=interval, pingTimeout=400)
    chaos = Chaos(jitter=0.001, slices=40, one_byte=0.05, reset=0.008, black_hole=0.0008)
    arrived: dict[str, list[int]] = {}
    async with chaos_proxy(server.port, chaos, seed=7) as proxy, AsyncExitStack() as stack:

        async def run(number: int) -> None:
            client = await stack.enter_async_context(
                connected(
                    proxy.url,
                    transports=TRANSPORTS[number % 3],
                    retries=1000,
                    ack_timeout=0.5,
                    timeout=2.0,
                    close_timeout=0.05,
                )
            )
            name = f"client {number}"
            arrived[name] = []
            sent = [client.emit_with_ack("record", name, event) for event in range(events)]
            await asyncio.gather(*sent)
            # The last answer has the whole record of the server.
            arrived[name] = await client.call("recorded", name, timeout=2)

        await asyncio.gather(*(run(number) for number in range(10)))
        assert proxy.resets
        assert proxy.black_holes >= events // 100
    for record in arrived.values():
        assert list(dict.fromkeys(record)) == list(range(events))
