"""The limit of a connection in bytes (`Limits.byte_rate`): a client that sends faster is read more
slowly. Pure: the time is an argument.

Nothing is refused. A large upload of an honest client is no mistake that the client could mend, and
its bytes are on their way already: if a part was dropped, the client would only send that again. So
reading pauses until the time for the bytes above the limit has passed, and TCP, or the answer to
the POST, makes the client wait. All bytes of a read are taken, so the debt is at most a message and
a read. If a client goes away while it is not read, the server notices when the debt is paid back.
"""

from __future__ import annotations

from collections.abc import Callable

from engineio_min.limits.rate_limit import RateLimit, TokenBucket
from engineio_min.protocol.deadlines import NEVER


class ByteMeter:
    """Counts the bytes of a connection, and says until when it is not read because of them.

    `deadline` is a time in seconds, and the driver watches it. `paid()` is called when the
    connection may be read again.
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
