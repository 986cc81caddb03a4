"""A bounded queue that takes turns by owner, so that much work of one owner never delays a little
work of another.

Owners are served one after the other, one item each. The items of an owner keep their order. An
item waits for at most one item of each other owner, however many items those have. An owner who
comes while an item is worked on does not wait for other items of that item's owner.

Rejected: one queue in the order of arrival (18 comparisons of one user made a comparison of another
user, which took a millisecond, wait for 73 seconds); priorities by size, which clients can choose.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Items by owner.

    most: how many items may wait. most_of_one: how many items of one owner may wait. at_once: how
    many items of one owner may be taken and not yet `done`; 0 is no limit.
    """

    __slots__ = ("_at_once", "_last", "_length", "_most", "_most_of_one", "_taken", "_waiting")

    def __init__(self, *, most: int, most_of_one: int, at_once: int = 0) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._at_once = at_once
        self._waiting: dict[str, deque[T]] = {}
        self._taken: Counter[str] = Counter()
        self._length = 0
        self._last: str | None = None

    def __len__(self) -> int:
        return self._length

    def __contains__(self, owner: str) -> bool:
        return owner in self._waiting

    def put(self, owner: str, item: T) -> bool:
        """Append an item. Return False, without appending it, if too many wait."""
        own = self._waiting.get(owner)
        if self._length >= self._most or (own is not None and len(own) >= self._most_of_one):
            return False
        if own is None:
            own = self._waiting[owner] = deque()
        own.append(item)
        self._length += 1
        return True

    def take(self) -> tuple[str, T] | None:
        """Return the next item with its owner. Return None if none waits, or none may be taken
        now.
        """
        owners = (one for one in self._waiting if self._may_take(one))
        owner = next(owners, None)
        if owner is None:
            return None
        if owner == self._last:
            owner = next(owners, owner)
        self._last = owner
        items = self._waiting.pop(owner)
        item = items.popleft()
        if items:
            self._waiting[owner] = items
        self._length -= 1
        if self._at_once:
            self._taken[owner] += 1
        return owner, item

    def _may_take(self, owner: str) -> bool:
        return not self._at_once or self._taken[owner] < self._at_once

    def done(self, owner: str) -> None:
        """Count an item that was taken as done."""
        self._taken[owner] -= 1
        if not self._taken[owner]:
            del self._taken[owner]

    def discard(self, owner: str, item: T) -> None:
        """Remove an item, if it still waits."""
        items = self._waiting.get(owner)
        if items is None or item not in items:
            return
        items.remove(item)
        self._length -= 1
        if not items:
            del self._waiting[owner]

    def clear(self) -> list[T]:
        """Remove and return all items that wait."""
        items = [item for own in self._waiting.values() for item in own]
        self._waiting.clear()
        self._length = 0
        return items
