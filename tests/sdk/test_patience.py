"""How long the Python SDK waits before it tries again, and when it does not."""

from __future__ import annotations

from typing import Any

import pytest

from ai_coding_assistant import Refused, SDKError, Unreachable, patience
from ai_coding_assistant.patience import Pauses, persist
from server.api.errors import Code, EventError
from server.api.socket_announcements import ServerResync
from tests.sdk.connecting import ADA, APP, PROJECT, Connect, Servers, heard
from tests.socketio_min.chaos import Chaos, chaos_proxy
from tests.waiting import until


def refusal(code: str, **details: Any) -> Refused:
    return Refused({"code": code, "message": "no", "details": details or None})


def test_pauses_grow_up_to_the_longest() -> None:
    pauses = Pauses(lambda: 0.0)
    error = refusal("STORAGE_ERROR")
    assert [pauses.after(error) for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    assert Pauses(lambda: 1.0).after(Unreachable("no answer")) == 1.5


def test_a_pause_is_at_least_what_the_server_asks_for() -> None:
    pauses = Pauses(lambda: 0.5)
    assert pauses.after(refusal("RATE_LIMIT_EXCEEDED", retryAfter=4)) == 5.0
    # What else is sent may take the place of this one, each time anew: so the next ones are longer.
    soon = refusal("RATE_LIMIT_EXCEEDED", retryAfter=0.001)
    again = Pauses(lambda: 0.0)
    assert [again.after(soon) for _ in range(8)] == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    # What the server says is no reason to wait for longer the next time.
    assert pauses.after(refusal("RATE_LIMIT_EXCEEDED", holds=100)) == 1.25


@pytest.mark.parametrize("lasting", [0, 1], ids=["gone before", "gone meanwhile"])
async def test_what_it_is_done_for_may_be_gone(
    monkeypatch: pytest.MonkeyPatch, lasting: int
) -> None:
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.0)
    looks: list[None] = []
    tries: list[None] = []

    async def fail() -> None:
        tries.append(None)
        raise Unreachable("no answer")

    def lasts() -> bool:
        looks.append(None)
        return len(looks) <= lasting

    with pytest.raises(Unreachable):
        await persist(fail, passes=lambda _: True, lasts=lasts)
    assert (len(tries), len(looks)) == (1, lasting + 1)


LIMITED = (Code.RATE_LIMIT_EXCEEDED, None)
PASSING: list[tuple[Code, dict[str, Any] | None]] = [
    (Code.STORAGE_ERROR, None),
    (Code.INTERNAL_ERROR, None),
    LIMITED,
    (Code.RATE_LIMIT_EXCEEDED, {"retryAfter": 0.001}),
]


def fail(
    owner: Any, name: str, error: EventError, times: int, monkeypatch: pytest.MonkeyPatch
) -> list[None]:
    """Let the next calls of a function of the server fail, and list them."""
    real = getattr(owner, name)
    failed: list[None] = []

    def failing(*given: Any, **named: Any) -> Any:
        if len(failed) < times:
            failed.append(None)
            raise error
        return real(*given, **named)

    monkeypatch.setattr(owner, name, failing)
    return failed


@pytest.mark.parametrize(("code", "details"), PASSING)
async def test_a_passing_refusal_is_no_reason_to_give_up(
    servers: Servers,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    code: Code,
    details: dict[str, Any] | None,
) -> None:
    application, _ = servers
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.01)
    monkeypatch.setattr(patience, "SHORTEST_SECONDS", 0.01)
    async with chaos_proxy(application.port, Chaos(), seed=1) as proxy:
        ada = await connect(url=proxy.url)
        await ada.join_project(PROJECT)
        async with ada.lock_file(PROJECT, APP) as lock:
            token, first = lock.token, ada.id
            error = EventError(code, "not now", details)
            failures = [
                fail(owner, name, error, 2, monkeypatch)
                for owner, name in (
                    (type(application.sockets), "check_connection_limit"),
                    (type(application.store.projects), "overview"),
                    # A limit of locks is no passing one, unless the server says so.
                    *([] if (code, details) == LIMITED else [(application.locks, "acquire")]),
                )
            ]
            gone = heard(ada, "disconnect")
            proxy.cut()
            await gone()
            await ada.call("test:ping")
            assert [len(failed) for failed in failures] == [2] * len(failures)
            assert ada.id not in (first, None)
            assert lock.held
            assert lock.token > token


@pytest.mark.parametrize("code", [Code.UNAUTHORIZED, Code.FORBIDDEN])
async def test_a_refusal_for_good_ends_it(
    servers: Servers, connect: Connect, monkeypatch: pytest.MonkeyPatch, code: Code
) -> None:
    application, _ = servers
    async with chaos_proxy(application.port, Chaos(), seed=1) as proxy:
        ada = await connect(url=proxy.url)
        failed = fail(
            type(application.sockets),
            "check_connection_limit",
            EventError(code, "no"),
            9,
            monkeypatch,
        )
        gone = heard(ada, "disconnect")
        proxy.cut()
        await gone()
        with pytest.raises(Unreachable, match="test:ping was not sent: there is no connection"):
            await ada.call("test:ping")
        assert (len(failed), ada.connected) == (1, False)


async def test_too_many_connections_are_told_who_connects_and_waited_for_by_who_comes_back(
    servers: Servers, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    application, _ = servers
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.01)
    monkeypatch.setattr(application.sockets, "_most", 1)
    async with chaos_proxy(application.port, Chaos(), seed=1) as proxy:
        ada = await connect(url=proxy.url)
        with pytest.raises(Refused, match="'user-456' has 1 connections") as refused:
            await connect()
        assert refused.value.code == "RATE_LIMIT_EXCEEDED"
        gone = heard(ada, "disconnect")
        proxy.refusing = True
        proxy.cut()
        await gone()
        other = await connect()
        refusals: list[SDKError] = []
        after = Pauses.after

        def counted(self: Pauses, error: SDKError) -> float:
            refusals.append(error)
            return after(self, error)

        monkeypatch.setattr(Pauses, "after", counted)
        proxy.refusing = False
        await until(lambda: len(refusals) > 1)
        await other.disconnect()
        await ada.call("test:ping")
        assert ada.user == ADA


@pytest.mark.parametrize("passes", [True, False])
async def test_a_failure_after_a_resync_is_no_reason_to_give_up(
    servers: Servers, connect: Connect, monkeypatch: pytest.MonkeyPatch, passes: bool
) -> None:
    application, _ = servers
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.01)
    ada = await connect()
    await ada.join_project(PROJECT)
    async with await ada.open_document(PROJECT, APP) as document:
        error = EventError(Code.STORAGE_ERROR if passes else Code.FORBIDDEN, "not now")
        projects = type(application.store.projects)
        failed = fail(projects, "overview", error, 2 if passes else 1, monkeypatch)
        application.io.emit(*ServerResync().arguments())
        await until(lambda: len(failed) == (2 if passes else 1))
        document.append("typed since\n")
        await document.wait()
    assert ada.connected


async def test_a_failure_does_not_make_a_session_one_that_is_over(
    servers: Servers, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    application, _ = servers
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.01)
    error = EventError(Code.STORAGE_ERROR, "not now")
    failed = fail(type(application.store.projects), "page", error, 2, monkeypatch)
    ada = await connect(None, session_id="over")
    assert (len(failed), ada.user) == (2, None)
    assert ada.connected
