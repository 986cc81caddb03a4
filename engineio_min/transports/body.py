"""The body of a request while it comes in, whatever host reads it."""

from __future__ import annotations

from collections.abc import Callable


class BodyReader:
    """What an exchange keeps of its body, up to a limit.

    `_done` is set while somebody waits for the body, and is called once: with the body, or with
    None once it is larger than the limit. `_hold` is told meanwhile how many bytes more are kept,
    or fewer if negative.
    """

    __slots__ = ("_body", "_done", "_held", "_hold", "_limit")

    def __init__(self) -> None:
        self._body: bytes | bytearray = b""
        self._limit = 0
        self._done: Callable[[bytes | None], None] | None = None
        self._hold: Callable[[int], None] = _ignore
        # The bytes that it was told of.
        self._held = 0

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
        if self._done is not None:
            before, self._held = self._held, len(self._body)
            self._hold(self._held - before)

    def body_completed(self) -> None:
        """Hand the body to who waits for it."""
        if self._done is not None:
            self._stop_reading()(bytes(self._body))

    def _stop_reading(self) -> Callable[[bytes | None], None]:
        """Hold nothing more; return what is to be called with the body."""
        done, self._done = self._done, None
        held, self._held = self._held, 0
        if held:
            self._hold(-held)
        return done or _ignore

    @property
    def reading(self) -> bool:
        """Return whether somebody waits for the body."""
        return self._done is not None


def _ignore(_value: object) -> None:
    """Stand in for who waits for the body, or counts it, when nobody does."""
