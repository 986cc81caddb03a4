"""Whom a text mentions: an `@` and somebody's name or id."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Final

from server.api.records import User

LOOKED_AT: Final = 10
"""Signs `@` of a text that are looked at; later ones mention nobody."""

_LONGEST: Final = 256
_AT: Final = re.compile(r"(?<![\w@])@(?=\w)")
# A name ends where no word goes on: "@ada's" and "@ada." name ada; "@ada-b" and "@ada.py" do not.
_GOES_ON: Final = re.compile(r"[-./\\@:]*\w")
_WORD: Final = re.compile(r"[^\s,;!?()]+")


def mentioned(
    text: str, members: Collection[User], other: Callable[[str], User | None]
) -> list[User]:
    """Return whom a text mentions, each once. Members are found by id or name, by the longest that
    fits; `other` returns somebody else for an id.
    """
    found: dict[str, User] = {}
    names = [(name.casefold(), user) for user in members for name in {user.id, user.name}]
    for sign in islice(_AT.finditer(text), LOOKED_AT):
        rest = text[sign.end() : sign.end() + _LONGEST + 1]
        for user in _longest(rest.casefold(), names) or _others(rest, other):
            found.setdefault(user.id, user)
    return list(found.values())


def _longest(rest: str, names: list[tuple[str, User]]) -> list[User]:
    """Return the members with the longest name or id that the text begins with."""
    fitting = [
        (name, user)
        for name, user in names
        if rest.startswith(name) and not _GOES_ON.match(rest, len(name))
    ]
    longest = max((len(name) for name, _ in fitting), default=0)
    return [user for name, user in fitting if len(name) == longest]


def _others(rest: str, other: Callable[[str], User | None]) -> Iterator[User]:
    word = _WORD.match(rest)
    # Without the signs that end a sentence behind the name.
    user = None if word is None else other(word[0].rstrip(".:'\""))
    if user is not None:
        yield user
