"""Trying again what failed only for now: the server is too busy, or cannot get at its data."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeVar

from ai_coding_assistant.errors import Refused, SDKError
from ai_coding_assistant.signatures import AnyEvent, AsyncCall, Payload

Result = TypeVar("Result")

FIRST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 15.0
SHORTEST_SECONDS: Final = 0.25
"""The least pause before what came too fast is sent again."""


class Pauses:
    """The pauses between tries: each is twice as long as the one before, up to a longest one. By
    chance each is up to a half longer, so that those who were refused together do not come back
    together. Where the server says when to come back, the pauses begin with that: what else the
    client sends may take its place each time, if it always comes as soon as there is one.
    """

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._next = FIRST_SECONDS
        self._least = SHORTEST_SECONDS

    def after(self, error: SDKError) -> float:
        """Return the seconds to wait after an error, at least what the server asks for."""
        asked = retry_after(error)
        if asked is None:
            seconds, self._next = self._next, min(2 * self._next, LONGEST_SECONDS)
        else:
            seconds = max(asked, self._least)
            self._least = min(2 * self._least, LONGEST_SECONDS)
        return seconds * (1 + self._chance() / 2)


def retry_after(error: SDKError) -> float | None:
    """Return in how many seconds the server takes what it has refused, None if it does not say."""
    details = error.details if isinstance(error, Refused) else None
    return None if details is None else details.get("retryAfter")


async def persist(
    work: Callable[[], Awaitable[Result]],
    *,
    passes: Callable[[SDKError], bool],
    lasts: Callable[[], bool],
) -> Result:
    """Do something, again after a pause for as long as the error `passes` and the connection, or
    whatever it is done for, `lasts`. Return its result.

    Raises:
        SDKError: the last error.
    """
    pauses = Pauses()
    while True:
        try:
            return await work()
        except SDKError as error:
            if not passes(error) or not lasts():
                raise
            await asyncio.sleep(pauses.after(error))
            if not lasts():
                raise


class Asker(Protocol):
    """A client that sends events at once."""

    @property
    def id(self) -> str | None:
        """Return the socket's id while connected."""

    @property
    def ask(self) -> AsyncCall:
        """Send an event and wait for its acknowledgement."""


async def insist(client: Asker, event: str, payload: Payload | None = None) -> dict[str, Any]:
    """Do what `ask` does, again while it is refused only because it comes too fast.

    Raises:
        SDKError: as `ask`.
    """
    connection = client.id

    async def ask() -> dict[str, Any]:
        answer: dict[str, Any] = await client.ask(AnyEvent(event), payload)
        return answer

    return await persist(
        ask,
        passes=lambda error: retry_after(error) is not None,
        lasts=lambda: client.id == connection,
    )
