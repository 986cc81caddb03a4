"""Runs the server that a module defines: `python -m socketio_min serve module:io --workers 4`.

With several workers this process is their supervisor, and does not import the module: only the
workers do, each anew. So a worker that replaces another one runs the module as it is then.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import math
import sys
from collections.abc import Sequence

from engineio_min.errors import WorkersFailed
from engineio_min.workers.place import is_worker
from engineio_min.workers.supervisor import Supervisor
from socketio_min.errors import UsageError
from socketio_min.server.server import Server


def main(arguments: Sequence[str]) -> int:
    """Run the program. Return its exit status: 0, 1 when it failed, 2 for bad usage."""
    options = _parser().parse_args(arguments)
    try:
        if options.workers == 1 or is_worker():
            server = load(options.server)
            server.run(options.host, options.port, workers=options.workers, drain=options.drain)
        else:
            supervisor = Supervisor(
                [sys.executable, *sys.orig_argv[1:]],
                options.workers,
                host=options.host,
                port=options.port,
                drain=options.drain,
            )
            asyncio.run(supervisor.run())
    except UsageError as error:
        return _fail(error, 2)
    except (WorkersFailed, OSError) as error:
        return _fail(error, 1)
    return 0


def _fail(error: Exception, status: int) -> int:
    sys.stderr.write(f"socketio_min serve: {error}\n")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m socketio_min serve",
        description="Serve the Server that a module has. SIGTERM ends it, SIGHUP replaces the "
        "workers by new ones.",
    )
    parser.add_argument("server", metavar="module:name", help='such as "chat:io"')
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=_port, default=3000, help="0 picks a free one")
    parser.add_argument("--workers", type=int, default=1, help="how many processes serve")
    parser.add_argument(
        "--drain", type=_seconds, default=5.0, help="seconds that handlers in flight may take"
    )
    return parser


def _port(text: str) -> int:
    """Read a port. uvloop would listen on 4464 for 70000."""
    if not (text.isascii() and text.isdecimal()) or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"got {text}, expected a port from 0 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    """Read a number of seconds, 0 or more."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"got {text}, expected a number of seconds, 0 or more")
    return value


def load(place: str) -> Server:
    """Return the server that `module:name` names.

    Raises:
        UsageError: there is no such module, or `name` is no `Server` in it.
    """
    module, _, name = place.partition(":")
    try:
        server = getattr(importlib.import_module(module), name) if module and name else None
    except (ModuleNotFoundError, AttributeError) as error:
        raise UsageError(f"got {place!r}, but {error}: expected module:name of a Server") from None
    if not isinstance(server, Server):
        raise UsageError(f"got {place!r}, expected module:name of a Server")
    return server
