"""Reading packets: text -> values, strictly (Socket.IO v5, "Packet encoding").

    <type>[<attachments>-][<namespace>,][<acknowledgement id>][JSON]

Strategy. orjson does the work. orjson refuses a few things that JavaScript sends: lone surrogates,
numbers beyond a double. Only then does the json module take over, more slowly.

Decoding is stricter than the official parser wherever leniency could hurt a server. Digits are
ASCII digits, at most 16 of them. An event needs a name, and the name is a string. Depth, lengths
and the number of references to attachments are bounded. Rejected: one regular expression for the
header (slower than `find` on the two characters that matter), and a scan of the text for its
depth (quotes and escapes make it longer than the walk over the parsed value).
"""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

import orjson

from socketio_min.errors import PacketError
from socketio_min.protocol.packets import (
    ACK,
    BINARY_ACK,
    BINARY_EVENT,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    MAX_ACK_ID,
    MAX_ATTACHMENTS,
    MAX_CONNECT,
    MAX_DEPTH,
    MAX_EVENT_NAME,
    MAX_NAMESPACE,
    MAX_VALUES,
    NAME_FIRST,
    RESERVED_EVENTS,
    Packet,
    has_event_name,
)
from socketio_min.protocol.weights import has_more_values

# The most characters, values and backslashes of a text that the json module decodes: it takes up to
# ten times as long as orjson, and the event loop waits.
MAX_SLOW: Final = 1_000_000
MAX_SLOW_VALUES: Final = 3_000
MAX_SLOW_ESCAPES: Final = 100_000
# Characters of the longest event that `decode_plain_event` decodes.
MAX_PLAIN: Final = 4_096
# A text that is nested too deeply, or has a name that is too long, has more characters than this.
_SURELY_FLAT: Final = 2 * MAX_DEPTH

Head = tuple[int, str, int, int]
"""type, namespace, attachments, where the rest of the text begins."""

_TYPES: Final = {str(type_): type_ for type_ in range(CONNECT, BINARY_ACK + 1)}
_CONNECTS: Final = frozenset((CONNECT, CONNECT_ERROR))
EVENTS: Final = frozenset((EVENT, BINARY_EVENT))
_MAX_DIGITS: Final = 16


def decode_plain_event(text: str) -> tuple[list[Any], int | None] | None:
    """Decode an event of the main namespace without attachments: its data and acknowledgement id.

    Nearly every packet is such an event, and this is all that decoding it costs. Return None for
    any other text, and for an event that needs a closer look by `decode`.
    """
    body = text.removeprefix("2")
    if body is text or not body:
        return None
    ack_id = None
    if body[0] != "[":
        # Up to 15 digits: below the largest id.
        bracket = body.find("[", 1, _MAX_DIGITS)
        digits = body[:bracket]
        if bracket == -1 or not digits.isdecimal() or not digits.isascii():
            return None
        ack_id = int(digits)
        body = body[bracket:]
    # Asked before parsing: `decode` parses again what is refused here.
    is_long = len(body) > _SURELY_FLAT
    if is_long and (len(body) > MAX_PLAIN or body.count("[") + body.count("{") > MAX_DEPTH):
        return None
    try:
        data: list[Any] = orjson.loads(body)
    except ValueError:
        return None
    name = data[0] if data else None
    if type(name) is not str or name in RESERVED_EVENTS or (is_long and len(name) > MAX_EVENT_NAME):
        return None
    return data, ack_id


def decode(
    text: str, max_attachments: int = MAX_ATTACHMENTS, max_values: int = MAX_VALUES
) -> Packet:
    """Decode the text of a packet into `(type, namespace, data, ack_id, attachments)`.

    `data` is a dict or None for CONNECT, None for DISCONNECT, a list for events (its first item
    the name, a str that is not reserved) and acknowledgements (`[]` when absent), a dict or str
    for CONNECT_ERROR. When `attachments` is not 0, hand the packet to a `Reconstructor` next.

    Raises:
        PacketError: the text is no packet; nothing else is raised.
    """
    return decode_rest(text, decode_head(text, max_attachments), max_values)


def decode_head(text: str | bytes, max_attachments: int) -> Head:
    """Decode the head of a packet, up to its namespace. Its JSON is not looked at.

    Raises:
        PacketError: the text begins like no packet, or is an attachment.
    """
    if type(text) is not str:
        raise PacketError("got binary data that no packet announced")
    type_ = _TYPES.get(text[:1])
    if type_ is None:
        refuse(text, "expected a packet type from 0 to 6")
    start = 1
    attachments = 0
    if type_ >= BINARY_EVENT:
        dash = text.find("-", 1, 2 + _MAX_DIGITS)
        count = _number(text[1:dash]) if dash != -1 else None
        if count is None or not 1 <= count <= max_attachments:
            refuse(text, f"expected a number of attachments from 1 to {max_attachments} and '-'")
        attachments = count
        start = dash + 1
    namespace = "/"
    if text.startswith("/", start):
        end = text.find(",", start)
        if end == -1:
            end = len(text)
        if end - start > MAX_NAMESPACE:
            refuse(text, f"expected a namespace of at most {MAX_NAMESPACE} characters")
        namespace = text[start:end]
        start = end + 1
    return type_, namespace, attachments, start


def decode_rest(text: str | bytes, head: Head, max_values: int) -> Packet:
    """Decode what comes after the head of a packet; its JSON may have `max_values` values.

    An acknowledgement's id and an array follow in an event and in ACK ("Sending and receiving
    data", "Acknowledgement"), an object in CONNECT ("Connection to a namespace").

    Raises:
        PacketError: what comes after the head is not valid; nothing else is raised.
    """
    assert isinstance(text, str)
    type_, namespace, attachments, start = head
    if type_ in _CONNECTS:
        if start >= len(text) and type_ == CONNECT:
            return CONNECT, namespace, None, None, 0
        opening = text[start : start + 1]
        if opening != "{" and not (opening == '"' and type_ == CONNECT_ERROR):
            refuse(text, "expected an object as payload")
        if type_ == CONNECT and len(text) > MAX_CONNECT:
            refuse(text, f"expected at most {MAX_CONNECT} characters")
        return type_, namespace, _loads(text, start, max_values), None, 0
    if type_ == DISCONNECT:
        if start < len(text):
            refuse(text, "expected no payload after DISCONNECT")
        return DISCONNECT, namespace, None, None, 0

    bracket = text.find("[", start)
    ack_id = decode_ack_id(text, text[start:bracket] if bracket != -1 else text[start:])
    if bracket == -1:
        if type_ != ACK:
            refuse(text, "expected an array as payload")
        return ACK, namespace, [], ack_id, 0
    data = _loads(text, bracket, max_values)
    if type_ in EVENTS and not has_event_name(data):
        refuse(text, f"expected {NAME_FIRST}")
    return type_, namespace, data, ack_id, attachments


def decode_ack_id(text: str, digits: str) -> int | None:
    """Decode an acknowledgement's id in the packet `text`; None if there are no digits.

    Raises:
        PacketError: they are no id.
    """
    if not digits:
        return None
    ack_id = _number(digits)
    if ack_id is None or ack_id > MAX_ACK_ID:
        refuse(text, f"expected '[' or an acknowledgement id from 0 to {MAX_ACK_ID} before it")
    return ack_id


def _loads(text: str, start: int, max_values: int) -> Any:
    # With characters beyond U+FFFF in a text orjson would take three times as long.
    encoded = text[start:].encode("utf-8", "surrogatepass")
    if len(encoded) > max_values and has_more_values(encoded, max_values):
        refuse_values(text, max_values)
    return loads_counted(encoded, text)


def refuse_values(text: str, max_values: int) -> NoReturn:
    """Refuse the packet `text` because it has too many values."""
    refuse(text, f"expected at most {max_values} values (max_values)")


def loads_counted(encoded: bytes, text: str) -> Any:
    """Decode JSON whose values are few enough; `text` is the packet that it is from.

    Raises:
        PacketError: it is no JSON, or too deep.
    """
    # A level needs two brackets: most packets are too short to be nested too deeply.
    brackets = _brackets(encoded) if len(encoded) > 2 * MAX_DEPTH else 0
    try:
        data = orjson.loads(encoded)
    except ValueError:
        data = _loads_slowly(text, encoded)
    if brackets > MAX_DEPTH:
        _check_depth(data, text)
    return data


def _loads_slowly(text: str, encoded: bytes) -> Any:
    """Decode what orjson refuses though JavaScript sends it."""
    try:
        body = encoded.decode("utf-8", "surrogatepass")
        if (
            len(body) > MAX_SLOW
            or encoded.count(b"\\") > MAX_SLOW_ESCAPES
            or has_more_values(encoded, MAX_SLOW_VALUES)
        ):
            raise ValueError
        return loads_as_javascript(body)
    except (ValueError, RecursionError):
        refuse(text, f"expected valid JSON of at most {MAX_DEPTH} levels")


def loads_as_javascript(text: str | bytes) -> Any:
    """Decode JSON that orjson refuses though JavaScript writes it; slower than orjson.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    return json.loads(text, parse_int=_parse_integer, parse_constant=_parse_constant)


def _brackets(encoded: bytes) -> int:
    """Count the opening brackets of arrays and objects, and those in strings."""
    return encoded.count(b"[") + encoded.count(b"{")


def _check_depth(data: Any, text: str) -> None:
    """Refuse a value that is nested too deeply.

    The levels are gone through one by one: recursion would let the peer choose the depth of our
    stack.
    """
    level = [data]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for container in level
            for child in (container.values() if type(container) is dict else container)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return
    refuse(text, f"expected JSON of at most {MAX_DEPTH} levels")


def _parse_integer(digits: str) -> int | float:
    """Read an integer as orjson does: exact within 64 bits, else a float.

    `int` is used for short texts only, because its time is quadratic.
    """
    if len(digits) <= _MAX_DIGITS:
        return int(digits)
    try:
        number: int | float = orjson.loads(digits)
    except ValueError:
        return float(digits)  # infinite, as in JavaScript
    return number


def _parse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _number(digits: str) -> int | None:
    """Return the value of 1 to 16 ASCII digits, else None: `str.isdigit` lets '²' through."""
    if len(digits) > _MAX_DIGITS or not digits.isascii() or not digits.isdigit():
        return None
    return int(digits)


def refuse(text: str, expectation: str) -> NoReturn:
    """Refuse the packet `text`, or one that begins so."""
    got = ascii(text[:40]) + ("..." if len(text) > 40 else "")
    raise PacketError(f"got the packet {got}: {expectation}; close the connection")
