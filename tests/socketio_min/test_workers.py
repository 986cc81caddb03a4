"""Several processes on one port, real ones, and the official client with polling alone.

Every request of a client is a connection of its own, or one that is kept open; none of them has to
come to the worker that has the session.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from socketio_min import Recovery, Server, UsageError
from tests.listening import free_port, listening
from tests.waiting import PATIENCE

HERE = Path(__file__).parent


class Program:
    """A program that is told and answers in lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def tell(self, line: str) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line.encode() + b"\n")
        async with asyncio.timeout(PATIENCE):
            return json.loads(await self.process.stdout.readline())


@asynccontextmanager
async def workers(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, Program]]:
    """Two workers, and the clients' program."""
    port = str(free_port())
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        *(argument.replace("PORT", port) for argument in arguments),
        cwd=HERE.parents[1],
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        stderr=asyncio.subprocess.PIPE,
    )
    await listening(int(port))
    node = await asyncio.create_subprocess_exec(
        "node",
        str(HERE / "workers_client.mjs"),
        port,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert node.stdin is not None
    try:
        yield server, Program(node)
        node.stdin.close()
        async with asyncio.timeout(PATIENCE):
            await node.wait()
            server.terminate()
            _, errors = await server.communicate()
        assert server.returncode == 0, errors.decode()
        assert b"Traceback" not in errors, errors.decode()
    finally:
        for process in (server, node):
            if process.returncode is None:
                process.kill()
                await process.wait()


def pids_of(answer: dict[str, dict[str, int]]) -> set[int]:
    return set(map(int, answer["pids"]))


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
async def test_polling_clients_of_several_workers(loop: str) -> None:
    program = str(HERE / "workers_program.py")
    async with workers(program, "PORT", "2", loop) as (server, clients):
        first = await clients.tell("clients 20 room")
        assert len(first["pids"]) == 2
        assert sum(first["pids"].values()) == 20
        assert await clients.tell("echo 5") == {"echoes": 100, "errors": []}
        # They share their rooms, without anything else running.
        assert await clients.tell("say room hello") == {"heard": 20}
        assert await clients.tell("count room") == {"count": 20}
        # One is killed: its clients come back, and all are in the room again.
        killed = max(pids_of(first))
        os.kill(killed, signal.SIGKILL)
        second = await clients.tell("back")
        assert killed not in pids_of(second)
        assert sum(second["pids"].values()) == 20
        assert await clients.tell("say room again") == {"heard": 20}
        # All are replaced while clients come: nobody is refused.
        await clients.tell("begin")
        server.send_signal(signal.SIGHUP)
        renewed: set[int] = set()
        async with asyncio.timeout(PATIENCE):
            while not renewed or renewed & (pids_of(second) | pids_of(first)):
                renewed = pids_of(await clients.tell("back"))
        probe = await clients.tell("end")
        assert probe["refused"] == []
        assert probe["served"] > 0
        assert await clients.tell("say room new") == {"heard": 20}


async def test_a_module_is_served_by_workers() -> None:
    serve = ("-m", "socketio_min", "serve", "tests.socketio_min.workers_program:io")
    async with workers(*serve, "--port", "PORT", "--workers", "2") as (_, clients):
        assert sum((await clients.tell("clients 4 room"))["pids"].values()) == 4
        assert await clients.tell("say room hello") == {"heard": 4}


def test_recovery_in_memory_is_one_process() -> None:
    io = Server(connection_state_recovery=Recovery())
    with pytest.raises(UsageError, match="a client may come back to another worker"):
        io.run(workers=2)


def test_ids_that_name_no_worker() -> None:
    io = Server(generate_id=lambda _: "id")
    with pytest.raises(UsageError, match="generate_id"):
        io.run(workers=2)
