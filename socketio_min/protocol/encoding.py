"""Writing packets: values -> text and binary attachments (Socket.IO v5, "Packet encoding").

    <type>[<attachments>-][<namespace>,][<acknowledgement id>][JSON]

The functions return the text, and those that take binary values also the attachments to send after
it, in order. Engine.IO's own prefix (`4`) is not part of the text.

Strategy. orjson does the work. It visits a value in document order, so its hook for unknown types
numbers the binary values as the protocol wants them, without a search beforehand. orjson refuses a
few things that JavaScript accepts: lone surrogates, integers beyond 64 bits, keys that are not
strings. Only then does the json module take over, more slowly.

Imperfect by the protocol's design: a dictionary `{"_placeholder": true, "num": 0}` of the
application's own, sent next to real binary values, is replaced at the receiver.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson

from socketio_min.errors import EncodeError
from socketio_min.protocol.packets import (
    ACK,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    RESERVED_EVENTS,
    check_event_name,
)


def encode_event(
    namespace: str, args: list[Any] | tuple[Any, ...], ack_id: int | None = None
) -> tuple[str, list[bytes]]:
    """Encode an event as EVENT, or as BINARY_EVENT when there is a binary value in `args`.

    `args` is the event's name followed by its arguments; bytes, bytearray and memoryview may be
    nested at any depth. Tuples become arrays, NaN and infinities null, dates ISO 8601 strings.
    The official parser refuses more than 10 attachments unless configured otherwise.

    Raises:
        UsageError: the name is missing or reserved.
        EncodeError: a value has no JSON form.
    """
    name = args[0] if args else None
    if type(name) is not str or name in RESERVED_EVENTS:
        check_event_name(name)
    return encode_values(EVENT, namespace, args, ack_id)


def encode_ack(
    namespace: str, args: list[Any] | tuple[Any, ...], ack_id: int
) -> tuple[str, list[bytes]]:
    """Encode the answer to the event with `ack_id` as ACK or BINARY_ACK; `args` as in an event.

    Raises:
        EncodeError: a value has no JSON form.
    """
    return encode_values(ACK, namespace, args, ack_id)


def encode_connect(namespace: str, data: dict[str, Any] | None = None) -> str:
    """Encode CONNECT: a client's credentials, or a server's `{"sid": ...}`.

    Raises:
        EncodeError: a value has no JSON form, as binary values here.
    """
    head = f"{CONNECT}" if namespace == "/" else f"{CONNECT}{namespace},"
    return head if data is None else head + _dumps(data, None)


def encode_disconnect(namespace: str) -> str:
    """Encode DISCONNECT: one namespace is left, the connection stays."""
    return f"{DISCONNECT}" if namespace == "/" else f"{DISCONNECT}{namespace},"


def encode_connect_error(namespace: str, message: str, data: Any = None) -> str:
    """Encode CONNECT_ERROR with `{"message": ...}`, and `"data"` in it unless that is None.

    Raises:
        EncodeError: a value has no JSON form, as binary values here.
    """
    payload = {"message": message} if data is None else {"message": message, "data": data}
    head = f"{CONNECT_ERROR}" if namespace == "/" else f"{CONNECT_ERROR}{namespace},"
    return head + _dumps(payload, None)


def encode_values(
    type_: int, namespace: str, args: list[Any] | tuple[Any, ...], ack_id: int | None
) -> tuple[str, list[bytes]]:
    """Encode EVENT or ACK, or their binary forms if there is a binary value in `args`.

    Raises:
        EncodeError: a value has no JSON form.
    """
    head = "" if namespace == "/" else namespace + ","
    if ack_id is not None:
        head += str(ack_id)
    attachments: list[bytes] = []
    payload = _dumps(args, attachments)
    if attachments:
        return f"{type_ + 3}{len(attachments)}-{head}{payload}", attachments
    return f"{type_}{head}{payload}", attachments


def _dumps(value: Any, attachments: list[bytes] | None) -> str:
    """Encode `value` as JSON and move its binary values to `attachments`; None forbids them."""

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
        raise nested_too_deeply() from None
    except ValueError:  # Python's limit on the digits of an integer
        raise EncodeError("got an integer of thousands of digits: send it as a string") from None


def _portable(value: Any, hook: Callable[[Any], Any]) -> Any:
    """Rebuild `value` as JSON.stringify would read it, for the json module."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0.0 else None  # infinities and NaN give NaN
    if isinstance(value, dict):
        return {key_text(key): _portable(item, hook) for key, item in value.items()}
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


def nested_too_deeply() -> EncodeError:
    """Return the error of a value that cannot be encoded because of its depth."""
    return EncodeError(
        "got a value that is nested too deeply or contains itself: expected a tree of a few "
        "hundred levels at most, flatten it"
    )


def key_text(key: Any) -> str:
    """Return the key of a dictionary as the name of a JavaScript object's member.

    Raises:
        EncodeError: the key is neither a str nor a number, True, False or None.
    """
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
    """Raise the error of our own hook, which orjson has wrapped."""
    if isinstance(error.__cause__, EncodeError):
        raise error.__cause__ from None


def _type_name(value: Any) -> str:
    return type(value).__qualname__
