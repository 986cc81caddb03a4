"""`path_turns.py`: no two work on a path at once, and who asked first comes first, but for a user
who has asked before.
"""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.api.paths import is_within
from server.workspace.path_turns import PathTurns
from tests.effort import examples

PATHS = st.sets(st.sampled_from(["a", "b", "c", "a/b", "a/b/c", "ab"]))


@settings(max_examples=examples(30))
@given(st.lists(PATHS, max_size=8), st.sets(st.integers(0, 7)))
def test_those_who_meet_take_turns_in_the_order_of_asking(
    asked: list[set[str]], given_up: set[int]
) -> None:
    async def scenario() -> None:
        turns = PathTurns()
        working: set[int] = set()
        begun: list[int] = []

        def meet(one: int, other: int) -> bool:
            return any(
                is_within(first, [second]) or is_within(second, [first])
                for first in asked[one]
                for second in asked[other]
            )

        async def work(number: int) -> None:
            async with turns.of(asked[number]):
                assert not any(meet(number, other) for other in working)
                # Whoever asked before and meets this one has had the turn, or has given it up.
                before = {one for one in range(number) if meet(number, one)}
                assert before - given_up <= set(begun)
                begun.append(number)
                working.add(number)
                await asyncio.sleep(0)
                working.discard(number)

        tasks = [asyncio.create_task(work(number)) for number in range(len(asked))]
        await asyncio.sleep(0)
        for number in given_up:
            if number < len(tasks) and number not in working:
                tasks[number].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            assert task.cancelled() or task.exception() is None
        # Nobody is left.
        async with turns.of(["a", "b", "c", "ab"]):
            pass

    asyncio.run(scenario())


async def test_who_meets_nobody_waits_for_nobody() -> None:
    turns = PathTurns()
    async with turns.of(["a", "b"]):
        async with turns.of(["c"]):
            pass
        for paths in (["b", "c"], ["a/b"]):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0), turns.of(paths):
                    raise AssertionError
    async with turns.of(["a/b"]):
        async with turns.of(["ab", "a/c"]):
            pass
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0), turns.of(["a"]):
                raise AssertionError


async def test_a_user_has_one_place_in_the_line() -> None:
    turns = PathTurns()
    had: list[tuple[str, int]] = []

    async def work(user_id: str, number: int, path: str = "a") -> None:
        async with turns.of([path], user_id):
            had.append((user_id, number))
            await asyncio.sleep(0)

    asked = [("ada", 1), ("ada", 2), ("ada", 3), ("bob", 1), ("", 1), ("", 2), ("bob", 2)]
    tasks = [asyncio.create_task(work(*one)) for one in asked]
    tasks.append(asyncio.create_task(work("ada", 4, "b")))
    await asyncio.sleep(0)
    # Given up while it waits for the user's own first turn.
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert had == [
        *[("ada", 1), ("ada", 4)],
        *[("bob", 1), ("", 1), ("", 2)],
        *[("ada", 3), ("bob", 2)],
    ]
    assert len(turns) == 0
