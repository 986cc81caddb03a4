"""What the parts of a client need of it: to send events."""

from __future__ import annotations

from typing import Any, Protocol


class Caller(Protocol):
    """A client, as its parts see it."""

    @property
    def connected(self) -> bool:
        """Return whether there is a connection."""

    def emit(self, event: str, payload: dict[str, Any] | None = None) -> None:
        """Send an event without waiting."""

    async def call(self, event: str, payload: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send an event and wait for its acknowledgement. Return what it says beside `ok`."""
