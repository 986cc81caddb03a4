"""The handlers of a client's events, of which each event may have several."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, cast

from ai_coding_assistant.signatures import On
from socketio_min import Client
from socketio_min.handler_checks import check_call, most_arguments

_OF_THE_CONNECTION: Final = (
    "reconnect",
    "reconnect_attempt",
    "reconnect_error",
    "reconnect_failed",
)


class Handlers:
    """The handlers that were given to one client."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._of_event: dict[str, list[Callable[..., object]]] = {}

    def add(self, event: str, function: Callable[..., object]) -> None:
        """Call a function for an event, with as many arguments as it takes.

        "connect" and "disconnect" are called by `run` only.

        Raises:
            UsageError: it is no function.
        """
        check_call(f"the handler of {event!r}", function, more=True)
        if event in _OF_THE_CONNECTION:
            self._client.on_connection(event, function)
            return
        if event not in self._of_event:
            self._of_event[event] = []
            if event not in ("connect", "disconnect"):
                self._client.on(event, partial(self.run, event))
        self._of_event[event].append(trimmed(function))

    def run(self, event: str, *args: Any) -> Awaitable[None] | None:
        """Call the handlers of an event. Return what waits for those that are coroutines."""
        results = [handler(*args) for handler in self._of_event.get(event, ())]
        pending = [result for result in results if inspect.isawaitable(result)]
        return _wait_for_all(pending) if pending else None


def trimmed(function: Callable[..., object]) -> Callable[..., object]:
    """Return a function that calls the handler with as many arguments as the handler takes."""
    most = most_arguments(function)
    return function if most is None else lambda *args: function(*args[:most])


def typed_on(method: Callable[..., Any]) -> On:
    """Let type checkers know what handlers of each event are called with."""
    return cast("On", method)


async def _wait_for_all(pending: list[Awaitable[Any]]) -> None:
    await asyncio.gather(*pending)
