"""The page in Chromium (page.test.mjs), and how it takes packets apart (packets.test.mjs)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts.set_up import find_browser
from tests.programs import output
from tests.sdk.serving import serving
from tests.server.running import running

FOLDER = Path(__file__).parent
SECONDS = 240.0


async def run(script: str, **environment: str) -> None:
    """Run a file of Node tests."""
    command = ("node", "--test", "--test-reporter=spec", str(FOLDER / script))
    await output(*command, seconds=SECONDS, environment=environment)


async def test_two_people_in_two_browsers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = find_browser()
    assert browser is not None, "Chromium is missing: run `make setup`"
    async with serving(tmp_path, monkeypatch) as (application, guarded):
        await run(
            "page.test.mjs",
            URL=application.url,
            SESSION_URL=guarded.url,
            CHROMIUM=browser,
        )


async def test_two_browsers_and_two_scripts_on_one_project(tmp_path: Path) -> None:
    browser = find_browser()
    assert browser is not None, "Chromium is missing: run `make setup`"
    async with running(tmp_path) as application:
        await run("together.test.mjs", URL=application.url, PYTHON=sys.executable, CHROMIUM=browser)


async def test_packets_are_taken_apart() -> None:
    await run("packets.test.mjs")
