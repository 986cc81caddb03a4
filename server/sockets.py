"""Which sockets a user and a session have at the moment, whatever rooms those are in."""

from __future__ import annotations

from typing import Final

from server.identity import Identity, identity_of, set_identity
from socketio_min import Socket

_NONE: Final[dict[str, Socket]] = {}


class Sockets:
    """The connected sockets, by user and by session."""

    __slots__ = ("_by_session", "_by_user")

    def __init__(self) -> None:
        self._by_user: dict[str, dict[str, Socket]] = {}
        self._by_session: dict[str, dict[str, Socket]] = {}

    def identify(self, socket: Socket, identity: Identity) -> None:
        """The socket acts as somebody, else than before or for the first time."""
        self.forget(socket)
        set_identity(socket, identity)
        if identity.user is not None:
            self._by_user.setdefault(identity.user.id, {})[socket.id] = socket
        if identity.session_key is not None:
            self._by_session.setdefault(identity.session_key, {})[socket.id] = socket

    def forget(self, socket: Socket) -> None:
        """The socket is gone."""
        identity = identity_of(socket)
        if identity.user is not None:
            _take_out(self._by_user, identity.user.id, socket)
        if identity.session_key is not None:
            _take_out(self._by_session, identity.session_key, socket)

    def of_user(self, user_id: str) -> list[Socket]:
        """A user's sockets."""
        return list(self._by_user.get(user_id, _NONE).values())

    def of_session(self, session_key: str) -> list[Socket]:
        """A session's sockets."""
        return list(self._by_session.get(session_key, _NONE).values())


def _take_out(table: dict[str, dict[str, Socket]], key: str, socket: Socket) -> None:
    sockets = table.get(key)
    if sockets is not None and sockets.pop(socket.id, None) is not None and not sockets:
        del table[key]
