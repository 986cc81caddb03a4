"""What an event's payload must look like, written as data.

A kind checks one value and returns what the handler gets; the first fault ends the check with an
`EventError` that names the path of the value (`$.metadata.correlationId`). Types are strict: no
string is read as a number, null is no absent field. Fields that a payload does not declare are
left out, so a client newer than the server still works and nothing unchecked reaches a handler.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from server.errors import Code, EventError


class Kind(Protocol):
    """One kind of value."""

    @property
    def expected(self) -> str:
        """What it accepts, as an error message says it."""

    def check(self, value: Any, path: str) -> Any:
        """Return the value as the handler gets it.

        Raises:
            EventError: it is not of this kind (`VALIDATION_ERROR`).
        """


@dataclass(frozen=True, slots=True)
class Name:
    """A string of printable characters: an id or a name. `maximum` counts characters."""

    maximum: int = 128

    @property
    def expected(self) -> str:
        return f"a string of 1 to {self.maximum} printable characters"

    def check(self, value: Any, path: str) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= self.maximum:
            refuse(path, value, self.expected)
        if not value.isprintable():
            refuse(path, value, self.expected)
        return value


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    expected: str = field(default="true or false", init=False)

    def check(self, value: Any, path: str) -> bool:
        if not isinstance(value, bool):
            refuse(path, value, self.expected)
        return value


@dataclass(frozen=True, slots=True)
class Anything:
    """Any value, binary data included, of about `maximum` bytes at most."""

    maximum: int

    @property
    def expected(self) -> str:
        return f"a value of at most {self.maximum} bytes"

    def check(self, value: Any, path: str) -> Any:
        if weight(value, self.maximum) > self.maximum:
            refuse(path, value, self.expected)
        return value


@dataclass(frozen=True, slots=True)
class Fields:
    """An object with these fields."""

    required: Mapping[str, Kind] = field(default_factory=dict)
    optional: Mapping[str, Kind] = field(default_factory=dict)
    expected: str = field(default="an object", init=False)

    def check(self, value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            refuse(path, value, self.expected)
        checked: dict[str, Any] = {}
        for name, kind in self.required.items():
            if name not in value:
                raise invalid(f"{path}.{name}", f"is missing, expected {kind.expected}")
            checked[name] = kind.check(value[name], f"{path}.{name}")
        for name, kind in self.optional.items():
            if name in value:
                checked[name] = kind.check(value[name], f"{path}.{name}")
        return checked


def invalid(path: str, fault: str) -> EventError:
    """The error for a fault of the value at `path`."""
    return EventError(Code.VALIDATION_ERROR, f"{path} {fault}", {"path": path})


def refuse(path: str, value: Any, expected: str) -> NoReturn:
    """Raise the error for a value of the wrong kind."""
    raise invalid(path, f"is {describe(value)}, expected {expected}")


def describe(value: Any) -> str:
    """A value in JavaScript's terms, without its content: that may be long, or a secret."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f"a string of {len(value)} characters"
        case int() | float():
            return "a number"
        case list():
            return "an array"
        case dict():
            return "an object"
        case _:
            return "binary data"


def weight(value: Any, limit: int) -> int:
    """About how many bytes a value takes in a packet; counting stops above `limit`."""
    total = 0
    ahead = [value]
    while ahead and total <= limit:
        item = ahead.pop()
        # A separator or a pair of brackets for each value, so that empty ones count as well.
        total += 2
        match item:
            case str():
                total += len(item.encode("utf-8", "surrogatepass"))
            case bytes():
                total += len(item)
            case list():
                ahead.extend(item)
            case dict():
                ahead.extend(item)
                ahead.extend(item.values())
            case _:
                total += len(str(item))
    return total
