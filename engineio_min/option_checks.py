"""Checks of options: each has a name that exists, and a value of the right kind.

A type checker finds the same mistakes. Without one, a wrong value would be noticed with the first
request, far from the line that it stands in, or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import fields
from typing import Any, ClassVar, Protocol, TypeVar

from engineio_min.errors import UsageError
from engineio_min.protocol.transports import TRANSPORTS


class Fields(Protocol):
    """A dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


Options = TypeVar("Options", bound=Fields)


def check_names(given: Iterable[str], known: Collection[str]) -> None:
    """Refuse an option that does not exist; the official names are in snake_case here.

    Raises:
        UsageError: one of `given` is not `known`.
    """
    for name in given:
        if name not in known:
            # Imported for the mistake alone: it takes a fifth of a megabyte.
            import difflib

            snake_case = re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()
            close = difflib.get_close_matches(snake_case, known, n=1, cutoff=0.75)
            expected = close[0] if close else f"one of {', '.join(sorted(known))}"
            raise UsageError(f"got the option {name!r}, which does not exist: expected {expected}")


def take_options(kind: type[Options], given: Any) -> Options:
    """Return the dataclass made of the `given` options that it has, and remove these from `given`.

    Raises:
        UsageError: one has a value that it cannot have.
    """
    names = [one.name for one in fields(kind) if one.name in given]
    return kind(**{name: given.pop(name) for name in names})


def check_path(path: object) -> None:
    """Refuse a value that is no path of a URL.

    Raises:
        UsageError: it does not start with a slash, or has what a request line cannot have.
    """
    if not (
        isinstance(path, str) and path.startswith("/") and path.isprintable() and " " not in path
    ):
        raise UsageError(f'path: got {path!r}, expected a path that starts with "/"')


def check_port(port: object) -> None:
    """Refuse a value that is no port. Of a larger number uvloop would take the last 16 bits.

    Raises:
        UsageError: it is no integer, or none from 0 to 65535.
    """
    if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port <= 65_535:
        raise UsageError(f"port: got {port!r}, expected an integer from 0 to 65535")


def check_flag(name: str, value: object) -> None:
    """Refuse a value that is neither True nor False.

    Raises:
        UsageError: it is neither.
    """
    if not isinstance(value, bool):
        raise UsageError(f"{name}: got {value!r}, expected True or False")


def check_function(name: str, value: object) -> None:
    """Refuse a value that is neither a function nor None.

    Raises:
        UsageError: it cannot be called.
    """
    if value is not None and not callable(value):
        raise UsageError(f"{name}: got {value!r}, expected a function, or None")


def check_transports(transports: object) -> None:
    """Refuse a value that is no list of transports.

    Raises:
        UsageError: it is no list, is empty, or names something else.
    """
    if (
        isinstance(transports, str)
        or not isinstance(transports, Collection)
        or not transports
        or not all(transport in TRANSPORTS for transport in transports)
    ):
        raise UsageError(
            f'transports: got {transports!r}, expected "polling", "websocket" or both in a list'
        )


def check_node(node: object) -> None:
    """Refuse a machine's name that no session id can begin with; "" stands for no name.

    Raises:
        UsageError: it is neither empty nor 2 characters of a session id.
    """
    if not isinstance(node, str) or not re.fullmatch(r"([A-Za-z0-9_-]{2})?", node):
        raise UsageError(
            f"node: got {node!r}, expected 2 characters of A-Z, a-z, 0-9, - and _, or none"
        )


def check_type(name: str, value: object, kind: type, expected: str) -> None:
    """Refuse a value that is no instance of `kind`.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(value, kind):
        # Not its value, which may hold credentials.
        got = type(value).__name__
        raise UsageError(f"{name}: got a value of type {got}, expected {expected}")


def check_compression(name: str, value: object) -> None:
    """Refuse a value that is neither True nor False nor a number of bytes.

    Raises:
        UsageError: it is none of these.
    """
    if not isinstance(value, int) or value < 0:
        raise UsageError(f"{name}: got {value!r}, expected True, False, or a number of bytes")


def check_threshold(name: str, value: object) -> None:
    """Refuse a value that is neither a number of bytes nor None; True and False would count as 1
    and 0.

    Raises:
        UsageError: it is neither.
    """
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise UsageError(f"{name}: got {value!r}, expected a number of bytes, or None for never")


def is_positive(value: object) -> bool:
    """Return whether a value is a number above 0; NaN is not, and neither is True."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def check_positive(name: str, value: object) -> None:
    """Refuse the value of an option that is no number above 0.

    Raises:
        UsageError: it is none.
    """
    if not is_positive(value):
        raise UsageError(f"{name}: got {value!r}, expected a number above 0")
