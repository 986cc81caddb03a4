"""What a deadline queue watches, as its tests want to see it."""

from __future__ import annotations

from collections.abc import Callable

from engineio_min.protocol.deadlines import NEVER


class Watched:
    """An owner that records when it was called, and may do something then."""

    def __init__(self, deadline: float = NEVER) -> None:
        self.deadline = deadline
        self.calls: list[float] = []
        self.reaction: Callable[[], object] = lambda: None

    def handle_timeout(self, now: float) -> None:
        self.calls.append(now)
        self.deadline = NEVER
        self.reaction()
