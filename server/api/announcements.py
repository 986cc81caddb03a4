"""What an event that the server sends is: its name, its data, and who hears it.

The events themselves are in `socket_announcements`, `people_announcements`, `file_announcements`
and `ai_announcements`, all of them together in `announced`.

A client's handler gets `(data, event)`: an instance of one of these classes, and its envelope.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from server.api.envelope import Priority, Source, envelope
from server.api.types import Record


class Announcement(Record, frozen=True):
    """An event that the server sends. `heard_by` says who gets it."""

    event: ClassVar[str]
    heard_by: ClassVar[str]
    priority: ClassVar[Priority] = "medium"

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the paths of the files that the event is about; those of its project."""
        return ()

    @property
    def data(self) -> Any:
        """Return the first argument of the event."""
        return msgspec.to_builtins(self, builtin_types=(bytes,))

    def arguments(
        self,
        *,
        user_id: str | None = None,
        project_id: str | None = None,
        source: Source = "server",
        correlation_id: str | None = None,
    ) -> tuple[str, Any, dict[str, Any]]:
        """Return what `emit` takes: the name of the event, its data and its envelope."""
        wrapped = envelope(
            self.event,
            user_id=user_id,
            project_id=project_id,
            source=source,
            priority=self.priority,
            correlation_id=correlation_id,
        )
        return self.event, self.data, wrapped
