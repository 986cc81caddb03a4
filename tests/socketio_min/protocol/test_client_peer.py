"""What a server may send a client, as a pure function of messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio_min.errors import ProtocolError
from socketio_min.protocol.client_peer import ClientPeer
from socketio_min.protocol.json_parser import JSON_PARSER
from socketio_min.protocol.packets import Packet


def peer() -> ClientPeer:
    return ClientPeer(JSON_PARSER, max_attachment_bytes=1000, max_attachments=10)


@pytest.mark.parametrize(
    ("message", "packet"),
    [
        ('0{"sid":"a"}', (0, "/", {"sid": "a"}, None, 0)),
        ("1/chat,", (1, "/chat", None, None, 0)),
        ('2["a",1]', (2, "/", ["a", 1], None, 0)),
        ('2/chat,7["a"]', (2, "/chat", ["a"], 7, 0)),
        ("37[1]", (3, "/", [1], 7, 0)),
        ('4/chat,{"message":"m"}', (4, "/chat", {"message": "m"}, None, 0)),
    ],
)
def test_a_packet_of_text_is_whole_at_once(message: str, packet: Packet) -> None:
    assert peer().receive(message) == packet


def test_attachments_complete_a_packet() -> None:
    receiving = peer()
    header = '52-["a",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]'
    assert receiving.receive(header) is None
    assert [receiving.incomplete] == [True]
    assert receiving.receive(b"0") is None
    assert receiving.receive(b"1") == (2, "/", ["a", b"1", b"0"], None, 0)
    assert [receiving.incomplete] == [False]
    assert receiving.receive('61-3[{"_placeholder":true,"num":0}]') is None
    assert receiving.receive(b"") == (3, "/", [b""], 3, 0)


@pytest.mark.parametrize(
    ("messages", "error"),
    [
        ([b""], "binary data that no packet announced"),
        (['51-["a"]', '2["b"]'], "text while a packet's attachments were due"),
        (['51-["a"]', b"x" * 1001], "1 bytes more than the limit"),
        (['52-["a"]', b"x" * 600, b"x" * 600], "200 bytes more than the limit"),
    ],
)
def test_what_is_not_allowed(messages: list[str | bytes], error: str) -> None:
    receiving = peer()
    for message in messages[:-1]:
        assert receiving.receive(message) is None
    with pytest.raises(ProtocolError, match=error):
        receiving.receive(messages[-1])


pieces = st.builds(str.__add__, st.sampled_from("0123456"), st.text('0123/,-a"[]{}', max_size=20))


@given(st.lists(st.one_of(st.text(), st.binary(), pieces), max_size=8))
def test_whatever_comes_only_one_error_comes_out(messages: list[str | bytes]) -> None:
    """Invariant: a message gives a packet, nothing, or a ProtocolError."""
    receiving = peer()
    for message in messages:
        try:
            packet = receiving.receive(message)
        except ProtocolError:
            return
        assert packet is None or packet[4] == 0
