"""A server for the page's tests whose assistant says what it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from server.ai.provider import ProviderError, Question
from server.api.records import Usage

WAIT = "@@wait@@"


class Echo:
    """A provider that says a message after its first line; at `WAIT` it waits for another message
    of the project, "go on". What the message "fail" gets is an error.
    """

    name = "echo"
    model = "none"
    budget = 10_000

    def __init__(self) -> None:
        self._gates: dict[str, asyncio.Event] = {}

    async def stream(self, question: Question) -> AsyncGenerator[str | Usage, None]:
        _, _, text = question.message.partition("\n")
        if question.message == "fail":
            raise ProviderError("out of order")
        project = "" if question.sources is None else question.sources.name
        gate = self._gates.setdefault(project, asyncio.Event())
        if question.message == "go on":
            gate.set()
        for number, part in enumerate(text.split(WAIT)):
            if number:
                await gate.wait()
                gate.clear()
            for at in range(0, len(part), 7):
                yield part[at : at + 7]

    async def close(self) -> None:
        """Nothing to let go of."""
