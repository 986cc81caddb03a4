"""The files of a directory as a project may have them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from server.workspace import mirrored_files
from server.workspace.directory_tree import Tree


def test_many_changes_are_looked_up_and_not_compared_with_all_files(tmp_path: Path) -> None:
    """10,000 of each were a hundred million comparisons, while everybody waited."""
    (tmp_path / "src" / "deep").mkdir(parents=True)
    (tmp_path / "src" / "deep" / "new.txt").touch()
    known = sorted(f"src/{number}.txt" for number in range(3_000))
    steps = 0

    def step(_frame: object, event: str, _argument: object) -> None:
        nonlocal steps
        steps += event in ("call", "c_call")

    sys.setprofile(step)
    try:
        found = mirrored_files.expanded(Tree(tmp_path), {*known, "src/gone.txt"}, known)
    finally:
        sys.setprofile(None)
    assert found == sorted([*known, "src/gone.txt"])
    assert steps < 200 * len(known)
    # A folder is all that is in it, here or there; its neighbours are not.
    tree = Tree(tmp_path)
    assert mirrored_files.expanded(tree, {"src/deep"}, ["src/deep-er", "src/deep/old.txt"]) == [
        "src/deep",
        "src/deep/new.txt",
        "src/deep/old.txt",
    ]
    assert mirrored_files.expanded(tree, {""}, ["a", "b"]) == ["a", "b", "src/deep/new.txt"]


def test_what_is_read_at_once_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirrored_files, "_BYTES_AT_ONCE", 10)
    for name in "abc":
        (tmp_path / name).write_text("x" * 9)
    tree = Tree(tmp_path)
    assert list(mirrored_files.read_some(tree, ["a", "gone", "b", "c"])[0]) == ["a", "gone", "b"]
    assert list(mirrored_files.read_some(tree, ["c"])[0]) == ["c"]
