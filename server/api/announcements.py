"""What an event that the server sends is: its name, its data, and who hears it.

The events themselves are in `socket_announcements`, `people_announcements`, `file_announcements`
and `ai_announcements`, all of them together in `announced`.

A client's handler gets `(data, event)`: an instance of one of these classes, and its envelope.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from server.api.envelope import Priority
from server.api.types import Record


class Announcement(Record, frozen=True):
    """An event that the server sends. `heard_by` says who gets it."""

    event: ClassVar[str]
    heard_by: ClassVar[str]
    priority: ClassVar[Priority] = "medium"

    @property
    def data(self) -> Any:
        """Return the first argument of the event."""
        return msgspec.to_builtins(self, builtin_types=(bytes,))
