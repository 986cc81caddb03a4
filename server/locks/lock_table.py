"""The locks on files in memory, where there is one server: see `LockKeeper`.

The upper digits of a token count the starts of the server, the lower ones the grants since the last
start. The database's thread reads these tables too, to check a change before it makes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from itertools import islice

from server.api.envelope import timestamp
from server.api.paths import moved
from server.api.records import Lock, LockType, User
from server.locks.lock_keeper import Then
from server.store.connection import Connection
from server.store.lock_rules import (
    GRANTS_OF_A_START,
    Grant,
    Held,
    check_compatible,
    check_count,
    check_edit,
    check_others,
    check_token,
    exclusive_among,
    refusal,
)
from server.store.store import Store


class Locks:
    """The locks of an application. `ended(held)` is called for each lock that is released, or whose
    holder's connection is lost.
    """

    def __init__(self, ended: Callable[[Held], object] = lambda _: None) -> None:
        self._ended = ended
        self._counts: Counter[str] = Counter()
        self._token = 0
        # The locks by file and socket; by project and token; and the files of each socket's locks.
        # Tokens only grow, so the locks of a project are in their order.
        self._files: dict[tuple[str, str], dict[str, Held]] = {}
        self._projects: dict[str, dict[int, Held]] = {}
        self._sockets: dict[str, set[tuple[str, str]]] = {}

    async def start(self, store: Store) -> None:
        """Make tokens greater, from now on, than those of earlier starts."""
        self._token = await store.count_start() * GRANTS_OF_A_START

    async def acquire(
        self, project_id: str, path: str, lock_type: LockType, user: User, socket_id: str
    ) -> Grant:
        """Lock a file; see `LockKeeper`."""
        holders = self._files.get((project_id, path), {}).values()
        own, replaced = check_compatible(holders, lock_type, user, socket_id)
        if own is not None and own.lock_type == lock_type:
            return Grant(own, False, [])
        if own is None and not replaced:
            check_count(self._counts[user.id], "you hold")
        for orphan in replaced:
            self._remove(orphan)
        granted = self._grant(project_id, path, lock_type, user, socket_id)
        return Grant(granted, True, replaced)

    async def release(self, project_id: str, path: str, socket_id: str) -> Held | None:
        """Release a lock; see `LockKeeper`."""
        holders = self._files.get((project_id, path), {})
        own = holders.get(socket_id)
        if own is not None:
            self._remove(own)
        elif holders:
            raise refusal(next(iter(holders.values())))
        return own

    async def exclusive(self, project_id: str, path: str) -> Held | None:
        """Return the exclusive lock on a file, None if there is none."""
        return exclusive_among(self._files.get((project_id, path), {}).values())

    async def of_token(self, project_id: str, token: int) -> Held | None:
        """Return the lock of this token, None if it is gone."""
        return self._projects.get(project_id, {}).get(token)

    async def hand_over(self, held: Held, user: User, socket_id: str) -> Held:
        """Give the file of a lock to another user; see `LockKeeper`."""
        check_count(self._counts[user.id], f"{user.name!r} holds")
        self._remove(held)
        return self._grant(held.project_id, held.path, held.lock_type, user, socket_id)

    def release_all(self, socket_id: str, project_id: str | None, then: Then) -> None:
        """Release a socket's locks; see `LockKeeper`."""
        released = self._of_socket(socket_id, project_id)
        for held in released:
            self._remove(held)
        then(released)

    def withdraw(self, project_id: str, user_id: str | None, then: Then) -> None:
        """Release the locks in a project; see `LockKeeper`."""
        withdrawn = [
            held
            for held in self._projects.get(project_id, {}).values()
            if user_id in (None, held.user.id)
        ]
        for held in withdrawn:
            self._remove(held)
        then(withdrawn)

    def orphan(self, socket_id: str, then: Then) -> None:
        """Let the locks of a socket that is gone wait for their user; see `LockKeeper`."""
        orphans = [replace(held, orphaned=True) for held in self._of_socket(socket_id)]
        for held in orphans:
            self._put(held)
            self._ended(held)
        then(orphans)

    async def page(
        self, project_id: str, after: int = 0, limit: int | None = None
    ) -> tuple[list[Lock], int | None]:
        """Return a page of a project's locks; see `LockKeeper`."""
        later = (
            held for token, held in self._projects.get(project_id, {}).items() if token > after
        )
        found = [held.record for held in islice(later, limit)]
        more = next(later, None) is not None
        return found, found[-1].token if more else None

    def moving(
        self, _connection: Connection, _project_id: str, _source: str, _target: str
    ) -> list[Held]:
        """Return nothing: the locks follow when the transaction has ended well; see
        `LockKeeper`.
        """
        return []

    def moved(
        self, project_id: str, source: str, target: str, _ended: Collection[Held]
    ) -> list[Held]:
        """Let locks follow to another path; see `LockKeeper`."""
        following = [
            (held, path)
            for held in self._within(project_id, [source])
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
        if following and project_id in self._projects:
            # In the order of the tokens, as before.
            self._projects[project_id] = dict(sorted(self._projects[project_id].items()))
        return [held for held, path in following if path in taken]

    def check(
        self,
        _connection: Connection | None,
        project_id: str,
        paths: Iterable[str],
        socket_id: str,
        token: int | None = None,
    ) -> None:
        """Let a socket change files; see `LockKeeper`."""
        for path in paths:
            # Copied at once, here and below: this is the database's thread, and the other one may
            # change it.
            holders = self._files.get((project_id, path), {}).copy().values()
            check_others(holders, socket_id)
            check_token(holders, path, socket_id, token)

    def check_within(
        self,
        _connection: Connection | None,
        project_id: str,
        paths: Collection[str],
        socket_id: str,
    ) -> None:
        """Let a socket change files and folders; see `LockKeeper`."""
        check_others(self._within(project_id, paths), socket_id)

    def check_all(self, _connection: Connection | None, project_id: str, socket_id: str) -> None:
        """Let a socket change all files of a project; see `LockKeeper`."""
        check_others(self._projects.get(project_id, {}).copy().values(), socket_id)

    def check_edit(
        self, _connection: Connection | None, project_id: str, path: str, socket_id: str
    ) -> None:
        """Let a socket edit a file together with others; see `LockKeeper`."""
        holders = self._files.get((project_id, path))
        if holders:
            check_edit(holders.copy().values(), socket_id)

    def lease_lost(self) -> list[Held]:
        """Return nothing: a single server has no lease; see `LockKeeper`."""
        return []

    async def close(self) -> None:
        """Do nothing: no change is under way; see `LockKeeper`."""

    def _within(self, project_id: str, paths: Collection[str]) -> Iterator[Held]:
        """Yield the locks on files at these paths, or in folders at them. All locks of the project
        are looked at: 10,000 take 2 ms.
        """
        there, inside = frozenset(paths), tuple(f"{path}/" for path in paths)
        for held in self._projects.get(project_id, {}).copy().values():
            if held.path in there or held.path.startswith(inside):
                yield held

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
