"""What the adapters of a server share: the link, and the one reader of the stream.

The reader begins at the end of the stream and goes on where it was when Redis has been away, so
that nothing in the stream is missed. Every entry has its place in one line: it is handed to the
adapters of its namespace, then `position` has passed it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Protocol

from socketio_min.cluster.redis import link
from socketio_min.cluster.redis.address import Address
from socketio_min.cluster.redis.link import Link, RedisRefused
from socketio_min.cluster.redis.stream_wire import Entry, position, read_entries

logger = logging.getLogger("socketio_min")

# Entries of one reading, and seconds that Redis waits for one: fewer than a link is patient.
READ_COUNT = 100
BLOCK_MILLISECONDS = 2_000
# Seconds until a stream that cannot be read is tried again.
RETRY = 1.0
START = "0-0"


class Reader(Protocol):
    """An adapter."""

    def take_entry(self, entry: Entry) -> None:
        """Take an entry of its namespace."""


class StreamHub:
    """The stream of one Redis; `last` is the id of the entry that was read last."""

    def __init__(self, address: Address, stream: str, max_length: int) -> None:
        self.link = Link(address)
        self.stream = stream
        self.max_length = max_length
        self.last = START
        self._reading_link = Link(address)
        self._readers: dict[bytes, list[Reader]] = {}
        self._task: asyncio.Task[None] | None = None
        self._began = asyncio.Event()

    async def open(self, namespace: bytes, reader: Reader) -> None:
        """Hand the entries of a namespace to a reader; return when those from now on are read."""
        self._readers.setdefault(namespace, []).append(reader)
        self.link.open()
        if self._task is None:
            self._began = asyncio.Event()
            self._reading_link.open()
            self._task = asyncio.get_running_loop().create_task(self._read())
        await asyncio.gather(self.link.settle(), self._settle_reader())

    async def _settle_reader(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(link.CONNECT_TIMEOUT):
                await self._began.wait()

    async def close(self, namespace: bytes, reader: Reader) -> None:
        """Undo `open`."""
        self._readers[namespace].remove(reader)
        if not self._readers[namespace]:
            del self._readers[namespace]
        if not self._readers and self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            # It may be in the middle of a long reading.
            await self._reading_link.close(drain=False)
        await self.link.close()

    @property
    def position(self) -> tuple[int, int]:
        """Return the place of the entry that was read last."""
        return position(self.last)

    async def _read(self) -> None:
        if self.last == START:
            newest = read_entries(
                await self._reading_link.call("XREVRANGE", self.stream, "+", "-", "COUNT", 1)
            )
            if newest:
                self.last = newest[0].id
        self._began.set()
        while True:
            try:
                reply = await self._reading_link.call(
                    *("XREAD", "COUNT", READ_COUNT, "BLOCK", BLOCK_MILLISECONDS),
                    *("STREAMS", self.stream, self.last),
                )
            except RedisRefused as error:
                logger.error("Redis does not let the stream %s be read: %s", self.stream, error)
                await asyncio.sleep(RETRY)
                continue
            for entries in (reply or {}).values():
                for entry in read_entries(entries):
                    self._hand_over(entry)

    def _hand_over(self, entry: Entry) -> None:
        for reader in self._readers.get(entry.fields.get(b"nsp", b""), ()):
            try:
                reader.take_entry(entry)
            except Exception:
                logger.exception("an entry of the stream could not be handled")
        self.last = entry.id
