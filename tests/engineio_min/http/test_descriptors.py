"""server.py: the file descriptors that are kept back from connections."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from engineio_min import HttpLimits
from engineio_min.http.server import usable_descriptors
from tests.engineio_min.http.requests import turned_away
from tests.engineio_min.wire import connect
from tests.listening import program_listening


@pytest.mark.parametrize(
    ("descriptors", "usable"), [(1, 1), (64, 32), (256, 128), (1_024, 864), (20_000, 19_247)]
)
def test_some_descriptors_are_kept_for_files(descriptors: int, usable: int) -> None:
    assert usable_descriptors(descriptors) == usable


def test_descriptors_without_a_limit() -> None:
    assert usable_descriptors(float("inf")) > HttpLimits().connections


DESCRIPTORS = 128


SERVER = f"""
import asyncio, logging, resource
from engineio_min import Server

resource.setrlimit(resource.RLIMIT_NOFILE, ({DESCRIPTORS}, {DESCRIPTORS}))
logging.basicConfig(format="%(message).200s")

async def main():
    server = Server()
    await server.listen(port=0)
    print(server.port, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_server_keeps_some_of_its_descriptors(tmp_path: Path) -> None:
    """With default options: who is too many is told, and the process never runs out."""
    complaints = tmp_path / "stderr"
    async with program_listening(SERVER, complaints) as (_, port), AsyncExitStack() as stack:
        for _ in range(DESCRIPTORS // 2):
            await stack.enter_async_context(connect(port))
        for _ in range(40):
            await turned_away(await stack.enter_async_context(connect(port)))
    assert b"at most 64 are taken" in complaints.read_bytes()
    assert b"out of system resource" not in complaints.read_bytes()
