"""Reads a stream, entry by entry, for all adapters of a server.

The reader begins at the end of the stream. When Redis has been away, or has refused to let the
stream be read, it goes on where it was, so that no entry is missed. Each entry is given to the
adapters of its namespace, then `position` moves on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Protocol

from socketio_min.cluster.redis import link
from socketio_min.cluster.redis.bus import RedisBus
from socketio_min.cluster.redis.opening import RedisRefused
from socketio_min.cluster.redis.stream_wire import Entry, position, read_entries

logger = logging.getLogger("socketio_min")

# The most entries of one reading, and the milliseconds that Redis waits for one; a link waits
# longer for an answer.
READ_COUNT = 100
BLOCK_MILLISECONDS = 2_000
# Seconds until a stream that cannot be read is tried again.
RETRY = 1.0
START = "0-0"
# Stands for the last entry until the stream has been read; no client comes back with it.
UNKNOWN = ""


class Adapter(Protocol):
    """What takes the entries of a namespace."""

    def take_entry(self, entry: Entry) -> None:
        """Take an entry of its namespace."""

    def give_up(self) -> None:
        """Wait no longer for the entries of this server: the stream is not read for now."""


class StreamReader:
    """The reader of `stream`.

    `last` is the id of the entry that was read last. `began` is set as soon as that is known: all
    later entries will be read.
    """

    def __init__(self, link: RedisBus, stream: str) -> None:
        """Make a reader. Its link must have no other user: it is busy with long readings."""
        self.stream = stream
        self.last = UNKNOWN
        self.began = asyncio.Event()
        self._link = link
        self._adapters: dict[bytes, list[Adapter]] = {}
        self._task: asyncio.Task[None] | None = None
        self._is_refused = False

    async def open(self, namespace: bytes, adapter: Adapter) -> None:
        """Give the entries of a namespace to an adapter; return when later entries are read."""
        self._adapters.setdefault(namespace, []).append(adapter)
        if self._task is None:
            self.began = asyncio.Event()
            self._link.status.on_change(self._link_changed)
            self._link.open()
            self._task = asyncio.get_running_loop().create_task(self._read())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(link.CONNECT_TIMEOUT):
                await self.began.wait()

    async def close(self, namespace: bytes, adapter: Adapter) -> None:
        """Undo `open`."""
        self._adapters[namespace].remove(adapter)
        if not self._adapters[namespace]:
            del self._adapters[namespace]
        if not self._adapters and self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._link.status.forget(self._link_changed)
            # The link may be in the middle of a blocking XREAD.
            await self._link.close(drain=False)

    @property
    def position(self) -> tuple[int, int]:
        """Return the place of the entry that was read last."""
        return position(self.last)

    @property
    def reads(self) -> bool:
        """Return whether what is written to the stream now is read soon."""
        return self.began.is_set() and self._link.status.connected and not self._is_refused

    def _link_changed(self, connected: bool) -> None:
        if not connected:
            self._give_up()

    def _give_up(self) -> None:
        for adapters in self._adapters.values():
            for adapter in adapters:
                adapter.give_up()

    async def _read(self) -> None:
        while True:
            try:
                await self._read_on()
            except RedisRefused as error:
                if not self._is_refused:
                    self._is_refused = True
                    logger.error("Redis does not let the stream %s be read: %s", self.stream, error)
                    self._give_up()
                await asyncio.sleep(RETRY)

    async def _read_on(self) -> None:
        """Hand over entries until Redis refuses.

        Raises:
            RedisRefused: Redis refuses.
        """
        if self.last == UNKNOWN:
            newest = await self._link.call(
                *("XREVRANGE", self.stream, "+", "-", "COUNT", 1), key=self.stream
            )
            self.last = read_entries(newest)[0].id if newest else START
            self._is_refused = False
        self.began.set()
        while True:
            # Whether Redis still refuses is known soon.
            block = 1 if self._is_refused else BLOCK_MILLISECONDS
            reply = await self._link.call(
                *("XREAD", "COUNT", READ_COUNT, "BLOCK", block),
                *("STREAMS", self.stream, self.last),
                key=self.stream,
            )
            self._is_refused = False
            for entries in (reply or {}).values():
                for entry in read_entries(entries):
                    self._hand_over(entry)

    def _hand_over(self, entry: Entry) -> None:
        for adapter in self._adapters.get(entry.fields.get(b"nsp", b""), ()):
            try:
                adapter.take_entry(entry)
            except Exception:
                logger.exception("an entry of the stream could not be handled")
        self.last = entry.id
