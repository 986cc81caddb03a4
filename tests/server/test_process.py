"""`python -m server` as a process: what it prints, how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import PIPE

import pytest

from tests.forked_servers import Forked, Program
from tests.server.wire import connected, http_get
from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parent.parent.parent


AS_MODULE = ("-m", "server")
WITHOUT_UVLOOP = (
    "-c",
    "import runpy, sys; sys.modules['uvloop'] = None; "
    "runpy.run_module('server', run_name='__main__')",
)


@asynccontextmanager
async def server(
    *arguments: str, program: tuple[str, str] | None = None, **variables: str
) -> AsyncIterator[Program]:
    """Run the server; it is a fork, unless it is started anew as a program of Python."""
    with tempfile.TemporaryDirectory() as directory:
        environment = {"DATA_DIR": directory, **variables}
        if program is None:
            process: Program = await asyncio.to_thread(
                Forked, "server", *arguments, environment=environment
            )
        else:
            process = subprocess.Popen(
                [sys.executable, *program, *arguments],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                text=True,
            )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                process.communicate()


async def ending(process: Program) -> tuple[int | None, str, str]:
    """The exit code, what else came on stdout, and stderr."""
    out, error = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
    return process.returncode, out, error


async def announcement(process: Program) -> list[str]:
    """Return the first three lines, or those there are until it ends."""
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        return [await asyncio.to_thread(process.stdout.readline) for _ in range(3)]


async def test_no_collection_looks_at_the_modules() -> None:
    """A collection goes through all objects that are not frozen, and stops everybody meanwhile."""
    code = (
        "import atexit, gc, runpy; "
        "atexit.register(lambda: print(gc.get_freeze_count(), len(gc.get_objects()))); "
        "runpy.run_module('server', run_name='__main__')"
    )
    async with server("--port", "0", program=("-c", code)) as process:
        await announcement(process)
        process.send_signal(signal.SIGTERM)
        _, out, _ = await ending(process)
    frozen, others = map(int, out.split())
    assert frozen > 10 * others


@pytest.mark.parametrize("program", [AS_MODULE, WITHOUT_UVLOOP], ids=["uvloop", "asyncio"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_says_where_it_listens_and_ends_with_a_signal(
    number: signal.Signals, program: tuple[str, str]
) -> None:
    async with server(program=program, PORT="0") as process:
        first, second, third = await announcement(process)
        match = re.fullmatch(r"Socket\.IO server listening on http://localhost:(\d+)\n", first)
        assert match is not None, first
        assert second == (
            "Authentication: open, clients without a session act as the user that they name "
            "(AUTH_MODE=open)\n"
        )
        assert third == "Press Ctrl+C to stop\n"
        port = int(match[1])
        assert json.loads((await http_get(port, "/healthz"))[2])["status"] == "ok"
        async with connected(port) as client:
            assert await client.ask("test:ping") == {"ok": True}
            process.send_signal(number)
            assert await ending(process) == (0, "", "")


async def test_a_flag_wins_over_its_variable() -> None:
    async with server("--port", "0", PORT="1") as process:
        assert "http://localhost:" in (await announcement(process))[0]
        process.terminate()
        assert (await ending(process))[0] == 0


async def test_a_used_port_is_one_line_and_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as used:
        port = used.getsockname()[1]
        async with server(PORT=str(port)) as process:
            assert await ending(process) == (
                1,
                "",
                f"server: cannot listen on http://localhost:{port}: the port is in use; "
                "stop the other program, or choose another with PORT or --port\n",
            )


async def test_a_used_data_directory_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    data = str(tmp_path)
    async with server("--port", "0", DATA_DIR=data) as first:
        await announcement(first)
        async with server("--port", "0", DATA_DIR=data) as second:
            assert await ending(second) == (
                1,
                "",
                f"server: DATA_DIR: cannot use {data!r}: another server is using it; "
                "stop that one, or choose another directory\n",
            )


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        (
            [],
            {"SOCKET_PING_TIMEOUT": "soon"},
            "SOCKET_PING_TIMEOUT: got 'soon', "
            "expected milliseconds, a whole number from 1 to 86400000",
        ),
        (["--port", "x"], {}, "--port: got 'x', expected a port, a whole number from 0 to 65535"),
        (["--bogus"], {}, "unrecognized arguments: --bogus; --help lists the flags"),
        (
            ["user", "remove", "user-456"],
            {},
            "usage: python -m server backup FILE | user add NAME | session new NAME "
            "| migrate-data --from sqlite --to URL [--data-dir VALUE]",
        ),
    ],
)
async def test_a_bad_setting_is_one_line_and_exit_code_2(
    arguments: list[str], variables: dict[str, str], message: str
) -> None:
    async with server(*arguments, program=None, **variables) as process:
        assert await ending(process) == (2, "", f"server: {message}\n")


async def test_help_lists_every_setting() -> None:
    async with server("--help") as process:
        code, out, error = await ending(process)
    assert (code, error) == (0, "")
    for word in ("--cors-origin", "SOCKET_CORS_ORIGIN", "--auth-mode", "AUTH_MODE", "3001"):
        assert word in out


async def test_a_warning_in_json() -> None:
    async with server("--port", "0", LOG_FORMAT="json") as process:
        port = int((await announcement(process))[0].rpartition(":")[2])
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n"
                b"Host: localhost\r\nOrigin: https://other.example\r\nConnection: close\r\n\r\n"
            )
            assert (await reader.read()).startswith(b"HTTP/1.1 403 ")
            writer.close()
        process.terminate()
        code, _, error = await ending(process)
    assert code == 0
    [line] = error.splitlines()
    record = json.loads(line)
    assert record["level"] == "warning"
    assert "https://other.example" in record["message"]


async def test_a_former_name_of_a_setting_is_one_line() -> None:
    async with server("--port", "0", SOCKET_MAX_HALF_RECEIVED="2e8") as process:
        await announcement(process)
        process.terminate()
        code, _, error = await ending(process)
    assert code == 0
    [line] = error.splitlines()
    assert "SOCKET_MAX_HALF_RECEIVED is called SOCKET_MAX_HELD now" in line


async def test_a_page_of_an_allowed_origin_may_connect() -> None:
    async with server("--port", "0", SOCKET_CORS_ORIGIN="https://a.example") as process:
        port = int((await announcement(process))[0].rpartition(":")[2])
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n"
                b"Host: localhost\r\nOrigin: https://a.example\r\nConnection: close\r\n\r\n"
            )
            head = (await reader.read()).decode()
            writer.close()
        assert head.startswith("HTTP/1.1 200 ")
        assert "Access-Control-Allow-Origin: https://a.example\r\n" in head
        assert "Access-Control-Allow-Credentials: true\r\n" in head
        process.terminate()
        assert await ending(process) == (0, "", "")
