"""What a connection may ask of the server that accepted it, and who else may serve it."""

from __future__ import annotations

import asyncio
from typing import Protocol

from engineio_min.http.answers import AnswerHeads
from engineio_min.http.exchange import HttpExchange
from engineio_min.http.limits import HttpLimits
from engineio_min.limits.admission import Admission
from engineio_min.timer import Timer
from engineio_min.transports.mounted import Mounted


class Handover(Protocol):
    """Gives connections to the processes that their requests are for."""

    def give(self, transport: asyncio.Transport, data: bytes) -> bool:
        """Give a connection to another process, if its next request, `data`, is for that process.

        Return whether the other process has it now; the caller closes its own end then.
        """

    def give_idle(self, transport: asyncio.Transport) -> bool:
        """Give away a connection that nothing was read from, if this process takes no new
        sessions. Return whether another process has it now.
        """


class HttpHost(Protocol):
    """What a connection may ask of the server that accepted it, and nothing else.

    `engines` are the Engine.IO servers by their paths.
    """

    engines: dict[str, Mounted]
    limits: HttpLimits
    connections: set[asyncio.Transport]
    admission: Admission
    answers: AnswerHeads
    timer: Timer
    loop: asyncio.AbstractEventLoop

    def handle(self, exchange: HttpExchange) -> None:
        """Answer a request for none of the engines."""

    @property
    def handover(self) -> Handover | None:
        """Return what gives connections to other processes, if there are any."""
