"""Runs cases against a server, in three phases.

First come the cases that send and expect, many at once. Then come the cases that wait for a timer,
all at once, because waiting disturbs no other case. A case that failed beside others is run a
second time, beside the other failures only: so a busy machine is not taken for a broken server. The
report says that there was a second attempt. Last come the cases that burden the server, one by one,
because the server may be gone after one of them.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import replace

from conformance.case import Case, Needs, Phase
from conformance.context import Context, Settings
from conformance.discovery import check_setup, discover
from conformance.errors import CaseFailed, NoAnswer, NotApplicable, Refused, Unreachable
from conformance.offer import ENGINE, SOCKET, Feature, Offer, Timings
from conformance.profiles import Departure
from conformance.transcript import HAPPENED
from conformance.verdict import Result, Run, Verdict

# Seconds of a case besides the time that it says it needs. Each wait is limited, so a case that
# takes longer hangs.
LONGEST_CASE = 60.0

# Seconds of silence after which a server counts as gone.
LONGEST_PAUSE = 10.0

# How many answers the report of a case that passed has.
SHOWN_ANSWERS = 3

# If one side is missing, the beginning of the ids of the other side's cases.
OTHERS = {ENGINE: "SIO", SOCKET: "EIO"}

# The area whose cases need no handlers, unless a case itself requires them.
NO_HANDLERS = "SIO-ENGINE"


def duration(needs: Needs, timings: Timings, settings: Settings) -> float:
    """Return how many seconds a case has to wait for the server's timers."""
    return (
        needs.intervals * timings.ping_interval
        + needs.timeouts * timings.ping_timeout
        + needs.connects * settings.connect_timeout
        + needs.upgrades * settings.upgrade_timeout
    )


async def _each(
    cases: list[Case], run: Callable[[Case], Awaitable[None]], concurrency: int
) -> None:
    """Run cases, at most `concurrency` at once."""
    ahead = iter(cases)

    async def work() -> None:
        for case in ahead:
            await run(case)

    await asyncio.gather(*(work() for _ in range(min(concurrency, len(cases)))))


class Runner:
    """Runs a list of cases once; `report` is called with each result as it comes.

    departures: failures that the profile excuses. concurrency: the most cases at once. without:
    features that the server lacks on purpose. second_attempts: whether a case that failed beside
    others is run again. set_up: whether the server's handlers are looked for first; otherwise cases
    fail if they are missing.
    """

    def __init__(
        self,
        settings: Settings,
        cases: Sequence[Case],
        *,
        departures: Iterable[Departure] = (),
        concurrency: int = 16,
        without: Collection[Feature] = (),
        second_attempts: bool = True,
        set_up: bool = True,
        report: Callable[[Result], None] = lambda result: None,
    ) -> None:
        self._settings = settings
        self._cases = cases
        self._departures = tuple(departures)
        self._concurrency = concurrency
        self._without = without
        self._second_attempts = second_attempts
        self._set_up = set_up
        self._report = report
        self._results: dict[str, Result] = {}
        self._offers: dict[str, Offer] = {}
        self._absent: dict[str, str] = {}
        self._dead = ""
        self._under_way: set[str] = set()

    async def run(self, url: str, profile: str) -> Run:
        """Run the cases.

        Raises:
            Unreachable: no server that the cases need is there.
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
            {side: offer.timings for side, offer in self._offers.items()},
            results,
            time.monotonic() - start,
            incomplete=bool(self._absent or self._dead or self._lacking()),
            warnings=[offer.slow for offer in self._offers.values() if offer.slow],
        )

    async def _discover(self) -> None:
        reasons = []
        for side in dict.fromkeys(case.side for case in self._cases):
            try:
                self._offers[side] = await discover(self._settings, side, self._without)
            except Unreachable as error:
                reasons.append(str(error))
                self._absent[side] = f"{error}; --only {OTHERS[side]} leaves this half out"
                continue
            if self._set_up:
                await check_setup(self._settings, side, self._offers[side])
        if not self._offers:
            raise Unreachable("; ".join(dict.fromkeys(reasons)))

    def _lacking(self) -> bool:
        """Return whether a feature is missing that was not declared to be missing.

        Upgrades are missing only if they were declared to be, or because a transport is missing.
        """
        excused = {Feature.UPGRADE, *self._without}
        return any(offer.lacks.keys() - excused for offer in self._offers.values())

    def _left_out(self, case: Case) -> bool:
        if case.side in self._absent:
            self._add(Result(case, Verdict.NOT_RUN, note=self._absent[case.side]))
            return True
        offer = self._offers[case.side]
        if Feature.HANDLERS in offer.lacks and not case.id.startswith(NO_HANDLERS):
            self._add(Result(case, Verdict.NOT_RUN, note=offer.lacks[Feature.HANDLERS]))
            return True
        needed = duration(case.needs, offer.timings, self._settings)
        if needed > self._settings.patience:
            note = f"too slow: needs {needed:g} s, more than --patience {self._settings.patience:g}"
            self._add(Result(case, Verdict.NOT_RUN, note=note))
            return True
        return False

    def _add(self, result: Result) -> None:
        self._results[result.case.id] = result
        self._report(self._judged(result))

    def _failed(self, case: Case) -> bool:
        """Return whether a case has failed and no departure excuses it."""
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
        offer = self._offers[case.side]
        context = Context(self._settings, offer, case.side)
        self._under_way.add(case.id)
        needed = duration(case.needs, offer.timings, self._settings)
        start = time.monotonic()
        verdict, seen, note, refused = Verdict.FAIL, "", "", False
        try:
            async with asyncio.timeout(LONGEST_CASE + 3 * needed):
                await case.run(context)
            verdict = Verdict.PASS
            seen = " | ".join(context.transcript.received()[-SHOWN_ANSWERS:])
        except CaseFailed as error:
            seen, refused = str(error), isinstance(error, Refused)
        except NotApplicable as error:
            verdict, note = Verdict.NOT_RUN, str(error)
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
        transcript = str(context.transcript) if verdict is Verdict.FAIL else ""
        if verdict is Verdict.FAIL and not await self._answers(case.side):
            note = self._end()
            if refused:
                verdict, seen, transcript = Verdict.NOT_RUN, "", ""
        self._under_way.discard(case.id)
        return Result(case, verdict, seen, note, seconds, transcript)

    def _end(self) -> str:
        """Return why no more cases are run: the server has ended. The text names the cases that
        were under way when that was noticed first.
        """
        if not self._dead:
            ended = sorted(self._under_way)
            self._dead = "the server no longer answers since " + (
                f"{ended[0]} failed"
                if len(ended) == 1
                else f"one of these cases: {', '.join(ended)}; --concurrency 1 tells which"
            )
        return self._dead

    async def _answers(self, side: str) -> bool:
        """Return whether the server still answers a handshake."""
        offer = self._offers[side]
        context = Context(self._settings, offer, side)
        context.wait = LONGEST_PAUSE
        try:
            by_polling = Feature.POLLING not in offer.lacks
            session = await (context.polling() if by_polling else context.websocket())
            await session.leave()
        except (NoAnswer, Refused):
            return False
        except CaseFailed:
            pass
        finally:
            context.close()
        return True

    def _judged(self, result: Result) -> Result:
        if result.verdict is not Verdict.FAIL:
            return result
        for departure in self._departures:
            if departure.explains(result.case.id, result.seen):
                return replace(result, verdict=Verdict.DEPARTURE, note=departure.why)
        return result
