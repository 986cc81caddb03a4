"""Work in steps.

Invariant: nobody sees or changes what work in steps has half done, and if it fails or the server is
killed, nothing of it was ever there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from server.api.errors import EventError
from server.store import counters
from server.store.connection import Connection
from server.store.database import Database
from server.store.engine import Engine
from server.store.trees import Steps
from tests.server.gate import closed_gate
from tests.server.store.counted import durable_names, in_steps, increment, names


async def test_others_have_turns_between_steps_and_none_of_the_project_after_the_last(
    database: Database,
) -> None:
    order: list[tuple[str, int]] = []

    def look(name: str) -> Callable[[Connection], None]:
        def work(connection: Connection) -> None:
            row = connection.execute("SELECT value FROM counters WHERE name = 'steps'").fetchone()
            order.append((name, row[0] if row else 0))

        return work

    gate, passed = await closed_gate(database)
    entered, left = asyncio.Event(), asyncio.Event()

    async def stepping(expected: int) -> None:
        # One after the other.
        async with database.of("ada", "p").in_steps(
            in_steps("steps", 3 if expected == 4 else 1)
        ) as done:
            assert done.result == expected
            entered.set()
            await left.wait()

    task = asyncio.create_task(stepping(4))
    await asyncio.sleep(0)
    between = database.of("eve", "p").run(look("between"))
    free = database.of("bob", "q").run(look("free"))
    second = asyncio.create_task(stepping(6))
    gate.opened.set()
    await asyncio.gather(passed, between, free)
    await entered.wait()
    # The block has not been left.
    late = database.of("eve", "p").run(look("late"))
    await database.of("bob", "q").run(look("free"))
    left.set()
    await asyncio.gather(task, second, late)
    assert order[:3] == [("between", 1), ("free", 1), ("free", 4)]
    # In one of the two transactions that came then.
    assert order[3:] in ([("late", 4)], [("late", 5)])


async def test_work_for_the_project_goes_on_before_the_block_is_left_if_it_is_let_go(
    database: Database,
) -> None:
    order: list[str] = []

    def second(_connection: Connection) -> Steps[None]:
        order.append("steps")
        yield

    async def stepping() -> None:
        async with database.of("eve", "p").in_steps(second):
            pass

    async with database.of("ada", "p").in_steps(in_steps("steps", 2)) as done:
        waiting = database.of("bob", "p").run(lambda _: order.append("waiting"))
        task = asyncio.create_task(stepping())
        await database.of("bob", "q").run(lambda _: order.append("another project"))
        assert order == ["another project"]
        done.let_go()
        await waiting
        await database.of("bob", "p").run(lambda _: order.append("later"))
        await database.of("bob", "q").run(lambda _: order.append("another project"))
    await task
    assert order == ["another project", "waiting", "later", "another project", "steps"]


async def test_every_other_transaction_with_other_work_has_no_step(database: Database) -> None:
    """What is handed over during a step waits for its end, and seldom for another one."""
    order: list[str] = []
    desk = database.of("grace")

    def save(_connection: Connection) -> None:
        order.append("save")
        if order.count("save") < 6:
            desk.run(save)

    def work(_connection: Connection) -> Steps[None]:
        desk.run(save)
        for _ in range(4):
            order.append("step")
            yield

    async with database.of("ada", "p").in_steps(work):
        pass
    # The first save comes with the second step: it was handed over during the first one.
    assert order[:7] == ["step", "step", "save", "save", "step", "save", "save"]


async def test_a_user_has_one_work_in_steps_at_a_time(database: Database) -> None:
    """Each holds what it has found: ten thousand paths."""
    order: list[str] = []

    def work(name: str) -> Callable[[Connection], Steps[None]]:
        def step(_connection: Connection) -> Steps[None]:
            for _ in range(3):
                order.append(name)
                yield

        return step

    async def stepping(owner: str, project: str) -> None:
        async with database.of(owner, project).in_steps(work(project)):
            order.append(f"told {project}")

    gate, passed = await closed_gate(database)
    jobs = [("ada", "p"), ("ada", "q"), ("eve", "r")]
    tasks = [asyncio.create_task(stepping(*job)) for job in jobs]
    await asyncio.sleep(0)
    between = database.of("ada", "q").run(lambda _: order.append("between"))
    gate.opened.set()
    await asyncio.gather(passed, between, *tasks)
    assert [one for one in order if one in "pq"] == ["p"] * 3 + ["q"] * 3
    assert order.index("told p") < order.index("q")
    assert order.index("between") < order.index("q")
    assert order.index("r") < order.index("told p")


async def test_steps_that_fail_let_the_project_go(database: Database) -> None:
    def work(connection: Connection) -> Steps[None]:
        counters.increment(connection, "first step")
        yield
        counters.increment(connection, "second step")
        raise ValueError("the work's own")

    desk = database.of("ada", "p")
    with pytest.raises(ValueError, match="the work's own"):
        async with desk.in_steps(work):
            raise AssertionError
    assert await desk.run(names) == ["first step"]


async def test_a_transaction_that_fails_ends_the_steps_in_it(database: Database) -> None:
    def work(connection: Connection) -> Steps[None]:
        counters.increment(connection, "first step")
        yield
        connection.execute("ROLLBACK")
        raise OSError("disk I/O error")

    desk = database.of("ada", "p")
    with pytest.raises(EventError, match="could not do it"):
        async with desk.in_steps(work):
            raise AssertionError
    assert await desk.run(names) == ["first step"]


async def test_who_does_not_wait_for_steps_lets_the_project_go_at_their_end(
    database: Database,
) -> None:
    gate, passed = await closed_gate(database)
    desk = database.of("ada", "p")

    async def stepping() -> None:
        async with desk.in_steps(in_steps("steps", 2)):
            raise AssertionError

    task = asyncio.create_task(stepping())
    await asyncio.sleep(0)
    after = desk.run(increment("steps"))
    task.cancel()
    await asyncio.wait([task])
    gate.opened.set()
    await passed
    assert await after == 2
    async with desk.in_steps(in_steps("more", 0)) as done:
        assert done.result == 1
    assert await desk.run(increment("steps")) == 5


async def test_what_waits_for_a_project_is_done_before_the_end(
    database: Database, engine: Engine
) -> None:
    entered, never = asyncio.Event(), asyncio.Event()

    async def stepping() -> None:
        async with database.of("ada", "p").in_steps(in_steps("steps", 2)):
            entered.set()
            await never.wait()

    task = asyncio.create_task(stepping())
    await entered.wait()
    waiting = database.of("eve", "p").run(increment("last"))
    await database.close()
    assert await waiting == 1
    assert durable_names(engine) == ["last", "steps"]
    task.cancel()
    await asyncio.wait([task])
