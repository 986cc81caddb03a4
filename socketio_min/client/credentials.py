"""What a client presents in CONNECT, and what the answer gives it for the next CONNECT (Socket.IO
v5, "Connection to a namespace").

By the private id `pid` and the `offset` of the last event a server with connection state recovery
restores the client's state and sends the events that it missed.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final, TypeGuard

from socketio_min.client.options import Auth
from socketio_min.errors import ConnectionRefused, ProtocolError

# The most characters of an id that a server gives.
MAX_ID: Final = 256


class Credentials:
    """The credentials of one namespace: the application's, and those for recovery."""

    __slots__ = ("_offset", "_pid")

    def __init__(self) -> None:
        # The private id of the last connection, and the offset of the last event that had one.
        self._pid: str | None = None
        self._offset: str | None = None

    async def present(self, auth: Auth) -> dict[str, Any] | None:
        """Return the payload of CONNECT: `auth`, or what its function returns, and the private id
        and the offset if there are any.

        Raises:
            Exception: whatever the application's function raises.
        """
        given = auth() if callable(auth) else auth
        payload = await given if isinstance(given, Awaitable) else given
        if self._pid is None:
            return None if payload is None else dict(payload)
        state = {"pid": self._pid}
        if self._offset is not None:
            state["offset"] = self._offset
        return {**state, **(payload or {})}

    def forget(self) -> None:
        """Present no private id and no offset in the next CONNECT."""
        self._offset = self._pid = None

    def renew(self, pid: str | None) -> bool:
        """Take the private id of a new connection. Return whether the state is restored."""
        recovered = pid is not None and pid == self._pid
        if not recovered:
            self._offset = None
        self._pid = pid
        return recovered

    def note_offset(self, args: list[Any]) -> bool:
        """Note the offset at the end of an event's arguments. Return whether there is one.

        With recovery, the server adds an offset to each event that asks for no acknowledgement.
        """
        if self._pid is not None and args and isinstance(args[-1], str):
            self._offset = args[-1]
            return True
        return False


def read_acceptance(data: dict[str, Any] | None) -> tuple[str, str | None]:
    """Return the socket's id and its private id, None without one, from the answer to CONNECT.

    Raises:
        ProtocolError: the answer has no valid id.
    """
    sid = data.get("sid") if data is not None else None
    pid = data.get("pid") if data is not None else None
    if _is_id(sid) and (pid is None or _is_id(pid)):
        return sid, pid
    raise ProtocolError(
        "got CONNECT without a valid sid: is this a server of Socket.IO v3 or newer?"
    )


def _is_id(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= MAX_ID


def read_refusal(data: dict[str, Any] | str) -> ConnectionRefused:
    """Return the error that a CONNECT_ERROR tells of."""
    message = data.get("message") if isinstance(data, dict) else data
    detail = data.get("data") if isinstance(data, dict) else None
    return ConnectionRefused(str(message), detail)
