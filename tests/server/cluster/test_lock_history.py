"""The history of an exclusive lock that two servers give, while servers die, is linearizable.

A server that dies stops in the middle of whatever it does and says nothing more. What it held
passes when its lease is over, at a moment that nobody knows.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Hashable
from typing import Any

import pytest

from server.api.errors import Code, EventError
from server.api.records import Project, User
from server.store import locks, membership, nodes
from server.store.connection import Connection
from server.store.database import Database
from server.store.held_locks import Held, check_others, check_token
from server.store.postgres import Postgres
from tests.effort import EFFORT
from tests.server.cluster.linearizable import NEVER, Operation, is_linearizable
from tests.waiting import eventually, patient

PATH = "a.txt"
LEASE, GRACE = 0.3, 0.0
KILLS, CLIENTS = 3, 3
PAUSE = 0.004
BETWEEN_KILLS = 60
"""Operations."""
FREE = (None, 0, 0)


def step(state: tuple[Any, int, int], done: Operation) -> Hashable | None:
    """Return who holds the lock with which token, and the greatest token so far, afterwards."""
    holder, token, last = state
    who, *rest = done.arguments
    mine, result = holder == who, done.result
    match done.name, result:
        case "die", _:
            return (None, 0, last) if holder in who else None
        case "lock", False:
            return None if holder is None or mine else state
        case "lock", None:
            # Nobody has heard of its token.
            return (who, 0, last) if holder is None else None
        case "lock", _:
            is_right = token == result if mine else holder is None and result > last
            return (who, result, max(last, int(result))) if is_right else None
        case "unlock", None:
            return (None, 0, last) if mine else None
        case "unlock", _:
            return ((None, 0, last) if mine else state) if result is mine else None
        case "save", None:
            return state
        case _:
            return state if result is (mine and token == rest[0]) else None


class World:
    """Servers that give locks on one file, and what their clients have seen."""

    def __init__(self, url: str, seed: int) -> None:
        self.url = url
        self.random = random.Random(seed)
        self.clock = itertools.count(1)
        self.history: list[Operation] = []
        self.servers: list[Server] = []

    async def run(self) -> None:
        try:
            for _ in range(2):
                await self.add()
            for kill in range(1, KILLS + 1):
                await self._go_on(kill * BETWEEN_KILLS)
                await self.servers.pop(self.random.randrange(2)).die()
                await self.add()
            # What the last one held has passed, and is taken.
            await self._go_on(len(self.history) + 2 * BETWEEN_KILLS)
        finally:
            for server in self.servers:
                await server.die()

    async def _go_on(self, operations: int) -> None:
        await eventually(lambda: len(self.history) >= operations)

    async def add(self) -> None:
        server = Server(self)
        self.servers.append(server)
        await server.start()


class Server:
    """A node that is nothing else."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.engine = Postgres(world.url, shares=True)
        self.database = Database(self.engine)
        self.clients = [f"{self.engine.node}-{number}" for number in range(CLIENTS)]
        self.renewed_at = 0
        self.tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self.database.start()
        await self._join()
        self.tasks.append(asyncio.create_task(self._renew()))
        self.tasks += [asyncio.create_task(self._act(one)) for one in self.clients]

    async def die(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self._lose()
        await self.database.close()

    def _lose(self) -> None:
        lost = frozenset(self.clients)
        self.world.history.append(Operation("die", (lost,), None, self.renewed_at))

    async def _renew(self) -> None:
        node = self.engine.node
        while True:
            await asyncio.sleep(LEASE / 10)
            asked = next(self.world.clock)
            if await self.database.run(lambda c: nodes.renewed(c, node, LEASE, GRACE)) is None:
                # This machine stood still.
                self._lose()
                await self._join()
            else:
                self.renewed_at = asked

    async def _join(self) -> None:
        self.renewed_at = next(self.world.clock)
        await self.database.run(lambda c: nodes.join(c, self.engine.node, "", LEASE))

    async def _act(self, client: str) -> None:
        rng, token = self.world.random, 0
        while True:
            await asyncio.sleep(rng.random() * PAUSE)
            name = rng.choice(["lock", "save", "save", "unlock"] if token else ["lock"])
            if name == "lock":
                token = await self._do("lock", (client,), self._lock) or token
            elif name == "save":
                await self._do("save", (client, token), self._save)
            else:
                await self._do("unlock", (client,), self._unlock)

    async def _do(self, name: str, arguments: tuple[Any, ...], work: Any) -> Any:
        call = next(self.world.clock)
        try:
            result = await self.database.run(lambda c: work(c, *arguments))
        except EventError as error:
            if error.code is Code.STORAGE_ERROR:
                return None  # Its lease is over, and it has done nothing.
            result = False
        except asyncio.CancelledError:
            self.world.history.append(Operation(name, arguments, None, call, NEVER))
            raise
        done = Operation(name, arguments, result, call, next(self.world.clock))
        self.world.history.append(done)
        return result

    def _lock(self, connection: Connection, client: str) -> int:
        user = User(client, client)
        grant = locks.acquire(
            connection, self.engine.node, GRACE, "p", PATH, "exclusive", user, client
        )
        return grant.held.token

    def _unlock(self, connection: Connection, client: str) -> bool:
        return locks.release(connection, GRACE, "p", PATH, client) is not None

    def _save(self, connection: Connection, client: str, token: int) -> bool:
        holders = locks.of_file(connection, GRACE, "p", PATH)
        check_others(holders, client)
        check_token(holders, PATH, client, token)
        return True


def add_project(postgres: Postgres) -> None:
    session = postgres.connect()
    membership.add_project(session, Project("p", "", "", "web", [], "now", "now"))
    session.close()


@pytest.mark.parametrize("seed", range(EFFORT))
async def test_the_history_of_a_lock_is_linearizable(postgres: Postgres, seed: int) -> None:
    add_project(postgres)
    world = World(postgres.url, seed)
    await patient(world.run())
    granted = [one.result for one in world.history if one.name == "lock" and one.result]
    saved = {one.result for one in world.history if one.name == "save"}
    assert len(set(granted)) > KILLS
    assert saved >= {True}
    assert is_linearizable(world.history, FREE, step)


async def test_a_planted_double_grant_is_found(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_project(postgres)
    real, calls = locks.of_file, itertools.count(1)

    def forgetful(connection: Connection, grace: float, project_id: str, path: str) -> list[Held]:
        found = real(connection, grace, project_id, path)
        return [] if next(calls) % 50 == 0 else found

    monkeypatch.setattr(locks, "of_file", forgetful)
    world = World(postgres.url, 0)
    await patient(world.run())
    assert not is_linearizable(world.history, FREE, step)


A, B = ("a",), ("b",)


@pytest.mark.parametrize(
    ("history", "is_sound"),
    [
        ([], True),
        ([Operation("lock", A, 1, 0, 1), Operation("lock", B, False, 2, 3)], True),
        # One after the other.
        ([Operation("lock", A, 1, 0, 1), Operation("lock", B, 2, 2, 3)], False),
        # At the same time, in either order, but not both.
        ([Operation("lock", A, 1, 0, 3), Operation("lock", B, False, 1, 2)], True),
        ([Operation("lock", A, 1, 0, 3), Operation("lock", B, 2, 1, 2)], False),
        # Tokens only grow.
        (
            [
                Operation("lock", A, 5, 0, 1),
                Operation("unlock", A, True, 2, 3),
                Operation("lock", B, 4, 4, 5),
            ],
            False,
        ),
        # Nobody knows whether it has released the lock.
        (
            [
                Operation("lock", A, 1, 0, 1),
                Operation("unlock", A, None, 2),
                Operation("lock", B, 2, 3, 4),
            ],
            True,
        ),
        # It died, and a token of before is refused from then on.
        (
            [
                Operation("lock", A, 1, 0, 1),
                Operation("die", (frozenset("a"),), None, 2),
                Operation("lock", B, 2, 3, 4),
                Operation("save", ("a", 1), False, 5, 6),
            ],
            True,
        ),
        (
            [
                Operation("lock", A, 1, 0, 1),
                Operation("die", (frozenset("a"),), None, 2),
                Operation("lock", B, 2, 3, 4),
                Operation("save", ("a", 1), True, 5, 6),
            ],
            False,
        ),
    ],
)
def test_the_judge(history: list[Operation], is_sound: bool) -> None:
    assert is_linearizable(history, FREE, step) is is_sound


def test_the_judge_is_quick_where_any_lease_may_have_been_lost() -> None:
    """A machine that stands still loses many leases, and no lock may have been held then."""
    losses = [Operation("die", (frozenset(one),), None, 0) for one in "ab" * 12]
    grants = [
        Operation("lock", (who,), token, 2 * token, 2 * token + 1)
        for token, who in enumerate("ab" * 12, 1)
    ]
    steps = itertools.count(1)

    def counted(state: tuple[Any, int, int], done: Operation) -> Hashable | None:
        assert next(steps) < 5_000
        return step(state, done)

    assert is_linearizable([*losses, *grants], FREE, counted)
    assert not is_linearizable([*losses, *grants, Operation("lock", A, 1, 99, 100)], FREE, counted)
