"""What a directory has of a project: two servers mirror it by turns, and die in between.

Invariants:
- In the end the directory has what the project has.
- Whatever a client has saved, and whatever a program has left in the directory, is there or in the
  history of the file; no change of a program is taken over twice.
- A server that does not mirror any more changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from server.api.records import Project
from server.store import contents, files, membership, mirrored, project_files
from server.store.connection import Connection
from server.store.documents import Documents
from server.store.mirrored import Compared, OtherMirror
from server.store.postgres import Postgres
from server.store.taking_over import take_over
from server.workspace.mirrored_project import PROGRAM, PROJECT_ID
from tests.effort import examples
from tests.server.databases import undone

NODES = ("n1", "n2")
PATHS = ("a", "b")
TEXTS = ("", "one", "two", None)


def hash_of(text: str | None) -> str:
    return "" if text is None else contents.digest(text)


class Plan(NamedTuple):
    """What a server is in the middle of; `written` is what it has not noted yet."""

    found: dict[str, str | None]
    compared: Compared
    written: dict[str, str]


class TwoMirrors(RuleBasedStateMachine):
    """A directory is a dictionary here."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection
        self._undone = undone(connection)
        self._undone.__enter__()
        membership.add_project(connection, Project(PROJECT_ID, "P", "", "web", [], "", ""))
        self.directory: dict[str, str | None] = {"a": "one"}
        self.mirror = ""
        self.plans: dict[str, Plan] = {}
        # What must be there in the end, or in the history; and what programs have changed, which no
        # server has looked at yet.
        self.kept: set[tuple[str, str]] = set()
        self.unseen: dict[str, str | None] = {"a": "one"}
        self.programs, self.taken = 1, 0
        self.begin("n1")

    # -- clients and programs

    @rule(path=st.sampled_from(PATHS), text=st.sampled_from(TEXTS))
    def client(self, path: str, text: str | None) -> None:
        if text is not None:
            project_files.write(self.connection, PROJECT_ID, path, text, user_id="ada", now="now")
            self.kept.add((path, text))
        elif files.differs(self.connection, PROJECT_ID, path, None):
            project_files.delete(self.connection, PROJECT_ID, path)

    @rule(path=st.sampled_from(PATHS), text=st.sampled_from(TEXTS))
    def program(self, path: str, text: str | None) -> None:
        if self.directory.get(path) != text:
            self.directory[path] = self.unseen[path] = text
            self.programs += 1

    # -- servers

    @rule(node=st.sampled_from(NODES))
    def begin(self, node: str) -> None:
        mirrored.begin(self.connection, PROJECT_ID, node)
        self.mirror = node
        self.plans.pop(node, None)

    @rule(node=st.sampled_from(NODES))
    def compare(self, node: str) -> None:
        found = {path: self.directory.get(path) for path in PATHS}
        hashes = {path: hash_of(text) for path, text in found.items()}
        try:
            compared = mirrored.compare(self.connection, PROJECT_ID, node, hashes, ())
        except OtherMirror:
            assert node != self.mirror
            return
        assert node == self.mirror
        self.plans[node] = Plan(found, compared, {})

    @rule(node=st.sampled_from(NODES))
    def take_over(self, node: str) -> None:
        plan = self.plans.get(node)
        if plan is None:
            return
        try:
            mirrored.check(self.connection, PROJECT_ID, node)
        except OtherMirror:
            return
        outside = {path: plan.found[path] for path in plan.compared.outside}
        mirrored.note(self.connection, {path: hash_of(text) for path, text in outside.items()})
        take_over(self.connection, Documents(), PROJECT_ID, outside, PROGRAM, "now")
        for path, text in outside.items():
            self.taken += 1
            if text is not None:
                self.kept.add((path, text))
            if path in self.unseen and self.unseen[path] == text:
                del self.unseen[path]
        plan.compared.outside.clear()

    @rule(node=st.sampled_from(NODES), lost=st.booleans())
    def write(self, node: str, lost: bool) -> None:
        """Write what is wanted, and note it unless that is `lost`."""
        plan = self.plans.get(node)
        # It looks whether it has the task still.
        if plan is None or node != self.mirror:
            return
        for path, wanted in plan.compared.inside.items():
            if hash_of(self.directory.get(path)) == hash_of(plan.found[path]):
                [self.directory[path]] = [one for one in TEXTS if hash_of(one) == wanted]
                if not lost:
                    mirrored.note(self.connection, {path: wanted})
        del self.plans[node]

    # -- the end

    def teardown(self) -> None:
        self.begin("n1")
        for _ in range(3):
            self.compare("n1")
            self.take_over("n1")
            self.write("n1", False)
        there = {path: project_files.file(self.connection, PROJECT_ID, path) for path in PATHS}
        for path, file in there.items():
            assert hash_of(self.directory.get(path)) == (file.hash if file else "")
        assert mirrored.differing(self.connection, PROJECT_ID, "", 10) == []
        history = self.connection.execute("SELECT path, hash FROM saves").fetchall()
        for path, text in self.kept:
            assert (path, hash_of(text)) in history
        assert self.taken <= self.programs
        self._undone.__exit__(None, None, None)


@pytest.fixture
def shared_connection(postgres: Postgres) -> Iterator[Connection]:
    with closing(postgres.connect()) as connection:
        yield connection


def test_two_servers_mirror_a_directory_by_turns(shared_connection: Connection) -> None:
    class Machine(TwoMirrors):
        def __init__(self) -> None:
            super().__init__(shared_connection)

    run_state_machine_as_test(
        Machine,
        settings=settings(max_examples=examples(10), stateful_step_count=15, deadline=None),
    )


def test_what_a_server_has_written_before_it_died_is_no_change_of_a_program(
    shared_connection: Connection,
) -> None:
    machine = TwoMirrors(shared_connection)
    machine.compare("n1")
    machine.take_over("n1")
    machine.client("a", "two")
    machine.compare("n1")
    machine.write("n1", lost=True)
    machine.client("a", "")
    machine.begin("n2")
    machine.compare("n2")
    assert machine.plans["n2"].compared == Compared([], {"a": hash_of("")})
    machine.teardown()


def test_what_both_have_changed_alike_is_known(shared_connection: Connection) -> None:
    machine = TwoMirrors(shared_connection)
    machine.client("b", "one")
    machine.program("b", "one")
    machine.compare("n1")
    machine.client("b", "two")
    machine.compare("n1")
    assert machine.plans["n1"].compared == Compared(["a"], {"b": hash_of("two")})
    machine.teardown()


def test_what_both_have_changed_is_as_in_the_directory(shared_connection: Connection) -> None:
    machine = TwoMirrors(shared_connection)
    machine.compare("n1")
    machine.take_over("n1")
    machine.client("a", "two")
    machine.program("a", "")
    machine.compare("n1")
    machine.take_over("n1")
    assert machine.directory["a"] == ""
    assert not files.differs(shared_connection, PROJECT_ID, "a", hash_of(""))
    machine.teardown()


def test_the_first_time_the_directory_is_right(shared_connection: Connection) -> None:
    """As for a server that is alone, which has mirrored it until now."""
    machine = TwoMirrors(shared_connection)
    shared_connection.execute("DELETE FROM mirrors")
    project_files.write(shared_connection, PROJECT_ID, "b", "two", user_id="ada", now="now")
    machine.begin("n2")
    machine.compare("n2")
    # There it was deleted.
    machine.programs += 1
    assert machine.plans["n2"].compared == Compared(["a", "b"], {})
    machine.teardown()


def test_what_cannot_be_written_is_as_in_the_directory(shared_connection: Connection) -> None:
    machine = TwoMirrors(shared_connection)
    machine.client("b", "two")
    hashes = {"a": hash_of("one"), "b": ""}
    compared = mirrored.compare(shared_connection, PROJECT_ID, "n1", hashes, ["b"])
    assert compared == Compared(["a", "b"], {})
    machine.teardown()
