"""Servers in other processes: started, and waited for."""

from __future__ import annotations

import asyncio
import random
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.waiting import PATIENCE, patient

ROOT = Path(__file__).resolve().parent.parent

# Below those that Linux and macOS choose for connections and for listeners on port 0.
UNCHOSEN = range(20_000, 32_768)
# Not the generator that hypothesis seeds: processes of tests would choose the same ports.
CHANCE = random.SystemRandom()
RETURNED: set[int] = set()


def free_port() -> int:
    """Return a port that nobody listens on, for a server that is told its port, or is restarted.

    The system gives the port to nobody while that server is not there. A port of its own choice
    may become that of somebody's connection, even of one to this very port. No port is returned
    twice: several may be asked for before a server takes the first.
    """
    while True:
        port = CHANCE.choice(UNCHOSEN)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in RETURNED:
                RETURNED.add(port)
                return port


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
