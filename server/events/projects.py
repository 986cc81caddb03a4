"""What a client may send about projects, and who is let into them."""

from __future__ import annotations

from typing import Final

from server.api.rate_limit import Rate
from server.api.registry import Access, EventSpec
from server.api.types import PagePayload, ProjectPayload
from server.projects import inviting, projects, searching, sharing

_INVITATION: Final = Rate("invitation", burst=20, per_second=0.5)
_PROJECT: Final = Rate("project", burst=60, per_second=2)
# Each search goes through some megabytes, in a process of its own.
_SEARCH: Final = Rate("search", burst=60, per_second=5)

PROJECTS: Final = (
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
        name="invitation:create",
        payload=inviting.InvitationCreatePayload,
        handler=inviting.create,
        result=inviting.InvitationCreateResult,
        access=Access.OWNER,
        rate=_INVITATION,
    ),
    EventSpec(
        name="invitation:list",
        payload=ProjectPayload,
        handler=inviting.list_invitations,
        result=inviting.InvitationsResult,
        access=Access.OWNER,
    ),
    EventSpec(
        name="invitation:revoke",
        payload=inviting.InvitationRevokePayload,
        handler=inviting.revoke,
        access=Access.OWNER,
    ),
    EventSpec(
        name="invitation:accept",
        payload=inviting.InvitationAcceptPayload,
        handler=inviting.accept,
        result=inviting.InvitationAcceptResult,
        rate=_INVITATION,
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
        name="project:search",
        payload=searching.SearchPayload,
        handler=searching.search,
        result=searching.SearchResult,
        access=Access.VIEWER,
        rate=_SEARCH,
    ),
)
