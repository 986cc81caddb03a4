"""The order of a run, and what becomes of it when the server goes away in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from conformance import runner
from conformance.case import Case, Phase
from conformance.connection import Endpoint
from conformance.context import Context, Paths, Settings
from conformance.errors import CaseFailed
from conformance.runner import Runner
from conformance.verdict import Verdict
from tests.conformance.messages import Message
from tests.conformance.mutant import Mutant, Packet
from tests.conformance.mutants.bases import FrameMutant
from tests.conformance.proxy import proxied
from tests.conformance.running import REFERENCE, cases_named, start, stop


@pytest.fixture(scope="module")
def upstream() -> Iterator[int]:
    process, port = start(REFERENCE)
    try:
        yield port
    finally:
        stop(process)


def settings(port: int) -> Settings:
    return Settings(Endpoint("127.0.0.1", port), Paths("/engine.io/", "/socket.io/"))


async def test_the_second_attempt_comes_before_the_server_may_be_gone(upstream: int) -> None:
    steady, burden = cases_named(["EIO-OPEN-001", "EIO-LIMIT-001"])
    attempts = 0
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(proxied(Mutant(), upstream))

        async def fails_once(ctx: Context) -> None:
            nonlocal attempts
            attempts += 1
            if attempts == 1:
                raise CaseFailed("a late answer", "one in time")
            await steady.run(ctx)

        async def ends_the_server(_ctx: Context) -> None:
            await stack.aclose()
            raise CaseFailed("the end", "an answer")

        cases: list[Case] = [
            replace(steady, run=fails_once),
            replace(burden, run=ends_the_server, phase=Phase.ALONE),
        ]
        run = await Runner(settings(port), cases).run("", "strict")
    assert [result.verdict for result in run.results] == [Verdict.PASS, Verdict.FAIL]
    assert run.results[0].note == (
        "passed at the second attempt; at first, beside others: "
        "got a late answer, expected one in time"
    )


async def test_what_runs_when_the_server_ends_is_named(upstream: int) -> None:
    first, second, third = cases_named(["EIO-OPEN-001", "EIO-OPEN-002", "EIO-OPEN-003"])
    ended = asyncio.Event()
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(proxied(Mutant(), upstream))

        async def ends_the_server(_ctx: Context) -> None:
            await stack.aclose()
            ended.set()
            raise CaseFailed("the end", "an answer")

        async def comes_too_late(ctx: Context) -> None:
            await ended.wait()
            await second.run(ctx)

        cases = [
            replace(first, run=ends_the_server),
            replace(second, run=comes_too_late),
            third,
        ]
        run = await Runner(settings(port), cases, concurrency=2).run("", "strict")
    note = (
        "the server no longer answers since one of these cases: "
        "EIO-OPEN-001, EIO-OPEN-002; --concurrency 1 tells which"
    )
    assert [(result.verdict, result.note) for result in run.results] == [
        (Verdict.FAIL, note),
        (Verdict.NOT_RUN, note),
        (Verdict.NOT_RUN, note),
    ]
    assert not run.passed


class LosesEarlyFrames(FrameMutant):
    """What comes with the request for a WebSocket is lost."""

    def inward(self, packet: Packet) -> list[Packet]:
        return []


async def test_a_transcript_shows_what_comes_with_a_request(upstream: int) -> None:
    async with proxied(LosesEarlyFrames(), upstream) as port:
        cases = cases_named(["EIO-WS-011"])
        once = Runner(settings(port), cases, second_attempts=False, set_up=False)
        (result,) = (await once.run("", "strict")).results
    assert result.verdict is Verdict.FAIL
    request, frame = result.transcript.split("\n")[:2]
    assert "→ GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\\r\\nHost: " in request
    assert "→ in the same write: <81 86 " in frame


class FallsSilent(Mutant):
    """Answers nothing any more once it has been asked to."""

    silent = False

    async def arrived(self, request: Message) -> None:
        if self.silent:
            await asyncio.Event().wait()


async def test_a_server_that_hangs_is_given_up(
    upstream: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LONGEST_PAUSE", 0.2)
    first, second = cases_named(["EIO-OPEN-001", "EIO-OPEN-002"])
    server = FallsSilent()

    async def silences_the_server(_ctx: Context) -> None:
        server.silent = True
        raise CaseFailed("nothing", "an answer")

    async with proxied(server, upstream) as port:
        cases = [replace(first, run=silences_the_server), second]
        run = await Runner(settings(port), cases, concurrency=1).run("", "strict")
    note = "the server no longer answers since EIO-OPEN-001 failed"
    assert [(result.verdict, result.note) for result in run.results] == [
        (Verdict.FAIL, note),
        (Verdict.NOT_RUN, note),
    ]


class HangsWebSockets(Mutant):
    """A request for a WebSocket is never answered."""

    async def arrived(self, request: Message) -> None:
        if request.upgrades:
            await asyncio.Event().wait()


async def test_a_server_that_still_polls_is_not_given_up(
    upstream: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LONGEST_PAUSE", 1.5)
    polling, websocket = cases_named(["EIO-POLL-001", "EIO-WS-001"])
    cases = [websocket, polling]
    async with proxied(HangsWebSockets(), upstream) as port:
        impatient = replace(settings(port), wait=1.5)
        once = Runner(impatient, cases, concurrency=1, second_attempts=False, set_up=False)
        run = await once.run("", "strict")
    verdicts = {result.case.id: result.verdict for result in run.results}
    assert verdicts == {"EIO-WS-001": Verdict.FAIL, "EIO-POLL-001": Verdict.PASS}
