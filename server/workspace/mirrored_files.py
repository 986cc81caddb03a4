"""The files of a directory as a project may have them: which of them, and their contents.

All of this reads the disk, and is done on a thread that may wait for it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from server.api.errors import EventError
from server.api.paths import bounds, normal
from server.store import project_files
from server.store.engine import StoreError
from server.workspace.directory_tree import Tree, composed
from server.workspace.left_out import NO_FILE, TOO_LONG, TWICE, LeftOut, left_out_part
from server.workspace.mirror_rules import refusal

if TYPE_CHECKING:
    import watchfiles

logger = logging.getLogger("server.workspace")

MAX_TOTAL: Final = 200_000_000
"""Bytes of all files that are mirrored."""
_BYTES_AT_ONCE: Final = 1_000_000
"""Bytes of files, and characters, that one piece of work reads and takes over."""


def read_some(
    tree: Tree, paths: Sequence[str]
) -> tuple[dict[str, str | bytes | None], dict[str, str]]:
    """Return the contents of the first of these files, as many as one piece of work reads: a text
    as a str. None stands for a file that is not there or cannot be mirrored. Return also why files
    that are there are left out, "" for those that are not.
    """
    mirrored = {path for path in paths if _is_mirrored(path)}
    read = tree.read_all([path for path in paths if path in mirrored], project_files.MAX_FILE)
    found: dict[str, str | bytes | None] = {}
    reasons: dict[str, str] = {}
    left = _BYTES_AT_ONCE
    for path in paths:
        found[path] = None
        if path in mirrored:
            found[path], reasons[path] = _content(tree, path, next(read))
        left -= len(found[path] or "")
        if left <= 0:
            break
    return found, reasons


def _content(
    tree: Tree, path: str, content: bytes | OSError | None
) -> tuple[str | bytes | None, str]:
    """Return a file's content, as a str if it is a text. Without one return None, and why."""
    if isinstance(content, OSError):
        logger.warning("%s in the workspace cannot be read: %s", path, content.strerror)
        return None, ""
    if content is None:
        return None, _why_not_read(tree.place(path))
    if b"\0" in content:
        return content, ""
    try:
        return content.decode(), ""
    except UnicodeDecodeError:
        return content, ""


def _why_not_read(place: Path) -> str:
    try:
        status = place.lstat()
    except OSError:
        return ""
    if stat.S_ISDIR(status.st_mode):
        return ""
    return TOO_LONG if stat.S_ISREG(status.st_mode) else NO_FILE


def survey(tree: Tree, known: LeftOut, paths: Collection[str]) -> str:
    """Look which names are left out, below these paths or everywhere. Return the line of the log,
    "" if nothing is new.
    """

    def leave(path: str) -> None:
        part, reason = left_out_part(path)
        known.put(part or path, reason or TWICE)

    known.keep(lambda path: os.path.lexists(tree.place(path)), None if "" in paths else paths)
    for path in paths:
        if left_out_part(path)[0]:
            if os.path.lexists(tree.place(path)):
                leave(path)
            continue
        for one in tree.files(path, leave) if tree.is_folder(path) else ():
            if left_out_part(one)[0]:
                leave(one)
    return known.news()


def expanded(tree: Tree, paths: set[str], known: Sequence[str]) -> list[str]:
    """Return the files that these paths stand for, in the directory or in the project. `known` are
    files of the project, sorted, among which are all that may be meant.

    Each path is looked up: 10,000 changes compared with 10,000 files were a hundred million
    comparisons.
    """
    here = set(known)
    found: set[str] = set()
    for path in paths:
        first, end = (bisect_left(known, bound) for bound in bounds(path))
        found.update(known[first:end] if path else known)
        found.add(path)
        if tree.is_folder(path):
            found.update(tree.files(path))
    # A file of the project that is out of reach is taken out of the project.
    return sorted(path for path in found if path in here or _is_mirrored(path))


def _is_mirrored(path: str) -> bool:
    try:
        return normal(path) == path and not refusal(path)
    except EventError:
        return False


def all_files(tree: Tree) -> list[str]:
    """Return the path that stands for everything, if everything is not too much.

    Raises:
        StoreError: it is too much.
    """
    count = total = 0
    for path in filter(_is_mirrored, tree.files()):
        with contextlib.suppress(OSError):
            size = tree.place(path).lstat().st_size
            count, total = count + 1, total + (size if size <= project_files.MAX_FILE else 0)
        if count > project_files.MAX_FILES or total > MAX_TOTAL:
            raise StoreError(
                f"WORKSPACE: {str(tree.root)!r} has more than {project_files.MAX_FILES} files or "
                f"{MAX_TOTAL // 1_000_000} MB; choose a smaller directory"
            )
    return [""]


def changed_paths(tree: Tree, changes: Iterable[tuple[watchfiles.Change, str]]) -> list[str]:
    """Return the paths of changes in the directory; "" is the directory itself."""
    root = os.fspath(tree.root)
    inside = os.path.join(root, "")
    return [
        composed(name.removeprefix(inside)) if name != root else ""
        for _, name in changes
        if name == root or name.startswith(inside)
    ]
