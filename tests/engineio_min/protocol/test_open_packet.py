"""open_packet.py: what a server tells and a client reads (Engine.IO v4, "Handshake")."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from engineio_min.errors import PacketError
from engineio_min.protocol.open_packet import OpenPacket, make_open_packet, read_open_packet

TIMES = {"pingInterval": 25_000, "pingTimeout": 20_000}


def packet(**fields: Any) -> str:
    return "0" + orjson.dumps({"sid": "a", **TIMES, **fields}).decode()


def test_the_open_packet_has_exactly_five_keys_in_milliseconds_and_bytes() -> None:
    text = make_open_packet("lv_VI97HAXpY6yYWAAAC", ["websocket"], 25.0, 20.0, 1_000_000)
    assert text == (
        '0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],'
        '"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
    )


def test_fractions_of_a_second_are_whole_milliseconds() -> None:
    handshake = orjson.loads(make_open_packet("s", (), 0.3, 0.2004, 1)[1:])
    assert handshake["pingInterval"] == 300
    assert handshake["pingTimeout"] == 200
    assert handshake["upgrades"] == []


def test_the_packet_of_the_official_server() -> None:
    text = (
        '0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],'
        '"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
    )
    assert read_open_packet(text) == OpenPacket(
        "lv_VI97HAXpY6yYWAAAC", ("websocket",), 25.0, 20.0, 1_000_000
    )


def test_what_older_servers_do_not_tell() -> None:
    assert read_open_packet(packet()) == OpenPacket("a", (), 25.0, 20.0, None)
    assert read_open_packet(packet(upgrades=["a", 1, None])).upgrades == ("a",)
    assert read_open_packet(packet(pingInterval=0)).ping_interval == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", "without a JSON object"),
        ("0[]", "without a JSON object"),
        (packet(sid=""), "without a sid"),
        (packet(sid="x" * 257), "without a sid"),
        (packet(sid=1), "without a sid"),
        (packet(upgrades="websocket"), "upgrades are no list"),
        (packet(maxPayload=0), "maxPayload is no number above 0"),
        (packet(maxPayload=True), "maxPayload is no number above 0"),
        (packet(pingInterval=-1), "pingInterval is no number"),
        (packet(pingTimeout="20000"), "pingTimeout is no number"),
        (packet(pingTimeout=86_400_001), "pingTimeout is no number from 0 to 86400000"),
    ],
)
def test_what_is_no_open_packet(text: str, message: str) -> None:
    with pytest.raises(PacketError, match=message):
        read_open_packet(text)
