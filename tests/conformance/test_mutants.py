"""The tool sees what is wrong: each mutant is caught by the cases named for it, and each case fails
on at least one mutant or on a server that refuses everything.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.case import Phase, all_cases
from tests.conformance.fakes import Refuse
from tests.conformance.mutants import MUTANTS
from tests.conformance.proxy import Mutant, listening, proxied
from tests.conformance.running import REFERENCE, cases_named, failed, run_cases, start, stop

# A session that nobody pings ends only by what a case is about, also on a busy machine; the cases
# that wait for pings need the others.
SELDOM = ["--ping-interval", "20000", "--ping-timeout", "20000"]


@pytest.fixture(scope="module")
def upstream() -> Iterator[int]:
    process, port = start([*REFERENCE, *SELDOM])
    try:
        yield port
    finally:
        stop(process)


@pytest.fixture(scope="module")
def pinging() -> Iterator[int]:
    process, port = start(REFERENCE)
    try:
        yield port
    finally:
        stop(process)


@pytest.mark.parametrize("name", MUTANTS)
async def test_a_mutant_is_caught(name: str, upstream: int, pinging: int) -> None:
    mutant, names = MUTANTS[name]
    cases = cases_named(names)
    timed = any(case.phase is Phase.TIMED for case in cases)
    async with proxied(mutant(), pinging if timed else upstream) as port:
        run = await run_cases(port, cases)
    assert sorted(failed(run)) == sorted(names), mutant.__doc__


async def test_the_proxy_itself_is_no_fault(upstream: int) -> None:
    ids = [
        "EIO-OPEN-001",
        "EIO-POLL-005",
        "EIO-WS-009",
        "EIO-UPG-001",
        "SIO-BIN-001",
        "SIO-ACK-001",
    ]
    async with proxied(Mutant(), upstream) as port:
        run = await run_cases(port, cases_named(ids), wait=2.0)
    assert failed(run) == set()


def test_there_are_enough_mutants() -> None:
    known = {case.id for case in all_cases()}
    named = {case for _, cases in MUTANTS.values() for case in cases}
    assert len(MUTANTS) >= 40
    assert named <= known


async def test_every_case_can_fail() -> None:
    caught = {case for _, cases in MUTANTS.values() for case in cases}
    left = [case for case in all_cases() if case.id not in caught]
    async with listening(Refuse().serve) as port:
        caught |= failed(await run_cases(port, left, wait=0.3, concurrency=64))
    assert {case.id for case in all_cases()} - caught == set()
