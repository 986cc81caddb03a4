"""Packets of Socket.IO protocol 5: values <-> text and binary attachments.

    <type>[<attachments>-][<namespace>,][<acknowledgement id>][JSON]

A packet is a plain tuple `(type, namespace, data, ack_id, attachments)`: no class per type, no
enum, because this is the hot path and `decode` of an event should cost little more than the JSON
in it. `attachments` is the number of binary messages that must still arrive before the packet
is whole; a `Reconstructor` collects them. What `encode_...` returns is the text and the list of
attachments to send after it, in order. Engine.IO's own prefix (`4`) is not part of the text.

Strategy. orjson does the work. It visits a value in document order, so its hook for unknown types
numbers the binary values as the protocol wants them, without a search beforehand. A little that
JavaScript sends and accepts is refused by orjson: lone surrogates, numbers beyond a double or
beyond 64 bits, keys that are not strings. Only then does the json module take over, more slowly.

Decoding is stricter than the official parser wherever leniency could hurt a server. Digits are
ASCII digits, at most 16 of them. An event needs a name, and the name is a string. Depth, lengths
and the number of references to attachments are bounded. Rejected: one regular expression for the
header (slower than `find` on the two characters that matter), and a scan of the text for its
depth (quotes and escapes make it longer than the walk over the parsed value).

Imperfect by the protocol's design: a dictionary `{"_placeholder": true, "num": 0}` of the
application's own, sent next to real binary values, is replaced at the receiver.
"""

import json
from collections.abc import Callable
from typing import Any, Final, NoReturn

import orjson

from socketio_min.errors import EncodeError, PacketError, UsageError
from socketio_min.protocol.weights import count_values

CONNECT: Final = 0
DISCONNECT: Final = 1
EVENT: Final = 2
ACK: Final = 3
CONNECT_ERROR: Final = 4
BINARY_EVENT: Final = 5
BINARY_ACK: Final = 6

MAX_ATTACHMENTS: Final = 10
MAX_ATTACHMENT_BYTES: Final = 1_000_000
MAX_REFERENCES_PER_ATTACHMENT: Final = 2
MAX_DEPTH: Final = 64
# Values in one packet, names of members among them: they cost far more time and memory than their
# characters.
MAX_VALUES: Final = 1_000_000
# Characters and values of a text for the json module, which takes up to ten times as long as orjson
# and keeps the loop: 40 ms for the worst.
MAX_SLOW: Final = 2_000_000
MAX_SLOW_VALUES: Final = 100_000
# Characters up to which an event is told apart by a glance.
MAX_PLAIN: Final = 4_096
MAX_EVENT_NAME: Final = 128
MAX_NAMESPACE: Final = 256
# Of a CONNECT, whose payload is kept as long as the socket; values take up to 25 times their text.
MAX_CONNECT: Final = 65_536
MAX_ACK_ID: Final = 2**53 - 1  # JavaScript's largest safe integer: 16 digits

# Both sides emit these locally, so a peer that sends one could forge a change of state.
RESERVED_EVENTS: Final = frozenset(
    ("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener")
)

Packet = tuple[int, str, Any, int | None, int]
"""type, namespace, data, acknowledgement id, attachments still to come."""

Head = tuple[int, str, int, int]
"""type, namespace, attachments, where the rest of the text begins."""


_TYPES: Final = {str(type_): type_ for type_ in range(CONNECT, BINARY_ACK + 1)}
_CONNECTS: Final = frozenset((CONNECT, CONNECT_ERROR))
_EVENTS: Final = frozenset((EVENT, BINARY_EVENT))
_MAX_DIGITS: Final = 16


# --- encoding


def encode_event(
    namespace: str, args: list[Any] | tuple[Any, ...], ack_id: int | None = None
) -> tuple[str, list[bytes]]:
    """Encode an event as EVENT, or as BINARY_EVENT when there is a binary value in `args`.

    `args` is the event's name followed by its arguments; bytes, bytearray and memoryview may be
    nested at any depth. Tuples become arrays, NaN and infinities null, dates ISO 8601 strings.
    The official parser refuses more than 10 attachments unless configured otherwise.

    Raises UsageError for a missing or reserved name, EncodeError for a value without JSON form.
    """
    name = args[0] if args else None
    if not isinstance(name, str):
        raise UsageError(
            f"got {_type_name(name)} as event name: expected a str, give the event a name"
        )
    if name in RESERVED_EVENTS:
        raise UsageError(
            f"got the event name {name!r}, which the protocol keeps for itself: use another name"
        )
    return _encode(EVENT, namespace, args, ack_id)


def plain_event_head(namespace: str) -> str:
    """What stands before the JSON of a plain event: neither attachments nor an acknowledgement."""
    return f"{EVENT}" if namespace == "/" else f"{EVENT}{namespace},"


def encode_plain_event(head: str, args: list[Any]) -> str | None:
    """Encode an event whose values are JSON's, which is nearly every one, after `head`.

    None for what needs a closer look, or is an error: `encode_event` knows.
    """
    name = args[0]
    if type(name) is str and name not in RESERVED_EVENTS:
        try:
            return head + orjson.dumps(args).decode()
        except TypeError:
            pass
    return None


def encode_ack(
    namespace: str, args: list[Any] | tuple[Any, ...], ack_id: int
) -> tuple[str, list[bytes]]:
    """Encode the answer to the event with `ack_id` as ACK or BINARY_ACK; `args` as in an event.

    Raises EncodeError for a value without JSON form.
    """
    if namespace == "/":
        try:
            return f"3{ack_id}{orjson.dumps(args).decode()}", []
        except TypeError:
            pass
    return _encode(ACK, namespace, args, ack_id)


def encode_connect(namespace: str, data: dict[str, Any] | None = None) -> str:
    """Encode CONNECT: a client's credentials, or a server's `{"sid": ...}`.

    Raises EncodeError for a value without JSON form; binary values are among them here.
    """
    head = f"{CONNECT}" if namespace == "/" else f"{CONNECT}{namespace},"
    return head if data is None else head + _dumps(data, None)


def encode_disconnect(namespace: str) -> str:
    """Encode DISCONNECT: one namespace is left, the connection stays."""
    return f"{DISCONNECT}" if namespace == "/" else f"{DISCONNECT}{namespace},"


def encode_connect_error(namespace: str, message: str, data: Any = None) -> str:
    """Encode CONNECT_ERROR with `{"message": ...}`, and `"data"` in it unless that is None.

    Raises EncodeError for a value without JSON form; binary values are among them here.
    """
    payload = {"message": message} if data is None else {"message": message, "data": data}
    head = f"{CONNECT_ERROR}" if namespace == "/" else f"{CONNECT_ERROR}{namespace},"
    return head + _dumps(payload, None)


def _encode(
    type_: int, namespace: str, args: list[Any] | tuple[Any, ...], ack_id: int | None
) -> tuple[str, list[bytes]]:
    head = "" if namespace == "/" else namespace + ","
    if ack_id is not None:
        head += str(ack_id)
    attachments: list[bytes] = []
    payload = _dumps(args, attachments)
    if attachments:
        return f"{type_ + 3}{len(attachments)}-{head}{payload}", attachments
    return f"{type_}{head}{payload}", attachments


def _dumps(value: Any, attachments: list[bytes] | None) -> str:
    """JSON of `value`, its binary values moved to `attachments`; None forbids binary values."""

    def hook(item: Any) -> Any:
        if isinstance(item, bytes | bytearray | memoryview):
            if attachments is None:
                raise EncodeError(
                    f"got {_type_name(item)} in a connect packet: binary values travel only in "
                    "events and acknowledgements, send it as text"
                )
            attachments.append(bytes(item))
            return {"_placeholder": True, "num": len(attachments) - 1}
        if isinstance(item, tuple):  # a named tuple, which orjson leaves to us
            return list(item)
        raise EncodeError(
            f"got a value of type {_type_name(item)}: expected what JSON can hold, or bytes; "
            "convert it first (a set to a list, an object to a dict)"
        )

    try:
        return orjson.dumps(value, default=hook).decode()
    except TypeError as error:
        _raise_from_hook(error)
    if attachments is not None:
        attachments.clear()
    try:
        # Escaping all but ASCII keeps lone surrogates out of text that must become UTF-8.
        return json.dumps(_portable(value, hook), separators=(",", ":"))
    except RecursionError:
        raise EncodeError(
            "got a value that is nested too deeply or contains itself: expected a tree of a few "
            "hundred levels at most, flatten it"
        ) from None
    except ValueError:  # Python's limit on the digits of an integer
        raise EncodeError("got an integer of thousands of digits: send it as a string") from None


def _portable(value: Any, hook: Callable[[Any], Any]) -> Any:
    """Rebuild `value` as JSON.stringify would read it, for the json module."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0.0 else None  # infinities and NaN give NaN
    if isinstance(value, dict):
        return {_portable_key(key): _portable(item, hook) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_portable(item, hook) for item in value]
    try:
        return orjson.loads(orjson.dumps(value, default=hook))
    except TypeError as error:
        _raise_from_hook(error)
        raise EncodeError(
            f"got a value of type {_type_name(value)} that JSON cannot hold ({error}): "
            "convert it to a dict first"
        ) from None


def _portable_key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    if key is None:
        return "null"
    if isinstance(key, int):
        return int.__repr__(key)
    if isinstance(key, float):
        text = float.__repr__(key)
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(
            text, text.removesuffix(".0")
        )
    raise EncodeError(
        f"got a key of type {_type_name(key)}: expected a str or a number, convert it first"
    )


def _raise_from_hook(error: TypeError) -> None:
    """orjson wraps what its hook raises; bring our own error back."""
    if isinstance(error.__cause__, EncodeError):
        raise error.__cause__ from None


def _type_name(value: Any) -> str:
    return type(value).__qualname__


# --- decoding


def decode_plain_event(text: str) -> tuple[list[Any], int | None] | None:
    """The data and the acknowledgement id of an event of the main namespace without attachments.

    Nearly every packet is one, and this is all that it costs. None for any other text and for what
    needs a closer look: `decode` knows.
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
    # Whatever is too long or too deep is longer than this; parsed here it would be parsed twice.
    is_long = len(body) > 2 * MAX_DEPTH
    if is_long and (len(body) > MAX_PLAIN or _brackets(body) > MAX_DEPTH):
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

    Raises PacketError, and nothing else, for any other text.
    """
    return decode_rest(text, decode_head(text, max_attachments), max_values)


def decode_head(text: str, max_attachments: int) -> Head:
    """Decode what tells whose a packet is, before its JSON is looked at.

    Raises PacketError: the text begins like no packet.
    """
    type_ = _TYPES.get(text[:1])
    if type_ is None:
        _refuse(text, "expected a packet type from 0 to 6")
    start = 1
    attachments = 0
    if type_ >= BINARY_EVENT:
        dash = text.find("-", 1, 2 + _MAX_DIGITS)
        count = _number(text[1:dash]) if dash != -1 else None
        if count is None or not 1 <= count <= max_attachments:
            _refuse(text, f"expected a number of attachments from 1 to {max_attachments} and '-'")
        attachments = count
        start = dash + 1
    namespace = "/"
    if text.startswith("/", start):
        end = text.find(",", start)
        if end == -1:
            end = len(text)
        if end - start > MAX_NAMESPACE:
            _refuse(text, f"expected a namespace of at most {MAX_NAMESPACE} characters")
        namespace = text[start:end]
        start = end + 1
    return type_, namespace, attachments, start


def decode_rest(text: str, head: Head, max_values: int) -> Packet:
    """Decode what comes after the head of a packet; its JSON may have `max_values` values.

    Raises PacketError, and nothing else.
    """
    type_, namespace, attachments, start = head
    if type_ in _CONNECTS:
        if start >= len(text) and type_ == CONNECT:
            return CONNECT, namespace, None, None, 0
        opening = text[start : start + 1]
        if opening != "{" and not (opening == '"' and type_ == CONNECT_ERROR):
            _refuse(text, "expected an object as payload")
        if type_ == CONNECT and len(text) > MAX_CONNECT:
            _refuse(text, f"expected at most {MAX_CONNECT} characters")
        return type_, namespace, _loads(text, start, max_values), None, 0
    if type_ == DISCONNECT:
        if start < len(text):
            _refuse(text, "expected no payload after DISCONNECT")
        return DISCONNECT, namespace, None, None, 0

    ack_id = None
    bracket = text.find("[", start)
    digits = text[start:bracket] if bracket != -1 else text[start:]
    if digits:
        ack_id = _number(digits)
        if ack_id is None or ack_id > MAX_ACK_ID:
            _refuse(text, f"expected '[' or an acknowledgement id from 0 to {MAX_ACK_ID} before it")
    if bracket == -1:
        if type_ != ACK:
            _refuse(text, "expected an array as payload")
        return ACK, namespace, [], ack_id, 0
    read = _event if type_ in _EVENTS else _loads
    data = read(text, bracket, max_values)
    return type_, namespace, data, ack_id, attachments


def _event(text: str, start: int, max_values: int) -> list[Any]:
    """The array at `start`, which must begin with the name of an event."""
    data: list[Any] = _loads(text, start, max_values)
    name = data[0] if data else None
    if type(name) is not str or len(name) > MAX_EVENT_NAME or name in RESERVED_EVENTS:
        _refuse(
            text,
            "expected an event name first: a string of at most "
            f"{MAX_EVENT_NAME} characters that is not reserved",
        )
    return data


def _loads(text: str, start: int, max_values: int) -> Any:
    body = text[start:]
    if len(body) > max_values and count_values(body, max_values) > max_values:
        _refuse(text, f"expected at most {max_values} values (max_values)")
    # A level needs two brackets, so most packets are told apart from deep ones by their length.
    brackets = _brackets(body) if len(body) > 2 * MAX_DEPTH else 0
    try:
        data = orjson.loads(body)
    except ValueError:
        data = _loads_slowly(text, body)
    if brackets > MAX_DEPTH:
        _check_depth(data, text)
    return data


def _loads_slowly(text: str, body: str) -> Any:
    """Decode what orjson refuses though JavaScript sends it."""
    try:
        if len(body) > MAX_SLOW or count_values(body, MAX_SLOW_VALUES) > MAX_SLOW_VALUES:
            raise ValueError
        return json.loads(body, parse_int=_parse_integer, parse_constant=_parse_constant)
    except (ValueError, RecursionError):
        _refuse(text, f"expected valid JSON of at most {MAX_DEPTH} levels")


def _brackets(text: str) -> int:
    """As many arrays and objects as there may be, for some may be characters of a string."""
    return text.count("[") + text.count("{")


def _check_depth(data: Any, text: str) -> None:
    """Level by level and not recursively: the peer must not choose how deep our stack is."""
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
    _refuse(text, f"expected JSON of at most {MAX_DEPTH} levels")


def _parse_integer(digits: str) -> int | float:
    """As orjson reads it: exact within 64 bits, else a float. `int` of long input is quadratic."""
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
    """The value of 1 to 16 ASCII digits, else None: `str.isdigit` alone lets '²' through."""
    if len(digits) > _MAX_DIGITS or not digits.isascii() or not digits.isdigit():
        return None
    return int(digits)


def _refuse(text: str, expectation: str) -> NoReturn:
    got = ascii(text[:40]) + ("..." if len(text) > 40 else "")
    raise PacketError(f"got the packet {got}: {expectation}; close the connection")


# --- attachments


class Reconstructor:
    """A BINARY_EVENT or BINARY_ACK waiting for its attachments.

    Make one from a decoded packet whose `attachments` is not 0, then `add` each binary message
    that follows, in order of arrival. The placeholders are found and checked at once, so a bad
    header is refused before anything is held for it. A placeholder is an object whose
    `_placeholder` is exactly `true`; its `num` is the index of the attachment, an integer. One
    attachment may be referred to more than once, as the official parser allows, but the packet
    holds at most twice as many references as attachments: its re-encoded size stays bounded.
    Attachments that nothing refers to are dropped.

    `size` is the length of the packet's text, which is held as well.

    Raises PacketError when a placeholder is out of range or there are too many.
    """

    __slots__ = ("_attachments", "_bytes_left", "_packet", "_size", "_slots")

    def __init__(
        self, packet: Packet, max_attachment_bytes: int = MAX_ATTACHMENT_BYTES, size: int = 0
    ) -> None:
        self._packet = packet
        self._size = size
        self._bytes_left = max_attachment_bytes
        self._attachments: list[bytes] = []
        self._slots: list[tuple[Any, Any, int]] = []
        self._find_placeholders(packet[2], packet[4])

    def add(self, attachment: bytes) -> Packet | None:
        """Take the next attachment; return the whole packet when it was the last, else None.

        The whole packet has type EVENT or ACK and no attachments to come; its data is the list
        given to the constructor, with the binary values in their places. Do not call again then.

        Raises PacketError when the attachments exceed `max_attachment_bytes` together.
        """
        self._bytes_left -= len(attachment)
        if self._bytes_left < 0:
            raise PacketError(
                f"got attachments of {-self._bytes_left} bytes more than the limit: "
                "expected less binary data in one packet; close the connection"
            )
        self._attachments.append(attachment)
        type_, namespace, data, ack_id, count = self._packet
        if len(self._attachments) < count:
            return None
        for container, key, num in self._slots:
            container[key] = self._attachments[num]
        return type_ - 3, namespace, data, ack_id, 0

    @property
    def received_size(self) -> int:
        """Bytes of the packet that are there: of its text and its attachments."""
        return self._size + sum(map(len, self._attachments))

    def _find_placeholders(self, data: list[Any], count: int) -> None:
        containers: list[Any] = [data]
        while containers:
            container = containers.pop()
            is_dict = type(container) is dict
            for key, value in container.items() if is_dict else enumerate(container):
                if type(value) is dict:
                    if value.get("_placeholder") is not True:
                        containers.append(value)
                        continue
                    num = value.get("num")
                    if type(num) is not int or not 0 <= num < count:
                        raise PacketError(
                            f"got a placeholder with num {ascii(num)[:40]}: expected an integer "
                            f"from 0 to {count - 1}; close the connection"
                        )
                    self._slots.append((container, key, num))
                    if len(self._slots) > count * MAX_REFERENCES_PER_ATTACHMENT:
                        raise PacketError(
                            f"got more than {count * MAX_REFERENCES_PER_ATTACHMENT} placeholders "
                            f"for {count} attachments; close the connection"
                        )
                elif type(value) is list:
                    containers.append(value)
