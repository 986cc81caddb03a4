"""Folders are moved and copied in steps, with changes in between.

Invariants, whatever is changed between two steps:
- After the last step the project has what it had in the moment before, with the folder elsewhere or
  twice; or it was refused, and has what it had.
- What is told of new files is what they are. Counters say what there is, and no content stays that
  nothing has.
"""

from __future__ import annotations

import contextlib
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from server.api.errors import Code, EventError
from server.api.records import Member, Project, Role, User
from server.store import folders, membership, project_files, trees
from server.store.connection import Connection
from tests.effort import examples
from tests.server.databases import undone
from tests.server.store.consistency import check_consistency

PATHS = st.sampled_from(["a/1", "a/2", "a/b/1", "a0", "a-", "b", "z", "new", "new/1", "z/a"])
CHANGES = st.lists(st.tuples(PATHS, st.sampled_from(["1", "2"]) | st.none()), max_size=4)
Files = dict[str, tuple[str, int, str]]


def present(c: Connection) -> Files:
    rows = c.execute(
        "SELECT path, hash, revision, updated_by FROM tree_files WHERE tree = ?",
        (trees.of_project(c, "p"),),
    )
    return {path: (content_hash, revision, by) for path, content_hash, revision, by in rows}


def do(c: Connection, changes: list[tuple[str, str | None]]) -> None:
    for path, text in changes:
        if text is None:
            if project_files.file(c, "p", path) is not None:
                project_files.delete(c, "p", path)
            continue
        with contextlib.suppress(EventError):
            project_files.check_creatable(c, "p", path)
            project_files.write(c, "p", path, text, user_id="ada", now="")


@settings(max_examples=examples(60), deadline=None)
@given(CHANGES, st.lists(CHANGES, max_size=8), st.sampled_from(["new", "z/a", "Z"]), st.booleans())
def test_changes_between_steps(
    empty: Connection,
    before: list[tuple[str, str | None]],
    between: list[list[tuple[str, str | None]]],
    target: str,
    copies: bool,
) -> None:
    with (
        undone(empty) as c,
        patch.object(trees, "STEP", 2),
        patch.object(folders, "STEP", 2),
    ):
        owner = Member(User("ada", "Ada"), Role.OWNER)
        membership.add_project(c, Project("p", "P", "", "web", [owner], "", ""))
        do(c, [("a/3", "3"), *before])
        work: Any = (
            folders.copy(c, "p", "a", target, user_id="eve", now="", done=lambda _: None)
            if copies
            else folders.move(c, "p", "a", target, lambda: None)
        )
        left = iter(between)
        done: Any = None
        refused: Code | None = None
        last = present(c)
        try:
            while True:
                # As the database does it: a step is done as a whole or not at all.
                c.execute("SAVEPOINT job")
                try:
                    next(work)
                except StopIteration as end:
                    done = end.value
                    c.execute("RELEASE job")
                    break
                except EventError:
                    c.execute("ROLLBACK TO job")
                    c.execute("RELEASE job")
                    raise
                c.execute("RELEASE job")
                do(c, next(left, []))
                last = present(c)
        except EventError as error:
            refused = error.code
        if refused is not None:
            assert refused in (Code.VERSION_CONFLICT, Code.INVALID_FILE_PATH, Code.NOT_FOUND)
            assert present(c) == last
            trees.give_up(c, "p")
            check_consistency(c)
            return
        inside = {path: file for path, file in last.items() if path.startswith("a/")}
        outside = {path: file for path, file in last.items() if path not in inside}
        there = {target + path[1:]: file for path, file in inside.items()}
        now = present(c)
        if copies:
            assert now.keys() == last.keys() | there.keys()
            assert {path: file[0] for path, file in there.items()} == {
                change.path: change.file.hash for change in done
            }
            assert all(project_files.file(c, "p", change.path) == change.file for change in done)
            assert {path: now[path] for path in last} == last
        else:
            assert now == {**outside, **there}
            assert done == (len(there), project_files.revision(c, "p"), None)
        check_consistency(c)
