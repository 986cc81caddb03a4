"""Sessions, and who a socket is.

Invariants:
- A socket acts as its session's user and as nobody else, whatever its payloads say.
- Unknown, expired and ended sessions cannot be told apart.
- The id of a session is dead the moment it is refreshed or ended, on every connection.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import websockets

from server.accounts.auth import MAX_SESSIONS, SESSION_SECONDS
from server.accounts.failed_logins import (
    FREE_FAILURES,
    LONGEST_WAIT,
    QUIET,
    FailedLogins,
    subject_of,
)
from server.api.errors import EventError
from server.application import Application
from server.background import Worker
from server.people.room_access import is_entered_by_itself
from tests.server.conftest import Connect
from tests.server.gate import closed_gate
from tests.server.running import CREDENTIALS, add_user, running
from tests.server.wire import connected

ADA = {"id": "ada", "name": "ada"}
REFUSED = {"code": "UNAUTHORIZED", "message": "the session is unknown or over: log in again"}
NOT_LOGGED_IN = {
    "code": "UNAUTHORIZED",
    "message": "log in first, with auth:login or with a session's id",
}
PROJECT = {"projectId": "project-123"}


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def application(tmp_path: Path, clock: Clock) -> AsyncIterator[Application]:
    """With accounts only, and one of them."""
    async with running(tmp_path, auth_mode="required", tuning={"clock": clock}) as application:
        await add_user(application)
        yield application


async def session_id(connect: Connect) -> str:
    client = await connect()
    answer = await client.ask("auth:login", CREDENTIALS)
    await client.close()
    found: str = answer["session"]["id"]
    return found


async def test_logging_in(connect: Connect) -> None:
    client = await connect()
    answer = await client.ask("auth:login", CREDENTIALS)
    session = answer["session"]
    assert answer == {"ok": True, "user": ADA, "session": session}
    assert session.keys() == {"id", "userId", "createdAt", "expiresAt"}
    assert len(session["id"]) == 43
    assert (session["createdAt"], session["expiresAt"]) == (
        "2023-11-14T22:13:20.000Z",
        "2023-11-15T22:13:20.000Z",
    )
    assert await client.news() == [
        ("auth:success", {"user": ADA, "session": session}),
        ("auth:login", {"user": ADA}),
    ]
    assert (await client.ask("project:join", PROJECT))["user"] == ADA


async def test_all_sockets_of_the_user_hear_of_a_login(connect: Connect) -> None:
    known = await session_id(connect)
    first, stranger, second = await connect({"sessionId": known}), await connect(), await connect()
    await first.news()
    await second.ask("auth:login", {**CREDENTIALS, "metadata": {"correlationId": "c-1"}})
    assert (await first.hear("auth:login"))[0] == {"user": ADA}
    assert (await second.hear("auth:login"))[1]["metadata"]["correlationId"] == "c-1"
    assert await stranger.news() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"username": "ada", "password": "wrong"},
        {"username": "nobody", "password": "correct horse"},
        # The demonstration's users have no password at all.
        {"username": "user-456", "password": "correct horse"},
    ],
)
async def test_a_wrong_login_says_no_more(connect: Connect, wrong: dict[str, str]) -> None:
    client = await connect()
    error = {"code": "UNAUTHORIZED", "message": "the name or the password is wrong"}
    assert await client.ask("auth:login", wrong) == {"ok": False, "error": error}
    await client.emit("auth:login", wrong)
    assert await client.news() == [("auth:error", {**error, "event": "auth:login"})]


async def test_a_login_does_not_wait_for_comparisons(
    application: Application, connect: Connect
) -> None:
    """Each may take seconds, and whoever is in a project can ask for many."""
    client = await connect()
    release = asyncio.Event()

    async def job(_worker: Worker) -> None:
        await release.wait()

    jobs = [
        asyncio.create_task(application.background.run(f"user-{number}", job))
        for number in range(100)
    ]
    await asyncio.sleep(0)
    try:
        assert (await client.ask("auth:login", CREDENTIALS))["ok"] is True
    finally:
        release.set()
        await asyncio.gather(*jobs)


async def test_after_five_failures_the_name_has_to_wait(connect: Connect) -> None:
    """From that address, on all connections."""
    client, other = await connect(), await connect()
    for _ in range(5):
        await client.ask("auth:login", {**CREDENTIALS, "password": "wrong"})
    for one in (client, other):
        error = (await one.ask("auth:login", CREDENTIALS))["error"]
        assert error["code"] == "RATE_LIMIT_EXCEEDED"
        assert 0 < error["details"]["retryAfter"] <= 1


async def test_the_failures_of_others_keep_nobody_waiting(connect: Connect) -> None:
    """Behind one address: a mistyped name, or somebody who tries all names there are."""
    client, other = await connect(), await connect()
    for number in range(20):
        wrong = {"username": f"user-{number % 3}", "password": "wrong"}
        assert not (await client.ask("auth:login", wrong))["ok"]
    assert (await client.ask("auth:login", CREDENTIALS))["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    assert (await other.ask("auth:login", CREDENTIALS))["ok"]


async def test_a_refresh_waits_for_no_login(connect: Connect) -> None:
    client = await connect({"sessionId": await session_id(connect)})
    for _ in range(25):
        refused = await client.ask("auth:login", {"username": "bob", "password": "wrong"})
    assert refused["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    assert (await client.ask("auth:refresh"))["ok"]


def test_whose_failures_count_together() -> None:
    """A host has 2 to the 64 IPv6 addresses to choose from."""
    assert subject_of("2001:db8:1:2::3", "ada") == subject_of("2001:db8:1:2:ffff::9", "ada")
    assert subject_of("2001:db8:1:2::3", "ada") != subject_of("2001:db8:1:3::3", "ada")
    assert subject_of("203.0.113.7", "ada") == subject_of("::ffff:203.0.113.7", "ada")
    assert subject_of("203.0.113.7", "ada") != subject_of("203.0.113.8", "ada")
    assert subject_of("203.0.113.7", "ada") != subject_of("203.0.113.7", "bob")


async def test_attempts_at_once_know_of_each_other(connect: Connect) -> None:
    clients = [await connect() for _ in range(12)]
    wrong = {**CREDENTIALS, "password": "wrong"}
    answers = await asyncio.gather(*(one.ask("auth:login", wrong) for one in clients))
    codes = sorted(answer["error"]["code"] for answer in answers)
    assert codes == ["RATE_LIMIT_EXCEEDED"] * 7 + ["UNAUTHORIZED"] * 5


def test_the_wait_doubles_and_is_forgotten() -> None:
    clock = Clock()
    attempts = FailedLogins(clock)
    waits = []
    for _ in range(FREE_FAILURES - 1):
        attempts.failed("a")
        attempts.check("a")
    for _ in range(11):
        attempts.failed("a")
        with pytest.raises(EventError) as caught:
            attempts.check("a")
        assert caught.value.details is not None
        waits.append(caught.value.details["retryAfter"])
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, LONGEST_WAIT, LONGEST_WAIT]
    attempts.check("b")
    clock.now += LONGEST_WAIT - 0.0004
    with pytest.raises(EventError, match=r"try again in 0\.001 seconds"):
        attempts.check("a")
    clock.now += 0.0004
    attempts.check("a")
    attempts.failed("a")
    clock.now += QUIET
    attempts.check("a")
    attempts.failed("a")
    attempts.check("a")


@pytest.mark.parametrize("way", ["sessionId", "token", "header", "event", "event token"])
async def test_a_session_is_presented(application: Application, connect: Connect, way: str) -> None:
    known = await session_id(connect)
    auth = {way: known} if way in ("sessionId", "token") else None
    headers = {"Authorization": f"Bearer {known}"} if way == "header" else None
    async with connected(application.port, auth, headers) as client:
        if way.startswith("event"):
            name = "token" if way == "event token" else "sessionId"
            answer = await client.ask("auth:session", {name: known})
            assert answer["user"] == ADA
        [(event, data)] = await client.news()
        assert event == "auth:success"
        assert data["user"] == ADA
        # Whoever presents it has it.
        assert data["session"].keys() == {"userId", "createdAt", "expiresAt"}
        assert (await client.ask("auth:check"))["session"] == data["session"]
        assert (await client.ask("project:join", PROJECT))["ok"]


@pytest.mark.parametrize("name", ["sessionId", "token"])
@pytest.mark.parametrize("value", [5, True, [], {"a": 1}, "x" * 1_025, "x" * 60_000, "\ud800"])
async def test_what_can_be_no_session_is_refused(
    connect: Connect, name: str, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    client = await connect({name: value})
    [(event, data)] = await client.news()
    assert event == "auth:error"
    assert (data["code"], data["event"]) == ("VALIDATION_ERROR", "connect")
    assert data["details"] == {"path": f"$.{name}"}
    answer = await client.ask("auth:session", {name: value})
    assert answer["error"]["code"] == "VALIDATION_ERROR"
    assert await client.ask("test:ping") == {"ok": True}
    assert caplog.records == []


@pytest.mark.parametrize("end", ["unknown", "expired", "ended", "refreshed"])
async def test_sessions_that_are_over_cannot_be_told_apart(
    connect: Connect, clock: Clock, end: str
) -> None:
    known = await session_id(connect)
    if end == "unknown":
        known = "x" * 43
    elif end == "expired":
        clock.now += SESSION_SECONDS
    else:
        owner = await connect({"token": known})
        assert (await owner.ask("auth:logout" if end == "ended" else "auth:refresh"))["ok"]
    client = await connect({"sessionId": known})
    assert await client.news() == [("auth:error", {**REFUSED, "event": "connect"})]
    assert await client.ask("auth:session", {"sessionId": known}) == {"ok": False, "error": REFUSED}
    await client.emit("auth:session", {"sessionId": known})
    assert await client.news() == [("auth:error", {**REFUSED, "event": "auth:session"})]
    assert (await client.ask("project:join", PROJECT))["error"] == NOT_LOGGED_IN


async def test_without_a_session_there_is_little_to_do(connect: Connect) -> None:
    client = await connect()
    for event, payload in (
        ("project:join", {**PROJECT, "userId": "user-456"}),
        ("room:join", {"room": "test-room"}),
        ("project:list", {}),
        ("auth:logout", {}),
        ("batch:update", {"updates": []}),
    ):
        assert (await client.ask(event, payload))["error"] == NOT_LOGGED_IN
    await client.emit("auth:logout")
    assert (await client.hear("auth:error"))[0] == {**NOT_LOGGED_IN, "event": "auth:logout"}
    for event in ("auth:check", "auth:refresh", "auth:session"):
        assert (await client.ask(event))["error"] == REFUSED
    assert await client.ask("test:ping") == {"ok": True}


async def test_a_session_acts_as_nobody_else(connect: Connect) -> None:
    client = await connect({"sessionId": await session_id(connect)})
    error = (await client.ask("project:join", {**PROJECT, "userId": "user-456"}))["error"]
    assert error["code"] == "FORBIDDEN"
    assert (await client.ask("project:join", {**PROJECT, "userId": "ada"}))["ok"]


async def test_a_session_expires_on_an_open_connection(connect: Connect, clock: Clock) -> None:
    client = await connect({"sessionId": await session_id(connect)})
    await client.ask("room:join", {"room": "test-room"})
    await client.news()
    clock.now += SESSION_SECONDS
    assert (await client.ask("project:list"))["error"] == NOT_LOGGED_IN
    assert await client.news() == [("auth:error", {**REFUSED, "event": "auth:session"})]


async def test_refreshing_gives_all_sockets_of_the_session_the_new_id(
    connect: Connect, clock: Clock
) -> None:
    known = await session_id(connect)
    first, second = await connect({"sessionId": known}), await connect({"sessionId": known})
    await first.news()
    await second.news()
    clock.now += 3_600
    answer = await first.ask("auth:refresh")
    session = answer["session"]
    assert session["id"] != known
    assert session["expiresAt"] == "2023-11-15T23:13:20.000Z"
    for client in (first, second):
        assert await client.news() == [("auth:session", {"session": session})]
        assert (await client.ask("auth:check"))["ok"]
    third = await connect({"sessionId": session["id"]})
    assert (await third.hear("auth:success"))[0]["user"] == ADA


async def test_logging_out_ends_the_session_everywhere(
    application: Application, connect: Connect
) -> None:
    known, another = await session_id(connect), await session_id(connect)
    first, second = await connect({"sessionId": known}), await connect({"sessionId": known})
    elsewhere, watcher = (
        await connect({"sessionId": another}),
        await connect({"sessionId": another}),
    )
    await watcher.ask("project:join", PROJECT)
    for client in (first, elsewhere):
        await client.ask("project:join", PROJECT)
        await client.ask("room:join", {"room": "team:red"})
    lock = {**PROJECT, "filePath": "a"}
    token = (await first.ask("file:lock", lock))["lock"]["token"]
    for client in (first, second, elsewhere, watcher):
        await client.news()
    assert await second.ask("auth:logout") == {"ok": True, "userId": "ada"}
    for client in (first, second, elsewhere):
        assert ("auth:logout", {"userId": "ada"}) in await client.news()
    for client in (first, second):
        assert (await client.ask("project:list"))["error"] == NOT_LOGGED_IN
    assert (await elsewhere.ask("project:list"))["ok"]
    assert ("file:unlocked", {"filePath": "a", "token": token}) in await watcher.news()
    rooms = {socket.id: socket.rooms for socket in await application.io.fetch_sockets()}
    assert rooms[first.id] == {first.id}
    entered = {one for one in rooms[elsewhere.id] if not is_entered_by_itself(one)}
    assert entered == {elsewhere.id, "project:project-123", "team:red"}


async def test_a_user_has_five_sessions(connect: Connect) -> None:
    oldest = await session_id(connect)
    client = await connect({"sessionId": oldest})
    await client.ask("project:join", PROJECT)
    for _ in range(MAX_SESSIONS):
        await session_id(connect)
    assert (await client.ask("project:list"))["error"] == NOT_LOGGED_IN
    again = await connect({"sessionId": oldest})
    assert (await again.hear("auth:error"))[0]["code"] == "UNAUTHORIZED"


async def test_ids_and_passwords_are_not_in_the_database(
    application: Application, connect: Connect, tmp_path: Path
) -> None:
    known = await session_id(connect)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("server.db*"))
    assert b"$argon2id$" in stored
    assert known.encode() not in stored
    assert b"correct horse" not in stored


async def test_signing_in_as_somebody_else_leaves_everything(
    application: Application, connect: Connect
) -> None:
    await add_user(application, "bob")
    client = await connect({"sessionId": await session_id(connect)})
    await client.ask("project:join", PROJECT)
    answer = await client.ask("auth:login", {**CREDENTIALS, "username": "bob"})
    assert answer["user"] == {"id": "bob", "name": "bob"}
    assert application.presence.page("project-123")[0] == []
    assert (await client.ask("project:join", {**PROJECT, "userId": "bob"}))["ok"]


async def test_in_open_mode_a_guest_takes_what_it_did_into_its_session(tmp_path: Path) -> None:
    async with running(tmp_path) as application, AsyncExitStack() as clients:
        await add_user(application)
        client, watcher = [
            await clients.enter_async_context(connected(application.port)) for _ in range(2)
        ]
        await watcher.ask("project:join", {**PROJECT, "userId": "user-789"})
        guest = (await client.ask("project:join", PROJECT))["user"]
        await client.ask("room:join", {"room": "team:red"})
        await watcher.news()
        await client.ask("auth:login", CREDENTIALS)
        assert await watcher.news() == [
            ("user:left", {"user": guest}),
            ("user:joined", {"user": ADA}),
        ]
        # And is a guest again when it ends.
        await client.ask("auth:logout")
        assert await watcher.news() == [("user:left", {"user": ADA})]
        user = (await client.ask("project:join", PROJECT))["user"]
        assert user["id"].startswith("guest-")
        assert user != guest
        assert (await client.ask("auth:check"))["error"] == REFUSED
        assert (await client.ask("auth:logout")) == {"ok": True, "userId": user["id"]}


async def test_a_client_that_goes_while_its_session_is_looked_up_leaves_nothing(
    application: Application, connect: Connect
) -> None:
    known = await session_id(connect)
    gate, passed = await closed_gate(application.database)
    url = f"ws://127.0.0.1:{application.port}/socket.io/?EIO=4&transport=websocket"
    async with websockets.connect(url, proxy=None) as client:
        await client.send("40" + json.dumps({"sessionId": known}))
        # Frames keep their order: the CONNECT before this ping has been read.
        await (await client.ping())
    # Closed by both sides now; the server's part of it is done.
    gate.opened.set()
    await passed
    assert application.sockets.of_user("ada") == []
    again = await connect({"sessionId": known})
    await again.hear("auth:success")
    assert [socket.id for socket in application.sockets.of_user("ada")] == [again.id]
