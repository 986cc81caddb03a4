"""The table of all events that a client may send.

Their payloads and handlers are in the modules named here; what the server sends is in
`announcements`. Validation, authorisation, `asyncapi.yaml` and `docs/events.md` come from both.
"""

from __future__ import annotations

from typing import Any, Final

from server.accounts import auth
from server.ai import chat
from server.api.rate_limit import Rate
from server.api.registry import Access, EventSpec
from server.api.types import PagePayload, Payload, ProjectPagePayload, ProjectPayload
from server.live import batches, cursors, diagnostics, presence
from server.live import typing as typing_indicator
from server.people import notifications, users
from server.projects import files, locks, projects, rooms, sharing, versions

# The wait after failed logins is apart from this, in `attempts`.
_LOGIN: Final = Rate("login", burst=20, per_second=1, of_connection=True)
_SESSION: Final = Rate("session", burst=20, per_second=1, of_connection=True)
_LIVE: Final = Rate("live", burst=200, per_second=60)
_SNAPSHOT: Final = Rate("version", burst=30, per_second=1)
_ASSISTANT: Final = Rate("ai", burst=20, per_second=0.5)
_PROJECT: Final = Rate("project", burst=60, per_second=2)

EVENTS: Final = {
    spec.name: spec
    for spec in (
        EventSpec(
            name="auth:session",
            payload=auth.SessionPayload,
            handler=auth.session,
            result=auth.AuthResult,
            access=Access.ANYBODY,
            rate=_SESSION,
            failure="auth:error",
        ),
        EventSpec(
            name="auth:login",
            payload=auth.LoginPayload,
            handler=auth.login,
            result=auth.AuthResult,
            access=Access.ANYBODY,
            rate=_LOGIN,
            failure="auth:error",
        ),
        EventSpec(
            name="auth:check",
            payload=Payload,
            handler=auth.check,
            result=auth.SessionResult,
            access=Access.ANYBODY,
            failure="auth:error",
        ),
        EventSpec(
            name="auth:refresh",
            payload=Payload,
            handler=auth.refresh,
            result=auth.SessionResult,
            access=Access.ANYBODY,
            rate=_SESSION,
            failure="auth:error",
        ),
        EventSpec(
            name="auth:logout",
            payload=Payload,
            handler=auth.logout,
            result=auth.LogoutResult,
            failure="auth:error",
        ),
        EventSpec(
            name="project:create",
            payload=projects.ProjectCreatePayload,
            handler=projects.create,
            result=projects.ProjectResult,
            rate=_PROJECT,
        ),
        EventSpec(
            name="project:list",
            payload=PagePayload,
            handler=projects.list_projects,
            result=projects.ProjectsResult,
        ),
        EventSpec(
            name="project:update",
            payload=projects.ProjectUpdatePayload,
            handler=projects.update,
            result=projects.ProjectResult,
            access=Access.EDITOR,
        ),
        EventSpec(
            name="project:delete",
            payload=ProjectPayload,
            handler=projects.delete,
            result=projects.ProjectDeleteResult,
            access=Access.OWNER,
            rate=_PROJECT,
        ),
        EventSpec(
            name="project:share",
            payload=sharing.SharePayload,
            handler=sharing.share,
            result=projects.ProjectResult,
            access=Access.OWNER,
            rate=_PROJECT,
        ),
        EventSpec(
            name="project:unshare",
            payload=sharing.UnsharePayload,
            handler=sharing.unshare,
            result=projects.ProjectResult,
            access=Access.VIEWER,
            rate=_PROJECT,
        ),
        EventSpec(
            name="project:join",
            payload=ProjectPayload,
            handler=projects.join,
            result=projects.ProjectJoinResult,
            access=Access.VIEWER,
        ),
        EventSpec(
            name="project:leave",
            payload=sharing.LeavePayload,
            handler=sharing.leave,
            result=projects.ProjectLeaveResult,
            access=Access.VIEWER,
        ),
        EventSpec(
            name="file:list",
            payload=ProjectPagePayload,
            handler=files.list_files,
            result=files.FilesResult,
            access=Access.VIEWER,
        ),
        EventSpec(
            name="file:read",
            payload=files.FileReadPayload,
            handler=files.read,
            result=files.FileReadResult,
            access=Access.VIEWER,
        ),
        EventSpec(
            name="file:change",
            payload=files.FileChangePayload,
            handler=files.change,
            result=files.FileChangeResult,
            access=Access.EDITOR,
        ),
        EventSpec(
            name="file:lock",
            payload=locks.LockPayload,
            handler=locks.lock,
            result=locks.LockResult,
            access=Access.EDITOR,
        ),
        EventSpec(
            name="file:unlock",
            payload=locks.UnlockPayload,
            handler=locks.unlock,
            result=locks.UnlockResult,
            access=Access.VIEWER,
        ),
        EventSpec(
            name="version:create",
            payload=versions.VersionCreatePayload,
            handler=versions.create,
            result=versions.VersionResult,
            access=Access.EDITOR,
            rate=_SNAPSHOT,
        ),
        EventSpec(
            name="version:list",
            payload=ProjectPagePayload,
            handler=versions.list_versions,
            result=versions.VersionsResult,
            access=Access.VIEWER,
        ),
        EventSpec(
            name="version:compare",
            payload=versions.VersionComparePayload,
            handler=versions.compare,
            result=versions.VersionCompareResult,
            access=Access.VIEWER,
            rate=_SNAPSHOT,
        ),
        EventSpec(
            name="version:restore",
            payload=versions.VersionPayload,
            handler=versions.restore,
            result=versions.VersionRestoreResult,
            access=Access.EDITOR,
            rate=_SNAPSHOT,
        ),
        EventSpec(
            name="version:delete",
            payload=versions.VersionPayload,
            handler=versions.delete,
            result=versions.VersionDeleteResult,
            access=Access.EDITOR,
            rate=_SNAPSHOT,
        ),
        EventSpec(
            name="ai:message",
            payload=chat.AiMessagePayload,
            handler=chat.message,
            result=chat.AiMessageResult,
            access=Access.EDITOR,
            rate=_ASSISTANT,
        ),
        EventSpec(
            name="ai:history",
            payload=ProjectPagePayload,
            handler=chat.history,
            result=chat.HistoryResult,
            access=Access.VIEWER,
        ),
        EventSpec(
            name="ai:cancel",
            payload=chat.AiCancelPayload,
            handler=chat.cancel,
            result=chat.AiCancelResult,
        ),
        EventSpec(
            name="ai:status",
            payload=chat.AiStatusPayload,
            handler=chat.status,
            access=Access.EDITOR,
            rate=_LIVE,
        ),
        EventSpec(
            name="user:join",
            payload=users.UserPayload,
            handler=users.join,
            result=users.UserJoinResult,
        ),
        EventSpec(
            name="user:leave",
            payload=users.UserPayload,
            handler=users.leave,
            result=users.UserLeaveResult,
        ),
        EventSpec(
            name="user:presence",
            payload=presence.PresencePayload,
            handler=presence.presence,
            result=presence.PresenceResult,
            rate=_LIVE,
        ),
        EventSpec(
            name="user:typing",
            payload=typing_indicator.TypingPayload,
            handler=typing_indicator.typing,
            access=Access.VIEWER,
            rate=_LIVE,
        ),
        EventSpec(
            name="cursor:update",
            payload=cursors.CursorPayload,
            handler=cursors.update,
            access=Access.VIEWER,
            rate=_LIVE,
        ),
        EventSpec(
            name="notification:list",
            payload=PagePayload,
            handler=notifications.list_notifications,
            result=notifications.NotificationsResult,
        ),
        EventSpec(
            name="notification:read",
            payload=notifications.NotificationReadPayload,
            handler=notifications.mark_read,
            result=notifications.NotificationReadResult,
        ),
        EventSpec(
            name="room:join",
            payload=rooms.RoomPayload,
            handler=rooms.join,
            result=rooms.RoomResult,
            failure="room:error",
        ),
        EventSpec(
            name="room:leave",
            payload=rooms.RoomPayload,
            handler=rooms.leave,
            result=rooms.RoomResult,
            failure="room:error",
        ),
        EventSpec(
            name="room:leaveAll",
            payload=Payload,
            handler=rooms.leave_all,
            result=rooms.RoomsResult,
            failure="room:error",
        ),
        EventSpec(
            name="batch:update",
            payload=batches.BatchPayload,
            handler=batches.update,
            result=batches.BatchResult,
        ),
        EventSpec(
            name="test:ping", payload=Payload, handler=diagnostics.ping, access=Access.ANYBODY
        ),
        EventSpec(
            name="test:event",
            payload=Any,
            handler=diagnostics.echo,
            result=diagnostics.EchoResult,
            access=Access.ANYBODY,
        ),
    )
}
