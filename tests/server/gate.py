"""Hold the database's thread, to see what happens while something is on its way to the disk."""

from __future__ import annotations

import asyncio
import threading

from server.store.connection import Connection
from server.store.database import Database
from tests.waiting import PATIENCE


class Gate:
    """Work that keeps the thread until it is opened, so that what follows piles up behind it."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, _connection: Connection) -> None:
        self.reached.set()
        assert self.opened.wait(PATIENCE)


async def closed_gate(database: Database) -> tuple[Gate, asyncio.Future[None]]:
    """A gate that the thread has come to, and what is done when it has passed."""
    gate = Gate()
    passed = database.run(gate)
    await asyncio.to_thread(gate.reached.wait, PATIENCE)
    return gate, passed
