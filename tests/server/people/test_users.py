"""Finding users to share a project with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from server.api.records import User
from server.people import users
from tests.server.conftest import Connect
from tests.server.running import CREDENTIALS, add_user, running
from tests.server.wire import Client, connected


async def owning(client: Client, name: str) -> dict[str, Any]:
    """A project of one's own."""
    project = (await client.ask("project:create", {"name": "P", "userId": name}))["project"]
    return {"projectId": project["id"]}


async def names(client: Client, mine: dict[str, Any], prefix: str) -> list[str]:
    answer = await client.ask("user:search", {**mine, "prefix": prefix})
    return [user["name"] for user in answer["users"]]


async def test_accounts_and_those_who_are_here(connect: Connect) -> None:
    ada, bob = await connect(), await connect()
    mine = await owning(ada, "ada")
    await bob.ask("user:join", {"userId": "User-Bob"})
    assert await names(ada, mine, "user-") == ["user-456", "user-789", "User-Bob"]
    assert await names(ada, mine, "USER-B") == ["User-Bob"]
    # Members are there already.
    await ada.ask("project:share", {**mine, "userId": "user-456", "role": "viewer"})
    assert await names(ada, mine, "user-4") == []
    assert await names(ada, mine, "a") == []
    await bob.close()
    await ada.ask("user:join", {"userId": "ada"})
    assert await names(ada, mine, "nobody") == []
    window = await connect()
    await window.ask("user:join", {"userId": "eve@example.org"})
    assert [await names(ada, mine, one) for one in ("eve", "eve@example.org")] == [
        [], ["eve@example.org"],
    ]  # fmt: skip


async def test_no_more_than_ten_and_by_owners_only(connect: Connect) -> None:
    ada = await connect()
    mine = await owning(ada, "ada")
    for number in range(12):
        await (await connect()).ask("user:join", {"userId": f"x{number:02}"})
    assert await names(ada, mine, "x") == [f"x{number:02}" for number in range(users.FOUND)]
    other = await connect()
    await other.ask("user:join", {"userId": "bob"})
    asked = {**mine, "prefix": "x"}
    assert (await other.ask("user:search", asked))["error"]["code"] == "NOT_FOUND"
    await ada.ask("project:share", {**mine, "userId": "bob", "role": "editor"})
    assert (await other.ask("user:search", asked))["error"]["code"] == "FORBIDDEN"
    answers = [await ada.ask("user:search", asked) for _ in range(60)]
    codes = [one["error"]["code"] for one in answers if not one["ok"]]
    assert codes[:1] == ["RATE_LIMIT_EXCEEDED"]


async def test_where_a_session_is_required_accounts_alone_are_found(tmp_path: Path) -> None:
    async with running(tmp_path, auth_mode="required") as application:
        await add_user(application)
        application.directory.add_user(User("u1", "Adam"))
        async with connected(application.port) as client:
            await client.ask("auth:login", CREDENTIALS)
            mine = {
                "projectId": (await client.ask("project:create", {"name": "P"}))["project"]["id"]
            }
            answer = await client.ask("user:search", {**mine, "prefix": "ad"})
            assert answer["users"] == [{"id": "u1", "name": "Adam"}]
