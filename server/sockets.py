"""Which sockets a user and a session have at the moment, whatever rooms those are in."""

from __future__ import annotations

from typing import Final

from server.identity import Identity, identity_of, set_identity
from socketio_min import Socket

_GONE: Final = "gone"
_NONE: Final[dict[str, Socket]] = {}


class Sockets:
    """The connected sockets, by user and by session."""

    __slots__ = ("_by_session", "_by_user")

    def __init__(self) -> None:
        self._by_user: dict[str, dict[str, Socket]] = {}
        self._by_session: dict[str, dict[str, Socket]] = {}

    def identify(self, socket: Socket, identity: Identity) -> None:
        """The socket acts as somebody, else than before or for the first time."""
        self._take_out(socket)
        set_identity(socket, identity)
        if socket.data.get(_GONE):
            # Its last events are still being handled; nobody can reach it any more.
            return
        if identity.user is not None:
            self._by_user.setdefault(identity.user.id, {})[socket.id] = socket
        if identity.session_key is not None:
            self._by_session.setdefault(identity.session_key, {})[socket.id] = socket

    def forget(self, socket: Socket) -> None:
        """The socket is gone, for good."""
        socket.data[_GONE] = True
        self._take_out(socket)

    def of_user(self, user_id: str) -> list[Socket]:
        """A user's sockets."""
        return list(self._by_user.get(user_id, _NONE).values())

    def of_session(self, session_key: str) -> list[Socket]:
        """A session's sockets."""
        return list(self._by_session.get(session_key, _NONE).values())

    def _take_out(self, socket: Socket) -> None:
        identity = identity_of(socket)
        user_id = None if identity.user is None else identity.user.id
        for table, key in ((self._by_user, user_id), (self._by_session, identity.session_key)):
            if key is None or key not in table:
                continue
            table[key].pop(socket.id, None)
            if not table[key]:
                del table[key]
