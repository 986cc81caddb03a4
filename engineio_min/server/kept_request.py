"""What a session keeps of its handshake, in a form that takes little memory.

The handshake's request lives as long as its session, and nearly all of it is the same for thousands
of clients: the path, the query, and which headers a browser sends in which order. So these are
shared, and the headers are two tuples, of which only the values are a client's own. A dictionary of
as many headers takes three times the memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engineio_min.request import Request

# How many targets and orders of headers are shared, and the characters of the longest query.
MOST_SHARED = 64
LONGEST_QUERY = 64

_shared: dict[tuple[str, ...], tuple[str, ...]] = {}


def keep(request: Request) -> None:
    """Let a handshake's request take less memory: its session keeps it."""
    headers = request.headers
    names = tuple(headers)
    kept = KeptHeaders.__new__(KeptHeaders)
    kept.names = _shared.get(names) or _share(names)
    kept.texts = tuple(headers.values())
    request.headers = kept
    if len(request.query_string) <= LONGEST_QUERY:
        target = request.path, request.query_string
        request.path, request.query_string = _shared.get(target) or _share(target)


class KeptHeaders(Mapping[str, str]):
    """Headers by their names in lower case, in the order in which they came."""

    __slots__ = ("names", "texts")

    names: tuple[str, ...]
    texts: tuple[str, ...]

    def __getitem__(self, name: str) -> str:
        try:
            return self.texts[self.names.index(name)]
        except ValueError:
            raise KeyError(name) from None

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return repr(dict(self))


def _share(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Keep `texts`, so that later requests with equal ones share them."""
    if len(_shared) >= MOST_SHARED:
        # What an attacker has put here goes, and the usual ones come again.
        _shared.clear()
    _shared[texts] = texts
    return texts
