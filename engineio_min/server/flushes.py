"""What is sent during a turn of the event loop leaves at its end, to a bounded number of receivers.

A message for a room of thousands is one action of one client, but one write for each receiver. A
thousand writes took 16 to 38 ms in one piece, in which no connection was read. So a turn makes
`WRITES` of them. The next turns make the others, and the loop reads in between. Connections that
were sent something in the present turn come first: a client outside the room does not wait for it.

No packet overtakes another: each waits in its session, behind those that were sent before it. So a
client that left a room hears nothing of it after the packet that says so. What is sent to a session
that waits for its turn leaves with the rest, in one write: more messages make larger writes, not
more writes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextvars import Context
from itertools import islice
from typing import Final

from engineio_min.end_of_turn import EndOfTurn
from engineio_min.protocol.frame_encoding import Encoder
from engineio_min.protocol.reasons import TRANSPORT_ERROR
from engineio_min.transports.connection import Connection

logger = logging.getLogger("engineio_min")

WRITES: Final = 128
"""Writes that a turn makes to connections that were sent something in it, and again to those that
waited. A write takes 20 microseconds.
"""
MOST_BYTES: Final = 1_048_576
"""Bytes after which a turn makes no more writes of one of these two kinds."""


class Flushes:
    """The connections that were sent something and not written to yet.

    `encoders` keep the last frames for the next receiver, as long as somebody waits.
    """

    __slots__ = ("_backlog", "_dirty", "_encoders", "_end_of_turn")

    _end_of_turn: EndOfTurn

    def __init__(self, encoders: Iterable[Encoder]) -> None:
        self._encoders = encoders
        self._dirty: list[Connection] = []
        self._backlog: OrderedDict[Connection, None] = OrderedDict()

    def begin(self, loop: asyncio.AbstractEventLoop, advice: str, context: Context) -> None:
        """Write at the end of each turn of a loop; see `EndOfTurn`."""
        self._end_of_turn = EndOfTurn(loop, self._flush, advice, context)

    def __len__(self) -> int:
        """Return how many connections wait."""
        return len(self._dirty) + len(self._backlog)

    def queue(self, connection: Connection) -> None:
        """Flush a connection at the end of this turn, or of one of the next."""
        dirty = self._dirty
        if dirty:
            dirty.append(connection)
        else:
            # In this order: another thread's loop may flush as soon as it is asked.
            dirty.append(connection)
            self._end_of_turn.ask()

    def forget(self) -> None:
        """Flush nothing of an event loop that is closed."""
        self._dirty.clear()
        self._backlog.clear()

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        backlog = self._backlog
        unwritten = iter(dirty)
        # A few connections need not be counted one by one.
        share = unwritten if len(dirty) <= WRITES else islice(unwritten, WRITES)
        for connections in (share, _taken_from(backlog)) if backlog else (share,):
            room = MOST_BYTES
            for connection in connections:
                try:
                    room -= connection.carrier.flush()
                    if connection.session.events or connection.waiters:
                        connection.settle()
                except Exception:
                    logger.exception("a connection could not be written to; closing its session")
                    connection.session.fail(TRANSPORT_ERROR, "the write failed")
                    connection.settle()
                if room <= 0:
                    break
        for connection in unwritten:
            backlog[connection] = None
        if backlog:
            self._end_of_turn.ask()
        else:
            for encoder in self._encoders:
                encoder.forget()


def _taken_from(backlog: OrderedDict[Connection, None]) -> Iterator[Connection]:
    for _ in range(min(WRITES, len(backlog))):
        yield backlog.popitem(last=False)[0]
