"""The locks on files, as the server has them in memory: who holds which, and who may have one.

A lock belongs to one socket of one user. When the connection is lost, its locks are orphans, which
the same user may take over from another connection. Whether and when they are released is for the
caller to say.

Every grant has a greater token than all before it, also across restarts: the upper digits count the
server's starts, the lower ones the grants since. A change that names a token that is not the
present one is refused, whoever holds the lock, so a client that slept through the loss of its lock
overwrites nothing ("fencing").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, NamedTuple

from server.api.envelope import timestamp
from server.api.errors import Code, EventError
from server.api.paths import is_within, moved
from server.api.records import Lock, LockType, User

MAX_LOCKS: Final = 100
"""Locks that one user may hold."""

# JavaScript counts exactly up to 2**53: 8 million starts with 1000 million grants each.
_GRANTS_OF_A_START: Final = 2**30


@dataclass(frozen=True, slots=True)
class Held:
    """A lock as the table has it."""

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
    """A lock; whether it is a new one; the user's locks from lost connections that it replaces."""

    held: Held
    is_new: bool
    replaced: list[Held]


class Locks:
    """The locks of an application. `ended(held)` is called for each that is released, or whose
    holder's connection is lost.
    """

    def __init__(self, ended: Callable[[Held], object] = lambda _: None) -> None:
        self._ended = ended
        self._counts: Counter[str] = Counter()
        self._token = 0
        # By file and socket, by project and token, and where to find those of a socket. Tokens only
        # grow, so the locks of a project are in their order.
        self._files: dict[tuple[str, str], dict[str, Held]] = {}
        self._projects: dict[str, dict[int, Held]] = {}
        self._sockets: dict[str, set[tuple[str, str]]] = {}

    def begin(self, start: int) -> None:
        """Make tokens greater, from now on, than those of earlier starts."""
        self._token = start * _GRANTS_OF_A_START

    def acquire(
        self, project_id: str, path: str, lock_type: LockType, user: User, socket_id: str
    ) -> Grant:
        """Lock a file.

        Raises:
            EventError: somebody else holds it (`FILE_LOCKED`), or the user holds too many.
        """
        key = (project_id, path)
        held = self._files.get(key, {})
        own = held.get(socket_id)
        if own is not None and own.lock_type == lock_type:
            return Grant(own, False, [])
        in_the_way = [
            one
            for one in held.values()
            if one is not own
            and not (one.orphaned and one.user == user)
            and "exclusive" in (one.lock_type, lock_type)
        ]
        if in_the_way:
            raise refusal(in_the_way[0])
        replaced = [one for one in held.values() if one.orphaned and one.user == user]
        if own is None and not replaced:
            self._check_count(user, "you hold")
        for orphan in replaced:
            self._remove(orphan)
        granted = self._grant(project_id, path, lock_type, user, socket_id)
        return Grant(granted, True, replaced)

    def release(self, project_id: str, path: str, socket_id: str) -> Held | None:
        """Release a socket's lock on a file and return it; None if nobody holds one.

        Raises:
            EventError: only others hold locks on the file (`FILE_LOCKED`).
        """
        holders = self._files.get((project_id, path), {})
        own = holders.get(socket_id)
        if own is not None:
            self._remove(own)
        elif holders:
            raise refusal(next(iter(holders.values())))
        return own

    def exclusive(self, project_id: str, path: str) -> Held | None:
        """Return the exclusive lock on a file, None if there is none."""
        holders = self._files.get((project_id, path), {}).values()
        return next((held for held in holders if held.lock_type == "exclusive"), None)

    def of_token(self, project_id: str, token: int) -> Held | None:
        """Return the lock of this token, None if it is gone."""
        return self._projects.get(project_id, {}).get(token)

    def hand_over(self, held: Held, user: User, socket_id: str) -> Held:
        """Give the file of an exclusive lock to another user, with a lock of a new token; nobody
        else gets it in between.

        Raises:
            EventError: the user holds too many (`RATE_LIMIT_EXCEEDED`).
        """
        self._check_count(user, f"{user.name!r} holds")
        self._remove(held)
        return self._grant(held.project_id, held.path, held.lock_type, user, socket_id)

    def release_all(self, socket_id: str, project_id: str | None = None) -> list[Held]:
        """Release a socket's locks, in one project or in all. Return them."""
        released = self._of_socket(socket_id, project_id)
        for held in released:
            self._remove(held)
        return released

    def withdraw(self, project_id: str, user_id: str | None = None) -> list[Held]:
        """Release all locks in a project, or those of one user. Return them."""
        withdrawn = [
            held
            for held in self._projects.get(project_id, {}).values()
            if user_id in (None, held.user.id)
        ]
        for held in withdrawn:
            self._remove(held)
        return withdrawn

    def orphan(self, socket_id: str) -> list[Held]:
        """Let the locks of a socket that is gone wait for their user. Return these locks."""
        orphans = [replace(held, orphaned=True) for held in self._of_socket(socket_id)]
        for held in orphans:
            self._put(held)
            self._ended(held)
        return orphans

    def page(
        self, project_id: str, after: int = 0, limit: int | None = None
    ) -> tuple[list[Lock], int | None]:
        """Return the first locks of a project whose tokens are greater than `after`, by token, and
        the last token if there are more.
        """
        later = (
            held for token, held in self._projects.get(project_id, {}).items() if token > after
        )
        found = [held.record for held in islice(later, limit)]
        more = next(later, None) is not None
        return found, found[-1].token if more else None

    def move(self, project_id: str, source: str, target: str) -> list[Held]:
        """Let the locks on a file, or on the files in a folder, follow it to another path. Return
        those that end instead: somebody has locked the other path meanwhile.
        """
        following = [
            (held, path)
            for held in self._projects.get(project_id, {}).values()
            if (path := moved(held.path, source, target)) is not None
        ]
        for held, _ in following:
            self._take_out(held)
        taken = {path for _, path in following if (project_id, path) in self._files}
        for held, path in following:
            if path in taken:
                self._ended(held)
            else:
                self._put(replace(held, path=path))
        if project_id in self._projects:
            # By token, as ever.
            self._projects[project_id] = dict(sorted(self._projects[project_id].items()))
        return [held for held, path in following if path in taken]

    def check_within(self, project_id: str, paths: Collection[str], socket_id: str) -> None:
        """Let a socket change files, and all in folders, of these paths. The database's thread asks
        as well.

        Raises:
            EventError: somebody else holds a lock on one (`FILE_LOCKED`).
        """
        for held in self._projects.get(project_id, {}).copy().values():
            if held.socket_id != socket_id and is_within(held.path, paths):
                raise refusal(held)

    def check_all(self, project_id: str, socket_id: str) -> None:
        """Let a socket change all files of a project. The database's thread asks as well.

        Raises:
            EventError: somebody else holds a lock (`FILE_LOCKED`).
        """
        # Copied at once: the loop's thread may be changing it.
        for held in self._projects.get(project_id, {}).copy().values():
            if held.socket_id != socket_id:
                raise refusal(held)

    def check(
        self, project_id: str, paths: Iterable[str], socket_id: str, token: int | None = None
    ) -> None:
        """Let a socket change files. The database's thread asks as well, before it changes them.

        Raises:
            EventError: somebody else holds a lock on one, or the token is not that of the socket's
            lock (`FILE_LOCKED`).
        """
        for path in paths:
            holders = self._files.get((project_id, path), {}).copy()
            for held in holders.values():
                if held.socket_id != socket_id:
                    raise refusal(held)
            own = holders.get(socket_id)
            if token is not None and (own is None or own.token != token):
                raise EventError(
                    Code.FILE_LOCKED,
                    f"file {path!r}: the lock with the token {token} is gone: lock it again",
                )

    def check_edit(self, project_id: str, path: str, socket_id: str) -> None:
        """Let a socket edit a file together with others. The database's thread asks as well.

        Raises:
            EventError: somebody else holds an exclusive lock on it (`FILE_LOCKED`).
        """
        holders = self._files.get((project_id, path))
        # A shared lock only keeps exclusive ones out.
        for held in holders.copy().values() if holders else ():
            if held.lock_type == "exclusive" and held.socket_id != socket_id:
                raise refusal(held)

    def _of_socket(self, socket_id: str, project_id: str | None = None) -> list[Held]:
        keys = sorted(self._sockets.get(socket_id, ()))
        return [self._files[key][socket_id] for key in keys if project_id in (None, key[0])]

    def _put(self, held: Held) -> None:
        key = (held.project_id, held.path)
        holders = self._files.setdefault(key, {})
        before = holders.get(held.socket_id)
        if before is None:
            self._counts[held.user.id] += 1
        elif before.token != held.token:
            del self._projects[held.project_id][before.token]
        holders[held.socket_id] = held
        self._projects.setdefault(held.project_id, {})[held.token] = held
        self._sockets.setdefault(held.socket_id, set()).add(key)

    def _check_count(self, user: User, holds: str) -> None:
        if self._counts[user.id] >= MAX_LOCKS:
            raise EventError(
                Code.RATE_LIMIT_EXCEEDED,
                f"{holds} {MAX_LOCKS} locks, the most allowed: unlock a file first",
            )

    def _grant(
        self, project_id: str, path: str, lock_type: LockType, user: User, socket_id: str
    ) -> Held:
        self._token += 1
        granted = Held(
            project_id, path, lock_type, user, socket_id, self._token, acquired_at=timestamp()
        )
        self._put(granted)
        return granted

    def _remove(self, held: Held) -> None:
        self._take_out(held)
        self._ended(held)

    def _take_out(self, held: Held) -> None:
        key = (held.project_id, held.path)
        del self._files[key][held.socket_id]
        if not self._files[key]:
            del self._files[key]
        del self._projects[held.project_id][held.token]
        if not self._projects[held.project_id]:
            del self._projects[held.project_id]
        self._counts[held.user.id] -= 1
        if not self._counts[held.user.id]:
            del self._counts[held.user.id]
        self._sockets[held.socket_id].discard(key)
        if not self._sockets[held.socket_id]:
            del self._sockets[held.socket_id]


def refusal(held: Held) -> EventError:
    """Return the error for another connection than the holder's. It names the holder."""
    # The holder may be the same user: then this says where to look for the lock.
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
