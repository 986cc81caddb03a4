"""One account of the bytes that a server holds for its connections.

A connection holds what has come of incomplete messages, what waits for its turn, what handlers work
on, and what its peer has not taken. Each connection has limits of its own for these; thousands
within their rights would fill the memory all the same. So the bytes are counted here for each
connection, for its address and its user, and for all together. Above a limit the connection that
holds most is closed, whichever asks for more. Otherwise a few could hold all that there is, and all
others would lose connections for a message that comes in two reads.

64 KiB of each connection are free. A connection that holds no more is in no sum and is never closed
for it, so a crowd of small ones costs nobody a connection, and each costs two additions.

What handlers work on cannot be taken from them. A connection that has gone is out of the sum of
all, so that it costs no other its place. It stays in the sums of its address and user until its
handlers end: a client gains nothing by coming back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Final, Protocol

# Bytes that are free for each holder, however much the others hold.
FREE: Final = 65_536

# Who owns a holder's bytes besides the holder itself: "address" or "user", and its name.
Owner = tuple[str, str]


class Group:
    """The large holders of all, of one address or of one user, and what these hold together."""

    __slots__ = ("held", "holders", "limit", "option", "owner")

    def __init__(self, limit: float, option: str, owner: Owner | None = None) -> None:
        self.limit = limit
        self.option = option
        self.owner = owner
        self.held = 0
        # Those that can be let go.
        self.holders: dict[Holder, None] = {}


class Holder(Protocol):
    """What holds bytes. Both attributes are the account's to write: 0 and () at first."""

    held: int
    groups: tuple[Group, ...]

    def owners(self) -> Iterable[Owner]:
        """Return who owns the bytes besides the holder itself."""

    def let_go(self) -> None:
        """Drop all bytes that can be dropped, and end what they were held for."""


class Account:
    """Bytes held for all connections of a server.

    `limit` is for all together, `per_owner` for each address and each user by the kind of owner;
    `tell` gets a line for the log about each holder that goes.
    """

    __slots__ = ("_all", "_groups", "_leaving", "_per_owner", "_tell", "held")

    def __init__(
        self, limit: int, per_owner: dict[str, int], tell: Callable[[str], object]
    ) -> None:
        self._all = Group(limit, "max_held")
        self._leaving = Group(math.inf, "")
        self._per_owner = per_owner
        self._groups: dict[Owner | None, Group] = {}
        self._tell = tell
        # The bytes of all holders, those that are free included.
        self.held = 0

    def add(self, holder: Holder, size: int) -> None:
        """Count `size` bytes more for `holder`, or fewer if negative. Above a limit the largest
        holders let go; `holder` may be one of them.
        """
        self.held += size
        held = holder.held = holder.held + size
        if not holder.groups:
            if held <= FREE or size < 0:
                return
            self._enter(holder)
        elif held > FREE:
            for group in holder.groups:
                group.held += size
        else:
            self._leave(holder, held - size)
        if size > 0:
            for group in holder.groups:
                self._make_room(group)

    def move(self, holder: Holder) -> None:
        """Count what a holder holds for the owners that it has now."""
        if holder.groups and holder.groups[0] is self._all:
            self._leave(holder, holder.held)
            self._enter(holder)

    def __len__(self) -> int:
        """Return how many addresses and users have large holders."""
        return len(self._groups)

    def of(self, owner: Owner) -> int:
        """Return what the large holders of an address or a user hold together."""
        group = self._groups.get(owner)
        return 0 if group is None else group.held

    def _enter(self, holder: Holder) -> None:
        groups = [self._all]
        for owner in holder.owners():
            group = self._groups.get(owner)
            if group is None:
                kind = owner[0]
                group = Group(self._per_owner[kind], f"max_held_per_{kind}", owner)
                self._groups[owner] = group
            groups.append(group)
        holder.groups = tuple(groups)
        for group in groups:
            group.held += holder.held
            group.holders[holder] = None

    def _leave(self, holder: Holder, before: int) -> None:
        """Take a holder of `before` bytes out of every sum."""
        for group in holder.groups:
            group.held -= before
            group.holders.pop(holder, None)
            if not group.held:
                self._groups.pop(group.owner, None)
        holder.groups = ()

    def _make_room(self, group: Group) -> None:
        while group.held > group.limit and group.holders:
            largest = max(group.holders, key=_held)
            whose = "all connections" if group.owner is None else "the {} {!a}".format(*group.owner)
            self._tell(
                f"{group.held} bytes are held for {whose}, expected at most {group.limit} "
                f"({group.option}): the connection that holds {largest.held} of them is closed"
            )
            for each in largest.groups:
                del each.holders[largest]
            self._all.held -= largest.held
            self._leaving.held += largest.held
            largest.groups = (self._leaving, *largest.groups[1:])
            largest.let_go()


def _held(holder: Holder) -> int:
    return holder.held
