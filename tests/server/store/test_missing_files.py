"""Where a file or folder is that is not at a path any more."""

from __future__ import annotations

import pytest

from server.api.records import Project
from server.store import folders, membership, project_files
from server.store.connection import Connection
from server.store.missing_files import missing, nothing_at


@pytest.fixture(autouse=True)
def project(connection: Connection) -> None:
    membership.add_project(connection, Project("p", "P", "", "web", [], "", ""))


def write(connection: Connection, path: str) -> None:
    project_files.write(connection, "p", path, path, user_id="ada", now="")


def move(connection: Connection, source: str, target: str) -> None:
    project_files.move(connection, "p", source, target)


def moved_to(connection: Connection, path: str) -> str | None:
    details = missing(connection, "p", path).details
    return None if details is None else details["movedTo"]


def test_it_is_found_over_all_moves(connection: Connection) -> None:
    write(connection, "a")
    move(connection, "a", "b")
    move(connection, "b", "c/d")
    assert [moved_to(connection, path) for path in ("a", "b", "x")] == ["c/d", "c/d", None]
    # Another one comes there, and goes on.
    write(connection, "x")
    move(connection, "x", "a")
    move(connection, "a", "y")
    assert [moved_to(connection, path) for path in ("a", "b", "x")] == ["y", "c/d", "y"]


def test_what_was_at_the_path_since_is_what_is_asked_for(connection: Connection) -> None:
    write(connection, "a")
    move(connection, "a", "b")
    write(connection, "a")
    project_files.delete(connection, "p", "a")
    assert moved_to(connection, "a") is None


def test_a_folder_is_found_unless_another_one_was_there_since(
    connection: Connection,
) -> None:
    def folder(path: str) -> str | None:
        details = nothing_at(connection, "p", path).details
        return None if details is None else details["movedTo"]

    write(connection, "a/b/c")
    for _ in folders.move(connection, "p", "a/b", "d", lambda: None):
        pass
    assert [folder(path) for path in ("a/b", "a/b/c", "a")] == ["d", "d/c", None]
    # Who asks for a file is told of none but a file.
    assert [moved_to(connection, path) for path in ("a/b", "a/b/c")] == [None, "d/c"]
    write(connection, "a/b/e")
    project_files.delete(connection, "p", "a/b/e")
    assert [folder(path) for path in ("a/b", "a/b/c")] == [None, "d/c"]


def test_what_is_gone_is_nowhere(connection: Connection) -> None:
    write(connection, "a")
    move(connection, "a", "b")
    project_files.delete(connection, "p", "b")
    assert moved_to(connection, "a") is None
    assert missing(connection, "p", "a").message == "file 'a': the project has no such file"
