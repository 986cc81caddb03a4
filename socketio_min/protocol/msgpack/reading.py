"""Reading values from MessagePack as notepack.io writes them, the official parser's library.

msgspec does the work. notepack.io has three types of its own under one number: `undefined`, a date,
and the bytes of an ArrayBuffer. The first two have a fixed size, and an ArrayBuffer of that size
differs in its first byte only, which msgspec does not tell. A message with a value of such a size
is gone through beforehand.

    d4 00 ..         undefined          becomes None, as in JSON
    d7 00 8 bytes    a date             becomes a datetime in UTC
    c7 .. 00 bytes   an ArrayBuffer     becomes bytes (c8, c9: with more bytes for its length)

Keys are text, as in a JavaScript object: a number becomes its digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Final, NoReturn

import msgspec

from socketio_min.errors import EncodeError, PacketError
from socketio_min.protocol.encoding import key_text
from socketio_min.protocol.packets import MAX_DEPTH
from socketio_min.protocol.weights import DICT, LIST, VALUE

# `undefined` as notepack.io 2 writes it; version 3 writes nil.
UNDEFINED: Final = b"\xd4\x00\x00"

_NOTEPACK: Final = 0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CONTAINERS: Final = frozenset((dict, list))

Buffer = bytes | memoryview | msgspec.Raw


def read_values(data: Buffer) -> Any:
    """Decode a value of at most `MAX_DEPTH` levels.

    Raises:
        PacketError: it is malformed, too deep, or has a type or a key that is unknown.
    """
    try:
        try:
            value = _decoder.decode(data)
        except _AmbiguousError:
            value = msgspec.msgpack.Decoder(ext_hook=_telling_apart(data)).decode(data)
    except (ValueError, RecursionError, OverflowError) as error:
        raise PacketError(
            f"got values that are no MessagePack ({error}): close the connection"
        ) from None
    _check_containers(value)
    return value


class _AmbiguousError(Exception):
    """An extension may be a date or `undefined`, or an ArrayBuffer of the same size."""


def _extension(code: int, data: memoryview) -> bytes:
    if code != _NOTEPACK:
        _refuse_extension(code)
    if len(data) in (1, 8):
        raise _AmbiguousError
    return bytes(data)


def _telling_apart(data: Buffer) -> Callable[[int, memoryview], object]:
    """Return a function that reads the extensions of `data`, in the order in which they stand
    there.
    """
    fixed = iter([*_fixed_sizes(data)])

    def read(code: int, content: memoryview) -> object:
        is_fixed = next(fixed)
        if code != _NOTEPACK:
            _refuse_extension(code)
        if not is_fixed:
            return bytes(content)
        if len(content) == 8:
            return _EPOCH + timedelta(milliseconds=int.from_bytes(content, "big", signed=True))
        return None

    return read


def _refuse_extension(code: int) -> NoReturn:
    raise PacketError(
        f"got a value of the extension type {code}: expected dates, undefined and ArrayBuffers of "
        "notepack.io, or timestamps; close the connection"
    )


_decoder = msgspec.msgpack.Decoder(ext_hook=_extension)


def _check_containers(value: Any) -> None:
    """Turn keys into text, and refuse a value that is nested too deeply.

    The levels are gone through one by one: recursion would let the peer choose the depth of our
    stack.
    """
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(MAX_DEPTH):
        if not level:
            return
        maps = [container for container in level if type(container) is dict]
        if not _TEXT.issuperset(map(type, chain.from_iterable(maps))):
            for container in maps:
                _name_keys(container)
        arrays = [container for container in level if type(container) is list]
        items = chain(arrays, map(dict.values, maps))
        level = [item for item in chain.from_iterable(items) if type(item) in _CONTAINERS]
    if level:
        raise PacketError(f"got values of more levels than {MAX_DEPTH}: close the connection")


_TEXT: Final = frozenset((str,))


def _name_keys(container: dict[Any, Any]) -> None:
    items = list(container.items())
    container.clear()
    try:
        for key, value in items:
            container[key_text(key)] = value
    except EncodeError as error:
        raise PacketError(f"{error}; close the connection") from None


# -- going through the bytes

# A value of an extension type counts so many times, because Python code reads it.
EXTENSION: Final = 4
_EXTENSIONS: Final = frozenset((*range(0xC7, 0xCA), *range(0xD4, 0xD9)))


def count_values(data: Buffer, most: int) -> int:
    """Count the values, names of members among them.

    A value of an extension type counts `EXTENSION` times. Counting ends above `most`, so such a
    count may be too low.
    """
    count = 0
    encoded = bytes(data)
    for position in _walk(encoded):
        count += EXTENSION if encoded[position] in _EXTENSIONS else 1
        if count > most:
            break
    return count


def weigh_values(data: Buffer) -> int:
    """Estimate the bytes that a value takes once it is read, besides its characters."""
    encoded = bytes(data)
    return sum(_WEIGHTS[encoded[position]] for position in _walk(encoded))


def _fixed_sizes(data: Buffer) -> Iterator[bool]:
    """Yield for each extension that msgspec does not know itself whether its size is fixed."""
    encoded = bytes(data)
    for position in _walk(encoded):
        first = encoded[position]
        if 0xD4 <= first <= 0xD8:
            if encoded[position + 1] != 0xFF:
                yield True
        elif 0xC7 <= first <= 0xC9 and encoded[position + 1 + (1 << (first - 0xC7))] != 0xFF:
            yield False


# By the first byte of a value: how many bytes the value has, and how many values are in it, as far
# as that byte tells.
_SIZES: Final = tuple(
    {
        **{0xA0 + i: 1 + i for i in range(0x20)},  # texts
        **dict.fromkeys((0xCC, 0xD0), 2),
        **dict.fromkeys((0xCD, 0xD1, 0xD4), 3),
        0xD5: 4,
        **dict.fromkeys((0xCA, 0xCE, 0xD2), 5),
        0xD6: 6,
        **dict.fromkeys((0xCB, 0xCF, 0xD3), 9),
        0xD7: 10,
        0xD8: 18,
    }.get(first, 1)
    for first in range(256)
)
_ITEMS: Final = tuple(
    {
        **{0x80 + i: 2 * i for i in range(0x10)},  # maps
        **{0x90 + i: i for i in range(0x10)},  # arrays
    }.get(first, 0)
    for first in range(256)
)
# By the first byte of a value that is followed by its length: how many bytes the length has, how
# many bytes come between length and content, and how many values there are for each unit of the
# length.
_LENGTHS: Final = {
    **{0xC4 + i: (1 << i, 0, 0) for i in range(3)},  # bytes
    **{0xC7 + i: (1 << i, 1, 0) for i in range(3)},  # extensions
    **{0xD9 + i: (1 << i, 0, 0) for i in range(3)},  # texts
    **{0xDC + i: (2 << i, 0, 1) for i in range(2)},  # arrays
    **{0xDE + i: (2 << i, 0, 2) for i in range(2)},  # maps
}
# By the first byte of a value: the bytes that it takes in memory.
_WEIGHTS: Final = tuple(
    {
        **dict.fromkeys((*range(0x90, 0xA0), 0x80, 0xDC, 0xDD), LIST),
        **dict.fromkeys((*range(0x81, 0x90), 0xDE, 0xDF), DICT),
    }.get(first, VALUE)
    for first in range(256)
)


def _walk(data: bytes) -> Iterator[int]:
    """Yield where each value begins, in order, keys among them; `data` is well-formed."""
    position = 0
    left = 1
    while left:
        yield position
        first = data[position]
        position += _SIZES[first]
        left += _ITEMS[first] - 1
        if first in _LENGTHS:
            digits, more, values = _LENGTHS[first]
            length = int.from_bytes(data[position : position + digits], "big")
            position += digits + more
            if values:
                left += values * length
            else:
                position += length
