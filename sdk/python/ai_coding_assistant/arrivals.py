"""Being let in by the server, on each connection anew."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from ai_coding_assistant.errors import FAILURES, Refused, SDKError, Unreachable, may_pass
from ai_coding_assistant.patience import persist

logger = logging.getLogger("ai_coding_assistant")

WAIT_SECONDS: Final = 20.0
"""Seconds that what is to be sent waits for a client that comes back."""
LEAVE_SECONDS: Final = 10.0
"""Seconds that acknowledgements are waited for before a server that is about to end is left."""

Arrival = asyncio.Future[None]
"""Done when a connection is let in; it fails if the connection is refused, or lost before."""


class Arrivals:
    """The arrivals of one client, of which at most one is expected at a time.

    `introduce()` tells the server who the client is, and takes up what there was before. `finish()`
    lets nothing more be sent, and waits for what is due. `reconnect()` makes another connection at
    once; `disconnect()` ends it for good. `comes_back` says whether a lost connection is made
    again.
    """

    def __init__(
        self,
        introduce: Callable[[], Awaitable[None]],
        finish: Callable[[], Awaitable[None]],
        reconnect: Callable[[], object],
        disconnect: Callable[[], object],
        *,
        comes_back: bool,
    ) -> None:
        self._introduce = introduce
        self._finish = finish
        self._reconnect = reconnect
        self._disconnect = disconnect
        self._comes_back = comes_back
        self._expected: Arrival | None = None
        # The one at a server that was left before it had let the client in.
        self._left: Arrival | None = None
        # Whether this client, since it was told to connect, has been let in.
        self._came_in = False
        # Set unless the client has to be let in before anything is sent; and what waits for that.
        self._is_in = asyncio.Event()
        self._held: list[Callable[[], object]] = []
        # Whether it is about to go to another server.
        self._is_moving = False
        self._moves: set[asyncio.Task[None]] = set()

    def expected(self) -> Arrival:
        """Return the arrival of the present connection, or of the next one if there is none."""
        if self._expected is None:
            self._expected = asyncio.get_running_loop().create_future()
        return self._expected

    async def come(self, connect: Callable[[], Awaitable[object]]) -> None:
        """Connect, and wait until the client is let in, at another server if it goes on to one.

        Raises:
            Refused: the session is over.
            Unreachable: there is no answer, or the client was disconnected meanwhile.
        """
        while True:
            # Kept from before the wait: this arrival ends with this connection.
            arrival = self.expected()
            await connect()
            try:
                await asyncio.shield(arrival)
            except Unreachable:
                if arrival is not self._left:
                    raise
            else:
                return

    async def come_in(self, arrival: Arrival) -> bool:
        """Introduce the client on a connection that has just been made. Return whether it is in.

        A client that is refused is disconnected, and whoever waits for the arrival hears why.
        """
        try:
            # A server that is stopping fails, and ends the connection a moment later; one whose
            # database is away will have it back.
            await persist(
                self._introduce,
                passes=lambda error: self._comes_back and self._passes(error),
                lasts=lambda: arrival is self._expected,
            )
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
        self._go_on(is_in=True)
        return True

    def lose(self, reason: str, *, comes_back: bool) -> None:
        """Take note that the connection is lost, for good unless it `comes_back`."""
        arrival, self._expected = self._expected, None
        self._is_in.clear()
        if comes_back and self._is_moving:
            # The server has ended the connection before the client did.
            self._is_moving = False
            self._reconnect()
        if arrival is not None:
            _settle(arrival, Unreachable(f"the connection was lost: {reason}"))
        if not comes_back:
            self._go_on(is_in=False)

    def leave(self) -> None:
        """Take note that the client disconnects: the next connection is as its first."""
        self._came_in, self._left, self._is_moving = False, None, False
        self._go_on(is_in=False)

    # -- what is to be sent before the client is in

    async def until_in(self, event: str) -> None:
        """Wait until the client has taken up what it had, before an event is sent.

        Raises:
            Unreachable: it does not come back, or not in time.
        """
        if self._is_in.is_set():
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAIT_SECONDS):
                await self._is_in.wait()
        if not self._is_in.is_set():
            raise Unreachable(f"{event} was not sent: there is no connection")

    def when_in(self, send: Callable[[], object]) -> None:
        """Call `send()`, now or when the client has taken up what it had."""
        if self._is_in.is_set():
            send()
        else:
            self._held.append(send)

    def _go_on(self, *, is_in: bool) -> None:
        # Whoever waits hears at once also that it was for nothing.
        self._is_in.set()
        held, self._held = self._held, []
        if not is_in:
            self._is_in.clear()
            return
        for send in held:
            send()

    # -- a server that is about to end

    def move(self) -> None:
        """Go to another server: the present one is about to end, and others go on."""
        if not (self._came_in and self._is_in.is_set()):
            # The client is introducing itself: it need not come to an end here.
            if self._comes_back:
                self._left = self._expected
                self._reconnect()
            return
        task = asyncio.get_running_loop().create_task(self._move())
        self._moves.add(task)
        task.add_done_callback(self._moves.discard)

    async def _move(self) -> None:
        present = self._expected
        self._is_in.clear()
        self._is_moving = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._finish()
        if present is self._expected:
            self._is_moving = False
            self._reconnect()

    def _passes(self, error: SDKError) -> bool:
        """Return whether the server may let the client in later."""
        if isinstance(error, Refused) and error.code in FAILURES:
            return True
        # A client that connects for the first time hears that nothing answers, or that there is too
        # much of something. A client that comes back was let in before: what the server still
        # counts of its former connection ends.
        return self._came_in and may_pass(error)


def _settle(arrival: Arrival, error: SDKError | None) -> None:
    if arrival.done():
        return
    if error is None:
        arrival.set_result(None)
    else:
        arrival.set_exception(error)
        # After a reconnection nobody waits for it.
        arrival.exception()
