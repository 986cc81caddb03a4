"""The snippets of the API's document, run unchanged by the official JavaScript client."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

from server.application import Application
from tests.server.wire import PATIENCE

SCRIPT = Path(__file__).with_name("snippets.mjs")


async def run_snippets(application: Application) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        "node", str(SCRIPT), application.url, stdout=PIPE, stderr=PIPE
    )
    try:
        async with asyncio.timeout(PATIENCE * 3):
            out, error = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (process.returncode, error.decode()) == (0, "")
    record: dict[str, Any] = json.loads(out)
    return record


async def test_the_documents_snippets_work(application: Application) -> None:
    record = await run_snippets(application)
    assert record["connection"] == [
        ["log", "✅ Connected successfully"],
        ["log", "✅ Ping-pong test passed"],
    ]
    assert record["events"] == [["log", "✅ Event test passed:", {"message": "Hello Server"}]]
    assert record["rooms"] == [["log", "✅ Room test passed:", {"room": "test-room"}]]
    assert record["room events"] == [
        ["log", "Joined room:", "project:project-123"],
        ["log", "Joined room:", "user:user-456"],
        ["log", "Joined room:", "notifications"],
        ["log", "Left room:", "project:project-123"],
        ["log", "Left room:", "notifications"],
        [
            "error",
            "Room error:",
            "room 'lobby': expected project:<id>, user:<your id>, notifications, "
            "or a name that begins with test- or team:",
        ],
    ]

    user = {"id": "user-456", "name": "user-456"}
    guest = record["guest"]
    assert record["user events"] == [
        ["log", "User joined:", user],
        ["log", "User typing:", user],
        ["log", "User typing:", user],
        ["log", "User left:", user],
        ["log", "User joined:", guest],
        ["log", "User left:", guest],
    ]
    assert record["screen"] == [
        ["addUserToOnlineList", user],
        ["showNotification", "user-456 joined the project"],
        ["showUserTypingIndicator", "user-456"],
        ["hideUserTypingIndicator", "user-456"],
        ["showUserTypingIndicator", "user-456"],
        ["hideUserTypingIndicator", "user-456"],
        ["removeUserFromOnlineList", "user-456"],
        ["showNotification", "user-456 left the project"],
        ["addUserToOnlineList", guest],
        ["showNotification", f"{guest['id']} joined the project"],
        ["removeUserFromOnlineList", guest["id"]],
        ["showNotification", f"{guest['id']} left the project"],
    ]
    assert record["connect"] == [["log", "Connected to server"], ["log", "Socket ID:"]]

    envelope = record["envelope"]
    assert envelope.pop("timestamp").endswith("Z")
    assert envelope == {
        "event": "user:joined",
        "userId": "user-456",
        "projectId": "project-123",
        "metadata": {"source": "client", "priority": "medium"},
    }
