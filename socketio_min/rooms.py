"""Rooms: who is in which room, readable from both sides.

Two dictionaries, kept as mirror images: room -> members and member -> rooms. The inner
collections are dictionaries without values, because a dictionary remembers the order of insertion
and a set does not: a broadcast reaches the members in the order in which they joined, in every
run. Rooms exist as long as they have a member. Members exist from their first `add`, even to no
room at all, until `remove_all`: a socket that has left its last room still receives what is
sent to the whole namespace.

Every change is reported as a list of `(room, edge)`. The edge is true when the room came into
being (`add`) or ceased to exist (`remove`, `remove_all`), so that an adapter can announce
create-room and delete-room beside join-room and leave-room. Limits on the number and the names
of rooms are the caller's.
"""

from collections.abc import Collection, Hashable, Iterable, KeysView
from typing import Generic, TypeVar

Member = TypeVar("Member", bound=Hashable)


class Rooms(Generic[Member]):
    """A registry of rooms (by name) and their members (anything hashable)."""

    __slots__ = ("_members", "_rooms")

    def __init__(self) -> None:
        self._members: dict[str, dict[Member, None]] = {}
        self._rooms: dict[Member, dict[str, None]] = {}

    def add(self, member: Member, rooms: Iterable[str]) -> list[tuple[str, bool]]:
        """Put `member` into `rooms`; return `(room, created)` for each room it was not in before.

        With no rooms the member only becomes known to `select`.
        """
        joined = self._rooms.setdefault(member, {})
        changes = []
        for room in rooms:
            if room in joined:
                continue
            joined[room] = None
            members = self._members.get(room)
            changes.append((room, members is None))
            if members is None:
                self._members[room] = {member: None}
            else:
                members[member] = None
        return changes

    def remove(self, member: Member, room: str) -> list[tuple[str, bool]]:
        """Take `member` out of `room`; return `[(room, emptied)]`, or `[]` if it was not in it."""
        joined = self._rooms.get(member)
        if joined is None or room not in joined:
            return []
        del joined[room]
        return [(room, self._leave(member, room))]

    def remove_all(self, member: Member) -> list[tuple[str, bool]]:
        """Forget `member`; return `(room, emptied)` for each room it was in."""
        return [(room, self._leave(member, room)) for room in self._rooms.pop(member, ())]

    def members(self, room: str) -> KeysView[Member]:
        """The members of `room`, in the order they joined: a live view, copy it to keep it."""
        return self._members.get(room, {}).keys()

    def rooms(self, member: Member) -> KeysView[str]:
        """The rooms of `member`, in the order it joined: a live view, copy it to keep it."""
        return self._rooms.get(member, {}).keys()

    def select(
        self, rooms: Collection[str] = (), except_: Collection[str] = ()
    ) -> Collection[Member]:
        """Each member of at least one of `rooms` (of all, if `rooms` is empty) and of no `except_`.

        Every member once, in the order of `rooms` and of joining. The result is a copy, so the
        registry may change while it is iterated; for one room it costs one copy of its keys
        (about 4 ns a member).
        """
        if not rooms:
            chosen: Collection[Member] = self._rooms
        elif len(rooms) == 1:
            (room,) = rooms
            chosen = self._members.get(room, {})
        else:
            chosen = {member: None for room in rooms for member in self._members.get(room, ())}
        if not except_:
            return tuple(chosen)
        # Copy and take away: nearly every broadcast leaves out one member, its sender.
        remaining = dict.fromkeys(chosen)
        for room in except_:
            for member in self._members.get(room, ()):
                remaining.pop(member, None)
        return tuple(remaining)

    def _leave(self, member: Member, room: str) -> bool:
        members = self._members[room]
        del members[member]
        if members:
            return False
        del self._members[room]
        return True
