"""What a user is doing, for all who share a project with them: `user:presence`."""

from __future__ import annotations

from typing import Final

from server.api import records
from server.api.envelope import timestamp
from server.api.people_announcements import UserPresence
from server.api.rate_limit import Rate
from server.api.records import PresenceStatus
from server.api.services import Call
from server.api.types import Line, Payload, ProjectPagePayload, Record
from server.api.validation import position
from server.live.presence_table import Presence
from server.people.room_access import project_of, project_room

LIVE: Final = Rate("live", burst=200, per_second=60)
"""How often a user may send events that tell what they are doing."""
PRESENT: Final = 200
"""Users that one answer lists, if the client does not say how many."""


class PresencePayload(Payload, frozen=True, kw_only=True):
    """What the user is doing. The time is the server's, whatever `timestamp` says."""

    status: PresenceStatus
    activity: Line | None = None
    timestamp: Line | None = None


class PresenceResult(Record, frozen=True):
    """What the others see."""

    presence: records.Presence


class PresentResult(Record, frozen=True):
    """The users in the project, in the order in which they came; `next` where there are more."""

    presence: list[records.Presence]
    next: str | None = None


def list_present(call: Call[ProjectPagePayload]) -> PresentResult:
    """List the users who are in the project, 200 at once unless the payload asks for up to 1000."""
    payload = call.payload
    return page(call.services.presence, payload.project_id, payload.after, payload.limit)


def page(there: Presence, project_id: str, after: str | None, limit: int | None) -> PresentResult:
    """Return a page of the users in a project."""
    shown, last = there.page(project_id, position(after), limit or PRESENT)
    return PresentResult(shown, None if last is None else str(last))


def presence(call: Call[PresencePayload]) -> PresenceResult:
    """Tell the others in all projects of the user what the user is doing."""
    payload = call.payload
    call.check_connected()
    now = call.services.presence.say(call.user, payload.status, payload.activity)
    announcement = UserPresence(
        user=call.user, status=now.status, timestamp=timestamp(), activity=now.activity
    )
    # The presence is the user's and not the socket's. Others who share several projects with the
    # user hear of it once.
    services = call.services
    sockets = services.sockets.of_user(call.user.id)
    rooms = {room for one in sockets for room in one.rooms if project_of(room) is not None}
    rooms.update(map(project_room, services.cluster_presence.others.projects(call.user.id)))
    services.cluster_presence.tell(call.user)
    call.tell_others(sorted(rooms), announcement)
    return PresenceResult(now)
