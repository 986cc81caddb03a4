"""A lock on a file, and the rules of who may hold which lock beside which others.

The rules are the same wherever the locks are kept: in memory, or in a database that several servers
share. The lock of a lost connection is an orphan: its user may take it over on another connection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from server.api.errors import Code, EventError
from server.api.records import Lock, LockType, User

MAX_LOCKS: Final = 100
"""Locks that one user may hold."""

GRANTS_OF_A_START: Final = 2**30
"""The tokens of one start of a server that keeps its locks in memory. JavaScript counts exactly up
to 2**53: 8 million starts with 1000 million grants each."""


@dataclass(frozen=True, slots=True)
class Held:
    """A lock of a socket of a user."""

    project_id: str
    path: str
    lock_type: LockType
    user: User
    socket_id: str
    token: int
    acquired_at: str
    orphaned: bool = False

    @property
    def record(self) -> Lock:
        """Return what clients see of the lock."""
        return Lock(
            file_path=self.path,
            lock_type=self.lock_type,
            user=self.user,
            token=self.token,
            acquired_at=self.acquired_at,
            orphaned=self.orphaned,
        )


class Grant(NamedTuple):
    """The lock that was granted, whether it is new, and the orphans that it has replaced."""

    held: Held
    is_new: bool
    replaced: list[Held]


class Compatible(NamedTuple):
    """No lock of somebody else is in the way of a new lock on a file.

    own: the lock that the socket holds on the file already. replaced: the user's orphans, which the
    new lock would replace.
    """

    own: Held | None
    replaced: list[Held]


def check_compatible(
    holders: Collection[Held], lock_type: LockType, user: User, socket_id: str
) -> Compatible:
    """Let a user's socket get a lock on a file that has the locks `holders`.

    Raises:
        EventError: somebody else's lock is in the way (`FILE_LOCKED`).
    """
    own = _own(holders, socket_id)
    if own is not None and own.lock_type == lock_type:
        return Compatible(own, [])
    for one in holders:
        is_free = one is own or (one.orphaned and one.user == user)
        if not is_free and "exclusive" in (one.lock_type, lock_type):
            raise refusal(one)
    replaced = [one for one in holders if one is not own and one.orphaned and one.user == user]
    return Compatible(own, replaced)


def check_count(count: int, holds: str) -> None:
    """Let a user who holds `count` locks have another one. `holds` begins the message: "you hold".

    Raises:
        EventError: the user holds `MAX_LOCKS` (`RATE_LIMIT_EXCEEDED`).
    """
    if count >= MAX_LOCKS:
        raise EventError(
            Code.RATE_LIMIT_EXCEEDED,
            f"{holds} {MAX_LOCKS} locks, the most allowed: unlock a file first",
        )


def check_others(holders: Iterable[Held], socket_id: str) -> None:
    """Let a socket change files that have the locks `holders`.

    Raises:
        EventError: another socket holds one of them (`FILE_LOCKED`).
    """
    for held in holders:
        if held.socket_id != socket_id:
            raise refusal(held)


def check_token(holders: Iterable[Held], path: str, socket_id: str, token: int | None) -> None:
    """Let a socket change a file if `token` is None, or that of the socket's own lock among
    `holders`.

    Raises:
        EventError: the token is not that of the socket's lock (`FILE_LOCKED`).
    """
    if token is None:
        return
    own = _own(holders, socket_id)
    if own is None or own.token != token:
        raise EventError(
            Code.FILE_LOCKED,
            f"file {path!r}: the lock with the token {token} is gone: lock it again",
        )


def check_edit(holders: Iterable[Held], socket_id: str) -> None:
    """Let a socket edit a file that has the locks `holders`, together with others.

    Raises:
        EventError: another socket holds an exclusive lock (`FILE_LOCKED`).
    """
    # A shared lock only keeps exclusive ones out.
    held = exclusive_among(holders)
    if held is not None and held.socket_id != socket_id:
        raise refusal(held)


def exclusive_among(holders: Iterable[Held]) -> Held | None:
    """Return the exclusive lock among these locks on a file, None if there is none."""
    return next((held for held in holders if held.lock_type == "exclusive"), None)


def _own(holders: Iterable[Held], socket_id: str) -> Held | None:
    """Return the lock among these that a socket holds, None if it holds none."""
    return next((held for held in holders if held.socket_id == socket_id), None)


def refusal(held: Held) -> EventError:
    """Return the error for whoever is refused because of this lock. It names the holder."""
    # "on another connection": the holder may be the same user.
    where = (
        ", whose connection is lost: that user may lock it again, others wait for file:unlocked"
        if held.orphaned
        else " on another connection: wait for file:unlocked"
    )
    return EventError(
        Code.FILE_LOCKED,
        f"file {held.path!r} is locked by {held.user.name!r}{where}",
        {"holder": {"id": held.user.id, "name": held.user.name}, "lockType": held.lock_type},
    )
