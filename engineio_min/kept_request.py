"""What a session keeps of its handshake, in a form that takes little memory.

The handshake's request lives as long as its session, and nearly all of it is the same for thousands
of clients: the path, the query, and which headers a browser sends in which order. So these are
shared, and the headers are two tuples, of which only the values are a client's own. A dictionary of
as many headers takes three times the memory.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, TypeVar

from engineio_min.request import Request

Value = TypeVar("Value", bound=Hashable)

# How many targets and orders of headers are shared, and the characters of the longest query.
MOST_SHARED = 64
LONGEST_QUERY = 64

_shared: dict[Any, Any] = {}


def keep(request: Request) -> None:
    """Let a handshake's request take less memory: its session keeps it."""
    request.headers = KeptHeaders(request.headers)
    if len(request.query_string) <= LONGEST_QUERY:
        request.path, request.query_string = _share((request.path, request.query_string))


class KeptHeaders(Mapping[str, str]):
    """Headers by their names in lower case, in the order in which they came."""

    __slots__ = ("_names", "_values")

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._names = _share(tuple(headers))
        self._values = tuple(headers.values())

    def __getitem__(self, name: str) -> str:
        try:
            return self._values[self._names.index(name)]
        except ValueError:
            raise KeyError(name) from None

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return repr(dict(self))


def _share(value: Value) -> Value:
    """Return an equal value that others have too, if there is one."""
    found: Value | None = _shared.get(value)
    if found is None:
        if len(_shared) >= MOST_SHARED:
            # What an attacker has put here goes, and the usual ones come again.
            _shared.clear()
        _shared[value] = found = value
    return found
