"""Events that follow from each other, such as the parts of an upload, all sent as one user.

A program may log out, and in as another user, on one connection. An event that follows from the
answer to one of before would be the next user's. So each chain belongs to whoever began it: while
the user may be about to change its next event waits, and then is sent, or fails with what ended it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol, cast

from ai_coding_assistant.errors import SessionEnded, Unreachable
from ai_coding_assistant.patience import Asker, insist
from ai_coding_assistant.signatures import AnyEvent, AsyncCall, Payload

End = SessionEnded | Unreachable


class Sender(Asker, Protocol):
    """A client that sends events."""

    @property
    def call(self) -> AsyncCall:
        """Send an event, once the client is in, and wait for its acknowledgement."""


class _Stay:
    """The time in which a client is one user's. `ended` says why it is over."""

    def __init__(self) -> None:
        self.ended: End | None = None


class Chains:
    """The chains of one client's events."""

    def __init__(self, client: Sender) -> None:
        self._client: Final = client
        self._stay = _Stay()
        # How many events are under way that may make another user of the client; and set if none.
        self._changes = 0
        self._unchanged = asyncio.Event()
        self._unchanged.set()

    def begin(self) -> Chain:
        """Begin a chain of the present user's."""
        return Chain(self._client, self._stay, self._unchanged)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let all chains wait while another user may log in, or the present one out."""
        self._changes += 1
        self._unchanged.clear()
        try:
            yield
        finally:
            self._changes -= 1
            if not self._changes:
                self._unchanged.set()

    def end(self, error: End) -> None:
        """Let all chains fail that were begun so far, with errors as this one."""
        self._stay.ended = error
        self._stay = _Stay()


class Chain:
    """The events of one chain. Each of its methods does what the client's does, and raises besides
    what the chain has ended with.
    """

    def __init__(self, client: Sender, stay: _Stay, unchanged: asyncio.Event) -> None:
        self._client = client
        self._stay = stay
        self._unchanged = unchanged

    @property
    def id(self) -> str | None:
        """Return the socket's id while connected."""
        return self._client.id

    @property
    def goes_on(self) -> bool:
        """Return whether what is sent now is sent as the user who began the chain."""
        return self._stay.ended is None and self._unchanged.is_set()

    def check(self) -> None:
        """Raise what the chain has ended with, if it has."""
        if (ended := self._stay.ended) is not None:
            raise type(ended)(str(ended))

    async def confirm(self) -> None:
        """Wait until it is known whether the user stays the same.

        Raises:
            SessionEnded: another user is logged in by now, or none.
        """
        while not self._unchanged.is_set():
            await self._unchanged.wait()
        self.check()

    async def _follow(self, send: AsyncCall, event: str, payload: Payload | None) -> dict[str, Any]:
        while not self._unchanged.is_set():
            await self._unchanged.wait()
        if (ended := self._stay.ended) is not None:
            raise type(ended)(f"{event} was not sent: {ended}")
        answer: dict[str, Any] = await send(AnyEvent(event), payload)
        self.check()
        return answer

    async def _call(self, event: str, payload: Payload | None = None) -> dict[str, Any]:
        return await self._follow(self._client.call, event, payload)

    async def _ask(self, event: str, payload: Payload | None = None) -> dict[str, Any]:
        return await self._follow(self._client.ask, event, payload)

    call = cast("AsyncCall", _call)
    ask = cast("AsyncCall", _ask)
    insist = cast("AsyncCall", insist)
