"""Which sockets have which documents open, in memory."""

from __future__ import annotations

from collections import Counter
from typing import Final

from server.api.errors import Code, EventError
from server.api.paths import is_within, moved
from server.people.room_access import document_room
from socketio_min import Socket

MAX_OPEN: Final = 20
"""Documents that one user may have open, on all connections together."""

Key = tuple[str, str]
"""A project's id and a path."""


class OpenDocuments:
    """The documents that are open, with the sockets that have them."""

    __slots__ = ("_counts", "_epochs", "_sockets", "_users")

    def __init__(self) -> None:
        self._epochs: dict[Key, str] = {}
        self._sockets: dict[Key, dict[str, Socket]] = {}
        # The user of each socket with documents, and how often each user has each document open.
        self._users: dict[str, dict[Key, str]] = {}
        self._counts: dict[str, Counter[Key]] = {}

    def check_limit(self, key: Key, user_id: str) -> None:
        """Let a user open a document.

        Raises:
            EventError: the user has `MAX_OPEN` others open (`RATE_LIMIT_EXCEEDED`).
        """
        counts = self._counts.get(user_id, Counter())
        if key not in counts and len(counts) >= MAX_OPEN:
            raise EventError(
                Code.RATE_LIMIT_EXCEEDED,
                f"you have {MAX_OPEN} files open, the most allowed: close one first",
            )

    def add(self, key: Key, epoch: str, socket: Socket, user_id: str) -> None:
        """Let a socket hear of a document. If the epoch is another one, the document was opened
        anew.
        """
        if self._epochs.get(key) != epoch:
            self.close(key)
        self.remove(key, socket)
        self._epochs[key] = epoch
        self._sockets.setdefault(key, {})[socket.id] = socket
        self._users.setdefault(socket.id, {})[key] = user_id
        self._counts.setdefault(user_id, Counter())[key] += 1
        socket.join(document_room(epoch))

    def remove(self, key: Key, socket: Socket) -> bool:
        """Let a socket hear no more of a document. Return whether the socket had it open."""
        user_id = self._users.get(socket.id, {}).pop(key, None)
        if user_id is None:
            return False
        if not self._users[socket.id]:
            del self._users[socket.id]
        counts = self._counts[user_id]
        counts[key] -= 1
        if not counts[key]:
            del counts[key]
        if not counts:
            del self._counts[user_id]
        socket.leave(document_room(self._epochs[key]))
        del self._sockets[key][socket.id]
        if not self._sockets[key]:
            del self._sockets[key], self._epochs[key]
        return True

    def leave(self, socket: Socket, project_id: str | None = None) -> None:
        """Close a socket's documents, in one project or in all."""
        for key in list(self._users.get(socket.id, ())):
            if project_id in (None, key[0]):
                self.remove(key, socket)

    def move(self, project_id: str, source: str, target: str) -> None:
        """Let the documents of a file, or of the files in a folder, follow to another path. A
        document that is open there is closed.
        """
        for key in self.of_project(project_id):
            if is_within(key[1], [target]):
                self.close(key)
        for key in self.of_project(project_id):
            path = moved(key[1], source, target)
            if path is None:
                continue
            renamed = (project_id, path)
            self._epochs[renamed] = self._epochs.pop(key)
            sockets = self._sockets[renamed] = self._sockets.pop(key)
            for socket_id in sockets:
                user_id = self._users[socket_id][renamed] = self._users[socket_id].pop(key)
                counts = self._counts[user_id]
                if key in counts:
                    counts[renamed] = counts.pop(key)

    def close(self, key: Key) -> None:
        """Close a document for all."""
        for socket in list(self._sockets.get(key, {}).values()):
            self.remove(key, socket)

    def has(self, key: Key, socket_id: str) -> bool:
        """Return whether a socket has a document open."""
        return socket_id in self._sockets.get(key, ())

    def of_project(self, project_id: str) -> list[Key]:
        """Return the documents of a project that somebody has open."""
        return [key for key in self._epochs if key[0] == project_id]
