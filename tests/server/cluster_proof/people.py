"""People who lock, edit, save, chat, leave and join all the time; what is acknowledged is noted."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from ai_coding_assistant import AsyncAICodingAssistantSocket, Document, Refused, SDKError
from ai_coding_assistant.signatures import AnyEvent
from socketio_min import SocketIOClientOptionValues
from tests.server.cluster_proof.ledger import Ledger, Save

PROJECT = "project-123"
DOCUMENTS = tuple(f"typed/{number}.txt" for number in range(5))
SAVED = tuple(f"saved/{number}.txt" for number in range(10))
MOST_OPEN = 2
TRANSPORTS = (["polling"], ["websocket"], ["polling", "websocket"])
PAUSE_SECONDS = 2.0
"""The longest pause between two deeds."""
RETRY_SECONDS = 0.5
HANG_SECONDS = 60.0
"""After which what should be done at last has not been."""
PASSING = ("STORAGE_ERROR", "INTERNAL_ERROR", "RATE_LIMIT_EXCEEDED", "UNAUTHORIZED", "FORBIDDEN")
"""Refusals because of a fault: the same is asked again. The last two come to what was sent on a
new connection before its client had introduced itself there."""
UNSENT = ("UNAUTHORIZED", "FORBIDDEN", "RATE_LIMIT_EXCEEDED")
"""Those that come before anything is tried."""


class World(Protocol):
    """What people know of the proof."""

    ledger: Ledger
    going: asyncio.Event
    lock_paths: list[str]
    fault_began: float | None
    fault_ended: asyncio.Event


def identity(event: str, data: dict[str, Any]) -> tuple[Any, ...] | None:
    """Return what no client may hear twice; None of what may come again."""
    match event:
        case "chat:message":
            return (data["message"]["id"],)
        case "file:created" | "file:updated":
            return (data["file"]["path"], data["file"]["revision"])
        case "file:edited":
            return (data["filePath"], data["epoch"], data["version"])
        case "file:locked":
            return (data["lock"]["token"], data["lock"]["orphaned"])
        case "file:unlocked":
            return (data["token"],)
        case _:
            return None


EVENTS = (
    "chat:message",
    "file:created",
    "file:updated",
    "file:edited",
    "file:locked",
    "file:unlocked",
)


class Person:
    """Somebody with a client of the Python SDK.

    felt: when the newest probe of each node that was heard was sent, by the path of its file.
    `soon`: it comes back at once, and not after the usual time.
    """

    def __init__(
        self, world: World, name: str, url: str, number: int, *, soon: bool = False
    ) -> None:
        self.world = world
        self.name = name
        self.felt: dict[str, float] = {}
        self.lost_at = 0.0
        self.reconnections = 0
        self.copies: dict[str, Document] = {}
        self._has_own = False
        self._chance = random.Random(number)
        self._counter = itertools.count(1)
        self._heard: set[tuple[Any, ...]] = set()
        options: SocketIOClientOptionValues = {"transports": TRANSPORTS[number % len(TRANSPORTS)]}
        if soon:
            options |= {"reconnection_delay": 0.1, "reconnection_delay_max": 0.2}
        self.socket = AsyncAICodingAssistantSocket(url, user_id=name, **options)
        for event in EVENTS:
            self.socket.on(AnyEvent(event), self._listener(event))
        self.socket.on("disconnect", self._lost)

    def _listener(self, event: str) -> Callable[[dict[str, Any]], None]:
        def hear(data: dict[str, Any]) -> None:
            ledger = self.world.ledger
            ledger.heard += 1
            found = identity(event, data)
            if found is None:
                return
            if (event, *found) in self._heard:
                ledger.problems.append(f"{self.name} heard {event} {found} twice")
            self._heard.add((event, *found))
            if event == "file:updated" and data["file"]["path"].startswith("probe/"):
                self.felt[data["file"]["path"]] = float(data["content"])

        return hear

    def _lost(self, _reason: str) -> None:
        self.lost_at = time.monotonic()
        self.reconnections += 1

    async def arrive(self) -> None:
        """Connect, and enter the project."""
        await self.socket.connect()
        await self.socket.join_project(PROJECT)

    # -- living

    async def live(self) -> None:
        """Do one thing after the other for as long as the world goes on."""
        deeds: dict[Callable[[], Awaitable[None]], int] = {
            self.type: 10, self.hold: 6, self.keep: 3, self.save: 3, self.chat: 3, self.rejoin: 1,
        }  # fmt: skip
        choices, weights = list(deeds), list(deeds.values())
        while self.world.going.is_set():
            [deed] = self._chance.choices(choices, weights)
            try:
                async with asyncio.timeout(HANG_SECONDS + 30):
                    await deed()
            except TimeoutError:
                self.world.ledger.problems.append(f"{self.name}: {deed.__name__} hung")
            self.look()
            await asyncio.sleep(self._chance.random() * PAUSE_SECONDS)
        await self.settle()

    async def settle(self) -> None:
        """Wait until all that was typed is acknowledged."""
        try:
            async with asyncio.timeout(HANG_SECONDS):
                for copy in list(self.copies.values()):
                    with contextlib.suppress(SDKError):
                        await copy.wait()
                    self.look()
        except TimeoutError:
            self.world.ledger.problems.append(f"{self.name}: what was typed was not acknowledged")

    def look(self) -> None:
        """Note what was acknowledged of what was typed."""
        for path, copy in list(self.copies.items()):
            if copy not in self.socket.documents:
                # It was given up: nobody knows what became of what was typed last.
                del self.copies[path]
            elif copy.is_settled:
                typed = self.world.ledger.typed.get(path, {})
                for word in self._pending(path):
                    typed[word] = True
                    self.world.ledger.acknowledged += 1

    def _pending(self, path: str) -> list[str]:
        typed = self.world.ledger.typed.get(path, {})
        return [
            word for word, done in typed.items() if not done and word.startswith(f"{self.name}.")
        ]

    def word(self) -> str:
        """Return a word that nobody has ever said."""
        return f"{self.name}.{next(self._counter)}"

    async def call(self, event: str, **payload: Any) -> Any:
        """Ask for something about the project. Return the answer; False if it was refused because
        of what others do; None if nobody knows what became of it.
        """
        while True:
            begun = time.monotonic()
            try:
                answer = await self.socket.call(AnyEvent(event), {"projectId": PROJECT, **payload})
                self.world.ledger.delays.append(time.monotonic() - begun)
                return answer
            except Refused as error:
                self.world.ledger.refused[error.code] += 1
                if error.code not in PASSING:
                    if error.code not in ("FILE_LOCKED", "VERSION_CONFLICT"):
                        self.world.ledger.problems.append(f"{self.name}: {event}: {error}")
                    return False
                if error.code not in UNSENT:
                    return None
            except SDKError:
                self.world.ledger.refused["no answer"] += 1
                return None
            self.world.ledger.retries += 1
            await asyncio.sleep(RETRY_SECONDS)

    # -- what they do

    async def open(self, path: str) -> Document | None:
        """Open a document; None if that cannot be now."""
        try:
            document = await self.socket.open_document(PROJECT, path)
        except SDKError as error:
            self.world.ledger.refused[getattr(error, "code", "no answer")] += 1
            return None
        self.copies[path] = document
        return document

    async def type(self) -> None:
        """Type a word into one of the documents."""
        open_now = [path for path in self.copies if path in DOCUMENTS]
        if len(open_now) < MOST_OPEN:
            path = self._chance.choice(DOCUMENTS)
            if path not in self.copies and await self.open(path) is None:
                return
        else:
            path = self._chance.choice(open_now)
        self.append(path)

    def append(self, path: str) -> None:
        """Type a word at the end of an open document."""
        word = self.word()
        try:
            self.copies[path].append(f"{word}\n")
        except SDKError:
            del self.copies[path]
        else:
            self.world.ledger.typed.setdefault(path, {})[word] = False

    async def save(self) -> None:
        """Save a whole file."""
        path, content = self._chance.choice(SAVED), self.word()
        call = time.monotonic()
        file = {"path": path, "action": "updated", "content": content}
        answer = await self.call("file:change", file=file)
        self._saved(path, content, answer, call)

    def _saved(self, path: str, content: str, answer: Any, call: float) -> None:
        if answer is False:
            return
        revision = None if answer is None else answer["file"]["revision"]
        self.world.ledger.acknowledged += answer is not None
        saved = Save(path, content, revision, call, time.monotonic())
        self.world.ledger.saves.append(saved)

    async def chat(self) -> None:
        """Say something, again and again until it is acknowledged."""
        text, ledger = self.word(), self.world.ledger
        deadline = time.monotonic() + HANG_SECONDS
        ledger.said[text] = None
        while (answer := await self.call("chat:message", message=text, key=text)) is None:
            if time.monotonic() > deadline:
                ledger.problems.append(f"{self.name}: a message was not taken")
                return
            ledger.retries += 1
            await asyncio.sleep(RETRY_SECONDS)
        if answer:
            ledger.said[text] = answer["message"]["id"]
            ledger.acknowledged += 1

    async def rejoin(self) -> None:
        """Leave the project, and come back."""
        for path, copy in list(self.copies.items()):
            with contextlib.suppress(SDKError, TimeoutError):
                async with asyncio.timeout(HANG_SECONDS):
                    await copy.wait()
            self.look()
            self.copies.pop(path, None)
        with contextlib.suppress(SDKError):
            await self.socket.leave_project(PROJECT)
        deadline = time.monotonic() + HANG_SECONDS
        while True:
            try:
                await self.socket.join_project(PROJECT)
            except SDKError as error:
                self.world.ledger.refused[getattr(error, "code", "no answer")] += 1
                self.world.ledger.retries += 1
                if time.monotonic() > deadline:
                    self.world.ledger.problems.append(f"{self.name} cannot join again: {error}")
                    return
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def keep(self) -> None:
        """Write into a file of one's own under a lock of the SDK, which comes along when the
        connection is another one.
        """
        lock = self.socket.lock_file(PROJECT, f"own/{self.name}.txt")
        try:
            async with lock:
                for _ in range(3):
                    begun = time.monotonic()
                    await lock.write(self.word(), action="updated" if self._has_own else "created")
                    self._has_own = True
                    self.world.ledger.delays.append(time.monotonic() - begun)
                    self.world.ledger.acknowledged += 1
                    await asyncio.sleep(self._chance.random())
        except SDKError as error:
            self.world.ledger.refused[f"own file: {getattr(error, 'code', 'no answer')}"] += 1

    async def hold(self) -> None:
        """Lock a file, write into it under the lock, and unlock it."""
        if not self.world.lock_paths:
            return
        path = self._chance.choice(self.world.lock_paths)
        token = await self.operate("lock", path)
        if token is False:
            return
        if token is not None:
            for _ in range(self._chance.randrange(3)):
                await self.operate("save", path, token)
                await asyncio.sleep(self._chance.random() * 0.2)
            if self._chance.random() < 0.5 and not self.world.fault_ended.is_set():
                # Until the fault is over: who has lost the lock meanwhile must not write.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(HANG_SECONDS / 2):
                        await self.world.fault_ended.wait()
                # Others have it, and give it back.
                await asyncio.sleep(1 + self._chance.random() * 4)
                await self.operate("save", path, token)
        deadline = time.monotonic() + HANG_SECONDS
        while await self.operate("unlock", path) is None:
            if time.monotonic() > deadline:
                self.world.ledger.problems.append(f"{self.name}: {path} cannot be unlocked")
                return
            self.world.ledger.retries += 1
            await asyncio.sleep(RETRY_SECONDS)

    async def operate(self, name: str, path: str, *token: int) -> Any:
        """Lock a file, unlock it, or save it with a token, and note that. Return the token of a
        lock, else whether it was done; None if nobody knows.
        """
        call = time.monotonic()
        content = self.word()
        if name == "save":
            file = {"path": path, "action": "updated", "content": content}
            answer = await self.call("file:change", file=file, lockToken=token[0])
            self._saved(path, content, answer, call)
        else:
            answer = await self.call(f"file:{name}", filePath=path)
        result: Any = None if answer is None else answer is not False
        if answer and name == "lock":
            result = answer["lock"]["token"]
        elif answer and name == "unlock":
            result = answer["released"]
        ledger = self.world.ledger
        ledger.operated(name, path, self.name, result, call, *token)
        ledger.acknowledged += bool(result)
        return result
