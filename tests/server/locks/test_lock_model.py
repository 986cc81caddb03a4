"""Locks in memory, and those that two servers share in a PostgreSQL, against a plain model.

Invariants:
- Nobody holds a lock that excludes another one on the same file, whichever server gave it.
- Every grant has a greater token than all before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, Protocol

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from server.api.errors import EventError
from server.api.records import Lock, LockType, Project, User
from server.locks.lock_table import Locks
from server.store import membership, nodes, postgres_locks
from server.store.connection import Connection
from server.store.lock_rules import Grant, Held, check_others
from server.store.postgres import Postgres
from tests.effort import examples
from tests.server.at_once import result
from tests.server.databases import undone

GRACE = 3_600.0


class Driver(Protocol):
    """Locks as the machine uses them."""

    def acquire(
        self, project_id: str, path: str, lock_type: LockType, user: User, socket_id: str
    ) -> Grant: ...
    def release(self, project_id: str, path: str, socket_id: str) -> Held | None: ...
    def orphan(self, socket_id: str) -> Sequence[Held]: ...
    def release_all(self, socket_id: str) -> Sequence[Held]: ...
    def withdraw(self, project_id: str, user_id: str | None) -> Sequence[Held]: ...
    def page(
        self, project_id: str, after: int = 0, limit: int | None = None
    ) -> tuple[list[Lock], int | None]: ...
    def check(self, project_id: str, paths: Sequence[str], socket_id: str) -> None: ...
    def check_all(self, project_id: str, socket_id: str) -> None: ...
    def undo(self) -> None: ...


class InMemory:
    """The locks of one server."""

    def __init__(self) -> None:
        self.locks = Locks()

    def acquire(
        self, project_id: str, path: str, lock_type: LockType, user: User, socket_id: str
    ) -> Grant:
        return result(self.locks.acquire(project_id, path, lock_type, user, socket_id))

    def release(self, project_id: str, path: str, socket_id: str) -> Held | None:
        return result(self.locks.release(project_id, path, socket_id))

    def orphan(self, socket_id: str) -> Sequence[Held]:
        return _told(lambda then: self.locks.orphan(socket_id, then))

    def release_all(self, socket_id: str) -> Sequence[Held]:
        return _told(lambda then: self.locks.release_all(socket_id, None, then))

    def withdraw(self, project_id: str, user_id: str | None) -> Sequence[Held]:
        return _told(lambda then: self.locks.withdraw(project_id, user_id, then))

    def page(
        self, project_id: str, after: int = 0, limit: int | None = None
    ) -> tuple[list[Lock], int | None]:
        return result(self.locks.page(project_id, after, limit))

    def check(self, project_id: str, paths: Sequence[str], socket_id: str) -> None:
        self.locks.check(None, project_id, paths, socket_id)

    def check_all(self, project_id: str, socket_id: str) -> None:
        self.locks.check_all(None, project_id, socket_id)

    def undo(self) -> None:
        pass


def _told(begin: Callable[[Callable[[Sequence[Held]], object]], None]) -> Sequence[Held]:
    told: list[Sequence[Held]] = []
    begin(told.append)
    return told[0]


class InRows:
    """The locks of two servers, each of which has two of the sockets."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._undone = undone(connection)
        self._undone.__enter__()
        for node in ("n1", "n2"):
            nodes.join(connection, node, "", 3_600.0)
        for project_id in ("p", "other"):
            project = Project(project_id, "", "", "web", [], "now", "now")
            membership.add_project(connection, project)

    def acquire(
        self, project_id: str, path: str, lock_type: LockType, user: User, socket_id: str
    ) -> Grant:
        node = "n1" if socket_id in "ac" else "n2"
        return postgres_locks.acquire(
            self.connection, node, GRACE, project_id, path, lock_type, user, socket_id
        )

    def release(self, project_id: str, path: str, socket_id: str) -> Held | None:
        return postgres_locks.release(self.connection, GRACE, project_id, path, socket_id)

    def orphan(self, socket_id: str) -> Sequence[Held]:
        return postgres_locks.orphan(self.connection, GRACE, socket_id)

    def release_all(self, socket_id: str) -> Sequence[Held]:
        return postgres_locks.release_all(self.connection, socket_id, None)

    def withdraw(self, project_id: str, user_id: str | None) -> Sequence[Held]:
        return postgres_locks.withdraw(self.connection, project_id, user_id)

    def page(
        self, project_id: str, after: int = 0, limit: int | None = None
    ) -> tuple[list[Lock], int | None]:
        return postgres_locks.page(self.connection, GRACE, project_id, after, limit)

    def check(self, project_id: str, paths: Sequence[str], socket_id: str) -> None:
        for path in paths:
            check_others(
                postgres_locks.of_file(self.connection, GRACE, project_id, path), socket_id
            )

    def check_all(self, project_id: str, socket_id: str) -> None:
        check_others(postgres_locks.of_project(self.connection, GRACE, project_id), socket_id)

    def undo(self) -> None:
        self._undone.__exit__(None, None, None)


USERS = [User("1", "1"), User("2", "2")]
SOCKETS = {"a": USERS[0], "b": USERS[0], "c": USERS[1], "d": USERS[1]}
PATHS = ["x", "y"]


class LockMachine(RuleBasedStateMachine):
    """Locks against a plain model: which socket holds what how."""

    def __init__(self, driver: Callable[[], Driver]) -> None:
        super().__init__()
        self.locks = driver()
        self.held: dict[tuple[str, str], tuple[LockType, bool]] = {}
        self.last_token = 0

    @rule(
        socket=st.sampled_from(sorted(SOCKETS)),
        path=st.sampled_from(PATHS),
        lock_type=st.sampled_from(["exclusive", "shared"]),
    )
    def acquire(self, socket: str, path: str, lock_type: LockType) -> None:
        user = SOCKETS[socket]
        if self.held.get((socket, path), ("", False))[1]:
            return  # That socket is gone.
        others = {
            other: kind
            for (other, where), (kind, orphaned) in self.held.items()
            if where == path and other != socket and not (orphaned and SOCKETS[other] == user)
        }
        denied = others and (lock_type == "exclusive" or "exclusive" in others.values())
        if denied:
            with pytest.raises(EventError, match="is locked by"):
                self.locks.acquire("p", path, lock_type, user, socket)
            return
        held, is_new, replaced = self.locks.acquire("p", path, lock_type, user, socket)
        gone = set()
        if is_new:
            assert held.token > self.last_token
            self.last_token = held.token
            for other in SOCKETS:
                kept = self.held.get((other, path))
                if kept and kept[1] and SOCKETS[other] == user:
                    del self.held[other, path]
                    gone.add(other)
        assert {one.socket_id for one in replaced} == gone
        self.held[socket, path] = (lock_type, False)

    @rule(socket=st.sampled_from(sorted(SOCKETS)), path=st.sampled_from(PATHS))
    def release(self, socket: str, path: str) -> None:
        mine = self.held.pop((socket, path), None)
        if mine is None and any(where == path for _, where in self.held):
            with pytest.raises(EventError, match="is locked by"):
                self.locks.release("p", path, socket)
        else:
            released = self.locks.release("p", path, socket)
            assert (released is not None) == (mine is not None)

    @rule(socket=st.sampled_from(sorted(SOCKETS)))
    def orphan(self, socket: str) -> None:
        self.locks.orphan(socket)
        for key in self.held:
            if key[0] == socket:
                self.held[key] = (self.held[key][0], True)

    @rule(socket=st.sampled_from(sorted(SOCKETS)))
    def grace_over(self, socket: str) -> None:
        released = {held.path for held in self.locks.release_all(socket)}
        mine = {path for one, path in self.held if one == socket}
        assert released == mine
        for path in mine:
            del self.held[socket, path]

    @rule(user=st.sampled_from([None, "1", "2"]))
    def withdraw(self, user: str | None) -> None:
        mine = {key for key in self.held if user in (None, SOCKETS[key[0]].id)}
        withdrawn = self.locks.withdraw("p", user)
        assert {(held.socket_id, held.path) for held in withdrawn} == mine
        assert self.locks.withdraw("other", user) == []
        for key in mine:
            del self.held[key]

    @invariant()
    def nobody_is_in_anybodys_way(self) -> None:
        shown, last = self.locks.page("p")
        assert last is None
        assert [lock.token for lock in shown] == sorted(lock.token for lock in shown)
        for size in (1, 2):
            paged, after = self.locks.page("p", 0, size)
            while after is not None:
                more, after = self.locks.page("p", after, size)
                paged += more
            assert paged == shown
        assert sorted((lock.file_path, lock.lock_type, lock.orphaned) for lock in shown) == sorted(
            (path, kind, orphaned) for (_, path), (kind, orphaned) in self.held.items()
        )
        for path in PATHS:
            kinds = [lock.lock_type for lock in shown if lock.file_path == path]
            assert len(kinds) <= 1 or set(kinds) == {"shared"}

    @rule(socket=st.sampled_from(sorted(SOCKETS)), path=st.sampled_from(PATHS))
    def check(self, socket: str, path: str) -> None:
        others: Any = [one for one, where in self.held if where == path and one != socket]
        try:
            self.locks.check("p", [path], socket)
        except EventError:
            assert others
        else:
            assert not others

    @rule(socket=st.sampled_from(sorted(SOCKETS)))
    def check_all(self, socket: str) -> None:
        others: Any = [one for one, _ in self.held if one != socket]
        self.locks.check_all("other", socket)
        try:
            self.locks.check_all("p", socket)
        except EventError:
            assert others
        else:
            assert not others

    def teardown(self) -> None:
        self.locks.undo()


def run(driver: Callable[[], Driver], thorough: int) -> None:
    class Machine(LockMachine):
        def __init__(self) -> None:
            super().__init__(driver)

    run_state_machine_as_test(
        Machine,
        settings=settings(max_examples=examples(thorough), stateful_step_count=30, deadline=None),
    )


def test_locks_in_memory() -> None:
    run(InMemory, 30)


@pytest.fixture
def shared(postgres: Postgres) -> Iterator[Connection]:
    with closing(postgres.connect()) as connection:
        yield connection


def test_locks_that_two_servers_share(shared: Connection) -> None:
    run(lambda: InRows(shared), 10)
