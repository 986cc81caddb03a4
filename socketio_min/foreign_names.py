"""Names that other implementations of Socket.IO have: looking one up tells the programmer what to
write with this one.

The names themselves are in `server/foreign_names.py` and `client/foreign_names.py`. Type checkers
do not see them, so they report them as misspelt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NoReturn, TypeVar

from socketio_min.errors import UsageError

Class = TypeVar("Class")


class MissingName(UsageError, AttributeError):
    """A name that another implementation has; the message says what to write instead."""


class ForeignName:
    """A name that another implementation has: looking it up raises an error that says what to
    write.

    Rejected: `__getattr__`, because CPython then looks up every attribute of the class the slow
    way; an event cost 9 % more.
    """

    __slots__ = ("_expected", "_name")

    def __init__(self, name: str, expected: str) -> None:
        self._name = name
        self._expected = expected

    def __get__(self, _instance: object, owner: type) -> NoReturn:
        """Raise the error of an attribute that `owner` does not have.

        Raises:
            MissingName: always.
        """
        raise MissingName(
            f"got {self._name!r}, which a {owner.__name__} does not have: write {self._expected}"
        )


def tells_names(elsewhere: Mapping[str, str]) -> Callable[[type[Class]], type[Class]]:
    """Return a decorator that gives a class the names in `elsewhere`, as `ForeignName`s.

    The class also gets the camel-case spelling of JavaScript of these names, and of its own names.
    """

    def decorate(owner: type[Class]) -> type[Class]:
        own = {name: name for name in dir(owner) if not name.startswith("_")}
        for name, expected in ({**elsewhere, **own}).items():
            for spelt in (name, camel_case(name)):
                if not hasattr(owner, spelt):
                    setattr(owner, spelt, ForeignName(spelt, expected))
        return owner

    return decorate


def camel_case(name: str) -> str:
    """Return a name as JavaScript spells it."""
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)
