"""Two users who are in one project, each with a client."""

from __future__ import annotations

from tests.server.conftest import Connect
from tests.server.wire import Client

PROJECT = {"projectId": "project-123"}


async def two(connect: Connect) -> tuple[Client, Client]:
    """Return the clients of user-456 and user-789 in the project; they have heard of each other."""
    first, second = await connect(), await connect()
    await first.ask("project:join", {**PROJECT, "userId": "user-456"})
    await second.ask("project:join", {**PROJECT, "userId": "user-789"})
    await first.news()
    return first, second
