"""The rooms that one socket was in, at each number of the log of events.

Recovery sends the events that the socket missed, no more and no fewer. The socket's last rooms do
not tell which these are: an event may have gone to one of them before the socket joined it, or to
another room before the socket left that. So for each room the number is kept after which the socket
was in it, and rooms that were left are remembered until a client can no longer ask for their
events.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator

# The most stays in former rooms that are remembered.
MAX_STAYS = 1_000


class RoomHistory:
    """The rooms of one socket in the course of time. The number of a change is that of the last
    event before it.
    """

    __slots__ = ("_joined", "_left", "_stays", "begun", "floor", "present")

    def __init__(self, begun: int) -> None:
        # The socket exists after this number.
        self.begun = begun
        # Room -> the number that it was joined after.
        self._joined: dict[str, int] = {}
        # Room -> its former stays (after, until), in order; they do not overlap.
        self._left: dict[str, list[tuple[int, int]]] = {}
        self._stays = 0
        # The socket has been in its namespace after this number, None as long as it has not.
        self.present: int | None = None
        # It is not known any more which events up to this number the socket got.
        self.floor = 0

    def enter(self, number: int) -> None:
        """Note that the socket is in its namespace: from now on it gets the events of its rooms."""
        if self.present is None:
            self.present = number
            self._joined = dict.fromkeys(self._joined, number)

    def join(self, room: str, number: int) -> None:
        """Note that the socket has joined a room."""
        self._joined.setdefault(room, number)

    def leave(self, room: str, number: int) -> None:
        """Note that the socket has left a room."""
        after = self._joined.pop(room, number)
        if after < number and self.present is not None:
            self._left.setdefault(room, []).append((after, number))
            self._stays += 1
            if self._stays > MAX_STAYS:
                self._forget_half()

    def _forget_half(self) -> None:
        ends = sorted(until for stays in self._left.values() for _, until in stays)
        self.floor = ends[len(ends) // 2]
        kept = {
            room: [stay for stay in stays if stay[1] > self.floor]
            for room, stays in self._left.items()
        }
        self._left = {room: stays for room, stays in kept.items() if stays}
        self._stays = sum(map(len, self._left.values()))

    def rooms_since(self, number: int) -> Iterator[str]:
        """Yield the rooms in which the socket was at any time after `number`."""
        yield from self._joined
        for room, stays in self._left.items():
            if stays[-1][1] > number and room not in self._joined:
                yield room

    def received(self, number: int, rooms: Collection[str], except_: Collection[str]) -> bool:
        """Return whether an event of that number was for this socket."""
        if self.present is None or number <= self.present:
            return False
        if rooms and not any(self._was_in(room, number) for room in rooms):
            return False
        return not any(self._was_in(room, number) for room in except_)

    def _was_in(self, room: str, number: int) -> bool:
        after = self._joined.get(room)
        if after is not None and after < number:
            return True
        stays = self._left.get(room)
        if stays is None:
            return False
        place = bisect_left(stays, (number,)) - 1
        return place >= 0 and number <= stays[place][1]
