"""How many workers there may be."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from engineio_min.errors import UsageError

if TYPE_CHECKING:
    from engineio_min.options import ServerOptions


def check_workers(workers: object, options: ServerOptions | None = None) -> None:
    """Refuse a value that is no number of workers, or more than one worker where that is not
    possible.

    options: those of the server that they run.

    Raises:
        UsageError: it is no such number, or this system cannot pass connections between processes,
        or the server makes its session ids itself.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise UsageError(f"workers: got {workers!r}, expected a number of at least 1")
    if workers == 1:
        return
    if not hasattr(socket, "send_fds"):
        raise UsageError(
            f"workers: got {workers}, but this system cannot pass connections between processes: "
            "expected 1; run several servers behind a proxy instead"
        )
    if options is not None and options.generate_id is not None:
        raise UsageError(
            f"workers: got {workers} and generate_id, but a session's id begins with the name of "
            "its worker: leave generate_id out"
        )
