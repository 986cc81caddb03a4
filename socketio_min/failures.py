"""What counts as a handler's failure, on a server and on a client alike.

A handler is any function that the application registers. It fails with any `Exception`, and with a
`CancelledError` because something that it waited for was cancelled. The cancellation of its own
task is an order and no failure, and passes through. A peer that goes away or does not answer is no
fault of the program, so no traceback is logged then.
"""

from __future__ import annotations

import asyncio
import logging

from socketio_min.errors import AcknowledgementTimeout, Disconnected, HandlerCancelled

logger = logging.getLogger("socketio_min")

# The exceptions of a handler that concern its own event and nothing else.
FAILURES = (Exception, asyncio.CancelledError)


def is_own_cancellation(error: BaseException) -> bool:
    """Return whether an error caught in a task is that task's cancellation."""
    if not isinstance(error, asyncio.CancelledError):
        return False
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def as_exception(error: BaseException) -> Exception:
    """Return a failure as the `Exception` that the application is told of."""
    if isinstance(error, Exception):
        return error
    told = HandlerCancelled("what the handler waited for was cancelled")
    told.__cause__ = error
    return told


def log_failure(error: BaseException, message: str, *args: object) -> None:
    """Log a failure, with its traceback unless a peer is the cause."""
    if isinstance(error, (Disconnected, AcknowledgementTimeout)):
        logger.info("%s: %s", message % args, error)
    else:
        logger.error(message, *args, exc_info=error)
