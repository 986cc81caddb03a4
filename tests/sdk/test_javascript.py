"""The JavaScript SDK: its stories (*.test.mjs), its types, and the document's snippet."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from server.api.errors import Code, EventError
from server.people.sockets import Sockets
from server.store.repositories.projects import Projects
from socketio_min import Socket
from tests.programs import output
from tests.sdk.serving import serving
from tests.server.running import running

HERE = Path(__file__).parent
SDK = HERE.parent.parent / "sdk" / "javascript"
SECONDS = 60.0


async def run(*command: str, **environment: str) -> str:
    """Run a program in the SDK's folder and return what it printed."""
    return await output(*command, seconds=SECONDS, environment=environment, cwd=SDK)


@pytest.mark.parametrize(
    "story", ["connecting", "files", "locks", "answers", "pace", "logging_out"]
)
async def test_the_sdk_against_a_server(
    story: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        serving(tmp_path, monkeypatch) as (application, guarded),
        running(tmp_path / "strict", event_rate=10, event_burst=10) as strict,
    ):
        await run(
            *("node", "--test-reporter=spec", str(HERE / f"{story}.test.mjs")),
            URL=application.url,
            SESSION_URL=guarded.url,
            STRICT_URL=strict.url,
        )


@pytest.mark.parametrize("story", ["synchronizer", "patience"])
async def test_without_a_server(story: str) -> None:
    await run("node", "--test", "--test-reporter=spec", str(HERE / f"{story}.test.mjs"))


async def test_editing_together(tmp_path: Path) -> None:
    async with running(tmp_path, event_rate=0) as application:
        await run(
            *("node", "--test-reporter=spec", str(HERE / "editing.test.mjs")),
            URL=application.url,
        )


@pytest.mark.parametrize(
    "error",
    [
        EventError(Code.STORAGE_ERROR, "it could not be read"),
        EventError(Code.RATE_LIMIT_EXCEEDED, "too much"),
        EventError(Code.RATE_LIMIT_EXCEEDED, "too fast", {"retryAfter": 0.001}),
    ],
    ids=["the database is away", "there is too much", "it comes too fast"],
)
async def test_coming_back_to_a_server_that_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: EventError
) -> None:
    """Ada is refused for now, and Eve, when she comes back, for good."""
    overview, joinings = Projects.overview, itertools.count()
    check_connection_limit, connections = Sockets.check_connection_limit, Counter[str]()

    async def failing(*given: Any) -> Any:
        if next(joinings) == 1:
            raise error
        return await overview(*given)

    def refusing(sockets: Sockets, socket: Socket, user_id: str) -> None:
        connections[user_id] += 1
        if user_id == "eve" and connections[user_id] > 1:
            raise EventError(Code.FORBIDDEN, "not you")
        check_connection_limit(sockets, socket, user_id)

    monkeypatch.setattr(Projects, "overview", failing)
    monkeypatch.setattr(Sockets, "check_connection_limit", refusing)
    async with running(tmp_path) as application:
        await run(
            *("node", "--test-reporter=spec", str(HERE / "failing.test.mjs")),
            URL=application.url,
        )


async def test_the_types_are_those_of_the_events(tmp_path: Path) -> None:
    compiler = SDK / "node_modules" / "typescript" / "bin" / "tsc"
    options = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext"]
    libraries = ["--lib", "es2022,esnext.disposable,dom", "--skipLibCheck"]
    # Inside of a package, where its own name leads to itself. It is a copy: other tests read the
    # repository's files meanwhile.
    package = tmp_path / "package"
    shutil.copytree(SDK, package, ignore=shutil.ignore_patterns("node_modules"))
    (package / "node_modules").symlink_to(SDK / "node_modules")
    paths = shutil.copy(HERE / "types.ts", package / "types.test.ts")
    await run("node", str(compiler), *options, *libraries, str(paths))


async def test_the_documents_snippet_works(tmp_path: Path) -> None:
    """Unchanged but for the port; where a session's name stands in it, open mode makes a guest."""
    snippet = (HERE / "snippets" / "javascript.txt").read_text(encoding="utf-8")
    async with running(tmp_path) as application:
        code = snippet.replace("http://localhost:3001", application.url)
        assert code != snippet
        tell = "\n".join(
            (
                "const update = { type: 'name', value: 'Renamed' };",
                "await socket.call('project:update', { projectId: 'project-123', update });",
                "console.log(response.content.split(':')[0]);",
                "socket.disconnect();",
            )
        )
        printed = await run("node", "--input-type=module", "--eval", code + tell)
    assert "Here is a React component" in printed
    assert "Project updated:" in printed
    assert "name: 'Renamed'" in printed
