"""json_parser.py: the short ways give what the long ones give."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engineio_min.protocol.packets import LONG, LongText
from socketio_min.protocol.encoding import (
    encode_ack,
)
from socketio_min.protocol.json_parser import JsonEncoder
from tests.socketio_min.protocol.values import names, namespaces, values


@given(namespaces, names, st.lists(values, max_size=4))
def test_plain_events_are_encoded_as_by_the_long_way(
    namespace: str, name: str, args: list[Any]
) -> None:
    """The way for plain events gives what the long way gives, or leaves the event to it."""
    encoder = JsonEncoder(namespace)
    packet = encoder.plain_event([name, *args])
    if packet is not None:
        assert encoder.event([name, *args]) == [packet]


def test_plain_events_are_encoded_without_the_long_way() -> None:
    encoder = JsonEncoder("/")
    assert encoder.plain_event(["x", 1]) == '42["x",1]'
    assert JsonEncoder("/a").plain_event(["x"]) == '42/a,["x"]'
    assert encoder.plain_event(["x", b""]) is None
    assert encoder.plain_event(["connect"]) is None
    assert encoder.plain_event([1]) is None


@given(namespaces, st.lists(values, max_size=4), st.integers(0, 2**53 - 1))
def test_acknowledgements_are_encoded_as_by_the_long_way(
    namespace: str, args: list[Any], ack_id: int
) -> None:
    """The short way for acknowledgements gives what `encode_ack` gives, but for its escapes."""
    first, *attachments = JsonEncoder(namespace).ack(args, ack_id)
    text, expected = encode_ack(namespace, args, ack_id)
    assert (first, attachments) == ("4" + text, expected)


def test_packets_are_those_of_the_protocol() -> None:
    main, custom = JsonEncoder("/"), JsonEncoder("/custom")
    assert main.event(["x", b"a"], 7) == ['451-7["x",{"_placeholder":true,"num":0}]', b"a"]
    assert custom.event(["x"], 7) == ['42/custom,7["x"]']
    assert main.ack(["x"], 7) == ['437["x"]']
    assert custom.ack(["x"], 7) == ['43/custom,7["x"]']
    assert main.ack([b"a"], 7) == ['461-7[{"_placeholder":true,"num":0}]', b"a"]
    assert main.connect({"sid": "a"}) == ['40{"sid":"a"}']
    assert custom.connect() == ["40/custom,"]
    assert main.connect({"wide": 2**70}) == ['40{"wide":1180591620717411303424}']
    assert custom.disconnect() == ["41/custom,"]
    assert main.connect_error("no", 1) == ['44{"message":"no","data":1}']


def test_a_long_acknowledgement_is_not_decoded() -> None:
    [packet] = JsonEncoder("/é").ack(["é" * LONG], 7)
    assert type(packet) is LongText
    assert packet.decode() == '43/é,7["' + "é" * LONG + '"]'
    assert JsonEncoder("/").ack(["a" * 10], 7) == ['437["aaaaaaaaaa"]']


def test_a_long_event_is_not_decoded() -> None:
    packet = JsonEncoder("/é").plain_event(["x", "é" * LONG])
    assert type(packet) is LongText
    assert packet.decode() == '42/é,["x","' + "é" * LONG + '"]'
    assert JsonEncoder("/é").json_of([packet]) == '["x","' + "é" * LONG + '"]'


def test_the_json_of_a_plain_event_is_told() -> None:
    encoder = JsonEncoder("/a")
    assert encoder.json_of(encoder.event(["x", {"y": [1]}])) == '["x",{"y":[1]}]'
    assert encoder.json_of(encoder.event(["x", b"y"])) is None
