"""Documents in the database, with a journal.

Invariants:
- Nothing depends on what is in memory: with all of it lost before each deed, the results are the
  same.
- A transaction that is undone leaves nothing behind, in memory either.
- What a file has become behind a document's back is merged when it is used.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from server.api.errors import EventError
from server.api.records import Member, Project, Role, User, Version
from server.documents.authority import MAX_TEXT, Author
from server.documents.change_json import parse
from server.documents.changes import ChangeError, joined
from server.store import contents, files, leftovers, membership, project_files, snapshots
from server.store.backup import back_up
from server.store.connection import Connection
from server.store.document_records import Edit, Key, Opened, Since
from server.store.documents import Documents
from server.store.loaded_documents import Document, LoadedDocuments
from server.store.sqlite import Sqlite

ADA, BOB = User("ada", "Ada"), User("bob", "Bob")
TAB = Author("tab", "ada", "Ada")
KEY = ("p", "a.txt")
PROJECT = Project("p", "P", "", "web", [Member(ADA, Role.OWNER)], "", "")


@pytest.fixture
def connection(connection: Connection) -> Connection:
    begin(connection)
    return connection


@pytest.fixture(params=[False, True], ids=["forgetful", "remembering"])
def documents(request: pytest.FixtureRequest) -> Documents:
    documents = Documents()
    if not request.param:
        documents._loaded = Forgetful(0)
    return documents


class Forgetful(LoadedDocuments):
    """With no room in memory it keeps not even the last document."""

    def keep(self, key: Key, document: Document) -> None:
        super().keep(key, document)
        self.unload(key)


def begin(connection: Connection) -> None:
    membership.add_project(connection, PROJECT)
    write(connection, "one\ntwo\n")


def write(connection: Connection, text: str) -> project_files.Change:
    return project_files.write(connection, *KEY, text, user_id="ada", now="")


def opened(documents: Documents, connection: Connection, since: Since | None = None) -> Opened:
    return documents.open(connection, KEY, since, TAB, "now")


def text_of(connection: Connection) -> str:
    file = project_files.file(connection, *KEY)
    assert file is not None
    return contents.whole(connection, file.hash)


class Typist:
    """Types at the end of the text, or at the beginning."""

    def __init__(self, documents: Documents, connection: Connection) -> None:
        self.documents, self.connection = documents, connection
        self.number = 0

    def type(self, text: str, *, at_end: bool = True) -> None:
        here = opened(self.documents, self.connection)
        assert here.text is not None
        self.number += 1
        parts = [(len(here.text), None), (0, text)]
        edit = Edit(
            here.epoch, here.version, TAB, self.number, joined(parts[:: 1 if at_end else -1])
        )
        assert self.documents.edit(self.connection, KEY, edit).update is not None


def test_a_document_is_its_file_and_the_edits_since(
    documents: Documents, connection: Connection
) -> None:
    first = opened(documents, connection)
    assert (first.version, first.text, first.number) == (0, "one\ntwo\n", 0)
    typist = Typist(documents, connection)
    typist.type("three")
    typist.type("zero\n", at_end=False)
    assert documents.unsaved(connection) == [KEY]
    assert text_of(connection) == "one\ntwo\n"
    saved = documents.save(connection, KEY, "now")
    assert saved is not None
    assert saved[1] == text_of(connection) == "zero\none\ntwo\nthree"
    assert saved[0].file is not None
    assert (saved[0].file.updated_by, saved[0].file.updated_at) == ("ada", "now")
    assert documents.save(connection, KEY, "later") is None
    assert documents.unsaved(connection) == []
    late = opened(documents, connection, Since(first.epoch, 1))
    assert [update.change.json for update in late.updates] == [[[0, "zero", ""], 13]]
    assert (late.version, late.text, late.number) == (2, None, 2)


def test_what_is_saved_is_kept_for_a_thousand_updates(connection: Connection) -> None:
    documents = Documents()
    epoch = opened(documents, connection).epoch
    connection.execute("SAVEPOINT before")
    length = 8
    for number in range(1, 1_006):
        change = parse([length, [0, "x"]])
        documents.edit(connection, KEY, Edit(epoch, number - 1, TAB, number, change))
        length += 1
        if number % 100 == 5:
            documents.save(connection, KEY, "now")
    count = "SELECT count(*), min(version) FROM edits"
    assert connection.execute(count).fetchone() == (1_000, 5)
    assert opened(documents, connection, Since(epoch, 4)).text is not None
    assert len(opened(documents, connection, Since(epoch, 5)).updates) == 1_000
    late = documents.edit(connection, KEY, Edit(epoch, 4, TAB, 1_006, parse([12])))
    assert (late.is_late, late.update, late.version) == (True, None, 1_005)
    connection.execute("ROLLBACK TO before")


def test_an_undone_transaction_leaves_nothing(documents: Documents, connection: Connection) -> None:
    typist = Typist(documents, connection)
    typist.type("kept")
    connection.execute("SAVEPOINT before")
    typist.type("undone")
    documents.save(connection, KEY, "now")
    connection.execute("ROLLBACK TO before")
    typist.number = 1
    assert opened(documents, connection).text == "one\ntwo\nkept"
    assert opened(documents, connection).number == 1
    typist.type("!")
    documents.save(connection, KEY, "now")
    assert text_of(connection) == "one\ntwo\nkept!"
    # So does one in which the document was made.
    connection.execute("SAVEPOINT before")
    other = ("p", "b.txt")
    project_files.write(connection, *other, "b", user_id="ada", now="")
    epoch = documents.open(connection, other, None, None, "").epoch
    connection.execute("ROLLBACK TO before")
    with pytest.raises(EventError, match="the project has no such file"):
        documents.open(connection, other, None, None, "")
    with pytest.raises(EventError):
        documents.edit(connection, other, Edit(epoch, 0, TAB, 1, parse([1])))


def test_a_replaced_file_is_merged_with_what_is_not_saved(
    documents: Documents, connection: Connection
) -> None:
    typist = Typist(documents, connection)
    typist.type("typed")
    text = "1\r\ntwo\r\n"

    def change() -> project_files.Change:
        return files.change(connection, *KEY, files.Edit("updated", text, None), "bob", "then")

    replaced = documents.replacing(connection, KEY, BOB, "now", change, text)
    assert [update.change.json for update in replaced.updates] == [[[4, "1", ""], 9]]
    assert replaced.updates[0].author == Author("", "bob", "Bob")
    assert replaced.text == text_of(connection) == "1\r\ntwo\r\ntyped"
    assert replaced.change.file == project_files.file(connection, *KEY)
    # The same once more, with nothing that is not saved, and then nothing.
    text = "2\r\n"
    replaced = documents.replacing(connection, KEY, BOB, "now", change, text)
    assert (replaced.text, len(replaced.updates)) == ("2\r\n", 1)
    replaced = documents.replacing(connection, KEY, BOB, "now", change, text)
    assert (replaced.text, replaced.updates) == ("2\r\n", [])
    assert opened(documents, connection).text == "2\n"
    assert documents.unsaved(connection) == []


def test_what_slipped_through_is_merged_when_the_document_is_used(
    documents: Documents, connection: Connection
) -> None:
    typist = Typist(documents, connection)
    typist.type("typed")
    before = opened(documents, connection)
    # The version keeps the content that the document was saved with.
    list(snapshots.create(connection, Version("v", "p", "V", "", "", "ada", 0)))
    write(connection, "one\n2\n")
    with pytest.raises(EventError, match="is gone: open the file again"):
        documents.edit(connection, KEY, Edit(before.epoch, 1, TAB, 2, parse([13])))
    after = opened(documents, connection)
    assert (after.epoch, after.version, after.text) == (before.epoch, 2, "one\n2\ntyped")
    assert [update.change.json for update in after.merged] == [[4, [4, "2", ""], 5]]
    assert text_of(connection) == "one\n2\ntyped"
    # Without it, all of the text is another one, and what was typed stays.
    typist.number = 1
    typist.type(" more")
    write(connection, "new\n")
    lost = Documents()
    assert opened(lost, connection).text == "new\n more"
    assert text_of(connection) == "new\n more"


def test_a_file_that_is_gone_has_no_document(documents: Documents, connection: Connection) -> None:
    Typist(documents, connection).type("typed")
    project_files.delete(connection, *KEY)
    assert documents.save(connection, KEY, "now") is None
    assert connection.execute("SELECT count(*) FROM documents").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM edits").fetchone() == (0,)


def test_another_file_at_the_path_has_nothing_of_it(
    documents: Documents, connection: Connection
) -> None:
    """The documents of a deleted folder go after its files, and a kill may come in between."""
    epoch = opened(documents, connection).epoch
    Typist(documents, connection).type("typed")
    project_files.delete(connection, *KEY)
    replaced = documents.replacing(
        connection, KEY, ADA, "now", lambda: write(connection, "new\n"), "new\n"
    )
    assert (replaced.text, replaced.updates) == ("new\n", [])
    assert text_of(connection) == "new\n"
    there = opened(documents, connection)
    assert there.text == "new\n"
    assert there.epoch != epoch


def test_half_of_a_pair_outlives_memory(documents: Documents, connection: Connection) -> None:
    typist = Typist(documents, connection)
    typist.type("\ud83d")
    documents.save(connection, KEY, "now")
    assert text_of(connection) == "one\ntwo\n\ufffd"
    assert opened(documents, connection).text == "one\ntwo\n\ud83d"
    typist.type("\ude00")
    documents.save(connection, KEY, "now")
    assert text_of(connection) == "one\ntwo\n😀"
    exact = "SELECT exact FROM documents"
    assert connection.execute(exact).fetchone() == (None,)


def test_too_much_that_is_not_saved_is_not_taken(connection: Connection) -> None:
    documents = Documents()
    epoch = opened(documents, connection).epoch
    unsaved = 0.0
    for number in range(1, 80):
        change = parse([[8 if number == 1 else 65_500, "x" * 65_500]])
        unsaved = documents.edit(
            connection, KEY, Edit(epoch, number - 1, TAB, number, change)
        ).unsaved
        if unsaved >= 4:
            break
    with pytest.raises(EventError, match="too much of it is not saved yet"):
        documents.edit(connection, KEY, Edit(epoch, number, TAB, number + 1, parse([65_500])))
    documents.save(connection, KEY, "now")
    documents.edit(connection, KEY, Edit(epoch, number, TAB, number + 1, parse([65_500])))


def test_a_text_that_became_too_long_is_refused(connection: Connection) -> None:
    documents = Documents()
    for text in ("x" * (MAX_TEXT + 1), "x" * (4 * MAX_TEXT + 1)):
        write(connection, text)
        with pytest.raises(EventError, match="is too long to be edited together"):
            opened(documents, connection)
    write(connection, "x" * MAX_TEXT)
    epoch = opened(documents, connection).epoch
    with pytest.raises(ChangeError):
        documents.edit(connection, KEY, Edit(epoch, 0, TAB, 1, parse([MAX_TEXT, [0, "y"]])))


def test_a_text_from_outside_that_is_too_long_ends_the_document(
    documents: Documents, connection: Connection
) -> None:
    """What was typed is in the file, and nothing of its length goes into a journal."""
    epoch = opened(documents, connection).epoch
    Typist(documents, connection).type("typed")
    long = "x" * (MAX_TEXT + 1)
    replaced = documents.replacing(
        connection, KEY, BOB, "now", lambda: write(connection, long), long
    )
    assert (replaced.epoch, replaced.updates) == ("", [])
    assert replaced.text == text_of(connection) == long + "typed"
    for table in ("documents", "edits", "authors"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    with pytest.raises(EventError, match="is too long to be edited together"):
        opened(documents, connection)
    write(connection, "short")
    assert opened(documents, connection).epoch != epoch
    # With nothing to merge the file stays as it was written, also where that is found out later.
    file = write(connection, long).file
    assert file is not None
    assert documents.save(connection, KEY, "now") is None
    assert project_files.file(connection, *KEY) == file
    assert connection.execute("SELECT count(*) FROM documents").fetchone() == (0,)


def test_those_that_were_not_used_for_longest_leave_memory(connection: Connection) -> None:
    documents = Documents(most=50)
    for number in range(4):
        project_files.write(connection, "p", f"{number}", "x" * 10, user_id="ada", now="")
        documents.open(connection, ("p", f"{number}"), None, None, "")
    # Each counts twice: as it is, and as it was saved.
    assert list(documents._loaded._documents) == [("p", "2"), ("p", "3")]
    assert documents._loaded._size == 40
    project_files.write(connection, "p", "large", "x" * 100, user_id="ada", now="")
    documents.open(connection, ("p", "large"), None, None, "")
    assert list(documents._loaded._documents) == [("p", "large")]


def test_a_deleted_projects_documents_go_in_steps(connection: Connection) -> None:
    documents = Documents()
    for number in range(5):
        project_files.write(connection, "p", f"{number}", "text", user_id="ada", now="")
        epoch = documents.open(connection, ("p", f"{number}"), None, None, "").epoch
        edit = Edit(epoch, 0, TAB, 1, parse([4, [0, "!"]]))
        documents.edit(connection, ("p", f"{number}"), edit)
    membership.delete_project(connection, "p")
    assert documents.unsaved(connection) == []
    membership.add_project(connection, PROJECT)
    write(connection, "another")
    assert opened(documents, connection).text == "another"
    counts = []
    while leftovers.are_there(connection):
        leftovers.delete_some(connection)
        counts.append(connection.execute("SELECT count(*) FROM documents").fetchone()[0])
    assert counts[-3:] == [6, 3, 1]
    assert connection.execute("SELECT count(*) FROM edits").fetchone() == (0,)
    assert opened(documents, connection).text == "another"


def test_a_copy_of_the_database_begins_anew(tmp_path: Path) -> None:
    """Clients may have got edits that are not in it."""
    with contextlib.closing(Sqlite(tmp_path).connect()) as connection:
        begin(connection)
        documents = Documents()
        Typist(documents, connection).type("typed")
        here = opened(documents, connection)
        target = tmp_path / "copy" / "server.db"
        target.parent.mkdir()
        back_up(tmp_path, target)
        with contextlib.closing(Sqlite(target.parent).connect()) as copy:
            there = opened(Documents(), copy, Since(here.epoch, 1))
            assert there.epoch != here.epoch
            assert (there.version, there.text) == (1, "one\ntwo\ntyped")
        # One of an older server has no documents.
        for table in ("edits", "authors", "documents"):
            connection.execute(f"DROP TABLE {table}")
        back_up(tmp_path, tmp_path / "older.db")
