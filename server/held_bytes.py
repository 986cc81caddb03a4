"""The bytes that queued work holds, by owner: those that it was given, and those that it may
return.

A count of pieces of work bounds no memory, because clients choose how long their texts are. An
owner who holds little is never refused because another one holds much: `free` bytes of each owner
do not count against the bytes of all, as in `engineio_min`'s account of what is held for
connections.
"""

from __future__ import annotations

from collections import Counter


class HeldBytes:
    """Bytes by owner.

    most: the bytes that all owners may hold. most_of_one: the bytes that one owner may hold. free:
    the bytes that an owner may hold however much the others hold.
    """

    __slots__ = ("_by_owner", "_free", "_most", "_most_of_one", "total")

    def __init__(self, *, most: int, most_of_one: int, free: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._free = free
        self._by_owner: Counter[str] = Counter()
        self.total = 0

    def of(self, owner: str) -> int:
        """Return how many bytes an owner holds."""
        return self._by_owner[owner]

    def add(self, owner: str, size: int) -> bool:
        """Count more bytes. Return False, without counting them, if that is too much.

        An owner who holds nothing may hold one piece of any size within the limit for all.
        """
        own = self._by_owner[owner]
        after = own + size
        if after > self._free and self.total + size > self._most:
            return False
        if own and after > self._most_of_one:
            return False
        self._by_owner[owner] = after
        self.total += size
        return True

    def remove(self, owner: str, size: int) -> None:
        """Count bytes of an owner as held no longer."""
        self._by_owner[owner] -= size
        if not self._by_owner[owner]:
            del self._by_owner[owner]
        self.total -= size
