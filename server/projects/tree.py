"""Files below one directory, and nowhere else.

A path is walked part by part with directory descriptors that follow no symbolic link, so nothing
that anybody puts into the directory, at whatever moment, leads out of it. What is written appears
whole or not at all: a new file takes the old one's place.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from server.api.paths import folders

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_TEMPORARY: Final = ".new-"


class Tree:
    """The regular files below `root`. Paths are normal ones, see `paths`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, path: str, limit: int) -> bytes | None:
        """A file's content; None if there is no regular file, or one of more than `limit` bytes.

        Raises:
            OSError: it cannot be read.
        """
        try:
            with self._folder(path) as (folder, name):
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                with open(os.open(name, flags, dir_fd=folder), "rb") as file:
                    status = os.fstat(file.fileno())
                    if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
                        return None
                    content = file.read(limit + 1)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):  # A symbolic link, a socket.
                return None
            raise
        return content if len(content) <= limit else None

    def write(self, path: str, content: bytes, *, new: bool = False) -> None:
        """Give a file this content, durably; folders on its way are made.

        Raises:
            OSError: it cannot be written, its way leads over something that is no folder, or a
            `new` one is there already.
        """
        with self._folder(path, make=True) as (folder, name):
            temporary = f"{_TEMPORARY}{secrets.token_hex(8)}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                with open(os.open(temporary, flags, 0o666, dir_fd=folder), "wb") as file:
                    with contextlib.suppress(FileNotFoundError):
                        before = os.stat(name, dir_fd=folder, follow_symlinks=False)
                        if new:
                            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
                        if stat.S_ISREG(before.st_mode):
                            os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=folder)
                raise
            os.fsync(folder)

    def delete(self, path: str) -> None:
        """Delete a file, if it is there.

        Raises:
            OSError: it cannot be deleted.
        """
        with (
            contextlib.suppress(FileNotFoundError, NotADirectoryError),
            self._folder(path) as (folder, name),
        ):
            os.unlink(name, dir_fd=folder)
            os.fsync(folder)

    def files(self, below: str = "") -> Iterator[str]:
        """The paths of all entries below a folder that are no folders; links are not followed."""
        # A link to the root of the disk, say, would have all of it read through.
        if below and any((self.root / part).is_symlink() for part in [*folders(below), below]):
            return
        for folder, folder_names, names in os.walk(self.root / below, followlinks=False):
            relative = Path(folder).relative_to(self.root)
            folder_names[:] = [name for name in folder_names if not is_ignored_folder(name)]
            for name in names:
                yield (relative / name).as_posix()

    @contextlib.contextmanager
    def _folder(self, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """The folder that a file is in, as an open descriptor, and the file's name."""
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for folder in folders(path):
                name = folder.rpartition("/")[2]
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(name, dir_fd=descriptor)
                inner = os.open(name, _DIRECTORY, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor, path.rpartition("/")[2]
        finally:
            os.close(descriptor)


_IGNORED_FOLDERS: Final = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        ".venv",
        ".tox",
        ".idea",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".hypothesis",
        "__pycache__",
        "node_modules",
        "site-packages",
    }
)
_IGNORED_ENDINGS: Final = ("~", ".swp", ".swx", ".pyc", ".DS_Store")


def is_ignored_folder(name: str) -> bool:
    """Whether a folder is a program's own business: its history, its packages, its caches."""
    # Some file systems take ".GIT" for the same folder.
    return name.casefold() in _IGNORED_FOLDERS


def is_ignored(path: str) -> bool:
    """Whether a file is in such a folder or has its name, or is an editor's or our own passing one.

    A file `.git` leads git to another folder, whose settings may name programs to run.
    """
    parts = path.split("/")
    name = parts[-1]
    return (
        any(map(is_ignored_folder, parts))
        or name.startswith(_TEMPORARY)
        or name.endswith(_IGNORED_ENDINGS)
    )
