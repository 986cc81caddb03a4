"""The client against three real servers: this one, the official one with and without connection
state recovery, and python-socketio's.

They are the cases that conformance/js checks of the official client.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Unpack

import pytest

from socketio_min import (
    AcknowledgementTimeout,
    Client,
    ClientNamespace,
    ConnectionFailed,
    ConnectionRefused,
    Disconnected,
)
from socketio_min.client.options import SocketIOClientOptionValues
from tests.socketio_min.chaos import Chaos, chaos_proxy
from tests.socketio_min.server_processes import KINDS, Kind, ServerProcess
from tests.socketio_min.serving import advance
from tests.waiting import eventually

TRANSPORTS = (["polling"], ["websocket"], ["polling", "websocket"])
# These have all the handlers and commands of conformance/js.
COMPLETE: tuple[Kind, ...] = ("this", "node", "node with recovery")


@pytest.fixture(scope="module")
def servers() -> Iterator[Callable[[Kind], ServerProcess]]:
    """Servers that nobody stops, started when they are first needed."""
    running: dict[Kind, ServerProcess] = {}

    def running_server(kind: Kind) -> ServerProcess:
        if kind not in running:
            running[kind] = ServerProcess(kind)
            running[kind].start()
        return running[kind]

    yield running_server
    for server in running.values():
        server.stop()


@pytest.fixture(params=KINDS)
def server(
    request: pytest.FixtureRequest, servers: Callable[[Kind], ServerProcess]
) -> ServerProcess:
    return servers(request.param)


@pytest.fixture(params=COMPLETE)
def complete(
    request: pytest.FixtureRequest, servers: Callable[[Kind], ServerProcess]
) -> ServerProcess:
    return servers(request.param)


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


@asynccontextmanager
async def connected(
    url: str, **options: Unpack[SocketIOClientOptionValues]
) -> AsyncIterator[Client]:
    """A connected client that comes back quickly; closed at the end."""
    options.setdefault("reconnection_delay", 0.02)
    options.setdefault("reconnection_delay_max", 0.05)
    client = Client(url, **options)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(client.close)
        async with asyncio.timeout(20):
            await client.connect()
        yield client
    assert client._manager._tasks == set()
    assert client._manager._ending == set()
    assert client.pending_acks == 0


def collect(namespace: ClientNamespace, event: str) -> list[Any]:
    """The arguments of each `event` from now on."""
    seen: list[Any] = []

    def handler(*args: Any) -> None:
        seen.append(args)

    namespace.on(event, handler)
    return seen


# -- connecting


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_binary_events_as_text(complete: ServerProcess, transports: list[str]) -> None:
    async with connected(complete.url, transports=transports, force_base64=True) as client:
        data = bytes(range(256))
        assert await client.call("acknowledge", data, {"a": [b""]}) == (data, {"a": [b""]})


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_events_of_every_kind_both_ways(server: ServerProcess, transports: list[str]) -> None:
    async with connected(server.url, transports=transports) as client:
        assert client.connected
        assert client.id is not None
        echoes: list[Any] = []
        # As many arguments as were sent: with recovery the server adds one.
        client.on("echo", lambda a, b, c, d, e: echoes.append((a, b, c, d, e)))
        sent = (
            1,
            "é😀\u2028\x00",
            {"list": [None, True, 1.5, {"bytes": b"\x00\xff"}], "empty": {}},
            b"",
            [b"a" * 1000, 2**53 - 1],
        )
        client.emit("echo", *sent)
        assert await client.call("acknowledge", *sent) == sent
        await eventually(lambda: echoes)
        assert echoes == [sent]
        assert await client.call("acknowledge") is None
        assert await client.call("acknowledge", {"a": b"b"}) == {"a": b"b"}
        empty: list[Any] = [0, "", False, [], {}]
        for value in empty:
            assert await client.call("acknowledge", value) == value
        if len(transports) == 2:
            await eventually(lambda: client.transport == "websocket")
    await server.report(event="disconnect", id=(await last_connect(server))["id"])


async def last_connect(server: ServerProcess) -> dict[str, Any]:
    return [report for report in server.reports if report["event"] == "connect"][-1]


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_the_server_asks(server: ServerProcess, transports: list[str]) -> None:
    async with connected(server.url, transports=transports) as client:

        @client.on("question")
        async def question(*args: Any) -> Any:
            await asyncio.sleep(0)
            return (*args, b"more")

        @client.on("plain")
        def plain(value: Any) -> Any:
            return value

        timeout = 5000
        # One argument of several is what python-socketio's server returns as a list or tuple.
        answer = await client.call("call", "question", [1, b"x"], timeout)
        assert list(answer["answer"]) == [1, b"x", b"more"]
        assert await client.call("call", "plain", [{"a": b"b"}], timeout) == {"answer": {"a": b"b"}}
        assert await client.call("call", "nobody listens", [], 20) == {"timedOut": True}


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_1000_events_each_way_in_order(server: ServerProcess, transports: list[str]) -> None:
    async with connected(server.url, transports=transports) as client:
        numbers: list[int] = []
        echoes: list[int] = []
        client.on("number", lambda number, *_: numbers.append(number))
        client.on("echo", lambda number, *_: echoes.append(number))
        client.emit("burst", 500)
        for number in range(1000):
            client.emit("echo", number, bytes((number % 256,)))
            if number % 100 == 0:
                await asyncio.sleep(0.002)
        await eventually(lambda: len(numbers) == 500 and len(echoes) == 1000)
        assert numbers == [*range(500)]
        assert echoes == [*range(1000)]


async def test_large_events(server: ServerProcess) -> None:
    for transports in TRANSPORTS:
        async with connected(server.url, transports=transports) as client:
            text = "x" * 400_000
            assert await client.call("acknowledge", text, text.encode()) == (text, text.encode())


async def test_headers_query_and_auth_arrive(complete: ServerProcess) -> None:
    for transports in TRANSPORTS:
        async with connected(
            complete.url + "?a=b",
            transports=transports,
            extra_headers={"X-Token": "secret"},
            auth={"user": "é"},
        ) as client:
            handshake = await client.call("handshake")
            assert handshake["auth"] == {"user": "é"}
            assert handshake["headers"]["x-token"] == "secret"
            assert handshake["query"]["a"] == "b"


# -- namespaces


async def test_namespaces_share_a_connection(server: ServerProcess) -> None:
    async with connected(server.url) as client:
        chat = client.of("chat")
        other = client.of("/чат ✓")
        assert client.of("/chat") is chat
        await chat.connect()
        await other.connect()
        assert len({client.id, chat.id, other.id}) == 3
        seen = [collect(namespace, "echo") for namespace in (client, chat, other)]
        for number, namespace in enumerate((client, chat, other)):
            namespace.emit("echo", number, b"x")
            await namespace.call("acknowledge")
        assert [args[0][:2] for args in seen] == [(0, b"x"), (1, b"x"), (2, b"x")]
        assert [len(args) for args in seen] == [1, 1, 1]
        await chat.disconnect()
        assert not chat.connected
        assert await client.call("acknowledge", 1) == 1
        assert await other.call("acknowledge", 2) == 2
        await chat.connect()
        assert await chat.call("acknowledge", 3) == 3


async def test_the_namespace_of_the_url(server: ServerProcess) -> None:
    async with connected(server.url + "/chat") as chat:
        assert chat.name == "/chat"
        assert await chat.call("acknowledge", 1) == 1
    async with connected(server.url + "/%D1%87%D0%B0%D1%82%20%E2%9C%93/") as other:
        assert other.name == "/чат ✓"


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_a_refusal_has_a_message_and_data(
    server: ServerProcess, transports: list[str]
) -> None:
    client = Client(server.url + "/admin", transports=transports, auth={"token": "wrong"})
    errors = collect(client, "connect_error")
    with pytest.raises(ConnectionRefused, match="not authorized") as caught:
        await client.connect()
    assert caught.value.data == {"code": "E1", "retry": [1, 2]}
    assert errors == [(caught.value,)]
    assert not client.active
    # The connection had no other use.
    assert client.transport is None
    client.auth = {"token": "secret"}
    await client.connect()
    assert await client.call("acknowledge", 1) == 1
    await client.close()


async def test_a_refusal_leaves_the_other_namespaces(server: ServerProcess) -> None:
    async with connected(server.url) as client:
        with pytest.raises(ConnectionRefused):
            await client.of("/admin").connect()
        with pytest.raises(ConnectionRefused):
            await client.of("/refused").connect()
        assert await client.call("acknowledge", 1) == 1


async def test_an_unknown_namespace(server: ServerProcess) -> None:
    with pytest.raises(ConnectionRefused) as caught:
        await Client(server.url + "/nowhere").connect()
    assert caught.value.message in ("Invalid namespace", "Unable to connect")


async def test_leaving_and_joining_in_one_breath(server: ServerProcess) -> None:
    async with connected(server.url) as client:
        chat = client.of("/chat")
        await chat.connect()
        before = chat.id
        chat.disconnect()
        await chat.connect()
        assert chat.id != before
        # Before the first answer is there.
        chat.disconnect()
        chat.open()
        chat.disconnect()
        await chat.connect()
        assert await chat.call("acknowledge", 1) == 1
        assert await client.call("acknowledge", 2) == 2


async def test_leaving_and_coming_back_with_a_new_connection(server: ServerProcess) -> None:
    async with connected(server.url) as client:
        before = client.id
        client.disconnect()
        await client.connect()
        assert client.id != before
        assert await client.call("acknowledge", 1) == 1


# -- disconnecting


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


# -- connection state recovery


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


# -- middlewares


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


# -- retries


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
    ("kind", "events"), [("this", 1000), ("node with recovery", 200), ("python-socketio", 100)]
)
async def test_retries_lose_nothing_through_chaos(
    kind: Kind, events: int, own: Callable[..., ServerProcess]
) -> None:
    """Invariant: with retries on, the server gets every event, and none before an earlier one has
    come, whatever happens to the connections.

    What comes twice may come late: something of a connection that was given up is on its way.

    Ten clients send `events` each: 10,000 to this server.
    """
    interval = 1000 if kind == "python-socketio" else 400
    server = own(kind, pingInterval=interval, pingTimeout=400)
    chaos = Chaos(jitter=0.001, slices=40, one_byte=0.05, reset=0.002, black_hole=0.0002)
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
        assert proxy.black_holes >= events // 1000
    for record in arrived.values():
        assert list(dict.fromkeys(record)) == list(range(events))
