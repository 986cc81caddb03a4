"""Values on their way to other servers: those of JSON, and bytes.

A receiver on another server must get the same values as a receiver here, in whatever notation the
message between the servers is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from socketio_min.errors import EncodeError
from socketio_min.protocol.encoding import encode_ack, nested_too_deeply


def portable(args: Sequence[Any]) -> list[Any]:
    """Return values as every receiver gets them: those of JSON, and bytes.

    Raises:
        EncodeError: a value has no JSON form.
    """
    try:
        values: list[Any] = orjson.loads(orjson.dumps(args))
    except (TypeError, ValueError):
        return _walk_all(args)
    return values


def from_body(body: str, args: Sequence[Any]) -> list[Any]:
    """Return the values of an event's JSON, `body`, which was made of `args`.

    Raises:
        EncodeError: a value has no JSON form.
    """
    try:
        values: list[Any] = orjson.loads(body)
    except ValueError:
        # The JSON has lone surrogates, which orjson does not read.
        return _walk_all(args)
    return values


def _walk_all(args: Sequence[Any]) -> list[Any]:
    try:
        return [_walk(value) for value in args]
    except RecursionError:
        raise nested_too_deeply() from None


def _walk(value: Any) -> Any:
    """Return a value that orjson refuses, or that has such a value in it, as `portable` does."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return {_text(_key(key)): _walk(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_walk(item) for item in value]
    try:
        return orjson.loads(orjson.dumps(value))
    except TypeError:
        # The value is an integer beyond 64 bits, or an error: the encoder of events decides.
        text, _ = encode_ack("/", [value], 0)
        return json.loads(text[2:], parse_int=float)[0]


def _key(key: Any) -> str:
    text, _ = encode_ack("/", [{key: None}], 0)
    [name] = json.loads(text[2:])[0]
    return str(name)


def _text(text: str) -> str:
    """Replace lone surrogates, which UTF-8 cannot hold, by U+FFFD."""
    return (
        text
        if text.isascii()
        else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def name_bytes(name: str) -> bytes:
    """Return a name as bytes for a channel or a key; lone surrogates are replaced."""
    try:
        return name.encode()
    except UnicodeEncodeError:
        return _text(name).encode()


def inner_names(prefix: bytes, channels: Iterable[bytes]) -> frozenset[str]:
    """Return the names in channels that are called `prefix`, then a name, then "#"."""
    names = (channel[len(prefix) : -1].decode(errors="replace") for channel in channels)
    return frozenset(filter(None, names))


def has_bytes(value: Any) -> bool:
    """Return whether there is a binary value in a value that `portable` has made."""
    if type(value) is bytes:
        return True
    if type(value) is list:
        return any(map(has_bytes, value))
    return type(value) is dict and any(map(has_bytes, value.values()))


def dump_json(value: Any) -> bytes:
    """Encode a value that `portable` has made, and that has no bytes in it, as JSON.

    Raises:
        EncodeError: a value cannot be encoded.
    """
    try:
        return orjson.dumps(value)
    except TypeError as error:
        raise EncodeError(f"got a value that JSON cannot hold ({error})") from None
