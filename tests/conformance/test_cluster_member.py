"""`python -m conformance cluster-member`: the command line, and what a member alone answers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from conformance.targets import cluster_command
from socketio_min import Client
from tests.waiting import PATIENCE


@asynccontextmanager
async def member(*arguments: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    command = [sys.executable, "-m", "conformance", "cluster-member", "--port", "0", *arguments]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), PATIENCE)).decode()
        assert line.startswith("ready http://127.0.0.1:"), line
        yield line.split()[1], process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def test_a_member_alone() -> None:
    async with member() as (url, process):
        client = Client(url, transports=["websocket"], reconnection=False)
        ends: asyncio.Queue[str] = asyncio.Queue()
        client.on("disconnect", ends.put_nowait)
        client.on("ask", lambda payload: payload)
        await client.connect()
        assert await client.call("join", ["red", "blue"]) is None
        assert await client.call("leave", "blue") is None
        assert await client.call("data", {"a": 1}) is None
        assert await client.call("whoami") == {
            "id": client.id,
            "recovered": False,
            "rooms": sorted((str(client.id), "red")),
            "data": {"a": 1},
        }
        assert await client.call("ask", "red", [1], 5000) == {"ok": [[1]]}
        assert await client.call("sse-ack", 1) == {"ok": []}
        client.emit("drop")
        assert await asyncio.wait_for(ends.get(), PATIENCE) == "transport close"
        await client.connect()
        client.emit("bye")
        assert await asyncio.wait_for(ends.get(), PATIENCE) == "io server disconnect"
        await client.connect()
        client.emit("crash")
        await asyncio.wait_for(process.wait(), PATIENCE)
        await client.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--parser", "msgpack"], "got msgpack, which this member does not have yet"),
        (["--admin", "development"], "got development, which this member does not have yet"),
        (["--adapter", "other"], "invalid choice: 'other'"),
        (["--adapter", "classic", "--redis", "http://x"], "as the URL of Redis"),
        (["--port", "x"], "got x, expected 0 to 65535"),
    ],
)
def test_a_wrong_command_line_is_told(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cluster_command.main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_port_that_is_taken_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cluster_command.main(["--host", "256.0.0.1"])
    assert ended.value.code == 1
    assert "cannot listen on 256.0.0.1:3000" in capsys.readouterr().err
