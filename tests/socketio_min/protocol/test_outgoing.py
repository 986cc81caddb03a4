"""outgoing.py: the packets of an event, and what a transport may do with them."""

from __future__ import annotations

import pytest

from engineio_min.protocol.packets import may_compress
from socketio_min.errors import EncodeError, UsageError
from socketio_min.protocol.json_parser import JSON_PARSER
from socketio_min.protocol.outgoing import event_packets


class Chat:
    """A namespace, as far as its packets are written."""

    encoder = JSON_PARSER.encoder("/chat")


def test_the_packets_of_an_event() -> None:
    assert event_packets(Chat(), ["a", 1]) == ['42/chat,["a",1]']
    assert event_packets(Chat(), ("a",), 7) == ['42/chat,7["a"]']
    assert event_packets(Chat(), ["a", b"x"]) == [
        '451-/chat,["a",{"_placeholder":true,"num":0}]',
        b"x",
    ]


@pytest.mark.parametrize("compress", [True, False])
def test_whether_they_may_be_compressed(compress: bool) -> None:
    packets = event_packets(Chat(), ["a", b"x"], compress=compress)
    assert [may_compress(packet) for packet in packets] == [compress, compress]


def test_what_is_no_event() -> None:
    with pytest.raises(UsageError, match="connect"):
        event_packets(Chat(), ["connect"])
    with pytest.raises(EncodeError):
        event_packets(Chat(), ["a", object()])
