"""What the parts of a client need of it: to send events."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, cast

from ai_coding_assistant.chains import Chain
from ai_coding_assistant.signatures import AsyncCall, Payload


class Caller(Protocol):
    """A client, as its parts see it."""

    @property
    def id(self) -> str | None:
        """Return the socket's id while connected."""

    @property
    def connected(self) -> bool:
        """Return whether there is a connection."""

    def emit(self, event: str, payload: Payload | None = None) -> None:
        """Send an event without waiting."""

    @property
    def ask(self) -> AsyncCall:
        """Do what `call` does, without waiting: for the events with which a client comes back."""

    @property
    def insist(self) -> AsyncCall:
        """Do what `ask` does, again while it is refused only because it comes too fast."""

    def chain(self) -> Chain:
        """Begin events that follow from each other, all sent as the present user."""

    async def until_in(self, event: str) -> None:
        """Wait until the client has taken up what it had, before an event is sent."""

    @property
    def call(self) -> AsyncCall:
        """Send an event and wait for its acknowledgement. Return what it says beside `ok`."""


def typed_call(method: Callable[..., Coroutine[Any, Any, dict[str, Any]]]) -> AsyncCall:
    """Let type checkers know what a method returns for each event."""
    return cast("AsyncCall", method)
