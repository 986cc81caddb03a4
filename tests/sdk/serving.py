"""Servers for the tests of the SDKs and the page: one that is open to all, and one that requires a
session.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from server.ai.provider import ProviderError, Question
from server.api.records import Usage, User
from server.application import Application
from server.store import accounts
from server.store.connection import Connection
from tests.server.running import HASHER, running

PROPOSAL = "A **proposal**:\n\n```proposed.js\nconst proposed = 1;\n```\n"


class Slow:
    """A provider that waits to be stopped where the built-in one would be done at once."""

    name = "slow"
    model = "none"
    budget = 0

    async def stream(self, question: Question) -> AsyncGenerator[str | Usage, None]:
        if question.message == "fail":
            raise ProviderError("out of order")
        if question.message == "propose":
            yield PROPOSAL
            return
        yield "Once upon a time"
        await asyncio.Event().wait()

    async def close(self) -> None:
        pass


@asynccontextmanager
async def serving(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Application, Application]]:
    """The open server, where `grace` has a password; and the one that requires a session, where
    `ada` and `bob` have one. The assistant is `Slow`.
    """
    password = HASHER.hash("open sesame")
    now = "2026-01-01T00:00:00.000Z"

    def let_in(connection: Connection, *names: str) -> None:
        for name in names:
            accounts.add_user(connection, User(name.lower(), name), password, now)

    async with (
        running(directory / "open") as application,
        running(directory / "required", auth_mode="required") as guarded,
    ):
        for server in (application, guarded):
            monkeypatch.setattr(server.answers.maker, "provider", Slow())
        await application.database.run(lambda c: let_in(c, "Grace"))
        await guarded.database.run(lambda c: let_in(c, "Ada", "Bob"))
        yield application, guarded
