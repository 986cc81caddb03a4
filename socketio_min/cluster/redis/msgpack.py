"""The notations of the official adapters' messages: MessagePack, and JSON.

The size of input is limited, and it is decoded strictly. The dates of JavaScript, which have a type
of their own in MessagePack, become the texts that JSON makes of them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson

from socketio_min.errors import EncodeError, PacketError
from socketio_min.protocol.decoding import loads_as_javascript

# The most bytes of a message. Empty containers cost 65 times their size, so this limits memory too.
MAX_MESSAGE = 16_000_000

# How MessagePack begins a date: type -1 with 4, 8 or 12 bytes.
_DATE_4, _DATE_8, _DATE_12 = b"\xd6\xff", b"\xd7\xff", b"\xc7\x0c\xff"
_decoder = msgspec.msgpack.Decoder(ext_hook=lambda _code, _data: None)
_encoder = msgspec.msgpack.Encoder()


def pack(value: Any) -> bytes:
    """Encode values that `portable` has made as MessagePack.

    Raises:
        EncodeError: a value cannot be encoded.
    """
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise EncodeError(f"got a value that MessagePack cannot hold ({error})") from None


def unpack(data: bytes) -> Any:
    """Decode MessagePack.

    Raises:
        PacketError: it is malformed or too large.
    """
    _check_size(data)
    try:
        value = _decoder.decode(data)
        if _DATE_8 in data or _DATE_4 in data or _DATE_12 in data:
            value = _without_dates(value)
    except (ValueError, RecursionError, OverflowError) as error:
        raise PacketError(f"got a message that is no MessagePack ({error})") from None
    return value


def unpack_any(data: bytes) -> Any:
    """Decode JSON if it begins like an object, else MessagePack, as the official adapters do.

    Raises:
        PacketError: it is malformed or too large.
    """
    if data[:1] != b"{":
        return unpack(data)
    _check_size(data)
    try:
        return orjson.loads(data)
    except ValueError:
        pass
    try:
        return loads_as_javascript(data)
    except (ValueError, RecursionError) as error:
        raise PacketError(f"got a message that is no JSON ({type(error).__name__})") from None


def _check_size(data: bytes) -> None:
    if len(data) > MAX_MESSAGE:
        raise PacketError(f"got a message of {len(data)} bytes, expected at most {MAX_MESSAGE}")


def _without_dates(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_dates(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_dates(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
    return value
