"""Lets the answer to a close packet's POST wait for the GET that was sent together with it.

The two come on different connections, so either may be read first. A GET that is read after the
POST's answer has left would find the session unknown.
"""

from __future__ import annotations

from collections.abc import Callable

from engineio_min.protocol.deadlines import NEVER
from engineio_min.request import Headers
from engineio_min.transports.connection import Connection, Exchange

# How long, in seconds, a close packet's POST waits for the GET that was sent together with it.
LAST_POLL_TIMEOUT = 0.1

# The headers of the answer to a POST.
OK: Headers = (("Content-Type", "text/html"), ("cache-control", "no-store"))


class Departure:
    """What is left of a polling session whose client has just closed it with the POST `exchange`;
    `poll` answers the last GET.
    """

    __slots__ = ("_connection", "_exchange", "_poll", "deadline")

    def __init__(
        self, connection: Connection, exchange: Exchange, poll: Callable[[Exchange], None]
    ) -> None:
        self._connection = connection
        self._exchange = exchange
        self._poll = poll
        server = connection.server
        exchange.on_abort = self._forget
        server.departing[connection.sid] = self
        self.deadline = server.loop.time() + LAST_POLL_TIMEOUT
        server.timer.watch(self)

    def get(self, exchange: Exchange) -> None:
        """Answer the GET that was sent together with the close packet, then the POST."""
        self._poll(exchange)
        self.answer_close()

    def answer_close(self) -> None:
        """Answer the POST of the close packet."""
        self._forget()
        connection, exchange = self._connection, self._exchange
        headers = connection.server.response_headers(exchange.request, OK, connection)
        exchange.respond(200, headers, b"ok")

    def _forget(self) -> None:
        server = self._connection.server
        # It refers to this object: a circle, which would stay until the collector comes round.
        self._exchange.on_abort = None
        self.deadline = NEVER
        server.timer.forget(self)
        del server.departing[self._connection.sid]

    def handle_timeout(self, _now: float) -> None:
        """Answer a close packet that no GET came with."""
        self.answer_close()
