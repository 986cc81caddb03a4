"""The page in Chromium (page.test.mjs), and how it takes packets apart (packets.test.mjs)."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from scripts.set_up import find_browser
from server.ai.provider import Outcome, ProviderError, Question
from server.application import Application
from server.records import Action, User
from server.store import accounts
from tests.server.running import HASHER, running

FOLDER = Path(__file__).parent
SECONDS = 120.0


class Slow:
    """A provider that waits to be stopped where the built-in one would be done at once."""

    name = "slow"
    model = "none"

    async def stream(self, question: Question) -> AsyncGenerator[str | Outcome, None]:
        if question.message == "fail":
            raise ProviderError("out of order")
        if question.message == "propose":
            yield "A **proposal**:\n"
            yield Outcome(actions=(Action("create-file", "proposed.js", "const proposed = 1;\n"),))
            return
        yield "Once upon a time"
        await asyncio.Event().wait()

    async def close(self) -> None:
        pass


async def run(script: str, **environment: str) -> None:
    """Run a file of Node tests.

    Raises:
        AssertionError: one has failed; the message is what it printed.
    """
    process = await asyncio.create_subprocess_exec(
        *("node", "--test", "--test-reporter=spec", str(FOLDER / script)),
        stdout=PIPE,
        stderr=STDOUT,
        env={**os.environ, **environment},
    )
    try:
        async with asyncio.timeout(SECONDS):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, printed.decode()


async def add_ada(application: Application) -> None:
    ada = User("ada", "Ada")
    password = HASHER.hash("open sesame")
    now = "2026-01-01T00:00:00.000Z"
    await application.database.run(lambda c: accounts.add_user(c, ada, password, now))


async def test_two_people_in_two_browsers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = find_browser()
    assert browser is not None, "Chromium is missing: run `make setup`"
    async with (
        running(tmp_path / "open") as application,
        running(tmp_path / "required", auth_mode="required") as guarded,
    ):
        monkeypatch.setattr(application.chat, "_provider", Slow())
        await add_ada(guarded)
        await run(
            "page.test.mjs",
            URL=application.url,
            SESSION_URL=guarded.url,
            CHROMIUM=browser,
        )


async def test_packets_are_taken_apart() -> None:
    await run("packets.test.mjs")
