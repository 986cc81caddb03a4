"""Files below one directory, and nowhere else.

A path is walked part by part with directory descriptors that follow no symbolic link. So nothing
that anybody puts into the directory, at whatever moment, leads out of it. What is written appears
as a whole or not at all: a new file takes the place of the old one.

A path is composed (NFC). Some systems, and archives made on them, write accents as letters of their
own. Such a name is found by its composed form, unless another name is spelled like that form.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import unicodedata
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from server.api.paths import folders
from server.workspace.mirror_rules import TEMPORARY, is_mirrored_folder

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# The files by which git recognises a repository, whose settings may name programs to run.
_REPOSITORY: Final = "HEAD"
_READ_AT_ONCE: Final = 65_536
_LEFT_OVER: Final = re.compile(re.escape(TEMPORARY) + "[0-9a-f]{16}")


class RepositoryError(PermissionError):
    """A folder on the way to a file is a git repository without a work tree."""

    def __init__(self) -> None:
        super().__init__(errno.EPERM, "a folder on its way has a file HEAD, as git repositories do")


class Tree:
    """The regular files below `root`. Paths are normal ones, see `paths`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, path: str, limit: int) -> bytes | None:
        """Return a file's content, None if there is no regular file or it exceeds `limit` bytes.

        Raises:
            OSError: it cannot be read.
        """
        [content] = self.read_all([path], limit)
        if isinstance(content, OSError):
            raise content
        return content

    def read_all(self, paths: Sequence[str], limit: int) -> Iterator[bytes | OSError | None]:
        """Return what `read` returns for each path, or would raise. Files of one folder that follow
        each other open it once.
        """
        for _, group in groupby(paths, _folder_of):
            left = deque(group)
            try:
                with self._folder(left[0]) as (folder, _):
                    while left:
                        path = left.popleft()
                        yield _content(folder, _name_in(folder, path.rpartition("/")[2]), limit)
            except OSError as error:
                for _ in left:
                    yield _unless_missing(error)

    def write(
        self, path: str, content: bytes, *, new: bool = False, unsettled: set[str] | None = None
    ) -> None:
        """Give a file this content, durably. Folders on its way are made; in its place, a folder
        without any file gives way. With `unsettled` it is durable after `settle`.

        Raises:
            OSError: it cannot be written, its way leads over something that is no folder, or a
            `new` one is there already.
        """
        with self._folder(path, make=True) as (folder, name):
            temporary = f"{TEMPORARY}{secrets.token_hex(8)}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                with open(os.open(temporary, flags, 0o666, dir_fd=folder), "wb") as file:
                    with contextlib.suppress(FileNotFoundError):
                        before = os.stat(name, dir_fd=folder, follow_symlinks=False)
                        if stat.S_ISDIR(before.st_mode):
                            _remove_empty(folder, name)
                        elif new:
                            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
                        elif stat.S_ISREG(before.st_mode):
                            os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=folder)
                raise
            _settle(folder, path, unsettled)

    def delete(self, path: str, *, unsettled: set[str] | None = None) -> None:
        """Delete a file, if it is there. With `unsettled` that is durable after `settle`.

        Raises:
            OSError: it cannot be deleted.
        """
        with (
            contextlib.suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError),
            self._folder(path) as (folder, name),
        ):
            os.unlink(name, dir_fd=folder)
            _settle(folder, path, unsettled)

    def settle(self, unsettled: Iterable[str]) -> None:
        """Make durable which files are in these folders, as far as those are there.

        Raises:
            OSError: one cannot be written.
        """
        for folder in unsettled:
            with (
                contextlib.suppress(FileNotFoundError, NotADirectoryError),
                self._folder(f"{folder}/." if folder else ".") as (descriptor, _),
            ):
                os.fsync(descriptor)

    def move(self, path: str, target: str, *, overwrite: bool) -> None:
        """Give a file, or a folder with all that is in it, another path. Folders on its way are
        made; in its place, a folder without any file gives way. With `overwrite` a file replaces a
        file.

        Raises:
            OSError: it cannot be moved, or something is there already.
        """
        with self._folder(path) as (source, name), self._folder(target, make=True) as (to, new):
            with contextlib.suppress(FileNotFoundError):
                there = os.stat(new, dir_fd=to, follow_symlinks=False)
                moved = os.stat(name, dir_fd=source, follow_symlinks=False)
                # On a file system where capital letters make no difference, the two may be the same
                # file.
                is_itself = (there.st_dev, there.st_ino) == (moved.st_dev, moved.st_ino)
                may_be_replaced = overwrite and stat.S_ISREG(there.st_mode)
                if stat.S_ISDIR(there.st_mode) and not is_itself:
                    _remove_empty(to, new)
                elif not is_itself and not may_be_replaced:
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            os.rename(name, new, src_dir_fd=source, dst_dir_fd=to)
            os.fsync(source)
            os.fsync(to)

    def is_folder(self, path: str) -> bool:
        """Return whether there is a folder at that path, and no link; "" is the root."""
        try:
            return stat.S_ISDIR(os.lstat(self.place(path)).st_mode)
        except (OSError, ValueError):
            return False

    def place(self, path: str) -> Path:
        """Return a path as its names are spelled in the directory."""
        place = self.root
        parts = path.split("/") if path else []
        if path.isascii():
            return place.joinpath(*parts)
        for part in parts:
            name = part
            if not part.isascii() and not os.path.lexists(place / part):
                with contextlib.suppress(OSError):
                    name = _spelled(part, os.listdir(place))
            place = place / name
        return place

    def files(self, below: str = "", leave: Callable[[str], None] | None = None) -> Iterator[str]:
        """Return the paths of all entries below a folder that are no folders. No link is followed.

        `leave` is called with each folder that is not looked into, and with each entry, as it is
        spelled, whose composed name another entry has too.
        """
        # A link to the root of the disk, for example, would have all of the disk read.
        if below and any((self.root / part).is_symlink() for part in [*folders(below), below]):
            return
        for folder, folder_names, names in os.walk(self.place(below), followlinks=False):
            relative = Path(folder).relative_to(self.root)
            if _REPOSITORY in (*names, *folder_names):
                folder_names.clear()
                if leave is not None:
                    leave(composed((relative / _REPOSITORY).as_posix()))
                continue
            hidden = [name for name in folder_names if not is_mirrored_folder(name)]
            second = _second([*names, *folder_names])
            if leave is not None:
                for name in (*hidden, *second):
                    leave((relative / name).as_posix())
            folder_names[:] = [one for one in folder_names if one not in {*hidden, *second}]
            for name in names:
                if name not in second:
                    yield composed((relative / name).as_posix())

    def clean(self) -> int:
        """Delete the files that a kill has left half written. Return how many were found."""
        left = [path for path in self.files() if _LEFT_OVER.fullmatch(path.rpartition("/")[2])]
        for path in left:
            with contextlib.suppress(OSError):
                self.delete(path)
        return len(left)

    def is_repository(self) -> bool:
        """Return whether the root itself is a git repository without a work tree."""
        return (self.root / _REPOSITORY).exists()

    @contextlib.contextmanager
    def _folder(self, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """Return the folder that a file is in, as an open descriptor, and the file's name."""
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _check_no_repository(descriptor)
            for folder in folders(path):
                name = _name_in(descriptor, folder.rpartition("/")[2])
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(name, dir_fd=descriptor)
                inner = os.open(name, _DIRECTORY, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
                _check_no_repository(descriptor)
            yield descriptor, _name_in(descriptor, path.rpartition("/")[2])
        finally:
            os.close(descriptor)


def composed(path: str) -> str:
    """Return a path of the directory with its names composed."""
    return path if path.isascii() else unicodedata.normalize("NFC", path)


def _name_in(folder: int, name: str) -> str:
    """Return how a name is spelled in a folder, or how it is to be spelled if it is not there."""
    if name.isascii():
        return name
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return _spelled(name, os.listdir(folder))
    return name


def _spelled(name: str, names: Sequence[str]) -> str:
    """Return the first of these names whose composed form is `name`; `name` if there is none."""
    return min((one for one in names if composed(one) == name), default=name)


def _second(names: Sequence[str]) -> set[str]:
    """Return the names that are not found by their composed form, because another one is."""
    decomposed = [name for name in names if composed(name) != name]
    if not decomposed:
        return set()
    there = set(names)
    return {
        name
        for name in decomposed
        if composed(name) in there or _spelled(composed(name), names) != name
    }


def _check_no_repository(folder: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.stat(_REPOSITORY, dir_fd=folder, follow_symlinks=False)
        raise RepositoryError


def _remove_empty(folder: int, name: str) -> None:
    """Remove a folder that has nothing but folders in it, and these.

    A project has no empty folders, so one that was emptied is in the way of what comes there.

    Raises:
        OSError: it has something else, and stays as it was.
    """
    try:
        # First all are looked at: a repository of git has empty folders, and needs them.
        for _ in _folders_in(folder, name):
            pass
        with contextlib.closing(_folders_in(folder, name)) as found:
            for outer, inner in found:
                os.rmdir(inner, dir_fd=outer)
    except NotADirectoryError:
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY)) from None


def _folders_in(folder: int, name: str) -> Generator[tuple[int, str], None, None]:
    """Yield a folder and all that is in it, the innermost first: each as the open folder that it is
    in, and its name there.

    Raises:
        OSError: something is no folder.
    """
    descriptor = os.open(name, _DIRECTORY, dir_fd=folder)
    try:
        for inner in os.listdir(descriptor):
            yield from _folders_in(descriptor, inner)
    finally:
        os.close(descriptor)
    yield folder, name


def _settle(folder: int, path: str, unsettled: set[str] | None) -> None:
    """Make durable that a file has come or gone, or leave its folder `unsettled`."""
    if unsettled is None:
        os.fsync(folder)
    else:
        unsettled.add(_folder_of(path))


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0]


def _content(folder: int, name: str, limit: int) -> bytes | OSError | None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=folder)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
                return None
            # No more room than for the file: to ask for `limit` bytes takes longer than to read.
            content = os.read(descriptor, status.st_size + 1)
            while (more := os.read(descriptor, _READ_AT_ONCE)) and len(content) <= limit:
                content += more
        finally:
            os.close(descriptor)
    except OSError as error:
        return _unless_missing(error)
    return content if len(content) <= limit else None


def _unless_missing(error: OSError) -> OSError | None:
    """Return the error, None if it says that there is no regular file to read."""
    missing = FileNotFoundError, NotADirectoryError, IsADirectoryError, RepositoryError
    # The path leads over a symbolic link, or to a socket.
    no_file = error.errno in (errno.ELOOP, errno.ENXIO)
    return None if isinstance(error, missing) or no_file else error
