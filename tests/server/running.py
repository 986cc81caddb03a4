"""Applications as the tests start them: on a free port, in a directory of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher

from server.api.records import User
from server.application import Application
from server.settings import Settings
from server.store import accounts
from server.tuning import Tuning
from tests.server.databases import prepare

# Secure enough for nobody, and fast.
HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

# Of the account that `add_user` makes.
CREDENTIALS = {"username": "ada", "password": "correct horse"}


def make(directory: Path, *, tuning: dict[str, Any] | None = None, **settings: Any) -> Application:
    """An application that is not started. Nothing ends by itself while a test looks on."""
    endless = dict.fromkeys(("typing", "lock_grace", "asked", "still", "latest"), 3_600.0)
    # Nor does the end of a server wait for answers.
    patient = {**endless, "finish": 0.0, "hasher": HASHER, **(tuning or {})}
    return Application(Settings(port=0, data_dir=directory, **settings), Tuning(**patient))


@asynccontextmanager
async def running(
    directory: Path, *, tuning: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[Application]:
    """An application, while the block lasts."""
    if settings.get("database_url") is None:
        prepare(directory, demonstrated=True)
    application = make(directory, tuning=tuning, **settings)
    await application.start()
    try:
        yield application
    finally:
        await application.stop()


async def add_user(application: Application, name: str = "ada") -> None:
    """An account with the password of `CREDENTIALS`."""
    password_hash = HASHER.hash(CREDENTIALS["password"])
    await application.database.run(
        lambda c: accounts.add_user(c, User(name, name), password_hash, "now")
    )
