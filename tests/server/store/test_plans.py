"""How PostgreSQL finds the rows of the store's statements.

It plans each statement once, maybe while the tables are almost empty, and goes on so when they are
large, until it has counted their rows.

Invariant: what concerns a few rows reads few rows, whatever the tables were like when its
statements were planned.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

from server.api.errors import EventError
from server.api.records import User
from server.store import history, taking_over
from server.store.documents import Documents
from server.store.postgres import Postgres
from server.store.postgres_session import PostgresSession
from tests.server.databases import undone
from tests.server.store.test_costs import DOCUMENTS, LARGE, SMALL
from tests.server.store.test_taking_over import READ

FULL = 2_000
FEW_ROWS = 500
"""As many as a page has, or a project has moves."""
LISTS_ALL = {"project_files.files", "project_files.paths"}
_HASH = "lpad(to_hex(i), 64, '0')"
_PATH = "'src/' || lpad({}::text, 5, '0')"
# As in `large_database`. Each file is saved twice, one long after the other.
TABLES = (
    f"contents SELECT {_HASH}, 'a', CASE WHEN i % 100 = 0 THEN i END FROM {{}}",
    "projects (id, name, description, type, revision, created_at, updated_at, tree) "
    "SELECT 'p' || i, 'P', '', 'web', 0, '', '', i + 1 FROM {}",
    "trees SELECT i + 1, 0, 0 FROM {}",
    "members SELECT 'p' || i, CASE WHEN i = 0 THEN 'ada' ELSE 'other' END, 'editor' FROM {}",
    "versions (id, project_id, name, message, created_at, created_by, tree) "
    "SELECT 'v' || i, 'p0', 'V', '', '', 'ada', 10000 + i FROM {} WHERE i < 4",
    "trees SELECT 10000 + i, 10, 10 FROM {} WHERE i < 4",
    f"tree_files SELECT 1, {_PATH.format('i')}, {_HASH}, 1, 1, '', 'ada', NULL FROM {{}}",
    f"tree_files SELECT 10000 + v, {_PATH.format('i')}, {_HASH}, 1, 1, '', 'ada', NULL "
    "FROM {}, generate_series(0, 3) v",
    f"saves SELECT i + 1, 'p0', {_PATH.format(f'(i % {FULL // 2})')}, {_HASH}, 1, NULL, '2026', "
    "'2026', 'ada', '[]', 1, 0, 0 FROM {}",
    "moves SELECT 100000 + i, 'p0', 'a' || i, 'b' || i FROM {} WHERE i < 300",
    "messages (id, project_id, request_id, role, user_id, content, created_at) "
    "SELECT 'm' || i, 'p0', '', 'user', 'ada', '', '' FROM {}",
    "talk (id, project_id, user_id, content, details, created_at) "
    "SELECT 't' || i, 'p0', 'ada', 'text', '{{}}', '' FROM {}",
    "talk_reads SELECT 'p0', 'u' || i, i FROM {} WHERE i < 200",
    "users SELECT 'u' || i, 'U', NULL, '' FROM {}",
    "sessions SELECT 's' || i, 'u' || i, 0, i FROM {}",
    "notifications (id, user_id, type, title, message, created_at) "
    "SELECT 'n' || i, 'u' || i / 200, '', '', '', '' FROM {}",
)
PROGRAM = User("program", "program")
PATHS = [f"src/{number:05}" for number in range(taking_over.AT_ONCE)]
MANY: Mapping[str, Callable[[Any], Any]] = {
    "taking_over": lambda c: taking_over.take_over(
        c, Documents(), "p0", dict.fromkeys(PATHS, "new"), PROGRAM, ""
    ),
    "history.keep_many": lambda c: history.keep_many(c, "p0", PATHS),
}
WORKS = {
    **SMALL,
    **{name: work for name, work in LARGE.items() if name not in LISTS_ALL},
    **{f"documents.{name}": work for name, work in DOCUMENTS.items()},
    **MANY,
}


def fill(session: PostgresSession, first: int, end: int) -> None:
    for table in TABLES:
        numbers = f"generate_series({first}, {end - 1}) AS i"
        session.execute(f"INSERT INTO {table.format(numbers)}")


def rows_read(session: PostgresSession, work: Callable[[Any], Any]) -> int:
    session.execute("SAVEPOINT work")
    (before,) = session.execute(READ).fetchone()
    # What it looks for may not be there.
    with contextlib.suppress(EventError, LookupError):
        work(session)
    (after,) = session.execute(READ).fetchone()
    session.execute("ROLLBACK TO work")
    return int(after - before)


@pytest.mark.parametrize("few", [20, 250])
def test_a_plan_from_when_there_was_little_is_good_when_there_is_much(
    postgres: Postgres, few: int
) -> None:
    with contextlib.closing(postgres.connect()) as session, undone(session):
        # Each plan is made with the first use, and stays.
        session.connection.prepare_threshold = 0
        session.connection.prepared_max = None
        session.execute("SELECT setval(pg_get_serial_sequence('trees', 'id'), 20000)")
        session.execute("INSERT INTO counters VALUES ('saves', 200000), ('parts', 200000)")
        fill(session, 0, few)
        reading = partial(rows_read, session)
        for work in WORKS.values():
            reading(work)
        fill(session, few, FULL)
        read = {name: reading(work) for name, work in WORKS.items()}
    assert {name: rows for name, rows in read.items() if rows > FEW_ROWS} == {}
