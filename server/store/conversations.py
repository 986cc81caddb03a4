"""The chat of a project."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from server.api.decisions import is_news
from server.api.errors import Code, EventError
from server.api.records import AiResponse, ChatMessage, Decision, User
from server.store.connection import FUTURE, Connection

HISTORY: Final = 100
"""Messages that joining a project brings."""
MAX_MESSAGES: Final = 10_000
"""Messages that are kept for a project."""
MAX_READ: Final = 250_000
"""Characters of messages that are read at once, besides the last one. They take at most 5 ms of the
loop, together with the last one, where JSON escapes every character.
"""


def sent_before(
    connection: Connection, project_id: str, user_id: str, key: str
) -> tuple[str, str] | None:
    """Return the ids of the request and of the message that a user has sent with this key."""
    row = connection.execute(
        "SELECT request_id, id FROM messages "
        "WHERE project_id = ? AND user_id = ? AND client_key = ?",
        (project_id, user_id, key),
    ).fetchone()
    return None if row is None else (row[0], row[1])


def add(
    connection: Connection, project_id: str, message: ChatMessage, key: str | None = None
) -> None:
    """Add a message, by the key that its sender knows it by. The oldest message makes room.

    Raises:
        EventError: there is no such project (`NOT_FOUND`).
    """
    counted = connection.execute(
        "UPDATE projects SET message_count = message_count + 1 WHERE id = ? "
        "RETURNING message_count",
        (project_id,),
    ).fetchone()
    if counted is None:
        raise EventError(Code.NOT_FOUND, f"project {project_id!r}: no such project")
    details = None if message.response is None else msgspec.json.encode(message.response).decode()
    connection.execute(
        "INSERT INTO messages "
        "(id, project_id, request_id, role, user_id, content, details, created_at, client_key) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            message.id,
            project_id,
            message.request_id,
            message.role,
            message.user.id,
            message.content,
            details,
            message.created_at,
            key,
        ),
    )
    if counted[0] > MAX_MESSAGES:
        connection.execute(
            "DELETE FROM messages WHERE sequence = (SELECT sequence FROM messages "
            "WHERE project_id = ? ORDER BY sequence LIMIT 1)",
            (project_id,),
        )
        connection.execute(
            "UPDATE projects SET message_count = message_count - 1 WHERE id = ?", (project_id,)
        )


def latest(
    connection: Connection, project_id: str, most: int, before: int = FUTURE
) -> list[ChatMessage]:
    """Return the last messages before that one, the oldest first; fewer if they are long."""
    rows = connection.execute(
        "SELECT m.id, m.request_id, m.role, m.user_id, coalesce(u.name, m.user_id), m.content, "
        "m.created_at, m.details, m.decisions "
        "FROM messages m LEFT JOIN users u ON u.id = m.user_id "
        "WHERE m.project_id = ? AND m.sequence < ? ORDER BY m.sequence DESC LIMIT ?",
        (project_id, before, most),
    )
    found: list[ChatMessage] = []
    left = MAX_READ
    for (
        message_id,
        request_id,
        role,
        user_id,
        name,
        content,
        created_at,
        details,
        decisions,
    ) in rows:
        left -= len(content) + len(details or "")
        if found and left < 0:
            break
        found.append(
            ChatMessage(
                id=message_id,
                request_id=request_id,
                role=role,
                user=User(user_id, name),
                content=content,
                created_at=created_at,
                response=None if details is None else _response(details, decisions),
            )
        )
    return found[::-1]


def decide(
    connection: Connection,
    project_id: str,
    request_id: str,
    action_id: str,
    decision: Decision,
) -> bool:
    """Keep what became of an action of an answer. Return whether that is new.

    Raises:
        EventError: there is no such action (`NOT_FOUND`), or it was decided otherwise
        (`VERSION_CONFLICT`).
    """
    row = connection.execute(
        "SELECT sequence, details, decisions FROM messages "
        "WHERE request_id = ? AND role = 'assistant' AND project_id = ?",
        (request_id, project_id),
    ).fetchone()
    actions = [] if row is None else _response(row[1], row[2]).actions or []
    action = next((one for one in actions if one.id == action_id), None)
    if not is_news(action, decision):
        return False
    decisions = {one.id: one.decision for one in actions if one.decision is not None}
    decisions[action_id] = decision
    connection.execute(
        "UPDATE messages SET decisions = ? WHERE sequence = ?",
        (msgspec.json.encode(decisions).decode(), row[0]),
    )
    return True


def _response(details: str, decisions: str | None) -> AiResponse:
    response = msgspec.json.decode(details, type=AiResponse)
    if decisions is None or response.actions is None:
        return response
    found = msgspec.json.decode(decisions, type=dict[str, Decision])
    actions = [replace(one, decision=found.get(one.id, one.decision)) for one in response.actions]
    return replace(response, actions=actions)
