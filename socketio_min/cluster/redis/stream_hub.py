"""The link to Redis and the readers of streams, which all adapters of a server share.

Usually there is one stream. With several, a hash of a namespace's name says which one it has.
"""

from __future__ import annotations

import asyncio
import math

from socketio_min.cluster.redis.address import Address
from socketio_min.cluster.redis.bus import make_bus
from socketio_min.cluster.redis.stream_reader import Adapter, StreamReader
from socketio_min.cluster.values import name_bytes


class StreamHub:
    """The streams of one Redis, called `stream`, or `stream-0` and so on if there are several."""

    def __init__(self, address: Address, stream: str, stream_count: int, max_length: int) -> None:
        self.link = make_bus(address)
        self.max_length = max_length
        self._address = address
        self._stream = stream
        self._stream_count = stream_count
        self._readers: dict[str, StreamReader] = {}

    def reader(self, namespace: str) -> StreamReader:
        """Return the reader of the stream that a namespace has."""
        name = self._stream
        if self._stream_count > 1:
            name = f"{name}-{remainder(hash_code(namespace), self._stream_count)}"
        reader = self._readers.get(name)
        if reader is None:
            reader = self._readers[name] = StreamReader(make_bus(self._address), name)
        return reader

    async def open(self, namespace: str, adapter: Adapter) -> None:
        """Give the entries of a namespace to its adapter; return when later entries are read."""
        self.link.open()
        reader = self.reader(namespace)
        await asyncio.gather(self.link.settle(), reader.open(name_bytes(namespace), adapter))

    async def close(self, namespace: str, adapter: Adapter) -> None:
        """Undo `open`."""
        await self.reader(namespace).close(name_bytes(namespace), adapter)
        await self.link.close()


def hash_code(name: str) -> int:
    """Return the hash of a namespace's name as the official adapter does: 32 bits with a sign."""
    value = 0
    units = name.encode("utf-16-le", "surrogatepass")
    for low, high in zip(units[::2], units[1::2], strict=True):
        value = (value * 31 + (high << 8 | low)) & 0xFFFFFFFF
    return value - 0x1_0000_0000 if value & 0x8000_0000 else value


def remainder(value: int, divisor: int) -> int:
    """Return the remainder as in JavaScript, where it has the sign of `value`.

    So a namespace may have the stream `socket.io--1`. The official adapter writes to it, but reads
    `socket.io-0` and up only; here it is read.
    """
    return int(math.fmod(value, divisor))
