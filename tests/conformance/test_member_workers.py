"""`python -m conformance cluster-member --workers 2`: official clients of both workers."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.socketio_min.cluster.redis_server import running_redis
from tests.waiting import PATIENCE

CLIENTS = Path(__file__).with_name("member_clients.mjs")
ANSWER_MILLISECONDS = 25_000
COMMAND = (sys.executable, "-m", "conformance", "cluster-member", "--port", "0", "--workers", "2")


@pytest.fixture(scope="module")
def redis() -> Iterator[str]:
    with running_redis() as server:
        yield server.url


class Clients:
    """The clients' program, which is told and answers in lines of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def tell(self, *command: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        async with asyncio.timeout(PATIENCE):
            return json.loads(await self._process.stdout.readline())


@asynccontextmanager
async def started(
    *command: str, stdin: int | None = None, stderr: int | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *command, stdin=stdin, stdout=asyncio.subprocess.PIPE, stderr=stderr
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def member(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, Clients]]:
    """Run a member of two workers, and the clients' program."""
    async with started(*COMMAND, *arguments) as server:
        assert server.stdout is not None
        line = (await asyncio.wait_for(server.stdout.readline(), PATIENCE)).decode()
        assert line.startswith("ready http://127.0.0.1:"), line
        command = ("node", str(CLIENTS), line.split()[1])
        async with started(*command, stdin=asyncio.subprocess.PIPE) as clients:
            yield server, Clients(clients)
        server.terminate()
        rest, _ = await asyncio.wait_for(server.communicate(), PATIENCE)
        # One line for all workers, and none for those that replace them.
        assert (server.returncode, rest) == (0, b"")


@pytest.mark.parametrize("adapter", ["memory", "classic", "sharded", "streams"])
async def test_clients_of_both_workers(adapter: str, redis: str) -> None:
    async with member("--adapter", adapter, "--redis", redis) as (_, clients):
        one, two, three, four = await clients.tell("open", 2)
        assert (one, three) == (two, four)
        assert one != three
        ids = [client["id"] for client in await clients.tell("back")]
        for index in range(4):
            await clients.tell("call", index, ["join", "room"])
            await clients.tell("call", index, ["data", {"index": index}])
        for asking in (0, 3):
            found = await clients.tell("call", asking, ["fetch", "room"])
            assert {one["id"]: one["data"] for one in found} == {
                id_: {"index": index} for index, id_ in enumerate(ids)
            }
        for sender in (0, 3):
            await clients.tell("emit", sender, ["fan", ["room"], [], sender])
            assert await clients.tell("heard", [0, 1, 2, 3], "fan") == [[sender]] * 4
            answer = await clients.tell("call", sender, ["ask", "room", "?", ANSWER_MILLISECONDS])
            assert sorted(answer["ok"]) == [0, 1, 2, 3]
        await clients.tell("emit", 3, ["sse", "hello"])
        assert await clients.tell("heard", [0, 1], "heard") == [["hello"]] * 2
        answer = await clients.tell("call", 0, ["sse-ack", "again"])
        assert [one["payload"] for one in answer["ok"]] == ["again"]
        assert await clients.tell("heard", [2, 3], "heard") == [["again"]] * 2
        assert await clients.tell("has-heard", "heard") == [[]] * 4
        # One worker ends at once and is replaced; the clients of the other notice nothing.
        await clients.tell("emit", 2, ["crash"])
        await clients.tell("ended", [2, 3])
        back = await clients.tell("back")
        assert [client["id"] for client in back[:2]] == ids[:2]
        assert three not in {client["worker"] for client in back}
        # Until a worker serves in its place, new connections may wait for that one: then a poll,
        # and the answer that it carries, are late, though nobody is lost.
        await clients.tell("both")
        for index in (2, 3):
            await clients.tell("call", index, ["join", "room"])
        answer = await clients.tell("call", 0, ["ask", "room", "!", ANSWER_MILLISECONDS])
        still = [client["id"] for client in await clients.tell("back")]
        assert (sorted(answer["ok"]), still[:2]) == ([0, 1, 2, 3], ids[:2])


async def test_clients_recover_at_the_other_worker(redis: str) -> None:
    arguments = ("--adapter", "streams", "--recovery", "60", "--redis", redis)
    async with member(*arguments) as (server, clients):
        one, other = await clients.tell("open", 1)
        ids = [client["id"] for client in await clients.tell("back")]
        for index in (0, 1):
            await clients.tell("call", index, ["join", f"room {index}"])
        # It comes back to whichever worker, until that is the other one.
        back = await clients.tell("back")
        while back[0]["worker"] == one:
            await clients.tell("emit", 0, ["drop"])
            await clients.tell("ended", [0])
            await clients.tell("emit", 1, ["fan", ["room 0"], [], "missed"])
            back = await clients.tell("back")
            assert await clients.tell("heard", [0], "fan") == [["missed"]]
            assert (back[0]["id"], back[0]["recovered"]) == (ids[0], True)
        # All workers are replaced: nobody has lost anything.
        server.send_signal(signal.SIGHUP)
        assert len(await clients.tell("ended", [0, 1])) == 2
        back = await clients.tell("back")
        assert [client["id"] for client in back] == ids
        assert not {one, other} & {client["worker"] for client in back}
        await clients.tell("emit", 0, ["fan", ["room 0", "room 1"], [], "new"])
        assert await clients.tell("heard", [0, 1], "fan") == [["new"]] * 2


async def test_recovery_in_memory_is_one_process() -> None:
    async with started(*COMMAND, "--recovery", "60", stderr=asyncio.subprocess.PIPE) as server:
        _, errors = await asyncio.wait_for(server.communicate(), PATIENCE)
    assert server.returncode == 2
    assert b"add an adapter that keeps sessions for all" in errors
