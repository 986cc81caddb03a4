"""attachments.py: a packet and its binary messages become one."""

import json
from typing import Any

import pytest

from socketio_min.errors import (
    PacketError,
)
from socketio_min.protocol.attachments import Reconstructor
from socketio_min.protocol.decoding import decode
from socketio_min.protocol.encoding import (
    encode_ack,
    encode_event,
)
from socketio_min.protocol.packets import (
    ACK,
    BINARY_ACK,
    BINARY_EVENT,
    EVENT,
)

PLACEHOLDER = '{"_placeholder":true,"num":0}'


def placeholder(num: str) -> str:
    return f'{{"_placeholder":true,"num":{num}}}'


@pytest.mark.parametrize(
    ("encoded", "messages", "namespace", "data", "ack_id"),
    [
        (
            encode_event("/", ["bin", {"a": [{"x": b"0"}], "b": {"c": b"1"}}, b"2"]),
            (
                '53-["bin",{"a":[{"x":{"_placeholder":true,"num":0}}],'
                '"b":{"c":{"_placeholder":true,"num":1}}},{"_placeholder":true,"num":2}]',
                [b"0", b"1", b"2"],
            ),
            "/",
            ["bin", {"a": [{"x": b"0"}], "b": {"c": b"1"}}, b"2"],
            None,
        ),
        (
            encode_event("/admin", ["bin", bytearray(b"\x00\x01")], 5),
            (f'51-/admin,5["bin",{PLACEHOLDER}]', [b"\x00\x01"]),
            "/admin",
            ["bin", b"\x00\x01"],
            5,
        ),
        (
            encode_ack("/", [memoryview(b"abcd")[::2]], 15),
            (f"61-15[{PLACEHOLDER}]", [b"ac"]),
            "/",
            [b"ac"],
            15,
        ),
        (
            encode_ack("/admin", [None, b""], 0),
            (f"61-/admin,0[null,{PLACEHOLDER}]", [b""]),
            "/admin",
            [None, b""],
            0,
        ),
    ],
)
def test_binary_packets_both_ways(
    encoded: tuple[str, list[bytes]],
    messages: tuple[str, list[bytes]],
    namespace: str,
    data: list[Any],
    ack_id: int | None,
) -> None:
    assert encoded == messages
    text, attachments = messages
    packet = decode(text)
    type_ = BINARY_EVENT if text[0] == "5" else BINARY_ACK
    assert (packet[0], packet[1], packet[3], packet[4]) == (
        type_,
        namespace,
        ack_id,
        len(attachments),
    )
    reconstructor = Reconstructor(packet)
    *first, last = [reconstructor.add(attachment) for attachment in attachments]
    assert first == [None] * (len(attachments) - 1)
    assert last == (EVENT if type_ == BINARY_EVENT else ACK, namespace, data, ack_id, 0)


def rebuilt(text: str, *attachments: bytes) -> Any:
    reconstructor = Reconstructor(decode(text))
    packet = None
    for attachment in attachments:
        assert packet is None
        packet = reconstructor.add(attachment)
    assert packet is not None
    return packet[2]


def test_placeholders_are_matched_by_num_and_not_by_order() -> None:
    text = f'52-["x",{placeholder("1")},{placeholder("0")}]'
    assert rebuilt(text, b"a", b"b") == ["x", b"b", b"a"]


def test_unused_attachments_are_dropped() -> None:
    assert rebuilt('52-["x"]', b"a", b"b") == ["x"]
    assert rebuilt(f'52-["x",{placeholder("1")}]', b"a", b"b") == ["x", b"b"]


def test_an_attachment_may_be_referred_to_twice_but_a_packet_is_no_bomb() -> None:
    assert rebuilt(f'51-["x",{PLACEHOLDER},{PLACEHOLDER}]', b"a") == ["x", b"a", b"a"]
    four = ",".join([PLACEHOLDER] * 4)
    assert rebuilt(f'52-["x",{four}]', b"a", b"b") == ["x", b"a", b"a", b"a", b"a"]
    with pytest.raises(PacketError, match="more than 2 placeholders for 1 attachments"):
        Reconstructor(decode(f'51-["x",{",".join([PLACEHOLDER] * 3)}]'))
    with pytest.raises(PacketError, match="more than 4 placeholders for 2 attachments"):
        Reconstructor(decode(f'52-["x",{",".join([PLACEHOLDER] * 1_000)}]'))


@pytest.mark.parametrize(
    "num", ["-1", "1", "2", '"0"', "true", "false", "null", "1e400", "0.5", "0.0", "[]", "{}"]
)
def test_a_placeholder_needs_an_index_of_an_attachment(num: str) -> None:
    for value in (placeholder(num), f"[{placeholder(num)}]", f'{{"a":{placeholder(num)}}}'):
        for text in (f'51-["x",{value}]', f"61-1[{value}]"):
            with pytest.raises(PacketError, match="expected an integer from 0 to 0"):
                Reconstructor(decode(text))


def test_a_placeholder_without_num_is_refused() -> None:
    with pytest.raises(PacketError, match="num None"):
        Reconstructor(decode('51-["x",{"_placeholder":true}]'))


@pytest.mark.parametrize("mark", ["1", '"true"', "false", "null", "[true]", '{"a":true}'])
def test_only_true_marks_a_placeholder(mark: str) -> None:
    value = f'{{"_placeholder":{mark},"num":0}}'
    assert rebuilt(f'51-["x",{value}]', b"a") == ["x", json.loads(value)]


def test_placeholders_in_a_packet_without_attachments_are_data() -> None:
    data = [{"_placeholder": True, "num": 9}]
    assert decode('2["x",{"_placeholder":true,"num":9}]')[2] == ["x", *data]
    assert decode('31[{"_placeholder":true,"num":9}]')[2] == data


def test_attachments_share_one_limit_in_bytes() -> None:
    packet = decode('53-["x"]')
    reconstructor = Reconstructor(packet, 10)
    assert reconstructor.add(b"12345") is None
    assert reconstructor.add(b"12345") is None
    assert reconstructor.add(b"") == (EVENT, "/", ["x"], None, 0)
    crossing = Reconstructor(packet, 10)
    assert crossing.add(b"12345") is None
    with pytest.raises(PacketError, match="got attachments of 1 bytes more than the limit"):
        crossing.add(b"123456")
    with pytest.raises(PacketError):
        Reconstructor(packet).add(b"1" * 1_000_001)
