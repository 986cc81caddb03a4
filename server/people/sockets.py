"""The sockets of this node, by user and by session. Each socket is also in the room of its user and
in that of its session, which reach the sockets on all nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from server.api.errors import Code, EventError
from server.api.identity import Identity, identity_of, set_identity
from server.api.records import User
from server.people.room_access import session_room, sockets_room
from socketio_min import Socket

_GONE: Final = "gone"
_NONE: Final[dict[str, Socket]] = {}


class Sockets:
    """The connected sockets, by user and by session; `most` is how many may act as one user.

    `changed(user)` is called when a user has another socket, or one fewer.
    """

    __slots__ = ("_by_session", "_by_user", "_changed", "_most")

    def __init__(self, most: int, changed: Callable[[User], object]) -> None:
        self._most = most
        self._changed = changed
        self._by_user: dict[str, dict[str, Socket]] = {}
        self._by_session: dict[str, dict[str, Socket]] = {}

    def check_connection_limit(self, socket: Socket, user_id: str) -> None:
        """Let a socket act as a user.

        Raises:
            EventError: the user has as many sockets as allowed (`RATE_LIMIT_EXCEEDED`).
        """
        sockets = self._by_user.get(user_id, _NONE)
        if socket.id not in sockets and len(sockets) >= self._most:
            raise EventError(
                Code.RATE_LIMIT_EXCEEDED,
                f"{user_id!r} has {self._most} connections, the most allowed: close one first",
            )

    def identify(self, socket: Socket, identity: Identity) -> None:
        """Set who the socket acts as, for the first time or instead of somebody else."""
        self._take_out(socket)
        set_identity(socket, identity)
        if self.is_gone(socket):
            # The socket's last events are still being handled; nobody can reach it any more.
            return
        # What is kept for the connection counts for this user, however many connections the user
        # has.
        socket.connection.count_for(None if identity.user is None else identity.user.id)
        if identity.user is not None:
            self._by_user.setdefault(identity.user.id, {})[socket.id] = socket
            socket.join(sockets_room(identity.user.id))
            self._changed(identity.user)
        if identity.session_key is not None:
            self._by_session.setdefault(identity.session_key, {})[socket.id] = socket
            socket.join(session_room(identity.session_key))

    def is_gone(self, socket: Socket) -> bool:
        """Return whether the socket has been forgotten."""
        return bool(socket.data.get(_GONE))

    def forget(self, socket: Socket) -> None:
        """Forget a socket that has disconnected."""
        socket.data[_GONE] = True
        self._take_out(socket)

    def of_user(self, user_id: str) -> list[Socket]:
        """Return a user's sockets."""
        return list(self._by_user.get(user_id, _NONE).values())

    def users(self) -> Iterator[str]:
        """Yield the ids of those who are connected."""
        yield from self._by_user

    def sessions(self) -> list[str]:
        """Return the keys of the sessions that have sockets."""
        return list(self._by_session)

    def of_session(self, session_key: str) -> list[Socket]:
        """Return a session's sockets."""
        return list(self._by_session.get(session_key, _NONE).values())

    def _take_out(self, socket: Socket) -> None:
        identity = identity_of(socket)
        user_id = None
        if identity.user is not None:
            user_id = identity.user.id
            self._changed(identity.user)
            socket.leave(sockets_room(user_id))
        if identity.session_key is not None:
            socket.leave(session_room(identity.session_key))
        for table, key in ((self._by_user, user_id), (self._by_session, identity.session_key)):
            if key is None or key not in table:
                continue
            table[key].pop(socket.id, None)
            if not table[key]:
                del table[key]
