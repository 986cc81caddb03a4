"""The rule that no connection gets more than its share of a turn of the event loop.

What the server does is counted for each connection and turn: the bytes that it writes, the packets
that it takes of a session, with the bytes of those that were posted, the requests that it begins,
and of large messages the bytes that it unmasks and those that it decodes; and for all together, to
how many it writes what was not sent by their own reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from engineio_min.end_of_turn import EndOfTurn
from engineio_min.http.connection import HttpConnection
from engineio_min.protocol.large_frame import LargeFrame
from engineio_min.protocol.packets import Packet
from engineio_min.protocol.shares import POLL_SHARE, READ_SHARE, STREAM_SHARE
from engineio_min.server import flushes
from engineio_min.transports.connection import Connection
from engineio_min.transports.polling import Polling
from engineio_min.transports.websocket import WebSocket
from socketio_min.protocol.gradual_decoding import Scan
from tests.hostile.simulation.network import Link
from tests.hostile.virtual_time import VirtualLoop

# A frame has 6 bytes at least, and those that begin in 4 KiB are a share; a POST has 64 packets.
MOST_FRAMES = 4_096 // 6 + 1
MOST_POSTED = 64
# Of those who were sent something in this turn, and of those who wait for theirs.
MOST_RECEIVERS = 2 * flushes.WRITES
# What one packet may have above a share, and the head of an answer.
ONE_MORE = 110_000


class Shares:
    """Counts, and calls `tell` with what is more than a share."""

    def __init__(self, loop: VirtualLoop, tell: Callable[[str], object]) -> None:
        self._loop = loop
        self._tell = tell
        self._turn = 0
        self._counts: Counter[tuple[str, int]] = Counter()
        # The largest counts there were, by what was counted.
        self.largest: Counter[str] = Counter()

    def count(self, what: str, owner: object, number: int, most: int) -> None:
        """Count `number` of something more for `owner`, which may have `most` in a turn."""
        if self._loop.turn != self._turn:
            self._turn = self._loop.turn
            self._counts.clear()
        key = what, id(owner)
        self._counts[key] += number
        self.largest[what] = max(self.largest[what], self._counts[key])
        if self._counts[key] > most:
            self._tell(f"{self._counts[key]} {what} in one turn, expected at most {most}")


@contextmanager
def counting(shares: Shares) -> Iterator[None]:
    """Count what the server does meanwhile."""
    write, receive_all, begin = Link.write, Connection.receive_all, HttpConnection._begin
    call = EndOfTurn._call
    at_the_end = False
    read, read_slice = LargeFrame.read, Scan._read_slice

    def counted_write(self: Link, data: Any) -> None:
        # A connection may be answered at the end of a read, and again at the end of the turn.
        is_stream = isinstance(self.get_protocol(), WebSocket)
        most = 2 * (STREAM_SHARE + ONE_MORE) if is_stream else POLL_SHARE + ONE_MORE
        shares.count("bytes", self, len(data), most)
        if at_the_end:
            shares.count("receivers", shares, 1, MOST_RECEIVERS)
        write(self, data)

    def counted_receive(self: Connection, packets: Iterable[Packet]) -> None:
        def each() -> Iterator[Packet]:
            is_posted = isinstance(self.carrier, Polling)
            most = MOST_POSTED if is_posted else MOST_FRAMES
            for packet in packets:
                shares.count("packets", self, 1, most)
                if is_posted:
                    shares.count("posted bytes", self, len(packet), READ_SHARE + ONE_MORE)
                yield packet

        receive_all(self, each())

    def counted_begin(self: HttpConnection, exchange: Any) -> None:
        shares.count("requests", self, 1, 1)
        begin(self, exchange)

    def marked_call(self: EndOfTurn) -> None:
        nonlocal at_the_end
        at_the_end = True
        call(self)
        at_the_end = False

    def counted_read(self: LargeFrame, data: bytes, position: int) -> tuple[bytes, int]:
        payload, end = read(self, data, position)
        shares.count("unmasked bytes", self, len(payload), 65_536)
        return payload, end

    def counted_slice(self: Scan, piece: bytes) -> None:
        shares.count("decoded bytes", self, len(piece), 65_536)
        read_slice(self, piece)

    with (
        patch.object(LargeFrame, "read", counted_read),
        patch.object(Scan, "_read_slice", counted_slice),
        patch.object(Link, "write", counted_write),
        patch.object(Connection, "receive_all", counted_receive),
        patch.object(HttpConnection, "_begin", counted_begin),
        patch.object(EndOfTurn, "_call", marked_call),
    ):
        yield
