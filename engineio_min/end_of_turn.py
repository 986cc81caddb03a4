"""What is sent during a turn of the event loop leaves at its end, in one write."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextvars import Context
from threading import get_ident

logger = logging.getLogger("engineio_min")


class EndOfTurn:
    """Calls `function` once at the end of a turn of `loop`, however often it is asked to.

    Asking from another thread than the loop's works, but the caller's own state is not safe there:
    the log says so once, with `advice` on what to do instead. `function` runs in `context` if there
    is one.
    """

    __slots__ = ("_advice", "_asked", "_context", "_function", "_loop", "_thread", "_warned")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        function: Callable[[], object],
        advice: str,
        context: Context | None = None,
    ) -> None:
        self._loop = loop
        self._function = function
        self._advice = advice
        self._context = context
        self._thread = get_ident()
        self._asked = False
        self._warned = False

    def ask(self) -> None:
        """Have the function called at the end of this turn."""
        if self._asked:
            return
        self._asked = True
        if get_ident() == self._thread:
            self._loop.call_soon(self._call, context=self._context)
        else:
            # `call_soon` would not wake the loop: what was sent would wait for its next timer.
            self._loop.call_soon_threadsafe(self._call, context=self._context)
            if not self._warned:
                self._warned = True
                logger.warning(
                    "a message was sent in another thread than the event loop's, which is not "
                    "safe: %s",
                    self._advice,
                )

    def _call(self) -> None:
        self._asked = False
        self._function()
