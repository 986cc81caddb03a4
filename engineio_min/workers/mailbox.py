"""The mailbox of each worker: a Unix socket, named as the worker, in a folder that all share.

Whoever has something for a worker connects to its mailbox when that is first needed. A worker that
is gone has none, which the sender sees at once. Only processes of the same user reach the folder: a
worker does not begin in one that others may enter. What comes is read strictly all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from engineio_min.errors import UsageError
from engineio_min.workers.messages import Inbox, Message, Outbox

logger = logging.getLogger("engineio_min.workers")

# Bytes, and connections, that may wait for one worker that does not read them.
MAX_WAITING = 16_777_216
MAX_WAITING_CONNECTIONS = 256

_BACKLOG = 128


class Mailbox:
    """The mailbox of the worker `name` in `folder`, and the streams to those of the others.

    `received(message)` is called for each message that comes.

    Raises:
        UsageError: other users may enter the folder.
    """

    def __init__(self, folder: Path, name: str, received: Callable[[Message], object]) -> None:
        self.name = name
        self._folder = folder
        self._received = received
        self._loop = asyncio.get_running_loop()
        self._inboxes: dict[socket.socket, Inbox] = {}
        self._outboxes: dict[str, tuple[socket.socket, Outbox]] = {}
        check_private(folder)
        self._listener = _unix_socket()
        self._listener.bind(str(folder / name))
        self._listener.listen(_BACKLOG)
        self._loop.add_reader(self._listener, self._accept)

    def send(self, name: str, content: bytes, descriptor: int | None = None) -> bool:
        """Send a message to the worker `name`. Return False if it is gone or does not read."""
        known = self._outboxes.get(name)
        if known is None:
            known = self._connect(name)
            if known is None:
                return False
        stream, outbox = known
        try:
            taken = outbox.put(content, descriptor)
        except OSError:
            self._lose(name)
            return False
        if outbox.waiting:
            self._loop.add_writer(stream, self._flush, name)
        return taken

    def forget(self, names: Iterable[str]) -> None:
        """Close the streams to workers that are gone."""
        for name in self._outboxes.keys() & set(names):
            self._lose(name)

    def close(self) -> None:
        """Remove the mailbox, and close the streams to and from the other workers."""
        self._loop.remove_reader(self._listener)
        self._listener.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._folder / self.name)
        for name in list(self._outboxes):
            self._lose(name)
        for stream in list(self._inboxes):
            self._end(stream)

    # -- the streams to others

    def _connect(self, name: str) -> tuple[socket.socket, Outbox] | None:
        stream = _unix_socket()
        try:
            stream.connect(str(self._folder / name))
        except OSError:
            # It is gone, or more workers connect to it at once than it has places for.
            stream.close()
            return None
        known = (stream, Outbox(stream, MAX_WAITING, MAX_WAITING_CONNECTIONS))
        self._outboxes[name] = known
        return known

    def _flush(self, name: str) -> None:
        stream, outbox = self._outboxes[name]
        try:
            outbox.flush()
        except OSError:
            self._lose(name)
            return
        if not outbox.waiting:
            self._loop.remove_writer(stream)

    def _lose(self, name: str) -> None:
        stream, outbox = self._outboxes.pop(name)
        self._loop.remove_writer(stream)
        outbox.close()

    # -- what comes

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            stream, _ = self._listener.accept()
            stream.setblocking(False)
            self._inboxes[stream] = Inbox(stream)
            self._loop.add_reader(stream, self._receive, stream)

    def _receive(self, stream: socket.socket) -> None:
        try:
            for message in self._inboxes[stream].receive():
                self._take(message)
        except (EOFError, ConnectionError):
            self._end(stream)
        except OSError as error:
            logger.warning("lost the stream from another worker (%s), which makes a new one", error)
            self._end(stream)

    def _take(self, message: Message) -> None:
        try:
            self._received(message)
        except Exception:
            logger.exception("a message of another worker could not be handled")

    def _end(self, stream: socket.socket) -> None:
        self._loop.remove_reader(stream)
        self._inboxes.pop(stream).close()


def _unix_socket() -> socket.socket:
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stream.setblocking(False)
    return stream


def check_private(folder: Path) -> None:
    """Refuse a folder for mailboxes that another user may enter, or replace by a link.

    Raises:
        UsageError: it is no folder, another user's, or its mode allows others something.
    """
    status = os.lstat(folder)
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or mode & 0o077:
        raise UsageError(
            f"got {folder} of the user {status.st_uid} with the mode {mode:o} for the sockets of "
            "workers, expected a folder of this user alone: remove it, or set its mode to 700"
        )
