"""The end that a signal asks a script for, at a moment that suits it."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType


class Stopped(BaseException):
    """SIGINT or SIGTERM came."""


class Interruption:
    """Raises `Stopped` at the first SIGINT or SIGTERM; in the block `put_off`, behind it."""

    def __init__(self) -> None:
        self._is_put_off = False
        self._has_come = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        if not self._has_come:
            self._has_come = True
            if not self._is_put_off:
                raise Stopped

    @contextlib.contextmanager
    def put_off(self) -> Iterator[None]:
        """Let the block come to its end first."""
        self._is_put_off = True
        try:
            yield
        finally:
            self._is_put_off = False
        if self._has_come:
            raise Stopped
