"""A directory, the application that mirrors it, and two clients of the project."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.application import Application
from tests.server.running import running
from tests.server.wire import Client, connected
from tests.server.workspace.asking import PROJECT


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "shop"
    (directory / "src").mkdir(parents=True)
    (directory / "src" / "main.py").write_text("print('tea')\n")
    (directory / "README.md").write_text("# Shop\n")
    (directory / ".git").mkdir()
    (directory / ".git" / "config").write_text("[core]\n")
    (directory / "logo.png").write_bytes(b"\x89PNG\x00\xff")
    (directory / "latin.txt").write_bytes("é".encode("latin-1"))
    (directory / "link").symlink_to(directory / "README.md")
    return directory


@pytest.fixture
async def application(tmp_path: Path, directory: Path) -> AsyncIterator[Application]:
    async with running(tmp_path / "data", workspace=directory) as application:
        yield application


@pytest.fixture
async def client(application: Application) -> AsyncIterator[Client]:
    async with connected(application.port) as client:
        await client.ask("project:join", PROJECT)
        yield client


@pytest.fixture
async def other(application: Application) -> AsyncIterator[Client]:
    async with connected(application.port) as other:
        await other.ask("project:join", {**PROJECT, "userId": "eve"})
        yield other
