"""Rooms: which members a room has, and which rooms a member is in.

Two dictionaries are kept as mirror images: room -> members and member -> rooms. The collections in
them are dictionaries without values, because a dictionary remembers the order of insertion and a
set does not: a broadcast reaches the members in the order in which they joined, in every run. A
collection of one item is kept as that item: each socket is in a room of its own, and most are in no
other. Dictionaries for these would take a twentieth of a connection's memory. A room that is named
as its only member is not kept among the rooms at all: the member's own rooms say everything. A room
exists as long as it has a member. A member exists from its first `add`, even to no room at all,
until `remove_all`: a socket that has left its last room still receives what is sent to the whole
namespace.

Every change is reported as a list of `(room, edge)`. The edge is true when the room came into
being (`add`) or ceased to exist (`remove`, `remove_all`), so that an adapter can announce
create-room and delete-room beside join-room and leave-room. Limits on the number and the names
of rooms are the caller's.
"""

from collections.abc import Collection, Hashable, Iterable
from typing import Any, Generic, TypeVar

from socketio_min.errors import UsageError

Item = TypeVar("Item", bound=Hashable)
Member = TypeVar("Member", bound=Hashable)

_NOTHING: dict[Any, None] = {}

RoomNames = str | Iterable[str]


def room_names(rooms: RoomNames) -> tuple[str, ...]:
    """Return one room's name, or several, as a tuple.

    Raises:
        UsageError: a name is no `str`.
    """
    try:
        names = (rooms,) if isinstance(rooms, str) else tuple(rooms)
    except TypeError:
        raise UsageError(f"got {rooms!r} as the name of a room, expected a str") from None
    for name in names:
        if not isinstance(name, str):
            raise UsageError(f"got {name!r} as the name of a room, expected a str")
    return names


class Rooms(Generic[Member]):
    """A registry of rooms (by name) and their members (anything hashable)."""

    __slots__ = ("_members", "_rooms")

    def __init__(self) -> None:
        self._members: dict[str, Member | dict[Member, None]] = {}
        self._rooms: dict[Member, str | dict[str, None]] = {}

    def add(self, member: Member, rooms: Iterable[str]) -> list[tuple[str, bool]]:
        """Put `member` into `rooms`; return `(room, created)` for each room it was not in before.

        With no rooms the member only becomes known to `select`.
        """
        joined = self._rooms.get(member, _NOTHING)
        changes = []
        for room in rooms:
            if room in _collection(joined):
                continue
            joined = _with(joined, room)
            members: Any = self._members.get(room)
            if members is None and room != member and self._has_own(room):
                # The socket that the room is named as is no longer alone in it.
                members = room
            changes.append((room, members is None))
            if members is not None:
                self._members[room] = _with(members, member)
            elif room != member:
                self._members[room] = member
        self._rooms[member] = joined
        return changes

    def remove(self, member: Member, room: str) -> list[tuple[str, bool]]:
        """Take `member` out of `room`; return `[(room, emptied)]`, or `[]` if it was not in it."""
        joined = self._rooms.get(member, _NOTHING)
        if room not in _collection(joined):
            return []
        if isinstance(joined, dict):
            del joined[room]
        else:
            self._rooms[member] = _NOTHING
        return [(room, self._leave(member, room))]

    def remove_all(self, member: Member) -> list[tuple[str, bool]]:
        """Forget `member`; return `(room, emptied)` for each room it was in."""
        joined = _collection(self._rooms.pop(member, _NOTHING))
        return [(room, self._leave(member, room)) for room in joined]

    def members(self, room: str) -> Collection[Member]:
        """Return the members of `room` in the order in which they joined.

        The caller copies the result, which may be a live view.
        """
        members: Any = self._members.get(room)
        if members is not None:
            return _collection(members)
        own: Any = room
        return (own,) if self._has_own(room) else ()

    def rooms(self, member: Member) -> Collection[str]:
        """Return the rooms of `member` in the order in which it joined them.

        The caller copies the result, which may be a live view.
        """
        return _collection(self._rooms.get(member, _NOTHING))

    def names(self) -> tuple[str, ...]:
        """Return the names of all rooms; a copy."""
        known: Any = self._rooms
        own = (one for one in known if one not in self._members and self._has_own(one))
        return (*own, *self._members)

    def select(
        self, rooms: Collection[str] = (), except_: Collection[str] = ()
    ) -> Collection[Member]:
        """Select the members of at least one of `rooms` (all, if `rooms` is empty) and of none of
        `except_`.

        The result has each member once, in the order of `rooms` and of joining. It is a copy, so
        the registry may change while it is iterated; copying the keys of a room costs about 4 ns a
        member.
        """
        if not rooms:
            chosen: Collection[Member] = self._rooms
        elif len(rooms) == 1:
            (room,) = rooms
            chosen = self.members(room)
        else:
            chosen = {member: None for room in rooms for member in self.members(room)}
        if not except_:
            return tuple(chosen)
        # Copy and take away: nearly every broadcast leaves out one member, its sender.
        remaining = dict.fromkeys(chosen)
        for room in except_:
            for member in self.members(room):
                remaining.pop(member, None)
        return tuple(remaining)

    def _has_own(self, room: str) -> bool:
        """Return whether a room is named as a member that is in it."""
        owner: Any = room
        joined = self._rooms.get(owner)
        return joined is not None and room in _collection(joined)

    def _leave(self, member: Member, room: str) -> bool:
        members = self._members.get(room)
        if members is None:
            # The own room of a member that was alone in it.
            return True
        if isinstance(members, dict):
            del members[member]
            if members:
                return False
        del self._members[room]
        return True


def _collection(kept: Item | dict[Item, None]) -> Collection[Item]:
    """Return a collection that may be kept in its short form, as its only item."""
    return kept if isinstance(kept, dict) else (kept,)


def _with(kept: Item | dict[Item, None], item: Item) -> Item | dict[Item, None]:
    """Return a collection with `item` added; in the short form if that is the only item."""
    if not isinstance(kept, dict):
        return {kept: None, item: None}
    if kept is _NOTHING:
        return item
    kept[item] = None
    return kept
