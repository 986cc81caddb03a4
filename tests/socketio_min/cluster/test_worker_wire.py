"""worker_wire.py: what workers write to each other, which cannot run code and is read strictly."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from socketio_min import BroadcastOptions, EncodeError
from socketio_min.cluster.messages import (
    Acknowledgement,
    Broadcast,
    ClientCount,
    Disconnect,
    Fetch,
    Fetched,
    Join,
    Leave,
    Request,
    Response,
    ServerAnswer,
    ServerEvent,
)
from socketio_min.cluster.worker_wire import (
    Head,
    decode,
    decode_head,
    encode,
    encode_namespaces,
)
from socketio_min.errors import PacketError

Message = Request | Response

ALL = BroadcastOptions()
RED = BroadcastOptions(("red",), ("blue",))
OPTIONS = '{"rooms":["red"],"except":["blue"],"flags":{}}'

MESSAGES: list[tuple[Message, str]] = [
    (
        Broadcast(["e", 1], RED),
        f'["AA","/",["red"]]\n["Broadcast",[],["e",1],{OPTIONS},null]\n',
    ),
    (
        Broadcast(["e"], BroadcastOptions(timeout=0.5, volatile=True, compress=False), "q"),
        '["AA","/",null]\n["Broadcast",[],["e"],{"rooms":[],"except":[],"flags":'
        '{"volatile":true,"compress":false,"timeout":500}},"q"]\n',
    ),
    (Join(RED, ("a",)), f'["AA","/",null]\n["Join",[],{OPTIONS},["a"]]\n'),
    (Leave(RED, ("a",)), f'["AA","/",null]\n["Leave",[],{OPTIONS},["a"]]\n'),
    (Disconnect(RED, True), f'["AA","/",null]\n["Disconnect",[],{OPTIONS},true]\n'),
    (Fetch(RED, "q"), f'["AA","/",null]\n["Fetch",[],{OPTIONS},"q"]\n'),
    (ServerEvent(["e", 1]), '["AA","/",null]\n["ServerEvent",[],["e",1],null]\n'),
    (ClientCount("q", 2), '["AA","/",null]\n["ClientCount",[],"q",2]\n'),
    (
        Acknowledgement("q", {"a": b"\x00\n"}),
        '["AA","/",null]\n["Acknowledgement",[2],"q",{"a":{"":0}}]\n\x00\n',
    ),
    (Fetched("q", [{"id": "s"}]), '["AA","/",null]\n["Fetched",[],"q",[{"id":"s"}]]\n'),
    (
        ServerAnswer("q", [b"1", {"": 0}, b"23"]),
        '["AA","/",null]\n["ServerAnswer",[1,2],"q",[{"":0},{"":{"":0}},{"":1}]]\n123',
    ),
]


@pytest.mark.parametrize(("message", "text"), MESSAGES)
def test_messages_have_this_text(message: Message, text: str) -> None:
    encoded = encode("AA", "/", message)
    assert encoded.decode("latin-1") == text
    head, start = decode_head(encoded)
    assert (head.sender, head.namespace) == ("AA", "/")
    assert decode(encoded, start) == message


def test_namespaces_are_told_in_one_line() -> None:
    content = encode_namespaces("AA", ["/", "/ä"])
    assert content == '["AA",null,["/","/ä"]]\n'.encode()
    assert decode_head(content) == (Head("AA", None, ("/", "/ä")), len(content))


def test_the_json_of_an_event_is_used_again() -> None:
    plain = Broadcast(["e", 1, "ä"], RED)
    assert encode("AA", "/", plain._replace(body='["e",1,"ä"]')) == encode("AA", "/", plain)
    # orjson does not read escaped surrogates.
    lone = Broadcast(["e", "\ud800"], ALL, None, '["e","\\ud800"]')
    encoded = encode("AA", "/", lone)
    assert decode(encoded, decode_head(encoded)[1]) == Broadcast(["e", "\ufffd"], ALL)


def test_a_room_may_have_any_name() -> None:
    encoded = encode("AA", "/", Broadcast(["e"], BroadcastOptions(("\ud800",)), None, '["e"]'))
    head, start = decode_head(encoded)
    assert head.names == ("\ufffd",)
    assert decode(encoded, start) == Broadcast(["e"], BroadcastOptions(("\ufffd",)))


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(EncodeError):
        encode("AA", "/", ServerEvent(["e", object()]))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.binary(max_size=20)
    | st.text(max_size=5).filter(lambda text: text.isprintable()),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["", "a"]), inner, max_size=2)
    ),
    max_leaves=12,
)


@given(VALUES)
@example([{"": {"": 0}}, b"", {"": {"": b"x"}}])
def test_any_value_arrives_as_it_is(value: Any) -> None:
    encoded = encode("AA", "/", ServerAnswer("q", value))
    assert decode(encoded, decode_head(encoded)[1]) == ServerAnswer("q", value)


@given(st.binary(max_size=40) | st.text('[]"A/,null\n', max_size=20).map(str.encode))
def test_any_head_is_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(PacketError):
        decode_head(content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "a", "rooms", "flags"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["", "rooms", "except", "flags", "timeout"]), inner)
    ),
    max_leaves=12,
)
KINDS = st.sampled_from([type(message).__name__ for message, _ in MESSAGES])


@given(KINDS, st.lists(st.integers(-1, 4), max_size=3), st.lists(JSON, max_size=3), st.binary())
def test_any_message_is_read_or_refused(
    kind: str, sizes: list[int], fields: list[Any], rest: bytes
) -> None:
    content = orjson.dumps([kind, sizes, *fields]) + b"\n" + rest
    with contextlib.suppress(PacketError):
        decode(content, 0)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[", "no JSON"),
        (b"{}\n", "got dict as a line, expected a list"),
        (b'["Fetch"]\n', "got 1 values in a line, expected more"),
        (b'["Pickle",[]]\n', "unknown kind"),
        (b'[["Fetch"],[]]\n', "unknown kind"),
        (b'["Fetch",[],{}]\n', "got 1 fields of Fetch, expected 2"),
        (b'["Disconnect",[],{},1]\n', "got int as a flag, expected true or false"),
        (b'["Acknowledgement",[1],"q",{"":1}]\nx', "got int as a placeholder, expected a map"),
        (b'["Acknowledgement",[-1],"q",1]\n', "no number of bytes"),
        (b'["Acknowledgement",[1],"q",1]\nxy', "got a message of 32 bytes, expected 31"),
        (b'["Acknowledgement",[2],"q",1]\nx', "got a message of 31 bytes, expected 32"),
    ],
)
def test_malformed_messages_are_refused(content: bytes, reason: str) -> None:
    with pytest.raises(PacketError, match=reason):
        decode(content, 0)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'["AA","/",null]', "no JSON"),
        (b'["AA","/"]\n', "got 2 values in a line, expected 3"),
        (b'["AAA","/",null]\n', "got a worker's name of 3 characters, expected 2"),
        (b'["AA",7,null]\n', "got int as a namespace, expected text"),
        (b'["AA","/",[7]]\n', "got int as a name, expected text"),
    ],
)
def test_malformed_heads_are_refused(content: bytes, reason: str) -> None:
    with pytest.raises(PacketError, match=reason):
        decode_head(content)
