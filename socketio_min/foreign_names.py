"""Names that other implementations have: looking one up tells the programmer what to write here.

Type checkers do not see these names, so they still report them as misspelt. The names are in
`server/foreign_names.py` and `client/foreign_names.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NoReturn, TypeVar

from socketio_min.errors import UsageError

Class = TypeVar("Class")


class MissingName(UsageError, AttributeError):
    """A name that is another server's; the message says what to write here."""


class ForeignName:
    """A name that other implementations have: to look it up tells what to write here.

    Rejected: `__getattr__`, with which CPython looks up every attribute of the class the slow way;
    an event cost 9 % more.
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
    """Let a class tell what to write for the names in `elsewhere`; a decorator.

    The camel-case spelling of JavaScript tells the same, for these names and for the class's own.
    """

    def decorate(owner: type[Class]) -> type[Class]:
        own = {name: name for name in dir(owner) if not name.startswith("_")}
        for name, expected in ({**elsewhere, **own}).items():
            for spelt in (name, camel_case(name)):
                if not hasattr(owner, spelt):
                    # Type checkers do not see the attribute: they still report the name as
                    # misspelt.
                    setattr(owner, spelt, ForeignName(spelt, expected))
        return owner

    return decorate


def camel_case(name: str) -> str:
    """Return a name as JavaScript spells it."""
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)
