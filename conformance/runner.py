"""Runs cases against a server: those that do not disturb each other beside each other.

Three phases. First the cases that send and expect, many at once. Then those that wait for a timer,
all at once, because waiting disturbs nobody. A case that failed in company is run a second time
beside the other failures only, which mostly wait, so that a busy machine is not taken for a broken
server; its report says so. Last come those that burden the server, one by one: it may be gone after
one of them.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

from conformance.case import ENGINE, SOCKET, Case, Needs, Phase
from conformance.context import Context, Settings, Timings
from conformance.errors import CaseFailed, Unreachable
from conformance.packets import read_handshake
from conformance.profiles import Departure
from conformance.transcript import HAPPENED, Transcript, printable
from conformance.verdict import Result, Run, Verdict
from conformance.wire import Connection

# Beyond what a case says it needs; a case that passes this hangs although each wait is bounded.
LONGEST_CASE = 60.0

SHOWN_ANSWERS = 3


async def discover(settings: Settings, path: str) -> Timings:
    """Read the handshake under a path.

    Raises:
        Unreachable: there is none.
    """
    transcript = Transcript()
    try:
        connection = await Connection.open(settings.endpoint, transcript, max(settings.wait, 5.0))
        try:
            connection.request("GET", f"{path}?EIO=4&transport=polling")
            reply = await connection.reply()
        finally:
            connection.close()
        if reply.status != 200:
            raise Unreachable(f"got {reply} under {path}, expected a handshake")
        handshake = read_handshake(reply.text)
    except CaseFailed as error:
        raise Unreachable(f"{path}: {error}") from None
    values = [handshake.get(key) for key in ("pingInterval", "pingTimeout", "maxPayload")]
    numbers = [value for value in values if isinstance(value, int) and value > 0]
    if len(numbers) < len(values):
        raise Unreachable(
            f"got {printable(reply.body)} under {path}, expected pingInterval, pingTimeout and "
            "maxPayload in the handshake: the cases take their times from it"
        )
    return Timings(numbers[0] / 1000, numbers[1] / 1000, numbers[2])


def duration(needs: Needs, timings: Timings, settings: Settings) -> float:
    """How many seconds a case has to wait for the server's timers."""
    return (
        needs.intervals * timings.ping_interval
        + needs.timeouts * timings.ping_timeout
        + needs.connects * settings.connect_timeout
        + needs.upgrades * settings.upgrade_timeout
    )


async def _each(
    cases: list[Case], run: Callable[[Case], Awaitable[None]], concurrency: int
) -> None:
    """Run cases, so many at once."""
    ahead = iter(cases)

    async def work() -> None:
        for case in ahead:
            await run(case)

    await asyncio.gather(*(work() for _ in range(min(concurrency, len(cases)))))


class Runner:
    """One run over a list of cases; `report` is called with each result as it comes."""

    def __init__(
        self,
        settings: Settings,
        cases: Sequence[Case],
        *,
        departures: Iterable[Departure] = (),
        concurrency: int = 16,
        second_attempts: bool = True,
        report: Callable[[Result], None] = lambda result: None,
    ) -> None:
        self._settings = settings
        self._cases = cases
        self._departures = tuple(departures)
        self._concurrency = concurrency
        self._second_attempts = second_attempts
        self._report = report
        self._results: dict[str, Result] = {}
        self._timings: dict[str, Timings] = {}
        self._absent: dict[str, str] = {}
        self._dead = ""

    async def run(self, url: str, profile: str) -> Run:
        """Run the cases.

        Raises:
            Unreachable: nothing that they need is there.
        """
        start = time.monotonic()
        await self._discover()
        ready = [case for case in self._cases if not self._left_out(case)]
        phases = {phase: [case for case in ready if case.phase is phase] for phase in Phase}
        await _each(phases[Phase.TOGETHER], self._run, self._concurrency)
        await _each(phases[Phase.TIMED], self._run, len(phases[Phase.TIMED]))
        if self._second_attempts:
            in_company = [*phases[Phase.TOGETHER], *phases[Phase.TIMED]]
            failed = [case for case in in_company if self._failed(case)]
            await _each(failed, self._run_again, self._concurrency)
        await _each(phases[Phase.ALONE], self._run, 1)
        results = [self._judged(self._results[case.id]) for case in self._cases]
        return Run(
            url,
            profile,
            self._timings,
            results,
            time.monotonic() - start,
            incomplete=bool(self._absent or self._dead),
        )

    async def _discover(self) -> None:
        paths = {ENGINE: self._settings.paths.engine, SOCKET: self._settings.paths.socket}
        for side in dict.fromkeys(case.side for case in self._cases):
            try:
                self._timings[side] = await discover(self._settings, paths[side])
            except Unreachable as error:
                self._absent[side] = str(error)
        if not self._timings:
            raise Unreachable("; ".join(self._absent.values()))

    def _left_out(self, case: Case) -> bool:
        if case.side in self._absent:
            self._add(Result(case, Verdict.NOT_RUN, note=self._absent[case.side]))
            return True
        needed = duration(case.needs, self._timings[case.side], self._settings)
        if needed > self._settings.patience:
            note = f"too slow: needs {needed:g} s, more than --patience {self._settings.patience:g}"
            self._add(Result(case, Verdict.NOT_RUN, note=note))
            return True
        return False

    def _add(self, result: Result) -> None:
        self._results[result.case.id] = result
        self._report(self._judged(result))

    def _failed(self, case: Case) -> bool:
        """Whether it failed and no departure excuses it."""
        return self._judged(self._results[case.id]).verdict is Verdict.FAIL

    async def _run(self, case: Case) -> None:
        self._add(await self._attempt(case))

    async def _run_again(self, case: Case) -> None:
        first = self._results[case.id]
        second = await self._attempt(case)
        if second.verdict is Verdict.PASS:
            note = f"passed at the second attempt; at first, beside others: {first.seen}"
            self._add(replace(second, note=note))

    async def _attempt(self, case: Case) -> Result:
        if self._dead:
            return Result(case, Verdict.NOT_RUN, note=self._dead)
        timings = self._timings[case.side]
        context = Context(self._settings, timings, case)
        needed = duration(case.needs, timings, self._settings)
        start = time.monotonic()
        verdict, seen = Verdict.FAIL, ""
        try:
            async with asyncio.timeout(LONGEST_CASE + 3 * needed):
                await case.run(context)
            verdict = Verdict.PASS
            seen = " | ".join(context.transcript.received()[-SHOWN_ANSWERS:])
        except CaseFailed as error:
            seen = str(error)
        except TimeoutError:
            seen = f"got no end of the case within {LONGEST_CASE + 3 * needed:g} s, expected one"
        except OSError as error:
            seen = f"got a broken connection ({error}), expected it to stay open"
        except Exception:
            seen = "a defect of this tool, please report it"
            context.transcript.add("tool", HAPPENED, traceback.format_exc())
        finally:
            context.close()
        seconds = time.monotonic() - start
        transcript = "" if verdict is Verdict.PASS else str(context.transcript)
        if verdict is Verdict.FAIL and not await self._answers():
            self._dead = f"the server no longer accepts connections since {case.id} failed"
        return Result(case, verdict, seen, "", seconds, transcript)

    async def _answers(self) -> bool:
        """Whether the server still accepts connections at all."""
        try:
            connection = await Connection.open(self._settings.endpoint, Transcript(), 5.0)
        except CaseFailed:
            return False
        connection.close()
        return True

    def _judged(self, result: Result) -> Result:
        if result.verdict is not Verdict.FAIL:
            return result
        for departure in self._departures:
            if departure.explains(result.case.id, result.seen):
                return replace(result, verdict=Verdict.DEPARTURE, note=departure.why)
        return result
