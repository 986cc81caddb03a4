"""The text of an answer, as a provider writes it and as the clients of a project hear it.

A provider may write a character at a time, or thousands of lines at once, and a model may give the
two halves of an emoji in two pieces. Clients hear whole characters, in at most 20 events a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

MAX_ANSWER: Final = 262_144
"""Characters of an answer; more are cut off."""
INTERVAL: Final = 0.05
"""Seconds between two events with text."""

CallLater = Callable[[float, Callable[[], None]], asyncio.TimerHandle]


class AnswerText:
    """Collects the text of an answer, and tells it with `tell`.

    call_later: as that of an event loop.
    """

    def __init__(self, tell: Callable[[str], None], call_later: CallLater) -> None:
        self._tell = tell
        self._call_later = call_later
        self._pieces: list[str] = []
        self._length = 0
        # The first half of a surrogate pair whose second half may come.
        self._half = ""
        self._untold: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def __str__(self) -> str:
        return "".join(self._pieces)

    def __bool__(self) -> bool:
        return bool(self._pieces)

    @property
    def is_full(self) -> bool:
        """Return whether the answer is as long as it may be."""
        return self._length >= MAX_ANSWER

    def add(self, piece: str) -> None:
        """Append text, and tell it now or with what comes within the interval."""
        # Half a pair more than fits, so that a whole one is not torn.
        text = self._half + piece[: MAX_ANSWER - self._length + 1]
        self._half = text[-1] if "\ud800" <= text[-1:] <= "\udbff" else ""
        self._append(text[: len(text) - len(self._half)])

    def close(self) -> None:
        """Tell what is not told yet. Nothing is told afterwards."""
        half, self._half = self._half, ""
        self._append(half)
        if self._timer is not None:
            self._timer.cancel()
        self._tell_rest()

    def _append(self, text: str) -> None:
        # Joins the halves of a pair; half of one alone is no character.
        encoded = text.encode("utf-16-le", "surrogatepass")
        kept = encoded.decode("utf-16-le", "replace")[: MAX_ANSWER - self._length]
        if not kept:
            return
        self._length += len(kept)
        self._pieces.append(kept)
        self._untold.append(kept)
        if self._timer is None:
            self._begin_interval()

    def _begin_interval(self) -> None:
        self._tell_rest()
        self._timer = self._call_later(INTERVAL, self._interval_over)

    def _interval_over(self) -> None:
        self._timer = None
        if self._untold:
            self._begin_interval()

    def _tell_rest(self) -> None:
        if self._untold:
            text = "".join(self._untold)
            self._untold.clear()
            self._tell(text)
