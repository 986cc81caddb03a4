"""How the store's statements, which are SQLite's, are put to PostgreSQL, and how it plans them."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import count
from typing import Any, Final

import psycopg
from psycopg.types.numeric import Int8BinaryDumper
from psycopg.types.string import StrBinaryDumper

_PLANNING: Final = (
    "enable_seqscan = off",
    "enable_sort = off",
    "enable_hashjoin = off",
    "enable_mergejoin = off",
    # Where one of these cannot be done without, the plan looks dear enough to be compiled.
    "jit = off",
    "plan_cache_mode = force_generic_plan",
)
"""Each statement finds its rows by an index, in the order of the index.

PostgreSQL plans a statement once, maybe while the tables are empty. By itself it would read whole
tables then, and go on so when they are large.
"""


def set_up(connection: psycopg.Connection[Any]) -> None:
    """Let a connection plan each statement once, for all values and all sizes of the tables."""
    connection.adapters.register_dumper(int, Int8BinaryDumper)
    connection.adapters.register_dumper(str, StrBinaryDumper)
    connection.execute("; ".join(f"SET {setting}" for setting in _PLANNING).encode())


@lru_cache(maxsize=1_000)
def adapted(statement: str) -> bytes:
    """Return a statement with PostgreSQL's placeholders."""
    numbers = count(1)
    return re.sub(r"\?(\d*)", lambda found: f"${found[1] or next(numbers)}", statement).encode()
