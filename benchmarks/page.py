"""What a key costs on the page: `python -m benchmarks.page`.

Chromium on a server of its own: a project of 2,000 files, a file of 1 MB, and two people, one of
whom types without a pause. `page.mjs` measures, and prints a line for each figure with its bound.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.parts import measured_on
from scripts.set_up import find_browser
from server.application import Application
from server.settings import Settings
from server.store import project_files
from server.store.connection import Connection
from server.store.demonstration import PROJECT_ID

FILES = 2_000
MEGABYTE = 1_000_000
_LINE = "const value = compute(first, second); // a line\n"


def fill(connection: Connection) -> None:
    """Put the files of the benchmark into the demonstration's project."""
    for number in range(FILES):
        path = f"src/module{number % 40}/part{number % 7}/file{number}.js"
        project_files.write(connection, PROJECT_ID, path, _LINE, user_id="user-456", now="now")
    text = _LINE * (MEGABYTE // len(_LINE))
    project_files.write(connection, PROJECT_ID, "large.js", text, user_id="user-456", now="now")
    project_files.write(connection, PROJECT_ID, "both.txt", "", user_id="user-456", now="now")


async def measure() -> None:
    """Start the server and the browser, and print what is measured."""
    browser = find_browser()
    if browser is None:
        sys.exit("Chromium is missing: run `make setup`")
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as directory:
        application = Application(Settings(port=0, data_dir=Path(directory)))
        await application.start()
        try:
            await application.database.run(fill)
            process = await asyncio.create_subprocess_exec(
                "node",
                str(Path(__file__).with_name("page.mjs")),
                env={**os.environ, "URL": application.url, "CHROMIUM": browser},
            )
            if await process.wait():
                sys.exit("the measurement failed")
        finally:
            await application.stop()
    print(measured_on(before, "in Chromium"))


if __name__ == "__main__":
    asyncio.run(measure())
