"""The stage of the application's hostile cases: an attacker, an honest client, a third's project.

After each case the honest client of the same server still works and has heard nothing that it
should not, nothing was logged with a traceback, and locks, presence, rooms and files are what they
were before.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server.application import Application
from server.events import EVENTS
from tests.server.running import running
from tests.server.wire import Client, connected

PROJECT = {"projectId": "project-123"}
HELD = {**PROJECT, "filePath": "honest.txt"}


def failure_of(event: str) -> str:
    """The event that reports a failure to a client that asked for no acknowledgement."""
    return EVENTS[event].failure if event in EVENTS else "error"


def untold(answer: Any) -> None:
    """Nothing of the server's insides is in an answer."""
    text = json.dumps(answer, default=repr)
    for word in ("Traceback", '.py"', "msgspec", "sqlite", "Error(", "INTERNAL_ERROR"):
        assert word not in text, text


class _Tracebacks(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or record.levelno >= logging.ERROR:
            self.lines.append(self.format(record))


@contextmanager
def nothing_is_logged() -> Iterator[None]:
    """No traceback and no error is logged, by whatever part."""
    handler = _Tracebacks()
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
    assert handler.lines == []


@dataclass
class Stage:
    """A served application with its clients."""

    application: Application
    stack: AsyncExitStack
    # "user-789", in the project, with a lock.
    honest: Client = field(init=False)
    # "mallory", an editor of the project like everybody, or nobody where a session is needed.
    attacker: Client = field(init=False)
    # The id of a project that is ada's alone.
    secret: str = ""

    @property
    def port(self) -> int:
        return self.application.port

    async def client(self, auth: Any = None) -> Client:
        return await self.stack.enter_async_context(connected(self.port, auth))

    async def refused(self, event: str, payload: Any, code: str, path: str | None = None) -> Any:
        """The event fails that way, with an acknowledgement and without; returns the error."""
        answer = await self.attacker.ask(event, payload)
        assert not answer["ok"], (event, payload)
        error = answer["error"]
        assert error["code"] == code, (event, payload, error)
        if path is not None:
            assert error["details"] == {"path": path}, (event, payload, error)
        await self.attacker.emit(event, payload)
        data, _ = await self.attacker.hear(failure_of(event))
        assert (data["event"], data["code"]) == (event, code)
        untold([answer, data])
        return error

    async def state(self) -> dict[str, Any]:
        """What no refused event may change."""
        application = self.application
        projects = ("project-123", self.secret)
        listed = await self.honest.ask("file:list", PROJECT)
        return {
            "locks": {one: (await application.locks.page(one))[0] for one in projects},
            "presence": {one: application.presence.page(one)[0] for one in projects},
            "roles": {one: application.directory.members(one) for one in projects},
            "rooms": {one.id: one.rooms for one in await application.io.fetch_sockets()},
            "files": listed["files"],
            "typing": [application.typing.projects(one) for one in application.io.sockets],
        }


@asynccontextmanager
async def staged(
    directory: Path, *, as_it_was: bool = True, **settings: Any
) -> AsyncIterator[Stage]:
    """A server that is left as it was, unless the case cannot tell; what it adds, it takes away."""
    # Rates have tests of their own: time runs so fast here that nobody ever meets one.
    seconds = iter(range(0, 10**12, 10**4))
    tuning = {"monotonic": lambda: float(next(seconds))}
    settings = {"event_rate": 0, **settings}
    with nothing_is_logged():
        async with (
            running(directory, tuning=tuning, **settings) as application,
            AsyncExitStack() as stack,
        ):
            stage = Stage(application, stack)
            ada = await stage.client()
            made = await ada.ask("project:create", {"name": "Secret", "userId": "ada"})
            stage.secret = made["project"]["id"]
            stage.honest, stage.attacker = await stage.client(), await stage.client()
            await stage.honest.ask("project:join", {**PROJECT, "userId": "user-789"})
            await stage.attacker.ask("project:join", {**PROJECT, "userId": "mallory"})
            held = (await stage.honest.ask("file:lock", HELD))["lock"]
            for client in (stage.honest, stage.attacker, ada):
                await client.news()
            before = await stage.state()
            yield stage
            assert await stage.attacker.ask("test:ping") == {"ok": True}
            news, after = await stage.honest.news(), await stage.state()
            if as_it_was:
                assert news == []
                assert after == before
            # The lock still protects what it did, and its holder may still change it.
            file = {"path": "honest.txt", "action": "created", "content": "mine"}
            change = {**PROJECT, "file": file, "lockToken": held["token"]}
            theirs = await stage.attacker.ask("file:change", {**PROJECT, "file": file})
            assert theirs["error"]["code"] == "FILE_LOCKED"
            assert (await stage.honest.ask("file:change", change))["ok"]
            assert await ada.news() == []
