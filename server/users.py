"""A user's own room, `user:<id>`, where all of their sockets can be reached."""

from __future__ import annotations

from typing import Any

from server.access import user_room
from server.registry import Call


def join(call: Call) -> dict[str, Any]:
    """Enter the own room. Another user's is out of reach: the dispatcher refuses their `userId`."""
    room = user_room(call.user.id)
    call.socket.join(room)
    return {"room": room, "user": call.user.data}


def leave(call: Call) -> dict[str, Any]:
    """Leave the own room."""
    room = user_room(call.user.id)
    call.socket.leave(room)
    return {"room": room}
