"""Writing values as MessagePack that notepack.io reads, the official parser's library.

msgspec encodes the values of JSON, and bytes. Any other value becomes what the JSON parser makes of
it, with one difference: a datetime with a time zone becomes a `Date` at the receiver.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import orjson

from socketio_min.errors import EncodeError
from socketio_min.protocol.encoding import key_text, nested_too_deeply

_LEAVES: Final = frozenset((str, int, float, bool, type(None), bytes))
_CONTAINERS: Final = frozenset((dict, list, tuple))
_PLAIN: Final = _LEAVES | _CONTAINERS
_TEXT: Final = frozenset((str,))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_encoder = msgspec.msgpack.Encoder()


def encode_plain(value: Any) -> bytes | None:
    """Encode a value of the types of JSON, and bytes. Return None for any other value, and for one
    that cannot be encoded.
    """
    try:
        encoded = _encoder.encode(value)
    except (TypeError, ValueError, BufferError, OverflowError, RecursionError):
        return None
    # Checked after encoding: msgspec has refused values that contain themselves.
    return encoded if _is_plain(value) else None


def encode_values(value: Any) -> bytes:
    """Encode any value that the JSON parser takes.

    Raises:
        EncodeError: the value, or one in it, has no form in JSON and is not binary.
    """
    encoded = encode_plain(value)
    if encoded is not None:
        return encoded
    try:
        return _encoder.encode(_portable(value))
    except RecursionError:
        raise nested_too_deeply() from None


def _is_plain(value: Any) -> bool:
    """Return whether a value and all in it are of the types that every language has."""
    if type(value) in _LEAVES:
        return True
    if type(value) not in _CONTAINERS:
        return False
    ahead = [value]
    for container in ahead:
        items = container
        if type(container) is dict:
            if not _TEXT.issuperset(map(type, container)):
                return False
            items = container.values()
        if not _PLAIN.issuperset(map(type, items)):
            return False
        ahead += [item for item in items if type(item) in _CONTAINERS]
    return True


def _portable(value: Any) -> Any:
    """Rebuild a value of the types that every language has."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, str):
        # Half a surrogate pair has no UTF-8.
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, int):
        return _number(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, dict):
        return {_portable(key_text(key)): _portable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_portable(item) for item in value]
    if isinstance(value, datetime) and value.tzinfo is not None:
        milliseconds = (value - _EPOCH) // timedelta(milliseconds=1)
        return msgspec.msgpack.Ext(0, milliseconds.to_bytes(8, "big", signed=True))
    try:
        return orjson.loads(orjson.dumps(value))
    except (TypeError, ValueError) as error:
        raise EncodeError(
            f"got a value of type {type(value).__qualname__} ({error}): expected what JSON can "
            "hold, or bytes; convert it first (a set to a list, an object to a dict)"
        ) from None


def _number(value: int) -> int | float:
    """Return an integer of 64 bits as it is, any other as the double that JavaScript has."""
    if -(2**63) <= value < 2**64:
        return int(value)
    try:
        return float(value)
    except OverflowError:
        raise EncodeError("got an integer of hundreds of digits: send it as a string") from None
