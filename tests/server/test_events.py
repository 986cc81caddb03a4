"""What holds for every event: payloads, acknowledgements, failures, envelopes.

Invariants:
- Each event that asks for it gets exactly one acknowledgement, `{ok: true, …}` or
  `{ok: false, error: {code, message, details?}}`, in order, whatever its payload is; none of them
  is INTERNAL_ERROR.
- A failure without an acknowledgement is one event: `room:error` or `error`.
- Nothing that a client sends closes its connection or puts an exception's text on the wire.
"""

from __future__ import annotations

import asyncio
import logging
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.api.errors import Code
from server.api.registry import EventSpec
from server.api.types import Payload
from server.application import Application
from server.events import EVENTS
from tests.effort import examples
from tests.server.conftest import Connect
from tests.server.running import running
from tests.server.wire import connected

PROJECT = {"projectId": "project-123"}
VERSION = {**PROJECT, "versionId": "version-1"}
VALID: dict[str, dict[str, Any]] = {
    "auth:session": {"sessionId": "s"},
    "auth:login": {"username": "user-456", "password": "secret"},
    "auth:check": {},
    "auth:refresh": {},
    "auth:logout": {},
    "project:create": {"name": "New", "description": "", "type": "web"},
    "project:list": {},
    "project:update": {**PROJECT, "update": {"type": "description", "value": "New"}},
    "project:delete": PROJECT,
    "project:share": {**PROJECT, "userId": "user-789", "role": "viewer"},
    "project:unshare": {**PROJECT, "userId": "user-789"},
    "invitation:create": {**PROJECT, "role": "viewer", "days": 1, "uses": 1},
    "invitation:list": PROJECT,
    "invitation:revoke": {**PROJECT, "invitationId": "invitation-1"},
    "invitation:accept": {"token": "invitation-1.secret"},
    "user:search": {**PROJECT, "prefix": "a"},
    "project:join": PROJECT,
    "project:leave": PROJECT,
    "project:search": {**PROJECT, "query": "a"},
    "file:list": PROJECT,
    "file:locks": PROJECT,
    "file:read": {**PROJECT, "filePath": "src/components/App.jsx"},
    "file:change": {
        **PROJECT,
        "file": {"path": "src/components/App.jsx", "action": "updated", "timestamp": "now"},
    },
    "file:upload": {
        **PROJECT,
        "filePath": "src/components/App.jsx",
        "data": b"\xff",
        "size": 9,
        "offset": 1,
        "uploadId": "upload-1",
        "overwrite": False,
        "baseRevision": 1,
        "lockToken": 1,
    },
    "file:download": {
        **PROJECT,
        "filePath": "a",
        "versionId": "version-1",
        "saveId": "save-1",
        "offset": 1,
        "limit": 1,
    },
    "download:create": {**PROJECT, "filePath": "gone"},
    "history:list": {**PROJECT, "filePath": "a"},
    "history:restore": {**PROJECT, "filePath": "a", "saveId": "save-1"},
    "file:move": {**PROJECT, "filePath": "a", "newPath": "b", "overwrite": True, "lockToken": 1},
    "file:delete": {**PROJECT, "filePath": "a", "lockToken": 1},
    "bin:list": PROJECT,
    "bin:restore": {**PROJECT, "deletionId": "deletion-1", "newPath": "b"},
    "file:copy": {**PROJECT, "filePath": "a", "newPath": "b"},
    "file:open": {
        **PROJECT,
        "filePath": "src/components/App.jsx",
        "since": {"epoch": "e", "version": 1},
        "author": "tab",
    },
    "file:edit": {
        **PROJECT,
        "filePath": "src/components/App.jsx",
        "epoch": "e",
        "version": 1,
        "author": "tab",
        "number": 1,
        "change": [1, [0, "a"]],
    },
    "file:close": {**PROJECT, "filePath": "src/components/App.jsx"},
    "file:lock": {**PROJECT, "filePath": "a", "lockType": "exclusive"},
    "file:unlock": {**PROJECT, "filePath": "a"},
    "lock:ask": {**PROJECT, "filePath": "a"},
    "lock:answer": {**PROJECT, "requestId": "request-1", "answer": "keep"},
    "lock:withdraw": {**PROJECT, "requestId": "request-1"},
    "version:create": {**PROJECT, "name": "one"},
    "version:list": PROJECT,
    "version:compare": VERSION,
    "version:restore": VERSION,
    "version:delete": VERSION,
    "ai:message": {"message": "hello"},
    "ai:history": PROJECT,
    "ai:cancel": {"requestId": "request-1"},
    "ai:applied": {
        **PROJECT,
        "requestId": "request-1",
        "actionId": "action-1",
        "outcome": "accepted",
    },
    "ai:status": {"status": "processing", "progress": 50, "message": "Generating"},
    "chat:message": {
        **PROJECT,
        "message": "Hello @user-789",
        "place": {"filePath": "a", "line": 1},
        "key": "k",
    },
    "chat:history": PROJECT,
    "chat:read": {**PROJECT, "messageId": "message-1"},
    "user:join": {"userId": "user-456"},
    "user:leave": {"userId": "user-456"},
    "user:presence": {"status": "online", "activity": "editing App.jsx", "timestamp": "now"},
    "user:typing": {**PROJECT, "isTyping": True},
    "user:list": PROJECT,
    "cursor:update": {
        **PROJECT,
        "filePath": "a",
        "position": {"line": 1, "column": 2},
        "version": 1,
    },
    "notification:list": {},
    "notification:read": {"ids": ["notification-1"]},
    "room:join": {"room": "test-room"},
    "room:leave": {"room": "test-room"},
    "room:leaveAll": {},
    "batch:update": {"updates": [{"event": "test:ping"}]},
    "test:ping": {},
}
"""A payload of each event that takes an object."""


def failure_of(event: str) -> str:
    area = event.partition(":")[0]
    return f"{area}:error" if area in ("auth", "room") else "error"


def test_the_table_names_the_events() -> None:
    assert set(EVENTS) == {*VALID, "test:event"}


async def test_ping_is_answered(connect: Connect) -> None:
    client = await connect()
    await client.emit("test:ping")
    data, envelope = await client.hear("test:pong")
    assert data == {"message": "pong"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", envelope.pop("timestamp"))
    assert re.fullmatch(r"guest-[0-9a-f]{6}", envelope.pop("userId"))
    assert envelope == {
        "event": "test:pong",
        "metadata": {"source": "server", "priority": "low"},
    }
    nothing: list[list[Any]] = [[], [{}], [None]]
    for arguments in nothing:
        assert await client.ask("test:ping", *arguments) == {"ok": True}


@pytest.mark.parametrize(
    "value",
    [
        {"message": "Hello Server"},
        {"userId": 5, "metadata": "none"},
        "text",
        None,
        0,
        [1, [2, {"a": None}]],
        "x" * 60_000,
    ],
)
async def test_an_event_is_echoed(connect: Connect, value: Any) -> None:
    client = await connect()
    assert await client.ask("test:event", value) == {"ok": True, "data": value}
    assert await client.news() == [("test:response", value)]


async def test_binary_data_is_echoed_as_it_is(application: Application, connect: Connect) -> None:
    await connect()
    [socket] = application.io.sockets.values()
    value = {"image": b"\x00\xff"}
    answer = await application.dispatcher.answer(socket, "test:event", [value])
    assert answer == {"ok": True, "data": value}


async def test_an_echo_has_a_limit(connect: Connect) -> None:
    client = await connect()
    heavy: list[Any] = ["x" * 65_536, [[]] * 4_000]
    for value in heavy:
        error = (await client.ask("test:event", value))["error"]
        assert error["code"] == "VALIDATION_ERROR"
        assert error["message"].endswith("expected a value of at most 65536 bytes and 1000 values")
    assert await client.news() == []


async def test_acknowledgements_come_in_the_order_of_their_events(connect: Connect) -> None:
    """Also where one event waits for the disk or a password and the next for nothing: the SDKs tell
    from it which events were dropped.
    """
    client = await connect()
    login = '["auth:login",{"username":"user-456","password":"secret"}]'
    events = [login, '["test:ping"]', '["project:list"]', '["nothing"]', '["test:event",1]']
    for number, event in enumerate(events * 10):
        await client.send(f"42{number}{event}")
    for number in range(len(events) * 10):
        # Another acknowledgement instead would be an error.
        await client.acknowledged(number)


async def test_an_unknown_event_is_refused(connect: Connect) -> None:
    client = await connect()
    error = {"code": "VALIDATION_ERROR", "message": "'file:frobnicate' is no event of this server"}
    assert await client.ask("file:frobnicate", {"a": 1}) == {"ok": False, "error": error}
    await client.emit("file:frobnicate", {"metadata": {"correlationId": "c-1"}})
    data, envelope = await client.hear("error")
    assert data == {**error, "event": "file:frobnicate"}
    assert envelope["metadata"] == {
        "source": "server",
        "priority": "high",
        "correlationId": "c-1",
    }


@pytest.mark.parametrize("name", ["an unknown event", "error", "room:error", "__proto__", ""])
async def test_no_name_is_special(connect: Connect, name: str) -> None:
    client = await connect()
    await client.emit(name, 1, 2, 3)
    data, _ = await client.hear("error")
    assert data["message"] == f"{name!r} is no event of this server"


async def test_a_malformed_payload_is_refused(tmp_path: Path) -> None:
    malformed: list[tuple[list[Any], str]] = [
        ([5], "$"),
        (["text"], "$"),
        ([[]], "$"),
        ([False], "$"),
        ([{}, {}], "$"),
        ([{"userId": 5}], "$.userId"),
        ([{"metadata": []}], "$.metadata"),
        ([{"metadata": {"correlationId": ""}}], "$.metadata.correlationId"),
    ]
    # More of them than one connection may send at once.
    async with (
        running(tmp_path, event_rate=0) as application,
        connected(application.port) as client,
    ):
        for event, complete in VALID.items():
            for faults, path in malformed:
                arguments = faults if path == "$" else [{**complete, **faults[0]}]
                error = (await client.ask(event, *arguments))["error"]
                assert error["code"] == "VALIDATION_ERROR", event
                assert error["details"] == {"path": path}
                assert error["message"].startswith(f"{path} is ")
            await client.emit(event, 5)
            data, _ = await client.hear(failure_of(event))
            assert data["event"] == event
            assert data["details"] == {"path": "$"}
        assert await client.news() == []


@pytest.mark.parametrize(
    ("event", "arguments", "path"),
    [
        ("room:join", [], "$.room"),
        ("room:leave", [{}], "$.room"),
        ("project:join", [{}], "$.projectId"),
        ("project:leave", [None], "$.projectId"),
        ("user:join", [{}], "$.userId"),
        ("user:leave", [{}], "$.userId"),
        ("user:typing", [{"projectId": "project-123"}], "$.isTyping"),
        ("file:change", [{"projectId": "p", "file": {"action": "updated"}}], "$.file.path"),
        ("project:update", [{"projectId": "p", "update": {"type": "name"}}], "$.update.value"),
    ],
)
async def test_a_missing_field_is_named(
    connect: Connect, event: str, arguments: list[Any], path: str
) -> None:
    client = await connect()
    error = (await client.ask(event, *arguments))["error"]
    assert error["details"] == {"path": path}
    assert error["message"].startswith(f"{path} is missing, expected ")


async def test_half_of_a_surrogate_pair_is_refused_wherever_it_is(connect: Connect) -> None:
    client = await connect()
    half = "\ud800"
    for event, complete in VALID.items():
        spoiled = [{**complete, name: half} for name in (*complete, "userId", "metadata")]
        for payload in (half, [half], {half: half}, {"metadata": {half: half}}, *spoiled):
            answer = await client.ask(event, payload)
            assert answer["ok"] or answer["error"]["code"] != "INTERNAL_ERROR", (event, payload)
        await client.emit(event, {"metadata": {"correlationId": half}})
    assert "INTERNAL_ERROR" not in str(await client.news())


async def test_a_refused_payload_declares_nobody(connect: Connect) -> None:
    client = await connect()
    await client.ask("room:join", {"room": 5, "userId": "user-456"})
    answer = await client.ask("user:join", {"userId": "user-789"})
    assert answer["user"] == {"id": "user-789", "name": "user-789"}


async def test_the_correlation_id_comes_back_in_every_event(connect: Connect) -> None:
    client, other = await connect(), await connect()
    await other.ask("project:join", {"projectId": "project-123"})
    metadata = {"correlationId": "c-1", "tags": ["a"]}
    asked = {"projectId": "project-123", "room": "team:red", "metadata": metadata}
    for event, receiver, answer in (
        ("project:join", other, "user:joined"),
        ("project:leave", other, "user:left"),
        ("room:join", client, "room:joined"),
        ("room:leave", client, "room:left"),
        ("test:ping", client, "test:pong"),
        ("test:event", client, "test:response"),
        ("user:typing", client, "error"),
    ):
        await client.emit(event, asked)
        _, envelope = await receiver.hear(answer)
        assert envelope["event"] == answer
        assert envelope["metadata"]["correlationId"] == "c-1"


async def test_a_broken_handler_tells_the_client_no_more_than_that(
    application: Application, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(call: Any) -> None:
        raise RuntimeError("the secret of the server")

    spec = EventSpec(name="test:break", payload=Payload, handler=breaks)
    monkeypatch.setitem(EVENTS, "test:break", spec)
    async with connected(application.port) as client:
        with caplog.at_level(logging.ERROR):
            answer = await client.ask("test:break")
            await client.emit("test:break")
            data, _ = await client.hear("error")
        error = {
            "code": "INTERNAL_ERROR",
            "message": "the server failed to handle the event; its log says why",
        }
        assert answer == {"ok": False, "error": error}
        assert data == {**error, "event": "test:break"}
        assert await client.news() == []
        assert await client.ask("test:ping") == {"ok": True}
    assert caplog.text.count("RuntimeError: the secret of the server") == 2
    assert "the handler of 'test:break'" in caplog.text


KNOWN = ["project-123", "user-456", "test-room", "project:project-123", "user:user-456"]
ODD = ["project-999", "user-789", "lobby", "", "x" * 300, "\ud800", "a\u0000b"]
NAMES = st.sampled_from([*KNOWN, *ODD])
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES: st.SearchStrategy[Any] = st.recursive(
    NAMES | st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
FIELDS = (
    "room",
    "projectId",
    "userId",
    "isTyping",
    "metadata",
    "correlationId",
    "file",
    "filePath",
    "path",
    "update",
    "type",
    "value",
    "versionId",
    "updates",
    "status",
    "name",
    "role",
    "ids",
    "position",
    "sessionId",
    "lockType",
)
PAYLOADS = VALUES | st.fixed_dictionaries(
    {}, optional={name: NAMES | st.booleans() | VALUES for name in FIELDS}
)
ALMOST_VALID = st.builds(
    lambda event, fields: (event, [{**VALID[event], **fields}]),
    st.sampled_from(sorted(VALID)),
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=1),
)
SENT = ALMOST_VALID | st.tuples(
    st.sampled_from(sorted(EVENTS)) | st.text(max_size=5), st.lists(PAYLOADS, max_size=2)
)


@settings(max_examples=examples(30))
@given(st.lists(SENT, min_size=1, max_size=12))
def test_every_event_is_answered(sent: list[tuple[str, list[Any]]]) -> None:
    async def scenario(directory: Path) -> None:
        async with running(directory) as application, connected(application.port) as client:
            for event, arguments in sent:
                answer = await client.ask(event, *arguments)
                if answer["ok"]:
                    assert event in EVENTS
                else:
                    assert answer.keys() == {"ok", "error"}
                    assert answer["error"]["code"] in set(Code) - {Code.INTERNAL_ERROR}
            for _, data, envelope in client.heard:
                assert envelope.keys() >= {"event", "timestamp", "metadata"}
                assert "Traceback" not in str(data)

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(scenario(Path(directory)))
