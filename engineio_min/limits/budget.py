"""A bound on what all connections together hold of messages that are not complete.

Each connection may hold a body, a message or a frame up to the limit of one; thousands of them that
never finish would fill the memory within their rights. What is complete at once, as nearly all is,
is never counted.
"""

from __future__ import annotations


class Budget:
    """Bytes held half-received by all connections of a server, up to `limit`."""

    __slots__ = ("held", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def change(self, before: int, after: int) -> bool:
        """A holder of `before` bytes holds `after` now; whether all together are within the limit.

        Whoever grows past the limit is to let go, so that those who hold little go on.
        """
        self.held += after - before
        return after <= before or self.held <= self.limit
