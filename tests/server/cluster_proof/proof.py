"""The proof: people live in a cluster, something is done to it, and then all is judged."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from contextlib import AsyncExitStack, suppress

from tests.server.cluster_proof.deeds import (
    Deed,
    a_worker_is_killed_without_postgres,
    everything_is_restarted,
    postgres_is_unreachable,
)
from tests.server.cluster_proof.ledger import Ledger
from tests.server.cluster_proof.lock_rules import UNKNOWN, falling_tokens, violations
from tests.server.cluster_proof.others import Other, Others
from tests.server.cluster_proof.people import DOCUMENTS, PROJECT, SAVED, Person
from tests.server.cluster_proof.stage import Stage
from tests.server.cluster_proof.state import lost, lost_history, same_state

LOCKED = 8
"""Files that people lock, in each deed."""
BEFORE_SECONDS = AFTER_SECONDS = 4.0
BACK_SECONDS = 5.0
"""In which everybody is in the rooms again after the end of a fault."""
ATTEMPT_SECONDS = 7.5
"""The longest pause of a client between two attempts to connect: what it may take longer where it
has tried in vain."""
MOST_BACK_SECONDS = 40.0
"""After which nobody waits for them any more."""
NOTICED_SECONDS = 2.5
"""What takes longer is noticed, when nothing is to be: but for one request in a hundred."""
EXPECTED = ("FILE_LOCKED", "VERSION_CONFLICT")
"""Refusals because of what others do."""
LOST_SECONDS = 25.0
"""After which a lock is lost whose node cannot renew it: the lease, and the grace."""
PROBE_SECONDS = 0.2
QUIET_READERS = 10


class Proof:
    """The people of a stage, and what they have done."""

    def __init__(self, stage: Stage, people: int) -> None:
        self.stage = stage
        self.ledger = Ledger()
        self.going = asyncio.Event()
        self.lock_paths: list[str] = []
        self.fault_began: float | None = None
        self.fault_ended = asyncio.Event()
        self.fault_ended.set()
        url = f"http://127.0.0.1:{stage.port}"
        self.people = [Person(self, f"person-{one}", url, one) for one in range(people)]
        self.others = Others(self.ledger)
        self.probers = {
            node.name: Person(
                self, f"prober-{node.name}", f"http://127.0.0.1:{node.port}", 1, soon=True
            )
            for node in stage.nodes
        }
        self._number = 0

    @property
    def everybody(self) -> list[Person | Other]:
        """Return those who are to be back after a fault."""
        return [*self.people, *self.others.people.values()]

    async def start(self, stack: AsyncExitStack, others: int) -> None:
        """Let everybody come, so many of them with JavaScript, and make the files."""
        for person in (*self.people, *self.probers.values()):
            stack.push_async_callback(person.socket.disconnect)
            await person.arrive()
        for path in (*DOCUMENTS, *SAVED, *(f"probe/{name}.txt" for name in self.probers)):
            await self._create(path)
        if others:
            await self.others.start(f"http://127.0.0.1:{self.stage.port}", others)
            stack.push_async_callback(self.others.stop)

    async def _create(self, path: str) -> None:
        file = {"path": path, "action": "created", "content": ""}
        payload = {"projectId": PROJECT, "file": file}
        await self.people[0].socket.call("file:change", payload)

    async def judge(self, deed: Deed, seconds: float) -> tuple[str, list[str]]:
        """Do one thing to the cluster while people live in it. Return a line of figures, and all
        that is not as it should be.
        """
        self._number += 1
        ledger, before = self.ledger, Counts(self)
        quiet = f"quiet/{self._number}.txt"
        await self._create(quiet)
        ledger.typed[quiet] = {}
        for person in self.people[:QUIET_READERS]:
            await person.open(quiet)
        self.lock_paths = [f"locked/{self._number}-{one}.txt" for one in range(LOCKED)]
        for path in self.lock_paths:
            await self._create(path)
        ledger.locked.clear()
        ledger.delays.clear()
        guarded, token = f"late/{self._number}.txt", 0
        if deed is postgres_is_unreachable and seconds > LOST_SECONDS:
            await self._create(guarded)
            token = await self.people[0].operate("lock", guarded)
        self.going.set()
        lives = [asyncio.create_task(person.live()) for person in self.people]
        if self.others.people:
            self.others.go()
        await asyncio.sleep(BEFORE_SECONDS)
        self.fault_ended.clear()
        self.fault_began = time.monotonic()
        typing = asyncio.create_task(self._type_quietly(quiet))
        over = await deed(self.stage, seconds)
        self.fault_ended.set()
        await typing
        if token:
            await self._write_late(guarded, token)
        back = await self._back(over)
        if self.stage.absent is not None:
            await self.stage.absent.start()
            self.stage.absent = None
        await asyncio.sleep(AFTER_SECONDS)
        self.going.clear()
        await asyncio.gather(*lives)
        if self.others.people:
            await self.others.pause()
        settled = await self._judge(quiet)
        problems, ledger.problems = ledger.problems, []
        if deed is everything_is_restarted:
            problems += before.noticed()
        slow, median = max(back.values()), statistics.median(back.values())
        line = (
            f"{deed.__name__.replace('_', ' ')} for {over - self.fault_began:.1f} s: "
            f"back after {median:.1f} s (median), {slow:.1f} s (last); "
            f"all workers the same after {settled:.1f} s; {before.since()}"
        )
        most = BACK_SECONDS + (
            ATTEMPT_SECONDS if deed is a_worker_is_killed_without_postgres else 0
        )
        if slow > most:
            late = sorted(name for name, one in back.items() if one > most)
            problems.append(f"back later than {most:g} s: {', '.join(late)}")
        self.fault_began = None
        return line, problems

    async def _write_late(self, path: str, token: int) -> None:
        """Write with the token of a lock that was lost, when somebody else has had the lock."""
        former, other = self.people[:2]
        deadline = time.monotonic() + MOST_BACK_SECONDS
        while not await other.operate("lock", path):
            if time.monotonic() > deadline:
                self.ledger.problems.append(f"{path} is still locked")
                return
            await asyncio.sleep(PROBE_SECONDS)
        await other.operate("unlock", path)
        await former.operate("save", path, token)

    async def _type_quietly(self, path: str) -> None:
        """Type into a document while the fault lasts, and nothing into it afterwards."""
        person = self.people[0]
        for _ in range(5):
            if path in person.copies:
                person.append(path)
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self.fault_ended.wait()
            if self.fault_ended.is_set():
                return

    async def _back(self, over: float) -> dict[str, float]:
        """Wait until everybody hears what is sent by each node after a moment. Return how many
        seconds after it that was.
        """
        probers = {
            f"probe/{name}.txt": prober
            for name, prober in self.probers.items()
            if self.stage.absent is None or self.stage.absent.name != name
        }
        back: dict[str, float] = {}
        deadline = time.monotonic() + MOST_BACK_SECONDS
        probed = 0.0
        while len(back) < len(self.everybody):
            now = time.monotonic()
            if now >= probed + PROBE_SECONDS:
                probed = now
                for path, prober in probers.items():
                    if prober.socket.connected:
                        file = {"path": path, "action": "updated", "content": str(now)}
                        prober.socket.emit("file:change", {"projectId": PROJECT, "file": file})
            for person in self.everybody:
                since = max(over, person.lost_at)
                if any(person.felt.get(path, 0.0) < since for path in probers):
                    back.pop(person.name, None)
                else:
                    back.setdefault(person.name, max(0.0, now - over))
            if now > deadline:
                for person in self.everybody:
                    back.setdefault(person.name, now - over)
            await asyncio.sleep(0.02)
        return back

    async def _judge(self, quiet: str) -> float:
        """Note all that is not as it should be. Return how long it took the workers to agree."""
        ledger = self.ledger
        self._note_losses()
        ledger.problems += violations(ledger.locked)
        ledger.problems += falling_tokens(ledger.grants)
        for node in self.stage.nodes:
            ledger.problems += node.mistakes()
        names = {one.name for one in (*self.everybody, *self.probers.values())}
        begun = time.monotonic()
        try:
            state, settled = await same_state(self.stage, [*ledger.typed], names)
        except AssertionError as error:
            ledger.problems.append(str(error))
            return time.monotonic() - begun
        ledger.problems += lost(ledger, state)
        ledger.problems += await lost_history(self.stage, ledger)
        await self._compare(state["documents"])
        del ledger.typed[quiet]
        for person in self.people:
            person.copies.pop(quiet, None)
        return settled

    async def _compare(self, texts: dict[str, str]) -> None:
        """Note whose copy of a document is not what the servers have."""
        copies = [
            (person.name, {path: copy.text for path, copy in person.copies.items()})
            for person in self.people
        ]
        if self.others.people:
            copies += await self.others.copies()
        for name, documents in copies:
            self.ledger.problems += [
                f"{name} has another text of {path}"
                for path, text in documents.items()
                if text != texts[path]
            ]

    def _note_losses(self) -> None:
        """Note which locks may have ended without an unlock: those that were held in the fault."""
        assert self.fault_began is not None
        for path, history in self.ledger.locked.items():
            held: dict[str, tuple[int, float]] = {}
            for one in sorted(history, key=lambda one: one.call):
                who = one.arguments[0]
                if one.name == "lock" and one.result is not False:
                    self._may_have_lost(path, who, held)
                    held[who] = (UNKNOWN if one.result is None else one.result, one.call)
                elif one.name == "save" and one.result and who in held:
                    held[who] = (held[who][0], one.call)
                elif one.name == "unlock" and one.result:
                    held.pop(who, None)
            for who in list(held):
                self._may_have_lost(path, who, held)

    def _may_have_lost(self, path: str, who: str, held: dict[str, tuple[int, float]]) -> None:
        if who in held:
            token, known = held.pop(who)
            assert self.fault_began is not None
            self.ledger.may_have_lost(path, who, token, max(known, self.fault_began))


class Counts:
    """How much was done until now, to tell what was done since."""

    def __init__(self, proof: Proof) -> None:
        self._proof = proof
        self._before = self._now()
        self._refused = proof.ledger.refused.copy()
        self._official = proof.ledger.official.copy()

    def _now(self) -> tuple[int, int, int, int]:
        ledger = self._proof.ledger
        lost = sum(person.reconnections for person in self._proof.everybody)
        return ledger.acknowledged, ledger.heard, ledger.retries, lost

    def since(self) -> str:
        """Return what was done since, as a text."""
        done = [now - then for now, then in zip(self._now(), self._before, strict=True)]
        return (
            f"{done[0]} acknowledged, {done[1]} heard, {done[2]} tried again, "
            f"{done[3]} connections lost, refused {dict(self._failures)}, "
            f"official clients {dict(self._proof.ledger.official - self._official)}; "
            f"a request took {self._delay(50):.3f} s (median), {self._delay(99):.2f} s (p99), "
            f"{max(self._proof.ledger.delays, default=0.0):.2f} s (longest)"
        )

    @property
    def _failures(self) -> Counter[str]:
        return self._proof.ledger.refused - self._refused

    def _delay(self, percent: int) -> float:
        delays = sorted(self._proof.ledger.delays)
        return delays[len(delays) * percent // 100] if delays else 0.0

    def noticed(self) -> list[str]:
        """Return what users of page and SDKs have noticed since, where nothing is to be noticed."""
        failed = {why: count for why, count in self._failures.items() if why not in EXPECTED}
        found = [f"requests failed: {failed}"] if failed else []
        if self._delay(99) > NOTICED_SECONDS:
            found.append(f"one request in a hundred took longer than {self._delay(99):.2f} s")
        return found
