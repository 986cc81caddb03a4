"""Who a socket acts as.

With a session a socket acts as the session's user. Without one it depends on AUTH_MODE. "required"
makes the socket nobody, who may do little more than log in. "open" makes it a guest, until a
payload declares a `userId`: from then on the socket acts as that user, and what it did as a guest
becomes that user's, see `projects.change_user`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from server.api.records import User
from socketio_min import Socket

_KEY: Final = "identity"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a socket acts as.

    user: None for nobody.
    declared: the user cannot be changed by declaring another.
    session_key: the session's key in the database, None without a session.
    expires_at: when the session ends, in seconds since 1970.
    """

    user: User | None = None
    declared: bool = False
    session_key: str | None = None
    expires_at: float = float("inf")


_NOBODY: Final = Identity()


def guest() -> Identity:
    """Return a new guest."""
    name = f"guest-{secrets.token_hex(3)}"
    return Identity(User(name, name))


def identity_of(socket: Socket) -> Identity:
    """Return who the socket acts as now: nobody, until `set_identity` was called."""
    identity: Identity = socket.data.get(_KEY, _NOBODY)
    return identity


def set_identity(socket: Socket, identity: Identity) -> None:
    """Set who the socket acts as from now on."""
    socket.data[_KEY] = identity
