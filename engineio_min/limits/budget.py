"""A bound on what all connections together hold of messages that are not complete.

Each connection may hold a body, a message or a frame up to the limit of one; thousands of them that
never finish would fill the memory within their rights. What is complete at once, as nearly all is,
is never counted. Above the bound the one that holds most goes, whoever asks for more: else a few
could hold all there is, and everybody else would lose connections for a message in two reads. Who
holds little is never in question.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

# Bytes that are free for each holder, however much the others hold.
FREE: Final = 65_536


class Holder(Protocol):
    """What holds bytes, and can be told to let go."""

    def let_go(self) -> None:
        """Hold nothing any more, and end what it was for."""


class Budget:
    """Bytes held half-received by all connections of a server, up to `limit`.

    `tell` gets a line for the log about each holder that goes.
    """

    __slots__ = ("_large", "_tell", "held", "limit")

    def __init__(self, limit: int, tell: Callable[[str], object]) -> None:
        self.limit = limit
        self._tell = tell
        self.held = 0
        # Those that hold more than what is free.
        self._large: dict[Holder, int] = {}

    def change(self, holder: Holder, before: int, after: int) -> bool:
        """Replace a holder's `before` bytes by `after`. Above the limit the largest holders let go;
        return False if this is the one, which is to let go by itself.
        """
        self.held += after - before
        if after > FREE:
            self._large[holder] = after
        else:
            self._large.pop(holder, None)
        if after <= before or after <= FREE:
            return True
        while self.held > self.limit:
            largest = max(self._large, key=self._large.__getitem__)
            self._tell(
                f"{self.held} bytes are held half-received, expected at most {self.limit} "
                f"(max_half_received): the connection that holds {self._large[largest]} of them is "
                "closed"
            )
            if largest is holder:
                return False
            del self._large[largest]
            largest.let_go()
        return True
