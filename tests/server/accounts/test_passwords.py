"""Who waits for the verification of whose password."""

from __future__ import annotations

import asyncio
import threading
from typing import Literal

import pytest
from argon2 import PasswordHasher

from server.accounts import passwords
from server.accounts.passwords import THREADS, Passwords
from server.api.errors import EventError
from tests.waiting import PATIENCE, eventually


class Gate(PasswordHasher):
    """Verifies when it may, and notes what."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.opened = threading.Semaphore(0)
        self.begun = threading.Event()
        self.begun_with: list[str] = []
        self.order: list[str] = []

    def verify(self, _hash: str | bytes, password: str | bytes) -> Literal[True]:
        self.begun_with.append(str(password))
        self.begun.set()
        assert self.opened.acquire(timeout=PATIENCE)
        self.order.append(str(password))
        return True


async def test_networks_take_turns() -> None:
    gate = Gate()
    verifier = Passwords(gate)
    guesses = [
        asyncio.create_task(verifier.verify("guesser", "hash", f"guess {number}"))
        for number in range(20)
    ]
    others = [
        asyncio.create_task(verifier.verify(f"network {number}", "hash", f"honest {number}"))
        for number in range(3)
    ]
    honest = {f"honest {number}" for number in range(3)}

    def waits_at_the_gate() -> bool:
        # While others are left each of the two threads has something to do, and none may be late.
        busy = THREADS if honest - {*gate.order} else 1
        return len(gate.begun_with) - len(gate.order) == busy

    async def verified(count: int) -> None:
        await eventually(lambda: len(gate.order) == count)

    for count in range(1, 24):
        await eventually(waits_at_the_gate)
        gate.opened.release()
        await verified(count)
    assert all(await asyncio.gather(*guesses, *others))
    verifier.close()
    # Of the guesser one is verified at a time: at most one before each of the others.
    assert max(map(gate.order.index, honest)) <= 7


async def test_whoever_stops_waiting_takes_no_turn() -> None:
    gate = Gate()
    verifier = Passwords(gate)
    first = asyncio.create_task(verifier.verify("a", "hash", "first"))
    second = asyncio.create_task(verifier.verify("a", "hash", "second"))
    third = asyncio.create_task(verifier.verify("a", "hash", "third"))
    await asyncio.sleep(0)
    second.cancel()
    gate.opened.release(2)
    assert await first is await third is True
    verifier.close()
    assert gate.order == ["first", "third"]


async def test_a_turn_that_is_given_up_is_given_on() -> None:
    gate = Gate()
    verifier = Passwords(gate)
    given_up = [asyncio.create_task(verifier.verify("a", "hash", "x")) for _ in range(5)]
    # One that no thread has begun would be given up without a trace.
    assert await asyncio.to_thread(gate.begun.wait, PATIENCE)
    for one in given_up:
        one.cancel()
    # The one that was begun is finished by its thread.
    gate.opened.release(2)
    assert await verifier.verify("a", "hash", "last")
    verifier.close()
    await eventually(lambda: sorted(gate.order) == ["last", "x"])


async def test_a_verification_has_its_place_until_its_thread_ends() -> None:
    gate = Gate()
    verifier = Passwords(gate)
    given_up = asyncio.create_task(verifier.verify("a", "hash", "given up"))
    assert await asyncio.to_thread(gate.begun.wait, PATIENCE)
    given_up.cancel()
    await asyncio.wait([given_up])
    # A thread is free, but the network has one that is busy.
    later = asyncio.create_task(verifier.verify("a", "hash", "later"))
    await asyncio.sleep(0)
    other = asyncio.create_task(verifier.verify("b", "hash", "other"))
    await eventually(lambda: len(gate.begun_with) == 2)
    assert gate.begun_with == ["given up", "other"]
    gate.opened.release(3)
    assert await later is await other is True
    verifier.close()


async def test_nothing_begins_once_it_is_closed() -> None:
    gate = Gate()
    verifier = Passwords(gate)
    begun = asyncio.create_task(verifier.verify("a", "hash", "begun"))
    waiting = [asyncio.create_task(verifier.verify("a", "hash", "waiting")) for _ in range(2)]
    assert await asyncio.to_thread(gate.begun.wait, PATIENCE)
    waiting[0].cancel()
    verifier.close()
    with pytest.raises(EventError, match="the server is stopping"):
        await waiting[1]
    with pytest.raises(EventError, match="the server is stopping"):
        await verifier.verify("b", "hash", "late")
    gate.opened.release()
    assert await begun


async def test_without_a_hash_nothing_matches() -> None:
    gate = Gate()
    gate.opened.release(1)
    verifier = Passwords(gate)
    assert not await verifier.verify("a", None, "any")
    verifier.close()
    # And takes as long.
    assert gate.order == ["any"]


async def test_no_more_wait_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "WAITING_OF_ONE", 2)
    gate = Gate()
    verifier = Passwords(gate)
    waiting = [asyncio.create_task(verifier.verify("a", "hash", "x")) for _ in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(EventError, match="too many logins are waiting") as refused:
        await waiting[3]
    assert refused.value.details == {"retryAfter": 1}
    gate.opened.release(3)
    assert await asyncio.gather(*waiting[:3]) == [True] * 3
    verifier.close()
