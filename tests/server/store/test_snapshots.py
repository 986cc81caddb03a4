"""Versions are made and restored in steps, with changes in between.

Invariants, whatever is changed between two steps:
- A new version has the files of the moment of its last step.
- A restored version's files are there after the last step, and the backup has those of the moment
  before; the changes that are told lead from these to those.
- Counters say what there is, and no content stays that nothing has.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from server.api.records import Member, Project, Role, User, Version
from server.store import contents, leftovers, membership, snapshots, trees
from server.store.database import connect

PATHS = st.sampled_from([f"{letter}{number}" for letter in "abc" for number in "12"])
CHANGES = st.lists(st.tuples(PATHS, st.sampled_from(["1", "2", "3"]) | st.none()), max_size=4)


@settings(max_examples=60, deadline=None)
@given(CHANGES, CHANGES, st.lists(CHANGES, max_size=14), st.booleans())
def test_changes_between_steps(
    before: list[tuple[str, str | None]],
    after: list[tuple[str, str | None]],
    between: list[list[tuple[str, str | None]]],
    restores: bool,
) -> None:
    with (
        tempfile.TemporaryDirectory() as directory,
        contextlib.closing(connect(Path(directory))) as c,
        patch.object(trees, "STEP", 2),
    ):

        def do(changes: list[tuple[str, str | None]]) -> None:
            for path, text in changes:
                if text is not None:
                    contents.write(c, "p", path, text, user_id="ada", now="")
                elif contents.file(c, "p", path) is not None:
                    contents.delete(c, "p", path)

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
        first = snapshots.contents_of(c, "first")
        assert first == snapshots.present_contents(c, "p")
        do(after)
        if restores:
            last: dict[str, snapshots.Stored] = {}

            def check() -> None:
                last.update(snapshots.present_contents(c, "p"))

            done = finished(
                snapshots.restore(c, "first", made("backup"), user_id="eve", now="", check=check),
                turns=True,
            )
            assert isinstance(done, snapshots.Restored)
            present = snapshots.present_contents(c, "p")
            assert present == first
            if done.backup is None:
                assert done.changes == []
            else:
                assert snapshots.contents_of(c, "backup") == last
                for path, file, created in done.changes:
                    assert created == (file is not None and path not in last)
                    if file is None:
                        del last[path]
                    else:
                        assert contents.file(c, "p", path) == file
                        last[path] = snapshots.Stored(file.hash, file.size)
                assert last == first
        else:
            finished(snapshots.create(c, made("second")), turns=True)
            assert snapshots.contents_of(c, "second") == snapshots.present_contents(c, "p")
        while leftovers.are_there(c):
            leftovers.delete_some(c)
        wrong = c.execute(
            "SELECT id FROM trees t WHERE file_count <> (SELECT count(*) FROM tree_files "
            "WHERE tree = t.id) OR size <> (SELECT coalesce(sum(size), 0) FROM tree_files "
            "WHERE tree = t.id)"
        ).fetchall()
        assert wrong == []
        nobodys = "SELECT count(*) FROM contents WHERE hash NOT IN (SELECT hash FROM tree_files)"
        assert c.execute(nobodys).fetchone() == (0,)
        for table in ("touched", "leftovers"):
            assert c.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
