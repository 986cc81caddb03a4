"""Is a history linearizable? The search of Wing and Gong, with the memory of Lowe.

Each operation took effect at one moment between its call and its return, if there are such moments
that a sequential specification allows. An operation that has not returned may have taken effect at
any moment since its call, or never. Each of those would double the search. But a way to a state is
of no use if another one leads there with the same operations that have returned, and fewer others:
what has not taken effect still may.
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
    wanted = sum(1 << at for at, one in enumerate(history) if one.returned != NEVER)
    # The operations that have not returned first: what is put down last is looked at first.
    order = sorted(range(len(history)), key=lambda at: (wanted >> at & 1, -history[at].call))
    # Of equal operations that have not returned, the one that was called first is taken first.
    earlier: dict[int, int] = {}
    last: dict[tuple[Any, ...], int] = {}
    for at in sorted(range(len(history)), key=lambda at: history[at].call):
        if not wanted >> at & 1:
            one = history[at]
            kind = (one.name, one.arguments, one.result)
            earlier[at] = last.get(kind, 0)
            last[kind] = 1 << at
    seen: dict[tuple[int, Hashable], list[int]] = {}
    waiting: list[tuple[int, Hashable]] = [(0, first)]
    while waiting:
        done, state = waiting.pop()
        if done & wanted == wanted:
            return True
        left = [at for at in order if not done >> at & 1 and not earlier.get(at, 0) & ~done]
        # What was called after another one has returned took effect after it.
        end = min(history[at].returned for at in left)
        for at in left:
            after = step(state, history[at]) if history[at].call < end else None
            if after is not None:
                found = done | 1 << at
                others = seen.setdefault((found & wanted, after), [])
                if not any(one & found == one for one in others):
                    others.append(found)
                    waiting.append((found, after))
    return False
