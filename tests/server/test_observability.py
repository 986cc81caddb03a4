"""What the server tells those who run it: readiness, metrics, logs."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from server.api.errors import EventError
from server.application import Application
from server.logs import TextFormatter
from server.store.connection import Connection
from server.store.jobs import Job
from tests.engineio_min.wire import connect as raw_connection
from tests.server.conftest import Connect
from tests.server.gate import closed_gate
from tests.server.running import running
from tests.server.wire import connected, http_get
from tests.waiting import PATIENCE

PROJECT = {"projectId": "project-123"}


async def samples(application: Application) -> dict[str, float]:
    """The metrics by name and label; their text is checked on the way."""
    status, headers, body = await http_get(application.port, "/metrics")
    assert status == 200
    assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert body.endswith("\n")
    found, typed = {}, set()
    for line in body.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            assert kind in ("counter", "gauge")
            typed.add(name)
        elif not line.startswith("# HELP "):
            name, _, value = line.rpartition(" ")
            assert name.partition("{")[0] in typed
            found[name] = float(value)
    return found


async def test_metrics_have_the_names_of_the_npm_package(
    application: Application, connect: Connect
) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", PROJECT)
    await client.ask("project:join", PROJECT)
    await client.ask("made up", PROJECT)
    await client.ask('another"\n', PROJECT)
    await client.ask("test:ping")
    found = await samples(application)
    assert found["socket_io_connected"] == 2
    assert found["socket_io_connect_total"] == 2
    assert found["socket_io_disconnect_total"] == 0
    assert found['socket_io_events_received_total{event="project:join"}'] == 2
    assert found['socket_io_events_received_total{event="unknown"}'] == 2
    assert found['socket_io_events_sent_total{event="user:joined"}'] == 1
    assert found['socket_io_events_sent_total{event="test:pong"}'] == 1
    # {"projectId":"project-123"} has 27 characters; 6 for separators are counted in any case.
    assert found['socket_io_recieve_bytes{event="project:join"}'] == 2 * 26
    assert found['socket_io_transmit_bytes{event="test:pong"}'] == len("messagepong") + 6
    assert found["database_commits_total"] >= 1
    assert found["assistant_requests"] == 0
    assert found["process_uptime_seconds"] >= 0
    await client.close()
    await other.hear("user:left")
    found = await samples(application)
    assert found["socket_io_connected"] == 1
    assert found["socket_io_disconnect_total"] == 1


async def test_a_crowd_of_values_is_not_weighed_to_its_end(
    application: Application, connect: Connect
) -> None:
    client = await connect()
    await client.ask("made up", [0] * 9_000)
    # 2 for the array, and 3 for each of the numbers that are looked at.
    assert (await samples(application))['socket_io_recieve_bytes{event="unknown"}'] == 2_999
    await client.ask("made up", "x" * 2_000_000)
    assert (await samples(application))['socket_io_recieve_bytes{event="unknown"}'] == 2_003_001


async def test_a_broadcast_is_counted_for_each_receiver(
    application: Application, connect: Connect
) -> None:
    clients = [await connect() for _ in range(4)]
    for client in clients:
        await client.ask("project:join", PROJECT)
    before = await samples(application)
    typing = {**PROJECT, "isTyping": True}
    await clients[0].ask("user:typing", typing)
    found = await samples(application)
    label = '{event="user:typing"}'
    sent = f"socket_io_events_sent_total{label}"
    assert found[sent] - before.get(sent, 0) == 3
    transmitted = f"socket_io_transmit_bytes{label}"
    assert found[transmitted] % 3 == 0


async def test_readiness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path, tuning={"patience": PATIENCE}) as application:
        port = application.port
        assert (await http_get(port, "/readyz"))[::2] == (200, '{"status": "ready"}')
        gate, passed = await closed_gate(application.database)
        with monkeypatch.context() as hurried:
            hurried.setattr(application, "tuning", replace(application.tuning, patience=0.01))
            status, _, body = await http_get(port, "/readyz")
        assert (status, json.loads(body)) == (503, {"status": "the database does not answer"})
        # It lives all the same: starting it anew would not help.
        assert (await http_get(port, "/healthz"))[0] == 200
        gate.opened.set()
        await passed
        assert (await http_get(port, "/readyz"))[0] == 200
        application.draining = True
        status, _, body = await http_get(port, "/readyz")
        assert (status, json.loads(body)) == (503, {"status": "stopping"})


async def test_a_database_that_is_damaged_later_takes_no_clients(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path) as application:

        def meets_damage(connection: Connection) -> None:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("UPDATE sqlite_schema SET rootpage = 99999 WHERE name = 'counters'")
            connection.execute("PRAGMA writable_schema = RESET")
            connection.execute("SELECT * FROM counters")

        with pytest.raises(EventError, match="SQLITE_CORRUPT"):
            await application.database.run(meets_damage)
        status, _, body = await http_get(application.port, "/readyz")
        assert (status, json.loads(body)) == (503, {"status": "the database is damaged"})
        assert (await http_get(application.port, "/healthz"))[0] == 200
        lines = [one.message for one in caplog.records if one.levelno == logging.CRITICAL]
        assert len(lines) == 1
        assert "server.db' is damaged (malformed database schema (counters)" in lines[0]
        assert lines[0].endswith("): put a backup in its place")


async def test_each_event_is_a_line_of_the_log(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    client = await connect()
    with caplog.at_level(logging.INFO, "server"):
        await client.ask("project:join", {**PROJECT, "userId": "user-456"})
        await client.ask("x" * 100)
    fields = [record.__dict__["fields"] for record in caplog.records]
    assert all(one.pop("milliseconds") >= 0 for one in fields)
    assert fields == [
        {"event": "project:join", "user": "user-456", "socket": client.id, "outcome": "ok"},
        {
            "event": "x" * 64,
            "user": "user-456",
            "socket": client.id,
            "outcome": "VALIDATION_ERROR",
        },
    ]
    line = TextFormatter().format(caplog.records[0])
    assert line.endswith(
        f'INFO server: event event="project:join" user="user-456" socket="{client.id}" outcome="ok"'
    )


def watched(application: Application, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set when the next work is handed to the database."""
    handed = asyncio.Event()
    original = application.database.submit

    def submit(job: Job) -> None:
        handed.set()
        original(job)

    monkeypatch.setattr(application.database, "submit", submit)
    return handed


async def test_stopping_finishes_what_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as application:
        port = application.port
        async with (
            connected(port) as client,
            connected(port) as other,
            raw_connection(port) as late,
        ):
            await other.ask("room:join", {"room": "notifications"})
            await client.ask("project:join", PROJECT)
            await other.news()
            assert (await late.request("GET", "/healthz")).status == 200
            gate, passed = await closed_gate(application.database)
            handed = watched(application, monkeypatch)
            change = {"path": "a", "action": "created", "content": "the last"}
            begun = asyncio.create_task(client.ask("file:change", {**PROJECT, "file": change}))
            await handed.wait()
            stopping = asyncio.create_task(application.stop())
            data, _ = await other.hear("notification:new")
            assert data["notification"]["type"] == "server:stopping"
            # Nothing new is begun, and nobody new let in.
            error = (await other.ask("test:ping"))["error"]
            assert error["message"] == "the server is stopping: connect again"
            refused = await late.request("GET", "/socket.io/?EIO=4&transport=polling")
            assert (refused.status, refused.headers["connection"]) == (503, "close")
            with pytest.raises(ConnectionRefusedError):
                await http_get(port, "/readyz")
            gate.opened.set()
            await passed
            assert (await begun)["ok"]
            await stopping
    async with running(tmp_path) as application, connected(application.port) as client:
        read = {**PROJECT, "filePath": "a"}
        assert (await client.ask("file:read", read))["content"] == "the last"


async def test_stopping_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        running(tmp_path, tuning={"drain": 0.01}) as application,
        connected(application.port) as client,
    ):
        gate, passed = await closed_gate(application.database)
        handed = watched(application, monkeypatch)
        change = {"path": "a", "action": "created"}
        await client.emit("file:change", {**PROJECT, "file": change})
        await handed.wait()
        stopping = asyncio.create_task(application.stop())
        # The connection ends although its event is not done.
        await client.ended()
        gate.opened.set()
        await passed
        await stopping
