"""Files below a directory.

Invariants: no path and no link leads out of the directory; a file has its old content or its new
one, and nothing is left beside it.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from server.workspace.directory_tree import Tree

LIMIT = 100


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("secret")
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "a" / "b.txt").write_text("one")
    return root


def test_reading_and_writing(root: Path) -> None:
    tree = Tree(root)
    assert tree.read("a/b.txt", LIMIT) == b"one"
    tree.write("a/b.txt", b"two")
    tree.write("new/folder/c.txt", b"three")
    assert (root / "a/b.txt").read_text() == "two"
    assert (root / "new/folder/c.txt").read_text() == "three"
    assert sorted(tree.files()) == ["a/b.txt", "new/folder/c.txt"]
    assert sorted(tree.files("new")) == ["new/folder/c.txt"]
    for _ in range(2):
        tree.delete("a/b.txt")
    assert tree.read("a/b.txt", LIMIT) is None
    tree.delete("a/b.txt/c")
    assert os.listdir(root / "a") == []


def test_reading_many_files(root: Path) -> None:
    (root / "a" / "c.txt").write_text("two")
    (root / "a" / "long.txt").write_text("x" * (LIMIT + 1))
    (root / "a" / "folder").mkdir()
    (root / "repository").mkdir()
    (root / "repository" / "HEAD").touch()
    (root / "repository" / "d.txt").touch()
    (root / "link").symlink_to(root.parent / "outside")
    (root / "e.txt").write_text("three")
    expected = {
        "a/b.txt": b"one",
        "a/c.txt": b"two",
        "a/folder": None,
        "a/gone.txt": None,
        "a/long.txt": None,
        "gone/x.txt": None,
        "link/secret.txt": None,
        "repository/d.txt": None,
        "e.txt": b"three",
        "a/b.txt/x": None,
    }
    before = os.listdir("/proc/self/fd")
    assert dict(zip(expected, Tree(root).read_all(list(expected), LIMIT), strict=True)) == expected
    # A folder was left open for each that was asked for.
    assert os.listdir("/proc/self/fd") == before


def test_a_file_keeps_its_mode(root: Path) -> None:
    (root / "a/b.txt").chmod(0o754)
    Tree(root).write("a/b.txt", b"two")
    assert (root / "a/b.txt").stat().st_mode & 0o777 == 0o754


@pytest.mark.parametrize("link", ["file", "folder", "dangling"])
def test_links_lead_nowhere(root: Path, link: str) -> None:
    outside = root.parent / "outside"
    tree = Tree(root)
    if link == "folder":
        (root / "link").symlink_to(outside)
        path = "link/secret.txt"
    else:
        (root / "link").symlink_to(outside / ("secret.txt" if link == "file" else "none.txt"))
        path = "link"
    assert tree.read(path, LIMIT) is None
    if link == "folder":
        for below in (path, "link/new"):
            with pytest.raises(OSError, match=r"Not a directory|symbolic"):
                tree.write(below, b"changed")
        tree.delete(path)
    else:
        # The link itself gives way to a file.
        tree.write(path, b"changed")
        assert tree.read(path, LIMIT) == b"changed"
        tree.delete(path)
    assert {one.name: one.read_text() for one in outside.iterdir()} == {"secret.txt": "secret"}


def test_folders_behind_a_link_are_not_listed(root: Path) -> None:
    """A link to "/" would have the whole disk read."""
    (root / "link").symlink_to(root.parent / "outside")
    (root / "a" / "up").symlink_to(root)
    tree = Tree(root)
    for below in ("link", "link/secret.txt", "a/up", "a/up/a"):
        assert list(tree.files(below)) == []
    assert sorted(tree.files()) == ["a/b.txt"]
    assert list(Tree(root / "a" / "up").files("a")) == ["a/b.txt"]


def test_what_is_no_file_is_none(root: Path) -> None:
    tree = Tree(root)
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(root / "socket"))
    (root / "large").write_bytes(b"x" * (LIMIT + 1))
    for path in ("a", "a/b.txt/c", "none", "none/none", "pipe", "socket", "large"):
        assert tree.read(path, LIMIT) is None, path
    assert tree.read("large", LIMIT + 1) == b"x" * (LIMIT + 1)


def test_a_failed_write_leaves_nothing(root: Path) -> None:
    tree = Tree(root)
    with pytest.raises(OSError, match="Directory not empty"):
        tree.write("a", b"two")
    with pytest.raises(NotADirectoryError):
        tree.write("a/b.txt/c", b"two")
    assert sorted(os.listdir(root)) == ["a"]
    assert os.listdir(root / "a") == ["b.txt"]


def place(tree: Tree, path: str, deed: str) -> None:
    """Bring a file to a path."""
    if deed == "moved":
        tree.write("new", b"new")
        tree.move("new", path, overwrite=False)
    else:
        tree.write(path, b"new", new=deed == "created")


DEEDS = ["created", "written", "moved"]


@pytest.mark.parametrize("deed", DEEDS)
def test_folders_without_files_give_way(root: Path, deed: str) -> None:
    (root / "a" / "b.txt").unlink()
    for name in ("deep/deeper", "more"):
        (root / "a" / name).mkdir(parents=True)
    place(Tree(root), "a", deed)
    assert {one.name: one.read_text() for one in root.iterdir()} == {"a": "new"}


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("kind", ["file", "link", "repository"])
def test_a_folder_with_something_else_stays_whole(root: Path, deed: str, kind: str) -> None:
    (root / "a" / "b.txt").unlink()
    for name in ("a", "z"):
        (root / "a" / name).mkdir()
    if kind == "link":
        (root / "a" / "m").symlink_to(root.parent / "outside")
    elif kind == "file":
        (root / "a" / "m").write_text("kept")
    else:
        (root / "a" / ".git" / "refs" / "tags").mkdir(parents=True)
        (root / "a" / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    before = sorted(root.joinpath("a").rglob("*"))
    descriptors = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="Directory not empty"):
        place(Tree(root), "a", deed)
    assert sorted(root.joinpath("a").rglob("*")) == before
    assert os.listdir("/proc/self/fd") == descriptors


def test_what_comes_into_a_folder_while_it_is_removed_stays(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "a" / "b.txt").unlink()
    (root / "a" / "deep").mkdir()
    remove = os.rmdir

    def removed(name: str, *, dir_fd: int) -> None:
        (root / "a" / "late").write_text("kept")
        remove(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "rmdir", removed)
    with pytest.raises(OSError, match="Directory not empty"):
        Tree(root).write("a", b"new", new=True)
    assert (root / "a" / "late").read_text() == "kept"


def test_a_folder_moves_to_where_an_emptied_one_is(root: Path) -> None:
    (root / "empty" / "deep").mkdir(parents=True)
    tree = Tree(root)
    tree.move("a", "empty", overwrite=False)
    assert sorted(tree.files()) == ["empty/b.txt"]
    assert not (root / "empty" / "deep").exists()
    # A folder has come where a file was: the file is gone already.
    tree.delete("empty")
    assert sorted(tree.files()) == ["empty/b.txt"]


def test_a_folder_is_made_durable_once_for_many_files(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, synced, sync = Tree(root), list[int](), os.fsync

    def noted(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    folder, top = (root / "a").stat().st_ino, root.stat().st_ino
    tree.write("a/c", b"c")
    tree.delete("a/c")
    assert synced.count(folder) == 2
    unsettled: set[str] = set()
    for name in ("a/c", "a/d", "e"):
        tree.write(name, b"new", unsettled=unsettled)
    tree.delete("a/b.txt", unsettled=unsettled)
    assert (unsettled, synced.count(folder), synced.count(top)) == ({"a", ""}, 2, 0)
    tree.settle({*unsettled, "gone", "e/no folder"})
    assert (synced.count(folder), synced.count(top)) == (3, 1)
    assert sorted(tree.files()) == ["a/c", "a/d", "e"]


def test_a_folder_that_git_takes_for_a_repository_is_left_alone(root: Path) -> None:
    bare = root / "a" / "bare"
    (bare / "inner").mkdir(parents=True)
    (bare / "HEAD").write_text("ref: refs/heads/main\n")
    (bare / "inner" / "b.txt").write_text("one")
    tree = Tree(root)
    for path in ("a/bare/config", "a/bare/inner/b.txt"):
        with pytest.raises(PermissionError, match="a folder on its way has a file HEAD"):
            tree.write(path, b"two")
        with pytest.raises(PermissionError, match="a folder on its way has a file HEAD"):
            tree.delete(path)
        assert tree.read(path, LIMIT) is None
    assert sorted(tree.files()) == ["a/b.txt"]
    assert (bare / "inner" / "b.txt").read_text() == "one"
    assert not tree.is_repository()
    assert Tree(bare).is_repository()


def test_what_a_kill_left_half_written_is_deleted(root: Path) -> None:
    left = ".new-0123456789abcdef"
    kept = [".new-0123", "new-0123456789abcdef", ".git/" + left]
    for name in [left, "a/" + left, *kept]:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("half")
    assert Tree(root).clean() == 2
    assert not (root / left).exists()
    assert not (root / "a" / left).exists()
    assert all((root / name).exists() for name in kept)
    assert Tree(root).clean() == 0


DECOMPOSED = "cafe\u0301"
COMPOSED = "caf\xe9"


def test_decomposed_names_are_found_for_their_composed_ones(root: Path) -> None:
    """Archives made on macOS bring such names, and programs there write them."""
    (root / DECOMPOSED).mkdir()
    (root / DECOMPOSED / f"{DECOMPOSED}.txt").write_text("old")
    tree, path = Tree(root), f"{COMPOSED}/{COMPOSED}.txt"
    assert path in tree.files()
    assert list(tree.files(COMPOSED)) == [path]
    assert tree.is_folder(COMPOSED)
    assert not tree.is_folder(path)
    assert tree.read(path, 100) == b"old"
    tree.write(path, b"new")
    assert [one.name for one in (root / DECOMPOSED).iterdir()] == [f"{DECOMPOSED}.txt"]
    tree.move(path, f"{COMPOSED}/b.txt", overwrite=False)
    tree.write(f"{COMPOSED}/{COMPOSED}2.txt", b"2")
    assert sorted(os.listdir(root / DECOMPOSED)) == ["b.txt", f"{COMPOSED}2.txt"]
    tree.delete(f"{COMPOSED}/b.txt")
    assert list(tree.files(COMPOSED)) == [f"{COMPOSED}/{COMPOSED}2.txt"]


def test_two_spellings_of_one_name(root: Path) -> None:
    for name in (f"{DECOMPOSED}.txt", f"{COMPOSED}.txt", "a\u0323\u0307.txt", "a\u0307\u0323.txt"):
        (root / name).write_text(name)
    left: list[str] = []
    tree = Tree(root)
    found = sorted(tree.files(leave=left.append))
    assert found == ["a/b.txt", f"{COMPOSED}.txt", "\u1ea1\u0307.txt"]
    assert sorted(left) == ["a\u0323\u0307.txt", f"{DECOMPOSED}.txt"]
    assert tree.read(f"{COMPOSED}.txt", 100) == f"{COMPOSED}.txt".encode()
    assert tree.read("\u1ea1\u0307.txt", 100) == "a\u0307\u0323.txt".encode()
