"""The content coding of poll answers: small ones are compressed at once, large ones in a thread.

Compressing takes 20 to 40 ms for each megabyte, and zlib lets other threads run meanwhile. There is
one thread, so that a core is left for the event loop. What waits for it is bounded in bytes: an
answer that would wait long leaves as it is, so nobody's answers make another's late.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Literal

Coding = Literal["gzip", "deflate"]

# Bytes of an answer that are compressed at once: about 2 ms.
AT_ONCE: Final = 65_536
# How many bytes that leave as they are cost as much as one that is compressed at once.
COMPRESSING: Final = 16
# Bytes that may be in the thread or wait for it.
MOST_WAITING: Final = 8_388_608


def compress(body: bytes, coding: Coding) -> bytes:
    """Return `body` in a content coding (RFC 9110, section 8.4.1)."""
    if coding == "deflate":
        return zlib.compress(body)
    # Imported for the first large answer of a poll.
    import gzip

    return gzip.compress(body, 6, mtime=0)


class Compressor:
    """The thread that compresses large answers, and how much waits for it."""

    __slots__ = ("_pool", "waiting")

    def __init__(self) -> None:
        # It starts its thread with the first answer.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="compression")
        # Bytes in the thread and before it.
        self.waiting = 0

    def coding(self, accepted: str, size: int) -> Coding | None:
        """Return how to compress an answer of `size` bytes for an `Accept-Encoding` header.

        None if the answer leaves as it is: the client takes no coding, or the thread is too busy.
        """
        if size > AT_ONCE and self.waiting + size > MOST_WAITING:
            return None
        return accepted_coding(accepted)

    def start(
        self,
        loop: asyncio.AbstractEventLoop,
        body: bytes,
        coding: Coding,
        done: Callable[[bytes], None],
    ) -> None:
        """Compress `body` in the thread, and call `done` with the result in `loop`."""
        self.waiting += len(body)

        def finish(future: asyncio.Future[bytes]) -> None:
            self.waiting -= len(body)
            done(future.result())

        loop.run_in_executor(self._pool, compress, body, coding).add_done_callback(finish)


def accepted_coding(header: str) -> Coding | None:
    """Return the content coding to use for an `Accept-Encoding` header (RFC 9110, 12.5.3)."""
    accepted = set()
    for item in header.lower().split(","):
        coding, _, quality = item.partition(";")
        if quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            accepted.add(coding.strip())
    if "gzip" in accepted or "*" in accepted:
        return "gzip"
    return "deflate" if "deflate" in accepted else None
