"""admission.py: counting connections; over the wire, the connections that are too many.

The clients of these tests are on this host, which is where proxies are by default, so the limit of
an address needs `proxies=()` here.
"""

from __future__ import annotations

import math
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engineio_min import HttpLimits, HttpServer, Response, UsageError
from engineio_min.http.limits import TOLD_AT_ONCE
from engineio_min.limits.admission import (
    CONNECTIONS_PER_SESSION,
    PRIVATE_NETWORKS,
    Admission,
    Headcount,
)
from tests.engineio_min.harness import POLLING, WEBSOCKET, Clock, Harness, serving
from tests.engineio_min.http.requests import turned_away
from tests.engineio_min.wire import HANDSHAKE, Wire, connect, encode_request
from tests.waiting import until

INTERNET = "192.0.2.1"


def admission(
    capacity: float = 1_000,
    per_address: int | None = 2,
    proxies: tuple[str, ...] = (),
    sessions: Headcount | None = None,
) -> Admission:
    if sessions is None:
        sessions = Headcount()
    return Admission(capacity, per_address, proxies, sessions.of)


# --- who counts together


def test_each_address_has_its_own_count() -> None:
    counted = admission()
    assert [counted.enter(INTERNET, 1) for _ in range(4)] == [0, 0, 1, 2]
    assert counted.enter("192.0.2.2", 5) == 0
    counted.remove(INTERNET)
    counted.remove(INTERNET)
    assert counted.enter(INTERNET, 4) == 1
    for _ in range(3):
        counted.remove(INTERNET)
    counted.remove("192.0.2.2")
    assert len(counted) == 0


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        # IPv4 clients of a socket for both versions are not one network.
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("::ffff:192.0.2.1", "::FFFF:c000:201", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        # What an ASGI host may call its clients.
        ("unix:a", "unix:b", False),
    ],
)
def test_an_address_of_ipv6_is_a_network(first: str, second: str, together: bool) -> None:
    counts = Headcount()
    counts.add(first)
    assert counts.of(second) == (1 if together else 0)
    counts.add(second)
    counts.remove(first)
    counts.remove(second)
    assert len(counts) == 0


@pytest.mark.parametrize(
    ("client", "exempt"),
    [
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("172.31.0.1", True),
        ("172.32.0.1", False),
        ("192.168.1.1", True),
        ("::1", True),
        ("fd00::1", True),
        ("fe80::1%eth0", True),
        ("::ffff:10.0.0.1", True),
        ("::ffff:192.0.2.1", False),
        ("2001:db8::1", False),
        (INTERNET, False),
        ("", True),
    ],
)
def test_proxies_are_in_private_networks(client: str, exempt: bool) -> None:
    counted = admission(per_address=1, proxies=PRIVATE_NETWORKS)
    assert counted.enter(client, 1) == 0
    assert counted.enter(client, 2) == (0 if exempt else 1)


def test_proxies_can_be_named() -> None:
    counted = admission(per_address=1, proxies=("192.0.2.0/24", "2001:db8::1"))
    for client, excess in ((INTERNET, 0), ("2001:db8::1", 0), ("127.0.0.1", 1)):
        counted.enter(client, 1)
        assert counted.enter(client, 2) == excess


@pytest.mark.parametrize("proxy", ["proxy.example", "10.0.0.1/8", ""])
def test_a_proxy_that_is_no_network(proxy: str) -> None:
    with pytest.raises(UsageError, match=r"proxies: got .*expected an address or a network"):
        HttpServer(proxies=[proxy])


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"connections": 0}, "connections: got 0, expected a number above 0"),
        ({"connections": None}, "connections: got None, expected a number above 0"),
        ({"connections_per_address": True}, "connections_per_address: got True, expected a number"),
        ({"header_timeout": math.nan}, "header_timeout: got nan, expected a number above 0"),
        ({"header_timeout": -1.0}, "header_timeout: got -1.0, expected a number above 0"),
    ],
)
def test_limits_that_cannot_be(limits: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError) as error:
        HttpLimits(**limits)
    assert str(error.value).startswith(message)


def test_without_a_limit_for_an_address() -> None:
    counted = Admission(
        3, HttpLimits(connections_per_address=None).connections_per_address, (), int
    )
    assert [counted.enter(INTERNET, number) for number in (1, 2, 3, 4)] == [0, 0, 0, 1]


class Crowd(RuleBasedStateMachine):
    """Connections and sessions come and go; the count is what is there, and judges by the rule."""

    def __init__(self) -> None:
        super().__init__()
        self.sessions = Headcount()
        self.counted = admission(per_address=3, sessions=self.sessions)
        self.connections: dict[str, int] = {}
        self.opened: dict[str, int] = {}

    addresses = st.sampled_from([INTERNET, "192.0.2.2", "2001:db8::1"])

    @rule(address=addresses)
    def connect(self, address: str) -> None:
        count = self.connections[address] = self.connections.get(address, 0) + 1
        room = 3 + CONNECTIONS_PER_SESSION * self.opened.get(address, 0)
        assert self.counted.enter(address, 1) == max(0, count - room)

    @rule(address=addresses)
    def leave(self, address: str) -> None:
        if self.connections.get(address):
            self.connections[address] -= 1
            self.counted.remove(address)

    @rule(address=addresses)
    def open(self, address: str) -> None:
        self.opened[address] = self.opened.get(address, 0) + 1
        self.sessions.add(address)

    @rule(address=addresses)
    def close(self, address: str) -> None:
        if self.opened.get(address):
            self.opened[address] -= 1
            self.sessions.remove(address)

    @invariant()
    def nobody_is_kept_without_a_reason(self) -> None:
        assert len(self.counted) == sum(map(bool, self.connections.values()))
        assert len(self.sessions) == sum(map(bool, self.opened.values()))


TestCrowd = Crowd.TestCase
TestCrowd.settings = settings(max_examples=50, stateful_step_count=30)


# --- over the wire


@asynccontextmanager
async def limited(
    *, connections: int = 1_000, per_address: int | None = 512, proxies: tuple[str, ...] = ()
) -> AsyncIterator[Harness]:
    """A server with these limits, at whose end nothing is counted."""
    # Those who are told stay until the test has looked, however busy the machine is.
    limits = HttpLimits(
        connections=connections,
        connections_per_address=per_address,
        linger=1_000,
        header_timeout=1_000,
    )
    http = HttpServer(limits, proxies=proxies)
    http.route("/hello", lambda _: Response(200, b"hello"))
    async with serving(http=http) as harness:
        yield harness
    assert len(http.admission) == 0
    assert len(harness.server.pollers) == 0


async def crowd(harness: Harness, number: int) -> list[Wire]:
    """Silent connections, all of them accepted."""
    before = len(harness.server.http.connections)
    wires = [await harness.wire() for _ in range(number)]
    await until(lambda: len(harness.server.http.connections) == before + number)
    return wires


async def stays(wire: Wire) -> None:
    """The connection was let in, and is used."""
    assert (await wire.request("GET", "/hello")).text == "hello"


async def served(harness: Harness) -> None:
    async with connect(harness.port) as wire:
        await stays(wire)


async def test_one_too_many_of_all(caplog: pytest.LogCaptureFixture) -> None:
    async with limited(connections=3) as harness:
        first, *_ = await crowd(harness, 3)
        for _ in range(3):
            await turned_away(await harness.wire())
        await until(lambda: len(harness.server.http.connections) == 3)
        lines = [record.getMessage() for record in caplog.records]
        assert lines == [
            "turned away a connection of 127.0.0.1: at most 3 are taken, and 512 of one address "
            "without a session (HttpLimits); a proxy is named with HttpServer(proxies=[...])"
        ]
        # Those who are there are served.
        await stays(first)
        await first.close()
        await until(lambda: len(harness.server.http.connections) == 2)
        await served(harness)


async def test_the_log_says_it_once_a_minute(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    limits = HttpLimits(connections=1, header_timeout=1_000)
    async with serving(http=HttpServer(limits)) as harness:
        await crowd(harness, 1)
        for lines in (1, 1, 2):
            await turned_away(await harness.wire())
            said = [one for one in caplog.records if "turned away" in one.getMessage()]
            assert len(said) == lines
            await clock.advance(40)


async def test_a_refused_request_reads_the_refusal() -> None:
    """The answer is there before the request, and is not lost to a reset."""
    async with limited(connections=1) as harness:
        await crowd(harness, 1)
        wire = await harness.wire()
        await wire.send(encode_request("POST", f"{POLLING}&sid=x", None, b"4" * 100_000))
        await turned_away(wire)


async def test_more_than_can_be_told_are_cut_off() -> None:
    """Told are 64 at a time; what comes on top of that is closed at accept."""
    async with limited(connections=2) as harness:
        await crowd(harness, 2)
        # They do not read, so that their answers stay.
        patients = await crowd(harness, TOLD_AT_ONCE)
        for _ in range(20):
            wire = await harness.wire()
            assert await wire.ended() == b""
        assert len(harness.server.http.connections) == 2 + TOLD_AT_ONCE
        for wire in patients:
            await turned_away(wire)


async def test_one_too_many_of_an_address() -> None:
    async with limited(per_address=3) as harness:
        wires = await crowd(harness, 3)
        await turned_away(await harness.wire())
        # Headers in the middle, a body in the middle, an answered request: none is a session.
        await wires[0].send(b"GET / HTTP")
        await wires[1].send(encode_request("POST", "/x", {"Content-Length": "9"}))
        assert (await wires[2].request("GET", "/hello")).status == 200
        await turned_away(await harness.wire())
        wires[0].abort()
        await until(lambda: len(harness.server.http.connections) == 2)
        await served(harness)


async def test_an_address_of_a_proxy_has_no_limit() -> None:
    async with limited(per_address=1, proxies=PRIVATE_NETWORKS) as harness:
        for wire in await crowd(harness, 9):
            await stays(wire)


async def test_a_websocket_with_a_session_does_not_count() -> None:
    async with limited(per_address=1) as harness:
        for _ in range(4):
            await harness.opened_websocket()
        (wire,) = await crowd(harness, 1)
        await turned_away(await harness.wire())
        await wire.close()
        await until(lambda: len(harness.server.http.connections) == 4)
        await harness.opened_websocket()


async def test_a_session_that_polls_makes_room_for_its_connections() -> None:
    async with limited(per_address=2) as harness:
        # Two connections of the poller's own, and six more on top of the address's two.
        poller = await harness.poller()
        for wire in await crowd(harness, CONNECTIONS_PER_SESSION):
            await stays(wire)
        await turned_away(await harness.wire())
        assert (await poller.getter.request("POST", poller.target, None, b"1")).text == "ok"
        await poller.poster.close()
        await until(lambda: len(harness.server.http.connections) == 1 + CONNECTIONS_PER_SESSION)
        # The session is over, and there are more than two.
        await turned_away(await harness.wire())


async def test_an_upgraded_session_keeps_its_room_and_its_websocket_does_not_count() -> None:
    async with limited(per_address=2) as harness:
        poller = await harness.poller()
        wire = await harness.websocket(poller.upgrade_target)
        assert len(harness.server.http.admission) == 1
        for one in await crowd(harness, CONNECTIONS_PER_SESSION - 1):
            await stays(one)
        # The candidate counts until the session has moved.
        await turned_away(await harness.wire())
        await wire.send_packet("2probe")
        assert await wire.packet() == "3probe"
        await wire.send_packet("5")
        await until(lambda: harness.connection.transport == "websocket")
        await stays((await crowd(harness, 1))[0])
        await turned_away(await harness.wire())


async def test_candidates_count_until_they_are_gone() -> None:
    """A WebSocket that is let in only to be closed is no way round the limit."""
    async with limited(per_address=2) as harness:
        poller = await harness.poller()
        candidates = [
            await harness.websocket(poller.upgrade_target) for _ in range(CONNECTIONS_PER_SESSION)
        ]
        await turned_away(await harness.wire())
        for wire in candidates:
            await wire.close()
        await until(lambda: len(harness.server.http.connections) == 2)
        await harness.websocket(poller.upgrade_target)


async def test_a_second_websocket_of_a_session_counts() -> None:
    """Nor is one for a session that a WebSocket carries already."""
    async with limited(per_address=2) as harness:
        await harness.opened_websocket()
        target = f"{WEBSOCKET}&sid={harness.connection.sid}"
        surplus = [await harness.websocket(target) for _ in range(2)]
        for one in surplus:
            assert await one.closing() == b""
        await turned_away(await harness.wire())
        for one in surplus:
            await one.close()
        await until(lambda: len(harness.server.http.connections) == 1)
        await served(harness)


@pytest.mark.parametrize("client", ["", "127.0.0.1", "::ffff:10.0.0.1", "testclient:1"])
def test_who_may_be_a_proxy_or_is_no_address(client: str) -> None:
    """An ASGI host may call its clients what it likes."""
    assert HttpServer().admission.exempts(client)
    assert not HttpServer().admission.exempts("192.0.2.1")


async def test_a_handshake_that_fails_still_counts() -> None:
    async with limited(per_address=1) as harness:
        wire = await harness.wire()
        bad = {**HANDSHAKE, "Sec-WebSocket-Key": "YQ=="}
        assert (await wire.request("GET", WEBSOCKET, bad)).status == 400
        assert await wire.ended() == b""
        await wire.close()
        await until(lambda: not harness.server.http.connections)
        await served(harness)


async def test_a_flood_from_one_address_does_not_keep_the_others_waiting() -> None:
    """H41: a thousand connections; those with a session get their answers all the while."""
    async with limited(per_address=20) as harness, AsyncExitStack() as stack:
        wire = await harness.opened_websocket()
        flood = []
        for number in range(1_000):
            peer = socket.create_connection(("127.0.0.1", harness.port))
            stack.callback(peer.close)
            flood.append(peer)
            if number % 50 == 0:
                await wire.send_packet(f"4{number}")
                assert await wire.packet() == f"4{number}"
                # A WebSocket, those within the limit, and those being told.
                assert len(harness.server.http.connections) <= 1 + 20 + TOLD_AT_ONCE
        await wire.send_packet("4last")
        assert await wire.packet() == "4last"
        for peer in flood:
            # Reset, as a host that has many of them would.
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
        await until(lambda: len(harness.server.http.connections) == 1)
        await served(harness)


# --- the descriptors of the process


# --- TLS

CERTIFICATE = Path(__file__).parents[1] / "localhost.pem"


async def test_a_tls_handshake_has_the_time_of_headers() -> None:
    """Who connects and says nothing is not seen by HTTP until TLS is agreed on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    http = HttpServer(HttpLimits(header_timeout=0.05))
    await http.listen(port=0, ssl=context)
    async with connect(http.port) as wire:
        assert await wire.ended() == b""
    await http.close()
