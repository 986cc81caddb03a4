"""What an exclusive lock allows, for the judge of histories."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from tests.server.cluster.linearizable import Operation, is_linearizable

FREE = (None, 0, 0)
UNKNOWN = 0
"""The token of a lock that was given or taken over, and nobody has heard of its token."""


def step(state: tuple[Any, int, int], done: Operation) -> Hashable | None:
    """Return who holds the lock with which token, and the greatest token so far, afterwards.

    None if the operation cannot have had its result. A holder is a user: whoever comes back with
    another connection gets the lock with another token, and is not the holder for a save before.
    """
    holder, token, last = state
    who, *rest = done.arguments
    mine, result = holder == who, done.result
    match done.name:
        case "orphan":
            return (who, UNKNOWN, last) if mine and token == rest[0] else None
        case "expire":
            return (None, 0, last) if mine and token in (rest[0], UNKNOWN) else None
        case "lock":
            return _locked(state, who, result)
        case "unlock":
            if result is False:
                return state if not mine or token == UNKNOWN else None
            # Nobody knows whether an orphan's former connection has released it.
            return (None, 0, last) if mine else None
        case _:
            if result is None:
                return state
            # An orphan has a token that is not that of a former connection.
            return state if result is (mine and token == rest[0]) else None


def _locked(state: tuple[Any, int, int], who: str, result: object) -> Hashable | None:
    holder, token, last = state
    mine = holder == who
    if result is False:
        # It may be one's own, of a connection of which the server does not know that it is lost.
        return state if holder is not None else None
    if result is None:
        return (who, UNKNOWN, last) if holder is None or mine else None
    assert isinstance(result, int)
    if mine and result == token:
        return state
    is_new = holder is None or (mine and token == UNKNOWN)
    return (who, result, result) if is_new and result > last else None


def violations(locked: dict[str, list[Operation]]) -> list[str]:
    """Return what cannot have happened to the locks of these paths."""
    return [
        f"the history of the lock on {path} is not linearizable ({len(history)} operations)"
        for path, history in locked.items()
        if not is_linearizable(sorted(history, key=lambda one: one.call), FREE, step)
    ]


def falling_tokens(grants: Sequence[tuple[float, float, int]]) -> list[str]:
    """Return the grants, as call, return and token, whose token is below that of one before."""
    found = []
    ended = sorted(grants, key=lambda one: one[1])
    greatest, at = 0, 0
    for call, _, token in sorted(grants):
        while at < len(ended) and ended[at][1] < call:
            greatest = max(greatest, ended[at][2])
            at += 1
        if token < greatest:
            found.append(f"the lock with the token {token} was given after {greatest}")
    return found
