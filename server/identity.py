"""Who a socket acts as.

Without accounts (`AUTH_MODE=open`) a socket starts as a guest and becomes the first `userId` that
it declares in any payload; it stays that user for the rest of its life. What it did as a guest
before moves along, see `projects.change_user`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from server.errors import Code, EventError
from socketio_min import Socket

_USER, _DECLARED = "user", "declared"


@dataclass(frozen=True, slots=True)
class User:
    """A user as others see them."""

    id: str
    name: str

    @property
    def data(self) -> dict[str, str]:
        """The `user` of an event's data."""
        return {"id": self.id, "name": self.name}


def begin_as_guest(socket: Socket) -> None:
    """A socket has connected."""
    guest = f"guest-{secrets.token_hex(3)}"
    socket.data[_USER] = User(guest, guest)
    socket.data[_DECLARED] = False


def acting_user(socket: Socket) -> User:
    """Who the socket acts as now."""
    user: User = socket.data[_USER]
    return user


def declare(socket: Socket, user_id: str) -> User | None:
    """The socket says who it is; returns the guest that it was until now, if this changes it.

    Raises:
        EventError: it has declared somebody else before (`FORBIDDEN`).
    """
    before = acting_user(socket)
    if socket.data[_DECLARED]:
        if user_id != before.id:
            raise EventError(
                Code.FORBIDDEN,
                f"this connection acts as {before.id!r} and cannot act as {user_id!r}: "
                "leave out userId, or open another connection",
            )
        return None
    socket.data[_DECLARED] = True
    if user_id == before.id:
        return None
    # Without accounts there is no other name to show.
    socket.data[_USER] = User(user_id, user_id)
    return before
