"""The page in Chromium (*.test.mjs), and how it takes packets apart (packets.test.mjs)."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from pathlib import Path

import pytest

from scripts.set_up import find_browser
from server.api.records import ChatMessage, Member, Project, Role, User, Version
from server.store import conversations, membership, project_files, snapshots
from server.store.connection import Connection
from server.store.demonstration import PROJECT_ID
from server.store.sqlite import SqliteSession
from tests.programs import output
from tests.sdk.serving import serving
from tests.server.ai.scaffolding import scaffold
from tests.server.running import running
from tests.web.echoing import Echo

FOLDER = Path(__file__).parent
SECONDS = 400.0
NOW = "2026-01-02T03:04:05.678Z"

PLAIN = ("http://plain.test",)
"""The origins of pages that are no secure context, see browser.mjs."""


@pytest.fixture
def browser() -> str:
    found = find_browser()
    assert found is not None, "Chromium is missing: run `make setup`"
    return found


async def run(script: str, *flags: str, **environment: str) -> None:
    """Run a file of Node tests."""
    command = ("node", "--test-reporter=spec", *flags, str(FOLDER / script))
    await output(*command, seconds=SECONDS, environment=environment)


async def test_two_people_edit_in_two_browsers(tmp_path: Path, browser: str) -> None:
    async with running(tmp_path) as application:
        await run("editing.test.mjs", URL=application.url, CHROMIUM=browser)


async def test_files_as_people_have_them(tmp_path: Path, browser: str) -> None:
    async with running(tmp_path, tuning={"still": 0.1, "latest": 1.0}) as application:
        await run("files.test.mjs", URL=application.url, CHROMIUM=browser)


async def test_news_that_come_too_late(tmp_path: Path, browser: str) -> None:
    async with running(tmp_path) as application:
        await run("late.test.mjs", URL=application.url, CHROMIUM=browser)


async def test_all_beside_the_editor(
    tmp_path: Path, browser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = tmp_path / "away"
    begin = SqliteSession.begin

    def begin_unless_away(session: SqliteSession, *, reads: bool = False) -> None:
        if away.exists() and not (reads and away.read_text() == "writing"):
            raise sqlite3.OperationalError("disk I/O error")
        begin(session, reads=reads)

    # No other program can keep a server from reading.
    monkeypatch.setattr(SqliteSession, "begin", begin_unless_away)
    async with serving(tmp_path, monkeypatch) as (application, guarded):
        await run(
            "page.test.mjs",
            URL=application.url,
            SESSION_URL=guarded.url,
            AWAY=str(away),
            CHROMIUM=browser,
        )


async def test_people_with_people(
    tmp_path: Path, browser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path, monkeypatch) as (application, guarded):
        await run("people.test.mjs", URL=application.url, SESSION_URL=guarded.url, CHROMIUM=browser)


async def test_the_assistant_edits(tmp_path: Path, browser: str) -> None:
    tuning = {"still": 0.1, "latest": 1.0}
    async with running(tmp_path, tuning=tuning, cors_origins=PLAIN) as application:
        application.answers.maker.provider = Echo()
        await run("assistant.test.mjs", URL=application.url, CHROMIUM=browser)


async def test_every_text_can_be_read(tmp_path: Path, browser: str) -> None:
    async with running(tmp_path) as application:
        application.answers.maker.provider = Echo()
        await run("looks.test.mjs", URL=application.url, CHROMIUM=browser)


async def test_a_proposal_is_merged_into_a_text_that_has_gone_on() -> None:
    await run("merging.test.mjs")


async def test_what_the_built_in_assistant_makes_runs(browser: str) -> None:
    asked = {
        "todo.jsx": ("Create a React component for a todo list in x/todo.jsx", ""),
        "todo.tsx": ("Create a React component for a todo list in x/todo.tsx", "typescript"),
        "card.jsx": ("make a component called Card in x/card.jsx", ""),
        "card.tsx": ("make a component called Card in x/card.tsx", "typescript"),
        "page.html": ("create an HTML page for the tea shop in x/page.html", ""),
        "style.css": ("create a style sheet in x/style.css", ""),
    }
    made = {name: scaffold(*message).content for name, message in asked.items()}
    await run("scaffolds.test.mjs", SCAFFOLDS=json.dumps(made), CHROMIUM=browser)


async def test_whoever_is_too_fast_loses_nothing(tmp_path: Path, browser: str) -> None:
    """On a slow clock: no stall of the machine gives anybody what they may not have yet."""
    slow = {"monotonic": lambda: time.monotonic() / 50}
    async with running(tmp_path, tuning=slow, event_rate=2, event_burst=100) as application:
        await run("limits.test.mjs", URL=application.url, CHROMIUM=browser)


def long_lists(connection: Connection) -> None:
    """More of everything than an answer has."""
    ada = User("ada", "ada")
    # First, because each has all files that there are.
    for number in range(205):
        version = Version(f"version-{number}", PROJECT_ID, f"Version {number}", "", NOW, "ada", 0)
        for _ in snapshots.create(connection, version):
            pass
    for number in range(1_002):
        path = f"many/{number}.txt"
        project_files.write(connection, PROJECT_ID, path, "x", user_id="ada", now="now")
    text = "0123456789abcde\n" * 93_750
    project_files.write(connection, PROJECT_ID, "large.txt", text, user_id="ada", now="now")
    text = "const a = 1;\n" * 70_000
    project_files.write(connection, PROJECT_ID, "long.js", text, user_id="ada", now="now")
    for number in range(104):
        owner = Member(ada, Role.OWNER)
        project = Project(f"p-{number}", f"Project {number}", "", "web", [owner], NOW, NOW)
        membership.add_project(connection, project)
    for number in range(230):
        message = ChatMessage(f"m-{number}", "request", "user", ada, f"message {number}", NOW)
        conversations.add(connection, PROJECT_ID, message)


async def test_what_is_longer_than_one_answer(tmp_path: Path, browser: str) -> None:
    # Nothing is saved, and told to others, while work is counted.
    async with running(tmp_path, tuning={"still": 600.0, "latest": 600.0}) as application:
        await application.database.run(long_lists)
        application.directory.load(*await application.store.directory())
        await run("long.test.mjs", URL=application.url, CHROMIUM=browser)


async def test_two_browsers_and_two_scripts_on_one_project(tmp_path: Path, browser: str) -> None:
    # The scripts hear of what is typed when it is saved.
    async with running(tmp_path, tuning={"still": 0.1, "latest": 1.0}) as application:
        await run("together.test.mjs", URL=application.url, PYTHON=sys.executable, CHROMIUM=browser)


async def test_packets_are_taken_apart() -> None:
    await run("packets.test.mjs")


async def test_everybody_finds_the_way(
    tmp_path: Path, browser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path, monkeypatch) as (application, guarded):
        await run(
            "finding.test.mjs", URL=application.url, SESSION_URL=guarded.url, CHROMIUM=browser
        )


async def test_a_key_waits_for_no_colours() -> None:
    await run("patient.test.mjs")


async def test_names_are_offered_at_no_cost_of_a_key() -> None:
    await run("completions.test.mjs")


async def test_letters_of_a_path_and_addresses() -> None:
    await run("fuzzy.test.mjs")
