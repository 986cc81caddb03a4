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

    async def ask(self, event: str, payload: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do what `call` does, at once: for what is said to come back."""

    async def until_in(self, event: str) -> None:
        """Wait until the client is where it was, before an event is sent."""

    async def call(self, event: str, payload: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send an event and wait for its acknowledgement. Return what it says beside `ok`."""
