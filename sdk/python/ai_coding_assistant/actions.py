"""The methods of a client that decide on what the assistant proposes.

Each is a function whose first argument is the client.
"""

from __future__ import annotations

from typing import Literal

from ai_coding_assistant.calling import Caller
from ai_coding_assistant.events import Action, AiResponse, FileChangeResult
from ai_coding_assistant.signatures import AsyncCall


async def accept_action(
    socket: Caller, project_id: str, response: AiResponse, action: Action
) -> FileChangeResult:
    """Do what an action of a response proposes, and say so: it is not offered again. Return the
    acknowledgement of the change.

    Raises:
        Refused: the file has changed since (`VERSION_CONFLICT`), or somebody holds it, or the user
            may not change it.
        Unreachable: the connection was lost, or there is no answer.
        SessionEnded: another user is logged in by now, or none; the change may be done.
    """
    call = socket.chain().call
    file = {
        "path": action["path"],
        "action": "created" if action["type"] == "create-file" else "updated",
        "content": action["content"],
        "baseRevision": action.get("baseRevision", 0),
    }
    done = await call("file:change", {"projectId": project_id, "file": file})
    await _decide(call, project_id, response, action, "accepted")
    return done


async def reject_action(
    socket: Caller, project_id: str, response: AiResponse, action: Action
) -> None:
    """Say that what an action of a response proposes is not wanted: it is not offered again.

    Raises:
        Refused: somebody has decided otherwise (`VERSION_CONFLICT`), or the user may not.
        Unreachable: the connection was lost, or there is no answer.
    """
    await _decide(socket.call, project_id, response, action, "rejected")


async def _decide(
    call: AsyncCall,
    project_id: str,
    response: AiResponse,
    action: Action,
    outcome: Literal["accepted", "rejected"],
) -> None:
    decided = {"requestId": response["requestId"], "actionId": action["id"], "outcome": outcome}
    await call("ai:applied", {"projectId": project_id, **decided})
