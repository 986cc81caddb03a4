"""Versions: snapshots of all files of a project, which share their contents with the files.

What goes through all files is done in steps, and takes effect with the last step: see `trees`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, NamedTuple

from server.api.errors import Code, EventError
from server.api.records import Version
from server.store import leftovers, project_files, trees
from server.store.connection import Connection
from server.store.contents import Stored
from server.store.project_files import Change
from server.store.trees import Author, Steps

MAX_VERSIONS: Final = 1_000
"""Versions of one project."""

_SELECT: Final = (
    "SELECT v.id, v.project_id, v.name, v.message, v.created_at, v.created_by, t.file_count, "
    "v.automatic "
    "FROM versions v JOIN trees t ON t.id = v.tree "
)


class _Among(NamedTuple):
    """Which paths a statement is about: those for which one of the `conditions` holds.

    values: the values of all conditions, in which `{1}` is the first. Each condition finds its rows
    by an index; see `connection.each`.
    """

    conditions: list[str]
    values: Sequence[str]

    def select(self, body: str, path: str, before: int) -> str:
        """Return the statement that selects the rows for which a condition on the column `path`
        holds. `{}` in `body` stands for the condition. The placeholders of the values follow
        `before` others.
        """
        places = [f"?{before + 1 + number}" for number in range(len(self.values))]
        return " UNION ALL ".join(
            body.format(condition.format(path, *places)) for condition in self.conditions
        )


class Differing(NamedTuple):
    """A path, and the contents before and after; None where there is no such file."""

    path: str
    before: Stored | None
    after: Stored | None


class Restored(NamedTuple):
    """The version that was restored, the new version of the files before, and the changes.

    There is no `backup` if nothing has changed.
    """

    version: Version
    backup: Version | None
    changes: list[Change]


def versions(connection: Connection, project_id: str) -> list[Version]:
    """Return all versions of a project, the newest first."""
    rows = connection.execute(
        _SELECT + "WHERE v.project_id = ? ORDER BY v.sequence DESC", (project_id,)
    )
    return [_from_row(row) for row in rows]


def version(connection: Connection, project_id: str, version_id: str) -> Version:
    """Return a version of the project.

    Raises:
        EventError: there is none of that id (`NOT_FOUND`).
    """
    row = connection.execute(
        _SELECT + "WHERE v.id = ? AND v.project_id = ?", (version_id, project_id)
    ).fetchone()
    if row is None:
        raise EventError(Code.NOT_FOUND, f"version {version_id!r}: the project has no such version")
    return _from_row(row)


def create(connection: Connection, new: Version, key: str | None = None) -> Steps[Version]:
    """Take a snapshot, unless its maker has taken one of the project with this `key` before. Return
    the version that is there. The `file_count` of the given version is ignored. Automatic versions
    do not count among those that a project may have.

    Raises:
        EventError: the project has too many versions (`RATE_LIMIT_EXCEEDED`), or is not there.
    """
    if key is not None:
        row = connection.execute(
            _SELECT + "WHERE v.project_id = ? AND v.created_by = ? AND v.client_key = ?",
            (new.project_id, new.created_by, key),
        ).fetchone()
        if row is not None:
            return _from_row(row)
    _check_version_limit(connection, new.project_id)
    present = trees.of_project(connection, new.project_id)
    tree = trees.begin(connection, new.project_id)
    yield from trees.copy(connection, new.project_id, present, tree)
    trees.finish(connection, new.project_id, tree, like=present)
    connection.execute(
        "UPDATE projects SET versioned = revision, unversioned_since = NULL WHERE id = ?",
        (new.project_id,),
    )
    return _add(connection, new, tree, key)


def compared(
    connection: Connection, project_id: str, version_id: str, other_id: str | None
) -> tuple[int, int]:
    """Return the trees of a version, and of another one or of the project at present.

    Raises:
        EventError: there is no such version (`NOT_FOUND`).
    """
    version(connection, project_id, version_id)
    before = _tree_of(connection, version_id)
    if other_id is None:
        return before, trees.of_project(connection, project_id)
    version(connection, project_id, other_id)
    return before, _tree_of(connection, other_id)


def differing(
    connection: Connection, compared: tuple[int, int], start: str, most: int
) -> tuple[list[Differing], str | None]:
    """Compare the first files of two trees after the path `start`, at most `most` of each.

    Return those that differ, by path, and the path to go on after; None if there are no more.

    Raises:
        EventError: one of the trees was deleted meanwhile (`NOT_FOUND`).
    """
    sides = [_contents(connection, tree, start, most) for tree in compared]
    # If one tree is not read to its end, nothing is known of the paths after its last one.
    ends = [max(side) for side in sides if len(side) == most]
    end = min(ends, default=None)
    before, after = sides
    paths = sorted(path for path in before.keys() | after.keys() if end is None or path <= end)
    found = [Differing(path, before.get(path), after.get(path)) for path in paths]
    return [one for one in found if one.before != one.after], end


def content_of(connection: Connection, version_id: str, path: str) -> Stored | None:
    """Return where a content of a version is, None if the version has no file at that path."""
    row = connection.execute(
        "SELECT hash, size, media_type FROM tree_files WHERE tree = ? AND path = ?",
        (_tree_of(connection, version_id), path),
    ).fetchone()
    return None if row is None else Stored(*row)


def restore(
    connection: Connection,
    version_id: str,
    backup: Version,
    *,
    user_id: str,
    now: str,
    check: Callable[[Collection[Change]], object],
) -> Steps[Restored]:
    """Make the project's files those of the version. Keep the files of before as a version,
    `backup`.

    `check` is called with the changes in the last step, and may refuse all of it.

    Raises:
        EventError: there is no such version (`NOT_FOUND`), or the project has too many of them
        (`RATE_LIMIT_EXCEEDED`).
    """
    project_id = backup.project_id
    wanted = version(connection, project_id, version_id)
    _check_version_limit(connection, project_id)
    source, present = _tree_of(connection, version_id), trees.of_project(connection, project_id)
    tree = trees.begin(connection, project_id)
    author = (project_files.revision(connection, project_id) + 1, now, user_id)
    changes: dict[str, Change] = {}
    after = ""
    while (last := trees.end_of_step(connection, present, after)) is not None:
        changes.update(_deleted(connection, present, source, _between(after, last)))
        after = last
        yield
    after = ""
    while (last := trees.end_of_step(connection, source, after)) is not None:
        changes.update(_differing(connection, source, present, _between(after, last), author))
        after = last
        yield
    if not changes and not trees.is_touched(connection, project_id):
        trees.give_up(connection, project_id)
        return Restored(wanted, None, [])
    after = ""
    while (last := trees.end_of_step(connection, source, after)) is not None:
        _merge(connection, source, present, tree, _between(after, last), author)
        after = last
        yield

    def again(paths: list[str]) -> None:
        later = (project_files.revision(connection, project_id) + 1, now, user_id)
        among = _Among([f"{{0}} = {{{number}}}" for number in range(1, len(paths) + 1)], paths)
        for path in paths:
            changes.pop(path, None)
        # Their contents are the version's.
        trees.take_out(connection, tree, paths)
        _merge(connection, source, present, tree, among, later)
        changes.update(_deleted(connection, present, source, among))
        changes.update(_differing(connection, source, present, among, later))

    # A file that was changed meanwhile was changed before this: the change is in the backup, and
    # the file is looked at again.
    yield from trees.catch_up(connection, project_id, again)
    check(changes.values())
    trees.finish(connection, project_id, tree, like=source)
    (revision,) = connection.execute(
        "UPDATE projects SET tree = ?, revision = revision + 1 WHERE id = ? RETURNING revision",
        (tree, project_id),
    ).fetchone()
    done = [one if one.file else one._replace(gone_at=revision) for one in changes.values()]
    return Restored(wanted, _add(connection, backup, present), done)


def delete(connection: Connection, version_id: str) -> None:
    """Delete a version. Its files, and the contents that nothing else has, are deleted later."""
    leftovers.add_tree(connection, _tree_of(connection, version_id))
    connection.execute("DELETE FROM versions WHERE id = ?", (version_id,))


def _deleted(
    connection: Connection, present: int, wanted: int, among: _Among
) -> Iterator[tuple[str, Change]]:
    """Return the paths of a tree that another one does not have."""
    body = (
        "SELECT p.path FROM tree_files p WHERE p.tree = ?1 AND {} "
        "AND NOT EXISTS (SELECT 1 FROM tree_files w WHERE w.tree = ?2 AND w.path = p.path)"
    )
    statement = f"{among.select(body, 'p.path', 2)} ORDER BY 1"
    rows = connection.execute(statement, (present, wanted, *among.values))
    for (path,) in rows:
        yield path, Change(path, None, created=False)


def _differing(
    connection: Connection, wanted: int, present: int, among: _Among, author: Author
) -> Iterator[tuple[str, Change]]:
    """Return the files of a tree that another one does not have, or has with another content."""
    revision, now, user_id = author
    body = (
        "SELECT w.path, w.size, w.hash, w.media_type, p.hash IS NULL FROM tree_files w "
        "LEFT JOIN tree_files p ON p.tree = ?1 AND p.path = w.path "
        "WHERE w.tree = ?2 AND {} AND (p.hash IS NULL OR p.hash <> w.hash)"
    )
    statement = f"{among.select(body, 'w.path', 2)} ORDER BY 1"
    rows = connection.execute(statement, (present, wanted, *among.values))
    for path, size, content_hash, media_type, is_new in rows:
        file = project_files.from_row(
            (path, size, content_hash, revision, now, user_id, media_type)
        )
        yield path, Change(path, file, created=bool(is_new))


def _merge(
    connection: Connection,
    wanted: int,
    present: int,
    target: int,
    among: _Among,
    author: Author,
) -> None:
    """Copy files of a tree. A file that is the same at present keeps its revision, time and user;
    the others get those of `author`.
    """
    body = (
        "SELECT ?1, w.path, w.hash, w.size, coalesce(p.revision, ?2), "
        "coalesce(p.updated_at, ?3), coalesce(p.updated_by, ?4), w.media_type FROM tree_files w "
        "LEFT JOIN tree_files p ON p.tree = ?5 AND p.path = w.path AND p.hash = w.hash "
        "WHERE w.tree = ?6 AND {}"
    )
    connection.execute(
        f"INSERT INTO tree_files {among.select(body, 'w.path', 6)}",
        (target, *author, present, wanted, *among.values),
    )


def _between(after: str, last: str) -> _Among:
    """Return the paths after one path up to another one."""
    return _Among(["{0} > {1} AND {0} <= {2}"], (after, last))


def _check_version_limit(connection: Connection, project_id: str) -> None:
    (count,) = connection.execute(
        "SELECT count(*) FROM versions WHERE project_id = ? AND automatic = 0", (project_id,)
    ).fetchone()
    if count >= MAX_VERSIONS:
        raise EventError(
            Code.RATE_LIMIT_EXCEEDED,
            f"the project has {MAX_VERSIONS} versions, the most allowed: delete some first",
        )


def _add(connection: Connection, new: Version, tree: int, key: str | None = None) -> Version:
    connection.execute(
        "INSERT INTO versions (id, project_id, name, message, created_at, created_by, tree, "
        "automatic, client_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(new.id, new.project_id, new.name, new.message, new.created_at, new.created_by),
            *(tree, int(new.automatic), key),
        ),
    )
    return version(connection, new.project_id, new.id)


def _from_row(row: tuple[str, str, str, str, str, str, int, int]) -> Version:
    return Version(*row[:7], automatic=bool(row[7]))


def _tree_of(connection: Connection, version_id: str) -> int:
    row = connection.execute("SELECT tree FROM versions WHERE id = ?", (version_id,)).fetchone()
    if row is None:
        raise EventError(Code.NOT_FOUND, f"version {version_id!r}: there is no such version")
    tree: int = row[0]
    return tree


def _contents(connection: Connection, tree: int, start: str, most: int) -> dict[str, Stored]:
    there = connection.execute(
        "SELECT 1 FROM trees WHERE id = ?1 "
        "AND NOT EXISTS (SELECT 1 FROM leftovers WHERE tree = ?1)",
        (tree,),
    ).fetchone()
    if there is None:
        raise EventError(Code.NOT_FOUND, "a version was deleted while it was compared")
    rows = connection.execute(
        "SELECT path, hash, size, media_type FROM tree_files "
        "WHERE tree = ? AND path > ? ORDER BY path LIMIT ?",
        (tree, start, most),
    )
    return {path: Stored(*content) for path, *content in rows}
