"""The tool sees what is wrong: each mutant is caught by the cases named for it, and each case by at
least one mutant that does what the case is about. A server that refuses everything would be no
proof: a case that only ever fails at its handshake may be blind to the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from conformance.case import Case, Needs, Phase, all_cases
from tests.conformance import (  # noqa: F401 - importing them registers their mutants
    mutants_of_http,
    mutants_of_input,
    mutants_that_fall,
)
from tests.conformance.mutants import MUTANTS, FrameMutant
from tests.conformance.proxy import Mutant, proxied
from tests.conformance.running import (
    REFERENCE,
    UPGRADE_TIMEOUT,
    cases_named,
    failed,
    failures,
    run_cases,
    start,
    stop,
)

# A session that nobody pings ends only by what a case is about, also on a busy machine; the cases
# that wait for the server's timers need the others.
SELDOM = ["--ping-interval", "20000", "--ping-timeout", "20000"]
SOON = ["--upgrade-timeout", str(int(UPGRADE_TIMEOUT * 1000))]

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
    cases = cases_named(caught.cases)
    timed = any(map(waits, cases))
    async with proxied(caught.mutant(), pinging if timed else upstream) as port:
        run = await run_cases(port, cases)
    assert sorted(failed(run)) == sorted(caught.cases), caught.mutant.__doc__
    other = [text for text in failures(run) if not re.search(caught.seen, text)]
    assert other == [], f"these failed of something else than: {caught.mutant.__doc__}"


async def test_the_proxy_itself_is_no_fault(upstream: int) -> None:
    named = {case for caught in MUTANTS.values() for case in caught.cases} - OF_THE_PROXY
    cases = [case for case in cases_named(sorted(named)) if not waits(case)]
    async with proxied(FrameMutant(), upstream) as port:
        run = await run_cases(port, cases, wait=5.0)
    assert failures(run) == []


async def test_the_proxy_leaves_frames_alone_if_told_so(upstream: int) -> None:
    ids = ["EIO-WS-009", "EIO-WS-014", "EIO-UPG-001", "SIO-BIN-001", "SIO-ACK-001"]
    async with proxied(Mutant(), upstream) as port:
        run = await run_cases(port, cases_named(ids), wait=5.0)
    assert failures(run) == []


async def test_the_proxy_keeps_no_candidate(pinging: int) -> None:
    async with proxied(FrameMutant(), pinging) as port:
        run = await run_cases(port, cases_named(["EIO-UPG-024"]), wait=2.0)
    assert failures(run) == []


def test_there_are_enough_mutants() -> None:
    known = {case.id for case in all_cases()}
    named = {case for caught in MUTANTS.values() for case in caught.cases}
    assert len(MUTANTS) >= 40
    assert named <= known


def test_every_case_is_proven_by_a_mutant() -> None:
    named = {case for caught in MUTANTS.values() for case in caught.cases}
    assert [case.id for case in all_cases() if case.id not in named] == []
