"""Programs of other languages that a test runs to their end."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Mapping
from pathlib import Path


async def output(
    *command: str, seconds: float, environment: Mapping[str, str], cwd: Path | None = None
) -> str:
    """Run a program, for so many seconds at the most, and return what it printed.

    Raises:
        AssertionError: it failed, or has not ended in time; the message is what it printed.
    """
    process = await asyncio.create_subprocess_exec(
        *command, stdout=PIPE, stderr=STDOUT, cwd=cwd, env={**os.environ, **environment}
    )
    assert process.stdout is not None
    printed = bytearray()
    try:
        async with asyncio.timeout(seconds):
            while piece := await process.stdout.read(65_536):
                printed += piece
            await process.wait()
    except TimeoutError:
        printed += f"It has not ended within {seconds:g} seconds.".encode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, printed.decode()
    return printed.decode()
