"""Documents that two servers, each with its own memory, edit by turns.

Invariant: whatever one server had in memory, also of transactions that were undone, each edit is
taken by the document as it is in the tables, and both see the same text.
"""

from __future__ import annotations

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
from server.store import membership, project_files
from server.store.connection import Connection
from server.store.document_records import Edit
from server.store.documents import Documents
from server.store.loaded_documents import Document
from tests.effort import examples
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
        project_files.write(connection, *KEY, "one", user_id="ada", now="")
        self.documents = {node: Documents() for node in NODES}
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

        def work() -> project_files.Change:
            return project_files.write(self.connection, *KEY, text, user_id="ada", now="now")

        documents.replacing(self.connection, KEY, ADA, "now", work, text)

    def look(self, node: str) -> str | None:
        return self.documents[node].open(self.connection, KEY, None, None, "now").text

    def teardown(self) -> None:
        assert [self.look(node) for node in NODES] == [self.text] * 2
        self._undone.__exit__(None, None, None)


def test_two_servers_edit_one_document(empty: Connection) -> None:
    class Machine(TwoServers):
        def __init__(self) -> None:
            super().__init__(empty)

    run_state_machine_as_test(
        Machine,
        settings=settings(max_examples=examples(4), stateful_step_count=10, deadline=None),
    )


@pytest.mark.parametrize("letters", ["b", "bb", "\u00e9"])
def test_what_a_server_had_of_an_undone_transaction_is_not_taken_for_what_another_has_made(
    empty: Connection, letters: str
) -> None:
    """Both have the same version, or a later one, and not the same text."""
    machine = TwoServers(empty)
    machine.edit("n1", "a", is_undone=True, is_saved=False)
    for letter in letters:
        machine.edit("n2", letter, is_undone=False, is_saved=False)
    machine.edit("n1", "a", is_undone=False, is_saved=False)
    assert machine.text == f"one{letters}a"
    machine.teardown()


def test_what_a_server_had_of_a_longer_undone_text_is_not_gone_on_with(
    empty: Connection,
) -> None:
    """The next update of the tables does not even fit it."""
    machine = TwoServers(empty)
    machine.edit("n1", "aaa", is_undone=True, is_saved=False)
    for letter in "bc":
        machine.edit("n2", letter, is_undone=False, is_saved=False)
    assert machine.look("n1") == "onebc"
    machine.teardown()


@pytest.mark.parametrize("is_saved", [False, True])
def test_what_another_server_has_done_is_not_loaded_as_a_whole(
    empty: Connection, is_saved: bool
) -> None:
    machine = TwoServers(empty)
    loaded = machine.documents["n1"]._loaded
    before = loaded.get(KEY)
    assert isinstance(before, Document)
    for letter in "ab":
        machine.edit("n2", letter, is_undone=False, is_saved=is_saved)
    machine.edit("n2", "c", is_undone=False, is_saved=False)
    assert machine.look("n1") == "oneabc"
    assert loaded.get(KEY) is before
    assert (before.authority.version, before.authority.saved_version) == (3, 2 * is_saved)
    assert (before.authority.saved, before.authority.number(TAB)) == (
        "oneab" if is_saved else "one",
        3,
    )
    machine.teardown()


def test_a_server_that_comes_too_late_for_the_journal_loads_it_as_a_whole(
    empty: Connection,
) -> None:
    machine = TwoServers(empty)
    for letter in "ab":
        machine.edit("n2", letter, is_undone=False, is_saved=True)
    empty.execute("DELETE FROM edits WHERE version = 0")
    assert machine.look("n1") == "oneab"
    machine.teardown()
