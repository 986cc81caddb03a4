"""The history of an exclusive lock that two servers give, while servers die, is linearizable.

A server that dies stops in the middle of whatever it does and says nothing more. What it held
passes when its lease is over. No lease of these servers ends by itself: the test ends it, so it is
known when. On a busy machine servers would lose their leases by chance, and the judge would have to
excuse two holders of one lock by each of these losses.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import Collection, Hashable
from typing import Any

import pytest

from server.api.errors import Code, EventError
from server.api.records import Project, User
from server.store import membership, nodes, postgres_locks
from server.store.connection import Connection
from server.store.database import Database
from server.store.lock_rules import Compatible, Held, check_compatible, check_others, check_token
from server.store.postgres import Postgres
from tests.effort import EFFORT
from tests.server.cluster.linearizable import NEVER, Operation, is_linearizable
from tests.waiting import eventually, patient

PATH = "a.txt"
LEASE, GRACE = 3600.0, 0.0
ROUNDS, CLIENTS = 3, 3
PAUSE, RENEWAL = 0.004, 0.03
BETWEEN_FAULTS, BETWEEN_DEATH_AND_END = 40, 20
"""Operations."""
FREE = (None, 0, 0)


def step(state: tuple[Any, int, int], done: Operation) -> Hashable | None:
    """Return who holds the lock with which token, and the greatest token so far, afterwards."""
    holder, token, last = state
    who, *rest = done.arguments
    mine, result = holder == who, done.result
    match done.name, result:
        case "end", _:
            return (None, 0, last) if holder in who else state
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

    def __init__(self, postgres: Postgres, seed: int) -> None:
        self.postgres = postgres
        self.random = random.Random(seed)
        self.clock = itertools.count(1)
        self.history: list[Operation] = []
        self.servers: list[Server] = []

    async def run(self) -> None:
        try:
            for _ in range(2):
                await self.add()
            for _ in range(ROUNDS):
                await self._go_on()
                # Its machine stands still.
                await self._end_lease(self.random.choice(self.servers))
                await self._go_on()
                dead = self.servers.pop(self.random.randrange(2))
                await dead.die()
                await self.add()
                await self._wait(BETWEEN_DEATH_AND_END)
                await self._end_lease(dead)
            await self._go_on()
        finally:
            for server in self.servers:
                await server.die()

    async def add(self) -> None:
        server = Server(self)
        self.servers.append(server)
        await server.start()

    async def _go_on(self) -> None:
        """Wait for some operations, with a save under a new token among them."""
        begin = len(self.history)
        before = max(self._tokens(0), default=0)
        await self._wait(BETWEEN_FAULTS)
        await eventually(lambda: max(self._tokens(begin), default=0) > before)

    async def _wait(self, operations: int) -> None:
        end = len(self.history) + operations
        await eventually(lambda: len(self.history) >= end)

    def _tokens(self, begin: int) -> list[int]:
        """Return the tokens of the saves that were done."""
        return [
            one.arguments[1] for one in self.history[begin:] if one.name == "save" and one.result
        ]

    async def _end_lease(self, server: Server) -> None:
        call = next(self.clock)
        await asyncio.to_thread(end_lease, self.postgres, server.engine.node)
        lost = frozenset(server.clients)
        self.history.append(Operation("end", (lost,), None, call, next(self.clock)))


class Server:
    """A node that is nothing else."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.engine = Postgres(world.postgres.url, shares=True)
        self.database = Database(self.engine)
        self.clients = [f"{self.engine.node}-{number}" for number in range(CLIENTS)]
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
        await self.database.close()

    async def _renew(self) -> None:
        node = self.engine.node
        while True:
            await asyncio.sleep(RENEWAL)
            if await self.database.run(lambda c: nodes.renewed(c, node, LEASE, GRACE)) is None:
                await self._join()

    async def _join(self) -> None:
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
        grant = postgres_locks.acquire(
            connection, self.engine.node, GRACE, "p", PATH, "exclusive", user, client
        )
        return grant.held.token

    def _unlock(self, connection: Connection, client: str) -> bool:
        return postgres_locks.release(connection, GRACE, "p", PATH, client) is not None

    def _save(self, connection: Connection, client: str, token: int) -> bool:
        holders = postgres_locks.of_file(connection, GRACE, "p", PATH)
        check_others(holders, client)
        check_token(holders, PATH, client, token)
        return True


def add_project(postgres: Postgres) -> None:
    with contextlib.closing(postgres.connect()) as session:
        membership.add_project(session, Project("p", "", "", "web", [], "now", "now"))


def end_lease(postgres: Postgres, node: str) -> None:
    """End a node's lease, also in the middle of a transaction, as time does."""
    with contextlib.closing(postgres.connect()) as session:
        session.execute("UPDATE nodes SET alive_until = clock_timestamp() WHERE id = ?", (node,))


@pytest.mark.parametrize("seed", range(EFFORT))
async def test_the_history_of_a_lock_is_linearizable(
    postgres: Postgres, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    add_project(postgres)
    world = World(postgres, seed)
    await patient(world.run())
    assert is_linearizable(world.history, FREE, step)
    # Where a server could not give a lock, its lease was over.
    assert "the database refused" not in caplog.text


async def test_a_planted_double_grant_is_found(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_project(postgres)
    refusals = itertools.count(1)

    def generous(holders: Collection[Held], *asked: Any) -> Compatible:
        try:
            return check_compatible(holders, *asked)
        except EventError:
            # A single one may look sound: the unlock of the first holder was on its way.
            if next(refusals) % 4:
                raise
            return Compatible(None, [])

    monkeypatch.setattr(postgres_locks, "check_compatible", generous)
    world = World(postgres, 0)
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
        # Its lease is over, and a token of before is refused from then on.
        (
            [
                Operation("lock", A, 1, 0, 1),
                Operation("end", (frozenset("a"),), None, 2, 3),
                Operation("lock", B, 2, 4, 5),
                Operation("save", ("a", 1), False, 6, 7),
            ],
            True,
        ),
        (
            [
                Operation("lock", A, 1, 0, 1),
                Operation("end", (frozenset("a"),), None, 2, 3),
                Operation("lock", B, 2, 4, 5),
                Operation("save", ("a", 1), True, 6, 7),
            ],
            False,
        ),
        # The end of a lease excuses nothing that comes after it.
        (
            [
                Operation("end", (frozenset("a"),), None, 0, 1),
                Operation("lock", A, 1, 2, 3),
                Operation("lock", B, 2, 4, 5),
            ],
            False,
        ),
    ],
)
def test_the_judge(history: list[Operation], is_sound: bool) -> None:
    assert is_linearizable(history, FREE, step) is is_sound


def test_the_judge_is_quick_where_any_lease_may_have_been_lost() -> None:
    """A machine that stands still loses many leases, and no lock may have been held then."""
    losses = [Operation("end", (frozenset(one),), None, 0) for one in "ab" * 12]
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
