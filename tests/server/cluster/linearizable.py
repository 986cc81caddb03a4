"""Is a history linearizable? The search of Wing and Gong, with the memory of Lowe.

Each operation took effect at one moment between its call and its return, if there are such moments
that a sequential specification allows. An operation that has not returned may have taken effect at
any moment since its call, or never.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

NEVER = float("inf")


@dataclass(frozen=True)
class Operation:
    """`call` and `returned` are by one clock; `returned` is `NEVER` if nobody knows the result."""

    name: str
    arguments: tuple[Any, ...]
    result: Any
    call: float
    returned: float = NEVER


Step = Callable[[Any, Operation], "Hashable | None"]
"""Returns the state after an operation; None if it cannot have had its result in this state."""


def is_linearizable(history: Sequence[Operation], first: Hashable, step: Step) -> bool:
    """Return whether there is an order of the operations that `step` allows from a first state."""
    seen: set[tuple[int, Hashable]] = set()
    waiting: list[tuple[int, Hashable]] = [(0, first)]
    wanted = sum(1 << at for at, one in enumerate(history) if one.returned != NEVER)
    while waiting:
        done, state = waiting.pop()
        if done & wanted == wanted:
            return True
        left = [at for at in range(len(history)) if not done >> at & 1]
        # What was called after another one has returned took effect after it.
        end = min(history[at].returned for at in left)
        for at in left:
            after = step(state, history[at]) if history[at].call < end else None
            if after is not None and (found := (done | 1 << at, after)) not in seen:
                seen.add(found)
                waiting.append(found)
    return False
