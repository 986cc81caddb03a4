"""Changes that are still to be told.

Invariant: what is told of a file comes in the order of its changes, and once.
"""

from __future__ import annotations

from typing import Any

import pytest

from server.api.announcements import Announcement
from server.api.file_announcements import (
    FileCreated,
    FileDeleted,
    FileEdited,
    FileLocked,
    FileMoved,
    FileUnlocked,
    FileUpdated,
    VersionDeleted,
)
from server.api.records import File, Lock, User
from server.projects.untold import Untold
from server.store.project_files import Change

ADA = User("ada", "Ada")


def change(path: str, revision: int = 1) -> Change:
    return Change(path, file(path, revision), created=False)


def file(path: str, revision: int = 1) -> File:
    return File(path, path, 0, "hash", revision, "now", "ada")


class Ear:
    """Changes as they are told: the path, the revision, the content."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def tell(self, change: Change, content: str | None) -> None:
        self.heard.append((change.path, change.file and change.file.revision, content))


def test_each_change_is_told_once_with_its_content() -> None:
    untold, ear = Untold(), Ear()
    untold.add("p", [change("a"), change("b")], ear.tell)
    untold.tell("p", "b", "text")
    for path in ("b", "a", "a", "c"):
        untold.tell("p", path)
    untold.tell("q", "a")
    assert ear.heard == [("b", 1, "text"), ("a", 1, None)]
    assert len(untold) == 0


def test_a_later_change_of_the_same_file_comes_after_the_one_that_is_left() -> None:
    untold, ear = Untold(), Ear()
    untold.add("p", [change("a"), change("b")], ear.tell)
    untold.add("p", [change("b", 2), change("c", 2)], ear.tell)
    assert ear.heard == [("b", 1, None)]
    for path in "abc":
        untold.tell("p", path)
    assert ear.heard == [("b", 1, None), ("a", 1, None), ("b", 2, None), ("c", 2, None)]


@pytest.mark.parametrize(
    ("announcement", "told"),
    [
        (FileCreated(file=file("a")), ["a"]),
        (FileUpdated(file=file("a")), ["a"]),
        (FileDeleted(file_path="a", revision=2), ["a"]),
        (FileMoved(file_path="b", new_path="a", count=1, revision=2), ["b", "a"]),
        (FileEdited("a", "epoch", 1, "tab", 1, ADA, []), ["a"]),
        (FileLocked(Lock("a", "exclusive", ADA, 1, "now", orphaned=False)), ["a"]),
        (FileUnlocked("a", 1), ["a"]),
        (VersionDeleted("version-1"), []),
        (FileDeleted(file_path="c", revision=2), []),
    ],
)
def test_what_is_left_of_a_file_is_told_before_other_news_of_it(
    announcement: Announcement, told: list[str]
) -> None:
    untold, ear = Untold(), Ear()
    untold.tell_before("p", announcement)
    untold.add("p", [change("a"), change("b")], ear.tell)
    for project_id in ("q", None):
        untold.tell_before(project_id, announcement)
    assert ear.heard == []
    untold.tell_before("p", announcement)
    assert [path for path, *_ in ear.heard] == told


def test_what_is_left_may_become_another_change_or_none() -> None:
    untold, ear = Untold(), Ear()
    untold.add("p", [change("a"), change("b"), change("c")], ear.tell)
    untold.tell("p", "c")
    for path in "abc":
        untold.replace("p", path, None if path == "b" else change(path, 5))
    for path in "abc":
        untold.tell("p", path)
    assert ear.heard == [("c", 1, None), ("a", 5, None)]
    assert len(untold) == 0


def test_news_of_a_file_come_before_later_ones_and_stay_when_its_change_is_dropped() -> None:
    untold, ear = Untold(), Ear()
    heard = ear.heard
    for path in "ab":
        untold.leave("p", path, lambda path=path: heard.append((path, "news")))  # type: ignore[misc]
    untold.add("p", [change("a")], ear.tell)
    untold.replace("p", "a", None)
    untold.tell("p", "a")
    assert heard == []
    assert len(untold) == 1
    untold.tell_before("q", FileDeleted(file_path="a", revision=2))
    assert heard == []
    for _ in range(2):
        untold.tell_before("p", FileDeleted(file_path="a", revision=2))
    assert heard == [("a", "news")]
    untold.tell_news("p", "b")
    assert heard == [("a", "news"), ("b", "news")]
    assert len(untold) == 0
