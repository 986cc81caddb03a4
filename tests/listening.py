"""Servers in other processes: started, and waited for."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.waiting import PATIENCE, patient

ROOT = Path(__file__).resolve().parent.parent


@asynccontextmanager
async def program_listening(program: str, errors: Path) -> AsyncIterator[tuple[Process, int]]:
    """Run a Python program that prints its port and then serves. Yield its process and the port.
    What it writes to stderr is in the file `errors`.
    """
    with errors.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program), cwd=ROOT, stdout=PIPE, stderr=stderr
        )
    assert process.stdout is not None
    try:
        yield process, int(await patient(process.stdout.readline()))
    finally:
        process.kill()
        await process.wait()


async def listening(port: int) -> None:
    """Wait until a server accepts connections on a port."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
