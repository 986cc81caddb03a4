"""Mutants that err when requests of one session overlap, or are given up."""

from __future__ import annotations

import asyncio

from tests.conformance.messages import Message, answer
from tests.conformance.mutant import Mutant
from tests.conformance.mutants.bases import is_poll
from tests.conformance.mutants.register import SESSION_OPEN, caught_by


@caught_by(
    "EIO-RACE-001", "EIO-RACE-003", seen="got nothing within … s, expected both GETs to be answered"
)
class QueuesPolls(Mutant):
    """A second GET waits for its turn."""

    def __init__(self) -> None:
        self.locks: dict[str, asyncio.Lock] = {}
        self.held: dict[int, asyncio.Lock] = {}

    async def arrived(self, request: Message) -> None:
        if is_poll(request):
            lock = self.locks.setdefault(request.query["sid"], asyncio.Lock())
            await lock.acquire()
            self.held[id(request)] = lock

    def reply(self, request: Message, reply: Message) -> None:
        if id(request) in self.held:
            self.held.pop(id(request)).release()


@caught_by("EIO-RACE-004", seen="got 200 ok, expected 400")
@caught_by("EIO-RACE-005", "EIO-RACE-008", seen=SESSION_OPEN)
@caught_by(
    "EIO-LIMIT-007",
    seen="got nothing within … s, expected 413 or another error status, or a closed connection",
)
class ReadsWholePostsFirst(Mutant):
    """A POST begins when its body has arrived: the proxy itself does that."""


@caught_by("EIO-POLL-012", "EIO-RACE-006", seen="got 400 (no body) for the POST, expected 200 ok")
class HasOneRequestASession(Mutant):
    """A POST beside a waiting GET is refused."""

    def __init__(self) -> None:
        self.waiting: set[str] = set()

    async def arrived(self, request: Message) -> None:
        if is_poll(request):
            self.waiting.add(request.query["sid"])

    def request(self, request: Message) -> Message | None:
        busy = request.method == "POST" and request.query.get("sid") in self.waiting
        return answer(400) if busy else None


@caught_by("EIO-RACE-007", seen=SESSION_OPEN)
class MissesCancelledPolls(Mutant):
    """A client that gives up its poll is not noticed."""

    def __init__(self) -> None:
        self.polled: set[str] = set()

    async def arrived(self, request: Message) -> None:
        if is_poll(request) and request.query["sid"] not in self.polled:
            self.polled.add(request.query["sid"])
            await asyncio.sleep(60)
