"""Events that can wait for a moment, sent together in one `batch:update`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from ai_coding_assistant.chains import Chain, Chains, End
from ai_coding_assistant.errors import SDKError, result_of

DELAY: Final = 1.0
"""Seconds that an event waits for others."""
MAX_EVENTS: Final = 100

Result = asyncio.Future[dict[str, Any]]


class Batch:
    """What waits to be sent, as whoever was the user when it was added."""

    def __init__(self, chains: Chains) -> None:
        self._chains = chains
        self._waiting: list[tuple[dict[str, Any], Result]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, event: str, data: Mapping[str, object]) -> Result:
        """Send an event soon; the result is what its own acknowledgement would have said."""
        loop = asyncio.get_running_loop()
        result: Result = loop.create_future()
        self._waiting.append(({"event": event, "data": data}, result))
        if len(self._waiting) >= MAX_EVENTS:
            self._begin()
        elif self._timer is None:
            self._timer = loop.call_later(DELAY, self._begin)
        return result

    async def flush(self) -> None:
        """Send what waits, and wait for the results."""
        self._begin()
        await asyncio.gather(*self._tasks)

    def close(self, error: End) -> None:
        """Send nothing of what waits: it fails with errors as this one."""
        self._stop_timer()
        waiting, self._waiting = self._waiting, []
        for item, result in waiting:
            _fail(result, type(error)(f"{item['event']} was not sent: {error}"))

    def _begin(self) -> None:
        self._stop_timer()
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            chain = self._chains.begin()
            task = asyncio.get_running_loop().create_task(self._finish(chain, waiting))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _finish(self, chain: Chain, waiting: list[tuple[dict[str, Any], Result]]) -> None:
        updates = [item for item, _ in waiting]
        try:
            answer = await chain.call("batch:update", {"updates": updates})
        except SDKError as error:
            for _, result in waiting:
                _fail(result, error)
            return
        for (_, result), one in zip(waiting, answer["results"], strict=True):
            try:
                value = result_of(one)
            except SDKError as error:
                _fail(result, error)
            else:
                if not result.done():
                    result.set_result(value)


def _fail(result: Result, error: SDKError) -> None:
    if not result.done():
        result.set_exception(error)
        # Not everybody looks at the result of what can wait.
        result.exception()
