"""The threads behind the blocking client: one with an event loop, one for handlers.

A handler may therefore wait for the server, while the connection goes on. Both threads are daemons,
which end with the interpreter; they refer to nothing that refers to the blocking client, so that it
can be dropped. A forked child has neither thread, and says so.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import os
import queue
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from ai_coding_assistant.errors import Unreachable

logger = logging.getLogger("ai_coding_assistant")

Result = TypeVar("Result")

CLOSE_TIMEOUT: Final = 5.0
"""Seconds that the goodbye may take."""


class Threads:
    """The two threads, started at once."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._closed = False
        self._process = os.getpid()
        self._stopped = asyncio.Event()
        self._loop_thread = threading.Thread(
            target=self._run_loop, name="assistant-loop", daemon=True
        )
        self._handler_thread = threading.Thread(
            target=self._run_handlers, name="assistant-handlers", daemon=True
        )
        self._loop_thread.start()
        self._handler_thread.start()

    def _run_loop(self) -> None:
        # It cancels whatever is left to do when it ends.
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._stopped.wait())

    def _run_handlers(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def wait_for(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine in the loop and wait for its result.

        Raises:
            Unreachable: the client is closed, or the process is a forked child.
        """
        if self._forked:
            coroutine.close()
            raise Unreachable(
                "this client was made before the process forked, and its threads are in the parent "
                "only: make another one in the child"
            )
        if self._closed:
            coroutine.close()
            raise Unreachable("the client is closed: make another one")
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            return future.result()
        except BaseException:
            # A KeyboardInterrupt: nobody waits any more.
            future.cancel()
            raise

    def call(self, function: Callable[..., None], *args: Any) -> None:
        """Call a function in the loop and wait until it has returned.

        Raises:
            Unreachable: as `wait_for`.
        """
        self.wait_for(_called(function, *args))

    @property
    def _forked(self) -> bool:
        return os.getpid() != self._process

    async def run_handler(self, handler: Callable[..., object], *args: Any) -> None:
        """Run a handler in its thread, after all that were started before it.

        Raises:
            Exception: whatever it raises; RuntimeError if that is meant to end a thread.
        """
        # Carried as a value: a future gives some errors a meaning.
        future: concurrent.futures.Future[BaseException | None] = concurrent.futures.Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                handler(*args)
            except BaseException as error:
                future.set_result(error)
            else:
                future.set_result(None)

        self._jobs.put(job)
        error = await asyncio.wrap_future(future)
        if isinstance(error, Exception):
            raise error
        if error is not None:
            raise RuntimeError(
                f"a handler raised {error!r}, which ends neither the program nor this thread: tell "
                "the main thread of it, for example by a threading.Event"
            ) from error

    def post(self, handler: Callable[..., object], *args: Any) -> None:
        """Let a handler run in its thread, after all that were started before it."""

        def job() -> None:
            try:
                handler(*args)
            except BaseException:
                logger.exception("a handler failed")

        self._jobs.put(job)

    def close(self, goodbye: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Say goodbye and end the threads."""
        if self._closed or self._forked:
            return
        self._closed = True
        # Before the goodbye, which does not wait for handlers that are still to come.
        self._jobs.put(None)
        if threading.current_thread() is not self._handler_thread:
            self._handler_thread.join(CLOSE_TIMEOUT)
        farewell = asyncio.run_coroutine_threadsafe(goodbye(), self.loop)
        concurrent.futures.wait([farewell], CLOSE_TIMEOUT)
        self.loop.call_soon_threadsafe(self._stopped.set)
        self._loop_thread.join(CLOSE_TIMEOUT)


async def _called(function: Callable[..., None], *args: Any) -> None:
    function(*args)
