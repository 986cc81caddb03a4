"""packets.py: the numbers of the protocol, and the names of events."""

from typing import Any

import pytest

from socketio_min.errors import (
    UsageError,
)
from socketio_min.protocol.encoding import (
    encode_event,
)
from socketio_min.protocol.packets import (
    ACK,
    BINARY_ACK,
    BINARY_EVENT,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    check_event_name,
    has_event_name,
)


def test_types_have_the_numbers_of_the_protocol() -> None:
    types = (CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT, BINARY_ACK)
    assert types == (0, 1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize("args", [[], [1], [None], [["x"]], [b"x"], [{}]])
def test_an_event_to_send_needs_a_name(args: list[Any]) -> None:
    with pytest.raises(UsageError, match=r"as event name: expected a str"):
        check_event_name(args[0] if args else None)


@pytest.mark.parametrize(
    "name",
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"],
)
def test_reserved_names_are_not_sent(name: str) -> None:
    with pytest.raises(UsageError, match=f"'{name}', which the protocol keeps for itself"):
        encode_event("/", [name])


@pytest.mark.parametrize(
    ("data", "has_one"),
    [
        ([], False),
        ([1], False),
        ([["x"]], False),
        ([""], True),
        (["x", 1], True),
        (["x" * 128], True),
        (["x" * 129], False),
        (["connect"], False),
        (["removeListener"], False),
    ],
)
def test_a_peer_sends_the_name_first(data: list[Any], has_one: bool) -> None:
    assert has_event_name(data) is has_one
