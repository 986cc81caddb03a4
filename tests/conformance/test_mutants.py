"""The tool sees what is wrong: each mutant is caught by the cases named for it, and each case by at
least one mutant that does what the case is about. A server that refuses everything would be no
proof: a case that only ever fails at its handshake may be blind to the rest.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest

import tests.conformance.mutants  # noqa: F401 - importing it registers them
from conformance.case import Case, Needs, Phase
from conformance.cases import all_cases
from conformance.verdict import Verdict
from tests.conformance.mutant import Mutant
from tests.conformance.mutants.bases import FrameMutant
from tests.conformance.mutants.register import MUTANTS, tells
from tests.conformance.proxy import proxied
from tests.conformance.running import (
    REFERENCE,
    UPGRADE_TIMEOUT,
    cases_named,
    failures,
    run_cases,
    start,
    stop,
)

# A session that nobody pings ends only by what a case is about, also on a busy machine; the cases
# that wait for the server's timers need the others.
SELDOM = ["--ping-interval", "20000", "--ping-timeout", "20000"]
SOON = ["--upgrade-timeout", str(int(UPGRADE_TIMEOUT * 1000))]

# Cases at once against one mutant.
CONCURRENCY = 16

# Seconds that an answer may take: most mutants answer at once or never, but on a busy machine the
# first may be too short for what a case does before that.
WAITS = (0.25, 1.0, 5.0)

# What the proxy does by itself: it passes on a POST when its body has arrived.
OF_THE_PROXY = {"EIO-RACE-004", "EIO-RACE-005", "EIO-RACE-008", "EIO-LIMIT-007"}


@pytest.fixture(scope="module")
def upstream() -> Iterator[int]:
    process, port = start([*REFERENCE, *SELDOM])
    try:
        yield port
    finally:
        stop(process)


@pytest.fixture(scope="module")
def pinging() -> Iterator[int]:
    process, port = start([*REFERENCE, *SOON])
    try:
        yield port
    finally:
        stop(process)


def waits(case: Case) -> bool:
    return case.phase is Phase.TIMED or case.needs != Needs()


@pytest.mark.parametrize("name", MUTANTS)
async def test_a_mutant_is_caught(name: str, upstream: int, pinging: int) -> None:
    caught = MUTANTS[name]
    gate = asyncio.Semaphore(CONCURRENCY)

    async def message(case: Case) -> str:
        port = pinging if waits(case) else upstream
        for wait in WAITS:
            # A mutant of its own: what one case has done to it is not what another fails of.
            async with gate, proxied(caught.mutant(), port) as mutant:
                (result,) = (await run_cases(mutant, [case], wait=wait)).results
            seen = result.seen if result.verdict is Verdict.FAIL else f"{result.verdict}"
            if tells(caught.seen[case.id], seen):
                break
        return seen

    cases = cases_named(list(caught.seen))
    beside = [case for case in cases if case.phase is not Phase.ALONE]
    told = dict(
        zip([c.id for c in beside], await asyncio.gather(*map(message, beside)), strict=True)
    )
    for case in cases:
        if case.phase is Phase.ALONE:
            told[case.id] = await message(case)
    wrong = {id_: told[id_] for id_, seen in caught.seen.items() if not tells(seen, told[id_])}
    assert wrong == {}, f"expected of the mutant {caught.mutant.__doc__!r}: {caught.seen}"


async def test_the_proxy_itself_is_no_fault(upstream: int) -> None:
    cases = [case for case in all_cases() if case.id not in OF_THE_PROXY and not waits(case)]
    async with proxied(FrameMutant(), upstream) as port:
        run = await run_cases(port, cases, wait=5.0)
    assert failures(run) == []


async def test_the_proxy_leaves_frames_alone_if_told_so(upstream: int) -> None:
    ids = ["EIO-WS-009", "EIO-WS-014", "EIO-UPG-001", "SIO-BIN-001", "SIO-ACK-001"]
    async with proxied(Mutant(), upstream) as port:
        run = await run_cases(port, cases_named(ids), wait=5.0)
    assert failures(run) == []


async def test_the_proxy_keeps_no_candidate() -> None:
    process, upstream = start([*REFERENCE, *SELDOM, *SOON])
    try:
        async with proxied(FrameMutant(), upstream) as port:
            run = await run_cases(port, cases_named(["EIO-UPG-024"]), wait=5.0)
    finally:
        stop(process)
    assert failures(run) == []


def test_there_are_enough_mutants() -> None:
    known = {case.id for case in all_cases()}
    named = {case for caught in MUTANTS.values() for case in caught.seen}
    assert len(MUTANTS) >= 40
    assert named <= known


def test_every_case_is_proven_by_a_mutant() -> None:
    named = {case for caught in MUTANTS.values() for case in caught.seen}
    assert [case.id for case in all_cases() if case.id not in named] == []


@pytest.mark.parametrize(
    ("pattern", "message", "fits"),
    [
        ("got 4a, expected 4b", "got 4a, expected 4b", True),
        ("got 4a, expected 4b", "got 4a, expected 4bc", False),
        ("got 4a, expected 4b", "not got 4a, expected 4b", False),
        ("got 42[…], expected 4b", 'got 42["x"], expected 4b', True),
        ("got 42[…], expected 4b", "got 42[], expected 4c", False),
    ],
)
def test_a_pattern_is_the_whole_message(pattern: str, message: str, fits: bool) -> None:
    assert tells(pattern, message) is fits


def test_every_pattern_names_what_was_got_and_what_was_expected() -> None:
    patterns = {seen for caught in MUTANTS.values() for seen in caught.seen.values()}
    assert [seen for seen in patterns if not re.fullmatch("got .+, expected .+", seen)] == []
