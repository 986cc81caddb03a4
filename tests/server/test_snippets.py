"""The snippets of the API's document, run unchanged by the official JavaScript client."""

from __future__ import annotations

import asyncio
import json
import time
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

from server.accounts.auth import new_session
from server.api.records import User
from server.application import Application
from server.store import accounts
from tests.waiting import PATIENCE

SCRIPT = Path(__file__).with_name("snippets.mjs")


async def run_snippets(application: Application) -> dict[str, Any]:
    session_id, session = new_session(User("user-456", "user-456"), time.time())
    await application.database.run(lambda c: accounts.open_session(c, session, 5))
    process = await asyncio.create_subprocess_exec(
        "node", str(SCRIPT), application.url, session_id, stdout=PIPE, stderr=PIPE
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

    check_files(record)
    check_assistant(record)
    check_authentication(record)


def check_files(record: dict[str, Any]) -> None:
    assert [line[1] for line in record["project log"]] == [
        "Project updated:",
        # Shared with them, and what that did to its members.
        "Project updated:",
        "New project created:",
        "Project deleted:",
    ]
    assert record["project log"][0][2]["description"] == "Updated project description"
    assert [call for call in record["project page"] if call[0] == "showNotification"] == [
        ["showNotification", 'Project "Todo list" updated'],
        ["showNotification", 'Project "Mine" updated'],
        ["showNotification", 'Project "Mine" created successfully'],
        ["showNotification", "Project deleted successfully"],
    ]
    assert [line[1] for line in record["file log"]] == [
        "File updated:",
        "New file created:",
        "File deleted:",
    ]
    assert record["file log"][0][2]["path"] == "src/components/App.jsx"
    assert ["isFileOpen", "src/components/App.jsx"] in record["file page"]
    assert ["removeFileFromUI", "a.txt"] in record["file page"]
    presence = record["presence"]
    assert (presence["status"], presence["activity"]) == ("online", "editing App.jsx")


def check_assistant(record: dict[str, Any]) -> None:
    message = "Create a React component for a todo list"
    assert record["ai log"][0] == ["log", "AI message received:", message]
    assert record["ai log"][-1] == ["log", "AI processing:", "progress"]
    calls = [call[0] for call in record["ai page"]]
    assert calls == [
        "addMessageToChat",
        "showAITypingIndicator",
        "showAITypingIndicator",
        "updateAIProgress",
        "updateAIProgress",
        "hideAITypingIndicator",
        "hideAITypingIndicator",
        "addMessageToChat",
        "processAIActions",
        "updateAIProgress",
    ]
    assert record["ai page"][0] == ["addMessageToChat", message, "user"]
    [action] = record["ai page"][-2][1]
    # There is a TodoList.jsx, with something in it.
    assert action["path"] == "src/components/TodoList2.jsx"
    assert record["ai page"][-1] == ["updateAIProgress", 50]


def check_authentication(record: dict[str, Any]) -> None:
    user = {"id": "user-456", "name": "user-456"}
    assert record["auth log"] == [["log", "Authenticated as:", user]]
    assert [line[1] for line in record["session log"]] == [
        "Session updated:",
        "Session updated:",
        "User logged out:",
    ]
    checked, refreshed = [line[2] for line in record["session log"][:2]]
    assert "id" not in checked
    assert len(refreshed["id"]) == 43
    assert [call[0] for call in record["session page"]] == [
        "updateSessionInfo",
        "updateSessionInfo",
        "clearUserSession",
    ]
    assert record["redirected"] == "/"
    assert record["refused log"][0][1] == "Authentication failed:"
    assert record["refused log"][0][2]["code"] == "UNAUTHORIZED"
    assert record["redirectedAfterwards"] == "/login"
