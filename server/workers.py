"""Several processes that serve as one server on one machine: `WORKERS`.

The process that was started supervises: it has the listening sockets and no client, replaces a
worker that dies, and replaces all by new ones at SIGHUP. See engineio_min.workers.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final

from engineio_min.workers.place import Place
from engineio_min.workers.supervisor import Supervisor
from server.application import Application
from server.configured import adapter_of
from server.http import listening
from server.settings import Settings
from server.store.engines import engine_for

DRAIN_SECONDS: Final = 40.0
"""Seconds that a worker may take to end, with its clients, answers, events in flight and unsaved
documents.
"""


def supervise(settings: Settings, ready: Callable[[str], object]) -> None:
    """Run the workers until SIGINT or SIGTERM; `ready` is called with the URL when all serve.

    Raises:
        ListenError: the address cannot be listened on.
        SettingsError: Redis cannot be used.
        StoreError: the database cannot be used.
        WorkersFailed: the workers die as soon as they have begun.
    """
    # Whatever would end each worker at its start is told here once, in one line.
    adapter_of(settings)
    engine_for(settings.data_dir, settings.database_url).connect().close()
    supervisor = Supervisor(
        [sys.executable, *sys.orig_argv[1:]],
        settings.workers,
        host=settings.host,
        port=settings.port,
        drain=DRAIN_SECONDS,
        ready=lambda port: ready(listening.url(settings.host, port)),
    )
    try:
        asyncio.run(supervisor.run())
    except OSError as error:
        raise listening.refusal(settings.host, settings.port, error) from error


async def work(settings: Settings, place: Place) -> None:
    """Serve as the worker at a place, until the supervisor says to end. While the database cannot
    be reached, only probes are served.

    Raises:
        StoreError: the database cannot be used.
    """
    application = Application(settings, worker=place.name)
    worker = application.io.as_worker(place)
    served: set[socket.socket] = set()

    async def listen(*, sock: socket.socket) -> None:
        if sock not in served:
            served.add(sock)
            await application.listen(sock=sock)

    async def listen_early() -> None:
        for listener in place.listeners:
            await listen(sock=listener)

    try:
        await worker.join()
        if not await _opened(application.open(listen_early), worker.told_to_end()):
            await application.io.close()
            return
        replaced = await worker.serve(listen, asyncio.Event())
        await application.stop(replaced=replaced)
    finally:
        worker.close()


async def _opened(opening: Coroutine[Any, Any, None], ending: Coroutine[Any, Any, None]) -> bool:
    """Open an application, unless it is to end before. Return whether it is open."""
    tasks = asyncio.create_task(opening), asyncio.create_task(ending)
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    done = tasks[0].done()
    for task in tasks:
        task.cancel()
    if done:
        await tasks[0]
    await asyncio.gather(*tasks, return_exceptions=True)
    return done
