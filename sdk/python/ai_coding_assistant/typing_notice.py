"""Telling the others that one is typing, without an event for each key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

REPEAT: Final = 2.0
"""Seconds after which it is told again; the server forgets it after four."""
STILL: Final = 3.0
"""Seconds without a key after which nobody is typing any more."""


@dataclass(slots=True)
class _Typing:
    told_at: float
    timer: asyncio.TimerHandle


class TypingNotice:
    """Who types in which project; `emit` sends an event."""

    def __init__(self, emit: Callable[[str, dict[str, Any]], None]) -> None:
        self._emit = emit
        self._projects: dict[str, _Typing] = {}

    def key(self, project_id: str) -> None:
        """Take note that a key was pressed."""
        loop = asyncio.get_running_loop()
        known = self._projects.get(project_id)
        if known is not None:
            known.timer.cancel()
        now = loop.time()
        told_at = now
        if known is not None and now - known.told_at < REPEAT:
            told_at = known.told_at
        else:
            self._tell(project_id, is_typing=True)
        timer = loop.call_later(STILL, self.stop, project_id)
        self._projects[project_id] = _Typing(told_at, timer)

    def stop(self, project_id: str) -> None:
        """Say that the user types no more, for example because the message was sent."""
        known = self._projects.pop(project_id, None)
        if known is not None:
            known.timer.cancel()
            self._tell(project_id, is_typing=False)

    def close(self) -> None:
        """Forget everything, without a word."""
        for known in self._projects.values():
            known.timer.cancel()
        self._projects.clear()

    def _tell(self, project_id: str, *, is_typing: bool) -> None:
        self._emit("user:typing", {"projectId": project_id, "isTyping": is_typing})
