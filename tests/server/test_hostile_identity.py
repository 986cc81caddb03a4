"""What a hostile client sends to be somebody else, or to have what is somebody else's.

The cases are some of those that `test_hostile_input` speaks of.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from server.api.registry import Access
from server.events import EVENTS
from tests.engineio_min.wire import HANDSHAKE
from tests.engineio_min.wire import connect as wire_to
from tests.server.running import running
from tests.server.stage import HELD, PROJECT, staged
from tests.server.test_events import VALID
from tests.server.wire import connected


def odd(*values: Any) -> tuple[Any, ...]:
    """Values of whatever types."""
    return values


def declaring(event: str) -> bool:
    spec = EVENTS[event]
    return spec.is_object and spec.payload.declares_user


@pytest.mark.parametrize("forged", ["user-789", "ada", "nobody", "__proto__"])
async def test_a01_another_user_in_the_payload(tmp_path: Path, forged: str) -> None:
    """`FORBIDDEN`, as `auth:error` for `auth:` events only: each area has its own failure."""
    async with staged(tmp_path) as stage:
        for event, payload in VALID.items():
            if declaring(event):
                await stage.refused(event, {**payload, "userId": forged}, "FORBIDDEN")
        batch = [{"event": "file:unlock", "data": {**HELD, "userId": forged}}]
        [result] = (await stage.attacker.ask("batch:update", {"updates": batch}))["results"]
        assert result["error"]["code"] == "FORBIDDEN"


async def test_a02_events_before_a_session(tmp_path: Path) -> None:
    """After half a minute the connection ends as well: tests/server/accounts/test_deadlines.py."""
    async with running(tmp_path, auth_mode="required") as application:
        async with connected(application.port) as nobody:
            for event, payload in VALID.items():
                if EVENTS[event].access is not Access.ANYBODY:
                    error = (await nobody.ask(event, {**payload, "userId": "user-456"}))["error"]
                    assert error["code"] == "UNAUTHORIZED", event
            batch = {"updates": [{"event": "test:ping"}]}
            assert (await nobody.ask("batch:update", batch))["error"]["code"] == "UNAUTHORIZED"
            assert await nobody.news() == []
            [socket] = application.io.sockets.values()
            assert socket.rooms == {nobody.id}
        assert (await application.locks.page("project-123"))[0] == []
        assert application.directory.role("project-123", "user-456") is not None


@pytest.mark.parametrize(
    "value", [0, True, [], {}, 1.5, "x" * 1_025, "x" * 1_000_000, "\ud800", "a\0b"]
)
async def test_a03_what_can_be_no_session(tmp_path: Path, value: Any) -> None:
    """The path is named: to be no string is no secret.

    In CONNECT: tests/server/accounts/test_auth.py.
    """
    async with staged(tmp_path) as stage:
        for name in ("sessionId", "token"):
            await stage.refused("auth:session", {name: value}, "VALIDATION_ERROR", f"$.{name}")


async def test_a06_a_session_of_the_clients_choosing(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        chosen = "x" * 43
        for payload in ({"sessionId": chosen}, {"token": chosen}):
            await stage.refused("auth:session", payload, "UNAUTHORIZED")
        for event in ("auth:refresh", "auth:check"):
            await stage.refused(event, {"sessionId": chosen, "id": chosen}, "UNAUTHORIZED")
        client = await stage.client({"sessionId": chosen})
        [(event, data)] = await client.news()
        assert (event, data["code"]) == ("auth:error", "UNAUTHORIZED")
        await client.close()
        rows = await stage.application.database.run(
            lambda c: c.execute("SELECT count(*) FROM sessions").fetchone()
        )
        assert rows == (0,)


async def test_a07_rooms_of_others(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.refused("room:join", {"room": f"project:{stage.secret}"}, "NOT_FOUND")
        for room in (
            "user:user-789",
            "user:",
            "project",
            "__all__",
            "*",
            "test-",
            "team:",
            "TEST-room",
            " test-room",
            stage.honest.id,
            stage.attacker.id,
        ):
            await stage.refused("room:join", {"room": room}, "FORBIDDEN")
        for room in odd("", "x" * 201, "test-" + "x" * 10_000, "test-a\n", 5, None, ["test-a"], {}):
            await stage.refused("room:join", {"room": room}, "VALIDATION_ERROR", "$.room")


async def test_a08_locks_that_are_held(tmp_path: Path) -> None:
    """The refusal names the holder; there is no `file:lock:denied` beside it."""
    async with staged(tmp_path) as stage:
        tab = await stage.client()
        await tab.ask("user:join", {"userId": "user-789"})
        for lock_type in odd("exclusive", "shared"):
            lock = {**HELD, "lockType": lock_type}
            error = await stage.refused("file:lock", lock, "FILE_LOCKED")
            holder = {"id": "user-789", "name": "user-789"}
            assert error["details"] == {"holder": holder, "lockType": "exclusive"}
            # Another connection of the holder's is another owner.
            assert (await tab.ask("file:lock", lock))["error"]["code"] == "FILE_LOCKED"
        for lock_type in odd("", "both", "EXCLUSIVE", 1, [], {}):
            lock = {**HELD, "lockType": lock_type}
            await stage.refused("file:lock", lock, "VALIDATION_ERROR", "$.lockType")
        await tab.close()
        await stage.honest.ask("project:join", PROJECT)


async def test_a09_locks_of_others_are_not_released(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        error = await stage.refused("file:unlock", HELD, "FILE_LOCKED")
        assert error["details"]["holder"] == {"id": "user-789", "name": "user-789"}
        await stage.refused("file:unlock", {**HELD, "userId": "user-789"}, "FORBIDDEN")
        tab = await stage.client()
        answer = await tab.ask("file:unlock", {**HELD, "userId": "user-789"})
        assert answer["error"]["code"] == "FILE_LOCKED"
        await tab.close()


async def test_a10_nothing_of_lost_connections_is_kept(tmp_path: Path) -> None:
    """However they are lost, and however often."""
    async with running(tmp_path, tuning={"lock_grace": 0.0}) as application:
        async with connected(application.port) as other:
            await other.ask("project:join", {**PROJECT, "userId": "user-789"})
            for number in range(60):
                async with connected(application.port) as client:
                    await client.ask("project:join", {**PROJECT, "userId": "mallory"})
                    answer = await client.ask("file:lock", {**PROJECT, "filePath": "a"})
                    assert answer["ok"], answer
                    if number % 2:
                        client.abort()
                assert (await other.hear("file:unlocked"))[0]["token"] == answer["lock"]["token"]
            news = [event for event, _ in await other.news()]
            assert news.count("file:unlocked") == 0
            assert news.count("file:locked") == 120
            assert {name for name, kept in vars(application.locks).items() if kept} == {
                "_ended",
                "_token",
            }
        assert application.presence.page("project-123")[0] == []


async def test_a11_locks_in_the_same_moment(tmp_path: Path) -> None:
    """On one server; the application does not run on several."""
    async with staged(tmp_path) as stage:
        clients = [stage.attacker, *[await stage.client() for _ in range(4)]]
        token = 0
        for _ in range(20):
            lock = {**PROJECT, "filePath": "contended"}
            answers = await asyncio.gather(*(one.ask("file:lock", lock) for one in clients))
            [winner] = [number for number, answer in enumerate(answers) if answer["ok"]]
            assert answers[winner]["lock"]["token"] > token
            token = answers[winner]["lock"]["token"]
            assert (await clients[winner].ask("file:unlock", lock))["released"]
        for client in clients[1:]:
            await client.close()
        news = [event for event, _ in await stage.honest.news()]
        assert news == ["file:locked", "file:unlocked"] * 20


# Of the server's own, of the configured site, and of others.
ORIGINS = (
    (None, True),
    ("http://localhost:{port}", True),
    ("http://localhost:3000", True),
    ("http://evil.example", False),
    ("null", False),
    ("http://localhost", False),
    ("http://localhost:1", False),
    ("https://localhost:3000", False),
    ("http://localhost:3000.evil.example", False),
    ("http://evil.example/http://localhost:3000", False),
    ("http://localhost:3000 http://evil.example", False),
    ("HTTP://LOCALHOST:3000/", False),
)


@pytest.mark.parametrize(("origin", "allowed"), ORIGINS)
async def test_a20_pages_of_other_sites(tmp_path: Path, origin: str | None, allowed: bool) -> None:
    """On every transport. Without an origin there is no browser, and no cookie logs anybody in."""
    target = "/socket.io/?EIO=4&transport="
    async with staged(tmp_path) as stage:
        headers = {"Host": f"localhost:{stage.port}"}
        if origin is not None:
            headers["Origin"] = origin.format(port=stage.port)
        async with wire_to(stage.port) as wire:
            polled = await wire.request("GET", f"{target}polling", headers)
            assert polled.status == (200 if allowed else 403)
        async with wire_to(stage.port) as wire:
            upgraded = await wire.request("GET", f"{target}websocket", {**HANDSHAKE, **headers})
            assert upgraded.status == (101 if allowed else 403)


async def test_a21_no_cookie_logs_anybody_in(tmp_path: Path) -> None:
    target = "/socket.io/?EIO=4&transport=polling"
    async with staged(tmp_path) as stage:

        async def request(method: str, target: str, origin: str | None, body: bytes | None) -> Any:
            async with wire_to(stage.port) as wire:
                headers = {} if origin is None else {"Origin": origin}
                return await wire.request(method, target, headers, body)

        opened = await request("GET", target, None, None)
        assert "set-cookie" not in opened.headers
        own = f"{target}&sid={opened.text[9:29]}"
        for origin in ("http://evil.example", "null"):
            assert (await request("POST", own, origin, b"40")).status == 403
        # The first of these ended the session: a page that cannot go on opens no more of them.
        gone = await request("POST", own, None, b"1")
        assert gone.text == '{"code":1,"message":"Session ID unknown"}'
        async with connected(
            stage.port, None, {"Cookie": "session=x; sessionId=y; io=z"}
        ) as client:
            assert await client.news() == []
            assert (await client.ask("auth:check"))["error"]["code"] == "UNAUTHORIZED"
