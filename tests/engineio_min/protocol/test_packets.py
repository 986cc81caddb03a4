"""packets.py: literals of Engine.IO protocol 4, and properties over arbitrary input."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engineio_min.errors import EngineIOError, PacketError, ProtocolError
from engineio_min.protocol.packets import (
    LONG,
    LongText,
    Packet,
    Uncompressed,
    UncompressedBytes,
    check_type,
    decode_packet,
    decode_payload,
    encode_payload,
    is_binary,
    may_compress,
    message_packet,
)

# Text that UTF-8 can carry and that holds no separator: what a text packet may be.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x1e"))
text_packets = st.builds(str.__add__, st.sampled_from("0123456"), texts)
packets = st.one_of(text_packets, st.binary())


def decode(body: bytes, max_packets: int = 1000) -> list[Packet]:
    return list(decode_payload(body, max_packets))


# --- literals, both ways


@pytest.mark.parametrize(
    ("packets", "body"),
    [
        (["4hello"], b"4hello"),
        (["4test1", "4test2", "4test3"], b"4test1\x1e4test2\x1e4test3"),
        (["4hello", b"\x01\x02\x03\x04"], b"4hello\x1ebAQIDBA=="),
        (["4hello", "2", "4world"], b"4hello\x1e2\x1e4world"),
        (["4€"], b"4\xe2\x82\xac"),
        ([b""], b"b"),
        ([b"\xfb\xff\xbf"], b"b+/+/"),
        (["4"], b"4"),
        (["6", "1"], b"6\x1e1"),
        (["2probe"], b"2probe"),
    ],
)
def test_payload_literals(packets: list[Packet], body: bytes) -> None:
    assert encode_payload(packets) == body
    assert decode(body) == packets


def test_a_message_becomes_a_packet() -> None:
    assert message_packet("hello") == "4hello"
    assert message_packet("") == "4"
    assert message_packet(b"\x00\xff") == b"\x00\xff"


def test_a_bytearray_is_copied_into_its_packet() -> None:
    message = bytearray(b"before")
    packet = message_packet(message)  # type: ignore[arg-type]
    message[:] = b"after!"
    assert packet == b"before"
    assert type(packet) is bytes


@pytest.mark.parametrize("message", ["hello", b"hello"])
def test_an_uncompressed_packet_is_the_same_packet_with_a_mark(message: str | bytes) -> None:
    packet = message_packet(message, compress=False)
    assert packet == message_packet(message)
    assert isinstance(packet, Uncompressed | UncompressedBytes)
    assert not may_compress(packet)
    assert may_compress(message_packet(message))
    assert encode_payload([packet]) == encode_payload([message_packet(message)])


def test_a_long_text_is_a_text() -> None:
    assert encode_payload([LongText("4é".encode()), b"\0", "4a"]) == "4é\x1ebAA==\x1e4a".encode()
    assert encode_payload([LongText("4é".encode()), "4\ud800"]) == "4é\x1e4?".encode()
    assert not is_binary(LongText(b"4"))
    assert not is_binary("4")
    assert is_binary(b"4")


def test_a_lone_surrogate_does_not_stop_the_payload() -> None:
    assert encode_payload(["4a\ud800b"]) == b"4a?b"


# --- what is refused


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x1e",
        b"4a\x1e",
        b"\x1e4a",
        b"4a\x1e\x1e4b",
        b"7",
        b"9",
        b"a",
        b"abc",
        b"\x00",
        b"/",
        b":",
        b"\xef\xbc\x94wide",
        b" 4a",
        b"B",
        b"-1",
    ],
)
def test_an_empty_packet_or_an_unknown_type_is_refused(body: bytes) -> None:
    with pytest.raises(PacketError, match="expected one of 0 to 6"):
        decode(body)


@pytest.mark.parametrize(
    "encoded",
    [
        "b!!!!",
        "bAQI",
        "bAQ",
        "bA",
        "bAQI=\n",
        "b AQI=",
        "bAQI==",
        "b=",
        "b====",
        "bAQ=I",
        "bAQI=4x",
        "b-_-_",
        "bAQIDé",
        "bA\x00==",
        # The bits after the last byte are not zero.
        "bAR==",
        "bAQJ=",
        "bAAAA=",
        "bAAAA==",
    ],
)
def test_base64_is_strict(encoded: str) -> None:
    """No alphabet but the standard one, no missing or surplus padding, no stray character."""
    with pytest.raises(PacketError, match="invalid base64"):
        decode_packet(encoded)


@pytest.mark.parametrize(("body", "place"), [(b"4\xff", 1), (b"\xc3", 0), (b"4a\xed\xa0\x80", 2)])
def test_a_payload_that_is_not_utf8_is_refused(body: bytes, place: int) -> None:
    with pytest.raises(PacketError, match=f"not UTF-8 at byte {place}$"):
        decode(body)


def test_the_number_of_packets_is_limited() -> None:
    assert decode(b"\x1e".join([b"4"] * 10), max_packets=10) == ["4"] * 10
    with pytest.raises(PacketError, match="got 11 packets in a payload, expected at most 10"):
        decode(b"\x1e".join([b"4"] * 11), max_packets=10)


def long_payload(*encoded: bytes, max_packets: int = 10) -> list[Packet]:
    return list(decode_payload(b"\x1e".join(encoded), max_packets, long_texts=True))


def test_long_packets_stay_as_they_are_for_those_who_decode_them() -> None:
    long, binary = b"4" + b"a" * LONG, b"b" + b"A" * LONG
    packets = long_payload(b"4first", long, b"bAQ==", binary)
    assert packets == ["4first", long, b"\x01", binary]
    assert list(map(type, packets)) == [str, LongText, bytes, LongText]
    # Each is short.
    assert long_payload(*[b"4" * 1_000] * 300, max_packets=300) == ["4" * 1_000] * 300
    assert message_packet(LongText(long)) == long


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ([b"4\xff"], "not UTF-8"),
        ([b"7" * LONG], "type '7'"),
        ([b""] * 9, "more packets than 10"),
        ([b""], "type ''"),
    ],
)
def test_what_is_wrong_in_a_long_payload(bad: list[bytes], expected: str) -> None:
    with pytest.raises(PacketError, match=expected):
        long_payload(b"4" * LONG, *bad, b"4")


def test_a_packet_error_is_the_peers_error() -> None:
    assert issubclass(PacketError, ProtocolError)
    assert issubclass(ProtocolError, EngineIOError)


@pytest.mark.parametrize("bad", ["", "7", "b!", "x4hello"])
def test_the_packets_before_a_bad_one_are_yielded_first(bad: str) -> None:
    packets = decode_payload(f"4first\x1ebAQ==\x1e{bad}\x1e4never".encode(), 1000)
    assert next(packets) == "4first"
    assert next(packets) == b"\x01"
    with pytest.raises(PacketError):
        next(packets)


@pytest.mark.parametrize("kind", "0123456")
def test_each_known_type_passes(kind: str) -> None:
    check_type(kind)
    check_type(kind + "anything")


# --- properties


@given(st.lists(packets, min_size=1))
def test_payloads_come_back_as_they_went(packets: list[Packet]) -> None:
    """Invariant: decoding an encoded payload gives the same packets, text and binary."""
    assert decode(encode_payload(packets)) == packets


@given(st.binary())
def test_binary_is_standard_padded_base64(data: bytes) -> None:
    """Invariant: the wire form of binary is `b` and what any other implementation makes of it."""
    assert encode_payload([data]) == b"b" + base64.b64encode(data)


@given(st.one_of(st.binary(), st.lists(st.text("0123456b=\x1eAQ!é"), min_size=1).map(lambda parts:
    "\x1e".join(parts).encode())))  # fmt: skip
def test_arbitrary_bytes_raise_nothing_but_packet_errors(body: bytes) -> None:
    """Invariant: whatever a peer posts is a list of packets or a PacketError."""
    found: list[Packet] = []
    try:
        for packet in decode_payload(body, 50):
            found.append(packet)  # noqa: PERF402
    except PacketError:
        pass
    else:
        assert encode_payload(found) == body


@given(st.lists(packets, min_size=1, max_size=6), st.data())
def test_every_prefix_is_packets_or_a_packet_error(
    packets: list[Packet], data: st.DataObject
) -> None:
    """Invariant: a payload cut anywhere yields a prefix of its packets, the last one cut, or fails
    after such a prefix.
    """
    body = encode_payload(packets)
    cut = body[: data.draw(st.integers(0, len(body)))]
    found: list[Packet] = []
    try:
        for packet in decode_payload(cut, 1000):
            found.append(packet)  # noqa: PERF402
    except PacketError:
        assert found == packets[: len(found)]
    else:
        assert found[:-1] == packets[: len(found) - 1]
