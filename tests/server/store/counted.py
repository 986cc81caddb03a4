"""Work for the tests of the database: counters, and what another process finds of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from server.store import counters
from server.store.connection import Connection
from server.store.engine import Engine
from server.store.trees import Steps

only_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def increment(name: str) -> Callable[[Connection], int]:
    return lambda connection: counters.increment(connection, name)


def names(connection: Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM counters ORDER BY name")]


def durable_names(engine: Engine) -> list[str]:
    """What another process would find."""
    with contextlib.closing(engine.connect()) as connection:
        return names(connection)


def in_steps(name: str, steps: int) -> Callable[[Connection], Steps[int]]:
    """Work that counts in steps."""

    def work(connection: Connection) -> Steps[int]:
        for _ in range(steps):
            counters.increment(connection, name)
            yield
        return counters.increment(connection, name)

    return work
