"""What a hostile client sends to the application, case by case, and what it gets.

The cases have names, A01 to A30, because reports of weaknesses and the table in docs/security.md
speak of them. Each is a table that takes another row easily. What another file holds already is
named in `ELSEWHERE` and not done twice. Every case here is played on a stage, which checks at its
end that nobody else has noticed.
"""

from __future__ import annotations

import ast
import re
import unicodedata
from pathlib import Path
from typing import Any

from server.api.all_announcements import ANNOUNCEMENTS
from server.events import EVENTS
from server.http import website
from tests.imports import syntax_tree
from tests.server.running import running
from tests.server.stage import HELD, PROJECT, staged
from tests.server.test_events import VALID
from tests.server.test_hostile_identity import odd
from tests.server.wire import connected

FOLDER = Path(__file__).parent
FILES = ("test_hostile_identity.py", "test_hostile_input.py")


ELSEWHERE = {
    "A04": "accounts/test_auth.py::test_sessions_that_are_over_cannot_be_told_apart",
    "A05": "accounts/test_auth.py::test_attempts_at_once_know_of_each_other",
    "A12": "locks/test_locking.py::test_a_user_holds_so_many_locks",
    "A13": "locks/test_locking.py::test_a_token_that_is_gone_changes_nothing",
    "A16": "test_logs.py::test_a_record_is_one_line_of_text",
    "A25": "live/test_typing.py::test_it_ends_by_itself",
    "A26": "projects/test_sharing.py::test_deleting_takes_everything_along",
    "A27": "test_schema_fuzz.py::test_any_mutation_of_a_payload_is_answered",
    "A30": "test_limits.py::test_twenty_connections_act_as_one_user",
}
"""The cases that are held by a test of the thing itself."""


def test_every_case_has_its_test() -> None:
    texts = "".join((FOLDER / name).read_text() for name in FILES)
    here = set(re.findall(r"^async def test_(a[0-9]{2})_", texts, re.M))
    assert {one.upper() for one in here} | ELSEWHERE.keys() == {f"A{n:02}" for n in range(1, 31)}
    for place in ELSEWHERE.values():
        file, _, name = place.partition("::")
        tree = syntax_tree((FOLDER / file).read_text())
        assert name in {getattr(node, "name", "") for node in ast.walk(tree)}, place


REFUSED_PATHS = (
    "../x",
    "a/../../x",
    "/etc/passwd",
    "//host/x",
    "..\\x",
    "C:x",
    "c:/x",
    "\\\\host\\x",
    "a\0b",
    "a\rb",
    "a\nb",
    "a\x1b[2Jb",
    "a\u202egpj.js",
    "a\u2028b",
    "\ud800",
    ".",
    "a/",
    "a/..",
    "é" * 513,
    "x" * 256,
)


async def test_a14_paths_that_lead_astray(tmp_path: Path) -> None:
    """Percent signs are letters here, and so are the names that only Windows reserves.

    Nothing decodes or opens them as something else. On the disk:
    tests/server/workspace/test_directory_tree.py.
    """
    async with staged(tmp_path) as stage:
        for path in REFUSED_PATHS:
            code = "INVALID_FILE_PATH"
            file = {"path": path, "action": "created"}
            await stage.refused("file:change", {**PROJECT, "file": file}, code)
            for event in ("file:lock", "file:unlock", "file:read"):
                await stage.refused(event, {**PROJECT, "filePath": path}, code)
            cursor = {**PROJECT, "filePath": path, "position": {"line": 0, "column": 0}}
            await stage.refused("cursor:update", cursor, code)
        for path in odd("", "x" * 1_025, "x" * 4_096, 5, None, ["a"], {"a": 1}):
            lock = {**PROJECT, "filePath": path}
            await stage.refused("file:lock", lock, "VALIDATION_ERROR", "$.filePath")
        composed = unicodedata.normalize("NFC", "e\u0301.js")
        answer = await stage.attacker.ask("file:lock", {**PROJECT, "filePath": "./e\u0301.js"})
        assert answer["lock"]["filePath"] == composed
        assert (await stage.attacker.ask("file:unlock", {**PROJECT, "filePath": composed}))[
            "released"
        ]
        for path in odd("%2e%2e/x", "CON", "a. ", "~/x", "$HOME"):
            lock = {**PROJECT, "filePath": path}
            assert (await stage.attacker.ask("file:lock", lock))["lock"]["filePath"] == path
            await stage.attacker.ask("file:unlock", lock)
        await stage.honest.news()


MARKUP = '<img src=x onerror="alert(1)"><script>alert(1)</script>javascript:alert(1)'


async def test_a15_markup_is_data(tmp_path: Path) -> None:
    """It comes back as it was; the page makes no markup of any text."""
    async with staged(tmp_path) as stage:
        eve = await stage.client()
        made = await eve.ask("project:create", {"name": MARKUP, "userId": MARKUP})
        assert (made["project"]["name"], made["project"]["members"][0]["user"]["name"]) == (
            MARKUP,
            MARKUP,
        )
        await eve.close()
    for name in website.OWN:
        text = (website.FOLDER / name).read_text(encoding="utf-8")
        if name == "markdown.js":
            # Only what leads to http, https or mailto: tests/web/assistant.test.mjs.
            assert text.count("<a href=${url.href} ") == 1
            text = text.replace("<a href=${url.href} ", "")
        if name == "binary_file.js":
            # Of bytes that the page has read: `blob:`, which `img` runs nothing of.
            assert text.count("createObjectURL(") == text.count("<img src=${shown.url} ") == 1
            text = text.replace("<img src=${shown.url} ", "")
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|dangerouslySet|document\.write|srcdoc"
            r"|\beval\(|new Function|(?:href|src|action)=\$",
            text,
        ), name


async def test_a17_messages_to_the_assistant(tmp_path: Path) -> None:
    """Two at once, the timeout, and the end with the connection: `ai/test_answers.py`."""
    async with staged(tmp_path) as stage:
        for text in odd("", "x" * 32_769, "é" * 16_385, "x" * 1_000_000, "a\0b", 5, None, ["x"]):
            message = {**PROJECT, "message": text}
            await stage.refused("ai:message", message, "VALIDATION_ERROR", "$.message")
        secret = {"projectId": stage.secret, "message": "todos"}
        await stage.refused("ai:message", secret, "NOT_FOUND")
        await stage.refused("ai:cancel", {"requestId": "request-1"}, "NOT_FOUND")


async def test_a18_events_that_only_the_server_sends(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        forged = {
            **PROJECT,
            "user": {"id": "user-789", "name": "user-789"},
            "response": {"id": "1", "content": "pay me"},
        }
        for event in sorted(ANNOUNCEMENTS.keys() - EVENTS.keys()):
            error = await stage.refused(event, forged, "VALIDATION_ERROR")
            assert error["message"] == f"{event!r} is no event of this server"
        for event in ("file:lock:denied", "reconnect", "server:stopping", "rate_limited"):
            await stage.refused(event, forged, "VALIDATION_ERROR")
        # Those that have the name of a client's event are taken for that.
        for event in sorted(
            ANNOUNCEMENTS.keys() & EVENTS.keys() - {"auth:logout", "notification:read"}
        ):
            answer = await stage.attacker.ask(event, forged)
            assert not answer["ok"], event


async def test_a19_batches(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        ping = {"event": "test:ping"}
        for updates in ([ping] * 101, [ping] * 3_000):
            payload = {"updates": updates}
            await stage.refused("batch:update", payload, "VALIDATION_ERROR", "$.updates")
        for item in odd(
            5,
            None,
            "test:ping",
            [],
            {},
            {"event": 5},
            {"event": ""},
            {"event": "x" * 129},
        ):
            await stage.refused("batch:update", {"updates": [ping, item]}, "VALIDATION_ERROR")
        hostile: list[tuple[dict[str, Any], str]] = [
            ({"event": "batch:update", "data": {"updates": [ping]}}, "VALIDATION_ERROR"),
            ({"event": "project:join", "data": {"projectId": stage.secret}}, "NOT_FOUND"),
            ({"event": "project:delete", "data": PROJECT}, "FORBIDDEN"),
            ({"event": "file:lock", "data": HELD}, "FILE_LOCKED"),
            ({"event": "file:lock", "data": {**PROJECT, "filePath": "../x"}}, "INVALID_FILE_PATH"),
            ({"event": "room:join", "data": {"room": "user:user-789"}}, "FORBIDDEN"),
            ({"event": "ai:response", "data": {}}, "VALIDATION_ERROR"),
        ]
        answer = await stage.attacker.ask("batch:update", {"updates": [one for one, _ in hostile]})
        codes = [result["error"]["code"] for result in answer["results"]]
        assert codes == [code for _, code in hostile]


SQL = ("' OR 1=1 --", '"; DROP TABLE users; --', "%", "_", "*", "project-123'--", "1; ATTACH '/x'")


async def test_a22_words_and_numbers_for_the_database(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        for text in SQL:
            project = {"projectId": text}
            for event in ("project:join", "file:list", "version:list", "project:delete"):
                await stage.refused(event, project, "NOT_FOUND")
            version = {**PROJECT, "versionId": text}
            for event in ("version:delete", "version:compare"):
                await stage.refused(event, version, "NOT_FOUND")
            await stage.refused("file:read", {**PROJECT, "filePath": text}, "NOT_FOUND")
            read = {**PROJECT, "filePath": "src/components/App.jsx", "versionId": text}
            await stage.refused("file:read", read, "NOT_FOUND")
            answer = await stage.attacker.ask("notification:read", {"ids": [text]})
            assert answer == {"ok": True, "marked": 0, "unread": 0}
            login = {"username": text, "password": text}
            assert (await stage.attacker.ask("auth:login", login))["error"]["code"] in (
                "UNAUTHORIZED",
                "RATE_LIMIT_EXCEEDED",
            )
        for number in odd(2**53, 2**63, 2**64, 2**70, -1, -(2**63), 1.5, 1e308, "1", True):
            file = {"path": "a", "action": "created", "baseRevision": number}
            change = {**PROJECT, "file": file}
            await stage.refused("file:change", change, "VALIDATION_ERROR", "$.file.baseRevision")
            change = {**PROJECT, "file": {"path": "a", "action": "created"}, "lockToken": number}
            await stage.refused("file:change", change, "VALIDATION_ERROR", "$.lockToken")
            place = {"line": number, "column": 0}
            cursor = {**PROJECT, "filePath": "a", "position": place}
            await stage.refused("cursor:update", cursor, "VALIDATION_ERROR", "$.position.line")
        for text in odd("a\0b", "\0", "\ud800"):
            await stage.refused("project:join", {"projectId": text}, "VALIDATION_ERROR")
            content = {"path": "a", "action": "created", "content": text}
            await stage.refused("file:change", {**PROJECT, "file": content}, "VALIDATION_ERROR")


async def test_a23_times_of_clients(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        presence = {"status": "online"}
        for time in odd("2999-01-01T00:00:00.000Z", "-1", "yesterday"):
            assert (await stage.attacker.ask("user:presence", {**presence, "timestamp": time}))[
                "ok"
            ]
            data, envelope = await stage.honest.hear("user:presence")
            for shown in (data["timestamp"], envelope["timestamp"]):
                assert re.fullmatch(r"20[2-8]\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", shown)
        for time in odd(0, -1, 4e12, [], {}, "", "x" * 257, "a\nb"):
            payload = {**presence, "timestamp": time}
            await stage.refused("user:presence", payload, "VALIDATION_ERROR", "$.timestamp")
            file = {"path": "a", "action": "created", "timestamp": time}
            change = {**PROJECT, "file": file}
            await stage.refused("file:change", change, "VALIDATION_ERROR", "$.file.timestamp")


async def test_a24_presence(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        for status in odd("", "invisible", "ONLINE", "x" * 1_000_000, 1, None, ["online"]):
            payload = {"status": status}
            await stage.refused("user:presence", payload, "VALIDATION_ERROR", "$.status")
        for activity in odd("", "x" * 257, "x" * 1_000_000, "a\nb", 1):
            payload = {"status": "online", "activity": activity}
            await stage.refused("user:presence", payload, "VALIDATION_ERROR", "$.activity")
    async with (
        running(tmp_path, event_rate=0, tuning={"monotonic": lambda: 0.0}) as application,
        connected(application.port) as client,
    ):
        answers = [await client.ask("user:presence", {"status": "away"}) for _ in range(201)]
        assert [answer["ok"] for answer in answers] == [True] * 200 + [False]
        assert answers[-1]["error"]["code"] == "RATE_LIMIT_EXCEEDED"


async def test_a28_reflection(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        for value in odd("x" * 65_536, "x" * 1_000_000, [[]] * 4_000, {"a": "é" * 40_000}):
            await stage.refused("test:event", value, "VALIDATION_ERROR", "$")
        await stage.refused("test:ping", "x" * 1_000_000, "VALIDATION_ERROR", "$")


async def test_a29_what_is_not_there_and_what_is_not_theirs(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        for event, payload in VALID.items():
            if "projectId" not in payload:
                continue
            told = []
            for project_id in (stage.secret, "project-" + "0" * 16):
                error = await stage.refused(
                    event, {**payload, "projectId": project_id}, "NOT_FOUND"
                )
                told.append(repr(error).replace(project_id, "…"))
            assert told[0] == told[1], event
