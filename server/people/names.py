"""The users who have accounts, by the beginnings of their names."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

from server.api.records import User


class Names:
    """Names and ids in their order, so that a search looks at no more than it finds.

    A name that is an address of e-mail is only found by the whole of it.
    """

    __slots__ = ("_keys",)

    def __init__(self) -> None:
        # Each user by id and by name: (what is searched for, the id).
        self._keys: list[tuple[str, str]] = []

    def load(self, users: Iterable[User]) -> None:
        """Take over many users at once."""
        self._keys.extend(key for user in users for key in _keys(user))
        self._keys.sort()

    def add(self, user: User) -> None:
        """Add a user."""
        for key in _keys(user):
            insort(self._keys, key)

    def remove(self, user: User) -> None:
        """Remove a user who was added with this name."""
        for key in _keys(user):
            del self._keys[bisect_left(self._keys, key)]

    def find(self, prefix: str) -> Iterator[str]:
        """Yield the ids of users whose name or id begins so, some of them twice."""
        sought = prefix.casefold()
        for at in range(bisect_left(self._keys, (sought, "")), len(self._keys)):
            key, user_id = self._keys[at]
            if not key.startswith(sought):
                return
            yield user_id


def _keys(user: User) -> set[tuple[str, str]]:
    return {(name.casefold(), user.id) for name in (user.id, user.name) if "@" not in name}
