"""Versions are made and restored in steps, with changes in between.

Invariants, whatever is changed between two steps:
- A new version has the files of the moment of its last step.
- A restored version's files are there after the last step, and the backup has those of the moment
  before; the changes that are told lead from these to those.
- Counters say what there is, and no content stays that nothing has.
"""

from __future__ import annotations

from collections.abc import Collection
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.api.errors import EventError
from server.api.records import Member, Project, Role, User, Version
from server.store import membership, project_files, snapshots, trees
from server.store.connection import Connection
from server.store.contents import Stored
from tests.effort import examples
from tests.server.databases import undone
from tests.server.store.consistency import check_consistency

PATHS = st.sampled_from([f"{letter}{number}" for letter in "abc" for number in "12"])
CHANGES = st.lists(st.tuples(PATHS, st.sampled_from(["1", "2", "3"]) | st.none()), max_size=4)


def tree_contents(c: Connection, tree: int) -> dict[str, Stored]:
    rows = c.execute("SELECT path, hash, size FROM tree_files WHERE tree = ?", (tree,))
    return {path: Stored(content_hash, size) for path, content_hash, size in rows}


def version_contents(c: Connection, version_id: str) -> dict[str, Stored]:
    return tree_contents(c, snapshots.compared(c, "p", version_id, None)[0])


def present_contents(c: Connection) -> dict[str, Stored]:
    return tree_contents(c, trees.of_project(c, "p"))


@settings(max_examples=examples(30), deadline=None)
@given(CHANGES, CHANGES, st.lists(CHANGES, max_size=14), st.booleans())
def test_changes_between_steps(
    empty: Connection,
    before: list[tuple[str, str | None]],
    after: list[tuple[str, str | None]],
    between: list[list[tuple[str, str | None]]],
    restores: bool,
) -> None:
    with (
        undone(empty) as c,
        patch.object(trees, "STEP", 2),
    ):

        def do(changes: list[tuple[str, str | None]]) -> None:
            for path, text in changes:
                if text is not None:
                    project_files.write(c, "p", path, text, user_id="ada", now="")
                elif project_files.file(c, "p", path) is not None:
                    project_files.delete(c, "p", path)

        def made(name: str) -> Version:
            return Version(name, "p", name, "", "", "ada", 0)

        def finished(steps: trees.Steps[snapshots.Restored | Version], turns: bool) -> object:
            left = iter(between if turns else ())
            while True:
                try:
                    next(steps)
                except StopIteration as end:
                    return end.value
                do(next(left, []))

        owner = Member(User("ada", "Ada"), Role.OWNER)
        membership.add_project(c, Project("p", "P", "", "web", [owner], "", ""))
        do(before)
        finished(snapshots.create(c, made("first")), turns=False)
        first = version_contents(c, "first")
        assert first == present_contents(c)
        do(after)
        if restores:
            last: dict[str, Stored] = {}

            def check(_changes: Collection[project_files.Change]) -> None:
                last.update(present_contents(c))

            done = finished(
                snapshots.restore(c, "first", made("backup"), user_id="eve", now="", check=check),
                turns=True,
            )
            assert isinstance(done, snapshots.Restored)
            present = present_contents(c)
            assert present == first
            if done.backup is None:
                assert done.changes == []
            else:
                assert version_contents(c, "backup") == last
                revision = project_files.revision(c, "p")
                for path, file, created, gone_at in done.changes:
                    assert gone_at == (0 if file else revision)
                    assert created == (file is not None and path not in last)
                    if file is None:
                        del last[path]
                    else:
                        assert project_files.file(c, "p", path) == file
                        last[path] = Stored(file.hash, file.size)
                assert last == first
        else:
            finished(snapshots.create(c, made("second")), turns=True)
            assert version_contents(c, "second") == present_contents(c)
        check_consistency(c)


@settings(max_examples=examples(30), deadline=None)
@given(CHANGES, CHANGES, st.integers(1, 7))
def test_the_pieces_of_a_comparison_find_what_differs(
    empty: Connection,
    before: list[tuple[str, str | None]],
    after: list[tuple[str, str | None]],
    most: int,
) -> None:
    with undone(empty) as c:
        owner = Member(User("ada", "Ada"), Role.OWNER)
        membership.add_project(c, Project("p", "P", "", "web", [owner], "", ""))
        sides = []
        for name, changes in (("one", before), ("two", after)):
            for path, text in changes:
                if text is not None:
                    project_files.write(c, "p", path, text, user_id="ada", now="")
                elif project_files.file(c, "p", path) is not None:
                    project_files.delete(c, "p", path)
            for _ in snapshots.create(c, Version(name, "p", name, "", "", "ada", 0)):
                pass
            sides.append(version_contents(c, name))
        paths = sorted({path for side in sides for path in side})
        found: list[snapshots.Differing] = []
        start: str | None = ""
        while start is not None:
            compared = snapshots.compared(c, "p", "one", "two")
            piece, start = snapshots.differing(c, compared, start, most)
            assert len(piece) <= 2 * most
            found += piece
        every = [snapshots.Differing(path, *(side.get(path) for side in sides)) for path in paths]
        assert found == [one for one in every if one.before != one.after]
        snapshots.delete(c, "two")
        with pytest.raises(EventError, match="was deleted while it was compared"):
            snapshots.differing(c, compared, "", most)
