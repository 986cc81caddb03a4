"""The body of a request while it comes in, whatever host reads it."""

from __future__ import annotations

from collections.abc import Callable

Done = Callable[[bytes | None], None]


class Body:
    """What has come of a body, up to the `limit` of whoever reads it.

    `done` is called with the body when it is complete, or with None once it is above the limit;
    `hold` is told meanwhile how many bytes more are kept, or fewer if negative. A body may come
    before anybody reads it: its request may wait behind another.
    """

    __slots__ = ("_data", "_done", "_held", "_hold", "_limit")

    def __init__(
        self, limit: int = 0, done: Done | None = None, hold: Callable[[int], None] | None = None
    ) -> None:
        self._data: bytes | bytearray = b""
        self._limit = limit
        # Set while somebody waits for the body, and called once.
        self._done = done
        self._hold = hold or _ignore
        # The bytes that `hold` was told of.
        self._held = 0

    def __len__(self) -> int:
        """Count the bytes that have come."""
        return len(self._data)

    @property
    def data(self) -> bytes:
        """Return what has come."""
        return bytes(self._data)

    @property
    def reading(self) -> bool:
        """Return whether somebody waits for the body."""
        return self._done is not None

    def read(self, limit: int, done: Done, hold: Callable[[int], None]) -> None:
        """Read a body that may have begun to come."""
        self._limit = limit
        self._done = done
        self._hold = hold

    def receive(self, data: bytes) -> None:
        """Add `data` to the body."""
        if not self._data:
            self._data = data
        elif isinstance(self._data, bytearray):
            self._data += data
        else:
            self._data = bytearray(self._data + data)
        if self._done is not None and len(self._data) > self._limit:
            self.stop()(None)

    def wait(self) -> None:
        """Count a body that is not complete at the end of a read."""
        if self._done is not None:
            before, self._held = self._held, len(self._data)
            self._hold(self._held - before)

    def complete(self) -> None:
        """Hand the body to whoever waits for it."""
        if self._done is not None:
            self.stop()(bytes(self._data))

    def stop(self) -> Done:
        """Hold nothing more, and return what waited for the body."""
        done, self._done = self._done, None
        held, self._held = self._held, 0
        if held:
            self._hold(-held)
        return done or _ignore


def _ignore(_value: object) -> None:
    """Stand in for the functions `done` and `hold` when there are none."""
