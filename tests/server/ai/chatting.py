"""Ask the assistant, and gather all events of its answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from server.ai.provider import Question
from server.api.records import Usage
from tests.server.wire import Client

PROJECT = {"projectId": "project-123"}

ADA = {"id": "user-456", "name": "user-456"}

APP = "src/components/App.jsx"

TODO = "src/components/TodoList.jsx"

DOCUMENTED = {
    "message": "Create a React component for a todo list",
    "projectId": "project-123",
    "userId": "user-456",
    "context": {
        "currentFile": "src/components/TodoList.jsx",
        "language": "javascript",
        "framework": "react",
    },
}


async def answer_of(client: Client, request_id: str) -> tuple[list[str], Any]:
    """The events of an answer, and its response or its error."""
    events = []
    while True:
        for index, (event, data, _) in enumerate(client.heard):
            if data.get("requestId") == request_id:
                del client.heard[index]
                events.append(event)
                if event == "ai:response":
                    return events, data["response"]
                if event == "ai:processing" and data["status"] == "error":
                    return events, data["error"]
                break
        else:
            await client.more()


async def ask(client: Client, message: str, **payload: Any) -> Any:
    payload = {"message": message, **PROJECT, **payload}
    request = await client.ask("ai:message", payload)
    assert request["ok"], request
    return (await answer_of(client, request["requestId"]))[1]


class Held:
    """A provider that says what the test puts into its queue: text, an outcome, or an error."""

    name = "held"
    model = "by hand"
    budget = 0

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.left = 0

    async def stream(self, question: Question) -> AsyncGenerator[str | Usage, None]:
        try:
            while (piece := await self.queue.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.left += 1

    async def close(self) -> None:
        """Nothing to let go of."""
