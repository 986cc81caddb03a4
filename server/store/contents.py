"""Contents by their hashes. A long one is stored in parts: a piece of work handles only a few.

The first part of a content is in the table `contents`, with a number that no other content ever
had. The parts that follow are in `content_parts`, under that number. Each part but the last has
`PART` bytes, so the part that has a certain byte is computed.

A long content is written part by part, each in a piece of work of its own. Until a file has the
content, its number is a leftover that is being made: if the server is killed, the next start
deletes the parts, and nobody has seen any of them.

Rejected: one value for each content (15 MB took 180 ms to write and as much again to commit, and to
read its end cost as much as to read it all); `sqlite3.Blob`, which goes through all pages before a
place as well.
"""

from __future__ import annotations

import codecs
import hashlib
import sys
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from itertools import islice, takewhile
from typing import Final, NamedTuple

from server.api.errors import Code, EventError
from server.store import counters
from server.store.connection import Connection, add_rows, each
from server.store.media_types import Recogniser, recognise

PART: Final = 262_144
"""Bytes of each part of a content but the last."""
READ_AT_ONCE: Final = 1_048_576
"""Bytes of contents that one piece of work reads, besides the part that it ends with."""
_SHORT_AT_ONCE: Final = 50
"""Short contents that are read by one statement."""

_AT_ONCE: Final = PART // 4
"""Characters that one part holds: none has more than four bytes."""
_CUT: Final = "substr({}, CAST(? AS INTEGER), CAST(? AS INTEGER))"
_ADD: Final = "INSERT INTO contents VALUES {} ON CONFLICT DO NOTHING"
_SIZE: Final = "SELECT hash, length(content), parts IS NOT NULL FROM contents WHERE hash = {}"
_SHORT: Final = "SELECT hash, content FROM contents WHERE hash = {}"
_FIRST: Final = "SELECT content, parts IS NOT NULL FROM contents WHERE hash = ?"
_FOLLOWING: Final = (
    "SELECT p.part, 1 FROM contents c LEFT JOIN content_parts p "
    "ON p.parts = c.parts AND p.number = ?2 WHERE c.hash = ?1"
)


class Stored(NamedTuple):
    """A content that is stored: its hash, its size in bytes, and its media type if it is no
    text.
    """

    hash: str
    size: int
    media_type: str | None = None


class Prepared(NamedTuple):
    """A content that is going to be stored, with its bytes in parts: at least one."""

    stored: Stored
    parts: list[bytes]


class Kept(NamedTuple):
    """A long content that is stored, and that no file has yet.

    number: the number of the parts that follow the part `first`.
    """

    number: int
    stored: Stored
    first: bytes


class ContentWriter:
    """Stores a long content part by part: `content`, or the parts that are given to `keep`."""

    def __init__(self, content: str | bytes) -> None:
        self._parts = cut(content)
        # A str is known to be a text.
        self._recogniser = Recogniser() if isinstance(content, bytes) else None
        self._digest = hashlib.sha256()
        self._number = 0
        self._count = 0
        self._size = 0
        self._first = b""

    def begin(self, connection: Connection) -> None:
        """Give the parts a number, which is a leftover from now on."""
        self._number = counters.increment(connection, "parts")
        connection.execute("INSERT INTO leftovers (parts, maker) VALUES (?, '')", (self._number,))

    def keep_some(self, connection: Connection) -> Kept | None:
        """Store the next part. Return what is stored if no part was left."""
        part = next(self._parts, None)
        if part is None:
            return self.kept()
        self.keep(connection, part)
        return None

    def keep(self, connection: Connection, part: bytes) -> None:
        """Store this next part. It has `PART` bytes, unless it is the last one."""
        self._digest.update(part)
        self._size += len(part)
        if self._recogniser is not None:
            self._recogniser.add(part)
        if self._count == 0:
            self._first = part
        else:
            _add_part(connection, self._number, self._count, part)
        self._count += 1

    def kept(self) -> Kept:
        """Return what is stored, which is the whole content."""
        media_type = None if self._recogniser is None else self._recogniser.media_type()
        stored = Stored(self._digest.hexdigest(), self._size, media_type)
        return Kept(self._number, stored, self._first)

    def give_up(self, connection: Connection) -> None:
        """Let the parts be deleted, unless a file has them."""
        give_up(connection, self._number)


class ContentReader:
    """Reads contents part by part: texts, or with `raw` any contents as bytes. Contents that are
    gone are left out.

    texts: the texts, by hash. raw: the bytes by hash, None without `raw`.
    """

    def __init__(self, hashes: Iterable[str], *, raw: bool = False) -> None:
        self.texts: dict[str, str] = {}
        self.raw: dict[str, bytes] | None = {} if raw else None
        self._left = deque(dict.fromkeys(hashes))
        self._begin()

    def _begin(self) -> None:
        """Begin with the first content that is left."""
        self._pieces: list[str] = []
        self._bytes: list[bytes] = []
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._part = 0

    def read_some(self, connection: Connection) -> bool:
        """Read the next parts. Return whether there are more."""
        size = 0
        while self._left and size < READ_AT_ONCE:
            short = self._short_ones(connection, READ_AT_ONCE - size)
            if short:
                self._read_short_ones(connection, short)
                size += sum(short.values())
            else:
                size += self._read_part(connection, self._left[0])
        return bool(self._left)

    def _short_ones(self, connection: Connection, room: int) -> dict[str, int]:
        """Return the sizes, by hash, of the contents to read next that have one part: as many as
        have `room` bytes together and one more, at most up to a content that is gone or has parts.
        """
        if self._part or len(self._left) == 1:
            return {}
        first = list(islice(self._left, _SHORT_AT_ONCE))
        rows = connection.execute(each(_SIZE, first, 0), first)
        sizes = {one: size for one, size, goes_on in rows if not goes_on}
        short: dict[str, int] = {}
        for one in takewhile(sizes.__contains__, first):
            if sum(short.values()) >= room:
                break
            short[one] = sizes[one]
        return short

    def _read_short_ones(self, connection: Connection, short: Collection[str]) -> None:
        """Read contents of one part each, which are the first that are left."""
        found = dict(connection.execute(each(_SHORT, short, 0), tuple(short)))
        for content_hash in short:
            if self._take(found[content_hash]):
                self._finish(content_hash)
            self._left.popleft()
            self._begin()

    def _read_part(self, connection: Connection, content_hash: str) -> int:
        """Read a part of the first content that is left. Return how many bytes it has."""
        row = (
            connection.execute(_FIRST, (content_hash,))
            if self._part == 0
            else connection.execute(_FOLLOWING, (content_hash, self._part))
        ).fetchone()
        part, goes_on = (None, False) if row is None else row
        is_wanted = row is not None and (part is None or self._take(part))
        self._part += 1
        if part is None or not (is_wanted and goes_on):
            if is_wanted:
                self._finish(content_hash)
            self._left.popleft()
            self._begin()
        return len(part or b"")

    def _take(self, part: bytes) -> bool:
        """Take a part. Return False if it is not UTF-8, and a text is asked for."""
        if self.raw is not None:
            self._bytes.append(part)
            return True
        try:
            self._pieces.append(self._decoder.decode(part))
        except UnicodeDecodeError:
            return False
        return True

    def _finish(self, content_hash: str) -> None:
        if self.raw is not None:
            self.raw[content_hash] = b"".join(self._bytes)
            return
        try:
            self._decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return
        self.texts[content_hash] = "".join(self._pieces)


def is_long(content: str | bytes) -> bool:
    """Return whether a content is to be stored part by part: it is about as long as a part, or
    longer. Any other content has at most two parts.
    """
    return sys.getsizeof(content) > PART


def digest(content: str | bytes) -> str:
    """Return the hash of a content. Other threads have turns meanwhile."""
    found = hashlib.sha256()
    for part in cut(content):
        found.update(part)
    return found.hexdigest()


def cut(content: str | bytes) -> Iterator[bytes]:
    """Return the parts of a content; those of a text are encoded. An empty content has none."""
    left = bytearray()
    for start in range(0, len(content), _AT_ONCE):
        piece = content[start : start + _AT_ONCE]
        left += piece.encode() if isinstance(piece, str) else piece
        if len(left) >= PART:
            yield bytes(left[:PART])
            del left[:PART]
    if left:
        yield bytes(left)


def add(connection: Connection, content: str | bytes) -> Stored:
    """Add a content, which a file is going to have."""
    prepared = prepare(content)
    _add(connection, prepared)
    return prepared.stored


def prepare(content: str | bytes) -> Prepared:
    """Return how a content is stored, without storing it."""
    found = list(cut(content)) or [b""]
    # The hash is of the bytes, which are encoded already.
    content_hash = hashlib.sha256(b"".join(found)).hexdigest()
    media_type = recognise(content) if isinstance(content, bytes) else None
    return Prepared(Stored(content_hash, sum(map(len, found)), media_type), found)


def add_all(connection: Connection, contents: Iterable[Prepared]) -> None:
    """Add contents, which files are going to have."""
    undivided = []
    for one in contents:
        if len(one.parts) > 1:
            _add(connection, one)
        else:
            undivided.append((one.stored.hash, one.parts[0], None))
    add_rows(connection, _ADD, undivided)


def _add(connection: Connection, content: Prepared) -> None:
    first, *following = content.parts
    number = counters.increment(connection, "parts") if following else None
    if _is_new(connection, content.stored.hash, first, number) and number is not None:
        for index, part in enumerate(following, start=1):
            _add_part(connection, number, index, part)


def take(connection: Connection, kept: Kept) -> Stored:
    """Take a long content that is stored for a file that is about to have it.

    Raises:
        EventError: it was given up (`STORAGE_ERROR`).
    """
    is_there = connection.execute(
        "SELECT 1 FROM leftovers WHERE parts = ? AND maker IS NOT NULL", (kept.number,)
    ).fetchone()
    if is_there is None:
        raise EventError(Code.STORAGE_ERROR, "the content was given up before it was saved")
    if _is_new(connection, kept.stored.hash, kept.first, kept.number):
        connection.execute("DELETE FROM leftovers WHERE parts = ?", (kept.number,))
    else:
        give_up(connection, kept.number)
    return kept.stored


def give_up(connection: Connection, number: int) -> None:
    """Let the parts of this number be deleted, unless a content has them."""
    connection.execute("UPDATE leftovers SET maker = NULL WHERE parts = ?", (number,))


def read(connection: Connection, content_hash: str, offset: int, length: int) -> bytes:
    """Return at most `length` bytes of the content with that hash, from `offset` on.

    Raises:
        LookupError: there is none.
    """
    start, end = min(offset, PART), offset + length
    row = connection.execute(
        f"SELECT parts, CASE WHEN ? < ? THEN {_CUT.format('content')} END FROM contents "
        "WHERE hash = ?",
        (start, PART, start + 1, min(length, PART), content_hash),
    ).fetchone()
    if row is None:
        raise LookupError(content_hash)
    number, first = row
    # SQLite returns None for a part of an empty value.
    found = [bytes(first or b"")]
    if number is not None:
        for index in range(max(1, offset // PART), (end - 1) // PART + 1):
            start = max(0, offset - index * PART)
            part = connection.execute(
                f"SELECT {_CUT.format('part')} FROM content_parts WHERE parts = ? AND number = ?",
                (start + 1, min(PART, end - index * PART) - start, number, index),
            ).fetchone()
            if part is None:
                break
            found.append(part[0] or b"")
    return b"".join(found)


def whole(connection: Connection, content_hash: str) -> str:
    """Return the text with that hash, in one piece of work.

    Raises:
        LookupError: there is none.
    """
    reading = ContentReader([content_hash])
    while reading.read_some(connection):
        pass
    return reading.texts[content_hash]


def _is_new(connection: Connection, content_hash: str, first: bytes, number: int | None) -> bool:
    """Add a content with its first part. Return whether it was not there before."""
    added = connection.execute(_ADD.format("(?, ?, ?)"), (content_hash, first, number))
    return added.rowcount > 0


def _add_part(connection: Connection, number: int, index: int, part: bytes) -> None:
    connection.execute("INSERT INTO content_parts VALUES (?, ?, ?)", (number, index, part))
