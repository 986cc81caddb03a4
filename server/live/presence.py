"""What a user is doing, for all who share a project with them: `user:presence`."""

from __future__ import annotations

from server.api import records
from server.api.announcements import UserPresence
from server.api.envelope import timestamp
from server.api.records import PresenceStatus
from server.api.registry import Call
from server.api.types import Line, Payload, Record
from server.people.access import project_of


class PresencePayload(Payload, frozen=True, kw_only=True):
    """What one is doing. The time is the server's, whatever `timestamp` says."""

    status: PresenceStatus
    activity: Line | None = None
    timestamp: Line | None = None


class PresenceResult(Record, frozen=True):
    """What the others see."""

    presence: records.Presence


def presence(call: Call[PresencePayload]) -> PresenceResult:
    """Tell the others in one's projects what one is doing."""
    payload = call.payload
    call.check_connected()
    now = call.services.presence.say(call.user, payload.status, payload.activity)
    announcement = UserPresence(
        user=call.user, status=now.status, timestamp=timestamp(), activity=now.activity
    )
    # Of the user, not of this socket: what they do is the same for all who see them. Those who see
    # them in several projects hear it once.
    sockets = call.services.sockets.of_user(call.user.id)
    rooms = {room for one in sockets for room in one.rooms if project_of(room) is not None}
    call.tell_others(sorted(rooms), announcement)
    return PresenceResult(now)
