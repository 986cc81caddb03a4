"""What each function of the store costs in a large database, counted and not timed.

The database has a project of 10,000 files with 4 versions of them, 200,000 contents, 2,000 other
projects, 10,000 messages. SQLite counts the steps of its own machine; what a statement looks at is
in its plan.

Invariants:
- One piece of work takes at most `MOST_STEPS`, which is 50 milliseconds of the database's thread.
- No statement goes through a table that grows: each finds its rows by an index.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest

from server.api.errors import EventError
from server.api.records import (
    Action,
    AiResponse,
    ChatMessage,
    Decision,
    File,
    Invitation,
    Member,
    Notification,
    PeopleMessage,
    Project,
    Role,
    User,
)
from server.documents.authority import Author
from server.documents.change_json import parse
from server.store import (
    accounts,
    automatic_versions,
    bins,
    contents,
    conversations,
    counters,
    document_records,
    documents,
    files,
    folders,
    history,
    invitations,
    leftovers,
    membership,
    missing_files,
    notices,
    pages,
    people_chat,
    project_files,
    snapshots,
)
from server.store.accounts import StoredSession
from server.store.connection import FUTURE
from server.store.sqlite import SqliteSession
from tests.server.store.large_database import ADA, FILE, FILES
from tests.server.store.meter import ALL_STEPS, FEW_STEPS, MOST_STEPS, metered
from tests.server.store.test_step_costs import BINS, FOLDERS, STEPS, deletion, write

PROJECT = Project("new", "New", "", "web", [Member(ADA, Role.OWNER)], "", "")


MESSAGE = ChatMessage("new", "r", "user", ADA, "text", "")


ANSWER = ChatMessage(
    "answer",
    "r",
    "assistant",
    ADA,
    "text",
    "",
    AiResponse(
        "answer", "r", "text", "p", "m", False, [Action("action-1", "create-file", "a", "")]
    ),
)


PEOPLE_MESSAGE = PeopleMessage("new", "p0", ADA, "text", "")


INVITATION = Invitation("new", Role.EDITOR, "2026", "ada", "2027", 3)


NOTICE = Notification("new", "project", "", "", "", False, "u1")


SESSION = StoredSession("new", User("u1", "U"), 1.0, 2.0)


def _invited(connection: SqliteSession, work: Callable[[], Any]) -> Any:
    invitations.add(connection, "p0", INVITATION, "s", "2026")
    return work()


def _thrown(connection: SqliteSession, work: Callable[[], Any]) -> Any:
    bins.throw_file(connection, "p0", deletion("src/00007"))
    return work()


def _decided(connection: SqliteSession) -> bool:
    conversations.add(connection, "p0", ANSWER)
    return conversations.decide(connection, "p0", "r", "action-1", Decision("accepted", ADA))


# One row, or those of one user: whatever else there is makes no difference.
SMALL: dict[str, Callable[[SqliteSession], Any]] = {
    "accounts.add_user": lambda c: accounts.add_user(c, ADA, None, ""),
    "accounts.user": lambda c: accounts.user(c, "u5"),
    "accounts.password_hash": lambda c: accounts.password_hash(c, "u5"),
    "accounts.open_session": lambda c: accounts.open_session(c, SESSION, 5),
    "accounts.session": lambda c: accounts.session(c, "s10", 0.0),
    "accounts.rotate_session": lambda c: accounts.rotate_session(c, "s10", SESSION),
    "accounts.end_session": lambda c: accounts.end_session(c, "s10"),
    "project_files.file": lambda c: project_files.file(c, "p0", "src/00007"),
    "project_files.files_at": lambda c: project_files.files_at(
        c, "p0", [FILE[1], "src/00009", "none"]
    ),
    "project_files.paths of one": lambda c: project_files.paths(c, "p0", ["src/00007"]),
    "project_files.revision": lambda c: project_files.revision(c, "p0"),
    "project_files.check_creatable": lambda c: project_files.check_creatable(
        c, "p0", "src/new/file"
    ),
    "project_files.write": lambda c: write(c, "src/00007", "changed"),
    "project_files.delete": lambda c: project_files.delete(c, "p0", "src/00007"),
    "project_files.move": lambda c: project_files.move(c, "p0", "src/00007", "new"),
    "project_files.check_project_limits": lambda _: project_files.check_project_limits(0, 0),
    "counters.increment": lambda c: counters.increment(c, "starts"),
    "membership.everyone": lambda c: membership.everyone(c, "p0"),
    "membership.is_member": lambda c: membership.is_member(c, "p0", "ada"),
    "invitations.add": lambda c: invitations.add(c, "p0", INVITATION, "s", "2026"),
    "invitations.invitations": lambda c: invitations.invitations(c, "p0", "2026"),
    "invitations.revoke": lambda c: _invited(c, lambda: invitations.revoke(c, "p0", "new")),
    "invitations.accept": lambda c: _invited(
        c, lambda: invitations.accept(c, "new", "s", "bob", "2026")
    ),
    "bins.throw_file": lambda c: bins.throw_file(c, "p0", deletion("src/00007")),
    "bins.deletion": lambda c: (
        bins.throw_file(c, "p0", deletion("src/00007")),
        bins.deletion(c, "p0", "new"),
    ),
    "bins.forget": lambda c: _thrown(c, lambda: bins.forget(c, "p0", "new")),
    "bins.authors": lambda c: bins.authors(c, "p0", "new", 20),
    "bins.deletions": lambda c: bins.deletions(c, "p0", "", 2**53, 100),
    "bins.expire": lambda c: bins.expire(c, "2026"),
    "pages.deletions": lambda c: pages.deletions(c, "p0", "", "", 100),
    "project_files.is_folder": lambda c: project_files.is_folder(c, "p0", "src"),
    "project_files.is_taken": lambda c: project_files.is_taken(c, "p0", "src"),
    "folders.check_free": lambda c: folders.check_free(c, "p0", "new"),
    "leftovers.are_there": leftovers.are_there,
    "leftovers.begin": leftovers.begin,
    "leftovers.add_tree": lambda c: leftovers.add_tree(c, 10_000),
    "leftovers.release_all": lambda c: leftovers.release_all(c, [f"{one:064x}" for one in (7, 8)]),
    "leftovers.release": lambda c: leftovers.release(c, f"{7:064x}"),
    "membership.project": lambda c: membership.project(c, "p0"),
    "membership.check_member_limit": lambda c: membership.check_member_limit(c, "p0", "eve"),
    "membership.add_project": lambda c: membership.add_project(c, PROJECT, "key"),
    "membership.made_before": lambda c: membership.made_before(c, "ada", "key"),
    "membership.update_project": lambda c: membership.update_project(c, "p0", "name", "N", ""),
    "membership.set_role": lambda c: membership.set_role(c, "p0", "eve", Role.EDITOR),
    "membership.remove_member": lambda c: membership.remove_member(c, "p0", "ada"),
    "conversations.add": lambda c: conversations.add(c, "p0", MESSAGE),
    "conversations.sent_before": lambda c: conversations.sent_before(c, "p0", "ada", "key"),
    "conversations.decide": lambda c: _decided(c),
    "pages.projects": lambda c: pages.projects(c, "ada", "", 100),
    "people_chat.add": lambda c: people_chat.add(c, PEOPLE_MESSAGE, "key"),
    "people_chat.unread": lambda c: people_chat.unread(c, "p0", "u5"),
    "people_chat.read": lambda c: people_chat.read(c, "p0", "u5", "t9999"),
    "notices.add": lambda c: notices.add(c, NOTICE),
    "contents.add": lambda c: contents.add(c, "x" * (contents.PART + 1)),
    "contents.take": lambda c: contents.take(c, _kept(c)),
    "contents.give_up": lambda c: contents.give_up(c, _kept(c).number),
    "contents.read": lambda c: contents.read(c, f"{100:064x}", contents.PART - 1, 2),
    "contents.whole": lambda c: contents.whole(c, f"{100:064x}"),
    "history.keep": lambda c: history.keep(c, "p0", None, _file(c), edited=True),
    "history.remember": lambda c: history.remember(c, "p0", _file(c)),
    "history.drop_some": lambda c: history.drop_some(c, "p0"),
    "history.move": lambda c: history.move(c, "p0", "src/00007", "new"),
    "history.content_of": lambda c: history.content_of(c, "p0", _saved_path(c, 8), "save-8"),
    "automatic_versions.due": lambda c: automatic_versions.due(c, "2026", "2025"),
    "automatic_versions.make_room": lambda c: automatic_versions.make_room(c, "p0", 1),
    "snapshots.version": lambda c: snapshots.version(c, "p0", "v3"),
    "snapshots.versions": lambda c: snapshots.versions(c, "p0"),
    "snapshots.compared": lambda c: snapshots.compared(c, "p0", "v3", None),
    "snapshots.content_of": lambda c: snapshots.content_of(c, "v3", "src/00007"),
    "snapshots.delete": lambda c: snapshots.delete(c, "v3"),
}


def _file(connection: SqliteSession) -> File:
    file = project_files.file(connection, *FILE)
    assert file is not None
    return msgspec.structs.replace(file, hash=f"{9:064x}", updated_at="2026-01-01T00:00:00.000Z")


def _saved_path(connection: SqliteSession, number: int) -> str:
    path: str
    (path,) = connection.execute("SELECT path FROM saves WHERE sequence = ?", (number,)).fetchone()
    return path


def _kept(connection: SqliteSession) -> contents.Kept:
    coming = contents.ContentWriter("x" * (2 * contents.PART))
    coming.begin(connection)
    while (kept := coming.keep_some(connection)) is None:
        pass
    return kept


EDIT = document_records.Edit("e", 0, Author("tab", "ada", "Ada"), 1, parse([1, [0, "!"]]))


def _opened(connection: SqliteSession) -> documents.Documents:
    """The documents, with one that is open, and which nothing remembers."""
    documents.Documents().open(connection, FILE, None, None, "")
    connection.execute("UPDATE documents SET epoch = 'e'")
    return documents.Documents()


DOCUMENTS: dict[str, Callable[[SqliteSession], Any]] = {
    "open": lambda c: documents.Documents().open(c, FILE, None, None, ""),
    "opened": lambda c: _opened(c).opened(c, FILE, None, None),
    "edit": lambda c: _opened(c).edit(c, FILE, EDIT),
    "save": lambda c: (_opened(c).edit(c, FILE, EDIT), documents.Documents().save(c, FILE, "")),
    "synchronise": lambda c: _opened(c).synchronise(c, FILE, ADA, ""),
    "unsaved": lambda c: documents.Documents().unsaved(c),
    "unsaved_of": lambda c: documents.Documents().unsaved_of(c, FILE[0]),
    "delete": lambda c: _opened(c).delete(c, FILE),
    "move": lambda c: _opened(c).move(c, *FILE, "new"),
}


# All that a project, a version, or a user has: as much as the limits let it be.
LARGE: dict[str, Callable[[SqliteSession], Any]] = {
    "membership.delete_project": lambda c: membership.delete_project(c, "p0"),
    "project_files.files": lambda c: project_files.files(c, "p0"),
    "project_files.paths": lambda c: project_files.paths(c, "p0", [""]),
    "conversations.latest": lambda c: conversations.latest(c, "p0", conversations.HISTORY),
    "accounts.forget_expired_sessions": lambda c: accounts.forget_expired_sessions(c, 2**40),
    "notices.unread": lambda c: notices.unread(c, "u1"),
    "people_chat.latest": lambda c: people_chat.latest(c, "p0", 100),
    "pages.people": lambda c: pages.people(c, "p0", "", 100),
    "pages.chat": lambda c: pages.chat(c, "p0", "", 100),
    "pages.files": lambda c: pages.files(c, "p0", "src/05000", 1_000),
    "pages.notifications": lambda c: pages.notifications(c, "u1", "", 100),
    "pages.saves": lambda c: pages.saves(c, "p0", "src/00007", "", 1_000),
    "history.saves": lambda c: history.saves(c, "p0", "src/00007", FUTURE, 1_000),
    "missing_files.missing": lambda c: missing_files.missing(c, "p0", "none"),
    "missing_files.nothing_at": lambda c: missing_files.nothing_at(c, "p0", "none"),
    "history.thin": lambda c: history.thin(c, "2027", "2027"),
    "pages.versions": lambda c: pages.versions(c, "p0", "", 200),
    "notices.notifications": lambda c: notices.notifications(c, "u1"),
    "notices.mark_read": lambda c: notices.mark_read(c, "u1", None),
    "snapshots.differing": lambda c: snapshots.differing(c, (1, 10_003), "src/05000", 500),
}


AT_THE_START = {
    # Everybody and every project, once.
    "accounts.users",
    "membership.accesses",
}


@pytest.mark.parametrize("name", SMALL)
def test_what_concerns_a_row_takes_few_steps(large: SqliteSession, name: str) -> None:
    with metered(large) as meter:
        SMALL[name](large)
        assert meter.taken() <= FEW_STEPS


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_concerns_a_document_takes_few_steps(large: SqliteSession, name: str) -> None:
    with metered(large) as meter:
        DOCUMENTS[name](large)
        assert meter.taken() <= FEW_STEPS
        # The helper's own.
        meter.statements = [one for one in meter.statements if "SET epoch" not in one]


@pytest.mark.parametrize("name", LARGE)
def test_what_concerns_all_files_of_a_project_is_bounded(large: SqliteSession, name: str) -> None:
    with metered(large) as meter:
        LARGE[name](large)
        assert meter.taken() <= ALL_STEPS


def test_what_is_done_to_many_files_is_added_to_their_histories_in_short_pieces(
    large: SqliteSession,
) -> None:
    with metered(large) as meter:
        large.execute("UPDATE tree_files SET updated_at = '2027' WHERE tree = 1")
        meter.statements.clear()
        for first in range(0, 10 * history.KEPT_AT_ONCE, history.KEPT_AT_ONCE):
            paths = [f"src/{first + number:05}" for number in range(history.KEPT_AT_ONCE)]
            meter.taken()
            history.keep_many(large, "p0", paths)
            assert meter.taken() <= MOST_STEPS / 4
        pieces = 1
        while history.drop_some(large, "p0"):
            assert meter.taken() <= MOST_STEPS / 4
            pieces += 1
        # 10 times 50 rows, 50 at once.
        assert pieces == 10
        counts = "SELECT (SELECT count(*) FROM saves), row_count FROM histories"
        assert large.execute(counts).fetchone() == (history.MOST, history.MOST)
        meter.statements.clear()


def test_every_function_of_the_store_has_its_test() -> None:
    modules = (
        accounts,
        bins,
        project_files,
        counters,
        folders,
        invitations,
        leftovers,
        membership,
        conversations,
        missing_files,
        notices,
        pages,
        contents,
        history,
        snapshots,
        people_chat,
        automatic_versions,
    )
    functions = {
        f"{module.__name__.rpartition('.')[2]}.{name}"
        for module in modules
        for name, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", "") == module.__name__
        if name[0].islower()
    }
    tested = (
        SMALL.keys() | LARGE.keys() | STEPS.keys() | FOLDERS.keys() | BINS.keys() | AT_THE_START
    )
    tested -= {"project_files.paths of one"}
    tested |= {"history.keep_many"}
    others = {"project_files.from_row", "project_files.put", "leftovers.delete_some"}
    others |= {"project_files.stored", "contents.cut", "contents.digest", "contents.is_long"}
    # The parts of those.
    others |= {f"folders.{one}" for one in ("around", "counted", "flow", "inside", "put_in_place")}
    others |= {"folders.taken", "invitations.digest"}
    # Those of `taking_over`, of which all costs are tested together.
    others |= {
        f"project_files.{one}" for one in ("count_changes", "delete_rows", "grow", "put_rows")
    }
    others |= {"contents.add_all", "contents.prepare", "history.add", "history.last_of"}
    assert functions - others == tested


def test_a_full_project_refuses_a_file_and_counts_it_not(large: SqliteSession) -> None:
    with metered(large):
        large.execute("SAVEPOINT job")
        with pytest.raises(EventError, match="the project has 10000 files"):
            write(large, "one more", "")
        large.execute("ROLLBACK TO job")
        write(large, "src/00001", "instead")
        count = "SELECT file_count, size FROM trees WHERE id = 1"
        assert large.execute(count).fetchone() == (FILES, FILES + len("instead") - 1)


def test_an_edit_and_a_save_are_few_statements(large: SqliteSession) -> None:
    """After each of them the thread may have to wait for the event loop."""
    with metered(large) as meter:
        # There is room in the history.
        large.execute("UPDATE histories SET row_count = 0")
        kept = _opened(large)
        now = "2026-01-01T00:00:00.000Z"

        def edit(version: int) -> None:
            change = parse([1 + version, [0, "!"]])
            kept.edit(
                large, FILE, EDIT._replace(version=version, number=version + 1, change=change)
            )

        def change(text: str) -> None:
            there = files.Edit("updated", text, None)
            work = partial(files.change, large, "p0", "src/00009", there, "ada", now)
            kept.replacing(large, ("p0", "src/00009"), ADA, now, work, text)

        def statements(work: Callable[[], Any]) -> int:
            meter.statements.clear()
            work()
            return len(meter.statements)

        edit(0)
        kept.save(large, FILE, now)
        assert statements(lambda: edit(1)) == 4
        assert statements(lambda: kept.save(large, FILE, now)) == 13
        change("once")
        assert statements(lambda: change("twice")) == 12
        meter.statements.clear()
