"""The methods of a client that speak to people, and invite them.

Each is a function whose first argument is the client.
"""

from __future__ import annotations

from ai_coding_assistant.calling import Caller
from ai_coding_assistant.events import (
    FilePlace,
    InvitationAcceptResult,
    InvitationCreateResult,
    PeopleMessage,
    Role,
)


async def invite(
    socket: Caller,
    project_id: str,
    role: Role = "editor",
    *,
    days: int = 7,
    uses: int | None = None,
) -> InvitationCreateResult:
    """Make an invitation to a project: `{"invitation": …, "token": …}`. Whoever has the token
    can become a member, for so many days, and with `uses` so often.

    Raises:
        Refused: the user is no owner of the project, or it has too many invitations.
        Unreachable: the connection was lost, or there is no answer.
    """
    payload = {"projectId": project_id, "role": role, "days": days, "uses": uses}
    return await socket.call("invitation:create", payload)


async def accept_invitation(socket: Caller, token: str) -> InvitationAcceptResult:
    """Become a member by an invitation: `{"project": …, "role": …}`.

    Raises:
        Refused: the invitation is unknown or over (`NOT_FOUND`).
        Unreachable: the connection was lost, or there is no answer.
    """
    return await socket.call("invitation:accept", {"token": token})


async def send_message(
    socket: Caller,
    message: str,
    project_id: str,
    *,
    place: FilePlace | None = None,
    key: str | None = None,
) -> PeopleMessage:
    """Say something to the people of a project, in Markdown, and return the message as it is
    kept; no assistant is asked. `@` and a name notifies somebody.

    `place` is what it is about: `{"filePath": …, "line": …}`, lines from 0. A message that is
    sent again with the same `key`, because no acknowledgement came, is there once.

    Raises:
        Refused: the message cannot be taken.
        Unreachable: the connection was lost, or there is no answer.
    """
    payload = {"projectId": project_id, "message": message, "place": place, "key": key}
    return (await socket.call("chat:message", payload))["message"]
