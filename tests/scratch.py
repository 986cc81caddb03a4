"""Where the tests write their files: in memory, where there is such a place.

The databases of the tests commit tens of thousands of times, each time as durably as those of
users. Waiting for the disk was half of the time of many tests and showed nothing: no test can pull
the plug.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

MEMORY: Final = Path("/dev/shm")
# Bytes: some times what all tests have on the disk at once. A container's may have 64 MB.
ENOUGH: Final = 2_000_000_000


def write_in_memory() -> None:
    """Let this process and those that it starts make their temporary files in memory.

    Whoever has set `TMPDIR` has chosen another place.
    """
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK | os.X_OK):
        return
    if shutil.disk_usage(MEMORY).free >= ENOUGH:
        os.environ["TMPDIR"] = str(MEMORY)
        # pytest has asked for the folder already, and tempfile remembers the answer.
        tempfile.tempdir = None
