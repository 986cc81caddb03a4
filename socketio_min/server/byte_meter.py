"""The limit of a connection in bytes: a faster client is read more slowly. Pure; time comes in.

Nothing is refused. A large upload of an honest client is no mistake that it could mend by being
told of it, and what it has sent is on its way already: to drop a part would only make it send that
again. So reading pauses until what came above the limit is paid back, and TCP, or the answer to the
POST, makes the client wait. What one read brings is always taken, so the debt is at most a message
and a read. If a client goes away while it is not read, that is noticed when its debt is paid back.
"""

from __future__ import annotations

from collections.abc import Callable

from engineio_min.limits.rate_limit import RateLimit, TokenBucket
from engineio_min.protocol.deadlines import NEVER


class ByteMeter:
    """What a connection has sent, and until when it is not read because of that.

    `paid()` is called when it may be read again; the driver watches `deadline`.
    """

    __slots__ = ("_bucket", "_paid", "deadline")

    def __init__(self, limit: RateLimit, now: float, paid: Callable[[], None]) -> None:
        self._bucket = TokenBucket(limit, now)
        self._paid = paid
        # When the debt is paid back.
        self.deadline = NEVER

    def spend(self, message: str | bytes, now: float) -> bool:
        """Count a message. Return whether reading is to pause."""
        size = len(message)
        if isinstance(message, str) and not message.isascii():
            size = len(message.encode("utf-8", "surrogatepass"))
        wait = self._bucket.spend(size, now)
        if wait:
            self.deadline = now + wait
        return wait > 0

    def handle_timeout(self, _now: float) -> None:
        """Let the client be read again: the debt is paid back."""
        self.deadline = NEVER
        self._paid()
