"""Being let in by the server, on each connection anew."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from ai_coding_assistant.errors import FAILURES, Refused, SDKError, Unreachable

logger = logging.getLogger("ai_coding_assistant")

INTRODUCE_SECONDS: Final = 1.0
"""How long to wait before introducing oneself again to a server that has failed."""

Arrival = asyncio.Future[None]
"""Done when a connection is let in; it fails if the connection is refused, or lost before."""


class Arrivals:
    """The arrivals of one client, of which at most one is expected at a time.

    `introduce()` says who one is, and takes up what there was before. `disconnect()` ends the
    connection for good. `comes_back` says whether a lost connection is made again.
    """

    def __init__(
        self,
        introduce: Callable[[], Awaitable[None]],
        disconnect: Callable[[], object],
        *,
        comes_back: bool,
    ) -> None:
        self._introduce = introduce
        self._disconnect = disconnect
        self._comes_back = comes_back
        self._expected: Arrival | None = None
        # Whether this client, since it was told to connect, has been let in.
        self._came_in = False

    def expected(self) -> Arrival:
        """Return the arrival of the present connection, or of the next one if there is none."""
        if self._expected is None:
            self._expected = asyncio.get_running_loop().create_future()
        return self._expected

    async def come_in(self, arrival: Arrival) -> bool:
        """Introduce oneself on a connection that has just been made. Return whether one is in.

        Whoever is refused is disconnected, and whoever waits for the arrival hears why.
        """
        try:
            await self._surely_introduce(arrival)
        except SDKError as error:
            if arrival is self._expected:
                logger.error("cannot go on with the connection: %s", error)
                _settle(arrival, error)
                # Nobody is left half connected; whoever asks again begins anew.
                self._disconnect()
            # Otherwise the connection is lost, and the next one introduces itself.
            return False
        self._came_in = True
        _settle(arrival, None)
        return True

    def lose(self, reason: str) -> None:
        """Take note that the connection is lost."""
        arrival, self._expected = self._expected, None
        if arrival is not None:
            _settle(arrival, Unreachable(f"the connection was lost: {reason}"))

    def leave(self) -> None:
        """Take note that the client disconnects: the next connection is as its first."""
        self._came_in = False

    async def _surely_introduce(self, arrival: Arrival) -> None:
        """Introduce oneself, again and again to a server that fails: one that is stopping says so,
        and ends the connection a moment later; one whose database is away will have it back.
        """
        while True:
            try:
                return await self._introduce()
            except (Refused, Unreachable) as error:
                # Who connects hears that nothing answers; who comes back has been answered before.
                passes = error.code in FAILURES if isinstance(error, Refused) else self._came_in
                # Another connection introduces itself.
                if not passes or not self._comes_back or arrival is not self._expected:
                    raise
                await asyncio.sleep(INTRODUCE_SECONDS)
                if arrival is not self._expected:
                    raise


def _settle(arrival: Arrival, error: SDKError | None) -> None:
    if arrival.done():
        return
    if error is None:
        arrival.set_result(None)
    else:
        arrival.set_exception(error)
        # After a reconnection nobody waits for it.
        arrival.exception()
