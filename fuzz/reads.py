"""The ways in which bytes may arrive."""

from __future__ import annotations

import zlib
from collections.abc import Iterator


def readings(data: bytes) -> Iterator[list[bytes]]:
    """Yield `data` split in two at a place that depends on it, and split in single bytes.

    Which place is no matter as long as it is the same in every run: a crash must come again.
    """
    place = zlib.crc32(data) % (len(data) + 1)
    yield [piece for piece in (data[:place], data[place:]) if piece]
    yield [data[number : number + 1] for number in range(len(data))]
