"""SIGKILL while a folder moves in which many files are open.

Invariants:
- The folder is as a whole where it was, or where it goes.
- After the next start each document is exactly once at the place of its file, with all that was
  typed, and nothing is on its way.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from server.documents.authority import Author
from server.documents.change_json import parse
from server.store import project_files
from server.store.document_records import Edit
from server.store.documents import Documents
from server.store.sqlite import FILE_NAME, Sqlite
from tests import forked_servers
from tests.server import killing
from tests.server.databases import prepare
from tests.server.wire import connected
from tests.waiting import NEVER, PATIENCE

PROJECT_ID = "project-123"
DOCUMENTS = 1_200
"""They follow in six pieces."""
NAMES = [f"{number:04}" for number in range(DOCUMENTS)]
TYPED = NAMES[::60]
"""What was typed in these is not saved."""
MOVE = {"projectId": PROJECT_ID, "filePath": "old", "newPath": "new"}
ROUNDS = 20

Look = Callable[[sqlite3.Connection], bool]


def fill(directory: Path) -> dict[str, str]:
    """Put a folder into a database whose files have been opened. Return the documents' epochs."""
    directory.mkdir()
    prepare(directory, demonstrated=True)
    documents, epochs = Documents(), {}
    with contextlib.closing(Sqlite(directory).connect()) as connection:
        connection.begin()
        for name in NAMES:
            key = PROJECT_ID, f"old/{name}"
            project_files.write(connection, *key, name, user_id="ada", now="")
            epochs[name] = documents.open(connection, key, None, None, "").epoch
            if name in TYPED:
                edit = Edit(epochs[name], 0, Author("tab", "ada", "Ada"), 1, parse([4, [0, "!"]]))
                documents.edit(connection, key, edit)
        connection.end(bool)
    return epochs


def is_being_copied(connection: sqlite3.Connection) -> bool:
    """The project's next tree is half made."""
    rows = connection.execute(
        "SELECT count(*) FROM tree_files WHERE tree IN "
        "(SELECT tree FROM leftovers WHERE maker IS NOT NULL)"
    )
    return 0 < int(rows.fetchone()[0]) < DOCUMENTS


def is_followed(connection: sqlite3.Connection) -> bool:
    """The folder has moved, and some of its documents have."""
    rows = connection.execute("SELECT count(*) FROM documents WHERE path LIKE 'new/%'")
    return 0 < int(rows.fetchone()[0]) < DOCUMENTS


def is_moved(connection: sqlite3.Connection) -> bool:
    """All of it has been done."""
    rows = connection.execute(
        "SELECT 1 FROM tree_files f JOIN projects p ON p.tree = f.tree WHERE f.path = 'new/0000' "
        "AND NOT EXISTS (SELECT 1 FROM document_moves)"
    )
    return rows.fetchone() is not None


def end(process: ForkServerProcess) -> None:
    process.kill()
    process.join()


def killed(directory: Path, process: ForkServerProcess, is_time: Look) -> bool:
    """Kill the server when it is time, between two of its transactions. Return False if that moment
    has passed.
    """
    started = time.monotonic()
    with contextlib.closing(
        sqlite3.connect(directory / FILE_NAME, isolation_level=None, timeout=0)
    ) as connection:
        while not is_moved(connection):
            assert time.monotonic() - started < PATIENCE, NEVER
            if is_time(connection):
                try:
                    connection.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError:
                    # The server is in the next one.
                    continue
                if is_time(connection):
                    # It cannot begin the next one.
                    end(process)
                    return True
                connection.execute("ROLLBACK")
    return False


@pytest.mark.parametrize(("is_time", "place"), [(is_being_copied, "old"), (is_followed, "new")])
async def test_nothing_of_a_moved_folder_is_lost(tmp_path: Path, is_time: Look, place: str) -> None:
    processes = forked_servers.context()
    for number in range(ROUNDS):
        directory = tmp_path / f"{number}"
        epochs = fill(directory)
        process, port = await asyncio.to_thread(killing.start, processes, directory)

        try:
            async with connected(port) as client:
                await client.emit("file:move", MOVE)
                if await asyncio.to_thread(killed, directory, process, is_time):
                    break
        finally:
            await asyncio.to_thread(end, process)
    else:
        raise AssertionError(NEVER)
    process, port = await asyncio.to_thread(killing.start, processes, directory)
    try:
        async with connected(port) as client:
            assert (await client.ask("project:join", {"projectId": PROJECT_ID}))["ok"]
            for name in TYPED:
                where = {"projectId": PROJECT_ID, "filePath": f"{place}/{name}"}
                opened = await client.ask("file:open", where)
                assert (opened["content"], opened["epoch"]) == (f"{name}!", epochs[name])
    finally:
        await asyncio.to_thread(end, process)
    with contextlib.closing(Sqlite(directory).connect()) as connection:
        rows = connection.execute("SELECT path, epoch FROM documents ORDER BY path").fetchall()
        assert rows == [(f"{place}/{name}", epochs[name]) for name in NAMES]
        files = project_files.files(connection, PROJECT_ID)
        found = [file.path for file in files if file.path.startswith(("old", "new"))]
        assert found == [row[0] for row in rows]
        assert connection.execute("SELECT count(*) FROM document_moves").fetchone() == (0,)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
