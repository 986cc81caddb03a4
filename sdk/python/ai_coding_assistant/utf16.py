"""Texts by their UTF-16 units, as JavaScript counts them.

A character beyond the Basic Multilingual Plane is two surrogates here as in JavaScript, so that a
position is an index. Half of such a pair goes through as it is, because an editor may well cut an
emoji in two.
"""

from __future__ import annotations

import re
import sys
from array import array
from typing import Final

_SLICE: Final = 16_384
"""Units that are converted at once, in 1 ms at most."""
_HALF: Final = re.compile("[\ud800-\udfff]")
_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def units(text: str) -> str:
    """Return a text with each character as its UTF-16 units."""
    if text.isascii():
        return text
    # So that other threads have turns.
    pieces = (text[at : at + _SLICE] for at in range(0, len(text), _SLICE))
    return "".join(map(_units, pieces))


def _units(piece: str) -> str:
    data = piece.encode("utf-16-le", "surrogatepass")
    if len(data) == 2 * len(piece):
        return piece
    # Each unit as a character of its own: twenty times as fast as replacing them one by one.
    wide = bytearray(2 * len(data))
    wide[0::4] = data[0::2]
    wide[1::4] = data[1::2]
    characters = _no_characters()
    characters.frombytes(wide)
    return characters.tounicode()


def plain(text: str) -> str:
    """Return a text of units with its surrogate pairs as characters; halves stay as they are."""
    if not has_halves(text):
        return text
    # A search through all of a long text would hold up the other threads for 5 ms.
    pieces: list[str] = []
    at = 0
    while at < len(text):
        end = at + _SLICE
        if "\ud800" <= text[end - 1 : end] <= "\udbff":
            # The next character may be its other half.
            end -= 1
        pieces.append(_plain(text[at:end]))
        at = end
    return "".join(pieces)


def _plain(piece: str) -> str:
    if _PAIR.search(piece) is None:
        return piece
    characters = _no_characters()
    characters.fromunicode(piece)
    wide = characters.tobytes()
    data = bytearray(len(wide) // 2)
    data[0::2] = wide[0::4]
    data[1::2] = wide[1::4]
    return data.decode("utf-16-le", "surrogatepass")


def without_halves(text: str) -> str:
    """Return a text, of characters and not of units, with U+FFFD for each half of a pair."""
    if not has_halves(text):
        return text
    pieces = (text[at : at + _SLICE] for at in range(0, len(text), _SLICE))
    return "".join(_HALF.sub("\ufffd", piece) for piece in pieces)


def has_halves(text: str) -> bool:
    """Return whether a text has surrogates, which are halves of characters. Takes 1 ms for a
    million characters, a tenth of what a regular expression does.
    """
    try:
        text.encode("utf-16-le")
    except UnicodeEncodeError:
        return True
    return False


def _no_characters() -> array[str]:
    """Return an empty array for characters of four bytes. Every system but Windows has a type of
    that size.
    """
    return array("w") if sys.version_info >= (3, 13) else array("u")
