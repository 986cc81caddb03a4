"""The body of a request while it comes in, whatever host reads it."""

from __future__ import annotations

from collections.abc import Callable

from engineio_min.limits.budget import Budget


class BodyReader:
    """What an exchange keeps of its body: up to a limit of its own, and within the budget of all.

    `_done` is set while somebody waits for the body, and is called once: with the body, or with
    None once it is larger than the limit or too much is held for all.
    """

    __slots__ = ("_body", "_budget", "_budgeted", "_done", "_limit")

    def __init__(self) -> None:
        self._body: bytes | bytearray = b""
        self._limit = 0
        self._done: Callable[[bytes | None], None] | None = None
        # What of the body counts against the budget.
        self._budget: Budget | None = None
        self._budgeted = 0

    def body_received(self, data: bytes) -> None:
        """Add `data` to the body."""
        if not self._body:
            self._body = data
        elif isinstance(self._body, bytearray):
            self._body += data
        else:
            self._body = bytearray(self._body + data)
        if self._done is not None and len(self._body) > self._limit:
            self._stop_reading()(None)

    def body_waits(self) -> None:
        """Count a body that is not complete at the end of a read."""
        if self._done is None or self._budget is None:
            return
        before, self._budgeted = self._budgeted, len(self._body)
        if not self._budget.change(self, before, self._budgeted):
            self.let_go()

    def body_completed(self) -> None:
        """Hand the body to who waits for it."""
        if self._done is not None:
            self._stop_reading()(bytes(self._body))

    def let_go(self) -> None:
        """Read no more of the body: too much is held for all."""
        self._stop_reading()(None)

    def _stop_reading(self) -> Callable[[bytes | None], None]:
        """Hold nothing more; return what is to be called with the body."""
        done, self._done = self._done, None
        if self._budgeted and self._budget is not None:
            self._budget.change(self, self._budgeted, 0)
            self._budgeted = 0
        return done or _drop

    @property
    def reading(self) -> bool:
        """Return whether somebody waits for the body."""
        return self._done is not None


def _drop(_body: bytes | None) -> None:
    """Stand in for who waits for the body when nobody does."""
