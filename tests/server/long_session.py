"""Half an hour of ten people in one project, compressed: `python -m tests.server.long_session`.

Ten people with fifty files type, move, delete, restore, lock, chat, leave and come back, each at
random and behind a network of their own that fails now and then, while the server is started again.
They go as fast as they can: a deed every two seconds is nine hundred of each in half an hour.

Invariants: in the end all copies of each file are equal, and so is what is on the disk; all see
the same files; nobody was told of an error of the server, and its log has none; nothing is kept
for those who have left, and memory does not grow with what they did.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ai_coding_assistant import AsyncAICodingAssistantSocket, Document, Refused, SDKError
from ai_coding_assistant.signatures import AnyEvent
from server.application import Application
from tests.server.at_once import result
from tests.server.running import make
from tests.socketio_min.chaos import Chaos, ChaosProxy, chaos_proxy
from tests.waiting import patient, until

PROJECT = "project-123"
PEOPLE = 10
FILES = 50
MOST_OPEN = 4
DEED_SECONDS = 5.0
"""After which somebody gives up a deed: the network may be away."""
EXPECTED = (
    *("NOT_FOUND", "FILE_LOCKED", "INVALID_FILE_PATH", "VERSION_CONFLICT", "UNAUTHORIZED"),
    "RATE_LIMIT_EXCEEDED",
)
"""Refusals that others' deeds, one's own before, or one's haste are the reason of."""
STOPPING = "the server is stopping"
"""What a server says that ends."""
_TUNING = {"typing": 4.0, "lock_grace": 0.5, "still": 0.05, "latest": 0.5}


@dataclass
class Person:
    """Somebody with a client behind a network."""

    socket: AsyncAICodingAssistantSocket
    network: ChaosProxy
    chance: random.Random
    copies: list[Document] = field(default_factory=list)

    async def paths(self) -> list[str]:
        """Return the paths that there are."""
        listed = await self.socket.list_all("file:list", {"projectId": PROJECT})
        return [file["path"] for file in listed]

    async def call(self, event: str, **payload: Any) -> dict[str, Any]:
        """Ask for something about the project."""
        payload = {"projectId": PROJECT, **payload}
        answer: dict[str, Any] = await self.socket.call(AnyEvent(event), payload)
        return answer


async def edit(person: Person) -> None:
    """Type into a file, or delete some of it."""
    chance = person.chance
    if len(person.copies) < MOST_OPEN and (not person.copies or chance.random() < 0.3):
        path = chance.choice(await person.paths())
        person.copies.append(await person.socket.open_document(PROJECT, path))
    document = chance.choice(person.copies)
    try:
        length = len(document.text)
        at = chance.randrange(length + 1)
        if length > 2_000 or chance.random() < 0.3:
            document.delete(at, min(length, at + chance.randrange(200)))
        else:
            document.insert(at, f"{chance.getrandbits(40):x} 😀\n")
    except SDKError:
        # It was deleted under one's hands, or the project left.
        person.copies.remove(document)


async def close(person: Person) -> None:
    """Close a file."""
    if person.copies:
        document = person.copies.pop(person.chance.randrange(len(person.copies)))
        await document.close()


async def move(person: Person) -> None:
    """Move a file, or rename its folder."""
    path = person.chance.choice(await person.paths())
    folder = path.rpartition("/")[0]
    name = f"moved-{person.chance.getrandbits(32):x}"
    if folder and person.chance.random() < 0.2:
        await person.call("file:move", filePath=folder, newPath=name)
    else:
        await person.call("file:move", filePath=path, newPath=f"{name}/file.txt")


async def create(person: Person) -> None:
    """Make a file, for as many as are deleted."""
    path = f"new-{person.chance.getrandbits(32):x}.txt"
    await person.call("file:change", file={"path": path, "action": "created", "content": "new\n"})


async def delete(person: Person) -> None:
    """Delete a file; the next one restores it."""
    paths = await person.paths()
    if len(paths) > FILES // 2:
        await person.call("file:delete", filePath=person.chance.choice(paths))


async def restore(person: Person) -> None:
    """Take something out of the bin."""
    found = (await person.call("bin:list", limit=20))["deletions"]
    if found:
        await person.call("bin:restore", deletionId=person.chance.choice(found)["id"])


async def lock(person: Person) -> None:
    """Keep others out of a file for a moment."""
    path = person.chance.choice(await person.paths())
    async with person.socket.lock_file(PROJECT, path):
        await asyncio.sleep(0.02)


async def chat(person: Person) -> None:
    """Ask the assistant something short."""
    await person.call("ai:message", message="what can you do?")


async def search(person: Person) -> None:
    """Search in all files."""
    await person.socket.search(PROJECT, "new", limit=50)


async def leave(person: Person) -> None:
    """Leave the project, and come back."""
    await person.socket.leave_project(PROJECT)
    person.copies.clear()
    await person.socket.join_project(PROJECT)


async def lose(person: Person) -> None:
    """Lose the network for a moment, in the middle of what one types."""
    person.network.refusing = True
    person.network.cut()
    for document in person.copies:
        with contextlib.suppress(SDKError):
            document.append("typed offline\n")
    await asyncio.sleep(person.chance.random() * 0.1)
    person.network.refusing = False


DEEDS: dict[Callable[[Person], Awaitable[None]], int] = {
    edit: 60, close: 4, move: 4, create: 3, delete: 3, restore: 3, lock: 4, chat: 1, search: 2,
    leave: 2, lose: 3,
}  # fmt: skip


class Session:
    """One server after the other, and the people on it."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.directory = directory
        self.chance = random.Random(seed)
        self.people: list[Person] = []
        self.application: Application = self._made()
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def _made(self) -> Application:
        return make(self.directory, tuning=_TUNING, event_rate=0, address_event_rate=0)

    async def restart(self) -> None:
        """Stop the server, and start the next one on the same data."""
        await self.application.stop()
        self.application = self._made()
        await self.application.start()
        for person in self.people:
            person.network.target = self.application.port

    async def run(self, deeds: int, restarts: int) -> None:
        """Let each person do so many deeds."""
        await self.application.start()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._stop)
            await self._come(stack)
            lives = [asyncio.create_task(self._live(one, deeds)) for one in self.people]
            for number in range(restarts):
                enough = PEOPLE * deeds * (number + 1) // (restarts + 1)
                await until(lambda enough=enough: self.done.total() >= enough)  # type: ignore[misc]
                await self.restart()
            await asyncio.gather(*lives)
            await self._compare()
            await self._part()

    async def _stop(self) -> None:
        await self.application.stop()

    async def _come(self, stack: AsyncExitStack) -> None:
        for number in range(PEOPLE):
            seed = self.chance.getrandbits(32)
            proxy = chaos_proxy(self.application.port, Chaos(), seed)
            network = await stack.enter_async_context(proxy)
            socket = AsyncAICodingAssistantSocket(
                network.url, user_id=f"person-{number}", reconnection_delay=0.01
            )
            await stack.enter_async_context(socket)
            await socket.join_project(PROJECT)
            self.people.append(Person(socket, network, random.Random(seed)))
        for number in range(FILES):
            path = f"folder-{number % 7}/file-{number}.txt"
            file = {"path": path, "action": "created", "content": f"file {number}\n"}
            await self.people[0].call("file:change", file=file)

    async def _live(self, person: Person, deeds: int) -> None:
        choices, weights = list(DEEDS), list(DEEDS.values())
        for _ in range(deeds):
            [deed] = person.chance.choices(choices, weights)
            try:
                async with asyncio.timeout(DEED_SECONDS):
                    await deed(person)
            except Refused as error:
                if error.code not in EXPECTED and STOPPING not in str(error):
                    raise
                self.refused[error.code] += 1
            except (SDKError, TimeoutError) as error:
                self.refused[type(error).__name__] += 1
            self.done[deed.__name__] += 1
            await asyncio.sleep(0)
        person.network.refusing = False

    async def _compare(self) -> None:
        """Wait until all that was typed has arrived, and compare all copies."""
        copies: dict[str, list[Document]] = {}
        for person in self.people:
            await until(lambda person=person: person.socket.connected)  # type: ignore[misc]
            for document in person.copies:
                with contextlib.suppress(SDKError):
                    await patient(document.wait())
                    copies.setdefault(document.file_path, []).append(document)
        await self.application.saver.save_project(PROJECT)
        lists = [await person.paths() for person in self.people]
        assert all(one == lists[0] for one in lists)
        for path, documents in copies.items():
            if path not in lists[0]:
                continue
            read = await self.people[0].socket.read_file(PROJECT, path)
            await until(lambda: {one.text for one in documents} == {read["content"]})  # noqa: B023

    async def _part(self) -> None:
        """Let everybody go, and see that nothing of them is left."""
        for person in self.people:
            await person.socket.disconnect()
            person.copies.clear()
        application = self.application
        await until(lambda: not application.documents.of_project(PROJECT))
        await until(lambda: not result(application.locks.page(PROJECT))[0])


class Errors(logging.Handler):
    """What the server's log has that is worse than a warning."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("ai_coding_assistant"):
            self.lines.append(record.getMessage())


MOST_BLOCKS = 2_000
"""Blocks that a round may leave behind: in caches that have a limit, as of the last addresses."""


def resident() -> int:
    """Return how many bytes of memory the process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4_096


def blocks() -> int:
    """Return how many blocks of memory Python's objects have. What the process has besides may grow
    while these do not: memory that is free, in pieces.
    """
    gc.collect()
    return sys.getallocatedblocks()


def main(arguments: list[str]) -> None:
    """Run the long form, round by round with another seed, and print what is seen."""
    deeds = int(arguments[0]) if arguments else 300
    errors = Errors()
    logging.getLogger().addHandler(errors)
    logging.getLogger("ai_coding_assistant").setLevel(logging.CRITICAL)
    sizes, counts = [], []
    for number in range(3):
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as directory:
            session = Session(Path(directory), seed=number)
            asyncio.run(session.run(deeds, restarts=3))
        done, refused = session.done.total(), dict(session.refused)
        del session
        counts.append(blocks())
        sizes.append(resident())
        print(
            f"{done} deeds in {time.monotonic() - begun:.0f} s, refused {refused}; "
            f"memory {sizes[-1] / 1e6:.0f} MB, {counts[-1]} blocks",
            flush=True,
        )
    assert not errors.lines, errors.lines
    # The first round loads code and fills caches.
    assert sizes[2] < sizes[1] * 1.1, sizes
    assert counts[2] < counts[1] + MOST_BLOCKS, counts


if __name__ == "__main__":
    main(sys.argv[1:])
