"""Files that another program has changed are taken over some at a time."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from server.api.records import Member, Project, Role, User
from server.store.connection import Connection
from server.store.database import Database
from server.store.faces.files import TAKEN_OVER_AT_ONCE
from server.store.store import Store

ADA = User("ada", "Ada")
PROJECT = Project("p", "P", "", "web", [Member(ADA, Role.OWNER)], "", "")
FILES = 4 * TAKEN_OVER_AT_ONCE + 1


def files(connection: Connection) -> int:
    count: int
    (count,) = connection.execute("SELECT count(*) FROM tree_files").fetchone()
    return count


async def test_who_saves_meanwhile_waits_for_some_files(database: Database) -> None:
    store = Store(database).of("workspace", "p")
    await store.projects.add(PROJECT)
    found = {f"{number}.txt": "new" for number in range(FILES)}

    async def take_over() -> list[str]:
        return [
            one.change.path
            async for one in store.files.take_over(
                "p", found, user=ADA, now="", unless=lambda _: False
            )
        ]

    taking = asyncio.create_task(take_over())
    await asyncio.sleep(0)
    seen = [0]
    while not taking.done():
        # As a save of somebody else would.
        seen.append(await database.of("bob").run(files))
    assert seen[1] == TAKEN_OVER_AT_ONCE
    steps = [after - before for before, after in pairwise(seen)]
    assert max(steps) == TAKEN_OVER_AT_ONCE
    assert await taking == list(found)
    assert await database.run(files) == FILES
