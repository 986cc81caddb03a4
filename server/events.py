"""The table of all events that a client may send."""

from __future__ import annotations

from typing import Final

from server import diagnostics, projects, rooms, typing_indicator, users
from server.registry import EventSpec, payload
from server.schema import Anything, Flag, Name

_PROJECT: Final = {"projectId": Name()}
_ROOM: Final = {"room": Name(maximum=200)}

EVENTS: Final = {
    spec.name: spec
    for spec in (
        EventSpec(
            name="room:join", payload=payload(_ROOM), handler=rooms.join, failure="room:error"
        ),
        EventSpec(
            name="room:leave", payload=payload(_ROOM), handler=rooms.leave, failure="room:error"
        ),
        EventSpec(
            name="room:leaveAll", payload=payload(), handler=rooms.leave_all, failure="room:error"
        ),
        EventSpec(
            name="project:join",
            payload=payload(_PROJECT),
            handler=projects.join,
            needs_project=True,
        ),
        EventSpec(
            name="project:leave",
            payload=payload(_PROJECT),
            handler=projects.leave,
            needs_project=True,
        ),
        EventSpec(name="user:join", payload=payload({"userId": Name()}), handler=users.join),
        EventSpec(name="user:leave", payload=payload({"userId": Name()}), handler=users.leave),
        EventSpec(
            name="user:typing",
            payload=payload({"isTyping": Flag()}, _PROJECT),
            handler=typing_indicator.typing,
            needs_project=True,
        ),
        EventSpec(name="test:ping", payload=payload(), handler=diagnostics.ping),
        EventSpec(
            name="test:event",
            payload=Anything(maximum=diagnostics.MAX_ECHO),
            handler=diagnostics.echo,
        ),
    )
}
