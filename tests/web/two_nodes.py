"""The page's stories with their people on two nodes of a cluster: `make cluster-test` runs all of
these, `make test` some; see test_two_nodes.py.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from server.api.records import User
from server.application import Application
from server.store import accounts
from tests.sdk.serving import Slow
from tests.server.conftest import postgres, postgres_database, postgres_folder
from tests.server.nodes import Nodes, two_nodes
from tests.server.running import HASHER, running
from tests.socketio_min.cluster.redis_server import running_redis
from tests.web.echoing import Echo
from tests.web.test_page import PLAIN, browser, run

if TYPE_CHECKING:
    from server.store.postgres import Postgres

__all__ = ["browser", "postgres", "postgres_database", "postgres_folder"]

WITHOUT_DATABASE = (
    "whoever comes back while the database is away",
    "what cannot be saved keeps nobody in a project",
    "who has changed nothing reads of no change",
)
"""The stories whose database is taken away."""


@pytest.fixture
async def page_nodes(postgres: Postgres, tmp_path: Path) -> AsyncIterator[Nodes]:
    """Two nodes with what the stories expect of their server."""
    with running_redis() as redis:
        options = {"tuning": {"still": 0.1, "latest": 1.0}, "cors_origins": PLAIN}
        async with two_nodes(tmp_path, redis.url, postgres.url, **options) as nodes:
            yield nodes


async def tell(story: str, nodes: Nodes, browser: str, *flags: str, **more: str) -> None:
    """Run a story whose people are on both nodes."""
    urls = {"URL": nodes.here.url, "OTHER_URL": nodes.there.url}
    await run(story, *flags, CHROMIUM=browser, **urls, **more)


def provide(nodes: Nodes, provider: type[Slow] | type[Echo]) -> None:
    """Let another assistant answer on both nodes: one, which hears what is said on either."""
    answering = provider()
    for node in (nodes.here, nodes.there):
        node.answers.maker.provider = answering


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Application]:
    """A server where a session is required; `ada` has a password."""
    ada, password = User("ada", "Ada"), HASHER.hash("open sesame")
    now = "2026-01-01T00:00:00.000Z"
    async with running(tmp_path / "required", auth_mode="required") as application:
        await application.database.run(lambda c: accounts.add_user(c, ada, password, now))
        yield application


@pytest.mark.parametrize("story", ["editing", "files"])
async def test_people_on_two_nodes(story: str, page_nodes: Nodes, browser: str) -> None:
    await tell(f"{story}.test.mjs", page_nodes, browser)


async def test_two_browsers_and_two_scripts_on_two_nodes(page_nodes: Nodes, browser: str) -> None:
    await tell("together.test.mjs", page_nodes, browser, PYTHON=sys.executable)


async def test_the_assistant_on_two_nodes(page_nodes: Nodes, browser: str) -> None:
    provide(page_nodes, Echo)
    await tell("assistant.test.mjs", page_nodes, browser)


@pytest.mark.parametrize("story", ["page", "people", "finding"])
async def test_with_those_who_need_a_session(
    story: str, page_nodes: Nodes, guarded: Application, browser: str
) -> None:
    provide(page_nodes, Slow)
    # A SQLite can be taken away by a story; what goes on without PostgreSQL the proof shows.
    but = f"--test-name-pattern=^(?!{'|'.join(WITHOUT_DATABASE)})\\w"
    await tell(f"{story}.test.mjs", page_nodes, browser, but, SESSION_URL=guarded.url)
