"""What becomes of the assistant's proposals: the first decision on each holds."""

from __future__ import annotations

from server.api.errors import Code, EventError
from server.api.records import Action, Decision


def is_news(action: Action | None, decision: Decision) -> bool:
    """Return whether a decision on an action is new. Return False if the same was decided before.

    Raises:
        EventError: there is no such action (`NOT_FOUND`), or it was decided otherwise
        (`VERSION_CONFLICT`).
    """
    if action is None:
        raise EventError(Code.NOT_FOUND, "there is no such action in an answer of the project")
    before = action.decision
    if before is None:
        return True
    if before.outcome == decision.outcome:
        return False
    raise EventError(
        Code.VERSION_CONFLICT,
        f"{before.user.name!r} has decided on this before: it was {before.outcome}",
        {"outcome": before.outcome, "userId": before.user.id},
    )
