"""The rules of a client's session, without I/O: literals of the protocol in and out, time as an
argument.
"""

from __future__ import annotations

from typing import Any

import pytest

from engineio_min.errors import PacketError, UsageError
from engineio_min.protocol.client_session import ClientSession, ClientTiming
from engineio_min.protocol.deadlines import NEVER
from engineio_min.protocol.open_packet import OpenPacket, read_open_packet
from engineio_min.protocol.packets import Packet
from engineio_min.protocol.phases import Closed, Opened, UpgradeAbandoned, Upgraded

OPEN = (
    '0{"sid":"abc","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,'
    '"maxPayload":100}'
)


class Wakes:
    """A driver that counts how often it was woken."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def opening(transport: str = "polling", timeout: float = 20.0) -> ClientSession:
    return ClientSession(transport, ClientTiming(timeout=timeout), 0.0, Wakes())


def opened(transport: str = "polling", packet: str = OPEN) -> ClientSession:
    session = opening(transport)
    if transport == "polling":
        assert session.begin_poll()
    session.receive(packet, 0.0)
    if transport == "polling":
        session.polled()
    assert drain(session) == [Opened()]
    return session


def drain(session: ClientSession) -> list[Any]:
    """The events so far."""
    events, session.events = list(session.events), []
    return events


# -- opening


def test_the_open_packet_opens_the_session() -> None:
    session = opened()
    assert session.phase == "open"
    assert session.handshake == OpenPacket("abc", ("websocket",), 25.0, 20.0, 100)
    assert session.deadline == 45.0


@pytest.mark.parametrize("packet", ["2", "3", "4hello", "5", "6", "x", "", b"binary"])
def test_anything_before_the_open_packet_ends_the_session(packet: Packet) -> None:
    session = opening("websocket")
    assert session.receive(packet, 0.0) is None
    [event] = drain(session)
    assert event.reason == "transport error"
    assert "expected the open packet" in event.description


def test_a_close_packet_instead_of_the_open_packet() -> None:
    session = opening()
    session.receive("1", 0.0)
    assert drain(session) == [
        Closed("transport close", "got a close packet instead of the open packet")
    ]


def test_opening_takes_at_most_the_timeout() -> None:
    session = opening(timeout=3.0)
    session.handle_timeout(2.9)
    assert session.phase == "opening"
    session.handle_timeout(3.0)
    assert drain(session) == [Closed("transport error", "not open within 3 seconds")]
    assert session.deadline == NEVER


def test_closing_while_it_opens_ends_it() -> None:
    session = opening()
    session.close(1.0)
    assert drain(session) == [Closed("forced close", "closed by the client")]


@pytest.mark.parametrize(
    "packet",
    [
        "0",
        "0[]",
        "0{",
        '0"x"',
        "0null",
        '0{"pingInterval":1,"pingTimeout":1}',
        '0{"sid":"","pingInterval":1,"pingTimeout":1}',
        '0{"sid":7,"pingInterval":1,"pingTimeout":1}',
        '0{"sid":"' + "a" * 257 + '","pingInterval":1,"pingTimeout":1}',
        '0{"sid":"a","pingTimeout":1}',
        '0{"sid":"a","pingInterval":1}',
        '0{"sid":"a","pingInterval":-5,"pingTimeout":1}',
        '0{"sid":"a","pingInterval":true,"pingTimeout":1}',
        '0{"sid":"a","pingInterval":"9","pingTimeout":1}',
        '0{"sid":"a","pingInterval":86400001,"pingTimeout":1}',
        '0{"sid":"a","pingInterval":1,"pingTimeout":1e300}',
        '0{"sid":"a","pingInterval":1,"pingTimeout":1,"upgrades":"websocket"}',
        '0{"sid":"a","pingInterval":1,"pingTimeout":1,"maxPayload":0}',
        '0{"sid":"a","pingInterval":1,"pingTimeout":1,"maxPayload":"9"}',
        '0{"sid":"\ud800"}',
    ],
)
def test_a_bad_open_packet_is_refused(packet: str) -> None:
    with pytest.raises(PacketError, match="got an open packet"):
        read_open_packet(packet)
    session = opening()
    session.receive(packet, 0.0)
    [event] = drain(session)
    assert event.reason == "transport error"
    assert session.phase == "closed"


def test_an_open_packet_of_an_older_server_has_no_limit() -> None:
    handshake = read_open_packet('0{"sid":"a","upgrades":[1,"x"],"pingInterval":1,"pingTimeout":2}')
    assert handshake == OpenPacket("a", ("x",), 0.001, 0.002, None)


@pytest.mark.parametrize(
    ("transport", "packet", "size"),
    [
        ("websocket", "4" + "x" * 99, None),
        ("websocket", "4" + "x" * 100, 101),
        ("websocket", "4" + "ü" * 50, 101),
        ("websocket", bytes(100), None),
        ("websocket", bytes(101), 101),
        # Base64: four characters for three bytes, and the "b" before them.
        ("polling", bytes(72), None),
        ("polling", bytes(75), 101),
        ("polling", "4" + "x" * 100, 101),
    ],
)
def test_what_the_server_does_not_take_is_refused(
    transport: str, packet: Packet, size: int | None
) -> None:
    limit = '0{"sid":"a","upgrades":[],"pingInterval":1000,"pingTimeout":500,"maxPayload":100}'
    session = opened(transport, limit)
    if size is None:
        session.check_size(packet)
    else:
        with pytest.raises(UsageError, match=f"got a message of {size} bytes, and the server ta"):
            session.check_size(packet)


def test_a_server_that_tells_no_limit_is_sent_anything() -> None:
    session = opened("websocket", '0{"sid":"a","upgrades":[],"pingInterval":1,"pingTimeout":5}')
    session.check_size(bytes(1_000_000))


def test_a_server_may_have_rounded_its_interval_to_nothing() -> None:
    handshake = read_open_packet('0{"sid":"a","pingInterval":0,"pingTimeout":200}')
    assert (handshake.ping_interval, handshake.ping_timeout) == (0.0, 0.2)


def test_a_second_open_packet_ends_the_session() -> None:
    session = opened()
    session.receive(OPEN, 1.0)
    assert drain(session) == [
        Closed("transport error", "got a packet of type '0', expected it only once")
    ]


# -- messages, heartbeat


def test_messages_come_out() -> None:
    session = opened()
    assert session.receive("4hello", 1.0) == "hello"
    assert session.receive("4", 1.0) == ""
    assert session.receive(b"", 1.0) == b""
    assert session.receive(b"\x00", 1.0) == b"\x00"


def test_a_ping_is_answered_and_moves_the_deadline() -> None:
    session = opened("websocket")
    session.receive("2", 10.0)
    assert session.take() == ["3"]
    session.handle_timeout(45.0)
    assert session.phase == "open"
    assert session.deadline == 55.0
    assert not session.expired(54.9)
    assert session.expired(55.0)
    session.handle_timeout(55.0)
    assert drain(session) == [Closed("ping timeout", "got no ping in time")]


def test_only_a_ping_moves_the_deadline() -> None:
    session = opened("websocket")
    for packet in ("4message", "3", "5", "6", b"binary"):
        session.receive(packet, 44.0)
    session.handle_timeout(45.0)
    assert drain(session) == [Closed("ping timeout", "got no ping in time")]


def test_many_pings_are_answered_by_one_pong() -> None:
    session = opened("websocket")
    for _ in range(1000):
        session.receive("2", 1.0)
    assert session.take() == ["3"]
    session.receive("2", 1.0)
    assert session.take() == ["3"]


@pytest.mark.parametrize("packet", ["7", "9", "x", "", "é", "٣"])
def test_an_unknown_packet_ends_the_session(packet: str) -> None:
    session = opened()
    session.receive(packet, 1.0)
    [event] = drain(session)
    assert event.reason == "transport error"


def test_the_server_closes() -> None:
    session = opened()
    session.receive("1", 1.0)
    assert drain(session) == [Closed("transport close", "got a close packet")]
    assert session.receive("4late", 1.0) is None
    session.receive("2", 1.0)
    session.send("4late")
    session.fail("transport error", "too late")
    session.posted()
    assert session.take() == []
    assert drain(session) == []


# -- sending


def test_the_driver_is_woken_for_the_first_packet_only() -> None:
    wakes = Wakes()
    session = ClientSession("websocket", ClientTiming(), 0.0, wakes)
    session.receive(OPEN, 0.0)
    session.release()
    session.send("4a")
    session.send("4b")
    assert wakes.count == 1
    assert session.take() == ["4a", "4b"]


@pytest.mark.parametrize("end", ["take", "release"])
def test_what_a_read_causes_wakes_nobody_until_its_end(end: str) -> None:
    wakes = Wakes()
    session = ClientSession("websocket", ClientTiming(), 0.0, wakes)
    session.receive(OPEN, 0.0)
    session.receive("2", 0.0)
    session.send("4a")
    assert wakes.count == 0
    if end == "take":
        assert session.take() == ["3", "4a"]
        session.send("4b")
    else:
        session.release()
        session.fail("transport error", "x")
    assert wakes.count == 1


def test_polling_has_one_post_at_a_time() -> None:
    session = opened()
    assert session.writable
    session.send("4a")
    assert session.take() == ["4a"]
    assert [session.writable] == [False]
    session.send("4b")
    assert not session.idle
    assert session.take() == []
    session.posted()
    assert [session.writable] == [True]
    assert session.take() == ["4b"]
    session.posted()
    assert session.idle


@pytest.mark.parametrize(
    ("packets", "first"),
    [
        # 100 bytes: "4" and 48 characters, a separator, and 50 bytes more.
        (["4" + "a" * 48, "4" + "b" * 49], 2),
        (["4" + "a" * 48, "4" + "b" * 50], 1),
        (["4" + "é" * 24, "4" + "b" * 49], 2),
        (["4" + "é" * 24, "4" + "b" * 50], 1),
        # "b" and 48 characters of base64.
        ([b"\x00" * 36, "4" + "b" * 49], 2),
        ([b"\x00" * 36, "4" + "b" * 50], 1),
        ([b"\x00" * 34, "4" + "b" * 50], 1),
        # Too much for any POST: the server's affair.
        (["4" + "a" * 500, "4b"], 1),
    ],
)
def test_a_post_holds_what_the_server_reads_at_once(packets: list[Packet], first: int) -> None:
    session = opened()
    for packet in packets:
        session.send(packet)
    assert session.take() == packets[:first]
    session.posted()
    assert session.take() == packets[first:]


def test_without_a_limit_any_size_is_posted_at_once() -> None:
    session = opened(packet='0{"sid":"a","pingInterval":1,"pingTimeout":2}')
    packets = ["4" + "a" * 1000] * 16
    for packet in packets:
        session.send(packet)
    assert session.take() == packets


@pytest.mark.parametrize("packet", [OPEN, '0{"sid":"a","pingInterval":1,"pingTimeout":2}'])
def test_a_post_holds_a_limited_number_of_packets(packet: str) -> None:
    session = opened(packet=packet)
    for number in range(40):
        session.send(f"4{number}")
    for numbers in (range(16), range(16, 32), range(32, 40)):
        assert session.take() == [f"4{number}" for number in numbers]
        session.posted()


# -- the upgrade


def test_an_upgrade_waits_for_the_get_and_the_post() -> None:
    session = opened()
    assert session.begin_upgrade(1.0, ["websocket"])
    assert not session.begin_upgrade(1.0, ["websocket"])
    assert session.begin_poll()
    session.send("4a")
    assert session.take() == ["4a"]
    session.receive_probe("3probe")
    session.send("4b")
    assert not session.writable
    assert drain(session) == []
    session.receive("6", 1.0)
    session.polled()
    assert not session.begin_poll()
    assert drain(session) == []
    session.posted()
    assert drain(session) == [Upgraded()]
    assert session.transport == "websocket"
    assert session.take() == ["5", "4b"]
    assert not session.begin_upgrade(1.0, ["websocket"])
    session.posted()
    assert session.deadline == 11.0
    session.handle_timeout(11.0)
    assert session.deadline == 45.0


def test_nothing_is_posted_while_polling_ends() -> None:
    session = opened()
    session.begin_upgrade(1.0, ["websocket"])
    assert session.begin_poll()
    session.receive_probe("3probe")
    session.send("4b")
    assert session.take() == []
    session.polled()
    assert session.take() == ["5", "4b"]


def test_an_idle_session_upgrades_at_once() -> None:
    session = opened()
    session.begin_upgrade(1.0, ["websocket"])
    session.receive_probe("3probe")
    assert drain(session) == [Upgraded()]
    session.receive_probe("4stray")
    assert session.transport == "websocket"


@pytest.mark.parametrize("packet", ["3", "3probes", "2probe", "4x", "6", b"3probe"])
def test_another_answer_to_the_probe_ends_the_upgrade_only(packet: Packet) -> None:
    session = opened()
    session.begin_upgrade(1.0, ["websocket"])
    session.receive_probe(packet)
    assert drain(session) == [UpgradeAbandoned("got another packet than the probe's answer")]
    assert session.phase == "open"
    assert session.begin_poll()
    assert session.begin_upgrade(2.0, ["websocket"])


def test_a_candidate_that_talks_on_is_not_used() -> None:
    session = opened()
    session.begin_upgrade(1.0, ["websocket"])
    session.begin_poll()
    session.receive_probe("3probe")
    session.receive_probe("4more")
    assert drain(session) == [UpgradeAbandoned("got another packet than the probe's answer")]
    session.polled()
    assert session.transport == "polling"


def test_an_upgrade_takes_at_most_its_timeout() -> None:
    session = opened()
    session.begin_upgrade(1.0, ["websocket"])
    assert session.deadline == 11.0
    session.handle_timeout(11.0)
    assert drain(session) == [UpgradeAbandoned("no upgrade within 10 seconds")]
    assert session.deadline == 45.0
    session.abandon_upgrade("again")
    assert drain(session) == []


@pytest.mark.parametrize(
    "packet",
    [
        '0{"sid":"a","upgrades":[],"pingInterval":1,"pingTimeout":2}',
        '0{"sid":"a","upgrades":["webtransport"],"pingInterval":1,"pingTimeout":2}',
    ],
)
def test_there_is_no_upgrade_that_the_server_does_not_offer(packet: str) -> None:
    assert not opened(packet=packet).begin_upgrade(1.0, ["websocket"])


def test_there_is_no_upgrade_before_the_handshake() -> None:
    assert not opening().begin_upgrade(0.0, ["websocket"])


# -- closing


def test_closing_on_polling_posts_a_close_packet_last_and_alone() -> None:
    session = opened()
    session.begin_upgrade(1.0, ["websocket"])
    session.send("4a")
    session.close(1.0)
    assert drain(session) == [UpgradeAbandoned("closed by the client")]
    assert not session.begin_poll()
    session.send("4late")
    assert session.receive("4late", 1.0) is None
    assert session.take() == ["4a"]
    session.posted()
    assert session.take() == ["1"]
    assert drain(session) == []
    session.posted()
    assert drain(session) == [Closed("forced close", "closed by the client")]
    session.close(2.0)
    assert drain(session) == []


def test_closing_while_a_post_is_under_way() -> None:
    session = opened()
    session.send("4a")
    assert session.take() == ["4a"]
    session.close(1.0)
    assert session.take() == []
    session.posted()
    assert drain(session) == []
    assert session.take() == ["1"]
    session.posted()
    assert drain(session) == [Closed("forced close", "closed by the client")]


def test_closing_on_websocket_needs_no_packet() -> None:
    session = opened("websocket")
    session.close(1.0)
    assert drain(session) == [Closed("forced close", "closed by the client")]


def test_closing_on_websocket_sends_what_is_queued() -> None:
    session = opened("websocket")
    session.block()
    session.send("4a")
    session.close(1.0)
    assert session.take() == []
    assert drain(session) == []
    session.unblock()
    assert session.take() == ["4a"]
    assert drain(session) == [Closed("forced close", "closed by the client")]


def test_closing_takes_at_most_its_timeout_whatever_the_server_sends() -> None:
    session = opened()
    session.close(1.0)
    assert session.deadline == 6.0
    session.receive("2", 5.0)
    session.handle_timeout(6.0)
    assert drain(session) == [Closed("forced close", "the last packets could not be sent in time")]
