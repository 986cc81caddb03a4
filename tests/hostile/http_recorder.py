"""The HTTP layer alone, and what it makes of some bytes: for the fuzzer and the differential test.

Its application reads every body and answers 200. The clock stands still.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import NamedTuple, cast

from engineio_min.http.answers import AnswerHeads
from engineio_min.http.connection import HttpConnection
from engineio_min.http.exchange import HttpExchange
from engineio_min.http.server import HttpServer
from engineio_min.timer import Timer
from tests.hostile.memory import MemoryTransport

# Method, target, body.
Request = tuple[bytes, bytes, bytes]


class Outcome(NamedTuple):
    """The requests that were read, all that was answered, whether the connection ends."""

    requests: list[Request]
    answered: bytes
    ended: bool


class Turns:
    """The loop of a server whose clock stands still; a turn comes when the test says."""

    def __init__(self) -> None:
        self._soon: list[Callable[[], object]] = []

    def time(self) -> float:
        return 0.0

    def call_soon(self, callback: Callable[[], object]) -> None:
        self._soon.append(callback)

    def take(self) -> None:
        """Take as many turns as there are things to do."""
        while self._soon:
            self._soon.pop(0)()


class UndatedHeads(AnswerHeads):
    """Heads of answers that are the same at any time."""

    def date_line(self) -> bytes:
        return b""


class RecordingServer(HttpServer):
    """An HTTP server that keeps the requests it was asked."""

    def __init__(self, loop: asyncio.AbstractEventLoop, max_body: int) -> None:
        super().__init__()
        self.answers = UndatedHeads()
        self.turns = Turns()
        self.loop = cast(asyncio.AbstractEventLoop, self.turns)
        self.timer = Timer(loop)
        self.requests: list[Request] = []
        self._max_body = max_body

    def handle(self, exchange: HttpExchange) -> None:
        def done(body: bytes | None) -> None:
            if body is None:
                exchange.respond(413, (), b"")
                return
            request = exchange.request
            # As it came: a "?" without a query is part of it.
            target = request.path + ("?" + request.query_string if request.query_string else "")
            self.requests.append((request.method.encode(), target.encode("latin-1"), body))
            exchange.respond(200, (), b"ok")

        exchange.read_body(self._max_body, done, lambda _size: None)


def outcome(loop: asyncio.AbstractEventLoop, pieces: Iterable[bytes], max_body: int) -> Outcome:
    """What the server makes of these reads, with bodies of up to `max_body` bytes."""
    server = RecordingServer(loop, max_body)
    transport = MemoryTransport(HttpConnection(server))
    for piece in pieces:
        transport.receive(piece)
        server.turns.take()
    ended = transport.ended
    transport.lose()
    server.timer.cancel()
    assert not server.connections
    return Outcome(server.requests, bytes(transport.sent), ended)
