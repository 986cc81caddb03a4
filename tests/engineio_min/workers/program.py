"""A worker for the supervisor's tests: `/` answers with its process id, other paths misbehave."""

from __future__ import annotations

import asyncio
import os
import sys
import time

from engineio_min import Server
from engineio_min.request import Request, Response
from engineio_min.runner import run
from engineio_min.workers.place import take_place
from engineio_min.workers.worker import Worker


def stuck(_request: Request) -> Response:
    time.sleep(1000)
    return Response(200)


async def main() -> None:
    place = take_place()
    assert place is not None
    if "late" in sys.argv:
        # It does not end when it is told to, and says so.
        reader, writer = await asyncio.open_unix_connection(sock=place.control)
        writer.write(b"ready\n")
        await reader.read()
        await asyncio.sleep(1000)
    server = Server()
    server.http.route("/", lambda _: Response(200, b"%d" % os.getpid()))
    server.http.route("/stuck", stuck)
    worker = Worker(place, server)
    await worker.join()
    await worker.serve(server.listen, asyncio.Event())
    await server.stop()
    worker.close()


if __name__ == "__main__":
    run(main())
