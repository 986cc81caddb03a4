"""Long contents, which are stored part by part.

Invariants:
- However a text is cut, and from wherever it is read, it is the text.
- No piece of work writes more than a part, or reads more than four and one.
- A content that no file has yet is nothing that anybody sees; given up, refused or left by a kill,
  all of it is deleted.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.api.errors import EventError
from server.api.records import User
from server.store import contents, leftovers, project_files
from server.store.connection import Connection
from server.store.contents import PART, ContentReader, ContentWriter, Kept
from server.store.database import Database
from server.store.demonstration import PROJECT_ID
from server.store.engine import Engine
from server.store.files import Edit
from server.store.repositories.contents import Contents
from server.store.sqlite import Sqlite, SqliteSession
from server.store.store import Store
from tests.effort import examples
from tests.server.databases import started, undone
from tests.server.gate import closed_gate

ADA = User("user-456", "Ada")
LONG = "".join(map(chr, range(0x4E00, 0x4E00 + 20_000))) * 25
"""1.5 MB: six parts."""


def kept(connection: Connection, text: str) -> Kept:
    coming = ContentWriter(text)
    coming.begin(connection)
    while (done := coming.keep_some(connection)) is None:
        pass
    return done


def tidied(connection: Connection) -> tuple[int, int, int]:
    """How many contents, parts and leftovers there are when nothing is left to delete."""
    while leftovers.are_there(connection):
        leftovers.delete_some(connection)
    tables = ("contents", "content_parts", "leftovers")
    first, second, third = (
        connection.execute(f"SELECT count(*) FROM {one}").fetchone()[0] for one in tables
    )
    return first, second, third


@settings(deadline=None, max_examples=examples(30))
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), max_size=4),
    st.integers(0, 100),
    st.integers(1, 100),
    st.booleans(),
)
def test_a_text_is_the_same_wherever_it_is_read(
    empty: Connection,
    texts: list[str],
    offset: int,
    length: int,
    by_parts: bool,
) -> None:
    with undone(empty) as connection, patch.multiple(contents, PART=8, _AT_ONCE=2, READ_AT_ONCE=20):
        hashes = {}
        for text in texts:
            encoded = text.encode()
            if by_parts and text:
                content_hash, size, _ = contents.take(connection, kept(connection, text))
            else:
                content_hash, size, _ = contents.add(connection, text)
            assert (content_hash, size) == (contents.digest(text), len(encoded))
            hashes[content_hash] = text
            assert contents.whole(connection, content_hash) == text
            found = contents.read(connection, content_hash, offset, length)
            assert found == encoded[offset : offset + length]
        (longest,) = connection.execute(
            "SELECT max(size) FROM (SELECT length(content) AS size FROM contents "
            "UNION ALL SELECT length(part) FROM content_parts) AS sizes"
        ).fetchone()
        assert longest is None or longest <= 8
        reading = ContentReader([*hashes, "gone", *hashes])
        while reading.read_some(connection):
            pass
        assert reading.texts == hashes


def test_what_is_not_there_is_not_read(connection: Connection) -> None:
    with pytest.raises(LookupError):
        contents.read(connection, "gone", 0, 10)
    with pytest.raises(LookupError):
        contents.whole(connection, "gone")
    content_hash, _, _ = contents.add(connection, LONG)
    reading = ContentReader([content_hash])
    assert reading.read_some(connection)
    leftovers.release(connection, content_hash)
    assert not reading.read_some(connection)
    assert reading.texts == {}


def test_what_is_no_text_is_left_out(connection: Connection) -> None:
    """The second one after whole parts that are UTF-8, the last one within a character."""
    others = [b"\xffshort", LONG.encode() + b"\xff", "é".encode()[:1]]
    given: list[str | bytes] = ["text", *others, LONG, "", "last"]
    hashes = [contents.add(connection, content).hash for content in given]
    for asked in (hashes, [hashes[1]], [hashes[2]], [hashes[3]]):
        reading = ContentReader(asked)
        while reading.read_some(connection):
            pass
        expected = dict(zip(hashes, given, strict=True))
        assert reading.texts == {
            one: expected[one] for one in asked if isinstance(expected[one], str)
        }


def test_many_short_contents_are_read_by_few_statements(tmp_path: Path) -> None:
    with contextlib.closing(Sqlite(tmp_path).connect()) as connection:
        texts = [f"{number}" for number in range(120)]
        # One of several parts, and three that are more than one piece of work reads.
        texts[60] = LONG
        texts += [letter * PART for letter in "abc"]
        hashes = [contents.add(connection, text).hash for text in texts]
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        reading = ContentReader([*hashes, hashes[0], "gone"])
        works = 1
        while reading.read_some(connection):
            works += 1
        assert list(reading.texts.values()) == texts
        # Two for 50 short ones, 10 and 59; one for what comes first where it is none of these.
        assert len(statements) <= 20
        assert works == 3


def test_only_the_parts_that_are_asked_for_are_read(connection: Connection) -> None:
    content_hash, size, _ = contents.add(connection, LONG)
    connection.execute("DELETE FROM content_parts WHERE number NOT IN (3, 4)")
    connection.execute("UPDATE contents SET content = ?", (b"",))
    start = 4 * PART - 30_000
    part = contents.read(connection, content_hash, start, 60_000)
    assert part == LONG.encode()[start : start + 60_000]
    assert contents.read(connection, content_hash, size + 1, 10) == b""


def test_to_read_a_part_costs_the_same_in_a_content_of_any_length(tmp_path: Path) -> None:
    steps: list[int] = []
    taken = []
    with (
        contextlib.closing(Sqlite(tmp_path).connect()) as connection,
        patch.multiple(contents, PART=100, _AT_ONCE=25),
    ):
        for count in (6, 600):
            content_hash, _, _ = contents.add(connection, "x" * 100 * count)
            steps.clear()
            connection.set_progress_handler(lambda: steps.append(1), 1)
            assert contents.read(connection, content_hash, 350, 100) == b"x" * 100
            connection.set_progress_handler(None, 0)
            taken.append(len(steps))
    assert taken[0] == taken[1] > 0


def test_the_same_content_of_two_is_kept_once(connection: Connection) -> None:
    first, second = kept(connection, LONG), kept(connection, LONG)
    assert not leftovers.are_there(connection)
    assert connection.execute("SELECT count(*) FROM contents").fetchone() == (0,)
    contents.take(connection, second)
    contents.take(connection, first)
    assert tidied(connection) == (1, 5, 0)
    assert contents.whole(connection, first.stored.hash) == LONG
    # Also where it was in the database before.
    contents.add(connection, LONG)
    assert tidied(connection) == (1, 5, 0)
    leftovers.release(connection, first.stored.hash)
    assert tidied(connection) == (0, 0, 0)


def test_what_was_given_up_is_not_taken(connection: Connection) -> None:
    done = kept(connection, LONG)
    contents.give_up(connection, done.number)
    with pytest.raises(EventError, match="was given up before it was saved"):
        contents.take(connection, done)
    assert tidied(connection) == (0, 0, 0)
    with pytest.raises(EventError, match="was given up"):
        contents.take(connection, done)


def test_what_a_kill_has_left_goes_after_the_next_start(engine: Engine) -> None:
    with contextlib.closing(engine.connect()) as connection:
        coming = ContentWriter(LONG)
        coming.begin(connection)
        for _ in range(3):
            assert coming.keep_some(connection) is None
        assert tidied(connection) == (0, 2, 1)
    with contextlib.closing(engine.serve()) as connection:
        assert tidied(connection) == (0, 0, 0)


def test_long_contents_are_deleted_some_parts_at_a_time(connection: Connection) -> None:
    with patch.multiple(contents, PART=100, _AT_ONCE=25):
        content_hash, _, _ = contents.add(connection, "x" * 100 * (leftovers.STEP_PARTS + 2))
        leftovers.release(connection, content_hash)
        left = []
        while leftovers.are_there(connection):
            (count,) = connection.execute("SELECT count(*) FROM content_parts").fetchone()
            left.append(count)
            leftovers.delete_some(connection)
        assert left == [leftovers.STEP_PARTS + 1, 1]
        assert tidied(connection) == (0, 0, 0)


# -- through the database's thread


@pytest.fixture
async def database(engine: Engine) -> AsyncIterator[Database]:
    async with started(Database(engine)) as database:
        await Store(database).seed("now")
        yield database


def nothing(_path: str) -> bool:
    return False


def traced(statements: list[str]) -> list[list[str]]:
    """The statements of each piece of work, with the values in them."""
    works: list[list[str]] = []
    for statement in statements:
        if statement == "SAVEPOINT work":
            works.append([])
        elif works:
            works[-1].append(statement)
    return works


def written(work: list[str]) -> int:
    """The bytes of all values that a piece of work writes."""
    return sum(
        len(blob) // 2 for one in work for blob in re.findall("x'([0-9a-fA-F]*)'", one, re.I)
    )


def trace(connection: Connection, callback: Callable[[str], None]) -> None:
    assert isinstance(connection, SqliteSession)
    connection.set_trace_callback(callback)


async def change(store: Store, text: str, path: str = "long.txt", action: str = "created") -> None:
    edit = Edit(action, text, None)  # type: ignore[arg-type]
    await store.files.change(PROJECT_ID, path, edit, user=ADA, now="now", check=lambda _: None)


async def test_no_piece_of_work_has_more_than_some_parts(tmp_path: Path) -> None:
    async with started(Database(Sqlite(tmp_path))) as database:
        await Store(database).seed("now")
        store = Store(database).of("ada", PROJECT_ID)
        statements: list[str] = []
        await database.run(partial(trace, callback=statements.append))
        await change(store, LONG)
        works = traced(statements)
        sizes = [written(work) for work in works]
        assert max(sizes) <= PART
        # The first part comes with the change.
        assert [size for size in sizes if size >= 1_000] == [PART] * 4 + [
            len(LONG.encode()) % PART,
            PART,
        ]
        statements.clear()
        async for _ in store.files.take_over(
            PROJECT_ID, {"other.txt": LONG[1:]}, user=ADA, now="now", unless=nothing
        ):
            pass
        assert max(map(written, traced(statements))) <= PART
        statements.clear()
        file = (await store.files.page(PROJECT_ID, "", 10)).items[0]
        assert await store.contents.texts([file.hash, "gone"]) == {file.hash: LONG}
        reads = [sum("SELECT" in one for one in work) for work in traced(statements)]
        # With those that find nothing more.
        assert max(reads) <= contents.READ_AT_ONCE // PART + 2


async def test_others_have_turns_between_the_parts(database: Database) -> None:
    gate, passed = await closed_gate(database)
    saving = asyncio.create_task(change(Store(database).of("ada", PROJECT_ID), LONG))
    await asyncio.sleep(0)
    gate.opened.set()
    await passed
    seen = set()
    while not saving.done():
        seen.add(
            await database.of("eve", PROJECT_ID).run(
                lambda c: (
                    c.execute("SELECT count(*) FROM content_parts").fetchone()[0],
                    project_files.file(c, PROJECT_ID, "long.txt") is None,
                )
            )
        )
    await saving
    # Nobody sees a file before all of it is there.
    assert len([count for count, is_missing in seen if is_missing and 0 < count < 5]) >= 2
    assert {count for count, is_missing in seen if not is_missing} <= {5}


async def test_a_change_that_is_refused_leaves_nothing(database: Database) -> None:
    store = Store(database).of("ada", PROJECT_ID)
    before = await database.run(tidied)
    await change(store, "short")
    with pytest.raises(EventError, match="exists already"):
        await change(store, LONG)
    assert await database.of("ada").run(tidied) == (before[0] + 1, 0, 0)
    # What differs in nothing is not kept at all.
    await change(store, LONG, action="updated")
    numbers = "SELECT value FROM counters WHERE name = 'parts'"
    last = await database.run(lambda c: c.execute(numbers).fetchone())
    async for _ in store.files.take_over(
        PROJECT_ID, {"long.txt": LONG}, user=ADA, now="now", unless=nothing
    ):
        raise AssertionError
    assert await database.run(lambda c: c.execute(numbers).fetchone()) == last


async def test_who_does_not_wait_for_a_content_gives_it_up(database: Database) -> None:
    gate, passed = await closed_gate(database)
    entered = asyncio.Event()

    async def keeping() -> None:
        async with Contents(database.of("ada")).kept(LONG):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(keeping())
    gate.opened.set()
    await passed
    await entered.wait()
    assert (await database.run(tidied))[1:] == (5, 1)
    task.cancel()
    await asyncio.wait([task])
    assert (await database.of("ada").run(tidied))[1:] == (0, 0)


@pytest.mark.parametrize("text", ["short", LONG])
async def test_what_is_older_than_the_project_is_not_taken_over(
    database: Database, text: str
) -> None:
    store = Store(database).of("ada", PROJECT_ID)
    before = await database.run(tidied)
    asked: list[str] = []

    def is_older(path: str) -> bool:
        asked.append(path)
        # A long one becomes so while it is on its way.
        return text != LONG or len(asked) > 1

    taken_over = {"file.txt": text}
    async for _ in store.files.take_over(
        PROJECT_ID, taken_over, user=ADA, now="now", unless=is_older
    ):
        raise AssertionError
    assert await database.of("ada").run(tidied) == before
