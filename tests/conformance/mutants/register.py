"""What a mutant proves, and the register of all of them.

The docstring of a mutant says what is wrong. `caught_by` names cases that must fail, not all that
do, and the whole message with which they must: a case that fails of something else proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.conformance.mutant import Mutant

# In a pattern, what may be anything: times, ids, and the middle of what is long.
ANYTHING = "…"

STILL_OPEN = "got a WebSocket that is still open after … s, expected it to be closed"
SESSION_OPEN = "got a session that is still open, expected it to be closed: GET gets 400"
NOT_SERVED = "got the end of the connection…, expected another client to be served"
ACCEPTED = "got 200 ok, expected an error status or a closed connection"
AWAITED = "got nothing within … s, expected an error status or a closed connection"


@dataclass(frozen=True, slots=True)
class Caught:
    """A mutant, and the message of each case that must fail on it."""

    mutant: type[Mutant]
    seen: dict[str, str] = field(default_factory=dict)


MUTANTS: dict[str, Caught] = {}


def caught_by(*cases: str, seen: str) -> Callable[[type[Mutant]], type[Mutant]]:
    """Register a mutant with cases that must fail on it and what they must tell."""

    def register(mutant: type[Mutant]) -> type[Mutant]:
        assert mutant.__doc__
        caught = MUTANTS.setdefault(mutant.__name__, Caught(mutant))
        assert caught.mutant is mutant
        assert caught.seen.keys().isdisjoint(cases)
        caught.seen.update(dict.fromkeys(cases, seen))
        return mutant

    return register


def tells(pattern: str, message: str) -> bool:
    """Whether a message is the one of a pattern."""
    parts = map(re.escape, pattern.split(ANYTHING))
    return re.fullmatch(".*".join(parts), message, re.DOTALL) is not None
