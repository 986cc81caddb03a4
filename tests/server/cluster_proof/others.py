"""People with the official client and the JavaScript SDK, who live in a process of Node.js."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.server.cluster_proof.ledger import Ledger
from tests.server.cluster_proof.people import HANG_SECONDS

PROGRAM = Path(__file__).with_name("others.mjs")
MOST_LINE = 1 << 24
"""Bytes of a line of the program: it may have all copies of the documents."""


class Other:
    """One of them, as far as the proof has to know: see `Person`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.felt: dict[str, float] = {}
        self.lost_at = 0.0
        self.reconnections = 0


class Others:
    """All of them, by their names."""

    def __init__(self, ledger: Ledger) -> None:
        self.people: dict[str, Other] = {}
        self._ledger = ledger
        self._answers: asyncio.Queue[Any] = asyncio.Queue()
        self._entered: set[str] = set()
        self._process: asyncio.subprocess.Process
        self._reader: asyncio.Task[None]

    async def start(self, url: str, count: int) -> None:
        """Let so many come; return when all are there."""
        self.people = {name: Other(name) for name in (f"other-{one}" for one in range(count))}
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *("node", str(PROGRAM), url, str(count)), stdin=pipe, stdout=pipe, limit=MOST_LINE
        )
        self._reader = asyncio.create_task(self._read())
        async with asyncio.timeout(HANG_SECONDS):
            while len(self._entered) < count:  # noqa: ASYNC110 - lines tell, one by one
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """End the process."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._reader

    def go(self) -> None:
        """Let them live."""
        self._say("go")

    async def pause(self) -> None:
        """Let them come to an end; return when all they did is acknowledged."""
        self._say("stop")
        async with asyncio.timeout(HANG_SECONDS):
            await self._answers.get()

    async def copies(self) -> list[tuple[str, dict[str, str]]]:
        """Return the texts that each has of the documents that are open."""
        self._say("copies")
        async with asyncio.timeout(HANG_SECONDS):
            found: list[tuple[str, dict[str, str]]] = await self._answers.get()
            return found

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self._take(json.loads(line))

    def _take(self, line: dict[str, Any]) -> None:
        ledger = self._ledger
        match line:
            case {"felt": name, "path": path, "sent": sent}:
                self.people[name].felt[path] = sent
            case {"lost": name}:
                self.people[name].lost_at = time.monotonic()
                self.people[name].reconnections += 1
            case {"entered": name}:
                self._entered.add(name)
            case {"problem": problem}:
                ledger.problems.append(problem)
            case {"saying": text}:
                ledger.said[text] = None
            case {"said": text, "id": key}:
                ledger.said[text] = key
                ledger.acknowledged += 1
            case {"took": seconds}:
                ledger.delays.append(seconds)
            case {"failed": why, "official": is_official}:
                (ledger.official if is_official else ledger.refused)[why] += 1
            case {"typed": word, "path": path}:
                ledger.typed.setdefault(path, {})[word] = False
            case {"acknowledged": word, "path": path}:
                ledger.typed[path][word] = True
                ledger.acknowledged += 1
            case {"stopped": _}:
                self._answers.put_nowait(True)
            case {"copies": copies}:
                self._answers.put_nowait(copies)
