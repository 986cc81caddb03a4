"""Folders: they are moved, copied and deleted as a whole, however many files they have.

A project has no folders, only files with slashes in their paths. Whatever is done to a folder gives
the project another tree. It is made from the present one in steps, as `trees` tells: nobody sees
half of it, and other work has its turns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from server.api.errors import Code, EventError
from server.api.paths import MAX_BYTES, bounds, folders
from server.store import history, leftovers, project_files, trees
from server.store.connection import Connection, each
from server.store.missing_files import nothing_at
from server.store.project_files import Change, Moved
from server.store.trees import COLUMNS, STEP, Author, Steps

_LAST: Final = "\U0010ffff" * (MAX_BYTES // 4 + 1)
"""A string after every path: it begins with more of the last character than a path can have."""


class Flow(NamedTuple):
    """Files that go from one tree to another: those from the path `first` to before `end`.

    cut: characters that their paths lose at the beginning. prefix: what the paths get instead.
    author: of the copies, if that is not the author of the files.
    """

    source: int
    target: int
    first: str = ""
    end: str = _LAST
    cut: int = 0
    prefix: str = ""
    author: Author | None = None

    def has(self, tree: int, path: str) -> bool:
        """Return whether a file at this path of a tree is among these files."""
        return self.source == tree and self.first <= path < self.end

    def renamed(self, path: str) -> str:
        """Return the path that a file gets in the other tree."""
        return self.prefix + path[self.cut :]


def move(
    connection: Connection,
    project_id: str,
    source: str,
    target: str,
    done: Callable[[], object],
) -> Steps[Moved]:
    """Give a folder another path. All else of its files stays.

    `done` is called in the last step, and may refuse all of it.

    Raises:
        EventError: there is no such folder (`NOT_FOUND`), or no place for it.
    """
    present = _present(connection, project_id, source, target)
    tree = trees.begin(connection, project_id)
    flows = [*around(present, tree, source), inside(present, tree, source, target)]
    moved = yield from flow(connection, project_id, flows, target)
    trees.finish(connection, project_id, tree, like=present)
    revision = put_in_place(connection, project_id, tree, present)
    history.move(connection, project_id, source, target)
    done()
    return Moved(len(moved), revision)


def copy(
    connection: Connection,
    project_id: str,
    source: str,
    target: str,
    *,
    user_id: str,
    now: str,
    done: Callable[[Collection[Change]], object],
) -> Steps[list[Change]]:
    """Copy a folder. Return the new files. `done` is called with them in the last step.

    Raises:
        EventError: as for `move`; or the project would have too much (`RATE_LIMIT_EXCEEDED`).
    """
    present = _present(connection, project_id, source, target)
    tree = trees.begin(connection, project_id)
    author = (project_files.revision(connection, project_id) + 1, now, user_id)
    flows = [Flow(present, tree), inside(present, tree, source, target, author)]
    copied = yield from flow(connection, project_id, flows, target)
    sums = trees.finish_counted(connection, tree, *counted(copied), present)
    project_files.check_project_limits(*sums)
    trees.forget_touched(connection, project_id)
    put_in_place(connection, project_id, tree, present)
    files = [copied[path] for path in sorted(copied)]
    done(files)
    return files


def check_free(connection: Connection, project_id: str, target: str) -> None:
    """Let a folder have a path at which there is nothing.

    Raises:
        EventError: there is something (`VERSION_CONFLICT`), or a folder on its way is a file
        (`INVALID_FILE_PATH`).
    """
    if project_files.is_taken(connection, project_id, target):
        raise taken(target)
    project_files.check_creatable(connection, project_id, target)


def taken(path: str) -> EventError:
    """Return the error for a path at which there is something."""
    return EventError(
        Code.VERSION_CONFLICT, f"path {path!r}: something is there already: choose another name"
    )


def _present(connection: Connection, project_id: str, source: str, target: str) -> int:
    """Return the project's tree, if the folder is there and its new path is free."""
    if not project_files.is_folder(connection, project_id, source):
        raise nothing_at(connection, project_id, source)
    check_free(connection, project_id, target)
    return trees.of_project(connection, project_id)


def inside(
    source: int, target: int, folder: str, renamed: str, author: Author | None = None
) -> Flow:
    """Return how the files of a folder flow to the path `renamed`."""
    return Flow(source, target, *bounds(folder), len(folder), renamed, author)


def around(source: int, target: int, folder: str) -> list[Flow]:
    """Return how all files but those of a folder flow."""
    first, end = bounds(folder)
    return [Flow(source, target, end=first), Flow(source, target, first=end)]


def put_in_place(connection: Connection, project_id: str, tree: int, before: int) -> int:
    """Make a tree that of the project, instead of another one. Return the revision of that."""
    revision: int
    (revision,) = connection.execute(
        "UPDATE projects SET tree = ?, revision = revision + 1 WHERE id = ? RETURNING revision",
        (tree, project_id),
    ).fetchone()
    leftovers.add_tree(connection, before)
    return revision


def flow(
    connection: Connection, project_id: str, flows: Sequence[Flow], target: str | None
) -> Steps[dict[str, Change]]:
    """Let files flow, and those again that are changed meanwhile. Return the files of the last
    flow, by path.

    Raises:
        EventError: somebody has put something meanwhile where the folder `target` is to be
        (`VERSION_CONFLICT`), or a path gets too long (`INVALID_FILE_PATH`).
    """
    found: dict[str, Change] = {}
    for one in flows:
        left = one
        while (last := _end_of_step(connection, left)) is not None:
            if target is not None:
                # Counted before, or files that come there would be copied with the rest.
                check_free(connection, project_id, target)
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM tree_files WHERE tree = ? AND path >= ? AND path <= ?",
                (left.source, left.first, last),
            ).fetchall()
            arrived = _arrived(connection, left, rows)
            if one is flows[-1]:
                found.update(arrived)
            left = left._replace(first=f"{last}\x01")
            yield

    in_the_way = set() if target is None else {target, *folders(target)}

    def again(paths: list[str]) -> None:
        for path in paths:
            if path in in_the_way or (target is not None and path.startswith(f"{target}/")):
                # Nothing was there at the beginning.
                raise taken(path)
        present = trees.of_project(connection, project_id)
        for one in flows:
            those = [path for path in paths if one.has(present, path)]
            if not those:
                continue
            renamed = [one.renamed(path) for path in those]
            for path in renamed:
                found.pop(path, None)
            gone = trees.take_out(connection, one.target, renamed)
            body = f"SELECT {COLUMNS} FROM tree_files WHERE tree = ?1 AND path = {{}}"
            rows = connection.execute(each(body, those, 1), (one.source, *those)).fetchall()
            arrived = _arrived(connection, one, rows)
            leftovers.release_all(connection, gone)
            if one is flows[-1]:
                found.update(arrived)

    yield from trees.catch_up(connection, project_id, again)
    return found


def counted(changes: Mapping[str, Change]) -> tuple[int, int]:
    """Return how many files there are, and how many bytes they have."""
    return len(changes), sum(one.file.size for one in changes.values() if one.file is not None)


def _end_of_step(connection: Connection, flow: Flow) -> str | None:
    """Return the last path of the next step of a flow; None if nothing is left."""
    row = connection.execute(
        "SELECT max(path) FROM (SELECT path FROM tree_files WHERE tree = ? AND path >= ? "
        "AND path < ? ORDER BY path LIMIT ?) AS step",
        (flow.source, flow.first, flow.end, STEP),
    ).fetchone()
    last: str | None = row[0]
    return last


def _arrived(
    connection: Connection, flow: Flow, rows: Sequence[tuple[Any, ...]]
) -> dict[str, Change]:
    """Let the files of these rows flow. Return them as they are then."""
    arrived = {}
    files = []
    for path, content_hash, size, revision, changed_at, changed_by, media_type in rows:
        renamed = flow.renamed(path)
        if len(renamed.encode()) > MAX_BYTES:
            raise EventError(
                Code.INVALID_FILE_PATH,
                f"path {path!r} would be longer than {MAX_BYTES} bytes: choose a shorter name",
            )
        touched = flow.author or (revision, changed_at, changed_by)
        file = project_files.from_row((renamed, size, content_hash, *touched, media_type))
        arrived[renamed] = Change(renamed, file, created=True)
        files.append(file)
    project_files.put_rows(connection, flow.target, files)
    return arrived
