"""A server in a process of its own, forked from one that has loaded everything: quick to start, so
that it can be killed often.
"""

from __future__ import annotations

import asyncio
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any


def start(
    processes: ForkServerContext, directory: Path, **settings: Any
) -> tuple[ForkServerProcess, int]:
    """A running server with these settings, and its port."""
    ours, theirs = processes.Pipe(duplex=False)
    process = processes.Process(target=_serve, args=(directory, theirs, settings), daemon=True)
    process.start()
    theirs.close()
    with ours:
        assert ours.poll(20)
        port: int = ours.recv()
    return process, port


def _serve(directory: Path, parent: Connection, settings: dict[str, Any]) -> None:
    async def serve() -> None:
        from tests.server.running import make

        application = make(directory, **settings)
        await application.start()
        parent.send(application.port)
        parent.close()
        await asyncio.Event().wait()

    asyncio.run(serve())
