"""encoding.py and decoding.py against the official parser, socket.io-parser 4.2.7.

Two invariants: the official parser reads what we encode, and we read what it encodes.
"""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from socketio_min.protocol.encoding import (
    encode_ack,
    encode_connect,
    encode_connect_error,
    encode_disconnect,
    encode_event,
)
from socketio_min.protocol.packets import (
    ACK,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
)
from tests.effort import examples
from tests.socketio_min.official_parser import (
    Oracle,
    ack_ids,
    any_text,
    arguments,
    comparable,
    keys,
    names,
    namespaces,
    nested,
    normal,
    official_form,
    ours,
    packed,
    plain_leaves,
    unpacked,
)

plain_values = nested(plain_leaves)


@settings(max_examples=examples(100))
@given(namespaces, names, arguments, ack_ids)
def test_the_official_parser_reads_our_events(
    oracle: Oracle, namespace: str, name: str, args: list[Any], ack_id: int | None
) -> None:
    text, attachments = encode_event(namespace, [name, *args], ack_id)
    packet = oracle.decode(text, *attachments)
    assert packet is not None
    assert normal(packet) == {
        "type": EVENT,
        "nsp": namespace,
        "data": comparable([name, *args]),
        "id": ack_id,
    }


@given(namespaces, arguments, st.integers(0, 2**53 - 1))
def test_the_official_parser_reads_our_acknowledgements(
    oracle: Oracle, namespace: str, args: list[Any], ack_id: int
) -> None:
    text, attachments = encode_ack(namespace, args, ack_id)
    packet = oracle.decode(text, *attachments)
    assert packet is not None
    assert normal(packet) == {
        "type": ACK,
        "nsp": namespace,
        "data": comparable(args),
        "id": ack_id,
    }


@given(namespaces, st.none() | st.dictionaries(keys, plain_values, max_size=3), any_text)
def test_the_official_parser_reads_our_other_packets(
    oracle: Oracle, namespace: str, data: dict[str, Any] | None, message: str
) -> None:
    refusal: dict[str, Any] = {"message": message}
    if data is not None:
        refusal["data"] = data
    for text, type_, payload in (
        (encode_connect(namespace, data), CONNECT, data),
        (encode_disconnect(namespace), DISCONNECT, None),
        (encode_connect_error(namespace, message, data), CONNECT_ERROR, refusal),
    ):
        packet = oracle.decode(text)
        assert packet is not None
        assert normal(packet) == {
            "type": type_,
            "nsp": namespace,
            "data": comparable(payload),
            "id": None,
        }


@settings(max_examples=examples(100))
@given(namespaces, st.sampled_from([EVENT, ACK]), names, arguments, ack_ids)
def test_we_read_the_official_parsers_events_and_acknowledgements(
    oracle: Oracle, namespace: str, type_: int, name: str, args: list[Any], ack_id: int | None
) -> None:
    data = [name, *args] if type_ == EVENT else args
    # The pipe is JSON: infinities and NaN cannot pass through it, and need not.
    packet = {"type": type_, "nsp": namespace, "data": comparable(data), "id": ack_id}
    decoded = ours(oracle.encode(packet))
    assert decoded is not None
    assert official_form(decoded) == packet


@given(namespaces, st.none() | st.dictionaries(keys, plain_values, max_size=3))
def test_we_read_the_official_parsers_other_packets(
    oracle: Oracle, namespace: str, data: dict[str, Any] | None
) -> None:
    for type_, payload in ((CONNECT, data), (DISCONNECT, None), (CONNECT_ERROR, data or {})):
        packet = {"type": type_, "nsp": namespace, "data": comparable(payload), "id": None}
        decoded = ours(oracle.encode(packet))
        assert decoded is not None
        assert official_form(decoded) == packet


@given(namespaces, names, arguments, ack_ids)
def test_both_encode_the_same_attachments(
    oracle: Oracle, namespace: str, name: str, args: list[Any], ack_id: int | None
) -> None:
    """The same values in the same order, under the same header, unless JavaScript reorders keys."""
    args = json.loads(json.dumps(packed(args)).replace("NaN", "0").replace("Infinity", "0"))
    data = [name, *unpacked(lettered(args))]
    text, attachments = encode_event(namespace, data, ack_id)
    their_text, *their_attachments = oracle.encode(
        {"type": EVENT, "nsp": namespace, "data": data, "id": ack_id}
    )
    assert isinstance(their_text, str)
    assert their_attachments == attachments
    header = text[: text.index("[", text.index(namespace) if namespace != "/" else 0)]
    assert their_text.startswith(header + "[")


def lettered(value: Any) -> Any:
    """`value` with no key that looks like an index: JavaScript would move it to the front."""
    if isinstance(value, dict):
        return {
            key if key == "$base64" else f"k{key}": item if key == "$base64" else lettered(item)
            for key, item in value.items()
        }
    return [lettered(item) for item in value] if isinstance(value, list) else value
