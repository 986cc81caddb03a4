"""`python -m server`: settings, start, signals, exit code.

Exit codes: 0 after SIGINT or SIGTERM, 1 when an address cannot be listened on, 2 for a setting that
cannot be used. Whatever goes wrong at the start is one line on stderr.
"""

from __future__ import annotations

import asyncio
import os
import sys

from engineio_min.runner import run, stopped
from server import logs
from server.application import Application
from server.listening import ListenError
from server.settings import Settings, SettingsError, load


def main() -> int:
    """Run until a signal; returns the exit code."""
    try:
        settings = load(sys.argv[1:], os.environ)
    except SettingsError as error:
        print(f"server: {error}", file=sys.stderr)
        return 2
    logs.configure(settings.log_format)
    try:
        run(_serve(settings))
    except ListenError as error:
        print(f"server: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve(settings: Settings) -> None:
    # Begun first: once the server is announced, a signal must find its handler.
    stopping = asyncio.create_task(stopped())
    await asyncio.sleep(0)
    application = Application(settings)
    await application.start()
    print(f"Socket.IO server listening on {application.url}")
    print("Authentication: open, clients act as the user that they name (AUTH_MODE=open)")
    print("Press Ctrl+C to stop", flush=True)
    await stopping
    await application.stop()


if __name__ == "__main__":
    sys.exit(main())
