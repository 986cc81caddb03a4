"""Reading values from MessagePack as notepack.io writes them, which the official parser uses.

msgspec does the work. notepack.io has three types of its own under one number: `undefined`, a date,
and what an ArrayBuffer holds. The first two have a fixed size, and an ArrayBuffer of that size
differs in its first byte only, which msgspec does not tell: then the bytes are gone through before.

    d4 00 ..         undefined          becomes None, as in JSON
    d7 00 8 bytes    a date             becomes a datetime in UTC
    c7 .. 00 bytes   an ArrayBuffer     becomes bytes (c8, c9: with more bytes for its length)

Keys are those of an object in JavaScript: a number is read as its digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn

import msgspec

from socketio_min.errors import EncodeError, PacketError
from socketio_min.protocol.encoding import key_text
from socketio_min.protocol.packets import MAX_DEPTH

# `undefined` as notepack.io 2 writes it; version 3 writes nil.
UNDEFINED: Final = b"\xd4\x00\x00"

_NOTEPACK: Final = 0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CONTAINERS: Final = frozenset((dict, list))

Buffer = bytes | memoryview | msgspec.Raw


def read_values(data: Buffer) -> Any:
    """Decode a value, which nests `MAX_DEPTH` levels at most.

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
    """A value of notepack.io's own is a date or `undefined`, or an ArrayBuffer of that size."""


def _extension(code: int, data: memoryview) -> bytes:
    if code != _NOTEPACK:
        _refuse_extension(code)
    if len(data) in (1, 8):
        raise _AmbiguousError
    return bytes(data)


def _telling_apart(data: Buffer) -> Callable[[int, memoryview], object]:
    """Return what reads the extensions of `data`, in the order in which they stand there."""
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
    """Turn keys to text, level by level: the peer must not choose how deep our stack is."""
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(MAX_DEPTH):
        if not level:
            return
        below: list[Any] = []
        for container in level:
            if type(container) is dict:
                if not _TEXT.issuperset(map(type, container)):
                    _name_keys(container)
                items = container.values()
            else:
                items = container
            below += [item for item in items if type(item) in _CONTAINERS]
        level = below
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


def count_values(data: Buffer, most: int) -> int:
    """Count the values, names of members among them; a count above `most` may be too low."""
    count = 0
    for _ in _walk(memoryview(data)):
        count += 1
        if count > most:
            break
    return count


def _fixed_sizes(data: Buffer) -> Iterator[bool]:
    """Yield for each extension that msgspec does not know itself whether its size is fixed."""
    view = memoryview(data)
    for position in _walk(view):
        first = view[position]
        if 0xD4 <= first <= 0xD8:
            if view[position + 1] != 0xFF:
                yield True
        elif 0xC7 <= first <= 0xC9 and view[position + 1 + (1 << (first - 0xC7))] != 0xFF:
            yield False


# How many bytes follow the first one of a value that has no length of its own.
_SIZES: Final = {
    **dict.fromkeys((0xCC, 0xD0), 1),
    **dict.fromkeys((0xCD, 0xD1, 0xD4), 2),
    0xD5: 3,
    **dict.fromkeys((0xCA, 0xCE, 0xD2), 4),
    0xD6: 5,
    **dict.fromkeys((0xCB, 0xCF, 0xD3), 8),
    0xD7: 9,
    0xD8: 17,
}
# How many bytes the length has, how many bytes come before the content, how many values are in it.
_LENGTHS: Final = {
    **{0xC4 + i: (1 << i, 0, 0) for i in range(3)},  # bytes
    **{0xC7 + i: (1 << i, 1, 0) for i in range(3)},  # extensions
    **{0xD9 + i: (1 << i, 0, 0) for i in range(3)},  # texts
    **{0xDC + i: (2 << i, 0, 1) for i in range(2)},  # arrays
    **{0xDE + i: (2 << i, 0, 2) for i in range(2)},  # maps
}


def _walk(view: memoryview) -> Iterator[int]:
    """Yield where each value begins, in order, keys among them; `view` is well-formed."""
    position = 0
    left = 1
    while left:
        yield position
        left -= 1
        first = view[position]
        position += 1
        if first < 0x80 or first >= 0xE0:
            continue
        if first < 0x90:
            left += 2 * (first - 0x80)
        elif first < 0xA0:
            left += first - 0x90
        elif first < 0xC0:
            position += first - 0xA0
        elif first in _LENGTHS:
            digits, more, values = _LENGTHS[first]
            length = int.from_bytes(view[position : position + digits], "big")
            position += digits + more
            if values:
                left += values * length
            else:
                position += length
        else:
            position += _SIZES.get(first, 0)
