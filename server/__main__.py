"""`python -m server`: the server, and the commands that manage its data.

Exit codes: 0 after SIGINT or SIGTERM and for a command that is done, 1 when an address cannot be
listened on or the data cannot be used, 2 for a setting or a command that cannot be used. Whatever
goes wrong at the start is one line on stderr.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys

from engineio_min.errors import WorkersFailed
from engineio_min.runner import run, stopped
from engineio_min.workers.place import take_place
from server import commands, logs, workers
from server.ai.local import LocalModelError
from server.application import Application
from server.http.listening import ListenError
from server.settings import Settings, SettingsError, load
from server.store.engine import StoreError

logger = logging.getLogger("server")

_MODES = {
    "open": "open, clients without a session act as the user that they name (AUTH_MODE=open)",
    "required": "required, clients log in or present a session (AUTH_MODE=required)",
}


_SWITCH_INTERVAL = 0.000_5
"""Seconds after which a thread that computes lets another thread go on. The database's thread asks
for its turn after each step of each statement. With Python's 5 ms, a client that keeps the event
loop busy made everybody's saves wait for seconds.
"""


def main() -> int:
    """Run until a signal, or carry out a command. Return the exit code."""
    arguments = sys.argv[1:]
    try:
        if arguments and arguments[0] in commands.COMMANDS:
            print(commands.carry_out(arguments, os.environ))
            return 0
        settings = load(arguments, os.environ)
    except SettingsError as error:
        print(f"server: {error}", file=sys.stderr)
        return 2
    except StoreError as error:
        print(f"server: {error}", file=sys.stderr)
        return 1
    logs.configure(settings.log_format, settings.log_level)
    for line in settings.outdated:
        logger.warning("%s", line)
    sys.setswitchinterval(_SWITCH_INTERVAL)
    # What was imported stays: no collection of garbage looks at it, nor the last one, at the end.
    gc.freeze()
    place = take_place()
    try:
        if place is not None:
            run(workers.work(settings, place))
        elif settings.workers > 1:
            workers.supervise(settings, lambda url: _announce(settings, url))
        else:
            run(_serve(settings))
    except SettingsError as error:
        print(f"server: {error}", file=sys.stderr)
        return 2
    except (ListenError, LocalModelError, StoreError, WorkersFailed) as error:
        print(f"server: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve(settings: Settings) -> None:
    # Begun first: once the server is announced, a signal must find its handler.
    stopping = asyncio.create_task(stopped())
    await asyncio.sleep(0)
    application = Application(settings)
    await application.start()
    _announce(settings, application.url)
    await stopping
    await application.stop()


def _announce(settings: Settings, url: str) -> None:
    print(f"Socket.IO server listening on {url}")
    print(f"Authentication: {_MODES[settings.auth_mode]}")
    print("Press Ctrl+C to stop", flush=True)


if __name__ == "__main__":
    sys.exit(main())
