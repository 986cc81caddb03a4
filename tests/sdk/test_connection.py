"""The document's snippets on connections and their errors, run unchanged; see connection.mjs."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE
from pathlib import Path

from server.application import Application
from tests.server.running import running
from tests.waiting import PATIENCE

SCRIPT = Path(__file__).with_name("connection.mjs")


async def output(application: Application) -> str:
    """What the script prints last; sockets that it names are put out meanwhile."""
    process = await asyncio.create_subprocess_exec(
        "node", str(SCRIPT), application.url, stdout=PIPE
    )
    assert process.stdout is not None
    last = ""
    try:
        async with asyncio.timeout(PATIENCE * 2):
            while line := (await process.stdout.readline()).decode():
                last = line
                if line.startswith("put out "):
                    application.io.sockets[line.split()[-1]].disconnect()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return last


async def test_the_documents_snippets_on_connections_work(tmp_path: Path) -> None:
    async with running(tmp_path) as application:
        record = json.loads(await output(application))
    shown = "Unable to connect to server. Please check your internet connection."
    attempt = [
        ["error", "Connection error:", "xhr poll error"],
        ["showConnectionError", shown],
        ["setTimeout", 5000],
    ]
    assert record == {
        "transport": "websocket",
        "disconnect": [
            ["log", "Disconnected from server:", "io server disconnect"],
            ["log", "Disconnected from server:", "io client disconnect"],
        ],
        "came back": True,
        "reconnect": [["log", "Reconnected after", 1, "attempts"]],
        "joined after the reconnection": True,
        "connection errors": [*attempt, *attempt],
        "authentication errors": [
            ["error", "Authentication error:", "UNAUTHORIZED"],
            ["showAuthError", "the session is unknown or over: log in again"],
        ],
        "location": "/login",
        "errors": [
            ["error", "Socket error:", "VALIDATION_ERROR"],
            ["showError", "An error occurred. Please try again."],
        ],
        "disconnected again": True,
    }
