"""Which projects are due for a version by itself.

Invariant: a project is due once its changes since the last version are an hour old, and only then.
"""

from __future__ import annotations

import contextlib

from server.api.records import Project, Version
from server.store import automatic_versions, membership, project_files, snapshots
from server.store.connection import Connection


def make(connection: Connection, name: str, *, automatic: bool) -> None:
    new = Version(name, "p", name, "", "", "", 0, automatic=automatic)
    with contextlib.suppress(StopIteration):
        steps = snapshots.create(connection, new)
        while True:
            next(steps)


def test_a_project_is_due_after_a_while(connection: Connection) -> None:
    membership.add_project(connection, Project("p", "P", "", "web", [], "", ""))
    assert automatic_versions.due(connection, "10:00", "09:00") == []
    project_files.write(connection, "p", "a", "1", user_id="ada", now="")
    assert automatic_versions.due(connection, "10:00", "09:00") == []
    project_files.write(connection, "p", "a", "2", user_id="ada", now="")
    assert automatic_versions.due(connection, "10:59", "09:59") == []
    assert automatic_versions.due(connection, "11:00", "10:00") == ["p"]
    make(connection, "v", automatic=True)
    assert automatic_versions.due(connection, "11:01", "10:01") == []
    assert automatic_versions.due(connection, "13:00", "12:00") == []
    project_files.write(connection, "p", "a", "3", user_id="ada", now="")
    assert automatic_versions.due(connection, "13:30", "12:30") == []
    assert automatic_versions.due(connection, "14:29", "13:29") == []
    assert automatic_versions.due(connection, "14:30", "13:30") == ["p"]


def test_only_automatic_versions_give_way(connection: Connection) -> None:
    membership.add_project(connection, Project("p", "P", "", "web", [], "", ""))
    for number in range(4):
        make(connection, f"a{number}", automatic=True)
        make(connection, f"m{number}", automatic=False)
    assert automatic_versions.make_room(connection, "p", 3) == ["a1", "a0"]
    left = [one.id for one in snapshots.versions(connection, "p")]
    assert left == ["m3", "a3", "m2", "a2", "m1", "m0"]
    assert [one.automatic for one in snapshots.versions(connection, "p")][:2] == [False, True]
