"""Documents that two servers edit by turns, on one PostgreSQL.

Invariant: whatever one server had in memory, also of transactions that were undone, each edit is
taken by the document as it is in the tables, and both see the same text.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    rule,
    run_state_machine_as_test,
)

from server.api.records import Member, Project, Role, User
from server.documents.authority import Author
from server.documents.change_json import parse
from server.store import authorities, contents, membership
from server.store.connection import Connection
from server.store.document_records import Edit
from server.store.documents import Documents
from server.store.postgres import Postgres
from tests.effort import EFFORT
from tests.server.databases import undone

ADA = User("ada", "Ada")
TAB = Author("tab", "ada", "Ada")
KEY = ("p", "a.txt")
NODES = ("n1", "n2")


class TwoServers(RuleBasedStateMachine):
    """Edits that append a letter, by either server; some transactions are undone."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection
        self._undone = undone(connection)
        self._undone.__enter__()
        project = Project("p", "P", "", "web", [Member(ADA, Role.OWNER)], "", "")
        membership.add_project(connection, project)
        contents.write(connection, *KEY, "one", user_id="ada", now="")
        self.documents = {node: Documents(node=node) for node in NODES}
        self.text = "one"
        self.number = 0
        # What is asserted looks at a document itself, and so not after each step.
        assert [self.look(node) for node in NODES] == ["one"] * 2

    @rule(
        node=st.sampled_from(NODES),
        letter=st.sampled_from("ab\u00e9"),
        is_undone=st.booleans(),
        is_saved=st.booleans(),
    )
    def edit(self, node: str, letter: str, is_undone: bool, is_saved: bool) -> None:
        documents, connection = self.documents[node], self.connection
        connection.execute("SAVEPOINT job")
        opened = documents.open(connection, KEY, None, None, "now")
        assert opened.text == self.text
        self.number += 1
        change = parse([len(self.text), [0, letter]])
        edit = Edit(opened.epoch, opened.version, TAB, self.number, change)
        done = documents.edit(connection, KEY, edit)
        assert done.version == opened.version + 1
        if is_saved:
            documents.save(connection, KEY, "now")
        if is_undone:
            connection.execute("ROLLBACK TO job")
        else:
            self.text += letter
        connection.execute("RELEASE job")

    @rule(node=st.sampled_from(NODES))
    def replace(self, node: str) -> None:
        """From outside, which both have to merge."""
        documents = self.documents[node]
        # What is not saved would be merged with it.
        documents.save(self.connection, KEY, "now")
        self.text = text = f"{self.text}!"

        def work() -> contents.Change:
            return contents.write(self.connection, *KEY, text, user_id="ada", now="now")

        documents.replacing(self.connection, KEY, ADA, "now", work, text)

    def look(self, node: str) -> str | None:
        return self.documents[node].open(self.connection, KEY, None, None, "now").text

    def teardown(self) -> None:
        assert [self.look(node) for node in NODES] == [self.text] * 2
        self._undone.__exit__(None, None, None)


@pytest.fixture
def shared(postgres: Postgres) -> Iterator[Connection]:
    with closing(postgres.connect()) as connection:
        yield connection


def test_two_servers_edit_one_document(shared: Connection) -> None:
    class Machine(TwoServers):
        def __init__(self) -> None:
            super().__init__(shared)

    run_state_machine_as_test(
        Machine,
        settings=settings(max_examples=4 * EFFORT, stateful_step_count=10, deadline=None),
    )


def test_what_a_server_had_of_an_undone_transaction_is_not_taken_for_what_another_has_made(
    shared: Connection,
) -> None:
    """Both have the same version, and not the same text."""
    machine = TwoServers(shared)
    machine.edit("n1", "a", is_undone=True, is_saved=False)
    machine.edit("n2", "b", is_undone=False, is_saved=False)
    machine.edit("n1", "a", is_undone=False, is_saved=False)
    assert machine.text == "oneba"
    machine.teardown()


def test_one_server_is_the_authority(shared: Connection) -> None:
    machine = TwoServers(shared)
    machine.look("n1")
    (document,) = shared.execute("SELECT id FROM documents").fetchone()
    became = [authorities.become(shared, document, node) for node in ("n1", "n2", "n2", "n1")]
    assert became == [False, True, False, True]
    machine.teardown()
