"""Estimates what JSON costs once it is parsed, from its text.

`[]` has three characters with its comma and takes 64 bytes; `{"a":0}` has eight and takes 240. So
the values of a text say what it costs in time and memory, and its length does not. Values are
counted by the characters between them, outside strings, piece by piece. A text with too many values
is refused early, and a file of five million characters, which is one value, passes.

Rejected: counting after parsing, because parsing is the cost to avoid; a scan with a regular
expression, which is ten times as slow as splitting at the quotes.
"""

from __future__ import annotations

import json
from typing import Any, Final

import orjson

# The bytes that a value of each kind takes besides its characters.
LIST: Final = 64
DICT: Final = 240
VALUE: Final = 56

# The weight in bytes up to which the payload of a CONNECT is kept as long as its socket: large
# enough for the longest tokens.
KEPT_AUTH: Final = 8_192

# The number of characters from which a text is weighed; a shorter one weighs little in any case.
WEIGHED: Final = 1_024

_PIECE: Final = 65_536

# The characters before each value but the first, outside strings.
_BEFORE_VALUES: Final = b",[{:"


def has_more_values(data: bytes, most: int) -> bool:
    """Return whether JSON has more than `most` values, the names of members among them.

    Most texts have so few of the characters before values, even with those in strings, that they
    need no closer look.
    """
    return count_before_values(data) >= most and count_values(data, most) > most


def count_before_values(data: bytes) -> int:
    """Count the characters that stand before values, in strings or not."""
    return len(data) - len(data.translate(None, _BEFORE_VALUES))


def count_values(data: bytes, most: int) -> int:
    """Count the values of JSON, the names of members among them.

    Counting ends above `most`, so such a count may be too low. Each value but the first follows a
    bracket, a comma or a colon. The count of text that is no JSON means nothing.
    """
    count = 1
    # Whether the next piece begins in a string: 0 or 1.
    inside = 0
    position = 0
    while position < len(data) and count <= most:
        piece = data[position : position + _PIECE]
        if (len(piece) - len(piece.rstrip(b"\\"))) & 1:
            # A piece must not end between a backslash and the character that it escapes.
            piece = data[position : position + _PIECE + 1]
        position += len(piece)
        if b'\\"' in piece:
            # Replacing the escapes takes half as long as removing them.
            piece = piece.replace(b"\\\\", b"__").replace(b'\\"', b"__")
        # A piece with so many strings has too many values. Splitting it would make an object of
        # each string.
        if piece.count(b'"') > 2 * most:
            return most + 1
        parts = piece.split(b'"')
        count += count_before_values(b"".join(parts[inside::2]))
        inside ^= (len(parts) - 1) & 1
    return count


def weigh(text: str) -> int:
    """Estimate the bytes that a text takes once it is parsed, rather too high than too low."""
    return len(text) + LIST * text.count("[") + DICT * text.count("{") + VALUE * text.count(",")


def weigh_long(message: str | bytes) -> int:
    """Estimate the bytes that a message takes once it is parsed.

    A short message counts as its length, and so does binary data, which has no values.
    """
    if len(message) < WEIGHED or isinstance(message, bytes):
        return len(message)
    return weigh(message)


def weigh_values(data: list[Any]) -> int:
    """Estimate the bytes that decoded data takes."""
    weight = 0
    ahead: list[Any] = [data]
    while ahead:
        value = ahead.pop()
        weight += VALUE
        if isinstance(value, str | bytes):
            weight += len(value)
        elif type(value) is list:
            weight += LIST
            ahead += value
        elif type(value) is dict:
            weight += DICT
            ahead += value
            ahead += value.values()
    return weight


def keep_auth(auth: dict[str, Any]) -> dict[str, Any] | None:
    """Return the payload of a CONNECT if it is small enough to be kept as long as the socket, else
    None.
    """
    try:
        text = orjson.dumps(auth).decode()
    except TypeError:
        # Half a surrogate pair, an integer above 64 bits, or what only MessagePack carries.
        text = json.dumps(auth, default=str)
    return auth if weigh(text) <= KEPT_AUTH else None
